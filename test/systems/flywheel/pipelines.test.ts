/** The flywheel pipelines from outside: the sample through all steps, each step alone, the parameters of the jobs they come from. */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Ended, millrace } from '../../cli.ts'
import { type Lake, makeLake, places, specCsv } from './lake.ts'

let lake: Lake
beforeEach(async () => {
  lake = await makeLake()
})
afterEach(() => lake.remove())

async function run(...args: string[]): Promise<Ended> {
  const ended = await millrace(['run', ...args, '--root', lake.root])
  expect({ code: ended.code, stderr: ended.code === 0 ? '' : ended.stderr }).toEqual({ code: 0, stderr: '' })
  return ended
}

async function refused(...args: string[]): Promise<string> {
  const { code, stderr } = await millrace(['run', ...args, '--root', lake.root])
  expect(code).not.toBe(0)
  return stderr
}

async function ask(sql: string): Promise<Record<string, unknown>[]> {
  const { code, stdout, stderr } = await millrace(['sql', '--json', '--root', lake.root, sql])
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout) as Record<string, unknown>[]
}

/** Every file of the root but those that tell of runs: path → hash. */
function bytes(): Record<string, string> {
  const found: Record<string, string> = {}
  for (const entry of fs.readdirSync(lake.root, { withFileTypes: true, recursive: true })) {
    const file = path.join(entry.parentPath, entry.name)
    const relative = path.relative(lake.root, file)
    if (!entry.isFile() || /^_millrace\/(runs|locks|staging)\//.test(relative)) continue
    found[relative] = createHash('sha256').update(fs.readFileSync(file)).digest('hex')
  }
  return found
}

const tables = { IBE_01: ['a', 'b'], IBE_02_A: ['c'], MIACS_01: ['b', 'a', 'c'] }

/** `Customer_User_id`, A, b, C; every tenth row has no key. */
async function landInfobase(date: string, rows: number): Promise<void> {
  const key = `CASE WHEN n % 10 <> 9 THEN 'kund ' || n END AS "Customer_User_id"`
  await lake.land(
    places.infobase,
    date,
    `SELECT ${key}, n AS "A", 'b' || n AS b, n * 1.5 AS "C" FROM range(${rows}) t(n)`,
  )
}

async function landAll(date: string, rows = 100): Promise<void> {
  await landInfobase(date, rows)
  for (const place of [places.addressable, places.compacted])
    await lake.land(place, date, `SELECT 'kund ' || n AS CUSTOMER_USER_ID, n || '@x' AS email FROM range(${rows}) t(n)`)
  lake.write(places.stagedSpec, specCsv(tables))
  lake.write(places.partitionedSpec, specCsv(tables))
  lake.write(places.addressableSpec, specCsv({ addressable_ids: ['email'] }))
}

describe('the sample', () => {
  it('goes through all steps, and every table holds what the snapshot does', async () => {
    const made = await millrace(['sample', 'flywheel', '--rows', '10000', '--columns', '60', '--root', lake.root])
    expect({ code: made.code, stderr: made.stderr }).toEqual({ code: 0, stderr: expect.anything() })
    const { stdout } = await run('flywheel', '--bucket-count', '16')
    expect(stdout).toContain('METRICS: rows_read=')
    const spec = fs.readFileSync(path.join(lake.root, places.stagedSpec), 'utf8').trim().split('\n').slice(1)
    const names = [...new Set(spec.map((line) => line.split(',')[0] as string))]
    expect(names).toHaveLength(26)
    const newest = fs.readdirSync(path.join(lake.root, places.infobase)).sort().at(-1) as string
    const source = `read_parquet('${lake.root}/${places.infobase}/${newest}/*.parquet')`
    for (const name of names) {
      const columns = spec.filter((line) => line.startsWith(`${name},`)).map((line) => line.split(',')[1])
      const select = `SELECT customer_user_id, ${columns.join(', ')}`
      const expected = `(${select} FROM ${source} WHERE customer_user_id IS NOT NULL)`
      const places_ = [
        `${places.staged}/infobase_attributes/${name}`,
        `${places.partitioned}/infobase_attributes/${name}/${newest}`,
        `${places.bucketed}/${name.toLowerCase()}`,
      ]
      for (const place of places_) {
        const found = `(${select} FROM read_parquet('${lake.root}/${place}/*.parquet', hive_partitioning = false))`
        const [[rows, more, less] = []] = await lake.query(
          `SELECT (SELECT count(*) FROM ${found}), (SELECT count(*) FROM (${found} EXCEPT ALL ${expected})), (SELECT count(*) FROM (${expected} EXCEPT ALL ${found}))`,
        )
        expect({ place, rows, more, less }).toEqual({ place, rows: 9999n, more: 0n, less: 0n })
      }
    }
    const before = bytes()
    await run('flywheel', '--bucket-count', '16')
    expect(bytes()).toEqual(before)
  })
})

describe('flywheel-bucketed', () => {
  it('runs each step alone, with the arguments of the jobs it comes from', async () => {
    await landAll('2024-01-15')
    const data = 'omc_cleanroom_data'
    const split = 'infobase-split-and-bucket'
    await run(
      'flywheel-bucketed',
      '--only',
      split,
      '--ENV=prod',
      '--SNAPSHOT_DT=_NONE_',
      `--SOURCE_PATH=${places.infobase}/`,
      `--TARGET_PATH=${data}/split_cluster/infobase_attributes/`,
      `--CSV_FILE=${places.stagedSpec}`,
    )
    expect(
      fs
        .readFileSync(path.join(lake.root, places.staged, 'infobase_attributes/metadata/snapshot_dt.txt'), 'utf8')
        .trim(),
    ).toBe('2024-01-15')
    await run(
      'flywheel-bucketed',
      '--only',
      'addressable-bucket',
      '--SNAPSHOT_DT=_NONE_',
      `--SOURCE_PATH=${places.compacted}/`,
      `--TARGET_PATH=${data}/split_cluster/addressable_ids/`,
    )
    for (const root of ['infobase_attributes', 'addressable_ids'])
      await run(
        'flywheel-bucketed',
        '--only',
        'register-staged-tables',
        '--DATABASE=omc_flywheel_prod',
        `--S3_ROOT=${data}/split_cluster/${root}/`,
        '--TABLE_PREFIX=ext_',
        '--MAX_COLS=100',
      )
    await run(
      'flywheel-bucketed',
      '--only',
      'create-athena-bucketed-tables',
      '--ATHENA_WORKGROUP=primary',
      '--BUCKET_COUNT=8',
      '--BUCKET_COL=customer_user_id',
      '--STAGED_DB=omc_flywheel_prod',
      '--FINAL_DB=omc_flywheel_prod',
      `--BUCKETED_BASE=${data}/cleanroom_tables/bucketed/`,
      '--ATHENA_RESULTS_S3=query-results/',
      '--TABLES_FILTER=addressable_ids,ibe_01',
    )
    expect(await ask('select count(*) n from omc_flywheel_prod.bucketed_ibe_01')).toEqual([{ n: '90' }])
    expect(await ask('select count(*) n from omc_flywheel_prod.bucketed_addressable_ids')).toEqual([{ n: '100' }])
    expect(fs.readdirSync(path.join(lake.root, places.bucketed)).sort()).toEqual(['addressable_ids', 'ibe_01'])
    expect(
      fs
        .readdirSync(path.join(lake.root, places.bucketed, 'ibe_01'))
        .every((name) => /^00000[0-7]_0\.parquet$/.test(name)),
    ).toBe(true)
    expect(await ask('select count(*) n from omc_flywheel_prod.ext_ibe_02_a')).toEqual([{ n: '90' }])
  })

  it('takes the older snapshot that is asked for, and says so in the comment of every table', async () => {
    await landAll('2024-01-15')
    await landAll('2024-02-15', 50)
    await run('flywheel-bucketed', '--bucket-count', '4')
    expect(await ask('select count(*) n from bucketed_miacs_01')).toEqual([{ n: '45' }])
    await run('flywheel-bucketed', '--bucket-count', '4', '--snapshot-dt', '2024-01-15')
    expect(await ask('select count(*) n from bucketed_miacs_01')).toEqual([{ n: '90' }])
    const { stdout } = await millrace(['tables', '--json', '--root', lake.root])
    const comments = (JSON.parse(stdout) as { comment?: string }[]).flatMap(({ comment }) => comment ?? [])
    expect(new Set(comments)).toEqual(new Set(['snapshot_dt=2024-01-15']))
    expect(comments).toHaveLength(8)
  })

  it('registers a table wider than --max-cols in parts, each with the key', async () => {
    await landAll('2024-01-15')
    await run('flywheel-bucketed', '--bucket-count', '4', '--max-cols', '3')
    expect(await ask('select count(*) n, count(b) b, count(a) a from ext_miacs_01_a')).toEqual([
      { n: '90', b: '90', a: '90' },
    ])
    expect(Object.keys((await ask('select * from bucketed_miacs_01_b limit 1'))[0] ?? {})).toEqual([
      'customer_user_id',
      'c',
    ])
  })

  it('refuses a parameter of one step in a run of several', async () => {
    await landAll('2024-01-15')
    expect(await refused('flywheel-bucketed', '--source-path', 'elsewhere')).toContain('--only')
  })

  it('takes a split spec that lies elsewhere on this machine', async () => {
    await landAll('2024-01-15')
    const elsewhere = await makeLake()
    elsewhere.write('own.csv', '\ufefftable_name,column_name,note\r\n"OWN","B","with, comma"\r\n')
    try {
      await run(
        'flywheel-bucketed',
        '--only',
        'infobase-split-and-bucket',
        '--csv-file',
        path.join(elsewhere.root, 'own.csv'),
      )
    } finally {
      elsewhere.remove()
    }
    expect(Object.keys(await lake.tables(`${places.staged}/infobase_attributes`))).toEqual([
      `${places.staged}/infobase_attributes/OWN`,
    ])
  })
})

describe('flywheel-partitioned', () => {
  it('replaces the partition of one snapshot, and every other stays as it is', async () => {
    await landAll('2024-01-15')
    await run('flywheel-partitioned')
    const january = bytes()
    await landAll('2024-02-15', 50)
    await run('flywheel-partitioned', '--max-concurrency', '2', '--poll-interval-sec', '1')
    expect(await ask('select snapshot_dt, count(*) n from part_ibe_01 group by 1 order by 1')).toEqual([
      { snapshot_dt: '2024-01-15', n: '90' },
      { snapshot_dt: '2024-02-15', n: '45' },
    ])
    const isJanuary = ([file]: [string, string]): boolean => file.includes('snapshot_dt=2024-01-15/')
    expect(Object.entries(bytes()).filter(isJanuary)).toEqual(Object.entries(january).filter(isJanuary))
    await landInfobase('2024-01-15', 30)
    await run('flywheel-partitioned', '--snapshot-dt', '2024-01-15')
    expect(await ask('select snapshot_dt, count(*) n from part_ibe_01 group by 1 order by 1')).toEqual([
      { snapshot_dt: '2024-01-15', n: '27' },
      { snapshot_dt: '2024-02-15', n: '45' },
    ])
    expect(await ask("select count(*) n from part_addressable_ids where snapshot_dt = '2024-02-15'")).toEqual([
      { n: '50' },
    ])
  })

  it('links what the bucketed pipeline made of the same snapshot', async () => {
    await landAll('2024-01-15')
    await run('flywheel-bucketed', '--bucket-count', '4')
    await run('flywheel-partitioned')
    const inodes = (folder: string): number[] =>
      fs.readdirSync(path.join(lake.root, folder)).map((name) => fs.statSync(path.join(lake.root, folder, name)).ino)
    expect(inodes(`${places.partitioned}/infobase_attributes/IBE_01/snapshot_dt=2024-01-15`)).toEqual(
      inodes(`${places.staged}/infobase_attributes/IBE_01`),
    )
  })

  it('writes nothing where a column of the split spec is not in the snapshot', async () => {
    await landAll('2024-01-15')
    lake.write(places.partitionedSpec, specCsv({ ...tables, IBE_09: ['aa'] }))
    const message = await refused('flywheel-partitioned')
    expect(message).toContain(`${places.partitionedSpec}:8`)
    expect(message).toContain('nearest')
    expect(await lake.tables(places.partitioned)).toEqual({})
  })
})

describe('the clean rooms', () => {
  it('differ in nothing after apply, also when the pipelines run again and when a further snapshot has come and is applied', async () => {
    await landAll('2024-01-15')
    const buckets = ['--bucket-count', '4']
    await run('flywheel', ...buckets)
    const cleanrooms = async (action: string): Promise<Ended> =>
      await millrace(['cleanrooms', action, '--root', lake.root])
    expect((await cleanrooms('apply')).code).toBe(0)
    await run('flywheel', ...buckets)
    expect((await cleanrooms('verify')).code).toBe(0)
    await landAll('2024-02-15', 50)
    await run('flywheel', ...buckets)
    expect((await cleanrooms('apply')).code).toBe(0)
    expect((await cleanrooms('plan')).stdout).toContain('nothing differs')
    const report = await cleanrooms('report')
    expect(report.stdout).toContain('4 tables, 4 configured, 4 associated, 4 ready for analysis')
  })
})

/** Registered tables written in Hive's buckets: real runs on a real root. */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { bucketedTables, bucketOf, bucketTables, hiveBucketHash, hiveRowHash, registeredTables } from 'millrace'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type BucketLake, database, makeBucketLake, oddKeySql, target } from './bucket-lake.ts'

let lake: BucketLake
beforeEach(async () => {
  lake = await makeBucketLake()
})
afterEach(() => lake.remove())

const plainKey = "lpad(i::VARCHAR, 6, 'k') AS customer_user_id, i AS n"

/** Every file of the bucketed tables and of the catalog: path → hash and time. */
function standing(): Record<string, string> {
  const found: Record<string, string> = {}
  for (const folder of [target, '_millrace/catalog']) {
    for (const entry of fs.readdirSync(path.join(lake.root, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      const file = path.join(entry.parentPath, entry.name)
      const hash = createHash('sha256').update(fs.readFileSync(file)).digest('hex')
      found[path.relative(lake.root, file)] = `${hash} ${fs.statSync(file).mtimeMs}`
    }
  }
  return found
}

const filesOf = (table: string): string[] => fs.readdirSync(path.join(lake.root, target, table)).sort()

/** The rows of a bucketed table whose file is not that of their key, and the files that are not in order. */
async function faults(
  table: string,
  columns: [name: string, type: string][],
  count: number,
  version: 1 | 2,
): Promise<unknown[]> {
  const values = columns.map(([name, type]) =>
    type === 'string' ? `hex(encode(${name}))` : type === 'date' ? `(${name} - DATE '1970-01-01')` : name,
  )
  const select = values.map((sql, at) => `CAST(${sql} AS VARCHAR) AS v${at}`).join(', ')
  const rows = await lake.rows(
    `SELECT ${select}, regexp_extract(filename, '[^/]*$') AS file FROM ${lake.bucketed(table)}`,
  )
  const wrong = rows.filter(({ file, ...row }) => {
    const hashes = columns.map(([, type], at) => {
      const text = row[`v${at}`] as string | null
      const value = text === null ? null : type === 'string' ? new Uint8Array(Buffer.from(text, 'hex')) : BigInt(text)
      return hiveBucketHash(type, value, version)
    })
    return file !== `${String(bucketOf(hiveRowHash(hashes), count)).padStart(6, '0')}_0.parquet`
  })
  return [...wrong.slice(0, 3), ...(await unsorted(table, columns))]
}

/** The files whose rows are not in order. */
async function unsorted(table: string, columns: [name: string, type: string][]): Promise<unknown[]> {
  const order = columns.map(([name]) => `${name}, 'ASC NULLS FIRST'`).join(', ')
  return await lake.rows(`
    SELECT DISTINCT filename FROM (
      SELECT filename, create_sort_key(${order}) AS key, lag(key) OVER (PARTITION BY filename ORDER BY file_row_number) AS before
      FROM ${lake.bucketed(table)}) WHERE before > key`)
}

describe('bucket-tables', () => {
  it('puts null, empty, non-ASCII, very long and duplicate keys into the buckets that Hive has them in, and registers the table', async () => {
    await lake.stage(
      'IBE_01',
      `${oddKeySql} AS customer_user_id, i AS n, i / 7.0 AS amount, DATE '2025-01-01' + (i % 9)::INTEGER AS day`,
    )
    const { result, events } = await lake.run()
    expect(result).toMatchObject({ status: 'succeeded' })
    expect(await faults('ibe_01', [['customer_user_id', 'string']], 8, 1)).toEqual([])
    const columns = 'customer_user_id, n, amount, day'
    const source = `SELECT ${columns} FROM read_parquet('${lake.root}/staged/IBE_01/*.parquet')`
    const written = `SELECT ${columns} FROM ${lake.bucketed('ibe_01')}`
    expect(await lake.rows(`(${source} EXCEPT ALL ${written}) UNION ALL (${written} EXCEPT ALL ${source})`)).toEqual([])
    const [nulls] = await lake.rows(
      `SELECT count(*) AS n, string_agg(DISTINCT regexp_extract(filename, '[^/]*$')) AS files FROM ${lake.bucketed('ibe_01')} WHERE customer_user_id IS NULL`,
    )
    expect(nulls).toEqual({ n: '25', files: '000000_0.parquet' })
    expect(filesOf('ibe_01')).toEqual(Array.from({ length: 8 }, (_, at) => `00000${at}_0.parquet`))
    expect(await lake.catalog.getTable(database, 'bucketed_ibe_01')).toMatchObject({
      Description: 'snapshot_dt=2025-01-15',
      TableType: 'EXTERNAL_TABLE',
      PartitionKeys: [],
      Parameters: {
        EXTERNAL: 'TRUE',
        bucketing_version: '1',
        classification: 'parquet',
        numRows: '1000',
        numFiles: '8',
        snapshot_dt: '2025-01-15',
      },
      StorageDescriptor: {
        Columns: [
          { Name: 'customer_user_id', Type: 'string' },
          { Name: 'n', Type: 'bigint' },
          { Name: 'amount', Type: 'double' },
          { Name: 'day', Type: 'date' },
        ],
        Location: `${target}/ibe_01/`,
        NumberOfBuckets: 8,
        BucketColumns: ['customer_user_id'],
        SortColumns: [{ Column: 'customer_user_id', SortOrder: 1 }],
      },
    })
    const finished = events.find((event) => event.type === 'task-finished' && event.task === 'bucket')
    expect(finished).toMatchObject({ output: { tables_bucketed: 1, rows_bucketed: 1000, files_written: 8 } })
  })

  it('leaves no byte changed when it is run again, and writes anew what its source, its definition or somebody changed', async () => {
    await lake.stage('one', plainKey)
    await lake.stage('two', plainKey)
    await lake.run()
    const before = standing()
    const again = await lake.run()
    expect(again.result).toMatchObject({ status: 'succeeded' })
    expect(again.events.filter(({ type }) => type === 'published')).toEqual([])
    expect(standing()).toEqual(before)
    const published = async (...given: Parameters<BucketLake['run']>): Promise<string[]> =>
      (await lake.run(...given)).events.flatMap((event) => (event.type === 'published' ? [event.partition] : []))
    await lake.stage('two', plainKey, 1200)
    expect(await published()).toEqual([`${database}.bucketed_two`])
    fs.rmSync(path.join(lake.root, target, 'one/000003_0.parquet'))
    expect(await published()).toEqual([`${database}.bucketed_one`])
    expect(await published({ count: 4 })).toEqual([`${database}.bucketed_one`, `${database}.bucketed_two`])
    expect(filesOf('one').length).toBe(4)
    expect(await published({ count: 4, version: 2 })).toHaveLength(2)
    expect(await faults('two', [['customer_user_id', 'string']], 4, 2)).toEqual([])
    const entry = await lake.catalog.getTable(database, 'bucketed_two')
    expect(entry).toMatchObject({
      Parameters: { bucketing_version: '2', numRows: '1200' },
      StorageDescriptor: { NumberOfBuckets: 4 },
    })
    expect(await published({ count: 4, version: 2, codec: 'gzip' })).toHaveLength(2)
    expect(await published({ count: 4, version: 2, codec: 'gzip' })).toEqual([])
  })

  it('registers a table whose commit stands without its entry, as a kill between the two leaves it', async () => {
    await lake.stage('one', plainKey)
    await lake.run()
    const before = standing()
    await lake.catalog.deleteTable(database, 'bucketed_one')
    const { events } = await lake.run()
    expect(events.filter(({ type }) => type === 'published')).toEqual([])
    expect(events.filter(({ type }) => type === 'catalog-changed')).toMatchObject([
      { change: 'created', partition: `${database}.bucketed_one` },
    ])
    const hashes = (files: Record<string, string>): string[] =>
      Object.entries(files)
        .map(([name, text]) => `${name} ${text.split(' ')[0]}`)
        .sort()
    expect(hashes(standing())).toEqual(hashes(before))
  })

  it('has no file for a bucket without rows: one bucket, more buckets than rows, no rows at all', async () => {
    await lake.stage('one', plainKey, 5)
    await lake.run({ count: 1 })
    expect(filesOf('one')).toEqual(['000000_0.parquet'])
    await lake.run({ count: 5000 })
    expect(filesOf('one').length).toBeLessThanOrEqual(5)
    expect(await faults('one', [['customer_user_id', 'string']], 5000, 1)).toEqual([])
    await lake.stage('one', plainKey, 0)
    const { result } = await lake.run({ count: 5000 })
    expect(result).toMatchObject({ status: 'succeeded' })
    expect(fs.existsSync(path.join(lake.root, target, 'one'))).toBe(false)
    expect(await lake.catalog.getTable(database, 'bucketed_one')).toMatchObject({ Parameters: { numRows: '0' } })
    expect((await lake.run({ count: 5000 })).events.filter(({ type }) => type === 'published')).toEqual([])
  })

  it.each([1, 2] as const)('buckets by numbers, dates and several columns, version %i', async (version) => {
    await lake.stage(
      'one',
      `(i * 7919 - 3000)::INTEGER AS number, CASE WHEN i % 11 = 0 THEN NULL ELSE hash(i)::HUGEINT - 9223372036854775808 END::BIGINT AS big,
       (DATE '1960-01-01' + (i * 31)::INTEGER)::DATE AS day, 'c' || i % 5 AS country, i AS n`,
    )
    const cases: [string, string][][] = [
      [['number', 'int']],
      [['big', 'bigint']],
      [['day', 'date']],
      [
        ['country', 'string'],
        ['big', 'bigint'],
      ],
    ]
    for (const columns of cases) {
      await lake.run({ by: columns.map(([name]) => name.toUpperCase()), version })
      expect(await faults('one', columns, 8, version)).toEqual([])
    }
  })

  it('keeps the order of rows in buckets that several threads could write', async () => {
    await lake.stage('one', "md5(i::VARCHAR) AS customer_user_id, i AS n, 'text ' || i AS text", 600_000)
    for (const count of [4, 1, 256]) {
      expect((await lake.run({ count })).failure).toBe('')
      expect(filesOf('one').length).toBe(count)
      expect(await unsorted('one', [['customer_user_id', 'string']])).toEqual([])
    }
  })

  it('has nothing against columns that are called as its own helpers are', async () => {
    await lake.stage(
      'names',
      `md5(i::VARCHAR) AS customer_user_id, i AS key, i::VARCHAR AS place, i AS file, i AS c0, i AS place_before`,
      20_000,
    )
    const { failure } = await lake.run({ by: ['key'], count: 64 })
    expect(failure).toBe('')
    const [row] = await lake.rows(`SELECT count(*) AS n, count(DISTINCT key) AS keys FROM ${lake.bucketed('names')}`)
    expect(row).toEqual({ n: '20000', keys: '20000' })
  })

  it('buckets only the tables named, with or without prefix and in any case', async () => {
    for (const table of ['IBE_01', 'IBE_02', 'IBE_03']) await lake.stage(table, plainKey, 50)
    await lake.run({}, ['Ibe_02', 'EXT_ibe_03'])
    expect(fs.readdirSync(path.join(lake.root, target)).sort()).toEqual(['ibe_02', 'ibe_03'])
    const { failure } = await lake.run({}, ['ibe_01x'])
    expect(failure).toContain(
      'ibe_01x is no table of omc_flywheel_test with the prefix ext_; did you mean ibe_01?; there are ibe_01, ibe_02, ibe_03',
    )
  })

  it('checks every table before the first is written, naming table and column', async () => {
    await lake.stage('a', plainKey, 50)
    await lake.stage('b', 'i::DOUBLE AS customer_user_id', 50)
    await lake.stage('c', 'i AS customer_user_ids', 50)
    const { failure } = await lake.run()
    expect(failure).toContain(
      `${database}.ext_b  column customer_user_id is double, which has no bucket; expected string`,
    )
    expect(failure).toContain(
      `${database}.ext_c  has no column customer_user_id to be bucketed by (it has 1); did you mean customer_user_ids?`,
    )
    expect(fs.existsSync(path.join(lake.root, target))).toBe(false)
  })

  it('takes a table name with a quote, and refuses what it would lose or cannot read', async () => {
    await lake.stage("o'brien", plainKey, 50)
    expect((await lake.run()).failure).toBe('')
    expect(await faults("o'brien", [['customer_user_id', 'string']], 8, 1)).toEqual([])
    fs.writeFileSync(path.join(lake.root, target, "o'brien/theirs.parquet"), 'x')
    await lake.stage("o'brien", plainKey, 60)
    expect((await lake.run()).failure).toContain(
      'holds "theirs.parquet", and it is none of the files of the last commit',
    )
    fs.rmSync(path.join(lake.root, target, "o'brien/theirs.parquet"))
    expect((await lake.run()).failure).toBe('')
  })

  it('leaves a table whose source has gone, with a warning', async () => {
    await lake.stage('one', plainKey, 50)
    await lake.stage('two', plainKey, 50)
    await lake.run()
    fs.rmSync(path.join(lake.root, 'staged/two'), { recursive: true })
    const { warnings } = await lake.run()
    expect(warnings).toContain(
      `${database}.bucketed_two  was bucketed from ${database}.ext_two, which has gone; the table stays as it is`,
    )
    expect(filesOf('two').length).toBeGreaterThan(0)
  })

  it('refuses definitions that cannot be meant', () => {
    const to = { database, prefix: 'bucketed_', by: ['id'], count: 8 }
    expect(() => bucketedTables('a', { ...to, count: 0 })).toThrow('count is 0; expected a whole number from 1')
    expect(() => bucketedTables('a', { ...to, by: [] })).toThrow('by is empty')
    expect(() => bucketedTables('a', { ...to, by: ['id', 'ID'] })).toThrow('by names a column twice: id, ID')
    expect(() => bucketedTables('../a', to)).toThrow('leaves the storage root')
    expect(() => bucketedTables('a', { ...to, version: 3 as 1 })).toThrow('version is 3')
    expect(() => registeredTables(database, { prefix: 'ext_', only: [' '] })).toThrow('only names no table')
    expect(() =>
      bucketTables('b', {
        from: registeredTables(database, { prefix: 'x_' }),
        to: bucketedTables('a', { ...to, prefix: 'x_' }),
      }),
    ).toThrow('give the bucketed tables another prefix')
  })
})

/** Splitting a wide snapshot into narrow tables: rows, files, reruns, and every case that is refused. */
import * as fs from 'node:fs'
import { allColumns, fanOut, partitionedTables, snapshots, splitSpec, stagedTables } from 'millrace'
import { afterEach, describe, expect, it } from 'vitest'
import folderStore from '../../src/stores/folder.ts'
import { csvOf, date, key, SnapshotLake, type SplitOptions, source, splitTask } from './snapshot-lake.ts'

let lake: SnapshotLake
const open: SnapshotLake[] = []
function newLake(): SnapshotLake {
  lake = new SnapshotLake()
  open.push(lake)
  return lake
}
afterEach(() => {
  for (const one of open.splice(0)) one.remove()
})

/** Ten customers, the third without a key. */
const wide = (rows = 10): string =>
  `SELECT CASE WHEN i <> 3 THEN 'c' || i END AS "Customer_User_id", i::INT AS A, i * 2 AS "B", 'x' || i AS c_1, i % 2 = 0 AS d FROM range(${rows}) t(i)`
const tables = { IBE_01_A: ['a', 'C_1'], MIACS: ['b', 'Customer_User_id', 'D'] }
const csv = csvOf(tables)

async function landed(...queries: string[]): Promise<SnapshotLake> {
  await newLake().land(queries.length === 0 ? [wide()] : queries)
  return lake
}

async function fails(options: SplitOptions, message: RegExp | string): Promise<void> {
  const before = lake.contents('')
  const { status, error } = await lake.run(splitTask(options))
  expect(error).toMatch(message)
  expect(status).toBe('failed')
  const after = Object.keys(lake.contents('')).filter((name) => !name.startsWith('_millrace/'))
  expect(after).toEqual(Object.keys(before).filter((name) => !name.startsWith('_millrace/')))
  expect(Object.keys(lake.contents('_millrace')).filter((name) => /^(commits|staging)/.test(name))).toEqual([])
}

describe('a split', () => {
  it('writes every table with its columns in order, the key first where it is not listed, and sets aside rows without it', async () => {
    await landed()
    const run = await lake.run(splitTask({ csv }))
    expect(run).toMatchObject({
      status: 'succeeded with warnings',
      metrics: { tables_written: 2, rows_read: 10, rows_quarantined: 1, files_written: 2 },
    })
    expect(lake.folders('split')).toEqual(['IBE_01_A', 'MIACS', 'metadata'])
    expect(fs.readFileSync(lake.at('split/metadata/snapshot_dt.txt'), 'utf8')).toBe(`${date}\n`)
    const names = async (folder: string): Promise<unknown[]> =>
      (
        await lake.query(
          `DESCRIBE SELECT * FROM read_parquet('${lake.at(folder)}/*.parquet', hive_partitioning = false)`,
        )
      ).map((row) => row[0])
    expect(await names('split/IBE_01_A')).toEqual(['customer_user_id', 'a', 'c_1'])
    expect(await names('split/MIACS')).toEqual(['b', 'customer_user_id', 'd'])
    const rest = [0, 1, 2, 4, 5, 6, 7, 8, 9]
    expect(await lake.rows('split/IBE_01_A')).toEqual(rest.map((i) => [`c${i}`, i, `x${i}`]))
    expect(await lake.rows('split/MIACS')).toEqual(rest.map((i) => [String(i * 2), `c${i}`, i % 2 === 0]))
    const quarantine = `quarantine/fly/split/split/snapshot_dt=${date}`
    expect(await names(quarantine)).toEqual(['customer_user_id', 'a', 'b', 'c_1', 'd'])
    expect(await lake.rows(quarantine)).toEqual([[null, 3, '6', 'x3', false]])
    expect(run.warnings).toEqual([`1 of the rows of snapshot_dt=${date} went to ${quarantine}`])
    const codecs = await lake.query(
      `SELECT DISTINCT compression FROM parquet_metadata('${lake.at('split')}/*/*.parquet')`,
    )
    expect(codecs).toEqual([['SNAPPY']])
  })

  it('reads its spec below the root when it is planned', async () => {
    await landed()
    const tables = splitSpec({ file: 'specs/split.csv', text: null, key })
    expect((await lake.run(splitTask({ tables }))).error).toMatch(/^specs\/split\.csv {2}the split spec is not below/)
    fs.mkdirSync(lake.at('specs'))
    fs.writeFileSync(lake.at('specs/split.csv'), '\ufefftable_name,column_name\r\n"IBE",A\r\n')
    await lake.run(splitTask({ tables }))
    expect(await lake.rows('split/IBE', 'count(*)')).toEqual([['9']])
  })

  it('takes a key under three spellings', async () => {
    await landed(wide(), wide().replace('"Customer_User_id"', 'CUSTOMER_USER_ID'))
    const three = csvOf({ A: ['a', 'Customer_User_id'], B: ['CUSTOMER_USER_ID', 'b'], C: ['customer_user_id'] })
    const { metrics } = await lake.run(splitTask({ csv: three }))
    expect(metrics).toMatchObject({ tables_written: 3, rows_read: 20, rows_quarantined: 2 })
    expect(await lake.rows('split/A', 'a, customer_user_id')).toHaveLength(18)
    expect(await lake.rows('split/C', 'DISTINCT customer_user_id')).toHaveLength(9)
  })

  it('keeps null, empty, non-ASCII, very long and duplicate keys apart', async () => {
    const keys = ["''", 'NULL', "'ä€😀'", "repeat('k', 70000)", "'same'", "'same'", "' '", "'NULL'"]
    await landed(`SELECT * FROM (VALUES ${keys.map((one, i) => `(${one}, ${i})`).join(', ')}) t(customer_user_id, a)`)
    const { metrics } = await lake.run(splitTask({}))
    expect(metrics).toMatchObject({ rows_read: 8, rows_quarantined: 1 })
    const found = await lake.rows('split/A', 'customer_user_id, a', 'a')
    expect(found.map((row) => row[1])).toEqual([0, 2, 3, 4, 5, 6, 7])
    expect(found.map((row) => String(row[0]).length)).toEqual([0, 4, 70000, 4, 4, 1, 4])
    expect(found[1]?.[0]).toBe('ä€😀')
  })

  it('writes a table of 1 column and one of 1,000', async () => {
    const names = Array.from({ length: 1000 }, (_, index) => `c${index}`)
    const values = names.map((name, index) => `(i * ${index + 1})::BIGINT AS ${name}`)
    await landed(`SELECT 'k' || i AS customer_user_id, ${values.join(', ')} FROM range(5000) t(i)`)
    const { status, metrics, error } = await lake.run(
      splitTask({ csv: csvOf({ ONE: [key], ALL: names.slice(0, 999) }) }),
      { memoryBytes: 2 ** 31 },
    )
    expect(error).toBe('')
    expect(status).toBe('succeeded')
    expect(metrics).toMatchObject({ tables_written: 2, files_written: 2 })
    const from = `read_parquet('${lake.at('split/ALL')}/*.parquet')`
    const raw = `read_parquet('${lake.at(source)}/*/*.parquet', hive_partitioning = false)`
    expect(
      await lake.query(`SELECT count(*) FROM (SELECT * FROM ${from} EXCEPT ALL SELECT * EXCLUDE (c999) FROM ${raw})`),
    ).toEqual([['0']])
    expect(await lake.rows('split/ONE', 'count(*), count(DISTINCT customer_user_id)')).toEqual([['5000', '5000']])
  })

  it('joins files that differ: missing columns are null, types are widened', async () => {
    await landed(
      "SELECT 'a' AS customer_user_id, 1::INT AS n, 'x' AS t, NULL::INT AS empty",
      "SELECT 'b' AS CUSTOMER_USER_ID, 5000000000 AS N, 'text' AS Empty",
    )
    await lake.run(splitTask({ csv: csvOf({ T: ['n', 't', 'empty'] }) }))
    expect(await lake.rows('split/T')).toEqual([
      ['a', '1', 'x', null],
      ['b', '5000000000', null, 'text'],
    ])
  })

  it('writes as many files as the compressed bytes of its columns ask for, evenly', async () => {
    await landed(`SELECT 'k' || i AS customer_user_id, hash(i) AS a, i AS b FROM range(100000) t(i)`)
    const [[bytes]] = (await lake.query(
      `SELECT sum(total_compressed_size) / 2**30 FROM parquet_metadata('${lake.at(source)}/*/*.parquet') WHERE path_in_schema IN ('customer_user_id', 'a')`,
    )) as [[number]]
    const files = Math.floor(bytes * 5000)
    expect(files).toBeGreaterThan(2)
    const wanted = { csv: csvOf({ T: ['a'], K: [key] }), filesPerGigabyte: 5000 }
    const { metrics } = await lake.run(splitTask(wanted))
    expect(lake.folders('split/T')).toHaveLength(files)
    expect(metrics.files_written).toBe(files + lake.folders('split/K').length)
    const rows = await lake.query(
      `SELECT num_rows FROM parquet_file_metadata('${lake.at('split/T')}/*.parquet') ORDER BY 1`,
    )
    expect(Number(rows.at(-1)?.[0]) - Number(rows[0]?.[0])).toBeLessThanOrEqual(1)
    await lake.run(splitTask({ ...wanted, filesMax: 2 }))
    expect(lake.folders('split/T')).toHaveLength(2)
    expect(await lake.rows('split/T', 'count(*), count(DISTINCT a)')).toEqual([['100000', '100000']])
  })

  it('changes no byte when it is run again, and says so', async () => {
    await landed()
    await lake.run(splitTask({ csv }))
    const before = { ...lake.contents('split'), ...lake.contents('quarantine'), ...lake.contents('_millrace/commits') }
    const again = await lake.run(splitTask({ csv }))
    expect(again).toMatchObject({
      status: 'succeeded',
      metrics: { tables_written: 0, rows_read: 0, rows_quarantined: 0, files_written: 0 },
    })
    expect(again.events.map(({ type }) => type)).toContain('unchanged')
    expect({
      ...lake.contents('split'),
      ...lake.contents('quarantine'),
      ...lake.contents('_millrace/commits'),
    }).toEqual(before)
    // A file that was copied anew has the same content.
    const [file] = fs.readdirSync(lake.at(`${source}/snapshot_dt=${date}`))
    fs.utimesSync(lake.at(`${source}/snapshot_dt=${date}/${file}`), new Date(), new Date())
    expect((await lake.run(splitTask({ csv }))).metrics.tables_written).toBe(0)
  })

  it('writes again what is gone, and only that', async () => {
    await landed()
    await lake.run(splitTask({ csv }))
    const before = lake.contents('split')
    fs.rmSync(lake.at('split/MIACS'), { recursive: true })
    const { metrics } = await lake.run(splitTask({ csv }))
    expect(metrics).toMatchObject({ tables_written: 1, rows_read: 10, rows_quarantined: 1 })
    expect(await lake.rows('split/MIACS')).toHaveLength(9)
    expect(lake.contents('split')).toMatchObject(
      Object.fromEntries(Object.entries(before).filter(([name]) => !name.startsWith('MIACS'))),
    )
    fs.writeFileSync(lake.at('split/metadata/notes.txt'), 'mine')
    fs.rmSync(lake.at('split/MIACS'), { recursive: true })
    await lake.run(splitTask({ csv }))
    expect(lake.folders('split/metadata')).toEqual(['notes.txt', 'snapshot_dt.txt'])
    fs.rmSync(lake.at('split/metadata'), { recursive: true })
    expect((await lake.run(splitTask({ csv }))).metrics.tables_written).toBe(0)
    expect(fs.readFileSync(lake.at('split/metadata/snapshot_dt.txt'), 'utf8')).toBe(`${date}\n`)
    expect((await lake.run(splitTask({ csv }))).events.map(({ type }) => type)).toContain('unchanged')
  })

  it('removes staged tables that the spec no longer names, and writes those that changed', async () => {
    await landed()
    await lake.run(splitTask({ csv: csvOf({ ...tables, GONE: ['a'] }) }))
    const before = lake.contents('split')
    const { metrics } = await lake.run(splitTask({ csv: csvOf({ ...tables, MIACS: ['d', 'b'] }) }))
    expect(metrics.tables_written).toBe(1)
    expect(lake.folders('split')).toEqual(['IBE_01_A', 'MIACS', 'metadata'])
    const kept = Object.entries(before).filter(([name]) => name.startsWith('IBE_01_A'))
    expect(lake.contents('split')).toMatchObject(Object.fromEntries(kept))
    expect(await lake.rows('split/MIACS')).toContainEqual(['c1', false, '2'])
    // Nothing else than a removal is a commit too.
    await lake.run(splitTask({ csv: csvOf({ MIACS: ['d', 'b'] }) }))
    expect(lake.folders('split')).toEqual(['MIACS', 'metadata'])
  })

  it('takes the newest snapshot, or an older one that is asked for', async () => {
    await landed()
    await lake.land([wide(4)], '2024-12-15')
    expect((await lake.run(splitTask({ csv }))).metrics.rows_read).toBe(10)
    expect((await lake.run(splitTask({ csv, date: '2024-12-15' }))).metrics.rows_read).toBe(4)
    expect(await lake.rows('split/IBE_01_A')).toHaveLength(3)
    expect(fs.readFileSync(lake.at('split/metadata/snapshot_dt.txt'), 'utf8')).toBe('2024-12-15\n')
    expect(lake.folders('quarantine/fly/split/split')).toEqual(['snapshot_dt=2024-12-15', `snapshot_dt=${date}`])
  })

  it('replaces one partition while others stay, byte for byte', async () => {
    await landed()
    await lake.land([wide(6)], '2024-12-15')
    const to = partitionedTables('part')
    await lake.run(splitTask({ csv, to, date: '2024-12-15' }))
    await lake.run(splitTask({ csv, to }))
    expect(lake.folders('part')).toEqual(['IBE_01_A', 'MIACS'])
    expect(lake.folders('part/MIACS')).toEqual(['snapshot_dt=2024-12-15', `snapshot_dt=${date}`])
    const older = (): Record<string, string> =>
      Object.fromEntries(Object.entries(lake.contents('part')).filter(([name]) => name.includes('2024-12-15')))
    const before = older()
    fs.rmSync(lake.at(`${source}/snapshot_dt=${date}`), { recursive: true })
    await lake.land([wide(8)])
    expect((await lake.run(splitTask({ csv, to }))).metrics).toMatchObject({ tables_written: 2, rows_read: 8 })
    expect(await lake.rows(`part/MIACS/snapshot_dt=${date}`)).toHaveLength(7)
    expect(older()).toEqual(before)
    expect(Object.keys(before)).toHaveLength(2)
    // Each snapshot is remembered for itself.
    expect((await lake.run(splitTask({ csv, to, date: '2024-12-15' }))).metrics.tables_written).toBe(0)
    // A table that the spec no longer names keeps its partitions.
    await lake.run(splitTask({ csv: csvOf({ MIACS: ['a'] }), to }))
    expect(lake.folders(`part/IBE_01_A/snapshot_dt=${date}`)).toHaveLength(1)
  })

  it('splits every column into one table, in its own folder where that is asked for', async () => {
    await landed()
    const to = partitionedTables('part/addressable_ids', { inOwnFolder: true })
    const { metrics } = await lake.run(splitTask({ tables: allColumns('addressable_ids'), to }))
    expect(metrics).toMatchObject({ tables_written: 1, rows_read: 10, rows_quarantined: 1 })
    expect(lake.folders('part/addressable_ids')).toEqual([`snapshot_dt=${date}`])
    expect(await lake.rows(`part/addressable_ids/snapshot_dt=${date}`)).toContainEqual(['c1', 1, '2', 'x1', false])
    await lake.run(splitTask({ tables: allColumns('addressable_ids') }))
    expect(lake.folders('split')).toEqual(['addressable_ids', 'metadata'])
  })

  it('links what its twin made of the same snapshot, and writes what differs', async () => {
    await landed()
    await lake.run(splitTask({ csv }))
    const other = csvOf({ PART_A: ['a', 'c_1'], PART_B: ['b', 'a'] })
    const twin = splitTask({ name: 'part', csv: other, to: partitionedTables('part'), twin: 'split' })
    const { metrics, status } = await lake.run(twin)
    expect(status).toBe('succeeded with warnings')
    expect(metrics).toMatchObject({ tables_written: 2, files_written: 2, rows_quarantined: 1 })
    const inode = (folder: string): number => fs.statSync(lake.at(`${folder}/${lake.folders(folder)[0]}`)).ino
    expect(inode(`part/PART_A/snapshot_dt=${date}`)).toBe(inode('split/IBE_01_A'))
    expect(inode(`part/PART_B/snapshot_dt=${date}`)).not.toBe(inode('split/MIACS'))
    expect(await lake.rows(`part/PART_B/snapshot_dt=${date}`)).toContainEqual(['c1', '2', 1])
    // The twin goes on alone: what was linked stays.
    const before = lake.contents('part')
    fs.rmSync(lake.at('split'), { recursive: true })
    await lake.land([wide(4)], '2025-02-15')
    await lake.run(splitTask({ csv }))
    expect(lake.contents('part')).toEqual(before)
  })

  it('links nothing of a twin that was made of other files, by another codec, or is damaged', async () => {
    await landed()
    await lake.run(splitTask({ csv }))
    const one = (name: string, codec: 'snappy' | 'zstd'): ReturnType<typeof fanOut> =>
      fanOut(name, {
        ...{ from: snapshots(source, { date: null }), key, twin: 'split' },
        tables: splitSpec({ file: 'split.csv', text: csvOf({ T: ['a', 'c_1'] }), key }),
        to: stagedTables(name, { codec }),
      })
    const links = (folder: string): number => fs.statSync(lake.at(`${folder}/${lake.folders(folder)[0]}`)).nlink
    await lake.run(one('packed', 'zstd'))
    expect(links('packed/T')).toBe(1)
    const file = lake.at(`split/IBE_01_A/${lake.folders('split/IBE_01_A')[0]}`)
    const bytes = fs.readFileSync(file)
    fs.writeFileSync(file, bytes.subarray(1))
    await lake.run(one('damaged', 'snappy'))
    expect(links('damaged/T')).toBe(1)
    fs.writeFileSync(file, bytes)
    await lake.land([wide(4)], '2025-02-15')
    await lake.run(one('newer', 'snappy'))
    expect(links('newer/T')).toBe(1)
    expect(await lake.rows('newer/T')).toHaveLength(3)
  })

  it('counts in a dry run what it would write, and writes nothing', async () => {
    await landed()
    const { metrics, status } = await lake.run(splitTask({ csv }), { dryRun: true })
    expect(status).toBe('succeeded with warnings')
    expect(metrics).toMatchObject({ tables_written: 2, rows_read: 10, rows_quarantined: 1, files_written: 2 })
    expect(lake.folders('split')).toEqual([])
  })
})

describe('a split is refused, before anything is written, for', () => {
  it('a CSV column absent from the snapshot', async () => {
    await landed("SELECT 'k' AS customer_user_id, 1 AS ibe1023_a, 2 AS ibe1024_a")
    const text = csvOf({ T: ['ibe1023_a', 'ibe1023_x'], U: ['zzzzzz'] })
    await fails(
      { csv: text },
      /^split\.csv:3 {2}column "ibe1023_x" is not in snapshot 2025-01-15 \(3 columns\); nearest: ibe1023_a\nsplit\.csv:4 {2}column "zzzzzz" is not in snapshot 2025-01-15 \(3 columns\)\. Fix the CSV/,
    )
  })

  it('a column that is listed twice', async () => {
    await landed()
    await fails({ csv: csvOf({ T: ['a', 'b', 'A'] }) }, /^split\.csv:4 {2}column "A" is listed twice in table T/)
  })

  it('two columns of a file that differ only in case', async () => {
    await landed("SELECT 'k' AS \"Customer_User_id\", 'k' AS customer_user_ix")
    const file = lake.at(`${source}/snapshot_dt=${date}/part-0.parquet`)
    const bytes = fs.readFileSync(file, 'latin1').replaceAll('customer_user_ix', 'customer_user_id')
    fs.writeFileSync(file, bytes, 'latin1')
    await fails(
      {},
      /part-0\.parquet" {2}has two columns that differ only in case: Customer_User_id, customer_user_id\. Deliver/,
    )
  })

  it('no key: the snapshot lacks the column', async () => {
    await landed('SELECT 1 AS a, 2 AS customer_userid')
    await fails(
      { csv: csvOf({ T: ['a'] }) },
      /snapshot_dt=2025-01-15 {2}has no column "customer_user_id", the key of every table: it is not in snapshot 2025-01-15 \(2 columns\); nearest: customer_userid/,
    )
  })

  it('an empty CSV', async () => {
    await landed()
    await fails({ csv: '' }, /^split\.csv:1 {2}is empty/)
  })

  it('a table name with a quote', async () => {
    await landed()
    await fails({ csv: csvOf({ OK: ['a'], "O'Brien": ['a'] }) }, /^split\.csv:3 {2}table name "O'Brien" is refused/)
    expect(() => allColumns("O'Brien")).toThrow(/table name "O'Brien" is refused/)
  })

  it('two tables that differ only in case', async () => {
    await landed()
    await fails({ csv: csvOf({ IBE: ['a'], ibe: ['b'] }) }, /table "ibe" and "IBE" \(line 2\) differ only in case/)
  })

  it('a table named metadata, or several where there is room for one', async () => {
    await landed()
    await fails(
      { csv: csvOf({ Metadata: ['a'] }) },
      /^split\.csv {2}table "Metadata" is refused: split\/metadata\/ tells/,
    )
    const to = partitionedTables('part', { inOwnFolder: true })
    await fails({ csv, to }, /^split\.csv {2}names 2 tables, and part\/ takes one/)
  })

  it('files whose types have nothing in common', async () => {
    await landed("SELECT 'k' AS customer_user_id, 1 AS a", "SELECT 'k' AS customer_user_id, 'one' AS A")
    await fails({}, /^column "a" is int in .*part-0\.parquet and string in .*part-1\.parquet; no type holds both/)
  })

  it('a column that the tables are partitioned by', async () => {
    await landed("SELECT 'k' AS customer_user_id, DATE '2025-01-15' AS snapshot_dt")
    const text = csvOf({ T: ['snapshot_dt'] })
    await fails(
      { csv: text, to: partitionedTables('part') },
      /^split\.csv:2 {2}column "snapshot_dt" is what the tables are partitioned by/,
    )
    const { status } = await lake.run(splitTask({ csv: text }))
    expect(status).toBe('succeeded')
  })
})

describe('snapshots', () => {
  it('that are named wrongly are left out, with a warning', async () => {
    await landed()
    for (const name of [
      'snapshot_dt=2025-13-01',
      'latest',
      'dt=2025-03-01',
      'snapshot_dt=20250301',
      '_SUCCESS.d',
      '.hidden',
    ])
      fs.mkdirSync(lake.at(`${source}/${name}`))
    fs.writeFileSync(lake.at(`${source}/loose.parquet`), 'x')
    const { warnings, metrics } = await lake.run(splitTask({}))
    expect(metrics.rows_read).toBe(10)
    expect(warnings.slice(0, -1).sort()).toEqual([
      `"${source}/dt=2025-03-01"  is no snapshot (expected snapshot_dt=YYYY-MM-DD) and was not read`,
      `"${source}/latest"  is no snapshot (expected snapshot_dt=YYYY-MM-DD) and was not read`,
      `"${source}/loose.parquet"  lies in no snapshot and was not read`,
      `"${source}/snapshot_dt=2025-13-01"  is no snapshot ("2025-13-01" is no date YYYY-MM-DD) and was not read`,
      `"${source}/snapshot_dt=20250301"  is no snapshot ("20250301" is no date YYYY-MM-DD) and was not read`,
    ])
  })

  it('are missing: what is there is named', async () => {
    newLake()
    await fails({}, /^opus\/raw_input\/ {2}has no snapshot: the folder is missing/)
    fs.mkdirSync(lake.at(`${source}/latest`), { recursive: true })
    await fails({}, /has no snapshot: it holds "latest"; expected a folder such as snapshot_dt=2025-01-15/)
  })

  it('of a date that is not there: the nearest and the newest are named', async () => {
    await landed()
    await lake.land([wide()], '2024-06-15')
    await fails(
      { date: '2024-07-01' },
      /snapshot_dt=2024-07-01\/ {2}is not there; there are 2 snapshots: newest 2025-01-15, nearest 2024-06-15/,
    )
    expect(() => snapshots(source, { date: '2025-02-30' })).toThrow(/date is "2025-02-30"; expected a day that exists/)
  })

  it('that are empty are an error, never the one before', async () => {
    await landed()
    fs.mkdirSync(lake.at(`${source}/snapshot_dt=2025-02-15`))
    await fails({}, /snapshot_dt=2025-02-15\/ {2}has no Parquet file: it is empty\. Wait .* --snapshot-dt/)
    fs.writeFileSync(lake.at(`${source}/snapshot_dt=2025-02-15/_SUCCESS`), '')
    await fails({}, /snapshot_dt=2025-02-15\/ {2}has no Parquet file: it holds "_SUCCESS"/)
    await lake.land([`${wide()} LIMIT 0`], '2025-02-15')
    await fails({}, /snapshot_dt=2025-02-15\/ {2}has no rows in its one file/)
  })

  it('that are half written are an error that names the file', async () => {
    const folder = `${source}/snapshot_dt=${date}`
    await landed(wide(), wide())
    fs.mkdirSync(lake.at(`${folder}/_temporary`))
    await fails(
      {},
      /"opus\/raw_input\/snapshot_dt=2025-01-15\/_temporary" .*half written\. Wait until .* --snapshot-dt/,
    )
    fs.rmdirSync(lake.at(`${folder}/_temporary`))
    fs.writeFileSync(lake.at(`${folder}/part-2.parquet.inprogress`), '')
    await fails({}, /part-2\.parquet\.inprogress" .*half written/)
    fs.rmSync(lake.at(`${folder}/part-2.parquet.inprogress`))
    fs.writeFileSync(lake.at(`${folder}/part-2.parquet`), '')
    await fails({}, /part-2\.parquet" {2}is empty \(0 bytes\); the snapshot is half written/)
    fs.rmSync(lake.at(`${folder}/part-2.parquet`))
    const whole = fs.readFileSync(lake.at(`${folder}/part-1.parquet`))
    fs.writeFileSync(lake.at(`${folder}/part-1.parquet`), whole.subarray(0, whole.length - 20))
    await fails({}, /part-1\.parquet" {2}is truncated: the Parquet footer is missing; the snapshot is half written/)
  })

  it('with damaged pages stop the split and are named', async () => {
    await landed(`SELECT 'k' || i AS customer_user_id, repeat('x', 40) || hash(i) AS a FROM range(1000) t(i)`)
    const file = lake.at(`${source}/snapshot_dt=${date}/part-0.parquet`)
    const bytes = fs.readFileSync(file)
    bytes.fill(0xff, 4, bytes.length / 2)
    fs.writeFileSync(file, bytes)
    const { status, error } = await lake.run(splitTask({}))
    expect(error).toMatch(/part-0\.parquet" {2}cannot be read \(.*half written/)
    expect(status).toBe('failed')
    expect(lake.folders('split')).toEqual([])
  })
})

describe('files of somebody else', () => {
  it('in a folder that is replaced are told of', async () => {
    await landed()
    fs.mkdirSync(lake.at('split/A'), { recursive: true })
    fs.writeFileSync(lake.at('split/A/part-old.parquet'), 'x')
    const { warnings } = await lake.run(splitTask({}))
    expect(warnings).toContainEqual(
      expect.stringMatching(
        /^split\/A\/ {2}holds 1 file that no commit of Millrace wrote, such as "part-old\.parquet"/,
      ),
    )
    expect(lake.folders('split/A')).toHaveLength(1)
  })

  it('are linked where the file system can, and copied where it cannot', async () => {
    newLake()
    fs.writeFileSync(lake.at('one'), 'content')
    const store = folderStore(lake.root)
    await store.link('one', 'folder/two')
    expect(fs.readFileSync(lake.at('folder/two'), 'utf8')).toBe('content')
    await expect(store.link('one', 'folder/two')).rejects.toThrow(/exists already/)
    await expect(store.link('none', 'folder/three')).rejects.toThrow(/none/)
  })
})

describe('a definition', () => {
  it('is refused where it makes no sense', () => {
    const tables = splitSpec({ file: 'split.csv', text: csv, key })
    const from = snapshots(source, { date: null })
    const of =
      (change: object): (() => unknown) =>
      () =>
        fanOut('split', { from, tables, key, to: stagedTables('split'), ...change })
    expect(of({ to: stagedTables('opus') })).toThrow(/opus overlaps the source opus\/raw_input/)
    expect(of({ key: 'other' })).toThrow(/key is other, and that of the split spec customer_user_id/)
    expect(of({ filesPerGigabyte: 0 })).toThrow(/filesPerGigabyte is 0/)
    expect(of({ filesMax: 1.5 })).toThrow(/filesMax is 1.5/)
    expect(() => snapshots(source, { date: null, column: 'a b' })).toThrow(/column is "a b"/)
    expect(() => stagedTables('../out')).toThrow(/leaves the storage root/)
  })
})

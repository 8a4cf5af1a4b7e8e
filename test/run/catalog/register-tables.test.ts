/** Registration of folders as tables, through real runs on a real root. */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { call, definePipeline } from 'millrace'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { letters } from '../../../src/plan/register-tables.ts'
import {
  catalogBytes,
  catalogOf,
  database,
  run,
  staged,
  stagedPipeline,
  wide,
  writeFile,
  writeSnapshot,
} from './lake.ts'

const base = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-register-'))
afterAll(() => fs.rmSync(base, { recursive: true, force: true }))

let root = ''
beforeEach(() => {
  root = fs.mkdtempSync(path.join(base, 'root-'))
})

const names = async (prefix = ''): Promise<string[]> =>
  (await catalogOf(root).getTables(database, prefix)).map(({ Name }) => Name)
const columnsOf = async (name: string): Promise<string[]> =>
  ((await catalogOf(root).getTable(database, name))?.StorageDescriptor.Columns ?? []).map(({ Name }) => Name)

describe('staged tables', () => {
  it('are registered with columns, location, snapshot and what Athena knows Parquet by', async () => {
    await writeFile(root, `${staged}/IBE_01/part-0.parquet`, "SELECT 'u' AS Customer_User_ID, 1::INT AS A")
    writeSnapshot(root, '2025-01-15')
    const state = await run(root, stagedPipeline())
    expect({ status: state.status, error: state.error, warnings: state.warnings }).toEqual({
      status: 'succeeded',
      error: null,
      warnings: [],
    })
    expect(state.metrics).toEqual({ tables_registered: 1, tables_changed: 1 })
    const bytes = String(fs.statSync(path.join(root, staged, 'IBE_01/part-0.parquet')).size)
    expect(await catalogOf(root).getTable(database, 'ext_ibe_01')).toEqual({
      DatabaseName: database,
      Name: 'ext_ibe_01',
      Description: 'snapshot_dt=2025-01-15',
      TableType: 'EXTERNAL_TABLE',
      PartitionKeys: [],
      Parameters: {
        EXTERNAL: 'TRUE',
        classification: 'parquet',
        numFiles: '1',
        numRows: '1',
        snapshot_dt: '2025-01-15',
        totalSize: bytes,
      },
      StorageDescriptor: {
        Columns: [
          { Name: 'customer_user_id', Type: 'string' },
          { Name: 'a', Type: 'int' },
        ],
        Location: `${staged}/IBE_01/`,
        InputFormat: 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat',
        OutputFormat: 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat',
        Compressed: false,
        NumberOfBuckets: -1,
        BucketColumns: [],
        SortColumns: [],
        SerdeInfo: {
          SerializationLibrary: 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe',
          Parameters: { 'serialization.format': '1' },
        },
      },
    })
    expect((await catalogOf(root).getDatabase(database))?.Name).toBe(database)
  })

  it('split a table of 1,000 columns by columnsMax, each part with the key first', async () => {
    const others = wide(999)
      .replace("'u' || n AS customer_user_id, ", '')
      .replace(' FROM', ", 'u' AS customer_user_id FROM")
    await writeFile(root, `${staged}/WIDE/part-0.parquet`, others)
    writeSnapshot(root, '2025-01-15')
    expect((await run(root, stagedPipeline())).metrics.tables_registered).toBe(11) // 999 others, 99 a table
    const expected = 'abcdefghijk'.split('').map((letter) => `ext_wide_${letter}`)
    expect(await names()).toEqual(expected)
    const all: string[] = []
    for (const name of expected) {
      const columns = await columnsOf(name)
      expect(columns[0]).toBe('customer_user_id')
      expect(columns.length).toBeLessThanOrEqual(100)
      all.push(...columns.slice(1))
      expect((await catalogOf(root).getTable(database, name))?.StorageDescriptor.Location).toBe(`${staged}/WIDE/`)
    }
    expect(all).toEqual(Array.from({ length: 999 }, (_, index) => `c${String(index).padStart(4, '0')}`))
  })

  it('keep a table of exactly columnsMax columns whole, and one whose name ends in _a', async () => {
    await writeFile(root, `${staged}/IBE_01_A/part-0.parquet`, wide(99))
    writeSnapshot(root, '2025-01-15')
    await run(root, stagedPipeline())
    expect(await names()).toEqual(['ext_ibe_01_a'])
    expect((await columnsOf('ext_ibe_01_a')).length).toBe(100)
  })

  it('have names beyond z', () => {
    expect([0, 25, 26, 27, 51, 52, 701, 702].map(letters)).toEqual(['a', 'z', 'aa', 'ab', 'az', 'ba', 'zz', 'aaa'])
  })

  it('may be a table of 1 column', async () => {
    await writeFile(root, `${staged}/ONE/part-0.parquet`, "SELECT 'u' AS customer_user_id")
    writeSnapshot(root, '2025-01-15')
    expect((await run(root, stagedPipeline())).status).toBe('succeeded')
    expect(await columnsOf('ext_one')).toEqual(['customer_user_id'])
  })

  it('are not changed by a rerun, not a byte', async () => {
    await writeFile(root, `${staged}/IBE_01/part-0.parquet`, wide(150))
    await writeFile(root, `${staged}/IBE_02/part-0.parquet`, wide(3))
    writeSnapshot(root, '2025-01-15')
    await run(root, stagedPipeline())
    const before = catalogBytes(root)
    const again = await run(root, stagedPipeline())
    expect(again.metrics).toEqual({ tables_registered: 3, tables_changed: 0 })
    expect(catalogBytes(root)).toEqual(before)
  })

  it('name an older and a newer snapshot in their comment', async () => {
    await writeFile(root, `${staged}/IBE_01/part-0.parquet`, wide(2))
    for (const date of ['2025-02-15', '2025-01-15', '2025-03-15']) {
      writeSnapshot(root, date)
      expect((await run(root, stagedPipeline())).metrics).toEqual({ tables_registered: 1, tables_changed: 1 })
      const table = await catalogOf(root).getTable(database, 'ext_ibe_01')
      expect([table?.Description, table?.Parameters.snapshot_dt]).toEqual([`snapshot_dt=${date}`, date])
    }
  })

  it('have a name with a quote where their folder has', async () => {
    await writeFile(root, `${staged}/O'Brien/part-0.parquet`, wide(2))
    writeSnapshot(root, '2025-01-15')
    expect((await run(root, stagedPipeline())).status).toBe('succeeded')
    expect(await names()).toEqual(["ext_o'brien"])
  })

  it('take the wider type of two files, and the columns of both', async () => {
    await writeFile(root, `${staged}/T/a.parquet`, "SELECT 'u' AS customer_user_id, 1::INT AS n")
    await writeFile(
      root,
      `${staged}/T/b.parquet`,
      "SELECT 'u' AS customer_user_id, 1::BIGINT AS n, 1.5::DOUBLE AS extra",
    )
    writeSnapshot(root, '2025-01-15')
    await run(root, stagedPipeline())
    expect((await catalogOf(root).getTable(database, 'ext_t'))?.StorageDescriptor.Columns).toEqual([
      { Name: 'customer_user_id', Type: 'string' },
      { Name: 'n', Type: 'bigint' },
      { Name: 'extra', Type: 'double' },
    ])
  })

  it('go from the catalog when their data is gone, or a split shrank; others stay', async () => {
    await writeFile(root, `${staged}/GONE/part-0.parquet`, wide(2))
    await writeFile(root, `${staged}/SHRINKS/part-0.parquet`, wide(250))
    await writeFile(root, `elsewhere/KEPT/part-0.parquet`, wide(2))
    writeSnapshot(root, '2025-01-15')
    writeSnapshot(root, '2025-01-15', 'elsewhere')
    await run(root, stagedPipeline({ from: [staged, 'elsewhere'] }))
    expect(await names()).toEqual(['ext_gone', 'ext_kept', 'ext_shrinks_a', 'ext_shrinks_b', 'ext_shrinks_c'])
    fs.rmSync(path.join(root, staged, 'GONE'), { recursive: true })
    await writeFile(root, `${staged}/SHRINKS/part-0.parquet`, wide(150))
    const state = await run(root, stagedPipeline())
    expect(state.status).toBe('succeeded with warnings')
    expect(state.warnings).toEqual([
      `table ${database}.ext_gone is taken out of the catalog: ${staged}/GONE has no data any more. No file was removed`,
      `table ${database}.ext_shrinks_c is taken out of the catalog: ${staged}/SHRINKS is registered in other tables now. No file was removed`,
    ])
    expect(await names()).toEqual(['ext_kept', 'ext_shrinks_a', 'ext_shrinks_b'])
  })

  it('leave folders without Parquet files, hidden ones and metadata alone', async () => {
    await writeFile(root, `${staged}/IBE_01/part-0.parquet`, wide(2))
    await writeFile(root, `${staged}/_temporary/part-0.parquet`, wide(2))
    fs.mkdirSync(path.join(root, staged, 'notes'))
    fs.writeFileSync(path.join(root, staged, 'notes/readme.txt'), 'x')
    writeSnapshot(root, '2025-01-15')
    const state = await run(root, stagedPipeline())
    expect(state.warnings).toEqual([`${staged}/notes  has no Parquet files directly in it and was not registered`])
    expect(await names()).toEqual(['ext_ibe_01'])
  })

  it('are counted by a dry run, which writes nothing', async () => {
    await writeFile(root, `${staged}/IBE_01/part-0.parquet`, wide(150))
    writeSnapshot(root, '2025-01-15')
    const state = await run(root, stagedPipeline(), { dryRun: true })
    expect(state.metrics).toEqual({ tables_registered: 2, tables_changed: 2 })
    expect(fs.existsSync(path.join(root, '_millrace/catalog'))).toBe(false)
  })

  it('are no failure of a dry run where a step before may write them', async () => {
    const { tasks } = stagedPipeline()
    const pipeline = definePipeline({
      ...{ name: 'staged', description: 'writes and registers', params: {} },
      metrics: ['tables_registered', 'tables_changed'],
      tasks: () => [
        call('write', { functionName: 'write', isReadOnly: true, run: async () => null }),
        ...tasks({}, undefined),
      ],
    })
    const state = await run(root, pipeline, { dryRun: true })
    expect({ status: state.status, metrics: state.metrics }).toEqual({
      status: 'succeeded',
      metrics: { tables_registered: 0, tables_changed: 0 },
    })
    const alone = await run(root, pipeline, { dryRun: true, only: 'register-staged-tables' })
    expect(alone.error).toMatch(/has no tables; expected folders with Parquet files/)
  })
})

/** Tables with partitions: registered, and their partitions found, through real runs on a real root. */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { repairPartitions } from 'millrace'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { partitionValue } from '../../../src/run/catalog/find-partitions.ts'
import folderStore from '../../../src/stores/folder.ts'
import { catalogBytes, catalogOf, database, partitionedPipeline, parts, run, writeFile } from './lake.ts'

const base = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-repair-'))
afterAll(() => fs.rmSync(base, { recursive: true, force: true }))

const ids = `${parts}/addressable_ids`
const attributes = `${parts}/infobase_attributes/IBE_01_A`
const rows = (count: number, more = ''): string =>
  `SELECT 'u' || n AS customer_user_id, n AS v${more} FROM range(${count}) AS t(n)`

let root = ''
beforeEach(async () => {
  root = fs.mkdtempSync(path.join(base, 'root-'))
  await writeFile(root, `${ids}/snapshot_dt=2025-01-15/a.parquet`, rows(3))
  await writeFile(root, `${attributes}/snapshot_dt=2025-01-15/a.parquet`, rows(4))
})

const values = async (table: string): Promise<string[]> =>
  (await catalogOf(root).getPartitions(database, table)).map(({ Values }) => Values.join('/'))

describe('tables with partitions', () => {
  it('are found one and two levels down, and their partitions with the columns, location and figures of each', async () => {
    const state = await run(root, partitionedPipeline())
    expect({ status: state.status, metrics: state.metrics }).toEqual({
      status: 'succeeded',
      metrics: {
        ...{ tables_registered: 2, tables_changed: 2 },
        ...{ partitions_added: 2, partitions_removed: 0, tables_repaired: 2 },
      },
    })
    const table = await catalogOf(root).getTable(database, 'part_addressable_ids')
    expect(table?.PartitionKeys).toEqual([{ Name: 'snapshot_dt', Type: 'string' }])
    expect(table?.StorageDescriptor.Location).toBe(`${ids}/`)
    expect(table?.Description).toBe('snapshot_dt=2025-01-15')
    expect(table?.Parameters).toEqual({ EXTERNAL: 'TRUE', classification: 'parquet', snapshot_dt: '2025-01-15' })
    const [partition] = await catalogOf(root).getPartitions(database, 'part_ibe_01_a')
    expect(partition?.Values).toEqual(['2025-01-15'])
    expect(partition?.StorageDescriptor.Location).toBe(`${attributes}/snapshot_dt=2025-01-15/`)
    expect(partition?.StorageDescriptor.Columns.map(({ Name }) => Name)).toEqual(['customer_user_id', 'v'])
    expect(partition?.Parameters).toMatchObject({ numFiles: '1', numRows: '4' })
  })

  it('are not changed by a rerun, not a byte', async () => {
    await run(root, partitionedPipeline())
    const before = catalogBytes(root)
    const { metrics } = await run(root, partitionedPipeline())
    expect(metrics).toEqual({
      ...{ tables_registered: 2, tables_changed: 0 },
      ...{ partitions_added: 0, partitions_removed: 0, tables_repaired: 2 },
    })
    expect(catalogBytes(root)).toEqual(before)
  })

  it('get a new partition, and keep those they had when they are registered anew', async () => {
    await run(root, partitionedPipeline())
    await writeFile(root, `${ids}/snapshot_dt=2025-02-15/a.parquet`, rows(5, ', 1.5::DOUBLE AS extra'))
    const { metrics } = await run(root, partitionedPipeline(1))
    expect(metrics).toMatchObject({ tables_changed: 1, partitions_added: 1 })
    expect(await values('part_addressable_ids')).toEqual(['2025-01-15', '2025-02-15'])
    const table = await catalogOf(root).getTable(database, 'part_addressable_ids')
    expect(table?.Description).toBe('snapshot_dt=2025-02-15')
    expect(table?.StorageDescriptor.Columns.map(({ Name }) => Name)).toEqual(['customer_user_id', 'v', 'extra'])
    const partitions = await catalogOf(root).getPartitions(database, 'part_addressable_ids')
    expect(partitions.map(({ StorageDescriptor }) => StorageDescriptor.Columns.length)).toEqual([2, 3])
  })

  it('describe a partition anew that was overwritten while the others stay', async () => {
    await writeFile(root, `${ids}/snapshot_dt=2025-02-15/a.parquet`, rows(5))
    await run(root, partitionedPipeline())
    const [kept] = await catalogOf(root).getPartitions(database, 'part_addressable_ids')
    await writeFile(root, `${ids}/snapshot_dt=2025-02-15/a.parquet`, rows(500))
    expect((await run(root, partitionedPipeline())).metrics).toMatchObject({ partitions_added: 0, tables_changed: 0 })
    const partitions = await catalogOf(root).getPartitions(database, 'part_addressable_ids')
    expect(partitions.map(({ Parameters }) => Parameters?.numRows)).toEqual(['3', '500'])
    expect(partitions[0]).toEqual(kept)
  })

  it('describe a partition anew whose column has another name, though its files are as many and as large', async () => {
    await run(root, partitionedPipeline())
    const file = path.join(root, ids, 'snapshot_dt=2025-01-15/a.parquet')
    const { size } = fs.statSync(file)
    await writeFile(root, `${ids}/snapshot_dt=2025-01-15/a.parquet`, rows(3).replace('AS v', 'AS w'))
    expect(fs.statSync(file).size).toBe(size)
    await run(root, partitionedPipeline())
    const [partition] = await catalogOf(root).getPartitions(database, 'part_addressable_ids')
    expect(partition?.StorageDescriptor.Columns.map(({ Name }) => Name)).toEqual(['customer_user_id', 'w'])
  })

  it('are compared with storage by commits that are read once, however many tables there are', async () => {
    for (let number = 1; number < 6; number += 1)
      await writeFile(root, `${parts}/infobase_attributes/T${number}/snapshot_dt=2025-01-15/a.parquet`, rows(1))
    await run(root, partitionedPipeline())
    const listed: string[] = []
    const store = folderStore(root)
    const counted = {
      ...store,
      list: async (folder: string) => {
        listed.push(folder)
        return await store.list(folder)
      },
    }
    await run(root, partitionedPipeline(), { store: counted, only: 'prepare-part-tables' })
    // Once for the commits in it, once for the folders.
    expect(listed.filter((folder) => folder === '_millrace/commits/clean')).toHaveLength(2)
  })

  it('lose a partition that is gone, with a warning', async () => {
    await writeFile(root, `${ids}/snapshot_dt=2025-02-15/a.parquet`, rows(5))
    await run(root, partitionedPipeline())
    fs.rmSync(path.join(root, ids, 'snapshot_dt=2025-01-15'), { recursive: true })
    const state = await run(root, partitionedPipeline())
    expect(state.metrics).toMatchObject({ partitions_removed: 1, tables_changed: 0 })
    expect(state.warnings.join()).toMatch(
      /partition snapshot_dt='2025-01-15' has no files any more.*ALTER TABLE … DROP PARTITION/,
    )
    expect(await values('part_addressable_ids')).toEqual(['2025-02-15'])
  })

  it('do not get what is named wrongly, and say so', async () => {
    for (const name of ['snapshot_dt=', 'other=1', 'Snapshot_DT=2025-03-15', 'snapshot_dt=tmp_copy', 'notes'])
      await writeFile(root, `${ids}/${name}/a.parquet`, rows(1))
    await writeFile(root, `${ids}/beside.parquet`, rows(1))
    fs.mkdirSync(path.join(root, ids, 'snapshot_dt=2025-04-15'))
    const state = await run(root, partitionedPipeline())
    expect(state.status).toBe('succeeded with warnings')
    expect(state.warnings.map((one) => one.slice(ids.length + 1)).sort()).toEqual([
      'Snapshot_DT=2025-03-15  is no partition; expected snapshot_dt=<value>. Rename it, or move it away',
      'beside.parquet  lies beside the partitions of its table and is not read',
      'notes  is no partition; expected snapshot_dt=<value>. Rename it, or move it away',
      'other=1  is no partition; expected snapshot_dt=<value>. Rename it, or move it away',
      'snapshot_dt=  is no partition; expected snapshot_dt=<value>. Rename it, or move it away',
      'snapshot_dt=2025-04-15  has no Parquet files and is not taken for a partition',
      'snapshot_dt=tmp_copy  is no partition; expected snapshot_dt=YYYY-MM-DD. Rename it, or move it away',
    ])
    expect(await values('part_addressable_ids')).toEqual(['2025-01-15'])
  })

  it('have the value of a name that Hive escaped', async () => {
    await writeFile(root, `${ids}/snapshot_dt=2025-01-15 10%3A00%3a00/a.parquet`, rows(1))
    await run(root, partitionedPipeline())
    expect(await values('part_addressable_ids')).toEqual(['2025-01-15', '2025-01-15 10:00:00'])
    expect(partitionValue('snapshot_dt=100%', 'snapshot_dt')).toBe('100%')
  })

  it('fail by name where a partition does not fit, and the others are done', async () => {
    await run(root, partitionedPipeline())
    await writeFile(root, `${ids}/snapshot_dt=2025-02-15/a.parquet`, rows(2, ", 'x' AS unheard_of"))
    await writeFile(root, `${attributes}/snapshot_dt=2025-02-15/a.parquet`, rows(2))
    const state = await run(root, partitionedPipeline(), { only: 'prepare-part-tables' })
    expect(state.status).toBe('failed')
    expect(state.error).toMatch(
      /addressable_ids\/snapshot_dt=2025-02-15 {2}does not fit table .*part_addressable_ids: column unheard_of \(string\) is none/,
    )
    expect(await values('part_addressable_ids')).toEqual(['2025-01-15'])
    expect(await values('part_ibe_01_a')).toEqual(['2025-01-15', '2025-02-15'])
  })

  it('need a registration first', async () => {
    const state = await run(root, partitionedPipeline(), { only: 'prepare-part-tables' })
    expect(state.error).toMatch(/the catalog has no table part_… in database omc_flywheel_test/)
  })

  it('are counted by a dry run, which writes nothing', async () => {
    await run(root, partitionedPipeline())
    const before = catalogBytes(root)
    await writeFile(root, `${ids}/snapshot_dt=2025-02-15/a.parquet`, rows(5))
    const { metrics } = await run(root, partitionedPipeline(), { dryRun: true })
    expect(metrics).toMatchObject({ tables_changed: 1, partitions_added: 1 })
    expect(catalogBytes(root)).toEqual(before)
  })

  it('tell a damaged file of the catalog by its name', async () => {
    await run(root, partitionedPipeline())
    const file = `_millrace/catalog/${database}/tables/part_ibe_01_a.json`
    fs.writeFileSync(path.join(root, file), '{"Table":')
    const state = await run(root, partitionedPipeline())
    expect(state.status).toBe('failed')
    expect(state.error).toContain(`${file}  is damaged`)
  })
})

describe('a definition', () => {
  it.each([
    ['no table at a time', { tablesAtOnce: 0 }, /tablesAtOnce is 0/],
    ['more than Athena takes', { tablesAtOnce: 26 }, /from 1 to 25/],
    ['an interval of nothing', { pollIntervalMs: 0 }, /pollIntervalMs is 0/],
    ['an interval that is no number', { pollIntervalMs: Number.NaN }, /pollIntervalMs is NaN/],
  ])('refuses %s', (_, change, message) => {
    expect(() => repairPartitions('t', { database, prefix: 'part_', ...change })).toThrow(message)
  })
})

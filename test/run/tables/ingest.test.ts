/** Drops of Parquet into Iceberg tables: what comes in, once, and what is set aside. */
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { type IngestTask, icebergTables, ingest, parquetDrops } from 'millrace'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { countsOf, rowsOf, runTasks, snapshotsOf, withTables, writeParquet } from './lake.ts'

let root = ''
beforeEach(() => {
  root = fs.mkdtempSync(path.join(tmpdir(), 'millrace-ingest-'))
})
afterEach(() => fs.rmSync(root, { recursive: true, force: true }))

const task = (change: Partial<IngestTask> = {}): IngestTask =>
  ingest('ingest', {
    from: parquetDrops('raw', {
      tables: { part: { key: ['id'], columns: { id: 'string', state: 'string', amount: 'int', UPTIM: 'timestamp' } } },
      newestBy: 'UPTIM',
      overlap: '1 day',
    }),
    to: icebergTables('sss', { part: { partitionBy: ['state'], sortBy: ['id'] } }),
    ...change,
  })
const drop = (file: string, rows: string): Promise<void> =>
  writeParquet(root, `raw/part/${file}.parquet`, `SELECT * FROM (VALUES ${rows}) AS v(id, state, amount, "UPTIM")`)
const row = (id: string | null, amount: number, at: string | null, state = '19'): string =>
  `(${id === null ? 'NULL' : `'${id}'`}, '${state}', ${amount}, CAST(${at === null ? 'NULL' : `'${at}'`} AS TIMESTAMP))`
const standing = (): Promise<unknown[][]> => rowsOf(root, 'SELECT id, amount FROM sss.part ORDER BY id')

describe('ingest', () => {
  it('keeps of every key the row with the greatest time, whatever the order in which files come', async () => {
    await drop('a', [row('1', 1, '2025-01-01'), row('1', 2, '2025-01-03'), row('2', 1, '2025-01-01')].join(', '))
    const first = countsOf(await runTasks(root, [task()]), 'sss.part')
    expect(first).toMatchObject({ rowsIn: 3, inserted: 2, superseded: 1, updated: 0, quarantined: 0 })
    await drop('b', [row('1', 3, '2025-01-02'), row('2', 2, '2025-01-04'), row('3', 1, '2020-01-01')].join(', '))
    const second = countsOf(await runTasks(root, [task()]), 'sss.part')
    expect(second).toMatchObject({ rowsIn: 3, inserted: 1, updated: 1, unchanged: 1 })
    expect(await standing()).toEqual([
      ['1', 2],
      ['2', 2],
      ['3', 1],
    ])
  })

  it('writes files to come in the layout that the definition has by then', async () => {
    const layouts = async (): Promise<unknown[]> =>
      withTables(root, async (warehouse) => {
        const { metadata } = await warehouse.table('sss.part')
        const fields = metadata['partition-specs'].at(-1)?.fields.map(({ name }) => name)
        return [metadata['partition-specs'].length, fields, metadata['sort-orders'].length]
      })
    await drop('a', [row('1', 1, '2025-01-01'), row('2', 1, '2025-01-01', '20')].join(', '))
    await runTasks(root, [task()])
    const before = await layouts()
    expect(before).toMatchObject([expect.any(Number), ['state'], expect.any(Number)])
    await drop('b', row('1', 2, '2025-01-02'))
    await runTasks(root, [task()])
    expect(await layouts()).toEqual(before)
    const other = { to: icebergTables('sss', { part: { partitionBy: ['bucket(2, id)'], sortBy: ['amount desc'] } }) }
    await drop('c', [row('2', 2, '2025-01-03', '20'), row('3', 1, '2025-01-03')].join(', '))
    await runTasks(root, [task(other)])
    const [specs, , orders] = before as [number, unknown, number]
    expect(await layouts()).toEqual([specs + 1, ['id_bucket'], orders + 1])
    expect(await standing()).toEqual([
      ['1', 2],
      ['2', 2],
      ['3', 1],
    ])
  })

  it('brings in rows that are late by more than the overlap, when the table has none of their key or an older one', async () => {
    await drop('a', [row('1', 1, '2025-01-01'), row('2', 1, '2025-06-01')].join(', '))
    await runTasks(root, [task()])
    await drop('b', [row('1', 2, '2025-02-01'), row('2', 2, '2025-03-01'), row('3', 3, '2024-01-01')].join(', '))
    const counts = countsOf(await runTasks(root, [task()]), 'sss.part')
    expect(counts).toMatchObject({ rowsIn: 3, inserted: 1, updated: 1, unchanged: 1 })
    expect(await standing()).toEqual([
      ['1', 2],
      ['2', 1],
      ['3', 3],
    ])
  })

  it('takes of equal times what was read later: a greater path, then a later row, then a later run', async () => {
    await drop('a', [row('1', 1, '2025-01-01'), row('2', 1, '2025-01-01'), row('2', 2, '2025-01-01')].join(', '))
    await drop('b', row('1', 2, '2025-01-01'))
    await runTasks(root, [task()])
    expect(await standing()).toEqual([
      ['1', 2],
      ['2', 2],
    ])
    await drop('c', row('1', 3, '2025-01-01'))
    await runTasks(root, [task()])
    expect(await standing()).toEqual([
      ['1', 3],
      ['2', 2],
    ])
    // However late it comes: the answer does not depend on how the files fell on runs.
    await drop('d', row('3', 1, '2025-06-01'))
    await runTasks(root, [task()])
    await drop('e', row('2', 3, '2025-01-01'))
    await runTasks(root, [task()])
    expect(await standing()).toEqual([
      ['1', 3],
      ['2', 3],
      ['3', 1],
    ])
  })

  it('makes no snapshot without a new file, nor for a file that came under another name', async () => {
    await drop('a', [row('1', 1, '2025-01-01'), row('1', 2, null)].join(', '))
    await runTasks(root, [task()])
    expect(await snapshotsOf(root, 'sss.part')).toBe(1)
    const again = await runTasks(root, [task()])
    expect(again.tasks[0]?.partitions[0]?.outcome).toBe('unchanged')
    fs.copyFileSync(path.join(root, 'raw/part/a.parquet'), path.join(root, 'raw/part/z.parquet'))
    expect(countsOf(await runTasks(root, [task()]), 'sss.part')).toMatchObject({ rowsIn: 0, files: 0 })
    expect(await snapshotsOf(root, 'sss.part')).toBe(1)
    expect(await standing()).toEqual([['1', 1]])
  })

  it('sets aside rows without a key or with values that do not fit, and counts them', async () => {
    await writeParquet(
      root,
      'raw/part/a.parquet',
      `SELECT * FROM (VALUES ('1', '19', '7', '2025-01-01'), (NULL, '19', '8', '2025-01-01'), ('3', '19', 'x', '2025-01-01')) v(id, state, amount, "UPTIM")`,
    )
    const state = await runTasks(root, [task()])
    expect(countsOf(state, 'sss.part')).toMatchObject({ rowsIn: 3, inserted: 1, quarantined: 2 })
    expect(state.warnings.join()).toContain('amount is no int: 1; id is missing: 1')
    const folder = path.join(root, 'quarantine/tables/ingest/part')
    expect(fs.readdirSync(folder)).toEqual([`rows-${state.run}.parquet`])
    await expect(runTasks(root, [task({ onBadValue: 'fail' })])).resolves.toBeDefined() // nothing new
    fs.rmSync(path.join(root, 'iceberg'), { recursive: true })
    await expect(runTasks(root, [task({ onBadValue: 'fail' })])).rejects.toThrow('amount is no int: 1')
  })

  it('names files that cannot be read or lack columns, by rule in quarantine or as an error', async () => {
    await drop('a', row('1', 1, '2025-01-01'))
    fs.writeFileSync(path.join(root, 'raw/part/b.parquet'), 'no parquet')
    await writeParquet(root, 'raw/part/c.parquet', "SELECT '2' AS id, '19' AS state")
    await expect(runTasks(root, [task({ onBadFile: 'fail' })])).rejects.toThrow(
      /raw\/part\/b\.parquet" {2}is (empty|not Parquet|too)/,
    )
    const state = await runTasks(root, [task()])
    expect(countsOf(state, 'sss.part')).toMatchObject({ inserted: 1, filesUnreadable: 2, files: 1 })
    expect(state.warnings.join('\n')).toContain('c.parquet"  has no column amount, UPTIM; it has id, state')
    expect((await runTasks(root, [task()])).warnings).toEqual([])
  })

  it('sets a file aside whose footer is sound but whose pages are damaged, and reads the others', async () => {
    await drop('a', row('1', 1, '2025-01-01'))
    await drop('b', Array.from({ length: 50 }, (_, index) => row(`x${index}`, index, '2025-01-02')).join(', '))
    const file = path.join(root, 'raw/part/b.parquet')
    const bytes = fs.readFileSync(file)
    for (let at = 4; at < 200; at += 1) bytes.writeUInt8(bytes.readUInt8(at) ^ 0x5a, at)
    fs.writeFileSync(file, bytes)
    await expect(runTasks(root, [task({ onBadFile: 'fail' })])).rejects.toThrow('raw/part/b.parquet')
    const state = await runTasks(root, [task()])
    expect(countsOf(state, 'sss.part')).toMatchObject({ inserted: 1, filesUnreadable: 1, files: 1 })
    expect(state.warnings.join('\n')).toMatch(/b\.parquet" {2}cannot be read \(.*listed in quarantine/)
    expect((await runTasks(root, [task()])).warnings).toEqual([])
  })

  it('adds columns that arrive, and keeps their values', async () => {
    await drop('a', row('1', 1, '2025-01-01'))
    await runTasks(root, [task()])
    await writeParquet(
      root,
      'raw/part/b.parquet',
      `SELECT '2' AS ID, '20' AS state, 2 AS amount, TIMESTAMP '2025-01-02' AS "UPTIM", DATE '2025-05-05' AS more`,
    )
    await runTasks(root, [task()])
    expect(await rowsOf(root, 'SELECT id, CAST(more AS VARCHAR) FROM sss.part ORDER BY id')).toEqual([
      ['1', null],
      ['2', '2025-05-05'],
    ])
  })

  it('makes the declared tables that no file came for, partitioned, with the key as identifier', async () => {
    const two = ingest('ingest', {
      from: parquetDrops('raw', {
        tables: {
          ...task().from.tables,
          other: { key: ['a', 'b'], columns: { a: 'int', b: 'string', UPTIM: 'timestamp' } },
        },
        newestBy: 'UPTIM',
        overlap: '1 day',
      }),
      to: icebergTables('sss', { part: { partitionBy: ['state'] } }),
    })
    await drop('a', row('1', 1, '2025-01-01'))
    await runTasks(root, [two])
    await withTables(root, async (warehouse) => {
      const table = await warehouse.table('sss.other')
      expect(table.snapshot()).toBeNull()
      expect(table.schema['identifier-field-ids']).toHaveLength(2)
      expect((await warehouse.table('sss.part')).metadata['partition-specs'][0]?.fields).toHaveLength(1)
    })
  })

  it('names the folders there are where none is of a table', async () => {
    fs.mkdirSync(path.join(root, 'raw/parts'), { recursive: true })
    await expect(runTasks(root, [task()])).rejects.toThrow('none of 1 tables has a folder in raw/ (there are parts)')
  })
})

/** Changes that are merged into an Iceberg table: what a merge leaves, and tables that are not as the last one left them. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import {
  applyChanges,
  changeDatasets,
  crawlIcebergTables,
  type DeleteRule,
  definePipeline,
  dmsFolder,
  icebergTable,
  land,
  landedChanges,
  type Pipeline,
} from 'millrace'
import { openWarehouse, type Table } from 'millrace/iceberg'
import { describe, expect, it } from 'vitest'
import { startRun } from '../../src/run/run.ts'
import folderStore from '../../src/stores/folder.ts'
import { cdc, type FileContent, landFile } from '../systems/carsdm/landing.ts'
import { changes, first, second, temporaryRoots, third } from './items.ts'
import { runOptions } from './lake.ts'

const newRoot = temporaryRoots('merged')

function pipelineOf(deletes: DeleteRule, options: { scdType?: 1 | 2; idType?: string } = {}): Pipeline {
  const datasets = changeDatasets('landed')
  return definePipeline({
    name: 'items',
    description: 'items',
    params: {},
    metrics: ['rows_final'],
    tasks: () => [
      land('land', { from: dmsFolder('landing/cars/dbo', { tables: ['ITEM'] }), to: datasets }),
      applyChanges('apply', {
        from: landedChanges(datasets, 'ITEM'),
        columns: { id: options.idType ?? 'int', name: 'string' },
        keys: ['id'],
        scdType: options.scdType ?? 1,
        deletes,
        to: icebergTable('final.ITEM'),
      }),
    ],
  })
}

type Ended = Awaited<ReturnType<typeof startRun>>

async function run(root: string, files: FileContent[], pipeline: Pipeline): Promise<Ended> {
  for (const file of files) await landFile(root, 'ITEM', file)
  return await startRun(runOptions(root, pipeline), {})
}

async function withTable<T>(root: string, act: (table: Table) => Promise<T>): Promise<T> {
  const warehouse = await openWarehouse(path.join(root, 'iceberg'), { threads: 1, memoryBytes: 2 ** 30 })
  try {
    return await act(await warehouse.table('final.ITEM'))
  } finally {
    warehouse.close()
  }
}

/** The rows as text, by their key. */
async function rowsOf(root: string): Promise<string[]> {
  const rows = await withTable(root, (table) => table.rows())
  return rows.map((row) => Object.values(row).map(String).join(' | ')).sort()
}

const late = cdc(7, changes, ['U', 1, 'eins', '2025-11-03 06:30:00'], ['U', 2, 'zwei', '2025-11-03 06:31:00'])
const place = 'iceberg/final/ITEM'

describe('a merge', () => {
  it.each([
    { deletes: 'keep', rows: ['1 | uno', '2 | zwei', '3 | drei'] },
    { deletes: 'apply', rows: ['2 | zwei', '3 | drei'] },
    { deletes: 'flag', rows: ['1 | uno | true | ', '2 | zwei | false | null', '3 | drei | false | null'] },
  ] as const)('brings changes into the table, late ones too, deletes $deletes', async ({ deletes, rows }) => {
    const root = newRoot()
    for (const files of [[first], [second], [third], [late]]) {
      const ended = await run(root, files, pipelineOf(deletes))
      expect(ended).toMatchObject({ status: 'succeeded' })
      const counted = (await crawlIcebergTables({ store: folderStore(root) }, 'final')) as { rows: number }
      expect(counted.rows).toBe((await rowsOf(root)).length)
    }
    const found = await rowsOf(root)
    expect(found.map((row, index) => row.startsWith(rows[index] as string))).toEqual(rows.map(() => true))
    expect(found).toHaveLength(rows.length)
  })

  it('is one snapshot, whose changes are those of the table, and writes none where nothing has come', async () => {
    const root = newRoot()
    await run(root, [first], pipelineOf('apply'))
    const before = await withTable(root, async (table) => table.snapshot())
    await run(root, [second, third], pipelineOf('apply'))
    await run(root, [], pipelineOf('apply'))
    await withTable(root, async (table) => {
      expect(table.metadata.snapshots).toHaveLength(2)
      const from = before?.['snapshot-id'] as bigint
      expect(await (await table.changes({ from })).counts()).toEqual({ inserts: 1, updates: 0, deletes: 1 })
    })
    expect(fs.existsSync(path.join(root, '_millrace/merges', place))).toBe(false)
  })

  it('that nobody made after it was published is made by the next run, which has no new files', async () => {
    const root = newRoot()
    fs.mkdirSync(path.join(root, 'iceberg'))
    fs.writeFileSync(path.join(root, 'iceberg/final'), 'in the way')
    const failed = await run(root, [first, second], pipelineOf('keep'))
    expect(failed.status).toBe('failed')
    expect(fs.readdirSync(path.join(root, '_millrace/merges', place))).toHaveLength(1)
    fs.rmSync(path.join(root, 'iceberg/final'))
    expect(await run(root, [], pipelineOf('keep'))).toMatchObject({ status: 'succeeded' })
    expect(await rowsOf(root)).toEqual(['1 | uno', '2 | two', '3 | tres'])
    await run(root, [third], pipelineOf('keep'))
    expect(await rowsOf(root)).toEqual(['1 | uno', '2 | two', '3 | drei'])
  })

  it('finds rows by numbers with a fraction, which Iceberg does not take as identifiers', async () => {
    const root = newRoot()
    await run(root, [first], pipelineOf('apply', { idType: 'double' }))
    await run(root, [second, third], pipelineOf('apply', { idType: 'double' }))
    expect(await rowsOf(root)).toEqual(['2 | two', '3 | drei'])
  })
})

describe('the table', () => {
  it('is made anew when it is gone, and when its definition is another', async () => {
    const root = newRoot()
    await run(root, [first, second], pipelineOf('keep'))
    fs.rmSync(path.join(root, place), { recursive: true })
    const again = await run(root, [], pipelineOf('keep'))
    expect([again.status, again.warnings.join()]).toEqual([
      'succeeded with warnings',
      expect.stringContaining('made anew'),
    ])
    expect(await rowsOf(root)).toEqual(['1 | uno', '2 | two', '3 | tres'])
    await run(root, [third], pipelineOf('apply', { idType: 'string' }))
    expect(await rowsOf(root)).toEqual(['2 | two', '3 | drei'])
    await withTable(root, async ({ schema }) =>
      expect(schema.fields.map(({ type }) => type)).toEqual(['string', 'string']),
    )
  })

  it('is made anew when a column that was added arrives with another type', async () => {
    const root = newRoot()
    const withExtra = (moment: number, type: string, value: unknown): FileContent =>
      cdc(moment, `Op string, id int, extra ${type}`, ['U', 2, value as string])
    await run(root, [first, withExtra(8, 'int', 5)], pipelineOf('keep'))
    expect(await rowsOf(root)).toEqual(['1 | one | null', '2 | null | 5'])
    await run(root, [withExtra(9, 'string', 'five')], pipelineOf('keep'))
    expect(await rowsOf(root)).toEqual(['1 | one | null', '2 | null | five'])
  })

  it('of somebody else is left alone', async () => {
    const root = newRoot()
    const warehouse = await openWarehouse(path.join(root, 'iceberg'), { threads: 1 })
    const table = await warehouse.create('final.ITEM', { columns: [{ name: 'id', type: 'int' }] })
    await table.append({ rows: [{ id: 7 }] })
    warehouse.close()
    const refused = await run(root, [first], pipelineOf('keep'))
    expect([refused.status, refused.error]).toEqual(['failed', expect.stringContaining('not made by these changes')])
    expect(await rowsOf(root)).toEqual(['7'])
  })

  it('of an older version is told from the one that a merge is for', async () => {
    const root = newRoot()
    await run(root, [first], pipelineOf('keep'))
    fs.cpSync(path.join(root, place), path.join(root, 'older'), { recursive: true })
    await run(root, [second], pipelineOf('keep'))
    fs.rmSync(path.join(root, place), { recursive: true })
    fs.renameSync(path.join(root, 'older'), path.join(root, place))
    const refused = await run(root, [third], pipelineOf('keep'))
    expect([refused.status, refused.error]).toEqual(['failed', expect.stringContaining('another version of the table')])
    expect(await rowsOf(root)).toEqual(['1 | one', '2 | two'])
    fs.rmSync(path.join(root, place), { recursive: true })
    await run(root, [], pipelineOf('keep'))
    expect(await rowsOf(root)).toEqual(['1 | uno', '2 | two', '3 | drei'])
  })

  it('cannot have versions of rows', async () => {
    const failed = run(newRoot(), [first], pipelineOf('keep', { scdType: 2 }))
    await expect(failed).rejects.toThrow(
      'task apply, table iceberg/final/ITEM  is an Iceberg table, which takes SCD type 1',
    )
  })
})

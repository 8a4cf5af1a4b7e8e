/** Landing and applying changes as any pipeline can: versions of rows (SCD type 2), and rules that carsdm does not use. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import {
  applyChanges,
  changeDatasets,
  changeHistory,
  type DeleteRule,
  definePipeline,
  dmsFolder,
  land,
  landedChanges,
  type Pipeline,
  parquetTable,
} from 'millrace'
import { describe, expect, it } from 'vitest'
import { startRun } from '../../src/run/run.ts'
import { cdc, type FileContent, landFile, load } from '../systems/carsdm/landing.ts'
import { changes, first, second, temporaryRoots, third } from './items.ts'
import { runOptions } from './lake.ts'

const newRoot = temporaryRoots('apply')

function pipelineOf(scdType: 1 | 2, deletes: DeleteRule, idType = 'int'): Pipeline {
  const datasets = changeDatasets('landed')
  const source = dmsFolder('landing/cars/dbo', { tables: ['ITEM'] })
  return definePipeline({
    name: 'items',
    description: 'items',
    params: {},
    metrics: ['rows_final'],
    tasks: () => [
      land('land', { from: source, to: datasets }),
      applyChanges('apply', {
        from: landedChanges(datasets, 'ITEM'),
        columns: { id: idType, name: 'string' },
        keys: ['id'],
        scdType,
        deletes,
        to: parquetTable('final/ITEM'),
        history: changeHistory('final/_cdc/ITEM', { after: '2025-01-01' }),
      }),
    ],
  })
}

async function landAll(root: string, files: FileContent[]): Promise<void> {
  for (const file of files) await landFile(root, 'ITEM', file)
}

/** The rows of the table as text, null as a dash. */
async function rowsOf(root: string, order: string): Promise<string[]> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const connection = await instance.connect()
  const reader = await connection.runAndReadAll(
    `SELECT * FROM read_parquet('${root}/final/ITEM/*.parquet') ORDER BY ${order}`,
  )
  const rows = reader.getRowsJson().map((row) => row.map((value) => (value === null ? '-' : String(value))).join(' | '))
  connection.closeSync()
  instance.closeSync()
  return rows
}

const fourth = cdc(10, changes, ['I', 1, 'again', '2025-11-03 09:30:00'])

const versions = [
  '1 | one | - | 2025-11-03 07:59:00 | false',
  '1 | uno | 2025-11-03 07:59:00 | 2025-11-03 08:30:00 | false',
  '1 | again | 2025-11-03 09:30:00 | - | true',
  '2 | two | - | - | true',
  '3 | tres | 2025-11-03 07:59:30 | 2025-11-03 08:31:00 | false',
  '3 | drei | 2025-11-03 08:31:00 | - | true',
]
const inOrder = 'id, valid_from NULLS FIRST'

describe('versions of rows (SCD type 2)', () => {
  it.each([
    ['in one run', [[first, second, third, fourth]]],
    ['in the order of time', [[first], [second], [third], [fourth]]],
    ['with late changes between', [[first, fourth], [third], [second]]],
  ])('are the same %s, a delete ends the current one', async (_, runs) => {
    const root = newRoot()
    for (const files of runs) {
      await landAll(root, files)
      expect(await startRun(runOptions(root, pipelineOf(2, 'apply')), {})).toMatchObject({ status: 'succeeded' })
    }
    expect(await rowsOf(root, inOrder)).toEqual(versions)
  })

  it('tell which version was deleted, and when', async () => {
    const root = newRoot()
    await landAll(root, [first, second, third])
    await startRun(runOptions(root, pipelineOf(2, 'flag')), {})
    expect(await rowsOf(root, inOrder)).toEqual([
      '1 | one | - | 2025-11-03 07:59:00 | false | false | -',
      '1 | uno | 2025-11-03 07:59:00 | 2025-11-03 08:30:00 | false | true | 2025-11-03 08:30:00',
      '2 | two | - | - | true | false | -',
      '3 | tres | 2025-11-03 07:59:30 | 2025-11-03 08:31:00 | false | false | -',
      '3 | drei | 2025-11-03 08:31:00 | - | true | false | -',
    ])
  })

  it('go on through a delete where deletes are kept', async () => {
    const root = newRoot()
    await landAll(root, [first, second, third])
    await startRun(runOptions(root, pipelineOf(2, 'keep')), {})
    expect((await rowsOf(root, inOrder)).filter((row) => row.startsWith('1'))).toEqual([
      '1 | one | - | 2025-11-03 07:59:00 | false',
      '1 | uno | 2025-11-03 07:59:00 | - | true',
    ])
  })

  it('are made anew when the table becomes one of versions, and again when it no longer is', async () => {
    const root = newRoot()
    await landAll(root, [first, second, third, fourth])
    await startRun(runOptions(root, pipelineOf(1, 'apply')), {})
    expect(await rowsOf(root, 'id')).toEqual(['1 | again', '2 | two', '3 | drei'])
    await startRun(runOptions(root, pipelineOf(2, 'apply')), {})
    expect(await rowsOf(root, inOrder)).toEqual(versions)
    await startRun(runOptions(root, pipelineOf(1, 'apply')), {})
    expect(await rowsOf(root, 'id')).toEqual(['1 | again', '2 | two', '3 | drei'])
  })
})

describe('a table that is changed by hand', () => {
  it('is made anew when its folder is gone, refused when a file is missing or strange', async () => {
    const root = newRoot()
    await landAll(root, [first, second])
    const options = (): ReturnType<typeof runOptions> => runOptions(root, pipelineOf(1, 'keep'))
    await startRun(options(), {})
    fs.rmSync(path.join(root, 'final/ITEM'), { recursive: true })
    const again = await startRun(options(), {})
    expect([again.status, again.warnings.join()]).toEqual([
      'succeeded with warnings',
      expect.stringContaining('made anew'),
    ])
    expect(await rowsOf(root, 'id')).toEqual(['1 | uno', '2 | two', '3 | tres'])
    fs.writeFileSync(path.join(root, 'final/ITEM/mine.parquet'), 'x')
    const strange = await startRun(options(), {})
    expect([strange.status, strange.error]).toEqual(['failed', expect.stringContaining('mine.parquet')])
    fs.rmSync(path.join(root, 'final/ITEM/mine.parquet'))
    const [file] = fs.readdirSync(path.join(root, 'final/ITEM'))
    fs.appendFileSync(path.join(root, 'final/ITEM', file as string), 'x')
    const longer = await startRun(options(), {})
    expect([longer.status, longer.error]).toEqual(['failed', expect.stringContaining('the last commit recorded')])
  })

  it('is not made anew from less than it was made from', async () => {
    const root = newRoot()
    await landAll(root, [first, second])
    await startRun(runOptions(root, pipelineOf(1, 'keep')), {})
    fs.rmSync(path.join(root, '_millrace/commits/landed'), { recursive: true })
    const [standing] = [await rowsOf(root, 'id')]
    fs.rmSync(path.join(root, 'landing/cars/dbo/ITEM', second.name))
    const failed = await startRun(runOptions(root, pipelineOf(1, 'flag')), {})
    expect([failed.status, failed.error]).toEqual(['failed', expect.stringContaining('no longer there')])
    expect(await rowsOf(root, 'id')).toEqual(standing)
  })
})

describe('a file that is written anew', () => {
  const rewritten = (name: string): FileContent =>
    cdc(8, changes, ['U', 1, name, '2025-11-03 07:59:00'], ['I', 3, name, '2025-11-03 07:59:30'])
  const reloaded = (name: string): FileContent =>
    load(
      1,
      'id int, name string, dms_commit_ts timestamp',
      [1, name, '2025-11-03 01:00:00'],
      [2, name, '2025-11-03 01:00:00'],
    )

  it.each([
    ['of changes', rewritten, ['1', '3']],
    ['of a full load', reloaded, ['1', '2']],
  ])('%s wins over what it said, also when the table is made anew', async (_, file, ids) => {
    const root = newRoot()
    for (const name of ['a', 'b', 'c', 'd']) {
      await landAll(root, [file(name)])
      await startRun(runOptions(root, pipelineOf(1, 'keep')), {})
      expect(await rowsOf(root, 'id')).toEqual(ids.map((id) => `${id} | ${name}`))
    }
    await startRun(runOptions(root, pipelineOf(1, 'apply')), {})
    expect(await rowsOf(root, 'id')).toEqual(ids.map((id) => `${id} | d`))
  })

  it('is not landed again when it is what it was, with a warning and no end of commits', async () => {
    const root = newRoot()
    for (const name of ['a', 'b', 'a']) {
      await landAll(root, [rewritten(name)])
      await startRun(runOptions(root, pipelineOf(1, 'keep')), {})
    }
    expect(await rowsOf(root, 'id')).toEqual(['1 | b', '3 | b'])
    const commits = path.join(root, '_millrace/commits/landed/ITEM')
    const before = fs.readdirSync(commits).length
    await startRun(runOptions(root, pipelineOf(1, 'keep')), {})
    expect(fs.readdirSync(commits)).toHaveLength(before)
  })
})

describe('values', () => {
  const exact = load(1, 'id bigint, name string', [9007199254740993n, 'odd'], [9007199254740992n, 'even'])
  const binary = cdc(8, 'Op string, id double, name string', ['I', 1, 'one'])
  const all = ['1 | one', '9007199254740992 | even', '9007199254740993 | odd']

  it.each([
    ['in one run', [[exact, binary]]],
    ['in two runs', [[exact], [binary]]],
  ])('are converted from the type of their own file, %s', async (_, runs) => {
    const root = newRoot()
    for (const files of runs) {
      await landAll(root, files)
      await startRun(runOptions(root, pipelineOf(1, 'keep', 'bigint')), {})
    }
    expect(await rowsOf(root, 'id')).toEqual(all)
    await startRun(runOptions(root, pipelineOf(1, 'apply', 'bigint')), {})
    expect(await rowsOf(root, 'id')).toEqual(all)
  })
})

describe('what lies wrong', () => {
  it('are two folders of one table that differ in case', async () => {
    const root = newRoot()
    await landAll(root, [first])
    await landFile(root, 'item', second)
    const failed = await startRun(runOptions(root, pipelineOf(1, 'keep')), {})
    expect(failed.status).toBe('failed')
    expect(failed.error).toMatch(/dbo\/ITEM and .*dbo\/item {2}differ in case only/)
    expect(fs.existsSync(path.join(root, 'landed'))).toBe(false)
  })

  it('is a file that is missing in the history, which is made anew', async () => {
    const root = newRoot()
    await landAll(root, [first, second])
    await startRun(runOptions(root, pipelineOf(1, 'keep')), {})
    const folder = path.join(root, 'final/_cdc/ITEM/dart_filedate=2025-11-03')
    const [file] = fs.readdirSync(folder)
    fs.rmSync(path.join(folder, file as string))
    expect(await startRun(runOptions(root, pipelineOf(1, 'keep')), {})).toMatchObject({ status: 'succeeded' })
    expect(fs.readdirSync(folder)).toHaveLength(1)
  })

  it('is a landed file that is gone before it was applied', async () => {
    const root = newRoot()
    await landAll(root, [first])
    await startRun(runOptions(root, pipelineOf(1, 'keep'), { only: 'land' }), {})
    fs.rmSync(path.join(root, 'landed/ITEM-LOAD'), { recursive: true })
    const failed = await startRun(runOptions(root, pipelineOf(1, 'keep')), {})
    expect([failed.status, failed.error]).toEqual(['failed', expect.stringContaining('are gone with 2 rows')])
  })
})

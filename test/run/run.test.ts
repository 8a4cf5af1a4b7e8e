/** A run from start to end against a real root, with the real engine: going on after a failure, and the balance. */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { consolidate, datedFolder, dayPartitions, definePipeline, newest, type Pipeline, z } from 'millrace'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import duckdbEngine from '../../src/engines/duckdb.ts'
import type { RunEvent } from '../../src/events.ts'
import { latestCommit } from '../../src/run/commits.ts'
import { type RunOptions, retryRun, startRun } from '../../src/run/run.ts'
import { readEvents } from '../../src/run/run-log.ts'
import folderStore from '../../src/stores/folder.ts'
import type { Engine } from '../../src/types.ts'
import { runOptions } from './lake.ts'

const day = '2025-11-02'
const root = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-run-'))
afterAll(() => fs.rmSync(root, { recursive: true, force: true }))

function task(name: string): ReturnType<typeof consolidate> {
  return consolidate(`consolidate-${name}`, {
    from: datedFolder(`landing/${name}`, { day }),
    columns: { id: 'bigint', amount: 'decimal(18,2)' },
    reject: { 'id is missing': 'id IS NULL' },
    keep: newest({ key: 'id', by: ['amount'] }),
    to: dayPartitions(`consolidated/${name}`, { files: 2, codec: 'snappy' }),
  })
}

const twoTasks: Pipeline = definePipeline({
  name: 'two',
  description: 'two tables, one after the other',
  params: { note: z.string().optional() },
  metrics: ['records_processed', 'duplicates_removed', 'output_files'],
  tasks: () => [task('first'), task('second')],
})

async function land(where: string, name: string, select: string): Promise<void> {
  const folder = path.join(where, 'landing', name, '2025/11/02')
  fs.mkdirSync(folder, { recursive: true })
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  await connection.run(`COPY (${select}) TO '${folder}/a.parquet' (FORMAT parquet)`)
  connection.closeSync()
  instance.closeSync()
}

function options(where: string, engine: Engine = duckdbEngine()): RunOptions {
  return runOptions(where, twoTasks, { engine, memoryBytes: 2 ** 29, threads: 1 })
}

const rows = 'SELECT CAST(n AS BIGINT) AS id, CAST(n AS DECIMAL(18, 2)) AS amount FROM range(10) AS t(n)'
const tasksOf = (events: RunEvent[], type: RunEvent['type']): string[] =>
  events.filter((event) => event.type === type).map((event) => ('task' in event ? event.task : ''))

describe('retry', () => {
  const where = path.join(root, 'retry')
  beforeAll(() => land(where, 'first', rows))

  it('goes on after the last finished task and repeats none', async () => {
    const failed = await startRun(options(where), { note: 'kept' })
    expect(failed.status).toBe('failed')
    expect(failed.tasks.map(({ name, status }) => [name, status])).toEqual([
      ['consolidate-first', 'succeeded'],
      ['consolidate-second', 'failed'],
    ])
    expect(failed.error).toContain('landing/second/2025/11/02')

    await land(where, 'second', rows)
    const retried = await retryRun(options(where), failed.run)
    expect(retried.status).toBe('succeeded')
    expect(retried.attempts).toBe(2)
    expect(retried.params).toEqual({ note: 'kept' })
    expect(retried.tasks.map(({ name, status }) => [name, status])).toEqual([
      ['consolidate-first', 'succeeded'],
      ['consolidate-second', 'succeeded'],
    ])
    // Both tasks count, the one of the first attempt too.
    expect(retried.metrics).toEqual({ records_processed: 20, duplicates_removed: 0, output_files: 4 })
    const events = await readEvents(folderStore(where), failed.run)
    expect(tasksOf(events, 'task-started')).toEqual(['consolidate-first', 'consolidate-second', 'consolidate-second'])
    await expect(retryRun(options(where), failed.run)).rejects.toThrow(/nothing to retry/)
  })
})

describe('balance', () => {
  const where = path.join(root, 'balance')
  beforeAll(async () => {
    await land(where, 'first', rows)
    await land(where, 'second', rows)
  })

  it.each([
    ['counts a row too few', (staged: Record<string, number>) => ({ ...staged, kept: (staged.kept ?? 0) - 1 })],
    ['counts a row too many', (staged: Record<string, number>) => ({ ...staged, kept: (staged.kept ?? 0) + 1 })],
    [
      'counts rows into quarantine that no file has',
      (staged: Record<string, number>) => ({ kept: (staged.kept ?? 0) - 1, rejected: 1 }),
    ],
  ])('publishes nothing when an engine %s', async (_, change) => {
    const honest = duckdbEngine()
    const engine: Engine = {
      ...honest,
      execute: async (plan, context) => {
        const staged = await honest.execute(plan, context)
        return { ...staged, rows: change(staged.rows) }
      },
    }
    const run = await startRun(options(where, engine), {})
    expect(run.status).toBe('failed')
    expect(run.error).toMatch(/Nothing was published/)
    const store = folderStore(where)
    expect(await latestCommit(store, 'consolidated/first/year=2025/month=11/day=02')).toBeNull()
    expect(await store.kind('consolidated')).toBe('missing')
    expect((await store.list('_millrace/staging/two')).folders).toEqual([])
  })

  it('keeps the plan it executed with the run', async () => {
    const run = await startRun({ ...options(where), only: 'consolidate-first' }, {})
    const planned = run.tasks[0]?.partitions[0]?.plan ?? ''
    const plan = JSON.parse(await folderStore(where).readText(planned))
    expect(plan).toMatchObject({ planVersion: 1, pipeline: 'two', task: 'consolidate-first', partition: day })
    expect(plan.inputs[0].files.map(({ path: file }: { path: string }) => file)).toEqual([
      'landing/first/2025/11/02/a.parquet',
    ])
    expect(run.tasks).toHaveLength(1)
  })
})

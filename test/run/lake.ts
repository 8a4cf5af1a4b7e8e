/** Small tables on a real root, and what a run of them takes. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import {
  consolidate,
  type DataTask,
  datedFolder,
  dayPartitions,
  definePipeline,
  newest,
  type Pipeline,
  type Step,
} from 'millrace'
import duckdbEngine from '../../src/engines/duckdb.ts'
import type { RunEvent } from '../../src/events.ts'
import type { RunOptions } from '../../src/run/run.ts'
import folderStore from '../../src/stores/folder.ts'

export const day = '2025-11-02'

/** A consolidation of the landing folder of a table; `name` is the task's. */
export function tableTask(name: string, table = name): DataTask {
  return consolidate(name, {
    from: datedFolder(`landing/${table}`, { day }),
    columns: { id: 'bigint', amount: 'decimal(18,2)' },
    reject: { 'id is missing': 'id IS NULL' },
    keep: newest({ key: 'id', by: ['amount'] }),
    to: dayPartitions(`consolidated/${table}`, { files: 1, codec: 'snappy' }),
  })
}

/** A pipeline of these steps. */
export function pipelineOf(steps: Step[], name = 'stepped'): Pipeline {
  return definePipeline({ name, description: 'steps', params: {}, metrics: ['records_processed'], tasks: () => steps })
}

/** Lets ten rows land for each table. */
export async function landTables(where: string, tables: readonly string[]): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const connection = await instance.connect()
  for (const table of tables) {
    const folder = path.join(where, 'landing', table, day.replaceAll('-', '/'))
    fs.mkdirSync(folder, { recursive: true })
    await connection.run(
      `COPY (SELECT CAST(n AS BIGINT) AS id, CAST(n AS DECIMAL(18, 2)) AS amount FROM range(10) AS t(n)) TO '${folder}/a.parquet' (FORMAT parquet)`,
    )
  }
  connection.closeSync()
  instance.closeSync()
}

/** Options of a run on a root, with the real engine and store. */
export function runOptions(where: string, pipeline: Pipeline, change: Partial<RunOptions> = {}): RunOptions {
  fs.mkdirSync(where, { recursive: true })
  return {
    store: folderStore(where),
    pipeline,
    engine: duckdbEngine(),
    env: 'test',
    dryRun: false,
    only: null,
    external: {},
    notifiers: [],
    memoryBytes: 2 ** 30,
    threads: 2,
    waitMs: 0,
    version: '0.0.0',
    signal: new AbortController().signal,
    now: new Date('2025-11-03T06:00:00Z'),
    onEvent: () => {},
    onProgress: () => {},
    onPlan: () => {},
    onWait: () => {},
    ...change,
  }
}

/** The paths of the events of a type in one attempt, sorted. */
export function pathsIn(events: readonly RunEvent[], type: RunEvent['type'], attempt: number): string[] {
  const starts = events.flatMap((event, index) => (event.type === 'run-started' ? [index] : []))
  return events
    .slice(starts[attempt - 1], starts[attempt])
    .flatMap((event) => (event.type === type && 'path' in event ? [event.path] : []))
    .sort()
}

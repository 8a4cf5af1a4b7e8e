/** A root with drops of small tables, and the tasks over them. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { type DataTask, definePipeline, type Step } from 'millrace'
import type { RunState } from '../../../src/events.ts'
import { openWarehouse, type Warehouse } from '../../../src/iceberg/warehouse.ts'
import { startRun } from '../../../src/run/run.ts'
import { runOptions } from '../lake.ts'

/** Writes the rows of a query as one Parquet file below the root. */
export async function writeParquet(root: string, file: string, sql: string): Promise<void> {
  const target = path.join(root, file)
  fs.mkdirSync(path.dirname(target), { recursive: true })
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const connection = await instance.connect()
  await connection.run("SET TimeZone = 'UTC'")
  await connection.run(`COPY (${sql}) TO '${target.replaceAll("'", "''")}' (FORMAT parquet)`)
  connection.closeSync()
  instance.closeSync()
}

/** Runs tasks one after the other; throws what stopped them. */
export async function runTasks(
  root: string,
  tasks: Step[],
  change: Parameters<typeof runOptions>[2] = {},
): Promise<RunState> {
  const pipeline = definePipeline({
    ...{ name: 'tables', description: 'tasks on tables', params: {}, metrics: [], tasks: () => tasks },
  })
  const state = await startRun(runOptions(root, pipeline, change), {})
  if (!state.status.startsWith('succeeded')) throw new Error(state.error ?? state.status)
  return state
}

/** What a run counted of a table. */
export function countsOf(state: RunState, table: string): Record<string, number> {
  const found = state.tasks.flatMap(({ partitions }) => partitions).find(({ partition }) => partition === table)
  return (found?.changes ?? {}) as Record<string, number>
}

/** Works with the Iceberg tables of a root. */
export async function withTables<T>(root: string, act: (warehouse: Warehouse) => Promise<T>): Promise<T> {
  const warehouse = await openWarehouse(path.join(root, 'iceberg'), { memoryBytes: 2 ** 30, threads: 2 })
  try {
    return await act(warehouse)
  } finally {
    warehouse.close()
  }
}

/** The rows of a query over the tables of a root, values as text. */
export async function rowsOf(root: string, sql: string): Promise<unknown[][]> {
  return await withTables(root, async (warehouse) => (await warehouse.show(sql)).rows)
}

/** How many snapshots a table has. */
export async function snapshotsOf(root: string, table: string): Promise<number> {
  return await withTables(root, async (warehouse) => (await warehouse.table(table)).metadata.snapshots.length)
}

export type { DataTask }

/** Small folders of tables on a real root, as the steps before a registration leave them, and the catalog they end up in. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { definePipeline, registerTables, repairPartitions } from 'millrace'
import type { GlueCatalog } from '../../../src/catalogs/glue-catalog.ts'
import localGlueCatalog from '../../../src/catalogs/local-glue-catalog.ts'
import type { RunState } from '../../../src/events.ts'
import { type RunOptions, startRun } from '../../../src/run/run.ts'
import folderStore from '../../../src/stores/folder.ts'
import { runOptions } from '../lake.ts'

export const database = 'omc_flywheel_test'
export const staged = 'clean/split_cluster/infobase'
export const parts = 'clean/split_part'

/** Writes one Parquet file of a query, its folders made. */
export async function writeFile(root: string, file: string, select: string): Promise<void> {
  const target = path.join(root, file)
  fs.mkdirSync(path.dirname(target), { recursive: true })
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const connection = await instance.connect()
  await connection.run(`COPY (${select}) TO '${target.replaceAll("'", "''")}' (FORMAT parquet)`)
  connection.closeSync()
  instance.closeSync()
}

/** `customer_user_id` and so many columns more, as a query of three rows. */
export function wide(others: number): string {
  const columns = Array.from({ length: others }, (_, index) => `n + ${index} AS c${String(index).padStart(4, '0')}`)
  return `SELECT ${["'u' || n AS customer_user_id", ...columns].join(', ')} FROM range(3) AS t(n)`
}

/** Says of which snapshot the staged tables are. */
export function writeSnapshot(root: string, date: string, folder = staged): void {
  fs.mkdirSync(path.join(root, folder, 'metadata'), { recursive: true })
  fs.writeFileSync(path.join(root, folder, 'metadata/snapshot_dt.txt'), `${date}\n`)
}

const key = 'customer_user_id'

/** A pipeline that registers the staged tables. */
export function stagedPipeline(change: Partial<Parameters<typeof registerTables>[1]> = {}): RunOptions['pipeline'] {
  return definePipeline({
    name: 'staged',
    description: 'registers staged tables',
    params: {},
    metrics: ['tables_registered', 'tables_changed'],
    tasks: () => [
      registerTables('register-staged-tables', {
        ...{ from: [staged], layout: 'staged', database, prefix: 'ext_', columnsMax: 100, key },
        ...change,
      }),
    ],
  })
}

/** A pipeline that registers tables with partitions, and finds these. */
export function partitionedPipeline(tablesAtOnce = 5): RunOptions['pipeline'] {
  return definePipeline({
    name: 'partitioned',
    description: 'registers tables with partitions',
    params: {},
    metrics: ['tables_registered', 'tables_changed', 'partitions_added', 'partitions_removed', 'tables_repaired'],
    tasks: () => [
      registerTables('register-part-tables', {
        ...{ from: [parts], layout: 'partitioned', database, prefix: 'part_', key },
      }),
      repairPartitions('prepare-part-tables', { database, prefix: 'part_', tablesAtOnce, pollIntervalMs: 100 }),
    ],
  })
}

/** Runs a pipeline on a root. */
export async function run(
  root: string,
  pipeline: RunOptions['pipeline'],
  change: Partial<RunOptions> = {},
): Promise<RunState> {
  return await startRun(runOptions(root, pipeline, change), {})
}

/** The catalog of a root. */
export function catalogOf(root: string): GlueCatalog {
  return localGlueCatalog(folderStore(root))
}

/** Every file of the catalog with its content and when it was written. */
export function catalogBytes(root: string): Record<string, string> {
  const folder = path.join(root, '_millrace/catalog')
  const entries = fs.readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return Object.fromEntries(
    entries.map(({ parentPath, name }) => {
      const file = path.join(parentPath, name)
      return [path.relative(folder, file), `${fs.statSync(file).mtimeMs} ${fs.readFileSync(file, 'utf8')}`]
    }),
  )
}

/** Registered tables with difficult keys on a real root, the pipeline that buckets them, and what it wrote. */
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import {
  type BucketTablesTask,
  bucketedTables,
  bucketTables,
  definePipeline,
  registeredTables,
  registerTables,
} from 'millrace'
import type { GlueCatalog } from '../../src/catalogs/glue-catalog.ts'
import localGlueCatalog from '../../src/catalogs/local-glue-catalog.ts'
import type { RunEvent } from '../../src/events.ts'
import { startRun } from '../../src/run/run.ts'
import folderStore from '../../src/stores/folder.ts'
import { runOptions } from './lake.ts'

export const database = 'omc_flywheel_test'
export const target = 'cleanroom_tables/bucketed'

/** Keys that are null, empty, not ASCII, very long, with a NUL, and each twice; as an SQL expression of `i`. */
export const oddKeySql = `CASE i % 40 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN 'clé-漢字-😀' WHEN 3 THEN repeat('k', 70000) WHEN 4 THEN 'a' || chr(0) || 'b'
  WHEN 5 THEN repeat('é', 20) WHEN 6 THEN repeat('x', 36) WHEN 7 THEN repeat('x', 37) WHEN 8 THEN ' ' ELSE md5((i // 2)::VARCHAR) END`

export type BucketLake = {
  root: string
  catalog: GlueCatalog
  /** Writes a staged table: the columns of a query of `i`, which is a number below `rows`; in two files where it has rows. */
  stage(table: string, select: string, rows?: number): Promise<void>
  /** Registers what is staged, and buckets it. */
  run(to?: Partial<BucketTablesTask['to']>, only?: string[] | null): Promise<BucketRun>
  rows(sql: string): Promise<Record<string, unknown>[]>
  /** `read_parquet` over a bucketed table's files. */
  bucketed(table: string): string
  remove(): void
}
export type BucketRun = {
  result: Awaited<ReturnType<typeof startRun>>
  events: RunEvent[]
  warnings: string[]
  failure: string
}

/** Makes an empty lake. */
export async function makeBucketLake(): Promise<BucketLake> {
  const root = fs.mkdtempSync(path.join(tmpdir(), 'millrace-buckets-'))
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' })
  const connection = await instance.connect()
  const catalog = localGlueCatalog(folderStore(root))
  fs.mkdirSync(path.join(root, 'staged/metadata'), { recursive: true })
  fs.writeFileSync(path.join(root, 'staged/metadata/snapshot_dt.txt'), '2025-01-15\n')
  return {
    root,
    catalog,
    stage: async (table, select, rows = 1000) => {
      const folder = path.join(root, 'staged', table)
      fs.rmSync(folder, { recursive: true, force: true })
      fs.mkdirSync(folder, { recursive: true })
      await copy(connection, `SELECT ${select} FROM range(${rows}) AS t(i) WHERE i % 3 > 0`, `${folder}/a.parquet`)
      await copy(connection, `SELECT ${select} FROM range(${rows}) AS t(i) WHERE i % 3 = 0`, `${folder}/b.parquet`)
    },
    run: async (to = {}, only = null) => {
      const events: RunEvent[] = []
      const options = runOptions(root, pipelineOf(to, only), { onEvent: (event) => void events.push(event) })
      const result = await startRun(options, {})
      const warnings = events.flatMap((event) => (event.type === 'warning' ? [event.message] : []))
      const failure = events.flatMap((event) => (event.type === 'task-failed' ? [event.error] : [])).join('\n')
      return { result, events, warnings, failure }
    },
    rows: async (sql) => (await connection.runAndReadAll(sql)).getRowObjectsJson(),
    bucketed: (table) =>
      `read_parquet('${`${root}/${target}/${table}`.replaceAll("'", "''")}/*.parquet', filename = true, file_row_number = true)`,
    remove: () => {
      connection.closeSync()
      instance.closeSync()
      fs.rmSync(root, { recursive: true, force: true })
    },
  }
}

function pipelineOf(to: Partial<BucketTablesTask['to']>, only: string[] | null): ReturnType<typeof definePipeline> {
  return definePipeline({
    name: 'buckets',
    description: 'registers and buckets tables',
    params: {},
    metrics: ['tables_bucketed', 'rows_bucketed', 'files_written'],
    tasks: () => [
      registerTables('register', {
        from: ['staged'],
        layout: 'staged',
        database,
        prefix: 'ext_',
        key: 'customer_user_id',
      }),
      bucketTables('bucket', {
        from: registeredTables(database, { prefix: 'ext_', only }),
        to: bucketedTables(target, { database, prefix: 'bucketed_', by: ['customer_user_id'], count: 8, ...to }),
      }),
    ],
  })
}

async function copy(connection: DuckDBConnection, sql: string, file: string): Promise<void> {
  await connection.run(`COPY (${sql}) TO '${file.replaceAll("'", "''")}' (FORMAT parquet, COMPRESSION snappy)`)
}

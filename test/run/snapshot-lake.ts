/** Snapshots on a real root, and what a split makes of them. */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { type DataTask, definePipeline, fanOut, snapshots, splitSpec, stagedTables } from 'millrace'
import type { RunEvent } from '../../src/events.ts'
import type { RunOptions } from '../../src/run/run.ts'
import { startRun } from '../../src/run/run.ts'
import { runOptions } from './lake.ts'

export const date = '2025-01-15'
export const source = 'opus/raw_input'
export const key = 'customer_user_id'

/** A CSV of tables with their columns. */
export function csvOf(tables: Record<string, readonly string[]>): string {
  const field = (text: string): string => `"${text.replaceAll('"', '""')}"`
  const lines = Object.entries(tables).flatMap(([table, columns]) =>
    columns.map((column) => `${table},${field(column)}`),
  )
  return ['table_name,column_name', ...lines, ''].join('\n')
}

export type SplitOptions = Partial<Parameters<typeof fanOut>[1]> & { name?: string; csv?: string; date?: string | null }

/** A split of the source into staged tables at `split`, or as the options say. */
export function splitTask({ name = 'split', csv, date: asked = null, ...options }: SplitOptions): DataTask {
  return fanOut(name, {
    from: snapshots(source, { date: asked }),
    tables: splitSpec({ file: 'split.csv', text: csv ?? csvOf({ A: ['a'] }), key }),
    key,
    to: stagedTables('split'),
    ...options,
  })
}

export type RunFound = {
  status: string
  error: string
  metrics: Record<string, number>
  warnings: string[]
  events: RunEvent[]
}

/** A root with snapshots. */
export class SnapshotLake {
  readonly root = fs.mkdtempSync(path.join(tmpdir(), 'millrace-fan-out-'))

  at(file: string): string {
    return path.join(this.root, file)
  }

  /** Writes the rows of queries as the files of a snapshot, one each. */
  async land(queries: readonly string[], on = date, options = ''): Promise<void> {
    const folder = this.at(`${source}/snapshot_dt=${on}`)
    fs.mkdirSync(folder, { recursive: true })
    await this.query(
      ...queries.map((sql, index) => `COPY (${sql}) TO '${folder}/part-${index}.parquet' (FORMAT parquet${options})`),
    )
  }

  /** The rows of the last statement as JSON values. */
  async query(...statements: string[]): Promise<unknown[][]> {
    const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
    const connection = await instance.connect()
    try {
      let rows: unknown[][] = []
      for (const sql of statements) rows = (await connection.runAndReadAll(sql)).getRowsJson() as unknown[][]
      return rows
    } finally {
      connection.closeSync()
      instance.closeSync()
    }
  }

  /** All rows below a folder, in the order of an expression. */
  async rows(folder: string, columns = '*', order = 'ALL'): Promise<unknown[][]> {
    const files = `read_parquet('${this.at(folder)}/*.parquet', hive_partitioning = false)`
    return await this.query(`SELECT ${columns} FROM ${files} ORDER BY ${order}`)
  }

  async run(tasks: DataTask | DataTask[], change: Partial<RunOptions> = {}, name = 'fly'): Promise<RunFound> {
    const events: RunEvent[] = []
    const pipeline = definePipeline({
      name,
      description: 'splits',
      params: {},
      metrics: ['tables_written', 'rows_read', 'rows_quarantined', 'files_written', 'tables_registered'],
      tasks: () => [tasks].flat(),
    })
    await startRun(runOptions(this.root, pipeline, { onEvent: (event) => events.push(event), ...change }), {})
    const end = events.findLast((event) => event.type === 'run-finished')
    if (end?.type !== 'run-finished') throw new Error('the run has no end')
    const warnings = events.flatMap((event) => (event.type === 'warning' ? [event.message] : []))
    return { status: end.status, error: end.error ?? '', metrics: end.metrics, warnings, events }
  }

  /** Every data file below a folder with a hash of its bytes. */
  contents(folder: string): Record<string, string> {
    const all: Record<string, string> = {}
    if (!fs.existsSync(this.at(folder))) return all
    for (const name of fs.readdirSync(this.at(folder), { recursive: true }).map(String).sort()) {
      const file = path.join(this.at(folder), name)
      if (fs.statSync(file).isFile()) all[name] = createHash('sha256').update(fs.readFileSync(file)).digest('hex')
    }
    return all
  }

  folders(folder: string): string[] {
    return fs.existsSync(this.at(folder)) ? fs.readdirSync(this.at(folder)).sort() : []
  }

  remove(): void {
    fs.rmSync(this.root, { recursive: true, force: true })
  }
}

/** A root with snapshots as the flywheel system gets them, and its tables as DuckDB reads them from the files alone. */
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'

export const places = {
  infobase: 'opus/infobase_attributes/raw_input',
  addressable: 'opus/addressable_ids/raw_input',
  compacted: 'omc_cleanroom_data/addressable/addressable_ids_compaction_cr',
  stagedSpec: 'omc_cleanroom_data/omc_flywheel_infobase_table_split_lowercase.csv',
  partitionedSpec: 'omc_cleanroom_data/omc_flywheel_infobase_table_split_part.csv',
  addressableSpec: 'omc_cleanroom_data/omc_flywheel_addressable_ids_table_split_part.csv',
  staged: 'omc_cleanroom_data/split_cluster',
  partitioned: 'omc_cleanroom_data/split_part',
  bucketed: 'omc_cleanroom_data/cleanroom_tables/bucketed',
}

export type Lake = {
  root: string
  /** Writes the rows of a query as one file of a snapshot, `<path>/snapshot_dt=<date>/<name>.parquet`. */
  land(place: string, date: string, sql: string, name?: string): Promise<void>
  write(file: string, content: string): void
  query(sql: string): Promise<unknown[][]>
  /** Of every folder with Parquet files below a path: its rows and the sum of their hashes. */
  tables(below: string): Promise<Record<string, string>>
  remove(): void
}

/** Makes an empty root. */
export async function makeLake(): Promise<Lake> {
  const root = fs.mkdtempSync(path.join(tmpdir(), 'millrace-flywheel-'))
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' })
  const connection = await instance.connect()
  const query = async (sql: string): Promise<unknown[][]> => (await connection.runAndReadAll(sql)).getRowsJS()
  const write = (file: string, content: string): void => {
    fs.mkdirSync(path.dirname(path.join(root, file)), { recursive: true })
    fs.writeFileSync(path.join(root, file), content)
  }
  return {
    ...{ root, write, query },
    land: async (place, date, sql, name = 'part-0') => {
      const folder = path.join(root, place, `snapshot_dt=${date}`)
      fs.mkdirSync(folder, { recursive: true })
      await connection.run(`COPY (${sql}) TO '${path.join(folder, `${name}.parquet`)}' (FORMAT parquet)`)
    },
    tables: async (below) => {
      const found: Record<string, string> = {}
      for (const folder of foldersWithParquet(path.join(root, below))) {
        const from = `read_parquet('${folder.replaceAll("'", "''")}/*.parquet', hive_partitioning = false, union_by_name = true)`
        const columns = (await query(`DESCRIBE FROM ${from}`)).map(([name, type]) => `${name} ${type}`)
        const [[rows, hash] = []] = await query(
          `SELECT count(*), CAST(sum(CAST(hash(CAST(t AS VARCHAR)) AS HUGEINT)) AS VARCHAR) FROM ${from} t`,
        )
        found[path.relative(root, folder)] = `${rows} rows, ${hash}: ${columns.join(', ')}`
      }
      return found
    },
    remove: () => {
      connection.closeSync()
      instance.closeSync()
      fs.rmSync(root, { recursive: true, force: true })
    },
  }
}

function foldersWithParquet(folder: string): string[] {
  if (!fs.existsSync(folder)) return []
  const entries = fs.readdirSync(folder, { withFileTypes: true, recursive: true })
  const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.parquet'))
  return [...new Set(files.map(({ parentPath }) => parentPath))].sort()
}

/** The text of a split spec. */
export function specCsv(tables: Record<string, string[]>): string {
  const lines = Object.entries(tables).flatMap(([table, columns]) => columns.map((column) => `${table},${column}`))
  return ['table_name,column_name', ...lines, ''].join('\n')
}

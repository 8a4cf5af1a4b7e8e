/** Landing zones are made once for each size and kept for the next time. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'

const writers = 2

/** The root of that name, written unless an earlier bench made it; a run that was stopped leaves nothing. */
export async function keptRoot(home: string, name: string, write: (root: string) => Promise<void>): Promise<string> {
  const root = path.join(home, name)
  if (!fs.existsSync(root)) {
    fs.rmSync(`${root}.partial`, { recursive: true, force: true })
    await write(`${root}.partial`)
    fs.renameSync(`${root}.partial`, root)
  }
  return root
}

/** Writes Parquet files side by side, out of tables that `prepare` makes; folders are made. */
export async function writeFiles(prepare: string[], files: ParquetFile[]): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:')
  const owner = await instance.connect()
  for (const sql of prepare) await owner.run(sql)
  for (const folder of new Set(files.map(({ target }) => path.dirname(target)))) {
    fs.mkdirSync(folder, { recursive: true })
  }
  const waiting = [...files]
  const work = async (): Promise<void> => {
    const connection = await instance.connect()
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      await connection.run(`COPY (${file.sql}) TO '${file.target.replaceAll("'", "''")}' (FORMAT parquet, ${file.how})`)
    }
    connection.closeSync()
  }
  await Promise.all(Array.from({ length: writers }, work))
  owner.closeSync()
  instance.closeSync()
}

/** What a file holds and, as DuckDB's options of COPY, how it is written. */
export type ParquetFile = { target: string; sql: string; how: string }

/** Every file below a folder, by name. */
export function filesBelow(folder: string): string[] {
  return fs
    .readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort()
}

/** Reads every file below a folder once, so that no contender pays for the disk. */
export function warm(folder: string): void {
  for (const file of filesBelow(folder)) fs.readFileSync(file)
}

/** The same files below another folder. Data is never changed in place, so that a link is enough; everything else is copied. */
export function linkFolder(from: string, to: string): void {
  for (const file of filesBelow(from)) {
    const target = path.join(to, path.relative(from, file))
    fs.mkdirSync(path.dirname(target), { recursive: true })
    if (file.endsWith('.parquet')) fs.linkSync(file, target)
    else fs.copyFileSync(file, target)
  }
}

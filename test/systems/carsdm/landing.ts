/** DMS landing zones out of plain values: what lies in every file is known because it is made here. */
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { duckdb, hashOf, text } from '../chargebacks/lake.ts'

/** Decimals, dates and timestamps are text, as SQL spells them. */
export type Value = string | number | bigint | boolean | null
/** A column with its type in Hive's spelling. */
export type Column = { name: string; type: string }
/** A file's name and rows, or the bytes of one that is no Parquet. */
export type FileContent = { name: string; columns: Column[]; rows: Value[][] } | { name: string; bytes: Buffer }
/** A file of a table; `sha256` is known once it is written. */
export type LandedFile = FileContent & { table: string; sha256: string }
export type Definition = { table: string; primaryKey: string[]; columns: Record<string, string> }

/** The day that files fall on unless they say otherwise. */
export const day = '20251103'

/** Columns written as `Op string, id bigint, price decimal(10,2)`. */
export function columnsOf(spec: string): Column[] {
  return spec.split(', ').map((column) => {
    const at = column.lastIndexOf(' ')
    return { name: column.slice(0, at), type: column.slice(at + 1) }
  })
}

/** A CDC file of an hour of the usual day, or of a moment written as `20251103-080000000`. */
export function cdc(moment: number | string, spec: string, ...rows: Value[][]): FileContent {
  const time = typeof moment === 'string' ? moment : `${day}-${String(moment).padStart(2, '0')}0000000`
  return { name: `${time}.parquet`, columns: columnsOf(spec), rows }
}

/** The LOAD file of a number. */
export function load(number: number, spec: string, ...rows: Value[][]): FileContent {
  return { name: `LOAD${String(number).padStart(8, '0')}.parquet`, columns: columnsOf(spec), rows }
}

/** The same file under another name. */
export function renamed(file: FileContent, name: string): FileContent {
  return { ...file, name }
}

/** A CDC file of which only the first half arrived. */
export async function truncated(file: FileContent): Promise<FileContent> {
  const folder = fs.mkdtempSync(path.join(tmpdir(), 'millrace-truncated-'))
  try {
    await writeFile(path.join(folder, 'whole.parquet'), file)
    const bytes = fs.readFileSync(path.join(folder, 'whole.parquet'))
    return { name: file.name, bytes: bytes.subarray(0, bytes.length / 2) }
  } finally {
    fs.rmSync(folder, { recursive: true })
  }
}

/** A table's folder below the root. */
export function folderOf(table: string): string {
  return `landing/cars/dbo/${table}`
}

/** Writes a file into its table's folder below a root. */
export async function landFile(root: string, table: string, file: FileContent): Promise<LandedFile> {
  const target = path.join(root, folderOf(table), file.name)
  fs.mkdirSync(path.dirname(target), { recursive: true })
  await writeFile(target, file)
  return { ...file, table, sha256: hashOf(target) }
}

async function writeFile(target: string, file: FileContent): Promise<void> {
  if ('bytes' in file) return fs.writeFileSync(target, file.bytes)
  // Written under a plain name first: what DuckDB makes of a difficult one is not what is tested here.
  const draft = path.join(fs.mkdtempSync(path.join(tmpdir(), 'millrace-draft-')), 'draft.parquet')
  await (await duckdb()).run(`COPY (${rowsSql(file.columns, file.rows)}) TO ${text(draft)} (FORMAT parquet)`)
  fs.copyFileSync(draft, target)
  fs.rmSync(path.dirname(draft), { recursive: true })
}

function rowsSql(columns: readonly Column[], rows: readonly Value[][]): string {
  const casts = columns.map(({ name, type }, index) => {
    return `CAST(c${index} AS ${duckdbType(type)}) AS "${name.replaceAll('"', '""')}"`
  })
  const some = rows.length > 0 ? rows : [columns.map(() => null)]
  const tuples = some.map((row) => `(${columns.map((_, index) => valueSql(row[index] ?? null)).join(', ')})`)
  const aliases = columns.map((_, index) => `c${index}`).join(', ')
  const where = rows.length > 0 ? '' : ' WHERE false'
  return `SELECT ${casts.join(', ')} FROM (VALUES ${tuples.join(', ')}) t(${aliases})${where}`
}

function duckdbType(type: string): string {
  return type === 'string' ? 'VARCHAR' : type
}

function valueSql(value: Value): string {
  return value === null ? 'CAST(NULL AS VARCHAR)' : text(String(value))
}

/** Writes the definitions of tables as a tables file. */
export function writeTablesFile(target: string, definitions: readonly Definition[]): void {
  fs.mkdirSync(path.dirname(target), { recursive: true })
  fs.writeFileSync(target, `${JSON.stringify(definitions, null, 2)}\n`)
}

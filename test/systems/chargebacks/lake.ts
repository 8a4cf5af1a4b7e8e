/** A storage root for the chargebacks tests: lands files, reads what came out, tells what changed. */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { type Answer, type AnswerFile, answerOf, type Row } from './answer.ts'
import { type FileColumn, hundredths, type LandedFile, plain, rowsSql } from './landing.ts'

/** A file of a table: its rows, and the codecs of its column chunks. */
export type TableFile = { name: string; rows: number; codecs: string[] }
/** A line of quarantine's list of unreadable files. */
export type UnreadableEntry = { path: string; sha256: string; reason: string }

let opened: Promise<DuckDBConnection> | null = null

/** The tests' own DuckDB, which only writes input and reads results. */
export function duckdb(): Promise<DuckDBConnection> {
  opened ??= DuckDBInstance.create(':memory:', { threads: '1' }).then(async (instance) => {
    const connection = await instance.connect()
    await connection.run("SET TimeZone = 'UTC'")
    return connection
  })
  return opened
}

/** Runs a query; every value should be text, a number or null. */
export async function rowsOf(sql: string): Promise<Record<string, unknown>[]> {
  return (await (await duckdb()).runAndReadAll(sql)).getRowObjectsJson()
}

/** A storage root. */
export type Lake = ReturnType<typeof makeLake>

/** Makes an empty storage root; `below` is the folder it is made in. */
export function makeLake(below: string = tmpdir()) {
  const root = fs.mkdtempSync(path.join(below, "millrace [1] 100%20 é's *-"))
  const landed: AnswerFile[] = []
  const absolute = (relative: string): string => path.join(root, relative)
  return {
    root,
    absolute,
    /** Lands files below a folder such as `landing/chargebacks/2025/11/03`. */
    land: async (folder: string, files: readonly LandedFile[]): Promise<void> => {
      fs.mkdirSync(absolute(folder), { recursive: true })
      for (const file of files) {
        await writeLanded(absolute(`${folder}/${file.name}`), file)
        if (file.kind !== 'ignored') landed.push(answerFile(`${folder}/${file.name}`, file))
      }
    },
    /** The answer for everything landed below a folder so far. */
    answer: (folder: string): Answer => answerOf(landed.filter((file) => file.path.startsWith(`${folder}/`))),
    remove: (): void => fs.rmSync(root, { recursive: true, force: true }),
  }
}

/** The landing folder of a day. */
export function landingOf(day: string, landing = 'landing/chargebacks'): string {
  return `${landing}/${day.replaceAll('-', '/')}`
}

/** The partition folder of a day. */
export function partitionOf(day: string, table = 'consolidated/chargebacks'): string {
  const [year, month, date] = day.split('-')
  return `${table}/year=${year}/month=${month}/day=${date}`
}

/** A sound file with the declared columns and rows of which only what is given matters. */
export function soundFile(name: string, rows: Partial<Row>[], more: FileColumn[] = []): LandedFile {
  const columns = [...plain(), ...more]
  const whole = rows.map((row): Row => Object.fromEntries(columns.map(({ column }) => [column, row[column] ?? null])))
  return { kind: 'rows', name, columns, rows: whole, codec: 'snappy' }
}

function answerFile(file: string, landed: LandedFile): AnswerFile {
  return {
    path: file,
    columns: landed.columns.map(({ column }) => column.toLowerCase()),
    rows: landed.kind === 'rows' ? landed.rows : null,
  }
}

async function writeLanded(target: string, file: LandedFile): Promise<void> {
  // Written under a plain name first: what DuckDB makes of a difficult one is not what is tested here.
  const draft = path.join(fs.mkdtempSync(path.join(tmpdir(), 'millrace-draft-')), 'draft.parquet')
  try {
    const codec = file.kind === 'rows' ? file.codec : 'gzip'
    await writeParquet(draft, rowsSql(file.columns, file.rows), codec)
    if (file.kind === 'unreadable') await damage(draft, file)
    fs.copyFileSync(draft, target)
  } finally {
    fs.rmSync(path.dirname(draft), { recursive: true })
  }
}

/** Writes a query's rows as one Parquet file, whose folder is made. */
export async function writeParquet(target: string, sql: string, codec = 'snappy'): Promise<void> {
  fs.mkdirSync(path.dirname(target), { recursive: true })
  await (await duckdb()).run(`COPY (${sql}) TO ${text(target)} (FORMAT parquet, COMPRESSION ${codec})`)
}

async function damage(file: string, { what, columns, rows }: LandedFile & { kind: 'unreadable' }): Promise<void> {
  const some = rows.length > 0 ? rows : [{ chargeback_id: 'CB1' }]
  const retyped = (column: string, type: string): FileColumn[] =>
    columns.map((found) => (found.column === column ? { ...found, type } : found))
  switch (what) {
    case 'zero bytes':
      return fs.writeFileSync(file, '')
    case 'text':
      return fs.writeFileSync(file, 'chargeback_id,amount\nCB1,2.50\n')
    case 'truncated':
      return fs.truncateSync(file, Math.floor(fs.statSync(file).size / 2))
    case 'beginning cut off':
      return fs.writeFileSync(file, fs.readFileSync(file).subarray(64))
    case 'amount is a double':
      return await writeParquet(file, rowsSql(retyped('amount', 'DOUBLE'), [{ amount: 250n }, ...rows]))
    case 'event_timestamp is text':
      return await writeParquet(
        file,
        rowsSql(retyped('event_timestamp', 'VARCHAR'), [{ event_timestamp: 0n }, ...rows]),
      )
    case 'chargeback_id is a number':
      return await writeParquet(file, rowsSql(retyped('chargeback_id', 'BIGINT'), [{ chargeback_id: 7 }]))
    case 'no key':
      return await writeParquet(file, rowsSql(columns.slice(1), rows))
    case 'damaged page':
      await writeParquet(file, rowsSql(columns, some), 'gzip')
      return await damagePage(file)
    case 'text that is not UTF-8': {
      const marked = some.map((row) => ({ ...row, merchant_name: 'QQQQQQQQ' }))
      await writeParquet(file, rowsSql(columns, marked), 'uncompressed')
      const bytes = fs.readFileSync(file)
      // The footer's statistics stay as they are; only the values are changed.
      const at = bytes.indexOf('QQQQQQQQ')
      return fs.writeFileSync(file, bytes.fill(0xff, at, at + 8))
    }
  }
}

/** Flips bytes in the middle of a column's pages until the values cannot be read, while the footer is as it was. */
async function damagePage(file: string): Promise<void> {
  const [chunk] = await rowsOf(
    `SELECT least(data_page_offset, coalesce(nullif(dictionary_page_offset, 0), data_page_offset))::INT AS start, total_compressed_size::INT AS size FROM parquet_metadata(${text(file)}) WHERE path_in_schema = 'chargeback_id'`,
  )
  const [start, size] = [Number(chunk?.start), Number(chunk?.size)]
  const bytes = fs.readFileSync(file)
  const middle = start + Math.floor(size / 2)
  for (let at = middle; at > start && (await isReadable(file)); at -= 4) {
    for (let index = at; index < Math.min(at + 4, start + size); index += 1) bytes[index] = (bytes[index] ?? 0) ^ 0xff
    fs.writeFileSync(file, bytes)
  }
  if (await isReadable(file)) throw new Error(`${file} could not be damaged`)
}

async function isReadable(file: string): Promise<boolean> {
  try {
    await rowsOf(`SELECT count(DISTINCT COLUMNS(*)) FROM read_parquet(${text(file)})`)
    return true
  } catch {
    return false
  }
}

/** The Parquet files of a folder with their row counts and codecs; throws when anything else lies there. */
export async function tableFiles(lake: Lake, folder: string): Promise<TableFile[]> {
  const files = dataFiles(lake, folder)
  const all = fs.existsSync(lake.absolute(folder)) ? fs.readdirSync(lake.absolute(folder)) : []
  if (all.length !== files.length || all.some((name) => /^[._]/.test(name)))
    throw new Error(`stray files: ${all.join()}`)
  return await Promise.all(
    files.map(async (file) => {
      const from = text(file.replaceAll(/[*?[]/g, '[$&]'))
      const [row] = await rowsOf(
        `SELECT (SELECT num_rows::INT FROM parquet_file_metadata(${from})) AS rows, (SELECT list(DISTINCT compression) FROM parquet_metadata(${from})) AS codecs`,
      )
      return { name: path.basename(file), rows: Number(row?.rows), codecs: row?.codecs as string[] }
    }),
  )
}

/** The columns of a folder's files, as `name type` in DuckDB's spelling; every file must have the same. */
export async function tableSchema(lake: Lake, folder: string): Promise<string[]> {
  const schemas = await Promise.all(
    dataFiles(lake, folder).map((file) => rowsOf(`DESCRIBE SELECT * FROM ${parquet([file])}`)),
  )
  const texts = schemas.map((rows) => rows.map((row) => `${row.column_name} ${row.column_type}`))
  const other = texts.find((schema) => schema.join() !== texts[0]?.join())
  if (other !== undefined) throw new Error(`${folder} has files with other columns: ${other.join(', ')}`)
  return texts[0] ?? []
}

/** The rows of a folder's files, in the answer's form: names in lower case, times in microseconds, values as text. */
export async function readTable(lake: Lake, folder: string): Promise<Row[]> {
  const files = dataFiles(lake, folder)
  if (files.length === 0) return []
  const columns = await rowsOf(`DESCRIBE SELECT * FROM ${parquet(files)}`)
  const values = columns.map((row) => {
    const [name, type] = [String(row.column_name), String(row.column_type)]
    const quoted = `"${name.replaceAll('"', '""')}"`
    if (type.startsWith('TIMESTAMP')) return `CAST(epoch_us(${quoted}) AS VARCHAR) AS ${quoted}`
    return type.startsWith('DECIMAL') && name !== 'amount' ? `CAST(${quoted} AS DOUBLE) AS ${quoted}` : quoted
  })
  const rows = await rowsOf(`SELECT ${values.join(', ')} FROM ${parquet(files)}`)
  return rows.map((row) =>
    Object.fromEntries(Object.entries(row).map(([name, value]) => [name.toLowerCase(), plainValue(value)])),
  )
}

function dataFiles(lake: Lake, folder: string): string[] {
  if (!fs.existsSync(lake.absolute(folder))) return []
  const names = fs.readdirSync(lake.absolute(folder)).sort()
  return names.filter((name) => name.endsWith('.parquet')).map((name) => lake.absolute(`${folder}/${name}`))
}

/** Files to read to the letter: in a glob's brackets a character means itself. */
function parquet(files: readonly string[]): string {
  const list = files.map((file) => text(file.replaceAll(/[*?[]/g, '[$&]')))
  return `read_parquet([${list.join(', ')}], hive_partitioning = false, union_by_name = true)`
}

function plainValue(value: unknown): string | null {
  return value === null ? null : String(value)
}

/** A row of the answer with its amount as the table prints it. */
export function printed(row: Row): Row {
  return { ...row, amount: typeof row.amount === 'bigint' ? hundredths(row.amount) : (row.amount ?? null) }
}

/** The unreadable files that quarantine lists for a day. */
export function listedUnreadable(lake: Lake, day: string): UnreadableEntry[] {
  const folder = lake.absolute(partitionOf(day, 'quarantine/chargebacks'))
  if (!fs.existsSync(folder)) return []
  return fs
    .readdirSync(folder)
    .filter((name) => name.endsWith('.jsonl'))
    .flatMap((name) => fs.readFileSync(path.join(folder, name), 'utf8').trimEnd().split('\n'))
    .map((line) => JSON.parse(line) as UnreadableEntry)
}

/** Every file and folder below a root with the hash of its content; paths that match `except` are left out. */
export function snapshot(root: string, except: RegExp = /^$/): Record<string, string> {
  const found: Record<string, string> = {}
  for (const entry of fs.readdirSync(root, { recursive: true, withFileTypes: true })) {
    const relative = path.relative(root, path.join(entry.parentPath, entry.name))
    if (except.test(relative)) continue
    found[relative] = entry.isFile() ? hashOf(path.join(root, relative)) : 'folder'
  }
  return found
}

/** SHA-256 in hexadecimal, as the contract's identity of a file. */
export function hashOf(file: string): string {
  return createHash('sha256').update(fs.readFileSync(file)).digest('hex')
}

/** A text as DuckDB's SQL has it. */
export function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`
}

/** What lies in the zones of a root, read from their folders alone, and its difference from the answer. */
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { openWarehouse } from 'millrace/iceberg'
import { expect } from 'vitest'
import { hashOf, rowsOf, text } from '../chargebacks/lake.ts'
import { type Answer, lines, type Row } from './answer.ts'
import { type Column, type Definition, folderOf } from './landing.ts'

/** The rows of some files; `schemas` has the columns of each kind of file once, as `name type, …`. */
export type Relation = { columns: Column[]; schemas: string[]; rows: Row[] }
export type UnreadableEntry = { path: string; bytes: number; sha256: string; reason: string; run: string }
export type Zones = {
  final: Relation
  changes: Relation
  datasets: Relation
  quarantined: Relation
  unreadable: UnreadableEntry[]
}

/** Reads everything of a table. */
export async function readZones(root: string, table: string): Promise<Zones> {
  const files = (folder: string): string[] => dataFiles(path.join(root, folder))
  const datasets = 'landing/cars/Datasets'
  return {
    final: (await readIceberg(root, table)) ?? (await readFiles(files(`final/cars/${table}`))),
    changes: await readFiles(files(`final/cars/_cdc/${table}`)),
    datasets: await readEach([...files(`${datasets}/${table}`), ...files(`${datasets}/${table}-LOAD`)]),
    quarantined: await readEach(files(`quarantine/carsdm/Cars-Raw-DM/${table}`)),
    unreadable: readUnreadable(path.join(root, `quarantine/carsdm/LandingFiles/${table}`)),
  }
}

/** An Iceberg table of Final, by way of a file; null where there is none. */
async function readIceberg(root: string, table: string): Promise<Relation | null> {
  if (!fs.existsSync(path.join(root, 'iceberg/final_cars', table))) return null
  const home = fs.mkdtempSync(path.join(tmpdir(), 'millrace-final-'))
  const warehouse = await openWarehouse(path.join(root, 'iceberg'), { threads: 2, memoryBytes: 2 ** 30 })
  try {
    const scan = await (await warehouse.table(`final_cars.${table}`)).scanSql()
    const session = await warehouse.session()
    const file = path.join(home, 'final.parquet')
    await session.run(`COPY (SELECT * FROM ${scan}) TO ${text(file)} (FORMAT parquet)`)
    session.close()
    return await readFiles([file])
  } finally {
    warehouse.close()
    fs.rmSync(home, { recursive: true })
  }
}

/** Every Parquet file below a folder, in order of the paths. */
export function dataFiles(folder: string): string[] {
  if (!fs.existsSync(folder)) return []
  const found = fs.readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory())
  const stray = found.find(({ name }) => !/^part-[^/]*\.parquet$/.test(name))
  if (stray !== undefined) throw new Error(`${path.join(stray.parentPath, stray.name)} has no place there`)
  return found.map(({ parentPath, name }) => path.join(parentPath, name)).sort()
}

/** Files whose columns may have types that have nothing in common. */
async function readEach(files: readonly string[]): Promise<Relation> {
  const all: Relation = { columns: [], schemas: [], rows: [] }
  for (const file of files) all.rows.push(...(await readFiles([file])).rows)
  return all
}

async function readFiles(files: readonly string[]): Promise<Relation> {
  if (files.length === 0) return { columns: [], schemas: [], rows: [] }
  const from = (some: readonly string[]): string => {
    // In a glob's brackets a character means itself.
    const list = some.map((file) => text(file.replaceAll(/[*?[]/g, '[$&]')))
    return `read_parquet([${list.join(', ')}], hive_partitioning = false, union_by_name = true, filename = 'read_from')`
  }
  const columns = await describe(from(files))
  const schemas = new Set<string>()
  for (const file of files) {
    const own = files.length === 1 ? columns : await describe(from([file]))
    schemas.add(own.map(columnText).join(', '))
  }
  const rows = await rowsOf(`SELECT read_from, ${columns.map(canonicalSql).join(', ')} FROM ${from(files)}`)
  return {
    columns: columns.map(({ name, type }) => ({ name: name.toLowerCase(), type })),
    schemas: [...schemas],
    rows: rows.map(({ read_from: file, ...row }) => ({ ...plainRow(row), ...partitionOf(String(file)) })),
  }
}

async function describe(from: string): Promise<Column[]> {
  const found = await rowsOf(`DESCRIBE SELECT * EXCLUDE (read_from) FROM ${from}`)
  return found.map((row) => ({ name: String(row.column_name), type: hiveType(String(row.column_type)) }))
}

function hiveType(type: string): string {
  return { INTEGER: 'int', VARCHAR: 'string' }[type] ?? type.toLowerCase()
}

function columnText({ name, type }: Column): string {
  return `${name.toLowerCase()} ${type}`
}

function canonicalSql({ name, type }: Column): string {
  const quoted = `"${name.replaceAll('"', '""')}"`
  if (type.startsWith('timestamp')) return `strftime(CAST(${quoted} AS TIMESTAMP), '%Y-%m-%d %H:%M:%S.%f') AS ${quoted}`
  return type === 'double' ? quoted : `CAST(${quoted} AS VARCHAR) AS ${quoted}`
}

function plainRow(row: Record<string, unknown>): Row {
  const entries = Object.entries(row).map(([name, value]): [string, string | null] => {
    return [name.toLowerCase(), value === null ? null : String(value)]
  })
  return Object.fromEntries(entries)
}

/** What the folders say of a file's rows. */
function partitionOf(file: string): Row {
  const date = /\/dart_filedate=([^/]*)\//.exec(file)?.[1]
  if (date !== undefined) return { dart_filedate: date, partition: date }
  return /-LOAD\/[^/]*$/.test(file) ? { partition: 'LOAD' } : {}
}

function readUnreadable(folder: string): UnreadableEntry[] {
  if (!fs.existsSync(folder)) return []
  const lists = fs.readdirSync(folder).filter((name) => /^files-.*\.jsonl$/.test(name))
  const all = lists.flatMap((name) => fs.readFileSync(path.join(folder, name), 'utf8').trimEnd().split('\n'))
  return all.map((line) => JSON.parse(line) as UnreadableEntry)
}

const changeNames = ['op', 'dms_commit_ts', 'dart_source_file', 'dart_source_row']
const datasetNames = ['partition', 'dart_source_file', 'dart_source_row', 'dart_sequence_time', 'dart_sequence_rank']

/** The zones of a table are what the answer says. */
export function expectZones(what: string, definition: Definition, found: Zones, answer: Answer): void {
  const business = answer.columns.map(({ name }) => name)
  expect(lines(found.final.rows, business), `${what}: rows of Final`).toEqual(lines(answer.final, business))
  if (found.final.rows.length > 0) {
    const schema = answer.columns.map(columnText).join(', ')
    expect(found.final.schemas, `${what}: columns of Final`).toEqual([schema])
  }
  const withOrigin = [
    ...business.filter((name) => !/^(is_deleted|deleted_at)$/.test(name)),
    ...changeNames,
    'dart_filedate',
  ]
  const normal = found.changes.rows.map((row) => ({ ...row, op: row.op?.trim().toUpperCase() ?? null }))
  expect(lines(normal, withOrigin), `${what}: CDC zone`).toEqual(lines(answer.changes, withOrigin))
  const asLanded = [...datasetNames, 'op']
  // What counts of a rank is whether it is that of a full load, of changes, or of a later load.
  const ranked = found.datasets.rows.map((row) => ({
    ...row,
    dart_sequence_rank: rankKind(Number(row.dart_sequence_rank)),
  }))
  expect(lines(ranked, asLanded), `${what}: Datasets`).toEqual(lines(answer.datasets, asLanded))
  expectQuarantine(what, definition, found, answer)
}

function expectQuarantine(what: string, { primaryKey }: Definition, found: Zones, answer: Answer): void {
  const rows = found.quarantined.rows.map((row) => {
    const keys = primaryKey.map((name) => row[name.toLowerCase()] ?? 'null').join(', ')
    expect(row.quarantine_file ?? '', `${what}: quarantine_file`).not.toBe('')
    return { line: `${row.dart_source_file}: ${keys}`, reason: row.quarantine_reason ?? '' }
  })
  const expected = answer.quarantined.map(({ file, keys, words }) => ({ line: `${file}: ${keys}`, words }))
  const sorted = (all: { line: string }[]): string[] => all.map(({ line }) => line).sort()
  expect(sorted(rows), `${what}: quarantined rows`).toEqual(sorted(expected))
  for (const { line, words } of expected) {
    const reasons = rows.filter((row) => row.line === line).map(({ reason }) => reason.toLowerCase())
    const isNamed = reasons.some((reason) => words.some((word) => reason.includes(word)))
    expect(isNamed, `${what}: ${line} is quarantined because of "${reasons}", expected ${words}`).toBe(true)
  }
  const names = found.unreadable.map((entry) => path.basename(entry.path)).sort()
  expect(names, `${what}: unreadable files`).toEqual([...answer.unreadable].sort())
  for (const entry of found.unreadable)
    expect(entry.reason !== '' && entry.run !== '', JSON.stringify(entry)).toBe(true)
}

/** An entry of the list of unreadable files says what lies in the landing zone now. */
export function expectIdentity(root: string, table: string, { path: listed, bytes, sha256 }: UnreadableEntry): void {
  const file = path.join(root, folderOf(table), path.basename(listed))
  expect({ bytes, sha256 }).toEqual({ bytes: fs.statSync(file).size, sha256: hashOf(file) })
}

/** 0 for a full load with its own time or the first one, 1 for changes, 2 for a later load. */
function rankKind(rank: number): string {
  if (rank < 0) return '0'
  return rank < 1_000_000 ? '1' : '2'
}

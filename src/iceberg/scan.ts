/** The live rows of a snapshot as SQL: columns by field id, position deletes applied, files left out that a condition cannot concern. */
import { fileList } from '../engines/duckdb/relations.ts'
import type { Session } from '../engines/duckdb/session.ts'
import { quoteName, quoteText } from '../engines/portable.ts'
import { MillraceError } from '../errors.ts'
import { duckdbType } from './column-types.ts'
import { fileExpression, hasNestedChanges, nameMapping, readFileColumns, withMappedIds } from './file-schemas.ts'
import { localPath } from './local-files.ts'
import { currentSchema, schemaById } from './metadata.ts'
import { mayMatch, type Predicate, predicatesOf } from './predicates.ts'
import { type SnapshotChoice, snapshotAt } from './refs.ts'
import { findField } from './schema.ts'
import { liveFiles } from './snapshots.ts'
import { rowsOf } from './summary.ts'
import type { DataFile, Field, LiveFile, Schema, Snapshot, TableMetadata } from './types.ts'

/** What of a table is read. */
export type ScanOptions = SnapshotChoice & {
  /** All of them by default. */
  columns?: readonly string[]
  /** A condition in SQL over the table's columns; files are left out by its parts of the form `column operator literal`. */
  where?: string
  /** Files are left out that can have none of the values of a column that relations in SQL have under its name; no rows are. */
  among?: readonly { column: string; values: string }[]
  /** Two more columns: `_file`, the path of the row's data file, and `_pos`, the row's position in it from 0. */
  lineage?: boolean
}

/**
 * A data file to read. `isDirty`: position deletes may concern it. `expressions`: what each column of the schema is in the file,
 * where field ids of the top level do not tell (see file-schemas.ts).
 */
export type ScanFile = LiveFile & { isDirty: boolean; expressions: string[] | null }

/** Files that are read with one schema. A row is known by the position of its file among them and its own in the file. */
export type Scan = { schema: Schema; files: ScanFile[]; deletes: LiveFile[] }

/** Names of the lineage columns. */
export type Lineage = { file: string; position: string }

/** How operations of this layer name a row's file, by its position in `Scan.files`, and the row's position in it. */
export const rowPlace: Lineage = { file: '$file', position: '$position' }

/** The schema by which a choice is read: a snapshot's own, the table's newest for a branch. */
export function schemaAt(metadata: TableMetadata, choice: SnapshotChoice, snapshot: Snapshot | null): Schema {
  const isBranch = choice.ref !== undefined && metadata.refs[choice.ref]?.type === 'branch'
  const isHead = choice.snapshot === undefined && choice.asOfMs === undefined && (choice.ref === undefined || isBranch)
  const id = snapshot?.['schema-id']
  return isHead || id === undefined ? currentSchema(metadata) : schemaById(metadata, id)
}

/** The files of a choice that a condition may concern. */
export async function planScan(session: Session, metadata: TableMetadata, options: ScanOptions = {}): Promise<Scan> {
  const snapshot = snapshotAt(metadata, options)
  const schema = schemaAt(metadata, options, snapshot)
  const predicates = options.where === undefined ? [] : predicatesOf(options.where, schema)
  return scanOf(session, metadata, snapshot, schema, predicates)
}

/** The files of a snapshot that some predicates may concern, to be read with a schema. */
export async function scanOf(
  session: Session,
  metadata: TableMetadata,
  snapshot: Snapshot | null,
  schema: Schema,
  predicates: readonly Predicate[] = [],
): Promise<Scan> {
  const id = snapshot?.['snapshot-id'] ?? null
  const specs = new Map(metadata['partition-specs'].map((spec) => [spec['spec-id'], spec]))
  const data = (await liveFiles(metadata, id, { content: 0 })).filter((file) =>
    mayMatch(file, predicates, specs.get(file.spec_id)),
  )
  const deletes = await liveFiles(metadata, id, { content: 1 })
  return scanFiles(session, metadata, schema, data, deletes)
}

/** A scan of chosen files, with those of the delete files that concern them. */
export async function scanFiles(
  session: Session,
  metadata: TableMetadata,
  schema: Schema,
  files: readonly LiveFile[],
  allDeletes: readonly LiveFile[],
): Promise<Scan> {
  const matchers = allDeletes.map(concerning)
  const deletes = allDeletes.filter((_, index) => files.some((file) => matchers[index]?.(file)))
  for (const file of [...files, ...deletes]) checkReadable(file)
  const expressions = await expressionsOf(session, metadata, schema, files)
  const scanned = files.map((file, index) => {
    const isDirty = matchers.some((matches) => matches(file))
    return { ...file, isDirty, expressions: expressions[index] ?? null }
  })
  // Files of one kind are read in one go.
  return { schema, files: scanned.sort((a, b) => Number(a.isDirty) - Number(b.isDirty)), deletes }
}

/** The same scan of some of its files. */
export function narrowed(scan: Scan, keep: (file: LiveFile) => boolean): Scan {
  const files = scan.files.filter(keep)
  const dirty = files.filter(({ isDirty }) => isDirty)
  return { schema: scan.schema, files, deletes: scan.deletes.filter((file) => dirty.some(concerning(file))) }
}

function checkReadable(file: DataFile): void {
  const isParquet = file.file_format.toUpperCase() === 'PARQUET'
  if (isParquet && file.content !== 2) return
  const what = file.content === 2 ? 'a file of equality deletes' : `in the format ${file.file_format}`
  throw new MillraceError(
    'input-unreadable',
    `${file.file_path} is ${what}; only Parquet with position deletes can be read here. Have the writer that made it compact the table (Spark: CALL system.rewrite_data_files)`,
  )
}

const deletedPath = 2147483546 // the field id of a position delete's file_path
const deletedPathOfDuckdb = 2147483646 // by which DuckDB's own writer keys its bounds

/** Tells of a delete file which data files it may concern: by its age, the file that it names, or its bounds. */
export function concerning(deletes: LiveFile): (data: LiveFile) => boolean {
  if (deletes.content !== 1) return (data) => deletes.sequence_number > data.sequence_number
  const only = deletes.referenced_data_file ?? null
  const lower = only ?? pathBound(deletes.lower_bounds)
  const upper = only ?? pathBound(deletes.upper_bounds)
  return (data) => {
    if (deletes.sequence_number < data.sequence_number) return false
    return !((lower !== null && data.file_path < lower) || (upper !== null && data.file_path > upper))
  }
}

function pathBound(bounds: Map<number, Uint8Array> | null): string | null {
  const bytes = bounds?.get(deletedPath) ?? bounds?.get(deletedPathOfDuckdb)
  return bytes === undefined ? null : Buffer.from(bytes).toString()
}

async function expressionsOf(
  session: Session,
  metadata: TableMetadata,
  schema: Schema,
  files: readonly LiveFile[],
): Promise<(string[] | null)[]> {
  const mapping = nameMapping(metadata)
  const isNested = hasNestedChanges(metadata, schema)
  if (mapping === null && !isNested) return files.map(() => null)
  const footers = await readFileColumns(
    session,
    files.map((file) => file.file_path),
  )
  return footers.map((columns) => {
    const isMapped = mapping !== null && columns.every(({ id }) => id === null)
    if (!isMapped && !isNested) return null
    const known = mapping === null ? columns : withMappedIds(columns, mapping)
    return schema.fields.map((field) => fileExpression(field, known))
  })
}

/** The query of a scan, in parentheses: its columns, the row's place when asked for, deleted rows left out. */
export function scanSql(scan: Scan, columns: readonly string[], lineage: Lineage | null): string {
  const fields = columns.map((name) => findField(scan.schema, name))
  if (scan.files.length === 0) return emptySql(scan, columns, lineage)
  const places = lineage === null ? [] : [lineage.file, lineage.position]
  const output = [...fields.map(({ name }) => name), ...places].map(quoteName).join(', ') || '1'
  const parts = partsOf(scan).map((part) => {
    const isDirty = part.files[0]?.isDirty === true
    const read = readSql(part, scan.schema, fields, lineage ?? (isDirty ? rowPlace : null))
    if (!isDirty) return `SELECT ${output} FROM ${read}`
    const { file, position } = lineage ?? rowPlace
    return `SELECT ${output} FROM ${read} AS d ANTI JOIN ${deletesSql(scan)} AS x ON x.file = d.${quoteName(file)} AND x.pos = d.${quoteName(position)}`
  })
  return `(${parts.join(' UNION ALL ')})`
}

function emptySql(scan: Scan, columns: readonly string[], lineage: Lineage | null): string {
  const nulls = columns.map((name) => {
    const field = findField(scan.schema, name)
    return `CAST(NULL AS ${duckdbType(field.type)}) AS ${quoteName(field.name)}`
  })
  if (lineage !== null) {
    nulls.push(`CAST(NULL AS INTEGER) AS ${quoteName(lineage.file)}`)
    nulls.push(`CAST(NULL AS BIGINT) AS ${quoteName(lineage.position)}`)
  }
  return `(SELECT ${nulls.join(', ') || '1'} WHERE false)`
}

/** A run of files that one call of read_parquet reads. */
type Part = { first: number; files: ScanFile[] }

function partsOf(scan: Scan): Part[] {
  const parts: Part[] = []
  const keyOf = (file: ScanFile): string => `${file.isDirty} ${file.expressions?.join() ?? ''}`
  for (const [first, file] of scan.files.entries()) {
    const last = parts.at(-1)
    if (last?.files[0] !== undefined && keyOf(last.files[0]) === keyOf(file)) last.files.push(file)
    else parts.push({ first, files: [file] })
  }
  return parts
}

function readSql({ first, files }: Part, schema: Schema, fields: readonly Field[], lineage: Lineage | null): string {
  const expressions = files[0]?.expressions ?? null
  const values = fields.map((field) => {
    const value = expressions?.[schema.fields.indexOf(field)] ?? `f${field.id}`
    return `${value} AS ${quoteName(field.name)}`
  })
  if (lineage !== null) {
    values.push(`CAST(file_index AS INTEGER) + ${first} AS ${quoteName(lineage.file)}`)
    values.push(`file_row_number AS ${quoteName(lineage.position)}`)
  }
  const list = fileList(files.map((file) => localPath(file.file_path)))
  const byId = expressions === null && fields.length > 0 ? `, ${byIdOptions(files, fields)}` : ''
  return `(SELECT ${values.length === 0 ? '1' : values.join(', ')} FROM read_parquet(${list}, hive_partitioning = false${byId}))`
}

function byIdOptions(files: readonly LiveFile[], fields: readonly Field[]): string {
  // Names of our own, so that no column hides DuckDB's file_index.
  const schema = fields.map(
    ({ id, type }) => `${id}: {name: 'f${id}', type: ${quoteText(duckdbType(type))}, default_value: NULL}`,
  )
  // With a schema, DuckDB would plan with 1,000 rows for each file.
  return `schema = MAP {${schema.join(', ')}}, explicit_cardinality = ${Math.max(1, rowsOf(files))}`
}

/** The deleted rows of a scan, in parentheses: `file`, the position in `Scan.files`, and `pos`. */
export function deletesSql(scan: Scan): string {
  const paths = fileList(scan.deletes.map((file) => localPath(file.file_path)))
  const numbers = scan.files.map(({ file_path }, index) => `(${quoteText(file_path)}, ${index})`)
  return `(SELECT f.number AS file, p.pos FROM read_parquet(${paths}, hive_partitioning = false) AS p JOIN (VALUES ${numbers.join(', ')}) AS f(path, number) ON f.path = p.file_path)`
}

/** The rows of a scan: those that its files have by their manifests, less the deleted ones; only deletes are read. */
export async function countRows(session: Session, scan: Scan): Promise<number> {
  if (scan.deletes.length === 0) return rowsOf(scan.files)
  const [row] = await session.rows(`SELECT count(*) AS n FROM (SELECT DISTINCT file, pos FROM ${deletesSql(scan)})`)
  return rowsOf(scan.files) - Number(row?.n)
}

/** The query of a scan for others: as `scanSql`, the row's file by its path in `_file`, its position in `_pos`. */
export function scanWithPaths(scan: Scan, columns: readonly string[]): string {
  const taken = scan.schema.fields.find(({ name }) => ['_file', '_pos'].includes(name.toLowerCase()))
  if (taken !== undefined) {
    throw new MillraceError('usage', `lineage adds the columns _file and _pos, and the table has ${taken.name} already`)
  }
  const output = columns.map((name) => quoteName(findField(scan.schema, name).name))
  const paths = `CAST([${scan.files.map(({ file_path }) => quoteText(file_path)).join(', ')}] AS VARCHAR[])`
  const places = `${paths}[${quoteName(rowPlace.file)} + 1] AS "_file", ${quoteName(rowPlace.position)} AS "_pos"`
  return `(SELECT ${[...output, places].join(', ')} FROM ${scanSql(scan, columns, rowPlace)})`
}

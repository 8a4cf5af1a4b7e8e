/** Writes rows as a table's data files: by partition, sorted, with field ids, of the size that the table asks for. */
import { randomUUID } from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import type { Session } from '../engines/duckdb/session.ts'
import { quoteName, quoteText } from '../engines/portable.ts'
import { MillraceError } from '../errors.ts'
import { expressionOf, fieldIds, leavesByPath, statisticValue } from './column-types.ts'
import { dataFolder } from './data-folder.ts'
import { describedFields, statisticsOf, type WrittenFile, writtenFile } from './file-statistics.ts'
import { localPath } from './local-files.ts'
import { currentSchema, defaultSortOrder, defaultSpec } from './metadata.ts'
import { fixedLength } from './schema.ts'
import { applyTransform, parseTransform, partitionTypes, transformSql } from './transforms.ts'
import type { DataFile, PartitionValue, Schema, SortOrder, TableMetadata } from './types.ts'
import { parsePartitionText } from './values.ts'

/** The size at which a new data file is begun, where a table says nothing else. */
export const targetBytesDefault = 128 * 2 ** 20 // a quarter of Iceberg's: a file is what a merge leaves out or rewrites

const sampleRows = 10_000 // of which the bytes of a row are known well enough; fewer rows are one file in any case

/**
 * Writes the rows of a relation (a name or a query in parentheses, with the table's columns in their types) and says of
 * each file what a manifest needs. No rows, no files. What was written before an error is removed.
 */
export async function writeDataFiles(session: Session, metadata: TableMetadata, from: string): Promise<DataFile[]> {
  const schema = currentSchema(metadata)
  const fixed = schema.fields.find(({ type }) => fixedLength(type) !== undefined)
  if (fixed !== undefined) {
    throw new MillraceError(
      'engine',
      `column ${quoteName(fixed.name)} is ${String(fixed.type)}, which DuckDB cannot write`,
    )
  }
  const location = localPath(metadata.location)
  const draft = `${location}/data/.${randomUUID()}` // hidden, so that orphans are told from data
  fs.mkdirSync(draft, { recursive: true })
  try {
    const isSorted = defaultSortOrder(metadata).fields.length > 0
    const write = isSorted ? writeSorted : writeStreaming
    const written = (await write({ session, metadata, schema, draft }, from)).filter(({ count }) => count > 0n)
    return written.map((file) => placed(file, metadata, schema, location))
  } finally {
    fs.rmSync(draft, { recursive: true, force: true })
  }
}

type Writing = { session: Session; metadata: TableMetadata; schema: Schema; draft: string }

/** Rows as they come: DuckDB splits them by partition, or begins a new file at the size asked for. */
async function writeStreaming(writing: Writing, from: string): Promise<WrittenFile[]> {
  const parts = partitionColumns(writing)
  const select = [...columnList(writing.schema), ...parts].join(', ')
  const names = parts.map((_, index) => quoteName(partColumn(index)))
  const split =
    names.length > 0 ? `PARTITION_BY (${names.join(', ')})` : `FILE_SIZE_BYTES ${targetBytes(writing.metadata)}`
  return copy(
    writing,
    `SELECT ${select} FROM ${from}`,
    writing.draft,
    `${split}, APPEND true, FILENAME_PATTERN '{uuidv7}'`,
  )
}

/** Rows in the table's order; each file is a range of it within one partition. */
async function writeSorted(writing: Writing, from: string): Promise<WrittenFile[]> {
  const { session, schema } = writing
  const table = `memory.main.${quoteName(`sorted-${randomUUID()}`)}` // several connections read it
  const parts = partitionColumns(writing)
  const names = parts.map((_, index) => quoteName(partColumn(index)))
  const order = [...names, ...sortTerms(schema, defaultSortOrder(writing.metadata))].join(', ')
  const columns = columnList(schema).join(', ')
  try {
    await session.run(
      `CREATE TABLE ${table} AS SELECT ${[columns, ...parts].join(', ')} FROM ${from} ORDER BY ${order}`,
    )
    const pieces = await piecesOf(writing, table, names)
    return await sideBySide(session, pieces, async (own, { keys, start, end }) => {
      const rows = `SELECT ${columns} FROM ${table} WHERE rowid >= ${start} AND rowid < ${end} ORDER BY rowid`
      const [file] = await copy({ ...writing, session: own }, rows, `${writing.draft}/${randomUUID()}.parquet`, '')
      return { ...(file as WrittenFile), partition_keys: keys }
    })
  } finally {
    await session.run(`DROP TABLE IF EXISTS ${table}`)
  }
}

/** Rows of a sorted table that make one file, and the texts of their partition. */
type Piece = { keys: Map<string, string>; start: number; end: number }

async function piecesOf(writing: Writing, table: string, names: readonly string[]): Promise<Piece[]> {
  const groups = await writing.session.rows(`
    SELECT ${[...names, 'min(rowid) AS first', 'count(*) AS rows'].join(', ')} FROM ${table}
    ${names.length === 0 ? '' : `GROUP BY ${names.join(', ')}`} HAVING count(*) > 0 ORDER BY first`)
  if (groups.length === 0) return []
  const rowsPerFile = await rowsOfTarget(writing, table)
  return groups.flatMap((group) => {
    const keys = new Map(names.map((_, index) => [partColumn(index), String(group[partColumn(index)])]))
    return ranges(Number(group.first), Number(group.rows), rowsPerFile).map(([start, end]) => ({ keys, start, end }))
  })
}

const filesAtOnce = 4 // a sorted file is written by one thread, and has its rows in memory

/** Does something with each of several values, over a few connections. */
async function sideBySide<T, R>(
  session: Session,
  values: readonly T[],
  act: (own: Session, value: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = []
  const queue = [...values.entries()]
  const work = async (own: Session): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) results[next[0]] = await act(own, next[1])
  }
  const forks = await Promise.all(Array.from({ length: Math.min(filesAtOnce, values.length) }, () => session.fork()))
  try {
    // All of them end before the connections close, also when one fails.
    const ends = await Promise.allSettled(forks.map(work))
    const failed = ends.find((end) => end.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    return results
  } finally {
    for (const fork of forks) fork.close()
  }
}

/** How many rows make a file of the size asked for, by writing some of them. */
async function rowsOfTarget(writing: Writing, table: string): Promise<number> {
  const sample = `${writing.draft}/sample.parquet`
  const [file] = await copy(
    writing,
    `SELECT ${columnList(writing.schema).join(', ')} FROM ${table} LIMIT ${sampleRows}`,
    sample,
    '',
  )
  fs.rmSync(sample)
  if (file === undefined || file.count < sampleRows) return Number.MAX_SAFE_INTEGER
  return Math.max(1, Math.ceil((targetBytes(writing.metadata) * sampleRows) / Number(file.file_size_bytes)))
}

/** Even ranges of about so many rows, none smaller than two thirds of it unless it is the only one. */
function ranges(first: number, rows: number, about: number): [start: number, end: number][] {
  const count = Math.max(1, Math.round(rows / about))
  return Array.from({ length: count }, (_, index) => [
    first + Math.floor((index * rows) / count),
    first + Math.floor(((index + 1) * rows) / count),
  ])
}

async function copy(
  { session, metadata, schema }: Writing,
  query: string,
  target: string,
  options: string,
): Promise<WrittenFile[]> {
  const all = [
    'FORMAT parquet',
    codecOptions(metadata),
    // Larger dictionaries, and filters that few readers use, cost a fifth of the time to save 3 % of the bytes.
    'DICTIONARY_SIZE_LIMIT 2000, WRITE_BLOOM_FILTER false',
    `FIELD_IDS ${fieldIds(schema.fields)}`,
    'RETURN_STATS',
    options,
  ]
  const rows = await session.rows(
    `COPY (${query}) TO ${quoteText(target)} (${all.filter((text) => text !== '').join(', ')})`,
  )
  return rows.map(writtenFile)
}

const codecs: Record<string, string> = {
  uncompressed: 'uncompressed',
  none: 'uncompressed',
  lz4: 'lz4_raw',
  lz4_raw: 'lz4_raw',
  snappy: 'snappy',
  gzip: 'gzip',
  zstd: 'zstd',
}

/** COPY's compression options for a table's properties. */
export function codecOptions({ properties }: TableMetadata): string {
  const name = properties['write.parquet.compression-codec'] ?? 'zstd'
  const codec = Object.hasOwn(codecs, name.toLowerCase()) ? codecs[name.toLowerCase()] : undefined
  if (codec === undefined) {
    throw new MillraceError(
      'engine',
      `the property write.parquet.compression-codec is ${JSON.stringify(name)}; DuckDB writes ${Object.keys(codecs).join(', ')}`,
    )
  }
  const level = properties['write.parquet.compression-level']
  return codec === 'zstd' && level !== undefined
    ? `COMPRESSION zstd, COMPRESSION_LEVEL ${Number(level)}`
    : `COMPRESSION ${codec}`
}

/** The size of file that a table asks for. */
export function targetBytes({ properties }: TableMetadata): number {
  const bytes = Number(properties['write.target-file-size-bytes'] ?? targetBytesDefault)
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes
  throw new MillraceError('usage', `the property write.target-file-size-bytes is ${bytes}; expected a number of bytes`)
}

function columnList(schema: Schema): string[] {
  return schema.fields.map(({ name }) => quoteName(name))
}

const partColumn = (index: number): string => `$part${index}`
const nullPart = 'n'
const textPart = 't'
const hashPart = 'h'
const partCharactersMax = 60 // they name a folder, in which each may take nine bytes

/** A column for each partition field: its value as text that may name a folder, long ones as a hash. */
function partitionColumns({ metadata, schema }: Writing): string[] {
  return defaultSpec(metadata).fields.map((field, index) => {
    const source = expressionOf(schema, field['source-id'])
    if (source === undefined) return `'${nullPart}' AS ${quoteName(partColumn(index))}` // void, of a column that was dropped
    const text = transformSql(field.transform, source.type, source.sql)
    const short = `CASE WHEN length(${text}) <= ${partCharactersMax} THEN '${textPart}' || ${text} ELSE '${hashPart}' || md5(${text}) END`
    return `CASE WHEN ${text} IS NULL THEN '${nullPart}' ELSE ${short} END AS ${quoteName(partColumn(index))}`
  })
}

function sortTerms(schema: Schema, order: SortOrder): string[] {
  return order.fields.map((field) => {
    const source = expressionOf(schema, field['source-id'])
    if (source === undefined)
      throw new MillraceError('engine', `the sort order names the field ${field['source-id']}, which is no column`)
    // All transforms but this keep the order of the values.
    const isBucket = parseTransform(field.transform).kind === 'bucket'
    const key = isBucket ? `CAST(${transformSql(field.transform, source.type, source.sql)} AS INTEGER)` : source.sql
    return `${key} ${field.direction} ${field['null-order'] === 'nulls-first' ? 'NULLS FIRST' : 'NULLS LAST'}`
  })
}

/** Moves a written file to its place and describes it. */
function placed(file: WrittenFile, metadata: TableMetadata, schema: Schema, location: string): DataFile {
  const spec = defaultSpec(metadata)
  const partition = spec.fields.map((_, index) => partitionValue(file, metadata, schema, index))
  const relative = `${dataFolder(spec, [schema], partition)}/${path.basename(file.filename)}`
  fs.mkdirSync(path.dirname(`${location}/${relative}`), { recursive: true })
  fs.renameSync(file.filename, `${location}/${relative}`)
  return {
    content: 0,
    file_path: `${metadata.location}/${relative}`,
    file_format: 'PARQUET',
    spec_id: spec['spec-id'],
    partition,
    record_count: Number(file.count),
    file_size_in_bytes: Number(file.file_size_bytes),
    ...statisticsOf(file, describedFields(metadata)),
    split_offsets: null,
    equality_ids: null,
    sort_order_id: defaultSortOrder(metadata)['order-id'],
    referenced_data_file: null,
  }
}

function partitionValue(file: WrittenFile, metadata: TableMetadata, schema: Schema, index: number): PartitionValue {
  const spec = defaultSpec(metadata)
  const field = spec.fields[index] as (typeof spec.fields)[number]
  const text = file.partition_keys.get(partColumn(index)) ?? nullPart
  if (text === nullPart) return null
  if (text.startsWith(textPart)) {
    return parsePartitionText(partitionTypes(spec, [schema])[index] ?? 'string', text.slice(textPart.length))
  }
  // A long text: all rows of the file have one value, so that of its lower bound is theirs.
  const [found] = [...leavesByPath(schema.fields)].filter(([, leaf]) => leaf.id === field['source-id'])
  const [leafPath, leaf] = found ?? []
  const minimum = file.column_statistics.get(leafPath ?? '')?.get('min')
  if (leaf === undefined || minimum === undefined) {
    throw new MillraceError(
      'engine',
      `the value of the partition field ${field.name} is too long for DuckDB's statistics`,
    )
  }
  return applyTransform(field.transform, leaf.type, statisticValue(leaf.type, minimum))
}

/**
 * What a Parquet file says of itself: rows and columns from its footer, and the hash of its content.
 * Types follow the Parquet format's LogicalTypes page.
 */
import { createHash } from 'node:crypto'
import { parquetMetadata, parquetSchema } from 'hyparquet'
import type { FileMetaData, SchemaElement, SchemaTree } from 'hyparquet/src/types.js'
import { MillraceError, messageOf } from '../errors.ts'
import type { Store, StoreEntry } from '../store.ts'
import type { DataFile, UnreadableFile } from '../types.ts'
import { parseType, structType, unsupportedIn, unsupportedType } from './column-types.ts'

const pieceBytes = 4 * 2 ** 20 // files are hashed in pieces of one buffer: a fresh one for each takes longer than hashing
const decimalDigitsMax = 38 // what Hive, DuckDB and Spark hold
const magic = 'PAR1'

/** Reads a file once: its hash, and its rows and columns, or the reason why it has none. */
export async function inspectParquet(
  store: Store,
  entry: StoreEntry,
  scratch?: Uint8Array,
): Promise<DataFile | UnreadableFile> {
  const { sha256, tail } = await hashFile(store, entry, scratch)
  const identity = { path: entry.path, bytes: entry.bytes, sha256 }
  try {
    const { columnBytes: _, ...footer } = await readFooter(store, entry, tail)
    return { ...identity, ...footer }
  } catch (error) {
    if (error instanceof MillraceError) throw error
    return { ...identity, reason: messageOf(error) }
  }
}

/** What a footer says; `columnBytes` has of every column, in their order, the compressed bytes. */
export type ParquetFooter = Pick<DataFile, 'rows' | 'columns' | 'nullColumns'> & { columnBytes: number[] }

/** Rows and columns from a file's footer. Throws an Error that says what is wrong with the file. */
export async function readFooter(store: Store, entry: StoreEntry, whole?: Uint8Array): Promise<ParquetFooter> {
  if (entry.bytes === 0) throw new Error('is empty (0 bytes)')
  const head = whole ?? (await store.readRange(entry.path, 0, 4))
  if (entry.bytes < 12 || text(head.subarray(0, 4)) !== magic) throw new Error('is not Parquet')
  const end = whole ?? (await store.readRange(entry.path, entry.bytes - 8, entry.bytes))
  if (text(end.subarray(end.length - 4)) !== magic) throw new Error('is truncated: the Parquet footer is missing')
  const footerBytes = new DataView(end.buffer, end.byteOffset + end.length - 8, 4).getUint32(0, true) + 8
  if (footerBytes > entry.bytes - 4) throw new Error('is damaged: the Parquet footer is longer than the file')
  const footer =
    whole?.subarray(whole.length - footerBytes) ??
    (await store.readRange(entry.path, entry.bytes - footerBytes, entry.bytes))
  try {
    return described(parquetMetadata(footer, { geoparquet: false }), entry.bytes - footerBytes)
  } catch (error) {
    if (error instanceof Damage) throw error
    throw new Damage(`is damaged: the Parquet footer cannot be read (${messageOf(error)})`, { cause: error })
  }
}

/** What is wrong with a file, in words for a person. */
class Damage extends Error {}

function described(metadata: FileMetaData, dataBytes: number): ParquetFooter {
  const columns = parquetSchema(metadata).children.map((child) => ({ name: nameOf(child), type: columnType(child) }))
  // Writers keep no statistics for columns of no type at all.
  const nulls = new Set(columns.filter(({ type }) => type === 'null').map(({ name }) => name))
  const values = new Set<string>()
  const bytesOf = new Map<string, number>()
  let rows = 0
  for (const group of metadata.row_groups) {
    rows += Number(group.num_rows)
    if (group.num_rows === 0n) continue
    for (const { meta_data: chunk } of group.columns) {
      if (
        chunk !== undefined &&
        !nulls.has(chunk.path_in_schema[0] ?? '') &&
        chunk.statistics?.null_count !== chunk.num_values
      )
        values.add(chunk.path_in_schema[0] ?? '')
      const [column = ''] = chunk?.path_in_schema ?? []
      bytesOf.set(column, (bytesOf.get(column) ?? 0) + Number(chunk?.total_compressed_size ?? 0n))
      const start = chunk?.dictionary_page_offset ?? chunk?.data_page_offset ?? 0n
      if (Number(start + (chunk?.total_compressed_size ?? 0n)) > dataBytes)
        throw new Damage('is truncated: data pages are missing')
    }
  }
  if (rows !== Number(metadata.num_rows)) throw new Damage('is damaged: its row groups do not add up to its rows')
  for (const { type } of columns) {
    // Throws for what only a damaged footer says; a plain word is one of ours.
    if (!/^[a-z]+$/.test(type) && unsupportedIn(type) === null) parseType(type)
  }
  const seen = new Map<string, string>()
  for (const { name } of columns) {
    const twin = seen.get(name.toLowerCase())
    if (twin !== undefined) throw new Damage(`has two columns that differ only in case: ${twin}, ${name}`)
    seen.set(name.toLowerCase(), name)
  }
  const names = columns.map(({ name }) => name)
  const nullColumns = names.filter((name) => !values.has(name))
  return { rows, columns, nullColumns, columnBytes: names.map((name) => bytesOf.get(name) ?? 0) }
}

/** The SHA-256 of a file, and its bytes where they were few. */
export async function hashFile(
  store: Store,
  entry: StoreEntry,
  scratch?: Uint8Array,
): Promise<{ sha256: string; tail?: Uint8Array }> {
  if (entry.bytes <= (scratch?.length ?? pieceBytes)) {
    const bytes = await store.read(entry.path, scratch)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    // A file that grew since it was listed is judged by what was listed.
    return bytes.length === entry.bytes ? { sha256, tail: bytes } : { sha256 }
  }
  const hash = createHash('sha256')
  const piece = Buffer.allocUnsafe(Math.min(pieceBytes, entry.bytes))
  for (let start = 0; start < entry.bytes; start += pieceBytes) {
    hash.update(await store.readRange(entry.path, start, Math.min(entry.bytes, start + pieceBytes), piece))
    await new Promise((resolve) => setImmediate(resolve)) // reads are synchronous: signals and heartbeats need their turn
  }
  return { sha256: hash.digest('hex') }
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

function columnType(node: SchemaTree): string {
  const { element, children } = node
  if (element.repetition_type === 'REPEATED') return `array<${elementType(node)}>` // a list of the oldest writers
  return children.length > 0 ? groupType(node) : elementType(node)
  function elementType(leaf: SchemaTree): string {
    return leaf.children.length > 0 ? structOf(leaf.children) : primitiveType(element)
  }
}

function groupType({ element, children }: SchemaTree): string {
  const kind = element.logical_type?.type ?? element.converted_type
  if (kind === 'VARIANT') return unsupportedType(kind)
  const [repeated] = children
  if (kind === 'LIST' && repeated !== undefined && children.length === 1) {
    const [item] = repeated.children
    // Two levels (old writers) or three: the specification's backward-compatibility rules for lists.
    const isItem =
      repeated.children.length !== 1 ||
      repeated.element.name === 'array' ||
      repeated.element.name === `${element.name}_tuple`
    if (repeated.children.length === 0) return `array<${primitiveType(repeated.element)}>`
    if (isItem || item === undefined) return `array<${structOf(repeated.children)}>`
    return `array<${columnType(item)}>`
  }
  if ((kind === 'MAP' || kind === 'MAP_KEY_VALUE') && repeated?.children.length === 2) {
    const [key, value] = repeated.children
    if (key !== undefined && value !== undefined) return `map<${columnType(key)},${columnType(value)}>`
  }
  return structOf(children)
}

/** A damaged footer may lack what the types say is there. */
function nameOf({ element }: SchemaTree): string {
  if (typeof element.name !== 'string') throw new Damage('is damaged: its footer has a column without a name')
  return element.name
}

function structOf(children: SchemaTree[]): string {
  return structType(children.map((child) => ({ name: nameOf(child), type: columnType(child) })))
}

function primitiveType(element: SchemaElement): string {
  return logicalType(element) ?? convertedType(element) ?? physicalType(element)
}

function logicalType({ logical_type: logical, precision, scale }: SchemaElement): string | undefined {
  switch (logical?.type) {
    case 'STRING':
    case 'ENUM':
    case 'JSON':
    case 'UUID':
      return 'string'
    case 'DECIMAL':
      return decimalType(logical.precision ?? precision, logical.scale ?? scale)
    case 'DATE':
      return 'date'
    case 'TIME':
      return 'time'
    case 'TIMESTAMP':
      return logical.isAdjustedToUTC ? 'timestamptz' : 'timestamp'
    case 'NULL':
      return 'null'
    case 'FLOAT16':
    case 'VARIANT':
    case 'GEOMETRY':
    case 'GEOGRAPHY':
      return unsupportedType(logical.type)
    case 'INTEGER':
      return integerType(logical.bitWidth, logical.isSigned)
    default:
      return undefined
  }
}

function convertedType({ converted_type: converted, precision, scale }: SchemaElement): string | undefined {
  switch (converted) {
    case 'UTF8':
    case 'ENUM':
    case 'JSON':
      return 'string'
    case 'DECIMAL':
      return decimalType(precision, scale)
    case 'DATE':
      return 'date'
    case 'TIME_MILLIS':
    case 'TIME_MICROS':
      return 'time'
    case 'TIMESTAMP_MILLIS':
    case 'TIMESTAMP_MICROS':
      return 'timestamptz' // the converted types are instants in UTC
    case 'INTERVAL':
      return unsupportedType(converted)
    default: {
      const match = /^(U?)INT_(\d+)$/.exec(converted ?? '')
      return match === null ? undefined : integerType(Number(match[2]), match[1] === '')
    }
  }
}

function decimalType(precision: number | undefined, scale: number | undefined): string {
  const digits = `${precision},${scale ?? 0}`
  return (precision ?? 0) > decimalDigitsMax ? unsupportedType(`DECIMAL ${digits}`) : `decimal(${digits})`
}

/** Unsigned integers take the next wider signed type. */
function integerType(bitWidth: number, isSigned: boolean): string {
  const types: Record<number, string> = { 8: 'tinyint', 16: 'smallint', 32: 'int', 64: 'bigint' }
  return (isSigned ? types[bitWidth] : types[bitWidth * 2]) ?? 'decimal(20,0)'
}

function physicalType({ type }: SchemaElement): string {
  switch (type) {
    case 'BOOLEAN':
      return 'boolean'
    case 'INT32':
      return 'int'
    case 'INT64':
      return 'bigint'
    case 'INT96':
      return 'timestamp' // Hive's and Spark's old timestamps
    case 'FLOAT':
      return 'float'
    case 'DOUBLE':
      return 'double'
    default:
      return 'binary'
  }
}

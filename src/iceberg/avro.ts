/**
 * Avro object container files, as far as manifests need them: records of primitives, arrays, maps, unions and fixed;
 * blocks uncompressed or deflated, when reading also snappy. A long is a number where that is exact, else a BigInt. Written here
 * because the libraries lose digits of a long or the field ids of the header.
 */
import { randomBytes } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { snappyUncompress } from 'hyparquet'
import { MillraceError, messageOf } from '../errors.ts'

/** An Avro schema as JSON has it; what Iceberg adds (`field-id`, `element-id`) stays in it. */
export type AvroSchema = string | AvroSchema[] | AvroComplex
export type AvroComplex = {
  type: AvroSchema
  name?: string
  fields?: AvroField[]
  items?: AvroSchema
  values?: AvroSchema
  symbols?: string[]
  size?: number
  logicalType?: string
  [other: string]: unknown
}
export type AvroField = { name: string; type: AvroSchema; 'field-id'?: number; default?: unknown }

/** A file taken apart: its rows as plain objects, bytes as Uint8Array. */
export type AvroFile = { schema: AvroSchema; header: Record<string, string>; rows: Record<string, unknown>[] }

const magic = 'Obj\x01'
const syncLength = 16
const blockRows = 1000 // a block is one piece of compression

// ------------------------------------------------------------------------------------------------------------ reading

type Reader = { bytes: Buffer; at: number }
type Read = (reader: Reader) => unknown
/** The types that have a name, and how fields are called. */
type Named = { readers: Map<string, Read>; keyOf: FieldKey }

/** The key that a record's field gets in a row; its own name unless another is wanted. */
export type FieldKey = (field: AvroField) => string

/** Reads a whole file. Throws `input-unreadable` naming `where` when it is damaged or cut short. */
export function decodeAvro(bytes: Uint8Array, where: string, keyOf: FieldKey = ({ name }) => name): AvroFile {
  try {
    return decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), keyOf)
  } catch (error) {
    throw new MillraceError('input-unreadable', `${where}  is damaged, or no Avro file: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

function decode(bytes: Buffer, keyOf: FieldKey): AvroFile {
  if (bytes.toString('latin1', 0, magic.length) !== magic)
    throw new Error(`it does not begin with ${magic.slice(0, 3)}`)
  const reader: Reader = { bytes, at: magic.length }
  const entries = readBlocks(reader, () => [readText(reader), readText(reader)] as const)
  const { 'avro.schema': schemaText = '', 'avro.codec': codec = 'null', ...header } = Object.fromEntries(entries)
  const schema = JSON.parse(schemaText) as AvroSchema
  const read = compileReader(schema, { readers: new Map(), keyOf })
  const sync = take(reader, syncLength)
  const rows: Record<string, unknown>[] = []
  while (reader.at < bytes.length) {
    const count = readInteger(reader)
    const block: Reader = { bytes: uncompressed(take(reader, readInteger(reader)), codec), at: 0 }
    for (let row = 0; row < count; row += 1) rows.push(read(block) as Record<string, unknown>)
    if (block.at !== block.bytes.length) throw new Error('a block is longer than its rows')
    if (!take(reader, syncLength).equals(sync)) throw new Error('a block does not end with the mark of the file')
  }
  return { schema, header, rows }
}

function uncompressed(block: Buffer, codec: string): Buffer {
  if (codec === 'null') return block
  if (codec === 'deflate') return inflateRawSync(block)
  if (codec !== 'snappy') throw new Error(`its codec ${codec} is not known (null, deflate, snappy)`)
  let [length, shift, at] = [0, 0, 0]
  for (let byte = 128; byte >= 128; at += 1, shift += 7) {
    byte = block[at] as number
    length |= (byte & 127) << shift
  }
  const output = Buffer.alloc(length)
  snappyUncompress(block.subarray(0, -4), output) // four bytes of checksum follow
  return output
}

function compileReader(schema: AvroSchema, named: Named): Read {
  if (Array.isArray(schema)) {
    const branches = schema.map((branch) => compileReader(branch, named))
    return (reader) => {
      const branch = branches[readInteger(reader)]
      if (branch === undefined) throw new Error('a value has a type that its schema does not have')
      return branch(reader)
    }
  }
  if (typeof schema === 'string') return primitiveReaders[schema] ?? namedReader(schema, named)
  switch (schema.type) {
    case 'record':
      return recordReader(schema, named)
    case 'array': {
      const read = compileReader(schema.items as AvroSchema, named)
      return (reader) => readBlocks(reader, () => read(reader))
    }
    case 'map': {
      const read = compileReader(schema.values as AvroSchema, named)
      return (reader) => Object.fromEntries(readBlocks(reader, () => [readText(reader), read(reader)] as const))
    }
    case 'fixed':
      return remember(schema, named, (reader) => take(reader, schema.size as number))
    case 'enum':
      return remember(schema, named, (reader) => schema.symbols?.[readInteger(reader)])
    default:
      return compileReader(schema.type, named)
  }
}

function recordReader(schema: AvroComplex, named: Named): Read {
  const fields: { key: string; read: Read }[] = []
  const read = remember(schema, named, (reader) => {
    const record: Record<string, unknown> = {}
    for (const field of fields) record[field.key] = field.read(reader)
    return record
  })
  for (const field of schema.fields ?? []) {
    fields.push({ key: named.keyOf(field), read: compileReader(field.type, named) })
  }
  return read
}

/** A later mention of the type may be its name alone. */
function remember(schema: AvroComplex, named: Named, read: Read): Read {
  if (schema.name !== undefined) named.readers.set(schema.name, read)
  return read
}

function namedReader(name: string, named: Named): Read {
  const read = named.readers.get(name)
  if (read === undefined) throw new Error(`its schema has an unknown type ${name}`)
  return read
}

const primitiveReaders: Record<string, Read> = {
  null: () => null,
  boolean: (reader) => take(reader, 1)[0] === 1,
  int: readInteger,
  long: readLong,
  float: (reader) => take(reader, 4).readFloatLE(),
  double: (reader) => take(reader, 8).readDoubleLE(),
  bytes: (reader) => take(reader, readInteger(reader)),
  string: readText,
}

function take(reader: Reader, length: number): Buffer {
  const end = reader.at + length
  if (length < 0 || end > reader.bytes.length) throw new Error('it ends too early')
  const bytes = reader.bytes.subarray(reader.at, end)
  reader.at = end
  return bytes
}

function readText(reader: Reader): string {
  return take(reader, readInteger(reader)).toString('utf8')
}

function readInteger(reader: Reader): number {
  const value = readLong(reader)
  if (typeof value === 'bigint') throw new Error(`${value} is no length or index`)
  return value
}

function readLong(reader: Reader): number | bigint {
  const { bytes } = reader
  let [low, factor] = [0, 1]
  // Seven bytes hold 49 bits, which are exact in a number.
  for (let index = 0; index < 7; index += 1, factor *= 128) {
    const byte = bytes[reader.at]
    if (byte === undefined) throw new Error('it ends too early')
    reader.at += 1
    low += (byte & 127) * factor
    if (byte < 128) return low % 2 === 0 ? low / 2 : -(low + 1) / 2
  }
  let [value, shift] = [BigInt(low), 49n]
  for (let byte = 128; byte >= 128; shift += 7n) {
    if (shift > 63n) throw new Error('an integer is longer than 64 bits')
    byte = take(reader, 1)[0] as number
    value |= BigInt(byte & 127) << shift
  }
  const integer = BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n))
  return Number.isSafeInteger(Number(integer)) ? Number(integer) : integer
}

/** Items of an array or a map, which come in blocks; a negative count is followed by the block's length. */
function readBlocks<T>(reader: Reader, read: () => T): T[] {
  const items: T[] = []
  for (let count = readInteger(reader); count !== 0; count = readInteger(reader)) {
    if (count < 0) readInteger(reader)
    for (let index = 0; index < Math.abs(count); index += 1) items.push(read())
  }
  return items
}

// ------------------------------------------------------------------------------------------------------------ writing

type Write = (value: unknown, sink: Sink) => void

/** Writes a whole file, deflated; `header` are further entries of the file's metadata. */
export function encodeAvro(
  schema: AvroSchema,
  header: Record<string, string>,
  rows: readonly Record<string, unknown>[],
): Uint8Array {
  const sync = randomBytes(syncLength)
  const write = compileWriter(schema)
  const file = new Sink()
  file.bytes(Buffer.from(magic, 'latin1'))
  const entries = Object.entries({ 'avro.schema': JSON.stringify(schema), 'avro.codec': 'deflate', ...header })
  file.long(entries.length)
  for (const [key, value] of entries) {
    file.text(key)
    file.text(value)
  }
  file.long(0)
  file.bytes(sync)
  for (let start = 0; start < rows.length; start += blockRows) {
    const block = new Sink()
    const part = rows.slice(start, start + blockRows)
    for (const row of part) write(row, block)
    const packed = deflateRawSync(block.content())
    file.long(part.length)
    file.long(packed.length)
    file.bytes(packed)
    file.bytes(sync)
  }
  return file.content()
}

/** The writers of a union take the first branch that is not null for a value that is not null: Iceberg has no other unions. */
function compileWriter(schema: AvroSchema): Write {
  if (Array.isArray(schema)) {
    const index = schema.findIndex((branch) => branch !== 'null')
    const write = compileWriter(schema[index] as AvroSchema)
    return (value, sink) => {
      const isNull = value === null || value === undefined
      sink.long(isNull ? schema.indexOf('null') : index)
      if (!isNull) write(value, sink)
    }
  }
  if (typeof schema === 'string') return primitiveWriters[schema] as Write
  switch (schema.type) {
    case 'record': {
      const fields = (schema.fields ?? []).map(({ name, type }) => ({ name, write: compileWriter(type) }))
      return (value, sink) => {
        for (const { name, write } of fields) write((value as Record<string, unknown>)[name], sink)
      }
    }
    case 'array': {
      const write = compileWriter(schema.items as AvroSchema)
      return (value, sink) => {
        const items = value as unknown[]
        if (items.length > 0) sink.long(items.length)
        for (const item of items) write(item, sink)
        sink.long(0)
      }
    }
    case 'fixed':
      return (value, sink) => sink.bytes(value as Uint8Array)
    default:
      return compileWriter(schema.type)
  }
}

const primitiveWriters: Record<string, Write> = {
  boolean: (value, sink) => sink.bytes(Uint8Array.of(value === true ? 1 : 0)),
  int: (value, sink) => sink.long(value as number),
  long: (value, sink) => sink.long(value as number | bigint),
  float: (value, sink) => sink.bytes(Buffer.from(Float32Array.of(value as number).buffer)),
  double: (value, sink) => sink.bytes(Buffer.from(Float64Array.of(value as number).buffer)),
  bytes: (value, sink) => {
    sink.long((value as Uint8Array).length)
    sink.bytes(value as Uint8Array)
  },
  string: (value, sink) => sink.text(value as string),
}

/** Bytes that grow. */
class Sink {
  #buffer = Buffer.allocUnsafe(4096)
  #length = 0

  content(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#buffer.set(bytes, this.#length)
    this.#length += bytes.length
  }

  text(text: string): void {
    this.long(Buffer.byteLength(text))
    this.bytes(Buffer.from(text, 'utf8'))
  }

  /** Zigzag: small negative numbers are short too. */
  long(value: number | bigint): void {
    this.#reserve(10)
    if (typeof value === 'number' && Math.abs(value) < 2 ** 50) {
      let rest = value < 0 ? -value * 2 - 1 : value * 2
      for (; rest >= 128; rest = Math.floor(rest / 128)) this.#byte((rest % 128) | 128)
      this.#byte(rest)
      return
    }
    const integer = BigInt(value)
    let rest = BigInt.asUintN(64, (integer << 1n) ^ (integer >> 63n))
    for (; rest >= 128n; rest >>= 7n) this.#byte(Number(rest & 127n) | 128)
    this.#byte(Number(rest))
  }

  #byte(byte: number): void {
    this.#buffer[this.#length] = byte
    this.#length += 1
  }

  #reserve(length: number): void {
    if (this.#length + length <= this.#buffer.length) return
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + length))
    grown.set(this.content())
    this.#buffer = grown
  }
}

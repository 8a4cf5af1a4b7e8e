/** Types as text: Iceberg's, Hive's and DuckDB's spellings are all read; Hive's is what the rest of Millrace speaks. */

import { MillraceError } from '../errors.ts'
import { structType } from '../formats/column-types.ts'
import { checkType, decimalOf, fixedLength, isNested } from './schema.ts'
import type { Field, FieldType } from './types.ts'

/** Other spellings → Iceberg's. An unsigned or small integer becomes the next type that holds it. */
const spellings: Record<string, string> = {
  boolean: 'boolean',
  bool: 'boolean',
  tinyint: 'int',
  smallint: 'int',
  utinyint: 'int',
  usmallint: 'int',
  int: 'int',
  integer: 'int',
  uinteger: 'long',
  long: 'long',
  bigint: 'long',
  ubigint: 'decimal(20, 0)',
  hugeint: 'decimal(38, 0)',
  float: 'float',
  real: 'float',
  double: 'double',
  date: 'date',
  time: 'time',
  timestamp: 'timestamp',
  'timestamp without time zone': 'timestamp',
  timestamp_s: 'timestamp',
  timestamp_ms: 'timestamp',
  timestamptz: 'timestamptz',
  'timestamp with time zone': 'timestamptz',
  string: 'string',
  varchar: 'string',
  text: 'string',
  json: 'string',
  uuid: 'uuid',
  binary: 'binary',
  varbinary: 'binary',
  blob: 'binary',
}

/** A type by its text, such as `bigint`, `decimal(18, 2)`, `array<struct<a: int>>`, `MAP(VARCHAR, INTEGER[])`. Ids in it are 0. Throws `usage`. */
export function icebergType(text: string): FieldType {
  const reader: Reader = { text, at: 0 }
  const type = readType(reader)
  skipSpace(reader)
  if (reader.at !== text.length) throw notAType(text)
  checkType(type, text)
  return type
}

type Reader = { text: string; at: number }

function readType(reader: Reader): FieldType {
  let type = readSimple(reader)
  while (accept(reader, /\[\s*\]/y) !== null) type = list(type)
  return type
}

function readSimple(reader: Reader): FieldType {
  const word = accept(reader, /[a-z_]+(?:\s+with(?:out)?\s+time\s+zone)?/iy)
    ?.toLowerCase()
    .replaceAll(/\s+/g, ' ')
  if (word === undefined) throw notAType(reader.text)
  if (word === 'array' || word === 'list') {
    return list(...(within(reader, () => [readType(reader)]) as [FieldType]))
  }
  if (word === 'map') return readMap(reader)
  if (word === 'struct' || word === 'row') {
    return { type: 'struct', fields: within(reader, () => several(reader, readField)) }
  }
  if (word === 'decimal' || word === 'numeric') return readDecimal(reader)
  if (word === 'fixed') {
    const length = accept(reader, /[[(]\s*\d+\s*[\])]/y)
    if (length === null) throw notAType(reader.text)
    return `fixed[${length.replaceAll(/\D/g, '')}]`
  }
  const type = Object.hasOwn(spellings, word) ? spellings[word] : undefined
  if (type === undefined) throw notAType(reader.text)
  if (word === 'varchar') accept(reader, /\(\s*\d+\s*\)/y)
  return type
}

function readMap(reader: Reader): FieldType {
  const [key, value] = within(reader, () => several(reader, readType))
  if (key === undefined || value === undefined) throw notAType(reader.text)
  return { type: 'map', 'key-id': 0, key, 'value-id': 0, 'value-required': false, value }
}

function readDecimal(reader: Reader): string {
  const digits = accept(reader, /\(\s*\d+\s*(?:,\s*\d+\s*)?\)/y)?.match(/\d+/g) ?? ['18', '3'] // DuckDB's default
  return `decimal(${digits[0]}, ${digits[1] ?? 0})`
}

/** `name: type` as Hive and Iceberg write it, `name type` as DuckDB does; any name in backticks or double quotes. */
function readField(reader: Reader): Field {
  const token = accept(reader, /[\p{L}\p{N}_]+|`(?:[^`]|``)*`|"(?:[^"]|"")*"/uy)
  if (token === null) throw notAType(reader.text)
  const quote = token[0] as string
  const name = quote === '`' || quote === '"' ? token.slice(1, -1).replaceAll(quote + quote, quote) : token
  accept(reader, /:/y)
  return { id: 0, name, required: false, type: readType(reader) }
}

function within<T>(reader: Reader, read: () => T): T {
  const open = accept(reader, /[<(]/y)
  if (open === null) throw notAType(reader.text)
  const value = read()
  if (accept(reader, open === '<' ? />/y : /\)/y) === null) throw notAType(reader.text)
  return value
}

function several<T>(reader: Reader, read: (reader: Reader) => T): T[] {
  const values = [read(reader)]
  while (accept(reader, /,/y) !== null) values.push(read(reader))
  return values
}

function accept(reader: Reader, pattern: RegExp): string | null {
  skipSpace(reader)
  pattern.lastIndex = reader.at
  const found = pattern.exec(reader.text)?.[0] ?? null
  if (found !== null) reader.at += found.length
  return found
}

function skipSpace(reader: Reader): void {
  while (/\s/.test(reader.text[reader.at] ?? '')) reader.at += 1
}

function list(element: FieldType): FieldType {
  return { type: 'list', 'element-id': 0, 'element-required': false, element }
}

function notAType(text: string): MillraceError {
  return new MillraceError(
    'usage',
    `${JSON.stringify(text)} is no column type; expected one such as string, long, decimal(18, 2), list<int> or struct<a: int>`,
  )
}

/** A type in Hive's spelling, as `Column` has it; `uuid` is text there and `fixed` binary. */
export function hiveType(type: FieldType): string {
  if (isNested(type)) {
    if (type.type === 'list') return `array<${hiveType(type.element)}>`
    if (type.type === 'map') return `map<${hiveType(type.key)},${hiveType(type.value)}>`
    return structType(type.fields.map(({ name, type: inner }) => ({ name, type: hiveType(inner) })))
  }
  const decimal = decimalOf(type)
  if (decimal !== undefined) return `decimal(${decimal.precision},${decimal.scale})`
  if (fixedLength(type) !== undefined) return 'binary'
  return type === 'long' ? 'bigint' : type === 'uuid' ? 'string' : type
}

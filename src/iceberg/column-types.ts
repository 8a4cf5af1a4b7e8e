/** Iceberg's types as DuckDB knows them: names, field ids for its Parquet writer, and values as SQL and out of its statistics. */
import { quoteName, quoteText } from '../engines/portable.ts'
import { assert, MillraceError } from '../errors.ts'
import type { Field, FieldType, PartitionValue, Schema } from './types.ts'

const names: Record<string, string> = {
  boolean: 'BOOLEAN',
  int: 'INTEGER',
  long: 'BIGINT',
  float: 'FLOAT',
  double: 'DOUBLE',
  date: 'DATE',
  time: 'TIME',
  timestamp: 'TIMESTAMP',
  timestamptz: 'TIMESTAMPTZ',
  string: 'VARCHAR',
  uuid: 'UUID',
  binary: 'BLOB',
}

/** A type in DuckDB's spelling. */
export function duckdbType(type: FieldType): string {
  if (typeof type === 'string') {
    if (type.startsWith('decimal')) return type.toUpperCase()
    if (type.startsWith('fixed')) return 'BLOB'
    const name = names[type]
    if (name === undefined) throw new MillraceError('engine', `the type ${type} cannot be read or written here`)
    return name
  }
  switch (type.type) {
    case 'struct':
      return `STRUCT(${type.fields.map((field) => `${quoteName(field.name)} ${duckdbType(field.type)}`).join(', ')})`
    case 'list':
      return `${duckdbType(type.element)}[]`
    case 'map':
      return `MAP(${duckdbType(type.key)}, ${duckdbType(type.value)})`
  }
}

/** The FIELD_IDS option of COPY. */
export function fieldIds(fields: readonly Field[]): string {
  return `{${fields.map((field) => `${quoteName(field.name)}: ${idsOf(field.id, field.type)}`).join(', ')}}`
}

function idsOf(id: number, type: FieldType): string {
  if (typeof type === 'string') return String(id)
  const inner = childrenOf(type).map((child) => `${quoteName(child.name)}: ${idsOf(child.id, child.type)}`)
  return `{__duckdb_field_id: ${id}, ${inner.join(', ')}}`
}

/** The fields directly below a nested type, those of lists and maps by Parquet's names. */
export function childrenOf(type: FieldType): Pick<Field, 'id' | 'name' | 'type'>[] {
  if (typeof type === 'string') return []
  switch (type.type) {
    case 'struct':
      return type.fields
    case 'list':
      return [{ id: type['element-id'], name: 'element', type: type.element }]
    case 'map':
      return [
        { id: type['key-id'], name: 'key', type: type.key },
        { id: type['value-id'], name: 'value', type: type.value },
      ]
  }
}

/**
 * A primitive field at any depth, with its full name, `a.b`. Those below lists and maps have no bounds, for a row may have several values
 * of them.
 */
export type Leaf = { id: number; name: string; type: string; isRepeated: boolean }

/** The primitive fields by the path that DuckDB's statistics give them: `"a"."b"`. */
export function leavesByPath(fields: readonly Field[]): Map<string, Leaf> {
  const leaves = new Map<string, Leaf>()
  const walk = (names: string[], id: number, type: FieldType, isRepeated: boolean): void => {
    if (typeof type === 'string') {
      leaves.set(names.map(quoteName).join('.'), { id, name: names.join('.'), type, isRepeated })
      return
    }
    const below = isRepeated || type.type !== 'struct'
    for (const child of childrenOf(type)) walk([...names, child.name], child.id, child.type, below)
  }
  for (const field of fields) walk([field.name], field.id, field.type, false)
  return leaves
}

/** A primitive field of a schema by its id, with the SQL expression that reads it from a row (`prefix` before the column). */
export function expressionOf(schema: Schema, id: number, prefix = ''): { sql: string; type: string } | undefined {
  const walk = (fields: readonly Field[], parent: string): { sql: string; type: string } | undefined => {
    for (const field of fields) {
      const sql = `${parent}${quoteName(field.name)}`
      if (field.id === id && typeof field.type === 'string') return { sql, type: field.type }
      if (typeof field.type === 'object' && field.type.type === 'struct') {
        const found = walk(field.type.fields, `${sql}.`)
        if (found !== undefined) return found
      }
    }
    return undefined
  }
  return walk(schema.fields, prefix)
}

const dayMicros = 86_400_000_000n

/** A value of DuckDB's statistics; null when it says nothing that can be relied upon. */
export function statisticValue(type: string, text: string): PartitionValue {
  switch (type) {
    case 'boolean':
      return text === 'true' || text === '1'
    case 'int':
      return Number(text)
    case 'long':
      return BigInt(text)
    case 'float':
    case 'double':
      return Number.isNaN(Number(text)) ? null : Number(text)
    case 'date': {
      const micros = microsOf(text)
      return micros === null ? null : Number(micros / dayMicros)
    }
    case 'timestamp':
    case 'timestamptz':
      return microsOf(text)
    case 'time':
      return microsOf(`1970-01-01 ${text}`)
    case 'string':
    case 'uuid':
      return text
    default:
      return type.startsWith('decimal') ? unscaled(text, scaleOf(type)) : null
  }
}

const moment = /^(\d{1,6})-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?(?:\+00)?$/

function microsOf(text: string): bigint | null {
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = ''] = moment.exec(text) ?? []
  if (year === undefined) return null // before year 1, or infinite
  const date = new Date(0)
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day))
  date.setUTCHours(Number(hour), Number(minute), Number(second))
  return BigInt(date.getTime()) * 1000n + BigInt(fraction.padEnd(6, '0'))
}

function scaleOf(type: string): number {
  return Number(/,\s*(\d+)\)$/.exec(type)?.[1])
}

function unscaled(text: string, scale: number): bigint {
  const [whole = '', fraction = ''] = text.replace('-', '').split('.')
  const digits = BigInt(whole + fraction.padEnd(scale, '0'))
  return text.startsWith('-') ? -digits : digits
}

/** A value of a column as an SQL literal of its type. */
export function literal(type: string, value: PartitionValue): string {
  if (value === null) return `CAST(NULL AS ${duckdbType(type)})`
  switch (type) {
    case 'boolean':
    case 'int':
      return String(value)
    case 'long':
    case 'float':
    case 'double':
      return `CAST(${quoteText(String(value))} AS ${duckdbType(type)})`
    case 'date':
      return `CAST(make_timestamp(${BigInt(value as number) * dayMicros}) AS DATE)`
    case 'timestamp':
      return `make_timestamp(${value})`
    case 'timestamptz':
      return `make_timestamptz(${value})`
    case 'time':
      return `CAST(make_timestamp(${value}) AS TIME)`
    case 'uuid':
      return `CAST(${quoteText(String(value))} AS UUID)`
    case 'string':
      return textLiteral(String(value))
    default:
      if (value instanceof Uint8Array) return `from_hex('${Buffer.from(value).toString('hex')}')`
      assert(typeof value === 'bigint', `a value of type ${type}`)
      return `CAST('${decimalText(value, scaleOf(type))}' AS ${duckdbType(type)})`
  }
}

/** Any text as an SQL literal; DuckDB reads no zero character in a statement. */
export function textLiteral(text: string): string {
  return text.includes('\0') ? `decode(from_hex('${Buffer.from(text).toString('hex')}'))` : quoteText(text)
}

function decimalText(value: bigint, scale: number): string {
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0')
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
  return value < 0n ? `-${text}` : text
}

/** Rows in the text form of `drivers/values.py`, made of what DuckDB gives, by their Iceberg types. */
import type { Field, FieldType } from '../../src/iceberg/types.ts'
import type { Rows } from './driver.ts'

type Micros = { micros: bigint }
type Decimal = { value: bigint; scale: number }

/** The rows as objects of DuckDB's values, under the columns of a schema. */
export function canonicalRows(rows: Record<string, unknown>[], fields: Pick<Field, 'name' | 'type'>[]): Rows {
  return {
    columns: fields.map(({ name }) => name),
    rows: rows.map((row) => fields.map(({ name, type }) => canonical(row[name], type))),
  }
}

/** Rows in an order that depends on nothing but them, each one JSON text: a difference then reads as a row. */
export function comparable({ columns, rows }: Rows): string[] {
  return [JSON.stringify(columns), ...rows.map((row) => JSON.stringify(row)).sort()]
}

function canonical(value: unknown, type: FieldType): unknown {
  if (value === null || value === undefined) return null
  if (typeof type !== 'string') {
    if (type.type === 'list') return (value as { items: unknown[] }).items.map((item) => canonical(item, type.element))
    if (type.type === 'map') {
      const { entries } = value as { entries: { key: unknown; value: unknown }[] }
      const pairs = entries.map((entry) => [canonical(entry.key, type.key), canonical(entry.value, type.value)])
      return pairs.sort(([a], [b]) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
    }
    const { entries } = value as { entries: Record<string, unknown> }
    return Object.fromEntries(type.fields.map((field) => [field.name, canonical(entries[field.name], field.type)]))
  }
  if (type.startsWith('decimal')) return decimalText(value as Decimal)
  if (type.startsWith('fixed')) return hexText(value)
  switch (type) {
    case 'boolean':
      return value
    case 'int':
    case 'long':
    case 'string':
    case 'uuid':
      return String(value)
    case 'float':
    case 'double':
      return bitsText(value as number)
    case 'date':
      return timeText(BigInt((value as { days: number }).days) * 86_400_000_000n).slice(0, 10)
    case 'time':
      return timeText((value as Micros).micros).slice(11)
    case 'timestamp':
      return timeText((value as Micros).micros)
    case 'timestamptz':
      return `${timeText((value as Micros).micros)}Z`
    case 'binary':
      return hexText(value)
    default:
      throw new Error(`no canonical text for ${type}`)
  }
}

function decimalText({ value, scale }: Decimal): string {
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0')
  const point = digits.length - scale
  return `${value < 0n ? '-' : ''}${digits.slice(0, point)}${scale === 0 ? '' : `.${digits.slice(point)}`}`
}

function bitsText(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(value)
  return `f${bytes.toString('hex')}`
}

function hexText(value: unknown): string {
  const bytes = value instanceof Uint8Array ? value : (value as { bytes: Uint8Array }).bytes
  return `0x${Buffer.from(bytes).toString('hex')}`
}

function timeText(micros: bigint): string {
  const seconds = (micros - (((micros % 1_000_000n) + 1_000_000n) % 1_000_000n)) / 1_000_000n
  const rest = micros - seconds * 1_000_000n
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19).replace('T', ' ')}.${String(rest).padStart(6, '0')}`
}

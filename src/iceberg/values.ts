/** Single values: their bytes (appendix D of the specification), their order, bounds of them, and text in paths. */
import { assert } from '../errors.ts'
import { decimalOf, fixedLength } from './schema.ts'
import type { FieldType, PartitionSpec, PartitionValue } from './types.ts'

/** A value that is there; its form follows from its type as `PartitionValue` says. */
export type Value = Exclude<PartitionValue, null>

/** What Iceberg's own writers keep of a bound: of text in code points, of binary in bytes. */
export const boundLength = 16

/** A value in the bytes that manifests have. */
export function encodeValue(type: FieldType, value: Value): Uint8Array {
  if (typeof value === 'boolean') return Uint8Array.of(value ? 1 : 0)
  if (value instanceof Uint8Array) return value
  if (typeof value === 'string') return type === 'uuid' ? uuidBytes(value) : Buffer.from(value, 'utf8')
  if (decimalOf(type) !== undefined) return integerBytes(BigInt(value))
  if (type === 'float' || type === 'double') {
    const bytes = Buffer.alloc(type === 'float' ? 4 : 8)
    if (type === 'float') bytes.writeFloatLE(Number(value))
    else bytes.writeDoubleLE(Number(value))
    return bytes
  }
  const bytes = Buffer.alloc(type === 'int' || type === 'date' ? 4 : 8)
  if (bytes.length === 4) bytes.writeInt32LE(Number(value))
  else bytes.writeBigInt64LE(BigInt(value))
  return bytes
}

/** A value from its bytes; those of a narrower type that was widened since are read as such. */
export function decodeValue(type: FieldType, bytes: Uint8Array): Value {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (decimalOf(type) !== undefined) return bytesInteger(bytes)
  switch (type) {
    case 'boolean':
      return bytes[0] !== 0
    case 'int':
    case 'date':
      return view.getInt32(0, true)
    case 'float':
      return view.getFloat32(0, true)
    case 'double':
      return bytes.length === 4 ? view.getFloat32(0, true) : view.getFloat64(0, true)
    case 'long':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return bytes.length === 4 ? BigInt(view.getInt32(0, true)) : view.getBigInt64(0, true)
    case 'string':
      return Buffer.from(bytes).toString('utf8')
    case 'uuid':
      return uuidText(bytes)
    default:
      return bytes
  }
}

/** The least bytes that hold an integer, in two's complement, the greatest first. */
export function integerBytes(value: bigint): Uint8Array {
  let length = 1
  while (BigInt.asIntN(8 * length, value) !== value) length += 1
  return Buffer.from(
    BigInt.asUintN(8 * length, value)
      .toString(16)
      .padStart(2 * length, '0'),
    'hex',
  )
}

/** The integer of bytes in two's complement, the greatest first. */
export function bytesInteger(bytes: Uint8Array): bigint {
  if (bytes.length === 0) return 0n
  return BigInt.asIntN(8 * bytes.length, BigInt(`0x${Buffer.from(bytes).toString('hex')}`))
}

/** The 16 bytes of a UUID's text. */
export function uuidBytes(text: string): Uint8Array {
  const bytes = Buffer.from(text.replaceAll('-', ''), 'hex')
  assert(bytes.length === 16, `${text} is no UUID`)
  return bytes
}

/** The text of a UUID's 16 bytes. */
export function uuidText(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** Negative when `a` comes first. Text is ordered by its bytes in UTF-8, bytes as unsigned, NaN after all other numbers. */
export function compareValues(type: FieldType, a: Value, b: Value): number {
  if (typeof a === 'string' || a instanceof Uint8Array) {
    const [left, right] = [encodeValue(type, a), encodeValue(type, b)]
    return Buffer.compare(left, right)
  }
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b))
  if (a === b) return 0
  return a < b ? -1 : 1
}

/** The bytes of a lower bound: text and binary are cut to a length. Null where there can be none: NaN. */
export function lowerBound(type: FieldType, value: Value, length = boundLength): Uint8Array | null {
  if (Number.isNaN(value)) return null
  if (value === 0 && (type === 'float' || type === 'double')) return encodeValue(type, -0) // −0 comes before 0
  if (typeof value === 'string' && type === 'string') {
    const text = firstCodePoints(value, length)
    return encodeValue(type, text)
  }
  return type === 'binary' ? encodeValue(type, value).subarray(0, length) : encodeValue(type, value)
}

/** The bytes of an upper bound: text and binary are cut and then made greater. Null where there can be none. */
export function upperBound(type: FieldType, value: Value, length = boundLength): Uint8Array | null {
  if (Number.isNaN(value)) return null
  if (value === 0 && (type === 'float' || type === 'double')) return encodeValue(type, 0)
  if (typeof value === 'string' && type === 'string') {
    const cut = firstCodePoints(value, length)
    const text = cut.length === value.length ? value : nextText(cut)
    return text === null ? null : encodeValue(type, text)
  }
  const bytes = encodeValue(type, value)
  return type === 'binary' && bytes.length > length ? nextBytes(bytes.subarray(0, length)) : bytes
}

function firstCodePoints(text: string, length: number): string {
  if (text.length <= length) return text
  return [...text].slice(0, length).join('')
}

/** The least text of this length or less that comes after all that begin with it. */
function nextText(text: string): string | null {
  const points = [...text].map((char) => char.codePointAt(0) as number)
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    const next = last === 0xd7ff ? 0xe000 : last + 1 // halves of surrogate pairs are no characters
    if (next <= 0x10ffff) return String.fromCodePoint(...points, next)
  }
  return null
}

function nextBytes(bytes: Uint8Array): Uint8Array | null {
  for (let at = bytes.length - 1; at >= 0; at -= 1) {
    const byte = bytes[at] as number
    if (byte < 255) return Uint8Array.of(...bytes.subarray(0, at), byte + 1)
  }
  return null
}

/** A partition's value from the text that `transformSql` gives; `type` is the transform's result. */
export function parsePartitionText(type: FieldType, text: string | null): PartitionValue {
  if (text === null) return null
  if (type === 'boolean') return text === 'true'
  if (type === 'int' || type === 'date') return Number(text)
  if (type === 'float' || type === 'double') return Number(text.replace(/inf(inity)?$/i, 'Infinity'))
  if (type === 'string' || type === 'uuid') return text
  if (type === 'binary' || fixedLength(type) !== undefined) return Buffer.from(text, 'hex')
  return BigInt(text)
}

/** What is equal for equal partitions and for no others. */
export function partitionKey(values: readonly PartitionValue[]): string {
  return JSON.stringify(
    values.map((value) => {
      if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
      return value instanceof Uint8Array ? { hex: Buffer.from(value).toString('hex') } : { number: String(value) }
    }),
  )
}

/**
 * The folders of a partition below a table's data, for people: `state=CA/ts_day=2024-01-01`, escaped as Iceberg does; empty
 * without partition fields. `types` are the results of the transforms. Readers go by the manifests, never by this.
 */
export function partitionPath(
  spec: PartitionSpec,
  types: readonly FieldType[],
  values: readonly PartitionValue[],
): string {
  return spec.fields
    .map((field, index) => {
      const value = values[index] ?? null
      const text = value === null ? 'null' : partitionText(field.transform, types[index] ?? 'string', value)
      return `${escaped(field.name)}=${escaped(text)}`
    })
    .join('/')
}

function escaped(text: string): string {
  // As Java's URLEncoder, which writes a blank as a plus. Through bytes, for half a surrogate pair cannot be escaped.
  return encodeURIComponent(Buffer.from(text, 'utf8').toString('utf8'))
    .replaceAll('%20', '+')
    .replaceAll(/[!'()~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** A partition's value for people. */
function partitionText(transform: string, type: FieldType, value: Value): string {
  const day = (days: number): string => new Date(days * 86_400_000).toISOString().replace(/T.*$/, '')
  switch (transform) {
    case 'year':
      return String(1970 + Number(value))
    case 'month': {
      const year = 1970 + Math.floor(Number(value) / 12)
      return `${year}-${String((((Number(value) % 12) + 12) % 12) + 1).padStart(2, '0')}`
    }
    case 'hour': {
      const days = Math.floor(Number(value) / 24)
      return `${day(days)}-${String(Number(value) - days * 24).padStart(2, '0')}`
    }
  }
  if (type === 'date') return day(Number(value))
  if (type === 'time') return timeText(BigInt(value as bigint))
  if (type === 'timestamp' || type === 'timestamptz') {
    const micros = value as bigint
    const days = (micros - (((micros % dayMicros) + dayMicros) % dayMicros)) / dayMicros
    return `${day(Number(days))}T${timeText(micros - days * dayMicros)}${type === 'timestamptz' ? '+00:00' : ''}`
  }
  const decimal = decimalOf(type)
  if (decimal !== undefined) return decimalText(value as bigint, decimal.scale)
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : String(value)
}

const dayMicros = 86_400_000_000n

function timeText(micros: bigint): string {
  const two = (part: bigint): string => String(part).padStart(2, '0')
  const seconds = micros / 1_000_000n
  const rest = String(micros % 1_000_000n).padStart(6, '0')
  return `${two(seconds / 3600n)}:${two((seconds / 60n) % 60n)}:${two(seconds % 60n)}${rest === '000000' ? '' : `.${rest}`}`
}

/** A decimal as text, from its digits without the point. */
export function decimalText(unscaled: bigint, scale: number): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0')
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
  return unscaled < 0n ? `-${text}` : text
}

/**
 * The hash by which Hive, Trino and Athena put rows into buckets: version 1 is Java's `hashCode` of old, version 2 Murmur3.
 * Source: Hive 3.1.3, ObjectInspectorUtils.getBucketHashCodeOld and getBucketHashCode. Spark and Iceberg have other buckets.
 */
import { MillraceError } from '../errors.ts'

/** The `bucketing_version` of a table; a table that names none has 1. */
export type BucketingVersion = 1 | 2

/** The version of Murmur3 has a seed of its own. */
export const murmurSeed = 104_729

const [c1, c2] = [0xcc9e2d51, 0x1b873593]
const integerBits: Record<string, number> = { tinyint: 8, smallint: 16, int: 32, bigint: 64, date: 32 }
const encoder = new TextEncoder()

/** Whether rows can be put into buckets by a column of this type. */
export function isBucketType(type: string): boolean {
  return kindOf(type) !== null
}

/** The types that `isBucketType` takes, for a person. */
export const bucketTypes = 'string, varchar, char, tinyint, smallint, int, bigint, date or boolean'

/**
 * The hash of one value, in signed 32 bits; of null it is 0. `type` is spelled as in Hive. Text is text or its bytes in UTF-8; a whole
 * number is a number, a BigInt or its digits; a date is the days since 1970-01-01 or `YYYY-MM-DD`. Throws `bad-value` for a type
 * that has no hash here, and for a value that is none of its type.
 */
export function hiveBucketHash(
  type: string,
  value: string | Uint8Array | number | bigint | boolean | null,
  version: BucketingVersion,
): number {
  if (version !== 1 && version !== 2) {
    throw new MillraceError('bad-value', `hiveBucketHash(${type})  version is ${version}; expected 1 or 2`)
  }
  const kind = kindOf(type)
  if (kind === null) {
    throw new MillraceError(
      'bad-value',
      `hiveBucketHash  a column of type ${type} has no hash; expected ${bucketTypes}`,
    )
  }
  if (value === null) return 0
  if (kind === 'boolean') {
    if (typeof value !== 'boolean') throw noValue(type, value, 'true or false')
    return value ? 1 : 0
  }
  if (kind === 'string' || kind === 'varchar' || kind === 'char') return textHash(kind, textBytes(type, value), version)
  return integerHash(kind, kind === 'date' ? dayOf(value) : wholeNumber(type, value), version)
}

/** The hash of a row that is bucketed by several columns, from the hashes of their values in order. */
export function hiveRowHash(hashes: readonly number[]): number {
  return hashes.reduce((sum, hash) => (Math.imul(sum, 31) + hash) | 0, 0)
}

/** The bucket of a hash, from 0 to `count` (exclusive). */
export function bucketOf(hash: number, count: number): number {
  return (hash & 0x7fffffff) % count
}

/** The file of a bucket: its number has six digits, and what follows the underscore says which attempt wrote it. */
export function bucketFileName(bucket: number): string {
  return `${String(bucket).padStart(6, '0')}_0.parquet`
}

/** The hash of text as bytes in UTF-8: version 1 adds them up signed, which for ASCII is Java's `String.hashCode`. */
export function bytesHash(bytes: Uint8Array, version: BucketingVersion, start = 0): number {
  if (version === 2) return murmurHash(bytes)
  let hash = start
  for (let at = 0; at < bytes.length; at += 1) hash = (Math.imul(hash, 31) + signed(bytes[at] as number)) | 0
  return hash
}

function kindOf(type: string): string | null {
  const kind = /^\s*(varchar|char)\s*(?:\(\s*\d+\s*\)\s*)?$/i.exec(type)?.[1] ?? type.trim()
  const lower = kind.toLowerCase()
  if (lower === 'integer') return 'int'
  return lower in integerBits || ['string', 'varchar', 'char', 'boolean'].includes(lower) ? lower : null
}

/** In version 1 `varchar` and `char` are hashed as Hadoop's Text, which starts at 1; spaces at the end of a char are none of it. */
function textHash(kind: string, bytes: Uint8Array, version: BucketingVersion): number {
  let end = bytes.length
  while (kind === 'char' && end > 0 && bytes[end - 1] === 0x20) end -= 1
  return bytesHash(bytes.subarray(0, end), version, kind === 'string' ? 0 : 1)
}

function textBytes(type: string, value: string | Uint8Array | number | bigint | boolean): Uint8Array {
  if (typeof value === 'string') return encoder.encode(value)
  if (value instanceof Uint8Array) return value
  throw noValue(type, value, 'text or its bytes')
}

function wholeNumber(type: string, value: string | Uint8Array | number | bigint | boolean): bigint {
  const isDigits = typeof value === 'string' && /^[+-]?\d+$/.test(value)
  const isSafe = typeof value === 'number' && Number.isSafeInteger(value)
  if (typeof value !== 'bigint' && !isSafe && !isDigits) {
    throw noValue(type, value, 'a whole number (beyond 2^53 as a BigInt)')
  }
  const number = BigInt(value as bigint | number | string)
  const bits = integerBits[kindOf(type) ?? ''] as number
  if (BigInt.asIntN(bits, number) !== number) throw noValue(type, value, `a whole number of ${bits} bits`)
  return number
}

const dayMs = 86_400_000

function dayOf(value: string | Uint8Array | number | bigint | boolean): bigint {
  const [, year, month, day] = (typeof value === 'string' && /^(\d{4})-(\d{2})-(\d{2})$/.exec(value)) || []
  if (year === undefined) return wholeNumber('date', value)
  const date = new Date(0)
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day))
  // A day that is in no calendar comes out as another one.
  if (date.toISOString().slice(0, 10) !== value) throw noValue('date', value, 'days since 1970-01-01 or YYYY-MM-DD')
  return BigInt(date.getTime() / dayMs)
}

function noValue(type: string, value: unknown, expected: string): MillraceError {
  return new MillraceError(
    'bad-value',
    `hiveBucketHash  ${String(value)} is no value of type ${type}; expected ${expected}`,
  )
}

function integerHash(kind: string, value: bigint, version: BucketingVersion): number {
  if (version === 1) {
    return Number(BigInt.asIntN(32, kind === 'bigint' ? value ^ (BigInt.asUintN(64, value) >> 32n) : value))
  }
  if (kind === 'tinyint') return Number(value) // Hive forgot to mix it
  const view = new DataView(new ArrayBuffer(8))
  view.setBigInt64(0, value)
  return murmurHash(new Uint8Array(view.buffer, 8 - (integerBits[kind] as number) / 8))
}

/** Murmur3 of 32 bits, except that Hive takes the bytes after the last block of four as signed. */
function murmurHash(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const blocksEnd = bytes.length - (bytes.length % 4)
  let hash = murmurSeed
  for (let at = 0; at < blocksEnd; at += 4) hash = murmurStep(hash, view.getInt32(at, true))
  if (blocksEnd < bytes.length) {
    let tail = 0
    for (let at = blocksEnd; at < bytes.length; at += 1) tail ^= signed(bytes[at] as number) << (8 * (at - blocksEnd))
    hash ^= murmurMix(tail)
  }
  return murmurEnd(hash, bytes.length)
}

/** Murmur3's step for a block of four bytes. */
export function murmurStep(hash: number, block: number): number {
  const mixed = hash ^ murmurMix(block)
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0
}

/** What Murmur3 makes of a block, or of the bytes after the last one, before it meets the hash. */
export function murmurMix(block: number): number {
  const product = Math.imul(block, c1)
  return Math.imul((product << 15) | (product >>> 17), c2)
}

/** Murmur3's end: the length, and every bit made to depend on every other. */
export function murmurEnd(hash: number, bytes: number): number {
  let mixed = hash ^ bytes
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

function signed(byte: number): number {
  return (byte << 24) >> 24
}

/**
 * Column types in Hive's spelling: reading them, which may stand in for which, and the type that holds several.
 * A field's name in a struct that is not a plain word stands in backticks, a backtick in it twice.
 */
import { MillraceError } from '../errors.ts'

/** A type taken apart. */
export type ParsedType =
  | { kind: 'scalar'; name: string }
  | { kind: 'decimal'; precision: number; scale: number }
  | { kind: 'array'; item: ParsedType }
  | { kind: 'map'; key: ParsedType; value: ParsedType }
  | { kind: 'struct'; fields: { name: string; type: ParsedType }[] }

const scalars = [
  ...[
    'string',
    'boolean',
    'tinyint',
    'smallint',
    'int',
    'bigint',
    'float',
    'double',
    'date',
    'timestamp',
    'timestamptz',
  ],
  ...['time', 'binary', 'null'],
]

/** Takes a type apart. Throws `engine` for text that is no type. */
export function parseType(text: string): ParsedType {
  const reader = { text, at: 0 }
  const type = readType(reader)
  if (reader.at !== text.length) throw notAType(text)
  return type
}

/** A type for what a file holds that no engine here keeps. */
export function unsupportedType(what: string): string {
  return `unsupported(${what})`
}

/** What is unsupported in a type, or null. */
export function unsupportedIn(type: string): string | null {
  return /unsupported\(([^)]*)\)/.exec(type)?.[1] ?? null
}

/** A struct's type of its fields; names may be any text. */
export function structType(fields: readonly { name: string; type: string }[]): string {
  const names = fields.map(({ name }) => (/^\w+$/.test(name) ? name : `\`${name.replaceAll('`', '``')}\``))
  return `struct<${fields.map(({ type }, index) => `${names[index]}:${type}`).join(',')}>`
}

type TypeReader = { text: string; at: number }

function readType(reader: TypeReader): ParsedType {
  const word = take(reader, /[a-z]+/y)
  if (word === 'decimal') {
    const digits = /^\((\d+),(\d+)\)$/.exec(take(reader, /\(\d+,\d+\)/y))
    return { kind: 'decimal', precision: Number(digits?.[1]), scale: Number(digits?.[2]) }
  }
  if (scalars.includes(word)) return { kind: 'scalar', name: word }
  if (word !== 'array' && word !== 'map' && word !== 'struct') throw notAType(reader.text)
  take(reader, /</y)
  const type = readParts(reader, word)
  take(reader, />/y)
  return type
}

function readParts(reader: TypeReader, word: 'array' | 'map' | 'struct'): ParsedType {
  if (word === 'array') return { kind: 'array', item: readType(reader) }
  if (word === 'map') {
    const key = readType(reader)
    take(reader, /,/y)
    return { kind: 'map', key, value: readType(reader) }
  }
  const fields: { name: string; type: ParsedType }[] = []
  do {
    const token = take(reader, /\w+|`(?:[^`]|``)*`/y)
    take(reader, /:/y)
    const name = token.startsWith('`') ? token.slice(1, -1).replaceAll('``', '`') : token
    fields.push({ name, type: readType(reader) })
  } while (skip(reader, ','))
  return { kind: 'struct', fields }
}

function take(reader: TypeReader, pattern: RegExp): string {
  pattern.lastIndex = reader.at
  const found = pattern.exec(reader.text)?.[0]
  if (found === undefined) throw notAType(reader.text)
  reader.at += found.length
  return found
}

function skip(reader: TypeReader, char: string): boolean {
  if (reader.text[reader.at] !== char) return false
  reader.at += 1
  return true
}

function notAType(text: string): MillraceError {
  return new MillraceError(
    'engine',
    `${JSON.stringify(text)} is no column type; expected one such as string, decimal(18,2) or array<int>`,
  )
}

const integerDigits: Record<string, number> = { tinyint: 3, smallint: 5, int: 10, bigint: 19 }
const maxDecimalDigits = 38 // Parquet, Hive and Iceberg share this bound

/**
 * True when values of type `from` may be read as type `to`: every integer and decimal that fits, any number as a double
 * (the nearest one), a date as a timestamp, what is only ever null as anything, and both zones of timestamp for each other, in UTC.
 */
export function widens(from: string, to: string): boolean {
  if (from === to || from === 'null' || (from === 'array<null>' && to.startsWith('array<'))) return true
  const digits = integerDigits[from]
  const target = decimalOf(to)
  if (target !== undefined) {
    const source = digits === undefined ? decimalOf(from) : { precision: digits, scale: 0 }
    if (source === undefined) return false
    return source.scale <= target.scale && source.precision - source.scale <= target.precision - target.scale
  }
  const targetDigits = integerDigits[to]
  if (digits !== undefined && targetDigits !== undefined) return digits <= targetDigits
  if (to === 'double') return digits !== undefined || from === 'float' || decimalOf(from) !== undefined
  if (to === 'timestamp' || to === 'timestamptz') return ['date', 'timestamp', 'timestamptz'].includes(from)
  return false
}

/**
 * The narrowest type that holds all of several: integers → bigint → decimal → double; what has no number or time in
 * common is text. The order of the types does not matter.
 */
export function commonType(types: readonly string[]): string {
  const distinct = [...new Set(types)].sort()
  return distinct.reduce((left, right) => {
    if (widens(left, right)) return right
    if (widens(right, left)) return left
    return commonNumber(left, right) ?? 'string'
  })
}

/** The type by which a table keeps what has several: their common one; what is null in every file is kept as text. */
export function keptType(types: readonly string[]): string {
  const type = commonType(types)
  return type === 'null' ? 'string' : type === 'array<null>' ? 'array<string>' : type
}

/** The columns of several files or partitions: folded name → the first spelling and all types. */
export function columnTypes(
  lists: Iterable<readonly { name: string; type: string }[]>,
): Map<string, { name: string; types: Set<string> }> {
  const found = new Map<string, { name: string; types: Set<string> }>()
  for (const columns of new Set(lists)) {
    for (const { name, type } of columns) {
      const column = found.get(name.toLowerCase()) ?? { name, types: new Set() }
      found.set(name.toLowerCase(), column)
      column.types.add(type)
    }
  }
  return found
}

/** The columns of several files or partitions by name without case, each with the type that holds those of all. */
export function unionColumns(
  lists: Iterable<readonly { name: string; type: string }[]>,
): { name: string; type: string }[] {
  return [...columnTypes(lists).values()].map(({ name, types }) => ({ name, type: keptType([...types]) }))
}

function commonNumber(left: string, right: string): string | undefined {
  const a = exactNumber(left)
  const b = exactNumber(right)
  if (a === undefined || b === undefined) return isNumber(left) && isNumber(right) ? 'double' : undefined
  const scale = Math.max(a.scale, b.scale)
  const precision = Math.max(a.precision - a.scale, b.precision - b.scale) + scale
  return precision <= maxDecimalDigits ? `decimal(${precision},${scale})` : 'double'
}

function isNumber(type: string): boolean {
  return exactNumber(type) !== undefined || type === 'float' || type === 'double'
}

function exactNumber(type: string): { precision: number; scale: number } | undefined {
  const digits = integerDigits[type]
  return digits === undefined ? decimalOf(type) : { precision: digits, scale: 0 }
}

function decimalOf(type: string): { precision: number; scale: number } | undefined {
  const match = /^decimal\((\d+),(\d+)\)$/.exec(type)
  return match === null ? undefined : { precision: Number(match[1]), scale: Number(match[2]) }
}

/** True when reading type `from` as type `to` keeps every value and its order: what is decided by them stays decided. */
export function keepsValues(from: string, to: string): boolean {
  if (from === to) return true
  if (!widens(from, to)) return false
  return to !== 'double' || ['float', 'tinyint', 'smallint', 'int'].includes(from)
}

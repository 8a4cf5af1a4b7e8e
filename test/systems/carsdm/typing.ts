/** Values as canonical text, and which of them fit a type: by the contract, in plain TypeScript. */
import type { Column, Value } from './landing.ts'

/** A value that a type cannot hold without loss. */
export const misfit = Symbol('misfit')
export type Fitted = string | null | typeof misfit

const bounds: Record<string, bigint> = { tinyint: 2n ** 7n, smallint: 2n ** 15n, int: 2n ** 31n, bigint: 2n ** 63n }
const integerDigits: Record<string, number> = { tinyint: 3, smallint: 5, int: 10, bigint: 19 }
const decimalDigitsMax = 38

/** A value of a column as text: decimals with their scale, timestamps with microseconds. */
export function canonical(value: Value, type: string): string | null {
  if (value === null) return null
  const decimal = decimalOf(type)
  if (decimal !== undefined) return scaled(String(value), decimal.scale)
  if (type === 'timestamp') return wholeTimestamp(String(value))
  if (type === 'double') return String(Number(value))
  return String(value)
}

/** The canonical text of a value of one type as a value of another. */
export function fitTo(value: string | null, from: string, to: string): Fitted {
  if (value === null || from === to) return value
  const decimal = decimalOf(to)
  const isNumber = from === 'string' || isNumeric(from)
  if (decimal !== undefined) return isNumber ? fitDecimal(value, decimal) : misfit
  if (bounds[to] !== undefined) return isNumber ? fitInteger(value, bounds[to]) : misfit
  if (to === 'double')
    return isNumber && value.trim() !== '' && Number.isFinite(Number(value)) ? String(Number(value)) : misfit
  if (to === 'string') return value
  if (to === 'boolean') return /^(true|false)$/.test(value) ? value : misfit
  return isNumeric(from) || from === 'boolean' ? misfit : fitTime(value, to)
}

function fitDecimal(value: string, { precision, scale }: { precision: number; scale: number }): Fitted {
  const match = /^(-?)0*(?=\d)(\d+?)(?:\.(\d*))?$/.exec(value)
  if (match === null) return misfit
  const [, sign, digits = '', fraction = ''] = match
  if ((digits === '0' ? 0 : digits.length) > precision - scale || /[1-9]/.test(fraction.slice(scale))) return misfit
  return scaled(`${sign}${digits}.${fraction}`, scale)
}

function fitInteger(value: string, bound: bigint): Fitted {
  const match = /^(-?\d+)(?:\.0*)?$/.exec(value)
  if (match === null) return misfit
  const number = BigInt(match[1] as string)
  return number >= -bound && number < bound ? String(number) : misfit
}

function fitTime(value: string, to: string): Fitted {
  const match = /^(\d{4}-\d\d-\d\d)(?: (\d\d:\d\d:\d\d(?:\.\d{1,6})?))?$/.exec(value)
  if (match === null) return misfit
  const [, date = '', time = '00:00:00'] = match
  const dayMs = Date.parse(`${date}T00:00:00Z`)
  // JavaScript takes the 30th of February for a day of March.
  if (Number.isNaN(dayMs) || !new Date(dayMs).toISOString().startsWith(date)) return misfit
  if (to === 'timestamp') return wholeTimestamp(`${date} ${time}`)
  return /[1-9]/.test(time) ? misfit : date
}

/** `12.5` of scale 2 → `12.50`; digits beyond the scale are zeros and go. */
function scaled(value: string, scale: number): string {
  const [whole = '', fraction = ''] = value.split('.')
  const text = scale === 0 ? whole : `${whole}.${fraction.padEnd(scale, '0').slice(0, scale)}`
  return /^-[0.]*$/.test(text) ? text.slice(1) : text
}

function wholeTimestamp(value: string): string {
  const [seconds = '', fraction = ''] = value.split('.')
  return `${seconds.length === 10 ? `${seconds} 00:00:00` : seconds}.${fraction.padEnd(6, '0')}`
}

function decimalOf(type: string): { precision: number; scale: number } | undefined {
  const match = /^decimal\((\d+),(\d+)\)$/.exec(type)
  return match === null ? undefined : { precision: Number(match[1]), scale: Number(match[2]) }
}

function isNumeric(type: string): boolean {
  return type === 'double' || bounds[type] !== undefined || decimalOf(type) !== undefined
}

/** The type that holds all of several: int → bigint → decimal → double, otherwise string. */
export function commonType(types: readonly string[]): string {
  const distinct = [...new Set(types)]
  if (distinct.length === 1) return distinct[0] as string
  if (!distinct.every(isNumeric)) return 'string'
  if (distinct.includes('double')) return 'double'
  if (distinct.every((type) => bounds[type] !== undefined)) {
    return distinct.sort((a, b) => (integerDigits[a] ?? 0) - (integerDigits[b] ?? 0)).at(-1) as string
  }
  const decimals = distinct.map((type) => decimalOf(type) ?? { precision: integerDigits[type] ?? 0, scale: 0 })
  const scale = Math.max(...decimals.map((decimal) => decimal.scale))
  const precision = Math.max(...decimals.map((decimal) => decimal.precision - decimal.scale)) + scale
  return precision <= decimalDigitsMax ? `decimal(${precision},${scale})` : 'double'
}

/** The columns of files that are not declared, by name, each with the type that holds all of its values. */
export function addedColumns(files: readonly { columns: Column[] }[], declared: readonly string[]): Column[] {
  const types = new Map<string, string[]>()
  for (const { name, type } of files.flatMap(({ columns }) => columns)) {
    const lower = name.toLowerCase()
    if ([...declared, 'op', 'dms_commit_ts'].includes(lower)) continue
    types.set(lower, [...(types.get(lower) ?? []), type])
  }
  return [...types].map(([name, all]) => ({ name, type: commonType(all) })).sort((a, b) => (a.name < b.name ? -1 : 1))
}

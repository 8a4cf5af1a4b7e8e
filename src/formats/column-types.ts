/** Which column type may stand in for which, and the type that holds several. Types in Hive's spelling. */

const integerDigits: Record<string, number> = { tinyint: 3, smallint: 5, int: 10, bigint: 19 }
const maxDecimalDigits = 38 // Parquet, Hive and Iceberg share this bound

/** True when every value of type `from` is a value of type `to`; both zones of timestamp stand in for each other, in UTC. */
export function widens(from: string, to: string): boolean {
  if (from === to) return true
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

/** Values of one type as another, in portable SQL, and whether they fit it without loss. Pure. */
import { keepsValues } from '../formats/column-types.ts'

/** `fits` is a condition that is never null; it is null itself where every value fits. `value` is right where it holds. */
export type Conversion = { value: string; fits: string | null }

const integers = ['tinyint', 'smallint', 'int', 'bigint']
const floats = ['float', 'double']
const wholePattern = "'^[+-]?[0-9]+([.]0*)?\\z'"
const floatPattern =
  "'^([+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?|[+-]?(inf|infinity|Infinity)|nan|NaN)\\z'"
const datePattern = "'^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T]00:00(:00([.]0+)?)?)?(Z|[+]00(:?00)?)?\\z'"
const timePattern = "'^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?)?(Z|[+]00(:?00)?)?\\z'"
const truths = "('true', 't', 'yes', 'y', '1')"
const falsehoods = "('false', 'f', 'no', 'n', '0')"
// Of a binary number's digits the last are noise: 0.1 + 0.2 is not a value with seventeen decimals.
const noise: Record<string, string> = { double: '1e-12', float: '1e-6' }

/** Converts the expression `sql` of type `from`; types are in Hive's spelling. Null stays null and fits. */
export function convert(sql: string, from: string, to: string): Conversion {
  if (from === to) return { value: sql, fits: null }
  const value = tryConvert(sql, to)
  if (from === 'null' || from === 'array<null>' || keepsValues(from, to)) return { value, fits: null }
  if (to === 'string') return { value: toText(sql, from), fits: null }
  if (from === 'string') return fromText(sql, to)
  if (isNumber(from) && isNumber(to)) return number(sql, from, to)
  if (from === 'boolean' && isNumber(to)) {
    return { value: tryConvert(`CASE WHEN ${sql} THEN 1 WHEN NOT ${sql} THEN 0 END`, to), fits: null }
  }
  if (isTime(from) && isTime(to)) return { value, fits: unchanged(sql, value, from) }
  if (/[<(]/.test(from.replace(/^decimal\(.*\)$/, '')) || from === 'binary') {
    return { value, fits: `(${sql} IS NULL OR ${value} IS NOT NULL)` }
  }
  return fromText(toText(sql, from), to)
}

function tryConvert(sql: string, to: string): string {
  return `try_convert(${sql}, ${to})`
}

function toText(sql: string, from: string): string {
  return from === 'binary' ? tryConvert(sql, 'string') : `to_text(${sql})`
}

function unchanged(sql: string, value: string, from: string): string {
  return `(${sql} IS NULL OR coalesce(${tryConvert(value, from)} = ${sql}, false))`
}

function number(sql: string, from: string, to: string): Conversion {
  const value = tryConvert(sql, to)
  if (!floats.includes(from) || integers.includes(to)) return { value, fits: unchanged(sql, value, from) }
  if (floats.includes(to)) return { value, fits: `(${sql} IS NULL OR ${value} IS NOT NULL)` }
  const difference = `abs(${tryConvert(value, 'double')} - ${tryConvert(sql, 'double')})`
  const allowed = `abs(${tryConvert(sql, 'double')}) * ${noise[from]}`
  return { value, fits: `(${sql} IS NULL OR coalesce(${difference} <= ${allowed}, false))` }
}

/**
 * Text is read by patterns, because engines disagree on what else they take for a number or a time. A pattern ends in \\z:
 * in Java's, $ is also before a last line end.
 */
function fromText(sql: string, to: string): Conversion {
  const text = `trim(${sql})`
  const holds = (condition: string): string => `(${sql} IS NULL OR coalesce(${condition}, false))`
  const fitting = (value: string, condition: string): Conversion => ({
    value,
    fits: holds(`(${condition}) AND ${value} IS NOT NULL`),
  })
  if (integers.includes(to)) {
    return fitting(tryConvert(`split_part(${text}, '.', 1)`, to), `matches(${text}, ${wholePattern})`)
  }
  const decimal = /^decimal\((\d+),(\d+)\)$/.exec(to)
  if (decimal !== null) {
    // The same digits before the point and all that there is room for behind it: what is other as its type has digits beyond
    // the scale. The text itself is converted once.
    const whole = Number(decimal[1]) - Number(decimal[2])
    // DuckDB's own casts skip blanks; trimming a million texts takes it longer than converting them.
    const number = `number_text(${sql})`
    const isSame = (digits: number): string => {
      const all = tryConvert(number, `decimal(${digits},${digits - whole})`)
      return `${tryConvert(all, to)} = ${all}`
    }
    // Decimals of more than 18 digits take seventy times as long; text that short has no more than it has room for.
    const isExact =
      Number(decimal[1]) > 18
        ? isSame(38)
        : `CASE WHEN byte_length(${number}) <= 18 THEN ${isSame(18)} ELSE ${isSame(38)} END`
    return { value: tryConvert(number, to), fits: holds(`is_decimal_text(${number}) AND ${isExact}`) }
  }
  if (floats.includes(to)) return fitting(tryConvert(text, to), `matches(${text}, ${floatPattern})`)
  if (to === 'boolean') {
    const word = `lower(${text})`
    return fitting(`(${word} IN ${truths})`, `${word} IN ${truths} OR ${word} IN ${falsehoods}`)
  }
  if (to === 'date') return fitting(tryConvert(`substr(${text}, 1, 10)`, to), `matches(${text}, ${datePattern})`)
  if (to === 'timestamp' || to === 'timestamptz') {
    return fitting(tryConvert(text, to), `matches(${text}, ${timePattern})`)
  }
  const value = tryConvert(sql, to)
  return { value, fits: `(${sql} IS NULL OR ${value} IS NOT NULL)` }
}

function isNumber(type: string): boolean {
  return integers.includes(type) || floats.includes(type) || type.startsWith('decimal(')
}

function isTime(type: string): boolean {
  return ['date', 'timestamp', 'timestamptz'].includes(type)
}

/** The value where it fits, null elsewhere. */
export function fittingValue({ value, fits }: Conversion): string {
  return fits === null ? value : `CASE WHEN ${fits} THEN ${value} END`
}

/**
 * What a value becomes in a column of a table, as SQL that stops at the first value that does not fit: integers that are too
 * large, fractions that a column does not keep, text that is no date. Values are never rounded or cut in silence.
 */
import { quoteName, quoteText } from '../engines/portable.ts'
import { hasCode, MillraceError } from '../errors.ts'
import { duckdbType } from './column-types.ts'
import { decimalOf, isNested } from './schema.ts'
import type { Field } from './types.ts'

/** A column of a relation, its type as DuckDB describes it. */
export type RelationColumn = { name: string; type: string }

/** The columns of a query or of a relation's name. */
export async function describe(
  session: { rows(sql: string): Promise<Record<string, unknown>[]> },
  from: string,
): Promise<RelationColumn[]> {
  const rows = await session.rows(`DESCRIBE SELECT * FROM ${from}`)
  return rows.map((row) => ({ name: String(row.column_name), type: String(row.column_type) }))
}

/** An expression of DuckDB type `from` as a value of a column; an error of DuckDB that `badValues` explains when it does not fit. */
export function converted(expression: string, from: string, field: Pick<Field, 'name' | 'type' | 'required'>): string {
  const to = duckdbType(field.type)
  const cast = from === to ? expression : castOf(expression, from, to, field)
  if (!field.required) return cast
  return `CASE WHEN ${expression} IS NULL THEN ${failure(field.name, "'NULL, but the column is required'")} ELSE ${cast} END`
}

function castOf(expression: string, from: string, to: string, field: Pick<Field, 'name' | 'type'>): string {
  if (isFree(from, to) || isNested(field.type)) return `CAST(${expression} AS ${to})`
  if (from === 'VARCHAR' && to === 'BLOB') return `encode(${expression})`
  const value = `left(CAST(${expression} AS VARCHAR), 100) || ', which is no ${to.toLowerCase()}'`
  return `CASE WHEN ${expression} IS NULL OR (${fits(expression, from, to)}) THEN TRY_CAST(${expression} AS ${to}) ELSE ${failure(field.name, value)} END`
}

/** With which DuckDB's error begins at a value that does not fit. */
export const marker = 'value that does not fit: '

function failure(column: string, valueSql: string): string {
  return `error(${quoteText(`${marker}${quoteName(column)} is `)} || ${valueSql})`
}

/** Runs statements with converted columns; a value that does not fit is `bad-value` naming column and value. */
export async function badValues<T>(where: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    if (!hasCode(error, 'engine')) throw error
    const at = error.message.indexOf(marker)
    if (at >= 0) throw badValue(where, error.message.slice(at + marker.length), error)
    const conversion = /Conversion Error: (.*)/.exec(error.message)?.[1]
    if (conversion !== undefined) throw badValue(where, conversion, error)
    throw error
  }
}

function badValue(where: string, what: string, cause: unknown): MillraceError {
  return new MillraceError(
    'bad-value',
    `${where}: column ${what}. Nothing was written; mend the value, or widen the column`,
    {
      cause,
    },
  )
}

const integerDigits: Record<string, number> = {
  TINYINT: 3,
  SMALLINT: 5,
  INTEGER: 10,
  BIGINT: 19,
  UTINYINT: 3,
  USMALLINT: 5,
  UINTEGER: 10,
}
const integers = ['TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT']
const numbers = /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(.*)$/

/** True when every value of a type has its equal, or its nearest number, in another. */
function isFree(from: string, to: string): boolean {
  if (from === '"NULL"' || to === 'VARCHAR') return true
  if (integers.includes(from) && integers.includes(to)) return integers.indexOf(from) <= integers.indexOf(to)
  const target = decimalOf(to.toLowerCase())
  const digits = integerDigits[from]
  if (target !== undefined) {
    const source = digits === undefined ? decimalOf(from.toLowerCase()) : { precision: digits, scale: 0 }
    if (source === undefined || source.scale > target.scale) return false
    return source.precision - source.scale <= target.precision - target.scale
  }
  if (to === 'BIGINT') return digits !== undefined
  if (to === 'DOUBLE') return numbers.test(from)
  if (to === 'TIMESTAMP' || to === 'TIMESTAMPTZ') {
    return ['DATE', 'TIMESTAMP', 'TIMESTAMP WITH TIME ZONE', 'TIMESTAMP_S', 'TIMESTAMP_MS'].includes(from)
  }
  return false
}

/** A condition under which a value has its equal in the other type. */
function fits(value: string, from: string, to: string): string {
  const tried = `TRY_CAST(${value} AS ${to})`
  if (from === 'VARCHAR') {
    // Numbers in text would be rounded.
    const decimal = decimalOf(to.toLowerCase())
    const digits = integers.includes(to) ? '' : decimal === undefined ? undefined : `(\\.\\d{0,${decimal.scale}}0*)?`
    const isNumber = digits === undefined ? 'true' : `regexp_full_match(${value}, '\\s*[+-]?\\d*${digits}\\s*')`
    return `${tried} IS NOT NULL AND ${isNumber}`
  }
  if (to === 'FLOAT') return `${tried} IS NOT NULL`
  if (numbers.test(from) && numbers.test(to)) return `${tried} = ${value}`
  return `TRY_CAST(${tried} AS ${from}) IS NOT DISTINCT FROM ${value}`
}

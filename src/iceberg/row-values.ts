/** Rows that are JavaScript objects as a DuckDB table. */
import type { Session } from '../engines/duckdb/session.ts'
import { quoteName, quoteText } from '../engines/portable.ts'
import { MillraceError } from '../errors.ts'
import { textLiteral } from './column-types.ts'

/** A row by the names of its columns. Values as a query gives them, or plain JavaScript's; undefined is NULL. */
export type Row = Record<string, unknown>

const rowsPerStatement = 500

/** Creates a temporary table of rows. Its columns are all that occur; a column that is always null is of no type. */
export async function createRows(session: Session, table: string, rows: readonly Row[]): Promise<void> {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  if (names.length === 0) throw new MillraceError('no-input', 'no rows were given, so their columns are not known')
  const columns = names.map((name) => {
    const values = rows.map((row) => row[name])
    return { name, type: typeOf(values) }
  })
  const definition = columns.map(({ name, type }) => `${quoteName(name)} ${type}`).join(', ')
  await session.run(`CREATE OR REPLACE TEMP TABLE ${quoteName(table)} (${definition})`)
  for (let start = 0; start < rows.length; start += rowsPerStatement) {
    const some = rows.slice(start, start + rowsPerStatement)
    const lines = some.map((row) => `(${names.map((name) => valueSql(row[name])).join(', ')})`)
    await session.run(`INSERT INTO ${quoteName(table)} VALUES ${lines.join(', ')}`)
  }
}

/** The DuckDB type that holds some values; text where they have nothing in common, or their type is not plain JavaScript's. */
function typeOf(values: readonly unknown[]): string {
  const types = new Set(values.filter((value) => value !== null && value !== undefined).map(scalarType))
  if (types.size === 0) return 'VARCHAR'
  if (types.size === 1) {
    const [type] = types as Iterable<string> as [string]
    return type === 'nested' ? nestedType(values.filter((value) => value !== null && value !== undefined)) : type
  }
  const isNumeric = [...types].every((type) => ['BIGINT', 'HUGEINT', 'DOUBLE'].includes(type))
  if (isNumeric) return types.has('DOUBLE') ? 'DOUBLE' : 'HUGEINT'
  if (types.has('nested'))
    throw new MillraceError('usage', 'a column has nested values in some rows and plain ones in others')
  return 'VARCHAR'
}

function scalarType(value: unknown): string {
  switch (typeof value) {
    case 'boolean':
      return 'BOOLEAN'
    case 'bigint':
      return value === BigInt.asIntN(64, value) ? 'BIGINT' : 'HUGEINT'
    case 'number':
      return Number.isSafeInteger(value) ? 'BIGINT' : 'DOUBLE'
    case 'object':
      if (value instanceof Date) return 'TIMESTAMPTZ'
      if (value instanceof Uint8Array) return 'BLOB'
      return isPlain(value) ? 'nested' : 'VARCHAR'
    default:
      return 'VARCHAR'
  }
}

function isPlain(value: unknown): value is unknown[] | Row {
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype
}

function nestedType(values: readonly unknown[]): string {
  if (values.every((value) => Array.isArray(value))) return `${typeOf(values.flat())}[]`
  const names = [...new Set(values.flatMap((value) => Object.keys(value as Row)))]
  const fields = names.map((name) => {
    return `${quoteName(name)} ${typeOf(values.map((value) => (value as Row)[name]))}`
  })
  return `STRUCT(${fields.join(', ')})`
}

function valueSql(value: unknown): string {
  if (value === null || value === undefined) return 'NULL'
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value)
  if (typeof value === 'number')
    return Number.isSafeInteger(value) && !Object.is(value, -0) ? String(value) : `'${value}'::DOUBLE`
  if (typeof value === 'string') return textLiteral(value)
  if (value instanceof Date) return `make_timestamptz(${BigInt(value.getTime()) * 1000n})`
  if (value instanceof Uint8Array) return `from_hex('${Buffer.from(value).toString('hex')}')`
  if (Array.isArray(value)) return `[${value.map(valueSql).join(', ')}]`
  if (!isPlain(value)) return textLiteral(String(value))
  return `{${Object.entries(value)
    .map(([name, inner]) => `${quoteText(name)}: ${valueSql(inner)}`)
    .join(', ')}}`
}

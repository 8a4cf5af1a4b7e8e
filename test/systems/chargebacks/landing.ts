/** Landing days as nasty as the contract allows, from a seed; the rows of every file are known because they are made here. */
import type { Random } from '../../random.ts'
import { declaredColumns, type Row, type Value } from './answer.ts'

/** A column of one file: `column` as the table knows it, `name` as the file spells it, `type` in DuckDB's spelling. */
export type FileColumn = { column: string; name: string; type: string }

export type LandedFile =
  | { kind: 'rows'; name: string; columns: FileColumn[]; rows: Row[]; codec: string }
  /** A file that cannot be read, made of a sound one. */
  | { kind: 'unreadable'; name: string; what: Damage; columns: FileColumn[]; rows: Row[] }
  /** A file whose name says that it is not data; it has rows that would change the answer. */
  | { kind: 'ignored'; name: string; columns: FileColumn[]; rows: Row[] }

export const damages = [
  'zero bytes',
  'text',
  'truncated',
  'beginning cut off',
  'amount is a double',
  'event_timestamp is text',
  'chargeback_id is a number',
  'no key',
  'damaged page',
  'text that is not UTF-8',
] as const
export type Damage = (typeof damages)[number]

/** Names that globs, shells, URLs and JSON read as something else; a backslash has a test of its own. */
export const stems = [
  'plain',
  'with space',
  "quote's",
  'double"quote',
  'star*',
  'what?',
  '[1]',
  '[!a-z]',
  '{a,b}',
  'line\nbreak',
  'ação',
  '日本😀',
  '100%20',
  'a..b',
  '-rf',
  '$(HOME)',
  "';--",
]
const ignoredNames = ['_SUCCESS', '.hidden.parquet', 'x.parquet.tmp', '_temporary.parquet', '.x.parquet.crc']

const keys = ['CB1', 'CB2', 'CB3', 'CB4', 'CB5', 'cb1', ' CB1', 'ação', '😀', '\uffee', "O'x", 'a"b', 'x\ny']
const blankKeys = [null, '', ' ', '\t', '\u00a0', ' \n ', '\u3000']
const texts = [null, '', 'a', 'B', 'b', 'é', '\uffee', '😀', 'z', 'a ', "it's"]

const codecs = ['snappy', 'zstd', 'gzip', 'lz4_raw', 'uncompressed']
const timestampTypes = ['TIMESTAMP', 'TIMESTAMP', 'TIMESTAMP_MS', 'TIMESTAMP_NS', 'TIMESTAMPTZ']
const amountTypes = ['DECIMAL(18,2)', 'DECIMAL(18,2)', 'DECIMAL(9,2)', 'DECIMAL(10,1)', 'INTEGER']
/** Columns that files add, with the types they come in; `channel` is one letter or digit, so that both types order it alike. */
const addedColumns: { column: string; types: string[]; values: Value[] }[] = [
  { column: 'risk_score', types: ['INTEGER', 'BIGINT', 'DOUBLE', 'DECIMAL(5,1)'], values: [null, -1, 0, 2, 10, 2.5] },
  { column: 'channel', types: ['VARCHAR', 'INTEGER'], values: [null, 1, 2, 9] },
  { column: 'nota "x"', types: ['VARCHAR'], values: [null, '', 'é', 'longer text'] },
  { column: 'is_fraud', types: ['BOOLEAN'], values: [null, 'true', 'false'] },
]

/** A day's files in the order they land. `day` is `YYYY-MM-DD`. */
export function landingDay(random: Random, day: string, fileCount: number): LandedFile[] {
  const pool: Row[] = []
  const files = Array.from({ length: fileCount }, (_, index): LandedFile => {
    const name = `${random.pick(stems)}-${index}.${random.chance(0.1) ? 'PARQUET' : 'parquet'}`
    const columns = fileColumns(random)
    const rows = Array.from({ length: random.pick([0, 1, 3, 6, 10]) }, () => makeRow(random, day, pool, columns))
    if (random.chance(0.2)) return { kind: 'unreadable', name, what: random.pick(damages), columns: plain(), rows }
    return { kind: 'rows', name, columns: rows.length === 0 ? plain() : columns, rows, codec: random.pick(codecs) }
  })
  const ignored = ignoredNames.map((name): LandedFile => {
    return { kind: 'ignored', name, columns: plain(), rows: [makeRow(random, day, [], plain())] }
  })
  return random.shuffled([...files, ...ignored])
}

/** The declared columns as the contract has them. */
export function plain(): FileColumn[] {
  return declaredColumns.map((column) => ({ column, name: column, type: declaredType(column) }))
}

function declaredType(column: string): string {
  if (column === 'amount') return 'DECIMAL(18,2)'
  return isTime(column) ? 'TIMESTAMP' : 'VARCHAR'
}

function isTime(column: string): boolean {
  return column === 'created_at' || column === 'event_timestamp' || column === 'updated_at'
}

/** A file's columns: without `updated_at`, with others, in another order, spelled otherwise, of other types that fit. */
function fileColumns(random: Random): FileColumn[] {
  const columns = plain().filter(({ column }) => column !== 'updated_at' || !random.chance(0.25))
  for (const { column, types } of addedColumns) {
    if (random.chance(0.25)) columns.push({ column, name: column, type: random.pick(types) })
  }
  for (const column of columns) {
    if (isTime(column.column)) column.type = random.pick(timestampTypes)
    if (column.column === 'amount') column.type = random.pick(amountTypes)
    if (random.chance(0.1)) column.name = column.name.toUpperCase()
  }
  return random.chance(0.3) ? random.shuffled(columns) : columns
}

/** Half of the rows are earlier ones of the day with little changed: equal keys, equal times, ties decided late. */
function makeRow(random: Random, day: string, pool: Row[], columns: readonly FileColumn[]): Row {
  const row = pool.length > 0 && random.chance(0.6) ? { ...random.pick(pool) } : newRow(random, day)
  for (let changes = random.below(3); changes > 0; changes -= 1) {
    const column = random.pick(['status', 'country', 'amount', 'created_at', 'updated_at', 'transaction_id'])
    row[column] = newRow(random, day)[column] ?? null
  }
  for (const { column, values } of addedColumns) row[column] = random.pick(values)
  if (random.chance(0.08)) row.chargeback_id = random.pick(blankKeys)
  const fitted: Row = {}
  for (const { column, type } of columns) fitted[column] = narrowed(row[column] ?? null, type)
  pool.push({ ...row, ...fitted })
  return fitted
}

function newRow(random: Random, day: string): Row {
  const row: Row = {}
  const midnight = BigInt(Date.parse(`${day}T00:00:00Z`)) * 1000n
  for (const column of declaredColumns) {
    if (isTime(column)) {
      // Few moments, so that many are equal; some a microsecond or a millisecond apart, some on another day.
      const offset = random.pick([0n, 1n, 1000n, 3_600_000_000n, 86_399_999_999n, 86_400_000_000n, -1n])
      row[column] = random.chance(column === 'updated_at' ? 0.4 : 0.1) ? null : midnight + offset
    } else if (column === 'amount') row[column] = random.pick([null, 0n, 1n, -250n, 10_000n, 999_999_999n])
    else row[column] = random.pick(texts)
  }
  row.chargeback_id = random.pick(keys)
  return row
}

/** The value as a column of a type can hold it: coarser times and amounts lose what they cannot say. */
function narrowed(value: Value, type: string): Value {
  if (type === 'TIMESTAMP_MS' && typeof value === 'bigint') return value - (((value % 1000n) + 1000n) % 1000n)
  if (type === 'DECIMAL(10,1)' && typeof value === 'bigint') return value - (value % 10n)
  if (type === 'DECIMAL(9,2)' && typeof value === 'bigint') return value % 1_000_000_000n
  if (type === 'INTEGER' && typeof value === 'bigint') return value - (value % 100n)
  if (/^(INTEGER|BIGINT)$/.test(type) && typeof value === 'number') return Math.trunc(value)
  return value
}

/** A query that gives the rows as a file of these columns holds them. */
export function rowsSql(columns: readonly FileColumn[], rows: readonly Row[]): string {
  const casts = columns.map(({ column, name, type }, index) => {
    const from = isTime(column) && type !== 'VARCHAR' ? timeSql(`c${index}`, type) : `c${index}`
    return `CAST(${from} AS ${type}) AS "${name.replaceAll('"', '""')}"`
  })
  const values = rows.map((row) => `(${columns.map(({ column }) => valueSql(column, row[column] ?? null)).join(', ')})`)
  const nothing = `(${columns.map(() => 'NULL').join(', ')})`
  const aliases = columns.map((_, index) => `c${index}`).join(', ')
  return `SELECT ${casts.join(', ')} FROM (VALUES ${values.length === 0 ? nothing : values.join(', ')}) t(${aliases})${values.length === 0 ? ' WHERE false' : ''}`
}

/** Nanoseconds get three digits that the table's microseconds do not keep. */
function timeSql(micros: string, type: string): string {
  if (type === 'TIMESTAMP_NS') return `make_timestamp_ns(CAST(${micros} AS BIGINT) * 1000 + 789)`
  if (type === 'TIMESTAMPTZ') return `make_timestamptz(CAST(${micros} AS BIGINT))`
  return `make_timestamp(CAST(${micros} AS BIGINT))`
}

function valueSql(column: string, value: Value): string {
  if (value === null) return 'NULL'
  if (column === 'amount' && typeof value === 'bigint') return `'${hundredths(value)}'`
  return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value)
}

/** `-250n` → `-2.50`. */
export function hundredths(value: bigint): string {
  const digits = String(value < 0n ? -value : value).padStart(3, '0')
  return `${value < 0n ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`
}

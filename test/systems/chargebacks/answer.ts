/**
 * The answer by the contract (`specs/chargebacks.md`), worked out row by row in plain TypeScript: neither SQL nor anything
 * of `src/` has a part in it.
 */

/** Text, whole numbers, doubles; timestamps are microseconds since 1970 (UTC) and `amount` is in hundredths, as bigint. */
export type Value = string | number | bigint | null
export type Row = Record<string, Value>

/** A landed file as the answer sees it: its rows by lower-case column name, or null where it cannot be read. */
export type AnswerFile = { path: string; columns: string[]; rows: Row[] | null }

export type Answer = {
  /** The columns of the table: the declared ones, then added ones by name. */
  columns: string[]
  kept: Row[]
  quarantined: { path: string; row: Row }[]
  unreadable: string[]
  rowsRead: number
  duplicates: number
}

export const declaredColumns = [
  'chargeback_id',
  'transaction_id',
  'merchant_id',
  'merchant_name',
  'card_brand',
  'card_last4',
  'amount',
  'currency',
  'reason_code',
  'reason_description',
  'status',
  'country',
  'created_at',
  'event_timestamp',
  'updated_at',
] as const

/** What a day's folder must hold once these files are consumed, in whatever executions. */
export function answerOf(files: readonly AnswerFile[]): Answer {
  const readable = files.filter((file): file is AnswerFile & { rows: Row[] } => file.rows !== null)
  const added = new Set(readable.flatMap(({ columns }) => columns))
  for (const name of declaredColumns) added.delete(name)
  const columns = [...declaredColumns, ...[...added].sort()]
  const newest = new Map<string, Row>()
  const answer: Answer = { columns, kept: [], quarantined: [], unreadable: [], rowsRead: 0, duplicates: 0 }
  for (const { path, rows } of readable) {
    for (const row of rows) {
      answer.rowsRead += 1
      const key = row.chargeback_id ?? null
      if (typeof key !== 'string' || key.trim() === '') {
        answer.quarantined.push({ path, row })
        continue
      }
      const standing = newest.get(key)
      if (standing !== undefined) answer.duplicates += 1
      if (standing === undefined || compareRows(row, standing, columns) > 0) newest.set(key, row)
    }
  }
  answer.kept = [...newest.values()]
  answer.unreadable = files.filter(({ rows }) => rows === null).map(({ path }) => path)
  return answer
}

/** Positive when `a` is newer than `b`: by its time, then by its columns in order; null is less than any value. */
function compareRows(a: Row, b: Row, columns: readonly string[]): number {
  const pairs: [Value, Value][] = [
    [a.updated_at ?? a.event_timestamp ?? null, b.updated_at ?? b.event_timestamp ?? null],
    [a.event_timestamp ?? null, b.event_timestamp ?? null],
    ...columns.slice(1).map((name): [Value, Value] => [a[name] ?? null, b[name] ?? null]),
  ]
  for (const [left, right] of pairs) {
    const order = compareValues(left, right)
    if (order !== 0) return order
  }
  return 0
}

/** Text compares by its bytes in UTF-8, which is the order of code points; JavaScript's own order is another one. */
function compareValues(left: Value, right: Value): number {
  if (left === null || right === null) return left === right ? 0 : left === null ? -1 : 1
  if (typeof left === 'string' || typeof right === 'string') {
    return Buffer.compare(Buffer.from(String(left)), Buffer.from(String(right)))
  }
  return left === right ? 0 : left > right ? 1 : -1
}

/** Rows in one form for comparing: each as the text of its values in the order of the columns, sorted. */
export function rowTexts(rows: readonly Row[], columns: readonly string[]): string[] {
  return rows.map((row) => rowText(row, columns)).sort()
}

/** A row as the text of its values in the order of the columns. */
export function rowText(row: Row, columns: readonly string[]): string {
  return JSON.stringify(columns.map((name) => (row[name] == null ? null : String(row[name]))))
}

/** A merge's clauses as one query: what happens to every pair of a source row and a table row, and the rows that result. */
import type { Session } from '../engines/duckdb/session.ts'
import { quoteName } from '../engines/portable.ts'
import { MillraceError } from '../errors.ts'
import { duckdbType } from './column-types.ts'
import { converted } from './conversion.ts'
import type { MergeSource } from './merge-source.ts'
import type { Mode } from './row-changes.ts'
import { rowPlace, type Scan, scanSql } from './scan.ts'
import { findField } from './schema.ts'
import { checkColumns, type Source, sourceColumn } from './source.ts'
import type { Field } from './types.ts'

/** What happens to a matched row: an update of some columns (`all`: those that the source has), or its deletion. */
export type MatchedClause =
  | { when?: string; then: 'update'; set?: Record<string, string> | 'all' }
  | { when?: string; then: 'delete' }

/** What is merged, and what becomes of the rows. Expressions and conditions are SQL over `s.` and `t.`, source and table. */
export type MergeOptions = {
  using: Source
  /** The columns, named the same on both sides, by which a row is found. */
  on: readonly string[]
  /** A NULL in a key finds a NULL. By default it finds nothing, so that such rows are not matched. */
  nullSafe?: boolean
  /** Of source rows with one key the first counts; without an order two of them are `bad-value`. */
  orderBy?: readonly string[]
  /**
   * Of these the first whose condition holds; an update of all columns that the source has by default. A row that an update
   * leaves as it is, is not written, whatever the condition says.
   */
  whenMatched?: readonly MatchedClause[]
  /** Values for an insert; columns without one are NULL. By default all; null: nothing is inserted. */
  whenNotMatched?: { when?: string; values?: Record<string, string> | 'all' } | null
  /** What becomes of rows of the table that the source has no row for; needs a look at all of the table's keys. */
  whenNotMatchedBySource?: { when?: string; then: 'delete' }
  /** By default the table's `write.merge.mode`, else `auto`. */
  mode?: Mode
}

/** What is done with a row, as numbers in the column `$action`; clause n of the updates is `update + n`. */
export const actions = { none: 0, insert: 1, delete: 2, update: 3 }

/** Values by the table's columns: SQL over `s` and `t` of the columns' types. */
type Assignments = Map<Field, string>

/** Clauses with their values in the columns' types. */
export type Clauses = {
  matched: { when: string; assignments: Assignments | null }[]
  insert: { when: string; assignments: Assignments } | null
  deleteUnmatched: string | null
}

/** Finds the columns and types of the clauses' values. Throws `usage` for columns that are not there. */
export async function resolveClauses(
  session: Session,
  name: string,
  scan: Scan,
  source: MergeSource,
  options: MergeOptions,
): Promise<Clauses> {
  const { whenMatched = [{ then: 'update' }], whenNotMatched = {}, whenNotMatchedBySource } = options
  const resolve = (values: Record<string, string> | 'all', isInsert: boolean): Promise<Assignments> =>
    assignmentsOf(session, name, scan, source, values, isInsert)
  const matched: Clauses['matched'] = []
  for (const clause of whenMatched) {
    const assignments = clause.then === 'update' ? await resolve(clause.set ?? 'all', false) : null
    matched.push({ when: clause.when ?? 'true', assignments })
  }
  return {
    matched,
    insert:
      whenNotMatched === null
        ? null
        : { when: whenNotMatched.when ?? 'true', assignments: await resolve(whenNotMatched.values ?? 'all', true) },
    deleteUnmatched: whenNotMatchedBySource === undefined ? null : (whenNotMatchedBySource.when ?? 'true'),
  }
}

async function assignmentsOf(
  session: Session,
  name: string,
  scan: Scan,
  source: MergeSource,
  values: Record<string, string> | 'all',
  isInsert: boolean,
): Promise<Assignments> {
  const given = values === 'all' ? allValues(name, scan, source, isInsert) : givenValues(scan, values)
  const expressions = [...given.values()]
  const types = await typesOf(session, scan, source, expressions, isInsert)
  const assignments: Assignments = new Map()
  for (const [index, [field, sql]] of [...given].entries()) {
    assignments.set(field, converted(sql, types[index] ?? 'VARCHAR', field))
  }
  if (!isInsert) return assignments
  const missing = scan.schema.fields.find((field) => field.required && !assignments.has(field))
  if (missing === undefined) return assignments
  throw new MillraceError(
    'usage',
    `${name}: the column ${quoteName(missing.name)} is required; the merge inserts no value for it`,
  )
}

function givenValues(scan: Scan, values: Record<string, string>): Map<Field, string> {
  return new Map(Object.entries(values).map(([column, sql]) => [findField(scan.schema, column), `(${sql})`]))
}

/** Every column of the table that the source has; keys are equal already. */
function allValues(name: string, scan: Scan, { columns, keys }: MergeSource, isInsert: boolean): Map<Field, string> {
  checkColumns(name, scan.schema, columns)
  const isKey = (field: Field): boolean => keys.some((key) => key.field.id === field.id)
  const found = scan.schema.fields
    .filter((field) => isInsert || !isKey(field))
    .flatMap((field): [Field, string][] => {
      const column = sourceColumn(columns, field.name)
      return column === undefined ? [] : [[field, `s.${quoteName(column.name)}`]]
    })
  return new Map(found)
}

async function typesOf(
  session: Session,
  scan: Scan,
  source: MergeSource,
  expressions: readonly string[],
  isInsert: boolean,
): Promise<string[]> {
  if (expressions.length === 0) return []
  const columns = scan.schema.fields.map(({ name, type }) => `CAST(NULL AS ${duckdbType(type)}) AS ${quoteName(name)}`)
  const target = isInsert ? '' : `, (SELECT ${columns.join(', ')}) AS t`
  const rows = await session.rows(`DESCRIBE SELECT ${expressions.join(', ')} FROM ${source.from} AS s${target}`)
  return rows.map((row) => String(row.column_type))
}

/** The rows that change: `$action`, the row's place, and the table's columns with their new values. */
export function changedRowsSql(scan: Scan, source: MergeSource, clauses: Clauses): string {
  const columns = scan.schema.fields.map(({ name }) => name)
  const [file, position] = [quoteName(rowPlace.file), quoteName(rowPlace.position)]
  const action = actionSql(clauses, `t.${position}`)
  const values = scan.schema.fields.map((field) => `${valueSql(field, clauses, action)} AS ${quoteName(field.name)}`)
  const target = scanSql(scan, columns, rowPlace)
  const changed = `
    SELECT CAST(${action} AS INTEGER) AS "$action", t.${file}, t.${position}, ${values.join(', ')}
    FROM ${source.from} AS s LEFT JOIN ${target} AS t ON ${onSql(source)}
    WHERE ${action} <> ${actions.none}`
  if (clauses.deleteUnmatched === null) return changed
  const nulls = scan.schema.fields.map(({ type }) => `CAST(NULL AS ${duckdbType(type)})`)
  return `${changed}
    UNION ALL
    SELECT ${actions.delete}, t.${file}, t.${position}, ${nulls.join(', ')}
    FROM ${target} AS t ANTI JOIN ${source.from} AS s ON ${onSql(source)} WHERE ${clauses.deleteUnmatched}`
}

function onSql({ columns, keys }: MergeSource): string {
  const terms = keys.map(({ field, matchesNull }) => {
    const column = sourceColumn(columns, field.name)
    // Equality lets the join leave out parts of files; without a NULL it means the same.
    return `t.${quoteName(field.name)} ${matchesNull ? 'IS NOT DISTINCT FROM' : '='} s.${quoteName(column?.name ?? field.name)}`
  })
  return terms.join(' AND ')
}

function actionSql({ matched, insert }: Clauses, position: string): string {
  const inserted =
    insert === null ? String(actions.none) : `CASE WHEN ${insert.when} THEN ${actions.insert} ELSE ${actions.none} END`
  const terms = matched.map(({ when, assignments }, index) => {
    if (assignments === null) return `WHEN ${when} THEN ${actions.delete}`
    const differs = [...assignments].map(([field, sql]) => `t.${quoteName(field.name)} IS DISTINCT FROM ${sql}`)
    const isChanged = differs.length === 0 ? 'false' : differs.join(' OR ')
    return `WHEN ${when} THEN CASE WHEN ${isChanged} THEN ${actions.update + index} ELSE ${actions.none} END`
  })
  const updated = terms.length === 0 ? String(actions.none) : `CASE ${terms.join(' ')} ELSE ${actions.none} END`
  return `(CASE WHEN ${position} IS NULL THEN ${inserted} ELSE ${updated} END)`
}

/** A column's new value: one expression where every clause sets the same, else by what is done. */
function valueSql(field: Field, { matched, insert }: Clauses, action: string): string {
  const branches = matched.flatMap(({ assignments }, index) => {
    const value = assignments?.get(field) ?? `t.${quoteName(field.name)}`
    return assignments === null ? [] : [{ code: actions.update + index, value }]
  })
  const none = `CAST(NULL AS ${duckdbType(field.type)})`
  if (insert !== null) branches.push({ code: actions.insert, value: insert.assignments.get(field) ?? none })
  if (branches.length === 0) return none
  const hasDelete = matched.some(({ assignments }) => assignments === null)
  const [only, ...others] = new Set(branches.map(({ value }) => value))
  if (only !== undefined && others.length === 0 && !hasDelete) return only
  return `CASE ${action} ${branches.map(({ code, value }) => `WHEN ${code} THEN ${value}`).join(' ')} ELSE ${none} END`
}

/** The SQL of a merge: what is read in full, what only where inputs changed, and how rows are merged. Pure. */

import type { MergeIntoTask } from '../define/merge-into.ts'
import { quoteName, quoteText } from '../engines/portable.ts'
import { MillraceError } from '../errors.ts'

/** A column of a query or a table, its type as DuckDB spells it. */
export type SqlColumn = { name: string; type: string }

/**
 * The query in which a table that is joined from the left must have a row: every row that comes of the table's rows, and no other.
 * Null where the text names the table more than once, for then one name cannot stand for the changed rows alone.
 */
export function joinedInner(sql: string, table: string): string | null {
  const name = table
    .split('.')
    .map((part) => `"?${part.replaceAll('-', '\\-')}"?`)
    .join('\\s*\\.\\s*')
  if ([...sql.matchAll(new RegExp(`(?<![\\w.])${name}(?![\\w])`, 'gi'))].length !== 1) return null
  return sql.replace(new RegExp(`\\bleft\\s+(?:outer\\s+)?join\\s+(${name})(?![\\w])`, 'gi'), 'join $1')
}

/** The keys that rows of a query have. */
export function keysOf({ on }: MergeIntoTask, sql: string): string {
  const columns = on.map((column) => `q.${quoteName(column)}`)
  return `SELECT DISTINCT ${columns.join(', ')} FROM (${sql}) q WHERE ${columns.map((column) => `${column} IS NOT NULL`).join(' AND ')}`
}

/** The query's rows whose keys are in a table. */
export function rowsOfKeys({ on, using }: MergeIntoTask, keys: string): string {
  return `SELECT q.* FROM (${using.sql}) q SEMI JOIN ${keys} k ON ${on.map((column) => `q.${quoteName(column)} = k.${quoteName(column)}`).join(' AND ')}`
}

/** The rows of an input that may have one of the keys. */
export function restrictedInput(input: string, columns: readonly string[], keys: string): string {
  const list = columns.map(quoteName).join(', ')
  return `SELECT i.* FROM (${input}) i SEMI JOIN (SELECT DISTINCT ${list} FROM ${keys}) k USING (${list})`
}

/** Why a row cannot be merged, as an expression over the query's columns; null where nothing can be wrong. */
export function reasonOf(task: MergeIntoTask, source: readonly SqlColumn[], target: readonly SqlColumn[]): string {
  const cases = task.on.map((column) => `WHEN ${quoteName(column)} IS NULL THEN ${quoteText(`${column} is missing`)}`)
  for (const { name, type } of source) {
    const to = target.find((column) => column.name.toLowerCase() === name.toLowerCase())?.type
    if (to === undefined || to === type || Object.hasOwn(task.insert, name)) continue
    cases.push(`WHEN NOT (${fits(quoteName(name), type, to)}) THEN ${quoteText(`${name} is no ${to}`)}`)
  }
  return `CASE ${cases.join(' ')} END`
}

const numeric = /^(U?(TINY|SMALL|BIG|HUGE)?INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL)/

/** A number must be the same number afterwards; of other values it is enough that they can be read. */
function fits(value: string, from: string, to: string): string {
  const cast = `TRY_CAST(${value} AS ${to})`
  if (numeric.test(from) && numeric.test(to))
    return `${value} IS NULL OR coalesce(TRY_CAST(${cast} AS ${from}) = ${value}, false)`
  return `${value} IS NULL OR ${cast} IS NOT NULL`
}

/** How a row of the query becomes one of the table. Throws `usage` for columns that one of them has not. */
export function clausesOf(
  task: MergeIntoTask,
  source: readonly SqlColumn[],
  target: readonly SqlColumn[],
): { changed: string; set: Record<string, string>; values: Record<string, string> } {
  const fromSource = (column: string, option: string): string => {
    const found = source.find(({ name }) => name.toLowerCase() === column.toLowerCase())
    if (found === undefined) throw unknown(task, option, column, 'the query', source)
    return `s.${quoteName(found.name)}`
  }
  const inTarget = (column: string, option: string): SqlColumn => {
    const found = target.find(({ name }) => name.toLowerCase() === column.toLowerCase())
    if (found === undefined) throw unknown(task, option, column, task.into, target)
    return found
  }
  for (const column of task.on) fromSource(inTarget(column, 'on').name, 'on')
  const differs = task.compare.map((column) => {
    const { name, type } = inTarget(column, 'compare')
    return `CAST(${fromSource(column, 'compare')} AS ${type}) IS DISTINCT FROM t.${quoteName(name)}`
  })
  const assigned = ({ name, type }: SqlColumn, option: string): [name: string, sql: string] => {
    const from = source.find((column) => column.name.toLowerCase() === name.toLowerCase())?.type ?? type
    const value = fromSource(name, option)
    // As SQL assigns a time to a date: its day. Anything else that would be lost is an error.
    return [name, type === 'DATE' && from.startsWith('TIMESTAMP') ? `CAST(${value} AS DATE)` : value]
  }
  const set = task.update.map((column) => assigned(inTarget(column, 'update'), 'update'))
  const given = Object.entries(task.insert).map(([column, sql]) => [inTarget(column, 'insert').name, sql])
  const named = target
    .filter(({ name }) => !given.some(([column]) => column === name))
    .filter(({ name }) => source.some((column) => column.name.toLowerCase() === name.toLowerCase()))
    .map((column) => assigned(column, 'insert'))
  return {
    changed: differs.join(' OR '),
    set: Object.fromEntries(set),
    values: Object.fromEntries([...named, ...given]),
  }
}

function unknown(
  task: MergeIntoTask,
  option: string,
  column: string,
  where: string,
  columns: readonly SqlColumn[],
): MillraceError {
  return new MillraceError(
    'usage',
    `task ${task.name}  ${option} names ${column}, which ${where} has not; it has ${columns.map(({ name }) => name).join(', ')}`,
  )
}

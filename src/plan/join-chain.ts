/** A query that joins tables one after the other, taken apart: `from ns.t a join ns.u b on … left join … where …`. */
import { commentEnd, quotedEnd } from '../engines/portable.ts'

/** A table of the chain; `sql` is its join as written, `needs` the tables before it that its condition names. */
export type ChainedTable = { table: string; alias: string; isLeft: boolean; sql: string; needs: string[] }

/** The first table is what the others are joined to; it needs nothing. */
export type JoinChain = ChainedTable[]

const name = String.raw`"?[\w-]+"?\s*\.\s*"?[\w-]+"?`
const joined = new RegExp(
  String.raw`\b(?:(left)\s+(?:outer\s+)?|inner\s+)?join\s+(${name})\s+(?:as\s+)?(\w+)\s+on\b|\bwhere\b`,
  'gi',
)
const others =
  /\b(?:group|having|order|limit|union|except|intersect|qualify|window|with|right|full|cross|using|natural|semi|anti|lateral|distinct)\b/i

/** Takes a query apart; null for any other form, and where a table comes twice: nothing can be said of it then. */
export function joinChain(sql: string): JoinChain | null {
  const shown = withoutParts(sql)
  if (shown === null || others.test(shown)) return null
  const from = new RegExp(String.raw`\bfrom\s+(${name})\s+(?:as\s+)?(\w+)\s`, 'i').exec(shown)
  if (from === null || from[0].includes(',')) return null
  const start = from.index + from[0].length
  const marks = [...shown.slice(start).matchAll(joined)]
  const before = shown.slice(start, start + (marks[0]?.index ?? shown.length - start))
  if (before.trim() !== '' || /\bjoin\b/i.test(shown.slice(start).replaceAll(joined, ''))) return null
  const first = plain(from[1] as string)
  const chain: JoinChain = [
    { table: first, alias: from[2] as string, isLeft: false, sql: `${quoted(first)} ${from[2]}`, needs: [] },
  ]
  for (const [index, mark] of marks.entries()) {
    if (mark[2] === undefined) break
    const end = marks[index + 1]?.index ?? shown.length - start
    const alias = mark[3] as string
    const condition = sql.slice(start + mark.index + mark[0].length, start + end)
    const needs = chain.filter((one) => mentions(condition, one.alias)).map((one) => one.table)
    if (/,\s*$/.test(condition) || needs.length === 0) return null
    const isLeft = mark[1] !== undefined
    chain.push({
      table: plain(mark[2]),
      alias,
      isLeft,
      sql: `${quoted(plain(mark[2]))} ${alias} on ${condition}`,
      needs,
    })
  }
  const tables = chain.map(({ table }) => table.toLowerCase())
  return new Set(tables).size === tables.length ? chain : null
}

/** The query's text with what stands in quotes, comments and parentheses blank; null where one never ends. */
function withoutParts(sql: string): string | null {
  let out = ''
  let depth = 0
  for (let at = 0; at < sql.length; ) {
    const char = sql[at] as string
    const end = char === "'" || (char === '"' && depth > 0) ? quotedEnd(sql, at) : commentEnd(sql, at)
    if (end !== null) {
      out += ' '.repeat(end - at)
      at = end
      continue
    }
    if (char === '(') depth += 1
    out += depth > 0 ? ' ' : char
    if (char === ')') depth -= 1
    at += 1
  }
  return depth === 0 ? out : null
}

function plain(text: string): string {
  return text.replaceAll(/["\s]/g, '')
}

function quoted(table: string): string {
  return table.replaceAll(/[^.]+/g, '"$&"')
}

function mentions(condition: string, alias: string): boolean {
  return new RegExp(String.raw`(?<![\w."])"?${alias}"?\s*\.`, 'i').test(condition)
}

/**
 * The rows of the first table that rows of another may be joined to: the chain with no more than the tables that its condition needs,
 * and those that theirs do. What is left out could only leave fewer rows.
 */
export function reachedRows(chain: JoinChain, table: string, columns: readonly string[]): string {
  const byName = new Map(chain.map((one) => [one.table, one]))
  const needed = new Set<string>()
  const need = (one: string): void => {
    if (needed.has(one)) return
    needed.add(one)
    for (const other of byName.get(one)?.needs ?? []) need(other)
  }
  need(table)
  const [first, ...rest] = chain as [ChainedTable, ...ChainedTable[]]
  const joins = rest
    .filter((one) => needed.has(one.table))
    .map((one) => `${one.isLeft && one.table !== table ? 'left join' : 'join'} ${one.sql}`)
  const list = columns.map((column) => `${first.alias}."${column.replaceAll('"', '""')}"`).join(', ')
  return `SELECT DISTINCT ${list} FROM ${[first.sql, ...joins].join('\n')}`
}

/** The tables that are joined from the left and that no other join needs: they add columns to rows, and take none away. */
export function onlyAdding(chain: JoinChain): string[] {
  const needed = new Set(chain.filter(({ isLeft }) => !isLeft).flatMap(({ needs }) => needs))
  return chain.filter(({ table, isLeft }) => isLeft && !needed.has(table)).map(({ table }) => table)
}

/**
 * Whether a condition of the query as a whole looks at a table that is joined from the left: then a row of it may take a row of the result
 * away, which no changed row leads to.
 */
export function filtersLeft(sql: string, chain: JoinChain): boolean {
  const where = /\bwhere\b/i.exec(withoutParts(sql) ?? '')
  if (where === null) return false
  const condition = sql.slice(where.index)
  return chain.some(({ alias, isLeft }) => isLeft && mentions(condition, alias))
}

/** A query that joins tables one after the other, taken apart: `from ns.t a join ns.u b on … left join … where …`. */
import { commentEnd, quotedEnd } from '../engines/portable.ts'

/** A table of the chain; `condition` is that of its join as written, `needs` the tables before it that it names. */
export type ChainedTable = { table: string; alias: string; isLeft: boolean; condition: string; needs: string[] }

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
  const chain: JoinChain = [{ table: first, alias: from[2] as string, isLeft: false, condition: '', needs: [] }]
  for (const [index, mark] of marks.entries()) {
    if (mark[2] === undefined) break
    const end = marks[index + 1]?.index ?? shown.length - start
    const alias = mark[3] as string
    const condition = sql.slice(start + mark.index + mark[0].length, start + end)
    const needs = chain.filter((one) => mentions(condition, one.alias)).map((one) => one.table)
    if (/,\s*$/.test(condition) || needs.length === 0) return null
    const isLeft = mark[1] !== undefined
    chain.push({ table: plain(mark[2]), alias, isLeft, condition, needs })
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

function mentions(condition: string, alias: string): boolean {
  return new RegExp(String.raw`(?<![\w."])"?${alias}"?\s*\.`, 'i').test(condition)
}

/** Two tables of a chain that rows of a result are of: `on` holds for them, whatever the other tables have; so do `equal` columns. */
export type Link = { table: ChainedTable; other: ChainedTable; on: string; equal: EqualColumns[] }
export type EqualColumns = { column: string; otherColumn: string }

/**
 * For each table of a chain and each before it the parts of its condition that look at these two alone, an equality among them. Of a
 * table joined from the left only equal columns count: any other part may hold for rows that have none of it.
 */
export function linksOf(chain: JoinChain): Link[] {
  return chain.flatMap((table) => {
    const parts = conjuncts(table.condition)
    return chain.slice(0, chain.indexOf(table)).flatMap((other) => {
      const own = parts.filter((part) => {
        const mentioned = chain.filter(({ alias }) => mentions(part, alias))
        const isOfBoth = mentioned.length === 2 && mentioned.includes(table) && mentioned.includes(other)
        return isOfBoth && (!other.isLeft || equalColumns(part, table.alias, other.alias).length > 0)
      })
      const equal = own.flatMap((part) => equalColumns(part, table.alias, other.alias))
      return own.some((part) => /[^<>!]=/.test(part)) ? [{ table, other, on: own.join(' AND '), equal }] : []
    })
  })
}

/** The columns of a table that its links look at. */
export function linkColumns(links: readonly Link[], { table, alias }: ChainedTable): string[] {
  const own = links.filter((link) => link.table.table === table || link.other.table === table)
  const named = new RegExp(String.raw`(?<![\w."])"?${alias}"?\s*\.\s*"?(\w+)"?`, 'gi')
  const names = own.flatMap(({ on }) => [...on.matchAll(named)].map((match) => (match[1] as string).toLowerCase()))
  return [...new Set(names)]
}

/** The columns of a part that is an equality of two and nothing else. */
function equalColumns(part: string, alias: string, otherAlias: string): EqualColumns[] {
  const column = String.raw`"?(\w+)"?\s*\.\s*"?(\w+)"?`
  const [, left = '', first = '', right = '', second = ''] =
    new RegExp(`^${column}\\s*=\\s*${column}$`).exec(part) ?? []
  const is = (one: string, name: string): boolean => one.toLowerCase() === name.toLowerCase()
  if (is(left, alias) && is(right, otherAlias)) return [{ column: first, otherColumn: second }]
  return is(left, otherAlias) && is(right, alias) ? [{ column: second, otherColumn: first }] : []
}

/** The parts of a condition that AND joins; none where they cannot be told, or one asks another query. */
function conjuncts(condition: string): string[] {
  const shown = withoutParts(condition)
  if (shown === null || /\bselect\b|--|\/\*/i.test(condition) || /\b(?:between|case|or)\b/i.test(shown)) return []
  const parts: string[] = []
  let start = 0
  for (const mark of shown.matchAll(/\band\b/gi)) {
    parts.push(condition.slice(start, mark.index))
    start = mark.index + mark[0].length
  }
  return [...parts, condition.slice(start)].map((part) => part.trim())
}

/**
 * The tables by which rows of a chain's first table lead to those of another: one that it is joined to, and all that this one needs.
 * Of several the fewest rows, as `rowsOf` counts them. None where it is joined to the first table alone, or is it.
 */
export function wayTo(chain: JoinChain, table: ChainedTable, rowsOf: (table: string) => number): ChainedTable[] {
  const ways = table.needs.map((need) => {
    const names = new Set([need])
    // A table needs none that comes after it.
    const tables = chain
      .slice(1)
      .toReversed()
      .filter((one) => {
        const isNeeded = names.has(one.table)
        if (isNeeded) for (const name of one.needs) names.add(name)
        return isNeeded
      })
    return { tables, rows: tables.reduce((sum, one) => sum + rowsOf(one.table), 0) }
  })
  return ways.sort((a, b) => a.rows - b.rows)[0]?.tables.toReversed() ?? []
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

/**
 * The portable SQL subset: one text, expanded by each engine in its own way. Names in double quotes are identifiers,
 * text in single quotes is data with '' as its only escape, and the functions of `portable-functions.json` mean the same
 * on every engine. Everything else passes through unchanged.
 */
import { readFileSync } from 'node:fs'

export type Dialect = 'duckdb' | 'spark'

type FunctionTable = Record<string, Record<Dialect, string>>

/** Unicode's White_Space property, and the four separators that Java and Python count as white space too. */
const whitespace = [
  ...Array.from({ length: 5 }, (_, i) => 0x09 + i),
  ...Array.from({ length: 4 }, (_, i) => 0x1c + i),
  ...[0x20, 0x85, 0xa0, 0x1680],
  ...Array.from({ length: 11 }, (_, i) => 0x2000 + i),
  ...[0x2028, 0x2029, 0x202f, 0x205f, 0x3000],
]
  .map((point) => String.fromCodePoint(point))
  .join('')

const functions: FunctionTable = JSON.parse(readFileSync(new URL('./portable-functions.json', import.meta.url), 'utf8'))

/** The names a portable query may call besides the functions both engines share. */
export const portableFunctionNames: readonly string[] = Object.keys(functions)

/** Expands a portable query for one engine. Throws on text or a call that never ends. */
export function expandPortable(sql: string, dialect: Dialect): string {
  let out = ''
  let at = 0
  while (at < sql.length) {
    const char = sql[at] as string
    if (char === "'" || char === '"') {
      const end = quotedEnd(sql, at)
      out += quoted(sql.slice(at, end), dialect)
      at = end
      continue
    }
    const comment = /^(--[^\n]*|\/\*[\s\S]*?\*\/)/.exec(char === '-' || char === '/' ? sql.slice(at) : '')?.[0]
    if (comment !== undefined) {
      at += comment.length
      continue
    }
    const word = /^[A-Za-z_][A-Za-z0-9_]*/.exec(sql.slice(at, at + 64))?.[0]
    if (word === undefined) {
      out += char
      at += 1
      continue
    }
    const template = functions[word.toLowerCase()]?.[dialect]
    if (template === undefined || sql[at + word.length] !== '(') {
      out += word
      at += word.length
      continue
    }
    const call = callArguments(sql, at + word.length)
    const expanded = call.values.map((value) => expandPortable(value.trim(), dialect))
    out += fill(template, expanded)
    at = call.end
  }
  return out
}

function fill(template: string, values: string[]): string {
  return template.replace(/\$(\d)|\{whitespace\}/g, (_, position?: string) =>
    position === undefined ? whitespace : (values[Number(position) - 1] ?? ''),
  )
}

function quotedEnd(sql: string, start: number): number {
  const quote = sql[start]
  for (let at = start + 1; at < sql.length; at += 1) {
    if (sql[at] !== quote) continue
    if (sql[at + 1] !== quote) return at + 1
    at += 1
  }
  throw new Error(`text that starts at character ${start} never ends: ${sql.slice(start, start + 40)}`)
}

/** Spark reads names in backticks, and backslashes in text as escapes. */
function quoted(token: string, dialect: Dialect): string {
  if (dialect === 'duckdb') return token
  if (token.startsWith('"')) return `\`${token.slice(1, -1).replaceAll('""', '"').replaceAll('`', '``')}\``
  return token.replaceAll('\\', '\\\\').replaceAll(/(?<=.)''(?=.)/gs, "\\'")
}

function callArguments(sql: string, open: number): { values: string[]; end: number } {
  const values: string[] = []
  let depth = 0
  let start = open + 1
  for (let at = open; at < sql.length; at += 1) {
    const char = sql[at] as string
    if (char === "'" || char === '"') at = quotedEnd(sql, at) - 1
    else if ('([{'.includes(char)) depth += 1
    else if (')]}'.includes(char)) {
      depth -= 1
      if (depth === 0) {
        values.push(sql.slice(start, at))
        return { values, end: at + 1 }
      }
    } else if (char === ',' && depth === 1) {
      values.push(sql.slice(start, at))
      start = at + 1
    }
  }
  throw new Error(`a call that starts at character ${open} never ends: ${sql.slice(open, open + 40)}`)
}

/** A name as the portable subset writes it, whatever it contains. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** Text as the portable subset writes it. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

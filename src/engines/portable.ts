/**
 * The portable SQL subset: one text, expanded by each engine in its own way. Names in double quotes are identifiers,
 * text in single quotes is data with '' as its only escape, and the functions of `portable-functions.json` mean the same
 * on every engine. Everything else passes through unchanged.
 */
import { readFileSync } from 'node:fs'
import { MillraceError } from '../errors.ts'
import { type ParsedType, parseType } from '../formats/column-types.ts'

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

/** Expands a portable query for one engine. Throws `engine` on text or a call that never ends, and on a wrong call. */
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
    const comment = commentEnd(sql, at)
    if (comment !== null) {
      out += ' '
      at = comment
      continue
    }
    word.lastIndex = at
    const name = word.exec(sql)?.[0]
    if (name === undefined) {
      out += char
      at += 1
      continue
    }
    at += name.length
    const portable = Object.hasOwn(functions, name.toLowerCase()) ? functions[name.toLowerCase()] : undefined
    if (portable === undefined || sql[at] !== '(') {
      out += name
      continue
    }
    const call = callArguments(sql, at)
    out += fill(
      name,
      portable[dialect],
      call.values.map((value) => expandPortable(value.trim(), dialect)),
      dialect,
    )
    at = call.end
  }
  return out
}

const word = /[\p{L}\p{N}_$]+/uy // whole words, so that no name is taken for a function in its middle

/** Where a comment that starts here ends, or null. */
export function commentEnd(sql: string, at: number): number | null {
  if (sql.startsWith('--', at)) {
    const end = sql.indexOf('\n', at)
    return end === -1 ? sql.length : end
  }
  if (!sql.startsWith('/*', at)) return null
  const end = sql.indexOf('*/', at + 2)
  if (end === -1) throw badSql(`a comment that starts at character ${at} never ends`, sql, at)
  return end + 2
}

function badSql(what: string, sql: string, at: number): MillraceError {
  return new MillraceError('engine', `portable SQL: ${what}: ${sql.slice(at, at + 40)}`)
}

function fill(name: string, template: string, values: string[], dialect: Dialect): string {
  const positions = [...template.matchAll(/\$(\d)/g)].map((match) => Number(match[1]))
  const count = Math.max(...positions)
  if (values.length !== count) {
    throw new MillraceError(
      'engine',
      `portable SQL: ${name} takes ${count} arguments, not ${values.length}: ${values.join(', ')}`,
    )
  }
  return template.replace(/\{type:\$(\d)\}|\$(\d)|\{whitespace\}/g, (_, type?: string, position?: string) => {
    if (type !== undefined) return typeNames[dialect](parseType(values[Number(type) - 1] as string))
    return position === undefined ? whitespace : (values[Number(position) - 1] as string)
  })
}

/** Where a text or a name in quotes that starts here ends. Throws `engine` where it never does. */
export function quotedEnd(sql: string, start: number): number {
  const quote = sql[start]
  for (let at = start + 1; at < sql.length; at += 1) {
    if (sql[at] !== quote) continue
    if (sql[at + 1] !== quote) return at + 1
    at += 1
  }
  throw badSql(`text that starts at character ${start} never ends`, sql, start)
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
    const comment = commentEnd(sql, at)
    if (comment !== null) at = comment - 1
    else if (char === "'" || char === '"') at = quotedEnd(sql, at) - 1
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
  throw badSql(`a call that starts at character ${open} never ends`, sql, open)
}

/** A type in an engine's spelling. */
export const typeNames: Record<Dialect, (type: ParsedType) => string> = { duckdb: duckdbName, spark: sparkName }

function duckdbName(type: ParsedType): string {
  switch (type.kind) {
    case 'decimal':
      return `DECIMAL(${type.precision}, ${type.scale})`
    case 'array':
      return `${duckdbName(type.item)}[]`
    case 'map':
      return `MAP(${duckdbName(type.key)}, ${duckdbName(type.value)})`
    case 'struct':
      return `STRUCT(${type.fields.map((field) => `${quoteName(field.name)} ${duckdbName(field.type)}`).join(', ')})`
    case 'scalar': {
      const names: Record<string, string> = { string: 'VARCHAR', binary: 'BLOB', null: 'VARCHAR' }
      return names[type.name] ?? type.name.toUpperCase()
    }
  }
}

function sparkName(type: ParsedType): string {
  switch (type.kind) {
    case 'decimal':
      return `DECIMAL(${type.precision}, ${type.scale})`
    case 'array':
      return `ARRAY<${sparkName(type.item)}>`
    case 'map':
      return `MAP<${sparkName(type.key)}, ${sparkName(type.value)}>`
    case 'struct':
      return `STRUCT<${type.fields.map((field) => `${quoted(quoteName(field.name), 'spark')}: ${sparkName(field.type)}`).join(', ')}>`
    case 'scalar': {
      const names: Record<string, string> = { timestamp: 'TIMESTAMP_NTZ', timestamptz: 'TIMESTAMP', null: 'STRING' }
      return names[type.name] ?? type.name.toUpperCase()
    }
  }
}

/** A name as the portable subset writes it, whatever it contains. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** Text as the portable subset writes it. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/**
 * `namespace.table at snapshot 123`, `… at timestamp '2025-11-02 06:00'` and `… at ref 'audit'` in SQL. DuckDB has no such words: they
 * are taken out, and the table stands under a name of its own for the rows it had then.
 */
import { MillraceError } from '../../errors.ts'
import { commentEnd, quotedEnd } from '../portable.ts'

/** A table at another time; `name` is what it is called in the SQL now. */
export type TableAt = { name: string; table: string; at: { snapshot: bigint } | { ref: string } | { asOfMs: number } }

const part = String.raw`(?:"(?:[^"]|"")+"|[\p{L}_][\p{L}\p{N}_$]*)`
const clause = new RegExp(
  String.raw`(${part})\s*\.\s*(${part})\s+at\s+(?:(snapshot)\s+(\d+)|(timestamp)\s+'([^']*)'|(ref)\s+'([^']*)')`,
  'iuy',
)

/** Takes the clauses out of a query; text and comments are left alone. Throws `usage` for a time that is none. */
export function takeSnapshotClauses(sql: string): { sql: string; tables: TableAt[] } {
  const tables: TableAt[] = []
  let out = ''
  for (let at = 0; at < sql.length; ) {
    const end = sql[at] === "'" ? quotedEnd(sql, at) : commentEnd(sql, at)
    if (end !== null) {
      out += sql.slice(at, end)
      at = end
      continue
    }
    clause.lastIndex = at
    const match = /[\p{L}\p{N}_$.]/u.test(sql[at - 1] ?? '') ? null : clause.exec(sql)
    if (match !== null) {
      const found = tableAt(match, tables.length)
      tables.push(found)
      out += found.name
      at += match[0].length
      continue
    }
    // A name in quotes is passed over whole.
    const next = sql[at] === '"' ? quotedEnd(sql, at) : at + 1
    out += sql.slice(at, next)
    at = next
  }
  return { sql: out, tables }
}

function tableAt(match: RegExpExecArray, index: number): TableAt {
  const [, namespace = '', table = '', , snapshot, , time, , ref] = match
  const plain = (name: string): string => (name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name)
  const named = { name: `millrace_at_${index}`, table: `${plain(namespace)}.${plain(table)}` }
  if (snapshot !== undefined) return { ...named, at: { snapshot: BigInt(snapshot) } }
  if (ref !== undefined) return { ...named, at: { ref } }
  return { ...named, at: { asOfMs: momentOf(time ?? '') } }
}

/** UTC, unless it says otherwise. */
function momentOf(text: string): number {
  const hasZone = /(?:z|[+-]\d{2}(?::?\d{2})?)$/i.test(text.slice(10))
  const iso = text.trim().replace(' ', 'T')
  const ms = Date.parse(hasZone || iso.length <= 10 ? iso : `${iso}Z`)
  if (Number.isFinite(ms)) return ms
  throw new MillraceError('usage', `at timestamp '${text}'  is no time; expected one such as '2025-11-02 06:00:00'`)
}

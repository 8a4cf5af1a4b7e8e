/**
 * JSON as Iceberg needs it: integers of 64 bits keep every digit, and identifiers of snapshots are always BigInt, however
 * small. `JSON.parse` of Node 20 would round what is beyond 2^53.
 */
import { randomBytes } from 'node:crypto'
import { MillraceError, messageOf } from '../errors.ts'

/** The keys, in table metadata and in the REST catalog's messages, whose values are identifiers of snapshots. */
const snapshotKeys = new Set([
  'snapshot-id',
  'snapshot-ids',
  'parent-snapshot-id',
  'current-snapshot-id',
  'source-snapshot-id',
])

/** Parses JSON; an integer beyond 2^53 becomes a BigInt. Throws `input-unreadable` naming `where`. */
export function parseJson(text: string, where: string): unknown {
  try {
    if (!/\d{16}/.test(text)) return exactIntegers(JSON.parse(text), null)
    // Every long integer becomes a text that nobody could have put into the document, and a BigInt afterwards.
    const mark = `${randomBytes(12).toString('hex')}:`
    const token = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g
    const marked = text.replace(token, (found) => (/^-?\d{16,}$/.test(found) ? `"${mark}${found}"` : found))
    return exactIntegers(JSON.parse(marked), mark)
  } catch (error) {
    throw new MillraceError('input-unreadable', `${where}  this is no valid JSON: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

/** Puts BigInts where they belong, in the value itself. */
function exactIntegers(value: unknown, mark: string | null, key = ''): unknown {
  if (typeof value === 'number') return snapshotKeys.has(key) && Number.isInteger(value) ? BigInt(value) : value
  if (typeof value === 'string') {
    if (mark === null || !value.startsWith(mark)) return value
    const integer = BigInt(value.slice(mark.length))
    return Number.isSafeInteger(Number(integer)) && !snapshotKeys.has(key) ? Number(integer) : integer
  }
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) value[index] = exactIntegers(item, mark, key)
  } else if (value !== null && typeof value === 'object') {
    const object = value as Record<string, unknown>
    for (const name of Object.keys(object)) object[name] = exactIntegers(object[name], mark, name)
  }
  return value
}

/** Writes JSON; a BigInt becomes an integer with all of its digits, and what is undefined is left out. */
export function writeJson(value: unknown): string {
  if (typeof value === 'bigint') return value.toString()
  if (Array.isArray(value)) return `[${value.map((item) => writeJson(item ?? null)).join(',')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  const members: string[] = []
  for (const [key, member] of Object.entries(value)) {
    if (member !== undefined) members.push(`${JSON.stringify(key)}:${writeJson(member)}`)
  }
  return `{${members.join(',')}}`
}

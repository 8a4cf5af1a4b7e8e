/** Instants as the States Language writes them: RFC 3339 with an upper-case T and, where there is no offset, Z. */

const format = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/

/** Nanoseconds since 1970; undefined for anything that is not an instant. Whole, so that no fraction is lost. */
export function instantOf(text: unknown): bigint | undefined {
  const parts = typeof text === 'string' ? format.exec(text) : null
  if (parts === null) return undefined
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const offset = offsetMinutes(parts[8] ?? 'Z')
  if (hour > 23 || minute > 59 || second > 59 || offset === undefined) return undefined
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  // A day that the month does not have rolls over.
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined
  date.setUTCHours(hour, minute - offset, second)
  return BigInt(date.getTime()) * 1_000_000n + BigInt((parts[7] ?? '').padEnd(9, '0'))
}

function offsetMinutes(text: string): number | undefined {
  if (text === 'Z') return 0
  const hours = Number(text.slice(1, 3))
  const minutes = Number(text.slice(4, 6))
  if (hours > 18 || minutes > 59) return undefined
  return (text.startsWith('-') ? -1 : 1) * (hours * 60 + minutes)
}

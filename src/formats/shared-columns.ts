/** Lists of columns, each kept once: thousands of files have few schemas. */
import type { Column } from '../types.ts'

/** Gives of equal lists of columns always the same one. */
export function sharedColumns(): (columns: Column[]) => Column[] {
  const known = new Map<string, Column[]>()
  return (columns) => {
    const key = columns.map(({ name, type }) => `${name}\0${type}`).join('\0')
    const shared = known.get(key) ?? columns
    known.set(key, shared)
    return shared
  }
}

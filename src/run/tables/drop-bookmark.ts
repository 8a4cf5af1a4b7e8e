/** What an ingest remembers with its table, in the metadata that each of its commits writes: which files it has read. */
import { createHash } from 'node:crypto'
import type { DropTable } from '../../define/ingest.ts'

/** A file that was read: its name below the table's folder, bytes, time, and the beginning of its hash. */
export type ReadFile = { name: string; bytes: number; modifiedMs: number; hash: string; isRefused: boolean }
export type DropBookmark = {
  /** The greatest time of change so far, as DuckDB writes a timestamp; null before the first. */
  newest: string | null
  files: ReadFile[]
  /** By which definition files were refused: another may take them. */
  definition: string
}

export const bookmarkProperty = 'millrace.ingest'
const hashLetters = 32 // 128 bits: two files of one hash do not happen

/** The beginning of a file's hash that is kept. */
export function shortHash(sha256: string): string {
  return sha256.slice(0, hashLetters)
}

/** A definition in few letters. */
export function definitionText(table: DropTable): string {
  return createHash('sha256').update(JSON.stringify(table)).digest('hex').slice(0, hashLetters)
}

/** Reads a bookmark from a table's property; none before the first commit. */
export function parseBookmark(text: string | undefined): DropBookmark {
  if (text === undefined) return { newest: null, files: [], definition: '' }
  const { newest, files, definition } = JSON.parse(text) as {
    newest: string | null
    files: [string, number, number, string, 0 | 1][]
    definition: string
  }
  return {
    newest,
    definition,
    files: files.map(([name, bytes, modifiedMs, hash, refused]) => ({
      ...{ name, bytes, modifiedMs, hash },
      isRefused: refused === 1,
    })),
  }
}

/** A bookmark as a property. */
export function bookmarkText({ newest, files, definition }: DropBookmark): string {
  const list = files.map(({ name, bytes, modifiedMs, hash, isRefused }) => [
    name,
    bytes,
    modifiedMs,
    hash,
    isRefused ? 1 : 0,
  ])
  return JSON.stringify({ newest, definition, files: list })
}

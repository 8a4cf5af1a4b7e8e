/**
 * Numbered files: the one primitive for change. The state of something is its file with the greatest number; the next is
 * created exclusively, so of several writers that saw the same state only one goes on. Commits and locks are such files.
 */
import type { ReadableStore } from '../store.ts'

const digits = 8 // names sort as numbers do

/** The path of a number. */
export function numberedPath(folder: string, number: number): string {
  return `${folder}/${String(number).padStart(digits, '0')}.json`
}

/** The numbers in a folder, least first. */
export async function listNumbers(store: ReadableStore, folder: string): Promise<number[]> {
  const { files } = await store.list(folder)
  return files
    .map(({ path }) => /\/(\d{8})\.json$/.exec(path)?.[1])
    .filter((text) => text !== undefined)
    .map(Number)
    .sort((a, b) => a - b)
}

/** The file with the greatest number, or null where there is none. */
export async function latestNumbered<T>(
  store: ReadableStore,
  folder: string,
): Promise<{ number: number; value: T } | null> {
  for (;;) {
    const number = (await listNumbers(store, folder)).at(-1)
    if (number === undefined) return null
    try {
      return { number, value: JSON.parse(await store.readText(numberedPath(folder, number))) as T }
    } catch (error) {
      // A later one may have come meanwhile, whose writer took this one away.
      if ((await store.kind(numberedPath(folder, number))) !== 'missing') throw error
    }
  }
}

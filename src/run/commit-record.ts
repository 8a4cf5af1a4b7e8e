/**
 * How commits lie in storage: now and then one whole, those between as what changed since the commit before, so that a
 * table of many partitions and files does not write all of their names with every publication.
 */
import { identityText } from '../formats/file-identity.ts'
import type { CommitRecord, ConsumedFile, PublishedPartition } from '../types.ts'

/** What a list gained or changed, and the keys of what it lost. */
type Changes<T> = { set: T[]; removed: string[] }

/** A commit as its file has it; `base` is the number of the whole commit that it builds on, its own when it is whole. */
export type StoredCommit = Omit<CommitRecord, 'partitions' | 'bookmark'> & {
  base: number
  partitions: Changes<PublishedPartition>
  bookmark: Changes<ConsumedFile>
}

const chainMax = 40 // commits read to know one: small files, a few milliseconds in all

/** A commit as it is stored after `previous`, which was read from a chain that begins at `base`. */
export function storedCommit(
  record: CommitRecord,
  previous: { record: CommitRecord; base: number } | null,
): StoredCommit {
  const isWhole = previous === null || record.number - previous.base >= chainMax
  const before = isWhole ? { partitions: [], bookmark: [] } : previous.record
  return {
    ...record,
    base: isWhole ? record.number : previous.base,
    partitions: changes(before.partitions, record.partitions, partitionKey),
    bookmark: changes(before.bookmark, record.bookmark, identityText),
  }
}

/** The commit that a chain of stored ones ends with; the first of them is whole. */
export function foldCommits(chain: readonly StoredCommit[]): CommitRecord {
  const partitions = new Map<string, PublishedPartition>()
  const bookmark = new Map<string, ConsumedFile>()
  for (const stored of chain) {
    apply(partitions, stored.partitions, partitionKey)
    apply(bookmark, stored.bookmark, identityText)
  }
  const { base: _, ...last } = chain.at(-1) as StoredCommit
  return { ...last, partitions: [...partitions.values()], bookmark: [...bookmark.values()] }
}

/** Files of one folder with other columns stand as an entry of their own. */
function partitionKey({ location, columns }: PublishedPartition): string {
  return `${location}\0${JSON.stringify(columns)}`
}

function changes<T>(before: readonly T[], after: readonly T[], keyOf: (item: T) => string): Changes<T> {
  const old = new Map(before.map((item) => [keyOf(item), JSON.stringify(item)]))
  const set = after.filter((item) => {
    const key = keyOf(item)
    const isSame = old.get(key) === JSON.stringify(item)
    old.delete(key)
    return !isSame
  })
  return { set, removed: [...old.keys()] }
}

function apply<T>(items: Map<string, T>, { set, removed }: Changes<T>, keyOf: (item: T) => string): void {
  for (const key of removed) items.delete(key)
  for (const item of set) {
    // What is set anew comes last, as in the commit.
    items.delete(keyOf(item))
    items.set(keyOf(item), item)
  }
}

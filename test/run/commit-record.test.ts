/** Commits are stored as changes: what is read back is what was committed. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { foldCommits, type StoredCommit, storedCommit } from '../../src/run/commit-record.ts'
import type { CommitRecord } from '../../src/types.ts'
import { testSeed } from '../random.ts'

const partition = fc.record({
  location: fc.constantFrom('t/day=1', 't/day=2', 't/day=3', 't'),
  columns: fc.constantFrom([{ name: 'a', type: 'int' }], [{ name: 'a', type: 'bigint' }]),
  files: fc.array(fc.record({ name: fc.string({ maxLength: 3 }), rows: fc.nat(9), bytes: fc.nat(9) }), {
    maxLength: 3,
  }),
})
const file = fc.record({ path: fc.constantFrom('x', 'y', 'z'), bytes: fc.nat(2), sha256: fc.constantFrom('0', '1') })
const content = fc.record({
  partitions: fc.uniqueArray(partition, { selector: ({ location, columns }) => location + columns[0]?.type }),
  bookmark: fc.uniqueArray(file, { selector: ({ path, bytes, sha256 }) => `${path} ${bytes} ${sha256}` }),
})

function recordOf(number: number, { partitions, bookmark }: { partitions: unknown; bookmark: unknown }): CommitRecord {
  return { commitVersion: 1, scope: 't', number, partitions, bookmark } as unknown as CommitRecord
}

const byText = (items: readonly unknown[]): string[] => items.map((item) => JSON.stringify(item)).sort()

describe('a chain of stored commits', () => {
  it('gives every commit back whole', () => {
    fc.assert(
      fc.property(fc.array(content, { minLength: 1, maxLength: 100 }), (contents) => {
        const stored: StoredCommit[] = []
        let previous: { record: CommitRecord; base: number } | null = null
        for (const [index, own] of contents.entries()) {
          const record = recordOf(index + 1, own)
          const next: StoredCommit = JSON.parse(JSON.stringify(storedCommit(record, previous)))
          stored.push(next)
          const read = foldCommits(stored.slice(next.base - 1))
          expect(byText(read.partitions)).toEqual(byText(record.partitions))
          expect(byText(read.bookmark)).toEqual(byText(record.bookmark))
          expect(read).not.toHaveProperty('base')
          previous = { record: read, base: next.base }
        }
      }),
      { seed: testSeed(), numRuns: 50 },
    )
  })

  it('writes what changed, and everything now and then', () => {
    const bookmark = Array.from({ length: 1000 }, (_, index) => ({ path: `f${index}`, bytes: 1, sha256: 'a' }))
    let previous: { record: CommitRecord; base: number } | null = null
    const lengths: number[] = []
    for (let number = 1; number <= 90; number += 1) {
      const record = recordOf(number, { partitions: [], bookmark: bookmark.slice(0, 900 + number) })
      const stored = storedCommit(record, previous)
      lengths.push(stored.bookmark.set.length)
      previous = { record, base: stored.base }
    }
    expect(lengths.filter((length) => length > 1)).toEqual([901, 941, 981])
  })
})

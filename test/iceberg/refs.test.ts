import { describe, expect, it } from 'vitest'
import { createBranch, createTag, removeRef, setRef, snapshotAt } from '../../src/iceberg/refs.ts'
import { commitSnapshot } from '../../src/iceberg/snapshots.ts'
import type { Snapshot } from '../../src/iceberg/types.ts'
import { lakeWith } from './lake.ts'
import { append, change, dataFile, table } from './listed-files.ts'

const idOf = (snapshot: Snapshot | null): bigint | undefined => snapshot?.['snapshot-id']

describe('branches and tags', () => {
  it('keep what main leaves behind, and are read by name', async () => {
    const { catalog, folder } = await lakeWith()
    await expect(createTag(catalog, table, 'v1')).rejects.toThrow(
      'farm.tracts  has no snapshot yet that v1 could stand at',
    )
    const first = await append(catalog, dataFile(folder))
    await createTag(catalog, table, 'v1', { maxRefAgeMs: 9 })
    await createBranch(catalog, table, 'audit', { minSnapshotsToKeep: 2, maxSnapshotAgeMs: 3 })
    const second = await append(catalog, dataFile(folder))
    const { metadata } = await catalog.load(table)
    expect(metadata.refs).toEqual({
      main: { 'snapshot-id': idOf(second), type: 'branch' },
      v1: { 'snapshot-id': idOf(first), type: 'tag', 'max-ref-age-ms': 9 },
      audit: { 'snapshot-id': idOf(first), type: 'branch', 'min-snapshots-to-keep': 2, 'max-snapshot-age-ms': 3 },
    })
    expect(idOf(snapshotAt(metadata, {}))).toBe(idOf(second))
    expect(idOf(snapshotAt(metadata, { ref: 'v1' }))).toBe(idOf(first))
    await expect(createBranch(catalog, table, 'v1')).rejects.toThrow('there is a tag v1 already')
    await expect(createTag(catalog, table, 'v2', { snapshot: 5n })).rejects.toThrow('there is no snapshot 5')
    await expect(removeRef(catalog, table, 'main')).rejects.toThrow('main cannot be removed')
    await expect(removeRef(catalog, table, 'v9')).rejects.toThrow('there is no branch or tag v9 (main, v1, audit)')
    await removeRef(catalog, table, 'v1')
    expect(Object.keys((await catalog.load(table)).metadata.refs)).toEqual(['main', 'audit'])
  })

  it('move forward only: what was staged is published, unless another commit came first', async () => {
    const { catalog, folder } = await lakeWith()
    const first = await append(catalog, dataFile(folder))
    await createTag(catalog, table, 'v1')
    const staged = change(first, { added: [dataFile(folder)], isStaged: true })
    const one = (await commitSnapshot(catalog, table, staged)).snapshot
    const other = (await commitSnapshot(catalog, table, { ...staged, added: [dataFile(folder)] })).snapshot
    const published = await setRef(catalog, table, 'main', one['snapshot-id'])
    expect(published.metadata['current-snapshot-id']).toBe(idOf(one))
    await expect(setRef(catalog, table, 'main', other['snapshot-id'])).rejects.toThrow(
      `main stands at snapshot ${idOf(one)}, which ${idOf(other)} does not contain`,
    )
    await expect(setRef(catalog, table, 'v1', one['snapshot-id'])).rejects.toThrow('v1 is a tag, which never moves')
    const back = await setRef(catalog, table, 'main', first['snapshot-id'], { isForced: true })
    expect(back.metadata['snapshot-log'].map((entry) => entry['snapshot-id'])).toEqual([first, one, first].map(idOf))
  })
})

describe('time travel', () => {
  it('finds what main stood at, also after a rollback', async () => {
    const { catalog, folder } = await lakeWith()
    const at = async (now: number): Promise<Snapshot> =>
      (await commitSnapshot(catalog, table, change(null, { added: [dataFile(folder)] }), { now: () => now })).snapshot
    const start = Date.now() + 10_000
    const [first, second] = [await at(start), await at(start + 1000)]
    const { metadata } = await setRef(catalog, table, 'main', first['snapshot-id'], { isForced: true })
    expect(idOf(snapshotAt(metadata, { asOfMs: start }))).toBe(idOf(first))
    expect(idOf(snapshotAt(metadata, { asOfMs: start + 999 }))).toBe(idOf(first))
    expect(idOf(snapshotAt(metadata, { snapshot: second['snapshot-id'] }))).toBe(idOf(second))
    expect(idOf(snapshotAt(metadata, { asOfMs: start + 1_000_000 }))).toBe(idOf(first))
    expect(() => snapshotAt(metadata, { asOfMs: 0 })).toThrow(
      `there was no snapshot at 1970-01-01T00:00:00.000Z; its history begins at ${new Date(start).toISOString()}`,
    )
    expect(() => snapshotAt(metadata, { asOfMs: 0, ref: 'main' })).toThrow('not several of them')
    expect(() => snapshotAt(metadata, { snapshot: 1n })).toThrow('there is no snapshot 1; it may have expired')
  })

  it('of a table without snapshots is nothing', async () => {
    const { loaded } = await lakeWith()
    expect(snapshotAt(loaded.metadata, {})).toBeNull()
    expect(() => snapshotAt(loaded.metadata, { asOfMs: 0 })).toThrow('it has none')
  })
})

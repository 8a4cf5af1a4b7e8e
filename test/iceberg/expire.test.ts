import * as fs from 'node:fs'
import * as path from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { expireSnapshots, reachable } from '../../src/iceberg/expire.ts'
import { findOrphans, removeOrphans } from '../../src/iceberg/orphans.ts'
import { createBranch, createTag, setRef } from '../../src/iceberg/refs.ts'
import { commitSnapshot, liveFiles } from '../../src/iceberg/snapshots.ts'
import type { Catalog, LiveFile, Snapshot } from '../../src/iceberg/types.ts'
import { testSeed } from '../random.ts'
import { lakeWith } from './lake.ts'
import { append, change, dataFile, table } from './listed-files.ts'

const everything = { olderThanMs: Number.MAX_SAFE_INTEGER }

/** Replaces the whole table by one new file. */
async function rewrite(catalog: Catalog, folder: string, base: Snapshot): Promise<Snapshot> {
  const { metadata } = await catalog.load(table)
  const removed = await liveFiles(metadata, base['snapshot-id'])
  return (
    await commitSnapshot(catalog, table, change(base, { operation: 'overwrite', removed, added: [dataFile(folder)] }))
  ).snapshot
}

function filesBelow(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true })
    .map((name) => path.join(folder, String(name)))
    .filter((file) => fs.statSync(file).isFile())
    .sort()
}

describe('expiring snapshots', () => {
  it('keeps what branches and tags stand at, and removes the files of the others', async () => {
    const { catalog, folder } = await lakeWith()
    const first = await append(catalog, dataFile(folder))
    await createTag(catalog, table, 'v1')
    const old = await rewrite(catalog, folder, first)
    const [oldFile] = await liveFiles((await catalog.load(table)).metadata, old['snapshot-id'])
    const last = await rewrite(catalog, folder, old)
    const expired = await expireSnapshots(catalog, table, everything)
    expect(expired.snapshots).toEqual([old['snapshot-id']])
    expect(expired.files).toContain(oldFile?.file_path)
    expect(expired.files).toContain(old['manifest-list'])
    expect(expired.files.filter((file) => fs.existsSync(file))).toEqual([])
    const { metadata } = await catalog.load(table)
    for (const snapshot of [first, last]) expect(await liveFiles(metadata, snapshot['snapshot-id'])).toHaveLength(1)
    expect(metadata['snapshot-log'].map((entry) => entry['snapshot-id'])).toEqual([last['snapshot-id']])
    expect(await expireSnapshots(catalog, table, everything)).toEqual({ snapshots: [], refs: [], files: [] })
  })

  it('goes by age and number, and by what a branch or the table asks for first', async () => {
    const { catalog, folder } = await lakeWith()
    const snapshots: Snapshot[] = []
    for (let index = 0; index < 6; index += 1) snapshots.push(await append(catalog, dataFile(folder)))
    const [, , third, , , last] = snapshots
    await createBranch(catalog, table, 'slow', { snapshot: third?.['snapshot-id'] as bigint, minSnapshotsToKeep: 2 })
    const staged = await commitSnapshot(
      catalog,
      table,
      change(last ?? null, { added: [dataFile(folder)], isStaged: true }),
    )
    const young = await expireSnapshots(catalog, table, { olderThanMs: snapshots[0]?.['timestamp-ms'] ?? 0 })
    expect(young.snapshots).toEqual([])
    const { snapshots: gone } = await expireSnapshots(catalog, table, { ...everything, retainLast: 2 })
    expect(gone).toEqual([snapshots[0]?.['snapshot-id'], snapshots[3]?.['snapshot-id'], staged.snapshot['snapshot-id']])
    await catalog.commit(
      table,
      [],
      [{ action: 'set-properties', updates: { 'history.expire.min-snapshots-to-keep': '2' } }],
    )
    expect((await expireSnapshots(catalog, table, everything)).snapshots).toEqual([])
  })

  it('removes refs that are past their age, never main', async () => {
    const { catalog, folder } = await lakeWith()
    const first = await append(catalog, dataFile(folder))
    await createTag(catalog, table, 'old', { maxRefAgeMs: 1000 })
    await append(catalog, dataFile(folder))
    const soon = { olderThanMs: 0, now: () => first['timestamp-ms'] + 500 }
    expect((await expireSnapshots(catalog, table, soon)).refs).toEqual([])
    const later = { ...everything, now: () => first['timestamp-ms'] + 5000 }
    expect(await expireSnapshots(catalog, table, later)).toMatchObject({
      refs: ['old'],
      snapshots: [first['snapshot-id']],
    })
  })

  it('is a conflict when a branch is set back to what was to go', async () => {
    const { catalog, folder } = await lakeWith()
    const first = await append(catalog, dataFile(folder))
    await append(catalog, dataFile(folder))
    const racing: Catalog = {
      ...catalog,
      commit: async (...given) => {
        await setRef(catalog, table, 'main', first['snapshot-id'], { isForced: true })
        return await catalog.commit(...given)
      },
    }
    await expect(expireSnapshots(racing, table, everything)).rejects.toThrow(
      `snapshot ${first['snapshot-id']} cannot be removed: main stands at it`,
    )
    expect(await liveFiles((await catalog.load(table)).metadata, first['snapshot-id'])).toHaveLength(1)
  })

  it('never takes a file that a kept snapshot has, after any history', async () => {
    const step = fc.constantFrom('append', 'rewrite', 'tag', 'branch', 'back', 'expire')
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 4, maxLength: 12 }),
        fc.integer({ min: 1, max: 3 }),
        async (steps, retainLast) => {
          const { catalog, folder } = await lakeWith()
          let head = await append(catalog, dataFile(folder))
          for (const [index, name] of steps.entries()) {
            if (name === 'append') head = await append(catalog, dataFile(folder))
            else if (name === 'rewrite') head = await rewrite(catalog, folder, head)
            else if (name === 'tag') await createTag(catalog, table, `t${index}`)
            else if (name === 'branch') await createBranch(catalog, table, `b${index}`)
            else if (name === 'back') {
              const { metadata } = await catalog.load(table)
              head = metadata.snapshots[0] as Snapshot
              await setRef(catalog, table, 'main', head['snapshot-id'], { isForced: true })
            } else await expireSnapshots(catalog, table, { ...everything, retainLast })
            const { metadata } = await catalog.load(table)
            const needed = [...reachable(metadata, metadata.snapshots)]
            expect(needed.filter((file) => !fs.existsSync(file))).toEqual([])
          }
          const before = filesBelow(folder)
          expect(await removeOrphans(catalog, table, everything)).toEqual([])
          await expireSnapshots(catalog, table, everything)
          const { metadata } = await catalog.load(table)
          // What is left of data is exactly what snapshots have.
          const left = filesBelow(folder).filter((file) => file.endsWith('.parquet') || file.endsWith('.avro'))
          expect(left).toEqual([...reachable(metadata, metadata.snapshots)].sort())
          expect(before.length).toBeGreaterThanOrEqual(left.length)
          fs.rmSync(folder, { recursive: true })
        },
      ),
      { seed: testSeed(), numRuns: 10 },
    )
  })
})

describe('orphans', () => {
  it('are what no snapshot has, old enough, and nothing else', async () => {
    const { catalog, folder } = await lakeWith()
    await append(catalog, dataFile(folder))
    const [lost, young] = [dataFile(folder).file_path, dataFile(folder).file_path]
    const draft = path.join(folder, 'farm/tracts/metadata/.v9.x.draft')
    fs.writeFileSync(draft, '')
    fs.writeFileSync(path.join(folder, 'farm/tracts/metadata/.v1.metadata.json.crc'), '')
    const kept = filesBelow(folder)
    for (const file of kept) if (file !== young) fs.utimesSync(file, 1000, 1000)
    expect(await findOrphans(catalog, table)).toEqual([lost, draft].sort())
    expect(await removeOrphans(catalog, table)).toEqual([lost, draft].sort())
    expect(filesBelow(folder)).toEqual(kept.filter((file) => file !== lost && file !== draft))
    expect(await findOrphans(catalog, table, everything)).toEqual([young])
  })

  it('are not the files of snapshots that only an earlier metadata file has', async () => {
    const { catalog, folder } = await lakeWith()
    const first = await append(catalog, dataFile(folder))
    const last = await rewrite(catalog, folder, first)
    await catalog.commit(table, [], [{ action: 'remove-snapshots', 'snapshot-ids': [first['snapshot-id']] }])
    expect(await findOrphans(catalog, table, everything)).toEqual([])
    expect(await liveFiles((await catalog.load(table)).metadata, last['snapshot-id'])).toHaveLength(1)
  })

  it('cannot be told when a manifest is damaged: nothing is removed', async () => {
    const { catalog, folder } = await lakeWith()
    const snapshot = await append(catalog, dataFile(folder))
    const lost: Pick<LiveFile, 'file_path'> = dataFile(folder)
    fs.truncateSync(snapshot['manifest-list'], 50)
    await expect(removeOrphans(catalog, table, everything)).rejects.toThrow(snapshot['manifest-list'])
    expect(fs.existsSync(lost.file_path)).toBe(true)
  })
})

import * as fs from 'node:fs'
import * as path from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readManifestList } from '../../src/iceberg/manifests.ts'
import { ancestors, commitSnapshot, deltaOf, liveFiles } from '../../src/iceberg/snapshots.ts'
import type { Catalog, DataFile, LiveFile, Snapshot } from '../../src/iceberg/types.ts'
import { testSeed } from '../random.ts'
import { definition, lakeWith } from './lake.ts'
import { append, change, dataFile, table } from './listed-files.ts'

const paths = (files: readonly { file_path: string }[]): string[] => files.map((file) => file.file_path).sort()

async function filesOf(catalog: Catalog, snapshot: Snapshot | null): Promise<LiveFile[]> {
  return await liveFiles((await catalog.load(table)).metadata, snapshot?.['snapshot-id'] ?? null)
}

describe('a snapshot', () => {
  it('counts what it changed as Iceberg does', async () => {
    const { catalog, folder } = await lakeWith(definition(['state']))
    const [a, b] = ['CA', 'TX'].map((state) => dataFile(folder, { partition: [state] })) as [DataFile, DataFile]
    const first = await append(catalog, a, b)
    expect(first.summary).toEqual({
      operation: 'append',
      'added-data-files': '2',
      'added-records': '20',
      'added-files-size': '200',
      'changed-partition-count': '2',
      'total-records': '20',
      'total-files-size': '200',
      'total-data-files': '2',
      'total-delete-files': '0',
      'total-position-deletes': '0',
      'total-equality-deletes': '0',
    })
    const [gone] = await filesOf(catalog, first)
    const deletes = dataFile(folder, { content: 1, partition: ['TX'], record_count: 3 })
    const { snapshot } = await commitSnapshot(
      catalog,
      table,
      change(first, {
        operation: 'overwrite',
        removed: [gone as LiveFile],
        addedDeletes: [deletes],
        summary: { by: 'me' },
      }),
    )
    expect(snapshot.summary).toEqual({
      operation: 'overwrite',
      by: 'me',
      'deleted-data-files': '1',
      'deleted-records': '10',
      'added-files-size': '100',
      'removed-files-size': '100',
      'added-delete-files': '1',
      'added-position-delete-files': '1',
      'added-position-deletes': '3',
      'changed-partition-count': '2',
      'total-records': '10',
      'total-files-size': '200',
      'total-data-files': '1',
      'total-delete-files': '1',
      'total-position-deletes': '3',
      'total-equality-deletes': '0',
    })
    const { metadata } = await catalog.load(table)
    const id = snapshot['snapshot-id']
    expect(paths(await liveFiles(metadata, id, { content: 0 }))).toEqual([b.file_path])
    expect(paths(await liveFiles(metadata, id, { content: 1 }))).toEqual([deletes.file_path])
    expect(await liveFiles(metadata, id, { keep: () => false })).toEqual([])
  })

  it('has later time and number than the one before, whatever the clock says', async () => {
    const { catalog, folder } = await lakeWith()
    const times: number[] = []
    for (const now of [5e12, 1000, 1000]) {
      const { snapshot } = await commitSnapshot(catalog, table, change(null, { added: [dataFile(folder)] }), {
        now: () => now,
      })
      times.push(snapshot['timestamp-ms'])
    }
    expect(times).toEqual([5e12, 5e12 + 1, 5e12 + 2])
  })

  it('needs the files that it adds to be there', async () => {
    const { catalog, folder } = await lakeWith()
    const file = dataFile(folder)
    fs.rmSync(file.file_path)
    await expect(append(catalog, file)).rejects.toThrow(`${file.file_path}  a file to be committed is not there`)
  })

  it('may be staged: there by its id, and in no branch until one is set to it', async () => {
    const { catalog, folder } = await lakeWith()
    const first = await append(catalog, dataFile(folder))
    const staged = await commitSnapshot(catalog, table, change(first, { added: [dataFile(folder)], isStaged: true }))
    const { metadata } = await catalog.load(table)
    expect(metadata['current-snapshot-id']).toBe(first['snapshot-id'])
    expect(await liveFiles(metadata, staged.snapshot['snapshot-id'])).toHaveLength(2)
  })
})

describe('commits that meet', () => {
  it('append on top of each other', async () => {
    const { catalog, folder } = await lakeWith()
    const racing = slowed(catalog, async () => void (await append(catalog, dataFile(folder))))
    const { snapshot } = await commitSnapshot(racing, table, change(null, { added: [dataFile(folder)] }))
    expect(await filesOf(catalog, snapshot)).toHaveLength(2)
    expect(leftOver(folder, await allManifests(catalog))).toEqual([])
  })

  it('conflict when a file to be replaced is gone, or got deletes, or new rows came that it had to see', async () => {
    const { catalog, folder } = await lakeWith(definition(['state']))
    const first = await append(
      catalog,
      dataFile(folder, { partition: ['CA'] }),
      dataFile(folder, { partition: ['TX'] }),
    )
    const [ca, tx] = (await filesOf(catalog, first)) as [LiveFile, LiveFile]
    const replace = (file: LiveFile, changes: object = {}): ReturnType<typeof change> =>
      change(first, {
        operation: 'overwrite',
        removed: [file],
        added: [dataFile(folder, { partition: file.partition })],
        ...changes,
      })
    // Somebody deletes rows of CA and adds to TX.
    const forCa = { content: 1 as const, partition: ['CA'], referenced_data_file: ca.file_path }
    const other = await commitSnapshot(
      catalog,
      table,
      change(first, { operation: 'overwrite', addedDeletes: [dataFile(folder, forCa)] }),
    )
    const id = other.snapshot['snapshot-id']
    await expect(commitSnapshot(catalog, table, replace(ca))).rejects.toThrow(
      new RegExp(`snapshot ${id} \\(overwrite\\) came first: it added deletes .* for files that this change replaces`),
    )
    await append(catalog, dataFile(folder, { partition: ['TX'] }))
    const inTx = { conflicts: { newData: 'refuse', newDataIn: (file: DataFile) => file.partition[0] === 'TX' } }
    await expect(commitSnapshot(catalog, table, replace(tx, inTx))).rejects.toThrow(
      /\(append\) came first: it added .* whose rows this change has not seen/,
    )
    const inWa = { conflicts: { newData: 'refuse', newDataIn: (file: DataFile) => file.partition[0] === 'WA' } }
    await commitSnapshot(catalog, table, replace(tx, inWa))
    await expect(commitSnapshot(catalog, table, replace(tx))).rejects.toThrow(
      `it replaced ${tx.file_path}, which this change is based on`,
    )
    const deletes = change(first, {
      operation: 'overwrite',
      addedDeletes: [dataFile(folder, { content: 1, partition: ['TX'] })],
      conflicts: { newData: 'ignore', mustExist: new Set([tx.file_path]) },
    })
    await expect(commitSnapshot(catalog, table, deletes)).rejects.toThrow(`it replaced ${tx.file_path}`)
    // Allowed in so many words, the first one goes through.
    await commitSnapshot(catalog, table, replace(ca, { conflicts: { newData: 'ignore', newDeletesFor: new Set() } }))
    expect(leftOver(folder, await allManifests(catalog))).toEqual([])
  })

  it('take a file of deletes to concern every data file that its bounds do not exclude', async () => {
    const { catalog, folder } = await lakeWith()
    const first = await append(catalog, dataFile(folder), dataFile(folder))
    const [a, b] = (await filesOf(catalog, first)).sort((x, y) => (x.file_path < y.file_path ? -1 : 1)) as [
      LiveFile,
      LiveFile,
    ]
    const bound = new Map([[2147483546, Buffer.from(a.file_path)]])
    const deletes = dataFile(folder, { content: 1, lower_bounds: bound, upper_bounds: bound })
    await commitSnapshot(catalog, table, change(first, { operation: 'delete', addedDeletes: [deletes] }))
    const replace = (file: LiveFile): ReturnType<typeof change> =>
      change(first, { operation: 'replace', removed: [file], added: [dataFile(folder)] })
    await expect(commitSnapshot(catalog, table, replace(a))).rejects.toThrow('it added deletes')
    await commitSnapshot(catalog, table, replace(b))
  })

  it('do not see compaction as new rows', async () => {
    const { catalog, folder } = await lakeWith()
    const first = await append(catalog, dataFile(folder), dataFile(folder))
    const [a] = (await filesOf(catalog, first)) as [LiveFile]
    await commitSnapshot(
      catalog,
      table,
      change(first, { operation: 'replace', removed: [a], added: [dataFile(folder)] }),
    )
    await commitSnapshot(catalog, table, change(first, { added: [dataFile(folder)], conflicts: { newData: 'refuse' } }))
  })

  it('conflict when a property is no longer what it was, or the branch was set back', async () => {
    const { catalog, folder } = await lakeWith(definition([], { bookmark: '7' }))
    const expected = { expectedProperties: { bookmark: '7', other: undefined } }
    const advance = { updates: [{ action: 'set-properties' as const, updates: { bookmark: '8' } }] }
    const first = (
      await commitSnapshot(catalog, table, change(null, { added: [dataFile(folder)], ...expected, ...advance }))
    ).snapshot
    expect((await catalog.load(table)).metadata.properties.bookmark).toBe('8')
    await expect(
      commitSnapshot(catalog, table, change(first, { added: [dataFile(folder)], ...expected })),
    ).rejects.toThrow('its property bookmark is 8, 7 was expected')
    const second = await append(catalog, dataFile(folder))
    await catalog.commit(
      table,
      [],
      [{ action: 'set-snapshot-ref', 'ref-name': 'main', 'snapshot-id': first['snapshot-id'], type: 'branch' }],
    )
    await expect(commitSnapshot(catalog, table, change(second, { added: [dataFile(folder)] }))).rejects.toThrow(
      `main no longer goes back to snapshot ${second['snapshot-id']}`,
    )
  })

  it('of another branch are none of its business, but for the sequence numbers', async () => {
    const { catalog, folder } = await lakeWith()
    const first = await append(catalog, dataFile(folder))
    await catalog.commit(
      table,
      [],
      [
        {
          action: 'set-snapshot-ref',
          'ref-name': 'audit',
          'snapshot-id': first['snapshot-id'],
          type: 'branch',
          'max-ref-age-ms': 5,
        },
      ],
    )
    const racing = slowed(catalog, async () => void (await append(catalog, dataFile(folder))))
    const { snapshot, table: after } = await commitSnapshot(
      racing,
      table,
      change(first, { branch: 'audit', added: [dataFile(folder)] }),
    )
    expect(snapshot['sequence-number']).toBe(3)
    expect(after.metadata.refs.audit).toEqual({
      'snapshot-id': snapshot['snapshot-id'],
      type: 'branch',
      'max-ref-age-ms': 5,
    })
    expect(await filesOf(catalog, snapshot)).toHaveLength(2)
    await expect(commitSnapshot(catalog, table, change(first, { branch: 'none' }))).rejects.toThrow(
      'there is no branch or tag none (main, audit)',
    )
  })
})

/** A catalog that lets another commit in before the first one through it. */
function slowed(catalog: Catalog, act: () => Promise<void>): Catalog {
  let isFirst = true
  return {
    ...catalog,
    commit: async (...given) => {
      if (isFirst) {
        isFirst = false
        await act()
      }
      return await catalog.commit(...given)
    },
  }
}

async function allManifests(catalog: Catalog): Promise<Set<string>> {
  const { metadata } = await catalog.load(table)
  return new Set(
    metadata.snapshots.flatMap((snapshot) => [
      snapshot['manifest-list'],
      ...readManifestList(snapshot).map((manifest) => manifest.manifest_path),
    ]),
  )
}

function leftOver(folder: string, known: Set<string>): string[] {
  const metadata = path.join(folder, 'farm/tracts/metadata')
  return fs
    .readdirSync(metadata)
    .map((name) => path.join(metadata, name))
    .filter((file) => file.endsWith('.avro') && !known.has(file))
}

describe('many manifests', () => {
  it('become one, and every file keeps its numbers', async () => {
    const { catalog, folder } = await lakeWith(definition([], { 'commit.manifest.min-count-to-merge': '5' }))
    const added: string[] = []
    for (let index = 0; index < 12; index += 1) {
      const file = dataFile(folder)
      added.push(file.file_path)
      const snapshot = await append(catalog, file)
      expect(readManifestList(snapshot).length).toBeLessThanOrEqual(6)
      const files = await filesOf(catalog, snapshot)
      expect(new Map(files.map((live) => [live.file_path, live.sequence_number]))).toEqual(
        new Map(added.map((name, at) => [name, at + 1])),
      )
    }
  })
})

describe('what a snapshot changed', () => {
  it('is the difference of the live files, for any order of changes, and the same from its own entries', async () => {
    const step = fc.record({ adds: fc.nat(3), removes: fc.nat(2), deletes: fc.nat(1) })
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 2, max: 4 }),
        async (steps, merge) => {
          const { catalog, folder } = await lakeWith(
            definition([], { 'commit.manifest.min-count-to-merge': String(merge) }),
          )
          let head: Snapshot | null = null
          let live: LiveFile[] = []
          for (const { adds, removes, deletes } of steps) {
            const added = Array.from({ length: adds }, () => dataFile(folder))
            const addedDeletes = Array.from({ length: deletes }, () => dataFile(folder, { content: 1 }))
            const removed = live.filter((file) => file.content === 0).slice(0, removes)
            const before = paths(live)
            const committed: Awaited<ReturnType<typeof commitSnapshot>> = await commitSnapshot(
              catalog,
              table,
              change(head, { operation: 'overwrite', added, addedDeletes, removed }),
            )
            head = committed.snapshot
            const { metadata } = committed.table
            live = await liveFiles(metadata, head['snapshot-id'])
            const gone = new Set(paths(removed))
            expect(paths(live)).toEqual(
              [...before.filter((name) => !gone.has(name)), ...paths(added), ...paths(addedDeletes)].sort(),
            )
            const delta = await deltaOf(metadata, head['snapshot-id'])
            const found = [delta.added, delta.addedDeletes, delta.removed, delta.removedDeletes].map(paths)
            expect(found).toEqual([added, addedDeletes, removed, []].map(paths))
            // As it is once its parent has expired.
            const alone = { ...metadata, snapshots: [head] }
            const recorded = await deltaOf(alone, head['snapshot-id'])
            expect([recorded.added, recorded.addedDeletes, recorded.removed].map(paths)).toEqual(found.slice(0, 3))
          }
          const { metadata } = await catalog.load(table)
          expect(ancestors(metadata, head?.['snapshot-id'] ?? null)).toHaveLength(steps.length)
          fs.rmSync(folder, { recursive: true })
        },
      ),
      { seed: testSeed(), numRuns: 12 },
    )
  })
})

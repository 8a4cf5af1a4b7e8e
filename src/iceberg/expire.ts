/** Taking away old snapshots, and the files that no other snapshot has. */
import * as fs from 'node:fs'
import { ancestors, liveEntries } from './live-files.ts'
import { localPath } from './local-files.ts'
import { readManifestList } from './manifests.ts'
import type { Catalog, ManifestFile, Snapshot, SnapshotRef, TableIdentifier, TableMetadata, Update } from './types.ts'

/**
 * `olderThanMs`: the moment before which snapshots go. `retainLast`: how many of each branch stay in any case. What a branch
 * asks for itself, or the table by its properties `history.expire.…`, goes before both.
 */
export type ExpireOptions = { olderThanMs?: number; retainLast?: number; now?: () => number }

/** What went; paths as the metadata had them. */
export type Expired = { snapshots: bigint[]; refs: string[]; files: string[] }

const maxAgeMsDefault = 5 * 24 * 3_600_000 // history.expire.max-snapshot-age-ms

/**
 * Removes snapshots that no branch or tag needs, and after that has been committed the files that only they had. What a branch
 * or tag stands at always stays, and of a branch what its retention keeps.
 */
export async function expireSnapshots(
  catalog: Catalog,
  table: TableIdentifier,
  options: ExpireOptions = {},
): Promise<Expired> {
  const { metadata } = await catalog.load(table)
  const { refs, snapshots } = expiredOf(metadata, options)
  if (refs.length + snapshots.length === 0) return { snapshots: [], refs: [], files: [] }
  const candidates = reachable(metadata, snapshots) // before they are gone
  const ids = snapshots.map((snapshot) => snapshot['snapshot-id'])
  const updates: Update[] = refs.map((name) => ({ action: 'remove-snapshot-ref', 'ref-name': name }))
  if (ids.length > 0) updates.push({ action: 'remove-snapshots', 'snapshot-ids': ids })
  const after = await catalog.commit(
    table,
    [
      { type: 'assert-table-uuid', uuid: metadata['table-uuid'] },
      // Snapshots that come meanwhile are no matter; a ref that is set back to one of these makes it a conflict.
      ...refs.map((ref) => ({
        type: 'assert-ref-snapshot-id' as const,
        ref,
        'snapshot-id': metadata.refs[ref]?.['snapshot-id'] ?? null,
      })),
    ],
    updates,
  )
  const kept = reachable(after.metadata, after.metadata.snapshots)
  const files = [...candidates].filter((file) => !kept.has(file))
  for (const file of files) fs.rmSync(localPath(file), { force: true })
  return { snapshots: ids, refs, files }
}

/** What is to go: refs that are past their age, and snapshots that nothing keeps. */
function expiredOf(metadata: TableMetadata, options: ExpireOptions): { refs: string[]; snapshots: Snapshot[] } {
  const now = (options.now ?? Date.now)()
  const { properties } = metadata
  const maxAgeMs = Number(properties['history.expire.max-snapshot-age-ms'] ?? maxAgeMsDefault)
  const olderThanMs = options.olderThanMs ?? now - maxAgeMs
  const retainLast = options.retainLast ?? Number(properties['history.expire.min-snapshots-to-keep'] ?? 1)
  const times = new Map(metadata.snapshots.map((snapshot) => [snapshot['snapshot-id'], snapshot['timestamp-ms']]))
  const isPast = ([name, ref]: [string, SnapshotRef]): boolean => {
    const ageMax =
      ref['max-ref-age-ms'] ?? Number(properties['history.expire.max-ref-age-ms'] ?? Number.POSITIVE_INFINITY)
    return name !== 'main' && now - (times.get(ref['snapshot-id']) ?? now) > ageMax
  }
  const refs = Object.entries(metadata.refs)
  const kept = new Set<bigint>()
  for (const [, ref] of refs.filter((entry) => !isPast(entry))) {
    for (const id of keptBy(metadata, ref, { now, olderThanMs, retainLast })) kept.add(id)
  }
  // What no ref reaches, such as a snapshot that is staged, goes by its age alone.
  const reached = new Set(refs.flatMap(([, ref]) => ancestors(metadata, ref['snapshot-id'])))
  return {
    refs: refs.filter(isPast).map(([name]) => name),
    snapshots: metadata.snapshots.filter((snapshot) => {
      if (kept.has(snapshot['snapshot-id'])) return false
      return reached.has(snapshot) || snapshot['timestamp-ms'] < olderThanMs
    }),
  }
}

type Bounds = { now: number; olderThanMs: number; retainLast: number }

function keptBy(metadata: TableMetadata, ref: SnapshotRef, { now, olderThanMs, retainLast }: Bounds): bigint[] {
  if (ref.type === 'tag') return [ref['snapshot-id']]
  const ageMax = ref['max-snapshot-age-ms']
  const oldest = ageMax === undefined ? olderThanMs : now - ageMax
  const countMin = Math.max(1, ref['min-snapshots-to-keep'] ?? retainLast)
  return ancestors(metadata, ref['snapshot-id'])
    .filter((snapshot, index) => index < countMin || snapshot['timestamp-ms'] >= oldest)
    .map((snapshot) => snapshot['snapshot-id'])
}

/** Every file that snapshots have: data, deletes, manifests and their lists. */
export function reachable(metadata: TableMetadata, snapshots: readonly Snapshot[]): Set<string> {
  const manifests = new Map<string, ManifestFile>()
  const files = new Set<string>()
  for (const snapshot of snapshots) {
    files.add(snapshot['manifest-list'])
    for (const manifest of readManifestList(snapshot)) manifests.set(manifest.manifest_path, manifest)
  }
  for (const [path, manifest] of manifests) {
    files.add(path)
    for (const { file } of liveEntries(manifest, metadata)) files.add(file.file_path)
  }
  return files
}

/** The files that a snapshot has, and those that it added and took away. */
import { entryStatus, type ManifestEntry, readManifest, readManifestList } from './manifests.ts'
import { snapshotById } from './metadata.ts'
import type { LiveFile, ManifestFile, Snapshot, TableMetadata } from './types.ts'

/** `content` 0: data files, 1: files of deletes; `keep` leaves manifests out by their summaries. */
export type LiveFilesOptions = { content?: 0 | 1; keep?: (manifest: ManifestFile) => boolean }

/** The files of a snapshot, none for null. Throws `input-unreadable` naming a manifest that is damaged or gone. */
export async function liveFiles(
  metadata: TableMetadata,
  snapshotId: bigint | null,
  { content, keep = () => true }: LiveFilesOptions = {},
): Promise<LiveFile[]> {
  if (snapshotId === null) return []
  const files: LiveFile[] = []
  for (const manifest of readManifestList(snapshotById(metadata, snapshotId))) {
    if (content !== undefined && manifest.content !== content) continue
    if (!keep(manifest)) continue
    for (const { file } of liveEntries(manifest, metadata)) files.push(file)
  }
  return files
}

/** False for a manifest that only tells of files which are gone. */
export function hasLiveFiles(manifest: ManifestFile): boolean {
  return manifest.added_files_count + manifest.existing_files_count > 0
}

/** The entries of a manifest whose files are there; it is not read when there are none. */
export function liveEntries(manifest: ManifestFile, metadata: TableMetadata): ManifestEntry[] {
  if (!hasLiveFiles(manifest)) return []
  return readManifest(manifest, metadata).filter(({ status }) => status !== entryStatus.deleted)
}

/** What a snapshot changed, by files. */
export type SnapshotDelta = {
  added: LiveFile[]
  addedDeletes: LiveFile[]
  removed: LiveFile[]
  removedDeletes: LiveFile[]
}

/**
 * What a snapshot changed against its parent: the difference of their files, so it does not depend on how a writer keeps
 * its manifests. Once the parent has expired, what the snapshot's own manifests say. Throws `not-found`.
 */
export async function deltaOf(metadata: TableMetadata, snapshotId: bigint): Promise<SnapshotDelta> {
  const snapshot = snapshotById(metadata, snapshotId)
  const parentId = snapshot['parent-snapshot-id']
  const parent = metadata.snapshots.find((candidate) => candidate['snapshot-id'] === parentId)
  const after = readManifestList(snapshot)
  if (parent === undefined && parentId !== undefined) return recordedDelta(metadata, snapshotId, after)
  const before = parent === undefined ? [] : readManifestList(parent)
  // What both have cancels out without being read.
  const [left, right] = [onlyIn(before, after), onlyIn(after, before)]
  const [gone, come] = [filesByPath(metadata, left), filesByPath(metadata, right)]
  for (const path of [...gone.keys()]) if (come.delete(path)) gone.delete(path)
  return byContent([...come.values()], [...gone.values()])
}

function onlyIn(manifests: readonly ManifestFile[], others: readonly ManifestFile[]): ManifestFile[] {
  const paths = new Set(others.map((manifest) => manifest.manifest_path))
  return manifests.filter((manifest) => !paths.has(manifest.manifest_path) && hasLiveFiles(manifest))
}

function filesByPath(metadata: TableMetadata, manifests: readonly ManifestFile[]): Map<string, LiveFile> {
  const files = new Map<string, LiveFile>()
  for (const manifest of manifests) {
    for (const { file } of liveEntries(manifest, metadata)) files.set(file.file_path, file)
  }
  return files
}

function recordedDelta(metadata: TableMetadata, id: bigint, manifests: readonly ManifestFile[]): SnapshotDelta {
  const entries = manifests
    .filter((manifest) => manifest.added_snapshot_id === id)
    .flatMap((manifest) => readManifest(manifest, metadata))
    .filter((entry) => entry.snapshot_id === id)
  const filesWith = (status: number): LiveFile[] =>
    entries.filter((entry) => entry.status === status).map(({ file }) => file)
  return byContent(filesWith(entryStatus.added), filesWith(entryStatus.deleted))
}

function byContent(added: readonly LiveFile[], removed: readonly LiveFile[]): SnapshotDelta {
  const isData = ({ content }: LiveFile): boolean => content === 0
  const isDelete = ({ content }: LiveFile): boolean => content !== 0
  return {
    added: added.filter(isData),
    addedDeletes: added.filter(isDelete),
    removed: removed.filter(isData),
    removedDeletes: removed.filter(isDelete),
  }
}

/** A snapshot and those before it, newest first, as far as they have not expired. */
export function ancestors(metadata: TableMetadata, snapshotId: bigint | null): Snapshot[] {
  const known = new Map(metadata.snapshots.map((snapshot) => [snapshot['snapshot-id'], snapshot]))
  const found: Snapshot[] = []
  for (let id: bigint | undefined = snapshotId ?? undefined; id !== undefined; ) {
    const snapshot: Snapshot | undefined = known.get(id)
    if (snapshot === undefined) return found
    known.delete(id) // a damaged chain must not run in a circle
    found.push(snapshot)
    id = snapshot['parent-snapshot-id']
  }
  return found
}

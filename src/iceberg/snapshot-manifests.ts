/** The manifests of a new snapshot: those of its parent, those that a change rewrites, those of what it adds. */
import { randomUUID } from 'node:crypto'
import * as fs from 'node:fs'
import { MillraceError } from '../errors.ts'
import { groupBy } from './group-by.ts'
import { hasLiveFiles, liveEntries } from './live-files.ts'
import { localPath } from './local-files.ts'
import { entryStatus, type ManifestEntry, readManifestList, writeManifest } from './manifests.ts'
import { currentSchema, specById } from './metadata.ts'
import type { SnapshotChange } from './snapshot-change.ts'
import type { DataFile, ManifestFile, Snapshot, TableMetadata } from './types.ts'

const mergeMinDefault = 100 // commit.manifest.min-count-to-merge
const targetBytesDefault = 8 * 2 ** 20 // commit.manifest.target-size-bytes

/** What makes the manifests of one snapshot, again after every lost race; what does not depend on the race is made once. */
export type SnapshotManifests = {
  /** Throws `conflict` when a file to be removed is not there. */
  build(metadata: TableMetadata, head: Snapshot | null): Promise<ManifestFile[]>
  /** Removes what was written and is not among `used`. */
  clean(used: readonly ManifestFile[]): void
}

/** Prepares the manifests of the snapshot with this id. */
export function snapshotManifests(change: SnapshotChange, snapshotId: bigint): SnapshotManifests {
  const written = new Set<string>()
  const rewritten = new Map<string, ManifestFile>()
  let added: ManifestFile[] | null = null
  let count = 0
  const removedPaths = new Set([...change.removed, ...change.removedDeletes].map(({ file_path }) => file_path))

  const write = async (
    metadata: TableMetadata,
    specId: number,
    content: 0 | 1,
    entries: readonly ManifestEntry[],
  ): Promise<ManifestFile> => {
    const path = `${metadata.location}/metadata/${randomUUID()}-m${count}.avro`
    count += 1
    written.add(path)
    const [schema, spec] = [currentSchema(metadata), specById(metadata, specId)]
    return await writeManifest({ path, schema, schemas: metadata.schemas, spec, content, snapshotId, entries })
  }

  const writeAdded = async (metadata: TableMetadata): Promise<ManifestFile[]> => {
    const manifests: ManifestFile[] = []
    for (const [content, files] of [[0, change.added] as const, [1, change.addedDeletes] as const]) {
      for (const [specId, ofSpec] of groupBy(files, (file) => file.spec_id)) {
        const entries = ofSpec.map((file) => addedEntry(file, snapshotId))
        manifests.push(await write(metadata, specId, content, entries))
      }
    }
    return manifests
  }

  /** The manifest without the files that are removed: they stand in it as deleted by this snapshot. */
  const without = async (
    metadata: TableMetadata,
    manifest: ManifestFile,
    found: Set<string>,
  ): Promise<ManifestFile> => {
    const live = standingEntries(metadata, manifest)
    const hits = live.filter(({ file }) => removedPaths.has(file.file_path))
    for (const { file } of hits) found.add(file.file_path)
    if (hits.length === 0) return manifest
    const known = rewritten.get(manifest.manifest_path)
    if (known !== undefined) return known
    const entries = live.map((entry) =>
      removedPaths.has(entry.file.file_path) ? deletedEntry(entry, snapshotId) : entry,
    )
    const made = await write(metadata, manifest.partition_spec_id, manifest.content === 0 ? 0 : 1, entries)
    rewritten.set(manifest.manifest_path, made)
    return made
  }

  /** Many small manifests become few, so that planning a read stays quick. */
  const merged = async (metadata: TableMetadata, manifests: readonly ManifestFile[]): Promise<ManifestFile[]> => {
    const { properties } = metadata
    if (properties['commit.manifest-merge.enabled'] === 'false') return [...manifests]
    const minCount = Number(properties['commit.manifest.min-count-to-merge'] ?? mergeMinDefault)
    const target = Number(properties['commit.manifest.target-size-bytes'] ?? targetBytesDefault)
    // What this snapshot deletes stays told in manifests of its own.
    const isSmall = (manifest: ManifestFile): boolean =>
      manifest.manifest_length < target && !written.has(manifest.manifest_path)
    const kept = manifests.filter((manifest) => !isSmall(manifest))
    const groups = groupBy(manifests.filter(isSmall), ({ partition_spec_id: id, content }) => `${id} ${content}`)
    for (const group of groups.values()) {
      if (group.length < minCount) kept.push(...group)
      else for (const bin of bins(group, target)) kept.push(await mergeBin(metadata, bin))
    }
    return kept
  }

  const mergeBin = async (metadata: TableMetadata, bin: readonly ManifestFile[]): Promise<ManifestFile> => {
    const [first] = bin as [ManifestFile]
    if (bin.length === 1) return first
    const entries = bin.flatMap((manifest) => standingEntries(metadata, manifest))
    return await write(metadata, first.partition_spec_id, first.content === 0 ? 0 : 1, entries)
  }

  return {
    build: async (metadata, head) => {
      added ??= await writeAdded(metadata)
      const found = new Set<string>()
      const carried: ManifestFile[] = []
      for (const manifest of head === null ? [] : readManifestList(head)) {
        if (!hasLiveFiles(manifest)) continue
        carried.push(removedPaths.size === 0 ? manifest : await without(metadata, manifest, found))
      }
      const missing = [...removedPaths].find((path) => !found.has(path))
      if (missing !== undefined) {
        throw new MillraceError(
          'conflict',
          `${metadata.location}  ${missing} is to be replaced, but the table no longer has it. Compute the change again from the new snapshot`,
        )
      }
      return [...added, ...(await merged(metadata, carried))]
    },
    clean: (used) => {
      const paths = new Set(used.map((manifest) => manifest.manifest_path))
      for (const path of written) if (!paths.has(path)) fs.rmSync(localPath(path), { force: true })
    },
  }
}

/** The files of a manifest that are there, as files that were there before. */
function standingEntries(metadata: TableMetadata, manifest: ManifestFile): ManifestEntry[] {
  return liveEntries(manifest, metadata).map((entry) => ({ ...entry, status: entryStatus.existing }))
}

function addedEntry(file: DataFile, snapshotId: bigint): ManifestEntry {
  // Its sequence number is inherited, so none is written.
  const live = { ...file, sequence_number: 0, file_sequence_number: 0, snapshot_id: snapshotId }
  return { status: entryStatus.added, snapshot_id: snapshotId, file: live }
}

function deletedEntry({ file }: ManifestEntry, snapshotId: bigint): ManifestEntry {
  return { status: entryStatus.deleted, snapshot_id: snapshotId, file }
}

/** Manifests side by side until their sizes reach the target. */
function bins(manifests: readonly ManifestFile[], target: number): ManifestFile[][] {
  const found: ManifestFile[][] = []
  let size = Number.POSITIVE_INFINITY
  for (const manifest of manifests) {
    if (size + manifest.manifest_length > target) {
      found.push([])
      size = 0
    }
    found.at(-1)?.push(manifest)
    size += manifest.manifest_length
  }
  return found
}

/** Committing a change of data: a snapshot is prepared apart and shows with one atomic step of the catalog. */
import { randomBytes, randomUUID } from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { hasCode } from '../errors.ts'
import { checkConflicts } from './conflicts.ts'
import { tableText } from './folder-catalog.ts'
import { localPath, syncFolder, syncPaths } from './local-files.ts'
import { pauseAfterRace, triesDefault } from './lost-race.ts'
import { writeManifestList } from './manifests.ts'
import { headOf } from './metadata.ts'
import type { SnapshotChange } from './snapshot-change.ts'
import { snapshotManifests } from './snapshot-manifests.ts'
import { summaryOf } from './summary.ts'
import type {
  Catalog,
  LoadedTable,
  Requirement,
  Snapshot,
  SnapshotRef,
  TableIdentifier,
  TableMetadata,
  Update,
} from './types.ts'
import { checkRequirements } from './updates.ts'

export { ancestors, deltaOf, liveFiles, type SnapshotDelta } from './live-files.ts'
export type { ConflictRules, SnapshotChange } from './snapshot-change.ts'

/** `tries`: how often it begins again after a lost race, until it is a `conflict`. */
export type CommitSnapshotOptions = { now?: () => number; tries?: number }

/**
 * Commits a change. After a lost race it is checked against what others have committed meanwhile, and tried again on top of
 * it when it still holds. Files added are made durable first. Throws `conflict` naming the other snapshot when it does not
 * hold any more; then nothing has changed but for files that no snapshot names.
 */
export async function commitSnapshot(
  catalog: Catalog,
  table: TableIdentifier,
  change: SnapshotChange,
  { now = Date.now, tries = triesDefault }: CommitSnapshotOptions = {},
): Promise<{ table: LoadedTable; snapshot: Snapshot }> {
  await syncPaths([...change.added, ...change.addedDeletes].map(({ file_path }) => file_path))
  const id = newSnapshotId()
  const manifests = snapshotManifests(change, id)
  let uuid: string | undefined
  for (let attempt = 1; ; attempt += 1) {
    const { metadata, metadataLocation } = await catalog.load(table)
    uuid ??= metadata['table-uuid'] // a table that was dropped and made anew is another
    const list = listPath(metadata, id, attempt)
    let isPrepared = false
    try {
      const head = headOf(metadata, change.branch)
      const requirements = requirementsOf(change, uuid)
      checkRequirements(tableText(table), metadata, requirements)
      await checkConflicts(metadata, head, change)
      const used = await manifests.build(metadata, head)
      const snapshot = newSnapshot(metadata, head, change, { id, list, now: now() })
      await writeManifestList(list, snapshot, used)
      syncFolder(path.dirname(localPath(list)))
      isPrepared = true
      const committed = await catalog.commit(
        table,
        [...requirements, headRequirement(change, head)],
        [{ action: 'add-snapshot', snapshot }, ...refUpdates(metadata, change, id), ...(change.updates ?? [])],
      )
      manifests.clean(used)
      return { table: committed, snapshot }
    } catch (error) {
      // Any other error may have come after the decision: then what was written must stay.
      if (!hasCode(error, 'conflict')) throw error
      fs.rmSync(localPath(list), { force: true })
      // Once prepared, only another commit can have come between; what does not hold before stays so.
      const isRace = isPrepared && (await catalog.load(table)).metadataLocation !== metadataLocation
      if (!isRace || attempt >= tries) {
        manifests.clean([])
        throw error
      }
      await pauseAfterRace(attempt)
    }
  }
}

/** A new identifier: 63 bits at random, as other writers make them. */
export function newSnapshotId(): bigint {
  for (;;) {
    const id = BigInt.asUintN(63, randomBytes(8).readBigUInt64LE())
    if (id > 0n) return id
  }
}

function listPath(metadata: TableMetadata, id: bigint, attempt: number): string {
  return `${metadata.location}/metadata/snap-${id}-${attempt}-${randomUUID()}.avro`
}

function newSnapshot(
  metadata: TableMetadata,
  head: Snapshot | null,
  change: SnapshotChange,
  { id, list, now }: { id: bigint; list: string; now: number },
): Snapshot {
  return {
    'snapshot-id': id,
    ...(head === null ? {} : { 'parent-snapshot-id': head['snapshot-id'] }),
    'sequence-number': metadata['last-sequence-number'] + 1,
    // Later than everything before, so that a moment tells snapshots apart.
    'timestamp-ms': Math.max(now, metadata['last-updated-ms'] + 1),
    summary: summaryOf(head, change),
    'manifest-list': list,
    'schema-id': metadata['current-schema-id'],
  }
}

function requirementsOf(change: SnapshotChange, uuid: string): Requirement[] {
  return [
    { type: 'assert-table-uuid', uuid },
    ...propertyRequirements(change.expectedProperties),
    ...(change.requirements ?? []),
  ]
}

/** What requires that properties are as expected; undefined: not set. */
export function propertyRequirements(expected: SnapshotChange['expectedProperties'] = {}): Requirement[] {
  const properties = Object.fromEntries(Object.entries(expected).map(([name, value]) => [name, value ?? null]))
  return Object.keys(properties).length === 0 ? [] : [{ type: 'assert-properties', properties }]
}

function headRequirement({ branch }: SnapshotChange, head: Snapshot | null): Requirement {
  return { type: 'assert-ref-snapshot-id', ref: branch, 'snapshot-id': head?.['snapshot-id'] ?? null }
}

function refUpdates(metadata: TableMetadata, { branch, isStaged }: SnapshotChange, id: bigint): Update[] {
  if (isStaged === true) return []
  const kept: Partial<SnapshotRef> = metadata.refs[branch] ?? {}
  return [{ action: 'set-snapshot-ref', 'ref-name': branch, ...kept, 'snapshot-id': id, type: 'branch' }]
}

/** Whether a change still holds on the table as it is now, after what others have committed since it was computed. */
import { MillraceError } from '../errors.ts'
import { ancestors, deltaOf, type SnapshotDelta } from './live-files.ts'
import type { SnapshotChange } from './snapshot-change.ts'
import type { LiveFile, Snapshot, TableMetadata } from './types.ts'

/** The `file_path` column of position deletes, in the specification and as DuckDB numbers it. */
const pathFieldIds = [2147483546, 2147483646]

/** Throws `conflict` naming the snapshot and the file because of which the change does not hold on `head`. */
export async function checkConflicts(
  metadata: TableMetadata,
  head: Snapshot | null,
  change: SnapshotChange,
): Promise<void> {
  const rules = {
    ...change.conflicts,
    newDeletesFor: change.conflicts.newDeletesFor ?? paths(change.removed),
    mustExist: new Set([
      ...(change.conflicts.mustExist ?? []),
      ...paths(change.removed),
      ...paths(change.removedDeletes),
    ]),
  }
  const isAffected = rules.newData === 'refuse' || rules.newDeletesFor.size > 0 || rules.mustExist.size > 0
  const since = snapshotsSince(metadata, head, change)
  if (!isAffected) return
  for (const snapshot of since) {
    const found = conflictWith(snapshot, await deltaOf(metadata, snapshot['snapshot-id']), rules)
    if (found === null) continue
    throw new MillraceError(
      'conflict',
      `${metadata.location}  snapshot ${snapshot['snapshot-id']} (${snapshot.summary.operation ?? 'of another writer'}) came first: ${found}. Compute the change again from the new snapshot`,
    )
  }
}

function paths(files: readonly LiveFile[]): Set<string> {
  return new Set(files.map(({ file_path }) => file_path))
}

/** What was committed to the branch after the change's base, oldest first. */
function snapshotsSince(metadata: TableMetadata, head: Snapshot | null, { base, branch }: SnapshotChange): Snapshot[] {
  const line = ancestors(metadata, head?.['snapshot-id'] ?? null)
  if (base === null) return line.reverse()
  const at = line.findIndex((snapshot) => snapshot['snapshot-id'] === base)
  if (at >= 0) return line.slice(0, at).reverse()
  throw new MillraceError(
    'conflict',
    `${metadata.location}  ${branch} no longer goes back to snapshot ${base}: it was set to another one, or the snapshot has expired. Compute the change again`,
  )
}

type Rules = Required<Pick<SnapshotChange['conflicts'], 'newData' | 'newDeletesFor' | 'mustExist'>> &
  SnapshotChange['conflicts']

function conflictWith(snapshot: Snapshot, delta: SnapshotDelta, rules: Rules): string | null {
  const gone = [...delta.removed, ...delta.removedDeletes].find(({ file_path }) => rules.mustExist.has(file_path))
  if (gone !== undefined) return `it replaced ${gone.file_path}, which this change is based on`
  // Compaction writes rows anew that were there before.
  if (rules.newData === 'refuse' && snapshot.summary.operation !== 'replace') {
    const { newDataIn = () => true } = rules
    const file = delta.added.find(newDataIn)
    if (file !== undefined) return `it added ${file.file_path}, whose rows this change has not seen`
  }
  const deletes = delta.addedDeletes.find((file) => mayDeleteFrom(file, rules.newDeletesFor))
  return deletes === undefined ? null : `it added deletes ${deletes.file_path} for files that this change replaces`
}

/** False only where a file of deletes tells that it is for other data files. */
function mayDeleteFrom(deletes: LiveFile, dataFiles: ReadonlySet<string>): boolean {
  if (dataFiles.size === 0) return false
  if (deletes.content === 2) return true
  if (deletes.referenced_data_file !== null) return dataFiles.has(deletes.referenced_data_file)
  const bound = (bounds: Map<number, Uint8Array> | null): Uint8Array | undefined =>
    pathFieldIds.map((id) => bounds?.get(id)).find((bytes) => bytes !== undefined)
  const [lower, upper] = [bound(deletes.lower_bounds), bound(deletes.upper_bounds)]
  return [...dataFiles].some((path) => {
    const bytes = Buffer.from(path, 'utf8')
    if (lower !== undefined && Buffer.compare(bytes, lower) < 0) return false
    return upper === undefined || Buffer.compare(bytes, upper) <= 0
  })
}

/** The counts in a snapshot's summary, named as Iceberg's own writers name them. */
import type { SnapshotChange } from './snapshot-change.ts'
import type { DataFile, Snapshot } from './types.ts'
import { partitionKey } from './values.ts'

/** The whole summary of the snapshot that a change makes of `head`: counts of nothing are left out, totals are not. */
export function summaryOf(head: Snapshot | null, change: SnapshotChange): Snapshot['summary'] {
  const { added, addedDeletes, removed, removedDeletes } = change
  const counts = {
    'added-data-files': added.length,
    'deleted-data-files': removed.length,
    'added-records': rowsOf(added),
    'deleted-records': rowsOf(removed),
    'added-files-size': bytes([...added, ...addedDeletes]),
    'removed-files-size': bytes([...removed, ...removedDeletes]),
    'added-delete-files': addedDeletes.length,
    'removed-delete-files': removedDeletes.length,
    'added-position-delete-files': addedDeletes.filter(isPosition).length,
    'removed-position-delete-files': removedDeletes.filter(isPosition).length,
    'added-equality-delete-files': addedDeletes.filter(isEquality).length,
    'removed-equality-delete-files': removedDeletes.filter(isEquality).length,
    'added-position-deletes': rowsOf(addedDeletes.filter(isPosition)),
    'removed-position-deletes': rowsOf(removedDeletes.filter(isPosition)),
    'added-equality-deletes': rowsOf(addedDeletes.filter(isEquality)),
    'removed-equality-deletes': rowsOf(removedDeletes.filter(isEquality)),
    'changed-partition-count': new Set(
      [...added, ...addedDeletes, ...removed, ...removedDeletes].map(
        (file) => `${file.spec_id} ${partitionKey(file.partition)}`,
      ),
    ).size,
  }
  const summary: Snapshot['summary'] = { ...change.summary, operation: change.operation }
  for (const [key, value] of Object.entries(counts)) if (value > 0) summary[key] = String(value)
  const totals: Record<string, number> = {
    'total-records': counts['added-records'] - counts['deleted-records'],
    'total-files-size': counts['added-files-size'] - counts['removed-files-size'],
    'total-data-files': added.length - removed.length,
    'total-delete-files': addedDeletes.length - removedDeletes.length,
    'total-position-deletes': counts['added-position-deletes'] - counts['removed-position-deletes'],
    'total-equality-deletes': counts['added-equality-deletes'] - counts['removed-equality-deletes'],
  }
  for (const [key, difference] of Object.entries(totals)) {
    // A writer that gave no totals leaves them unknown from then on.
    const before = head === null ? '0' : head.summary[key]
    if (before !== undefined) summary[key] = String(Number(before) + difference)
  }
  return summary
}

/**
 * What a table has at a snapshot, as its summary tells; nothing where there is none, or where its writer gave no totals. With
 * delete files there may be more rows: a delete of a row whose file has gone since is still counted. `Table.count` is exact.
 */
export function snapshotTotals(snapshot: Pick<Snapshot, 'summary'> | null): {
  rows: number
  bytes: number
  dataFiles: number
  deleteFiles: number
} {
  const total = (name: string): number => Number(snapshot?.summary[`total-${name}`] ?? 0)
  return {
    // A deleted row is a row of a file and one of a delete file.
    rows: Math.max(0, total('records') - total('position-deletes')),
    bytes: total('files-size'),
    dataFiles: total('data-files'),
    deleteFiles: total('delete-files'),
  }
}

/** The sum of the files' rows. */
export function rowsOf(files: readonly DataFile[]): number {
  return files.reduce((sum, file) => sum + file.record_count, 0)
}

function bytes(files: readonly DataFile[]): number {
  return files.reduce((sum, file) => sum + file.file_size_in_bytes, 0)
}

function isPosition({ content }: DataFile): boolean {
  return content === 1
}

function isEquality({ content }: DataFile): boolean {
  return content === 2
}

/** What a merge remembers with its target: from which snapshots of its inputs the target's rows were computed. */
import { createHash } from 'node:crypto'
import type { MergeIntoTask } from '../../define/merge-into.ts'
import type { Table } from '../../iceberg/table.ts'
import type { Snapshot } from '../../iceberg/types.ts'

/** Ids are text; null: the table had no snapshot. `base` is the target's own snapshot before the merge. */
export type MergeRecord = { definition: string; inputs: Record<string, string | null>; base: string | null }

export const recordsProperty = 'millrace.merges'
/** The summary entry by which a merge knows its own snapshots. */
export const definitionEntry = 'millrace.merge'
const recordsMax = 4 // of definitions that take turns, such as with and without a filter

/** What decides which rows come out, in few letters: merges of one definition go on from each other. */
export function mergeDefinition(task: MergeIntoTask): string {
  const { into, using, on, orderBy, compare, update, insert, whenMatched, prune } = task
  const parts = { into, using, on, orderBy, compare, update, insert, whenMatched, prune }
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32)
}

/** The records of a table, the latest first. */
export function readRecords(table: Table): MergeRecord[] {
  const text = table.metadata.properties[recordsProperty]
  return text === undefined ? [] : (JSON.parse(text) as MergeRecord[])
}

/** The records as a property, with a new one. */
export function recordsText(before: readonly MergeRecord[], record: MergeRecord): string {
  const others = before.filter(({ definition }) => definition !== record.definition)
  return JSON.stringify([record, ...others].slice(0, recordsMax))
}

/** The id of a table's newest snapshot, as text. */
export function headId(table: Table): string | null {
  const snapshot = table.snapshot()
  return snapshot === null ? null : String(snapshot['snapshot-id'])
}

/**
 * The snapshots of a table after one of them, the oldest first; null where it is not among the ancestors of the newest, or no more
 * known. `after` null: from the first.
 */
export function snapshotsAfter(table: Table, after: string | null): Snapshot[] | null {
  const byId = new Map(table.metadata.snapshots.map((snapshot) => [snapshot['snapshot-id'], snapshot]))
  const found: Snapshot[] = []
  for (let at: Snapshot | null | undefined = table.snapshot(); at != null; ) {
    if (String(at['snapshot-id']) === after) return found.reverse()
    found.push(at)
    const parent: bigint | undefined = at['parent-snapshot-id']
    if (parent === undefined || parent === -1n) return after === null ? found.reverse() : null
    at = byId.get(parent)
    if (at === undefined) return null
  }
  return after === null ? [] : null
}

/** As `snapshotsAfter`, as far back as is known. */
export function knownSnapshotsAfter(table: Table, after: string | null): Snapshot[] {
  const byId = new Map(table.metadata.snapshots.map((snapshot) => [snapshot['snapshot-id'], snapshot]))
  const found: Snapshot[] = []
  for (let at: Snapshot | null | undefined = table.snapshot(); at != null && String(at['snapshot-id']) !== after; ) {
    found.push(at)
    const parent: bigint | undefined = at['parent-snapshot-id']
    at = parent === undefined ? undefined : byId.get(parent)
  }
  return found.reverse()
}

/** A stretch of snapshots: what changed after one up to another. */
export type Stretch = { from: bigint | null; to: bigint }

/** The stretches of those snapshots after another that `isOwn` does not know; compaction changes no rows. Null as above. */
export function foreignStretches(
  table: Table,
  after: string | null,
  isOwn: (snapshot: Snapshot) => boolean,
): Stretch[] | null {
  const chain = snapshotsAfter(table, after)
  return chain === null ? null : stretchesOf(chain, isOwn)
}

/** The stretches of snapshots, oldest first, that `isOwn` does not know. */
export function stretchesOf(chain: readonly Snapshot[], isOwn: (snapshot: Snapshot) => boolean): Stretch[] {
  const stretches: Stretch[] = []
  let isOpen = false
  for (const snapshot of chain) {
    if (isOwn(snapshot)) {
      isOpen = false
      continue
    }
    if (snapshot.summary.operation === 'replace') continue
    const last = stretches.at(-1)
    if (isOpen && last !== undefined) last.to = snapshot['snapshot-id']
    else {
      const parent: bigint | undefined = snapshot['parent-snapshot-id']
      stretches.push({ from: parent === undefined || parent === -1n ? null : parent, to: snapshot['snapshot-id'] })
    }
    isOpen = true
  }
  return stretches
}

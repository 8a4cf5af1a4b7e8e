/** What a commit of data asks for. */
import type { DataFile, LiveFile, Operation, Requirement, Update } from './types.ts'

/** The change from one snapshot of a branch to the next. */
export type SnapshotChange = {
  operation: Operation
  branch: string
  /** The snapshot that it was computed from; null for an empty table. */
  base: bigint | null
  added: readonly DataFile[]
  addedDeletes: readonly DataFile[]
  removed: readonly LiveFile[]
  removedDeletes: readonly LiveFile[]
  conflicts: ConflictRules
  /** Entries of the snapshot's summary beside the counts. */
  summary: Readonly<Record<string, string>>
  /** Other changes of the same commit, such as properties. */
  updates?: readonly Update[]
  requirements?: readonly Requirement[]
  /** A conflict unless the table's properties are still these: a bookmark may be kept in one. */
  expectedProperties?: Readonly<Record<string, string | undefined>>
  /** The branch does not move: the snapshot is there by its id alone, until a branch is set to it or it expires. */
  isStaged?: boolean
}

/** What must not have happened since `base`. That files removed are still there is always checked. */
export type ConflictRules = {
  /** New rows are none of this change's business, or would have changed it. */
  newData: 'ignore' | 'refuse'
  /** With `refuse`: only files for which this is true count. */
  newDataIn?: (file: DataFile) => boolean
  /** Paths of data files for which no new deletes may have come; without it those of `removed`. */
  newDeletesFor?: ReadonlySet<string>
  /** Paths of data files that must still be there: those that new position deletes are for. */
  mustExist?: ReadonlySet<string>
}

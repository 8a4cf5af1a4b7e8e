/** What a commit of changed rows takes for granted, whoever made it. */
import type { Commit } from './commit.ts'
import { mayMatch, type Predicate } from './predicates.ts'
import { type FileChanges, spentDeletes } from './row-changes.ts'
import { liveFiles } from './snapshots.ts'
import type { TableMetadata } from './types.ts'

/**
 * Changes that are as if nothing else had happened since `base`: rows that others added must not fulfil the predicates, and the
 * files in which rows changed must be there, without new deletes.
 */
export async function rowCommit(
  metadata: TableMetadata,
  base: bigint | null,
  files: FileChanges,
  predicates: readonly Predicate[],
): Promise<Commit> {
  const specs = new Map(metadata['partition-specs'].map((spec) => [spec['spec-id'], spec]))
  const touched = new Set(files.touched.map(({ file_path }) => file_path))
  const isAppend = files.removed.length === 0 && files.addedDeletes.length === 0
  return {
    operation: isAppend ? 'append' : files.added.length === 0 ? 'delete' : 'overwrite',
    base,
    files: { ...files, removedDeletes: await spentBy(metadata, base, files) },
    conflicts: {
      newData: 'refuse',
      newDataIn: (file) => mayMatch(file, predicates, specs.get(file.spec_id)),
      newDeletesFor: touched,
      mustExist: touched,
    },
  }
}

async function spentBy(
  metadata: TableMetadata,
  base: bigint | null,
  { removed }: FileChanges,
): Promise<Commit['files']['removed']> {
  if (removed.length === 0) return []
  const deletes = await liveFiles(metadata, base, { content: 1 })
  return deletes.length === 0 ? [] : spentDeletes(deletes, await liveFiles(metadata, base, { content: 0 }), removed)
}

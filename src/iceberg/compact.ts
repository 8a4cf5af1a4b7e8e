/** OPTIMIZE: small files become larger ones, deletes are applied, rows are put in the table's order. The rows stay the same. */
import type { Session } from '../engines/duckdb/session.ts'
import { type Commit, type CommitOptions, commitFiles, retried } from './commit.ts'
import { connected, type WarehouseContext } from './context.ts'
import { groupBy } from './group-by.ts'
import { currentSchema, defaultSpec, headOf } from './metadata.ts'
import { targetBytes } from './parquet-copy.ts'
import { spentDeletes } from './row-changes.ts'
import { concerning, scanFiles, scanSql } from './scan.ts'
import { liveFiles } from './snapshots.ts'
import type { LiveFile, LoadedTable, Snapshot, TableMetadata } from './types.ts'
import { partitionKey } from './values.ts'
import { writeDataFiles } from './write-files.ts'

/** What is compacted. */
export type CompactOptions = Pick<CommitOptions, 'branch' | 'summary' | 'retries'> & {
  /** Every file is written anew, also where nothing is to be gained but the table's order. */
  all?: boolean
}

/** What a compaction did; without a snapshot there was nothing to gain. */
export type CompactResult = {
  snapshot: Snapshot | null
  filesBefore: number
  filesAfter: number
  deleteFilesRemoved: number
  bytesBefore: number
  bytesAfter: number
}

const smallShare = 0.6 // of the size asked for; a file that is cut evenly from others is never smaller

/** Compacts. Appends go on meanwhile; when rows of the files concerned were changed, it is done again. */
export function compactTable(
  context: WarehouseContext,
  table: LoadedTable,
  options: CompactOptions,
): Promise<CompactResult> {
  return connected(context, (session) =>
    retried(context, table, options, (current) => compactOnce(context, session, current, options)),
  )
}

async function compactOnce(
  context: WarehouseContext,
  session: Session,
  table: LoadedTable,
  options: CompactOptions,
): Promise<CompactResult> {
  const { metadata } = table
  const base = headOf(metadata, options.branch)?.['snapshot-id'] ?? null
  const data = await liveFiles(metadata, base, { content: 0 })
  const deletes = await liveFiles(metadata, base, { content: 1 })
  const chosen = options.all === true ? data : worthwhile(metadata, data, deletes)
  const bytes = (files: readonly { file_size_in_bytes: number }[]): number =>
    files.reduce((sum, file) => sum + file.file_size_in_bytes, 0)
  const unchanged = { filesBefore: data.length, bytesBefore: bytes([...data, ...deletes]) }
  if (chosen.length === 0) {
    return {
      snapshot: null,
      ...unchanged,
      filesAfter: data.length,
      deleteFilesRemoved: 0,
      bytesAfter: unchanged.bytesBefore,
    }
  }
  const schema = currentSchema(metadata)
  const scan = await scanFiles(session, metadata, schema, chosen, deletes)
  const columns = schema.fields.map(({ name }) => name)
  const added = await writeDataFiles(session, metadata, scanSql(scan, columns, null))
  const removedDeletes = spentDeletes(deletes, data, chosen)
  const paths = new Set(chosen.map(({ file_path }) => file_path))
  const commit: Commit = {
    operation: 'replace',
    base,
    files: { added, addedDeletes: [], removed: chosen, removedDeletes },
    conflicts: { newData: 'ignore', newDeletesFor: paths, mustExist: paths },
  }
  const snapshot = await commitFiles(context, session, table, commit, options)
  return {
    ...{ snapshot, ...unchanged, filesAfter: data.length - chosen.length + added.length },
    deleteFilesRemoved: removedDeletes.length,
    bytesAfter: unchanged.bytesBefore - bytes([...chosen, ...removedDeletes]) + bytes(added),
  }
}

/** Files with deletes, files that are partitioned otherwise, and small ones where fewer can hold their rows. */
function worthwhile(metadata: TableMetadata, data: readonly LiveFile[], deletes: readonly LiveFile[]): LiveFile[] {
  const target = targetBytes(metadata)
  const spec = defaultSpec(metadata)['spec-id']
  const matchers = deletes.map(concerning)
  const mustChange = (file: LiveFile): boolean => file.spec_id !== spec || matchers.some((matches) => matches(file))
  const partitions = groupBy(data, (file) => (file.spec_id === spec ? partitionKey(file.partition) : 'other'))
  return [...partitions.values()].flatMap((files) => {
    const changing = files.filter(mustChange)
    const small = files.filter((file) => file.file_size_in_bytes < smallShare * target)
    const together = [...new Set([...changing, ...small])]
    const bytes = together.reduce((sum, file) => sum + file.file_size_in_bytes, 0)
    const isFewer = Math.max(1, Math.round(bytes / target)) < together.length
    return isFewer ? together : changing
  })
}

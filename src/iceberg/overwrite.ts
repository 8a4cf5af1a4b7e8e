/** INSERT OVERWRITE: rows take the place of a whole table, of the partitions they fall into, or of rows by a condition. */
import type { Session } from '../engines/duckdb/session.ts'
import { MillraceError } from '../errors.ts'
import {
  type Commit,
  type CommitOptions,
  commitFiles,
  commitProperties,
  nothingWritten,
  retried,
  type WriteResult,
  writeResult,
} from './commit.ts'
import { connected, type WarehouseContext } from './context.ts'
import { badValues } from './conversion.ts'
import { withMatching } from './delete-rows.ts'
import { tableText } from './folder-catalog.ts'
import { currentSchema, defaultSpec, headOf } from './metadata.ts'
import { predicatesOf } from './predicates.ts'
import { spentDeletes, writeRowChanges } from './row-changes.ts'
import { rowCommit } from './row-commit.ts'
import { scanOf } from './scan.ts'
import { liveFiles } from './snapshots.ts'
import { type Source, tableRows, withSource } from './source.ts'
import { rowsOf } from './summary.ts'
import type { DataFile, LoadedTable, TableMetadata } from './types.ts'
import { partitionKey } from './values.ts'
import { writeDataFiles } from './write-files.ts'

/**
 * What a source's rows take the place of: of the partitions that they fall into (of an unpartitioned table, of everything), of the
 * rows for which a condition holds, or of the whole table.
 */
export type Overwritten = { partitions: 'dynamic' } | { where: string } | { all: true }

/** Overwrites. With a condition, the new rows need not fulfil it. */
export function overwriteRows(
  context: WarehouseContext,
  table: LoadedTable,
  source: Source,
  what: Overwritten,
  options: CommitOptions,
): Promise<WriteResult> {
  const name = tableText(table.identifier)
  return connected(context, (session) =>
    badValues(name, () =>
      // The source is opened anew each time, for it may read the table itself.
      retried(context, table, options, (current) =>
        withSource(context, session, source, false, (open) => {
          const rows = tableRows(name, currentSchema(current.metadata), open)
          const overwriting = { context, session, table: current, rows, options }
          return 'where' in what ? overwriteWhere(overwriting, what.where) : overwriteFiles(overwriting, 'all' in what)
        }),
      ),
    ),
  )
}

type Overwriting = {
  context: WarehouseContext
  session: Session
  table: LoadedTable
  rows: string
  options: CommitOptions
}

async function overwriteFiles(overwriting: Overwriting, isAll: boolean): Promise<WriteResult> {
  const { context, session, table, rows, options } = overwriting
  const { metadata } = table
  const base = headOf(metadata, options.branch)?.['snapshot-id'] ?? null
  const added = await writeDataFiles(session, metadata, rows)
  const isReplaced = isAll ? () => true : inPartitionsOf(metadata, added, tableText(table.identifier))
  const data = await liveFiles(metadata, base, { content: 0 })
  const deletes = await liveFiles(metadata, base, { content: 1 })
  const removed = data.filter(isReplaced)
  if (added.length + removed.length === 0) {
    await commitProperties(context, table, options)
    return nothingWritten
  }
  const paths = new Set(removed.map(({ file_path }) => file_path))
  const commit: Commit = {
    operation: removed.length === 0 ? 'append' : added.length === 0 ? 'delete' : 'overwrite',
    base,
    files: { added, addedDeletes: [], removed, removedDeletes: spentDeletes(deletes, data, removed) },
    conflicts: { newData: 'refuse', newDataIn: isReplaced, newDeletesFor: paths, mustExist: paths },
  }
  const snapshot = await commitFiles(context, session, table, commit, options)
  return writeResult(snapshot, commit, rowsOf(added), rowsOf(removed))
}

/** Tells which files lie in the partitions of some new ones. */
function inPartitionsOf(
  metadata: TableMetadata,
  added: readonly DataFile[],
  name: string,
): (file: DataFile) => boolean {
  const spec = defaultSpec(metadata)
  if (spec.fields.length === 0) return () => true
  const partitions = new Set(added.map((file) => partitionKey(file.partition)))
  return (file) => {
    if (file.spec_id === spec['spec-id']) return partitions.has(partitionKey(file.partition))
    throw new MillraceError(
      'usage',
      `${name} has files that were partitioned otherwise (${file.file_path}); overwrite by a condition, or compact the table first`,
    )
  }
}

async function overwriteWhere(overwriting: Overwriting, where: string): Promise<WriteResult> {
  const { context, session, table, rows, options } = overwriting
  const { metadata } = table
  const schema = currentSchema(metadata)
  const base = headOf(metadata, options.branch)
  const predicates = predicatesOf(where, schema)
  const scan = await scanOf(session, metadata, base, schema, predicates)
  return withMatching(session, scan, where, async (places, count) => {
    const changes = { scan, removed: count === 0 ? null : places, added: rows }
    const files = await writeRowChanges(session, metadata, changes, 'copy-on-write')
    if (files.mode === 'none') {
      await commitProperties(context, table, options)
      return nothingWritten
    }
    const commit = await rowCommit(metadata, base?.['snapshot-id'] ?? null, files, predicates)
    const snapshot = await commitFiles(context, session, table, commit, options)
    const came = rowsOf(files.added) - (rowsOf(files.removed) - count)
    return writeResult(snapshot, commit, came, count)
  })
}

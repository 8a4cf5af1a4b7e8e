/** INSERT INTO: rows are added as new files. Appends side by side never are in each other's way. */
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
import { tableText } from './folder-catalog.ts'
import { currentSchema, headOf } from './metadata.ts'
import { type Source, tableRows, withSource } from './source.ts'
import { rowsOf } from './summary.ts'
import type { LoadedTable } from './types.ts'
import { writeDataFiles } from './write-files.ts'

/** Appends a source's rows, columns by name. */
export function appendRows(
  context: WarehouseContext,
  table: LoadedTable,
  source: Source,
  options: CommitOptions,
): Promise<WriteResult> {
  const name = tableText(table.identifier)
  return connected(context, (session) =>
    badValues(name, () =>
      retried(context, table, options, (current) =>
        withSource(context, session, source, false, async (open) => {
          const { metadata } = current
          const added = await writeDataFiles(session, metadata, tableRows(name, currentSchema(metadata), open))
          if (added.length === 0) {
            await commitProperties(context, current, options)
            return nothingWritten
          }
          const commit: Commit = {
            operation: 'append',
            base: headOf(metadata, options.branch)?.['snapshot-id'] ?? null,
            files: { added, addedDeletes: [], removed: [], removedDeletes: [] },
            conflicts: { newData: 'ignore', newDeletesFor: new Set() },
          }
          const snapshot = await commitFiles(context, session, current, commit, options)
          return writeResult(snapshot, commit, rowsOf(added), 0)
        }),
      ),
    ),
  )
}

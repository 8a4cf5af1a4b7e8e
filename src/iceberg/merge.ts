/** MERGE INTO: updates, inserts and deletes in one pass over the rows that may be concerned, committed as one snapshot. */
import { randomUUID } from 'node:crypto'
import type { Session } from '../engines/duckdb/session.ts'
import { quoteName } from '../engines/portable.ts'
import {
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
import { actions, changedRowsSql, type MergeOptions, resolveClauses } from './merge-clauses.ts'
import { keyBounds, narrowedToKeys } from './merge-files.ts'
import { type MergeSource, openMergeSource } from './merge-source.ts'
import { currentSchema, headOf } from './metadata.ts'
import type { Predicate } from './predicates.ts'
import { type FileChanges, type Mode, wantedMode, writeRowChanges } from './row-changes.ts'
import { rowCommit } from './row-commit.ts'
import { rowPlace, type Scan, scanOf } from './scan.ts'
import { findField } from './schema.ts'
import { withSource } from './source.ts'
import type { LoadedTable, Snapshot, TableMetadata } from './types.ts'

/** What a merge did, in rows and files. */
export type MergeResult = WriteResult & {
  inserted: number
  updated: number
  deleted: number
  /** Source rows that were left out for others with their key. */
  duplicates: number
  /** Source rows that counted. */
  sourceRows: number
  mode: FileChanges['mode']
  /** Data files that were read, and those in which rows changed. */
  filesScanned: number
  filesTouched: number
  /** 1, and one more for every commit that came between. */
  attempts: number
}

/** Merges. When another commit comes between, the merge is done again on what is there then. */
export function mergeInto(
  context: WarehouseContext,
  table: LoadedTable,
  options: MergeOptions & CommitOptions,
): Promise<MergeResult> {
  const name = tableText(table.identifier)
  const { nullSafe = false, orderBy } = options
  return connected(context, (session) =>
    badValues(name, () =>
      // The source is opened anew each time, for it may read the table itself.
      retried(context, table, options, (current, attempt) =>
        withSource(context, session, options.using, true, async (open) => {
          const fields = options.on.map((column) => findField(currentSchema(current.metadata), column))
          const source = await openMergeSource(session, open, { name, fields, nullSafe, orderBy })
          return mergeOnce({ context, session, table: current, options, source, attempt })
        }),
      ),
    ),
  )
}

type Merging = {
  context: WarehouseContext
  session: Session
  table: LoadedTable
  options: MergeOptions & CommitOptions
  source: MergeSource
  attempt: number
}

async function mergeOnce(merging: Merging): Promise<MergeResult> {
  const { context, session, table, options, source } = merging
  const { metadata } = table
  const base = headOf(metadata, options.branch)
  const bounds = await keyBounds(session, source.from, source.keys)
  const scan = await scanFor(merging, base, bounds)
  const changed = quoteName(`changed-${randomUUID()}`)
  await createChanged(merging, scan, changed)
  try {
    const rows = await countActions(session, changed)
    const result = { ...rows, duplicates: source.duplicates, sourceRows: source.rows, filesScanned: scan.files.length }
    const attempts = { attempts: merging.attempt + 1 }
    if (rows.inserted + rows.updated + rows.deleted === 0) {
      await commitProperties(context, table, options)
      return { ...nothingWritten, ...result, ...attempts, filesTouched: 0, mode: 'none' }
    }
    const files = await writeChanged(
      session,
      metadata,
      scan,
      changed,
      rows,
      wantedMode(metadata, 'merge', options.mode),
    )
    // Where rows are deleted that the source has not, every new row concerns the merge.
    const concerned = options.whenNotMatchedBySource === undefined ? bounds : []
    const commit = await rowCommit(metadata, base?.['snapshot-id'] ?? null, files, concerned)
    const snapshot = await commitFiles(context, session, table, commit, options)
    const written = writeResult(snapshot, commit, rows.inserted + rows.updated, rows.updated + rows.deleted)
    return { ...written, ...result, ...attempts, filesTouched: files.touched.length, mode: files.mode }
  } finally {
    await session.run(`DROP TABLE ${changed}`)
  }
}

async function scanFor(
  { session, table, options, source }: Merging,
  base: Snapshot | null,
  bounds: Predicate[],
): Promise<Scan> {
  const { metadata } = table
  const scan = await scanOf(session, metadata, base, currentSchema(metadata))
  if (options.whenNotMatchedBySource !== undefined) return scan
  return narrowedToKeys(session, metadata, scan, source, source.keys, bounds)
}

async function createChanged({ session, table, options, source }: Merging, scan: Scan, changed: string): Promise<void> {
  const clauses = await resolveClauses(session, tableText(table.identifier), scan, source, options)
  await session.run(`CREATE TEMP TABLE ${changed} AS ${changedRowsSql(scan, source, clauses)}`)
}

type ActionCounts = { inserted: number; updated: number; deleted: number }

async function countActions(session: Session, changed: string): Promise<ActionCounts> {
  const [row] = await session.rows(`
    SELECT count(*) FILTER ("$action" = ${actions.insert}) AS inserted,
      count(*) FILTER ("$action" = ${actions.delete}) AS deleted,
      count(*) FILTER ("$action" >= ${actions.update}) AS updated FROM ${changed}`)
  return { inserted: Number(row?.inserted), updated: Number(row?.updated), deleted: Number(row?.deleted) }
}

function writeChanged(
  session: Session,
  metadata: TableMetadata,
  scan: Scan,
  changed: string,
  { inserted, updated, deleted }: ActionCounts,
  mode: Mode,
): Promise<FileChanges> {
  const [file, position] = [quoteName(rowPlace.file), quoteName(rowPlace.position)]
  const columns = scan.schema.fields.map((field) => quoteName(field.name)).join(', ')
  const removed = `(SELECT ${file}, ${position} FROM ${changed} WHERE ${position} IS NOT NULL)`
  const added = `(SELECT ${columns} FROM ${changed} WHERE "$action" <> ${actions.delete})`
  const changes = {
    scan,
    removed: updated + deleted === 0 ? null : removed,
    added: inserted + updated === 0 ? null : added,
  }
  return writeRowChanges(session, metadata, changes, mode)
}

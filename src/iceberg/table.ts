/** One Iceberg table: what it holds, and what can be done with it. */
import { quoteName } from '../engines/portable.ts'
import { MillraceError } from '../errors.ts'
import { appendRows } from './append.ts'
import { type Changes, type ChangesOptions, changesOf } from './changes.ts'
import type { CommitOptions, WriteResult } from './commit.ts'
import { type CompactOptions, type CompactResult, compactTable } from './compact.ts'
import { connected, type WarehouseContext } from './context.ts'
import { deleteRows } from './delete-rows.ts'
import { evolveTable, type SchemaChange } from './evolve.ts'
import { expireSnapshots } from './expire.ts'
import { tableText } from './folder-catalog.ts'
import { type MergeResult, mergeInto } from './merge.ts'
import type { MergeOptions } from './merge-clauses.ts'
import { narrowedAmong } from './merge-files.ts'
import { currentSchema } from './metadata.ts'
import { removeOrphans } from './orphans.ts'
import { type Overwritten, overwriteRows } from './overwrite.ts'
import { createBranch, createTag, removeRef, type SnapshotChoice, setRef, snapshotAt } from './refs.ts'
import type { Mode } from './row-changes.ts'
import type { Row } from './row-values.ts'
import { countRows, planScan, type Scan, type ScanOptions, scanSql, scanWithPaths } from './scan.ts'
import { findField } from './schema.ts'
import type { Source } from './source.ts'
import { type MetadataChange, partitionChange, propertyChange, sameSchema, sortChange } from './table-updates.ts'
import type { LoadedTable, Schema, Snapshot, TableMetadata } from './types.ts'

export type { Changes, ChangesOptions } from './changes.ts'
export type { CommitOptions, Staged, WriteResult } from './commit.ts'
export type { CompactOptions, CompactResult } from './compact.ts'
export type { MergeResult } from './merge.ts'
export type { MatchedClause, MergeOptions } from './merge-clauses.ts'
export type { Overwritten } from './overwrite.ts'
export type { Mode } from './row-changes.ts'
export type { ScanOptions } from './scan.ts'
export type { Source } from './source.ts'
export type { ColumnDefinition, TableDefinition } from './table-definition.ts'

/** A table as it was when it was opened or refreshed; every change refreshes it. Changes start from the newest state. */
export type Table = {
  readonly name: string
  readonly metadata: TableMetadata
  /** The newest schema. */
  readonly schema: Schema
  /** Null for an empty table. */
  snapshot(choice?: SnapshotChoice): Snapshot | null
  refresh(): Promise<void>
  append(source: Source, options?: CommitOptions): Promise<WriteResult>
  overwrite(source: Source, what: Overwritten, options?: CommitOptions): Promise<WriteResult>
  /** Deletes rows by a condition in SQL. */
  delete(where: string, options?: CommitOptions & { mode?: Mode }): Promise<WriteResult>
  merge(options: MergeOptions & CommitOptions): Promise<MergeResult>
  /** Columns are added, renamed, widened, moved and dropped without a look at the files. */
  evolve(changes: readonly SchemaChange[]): Promise<void>
  /** Null removes a property. */
  setProperties(updates: Record<string, string | null>): Promise<void>
  /** For files written from now on. */
  setPartitionBy(partitionBy: readonly string[]): Promise<void>
  setSortBy(sortBy: readonly string[]): Promise<void>
  /** The live rows as a query in parentheses, for FROM in any session of the warehouse. */
  scanSql(options?: ScanOptions): Promise<string>
  rows(options?: ScanOptions): Promise<Row[]>
  /** The rows that `rows` would give. Without a condition only deletes are read. */
  count(options?: ScanOptions): Promise<number>
  changes(options?: ChangesOptions): Promise<Changes>
  createBranch(name: string, choice?: SnapshotChoice): Promise<void>
  createTag(name: string, choice?: SnapshotChoice): Promise<void>
  removeRef(name: string): Promise<void>
  /** Moves a branch, main by default, forward to where another stands. `conflict` when it has gone on by itself. */
  publish(branch: string, to?: string): Promise<void>
  /** Moves main to another snapshot, whichever. */
  rollback(choice: SnapshotChoice): Promise<void>
  compact(options?: CompactOptions): Promise<CompactResult>
  /** Forgets snapshots older than a moment, but for the newest ones and what branches and tags hold, and removes their files. */
  expireSnapshots(options: { olderThanMs: number; retainLast?: number }): ReturnType<typeof expireSnapshots>
  /** Removes files that no metadata knows: by default those older than three days, for what is younger may be written just now. */
  removeOrphans(options?: { olderThanMs?: number }): Promise<string[]>
}

/** A table's operations. */
export function openTable(context: WarehouseContext, loaded: LoadedTable): Table {
  const { catalog, now } = context
  const { identifier } = loaded
  let current = loaded
  const refresh = async (): Promise<void> => {
    current = await catalog.load(identifier)
  }
  /** Does something with the table, after which it is another. */
  const changed = async <T>(act: () => Promise<T>): Promise<T> => {
    const result = await act()
    await refresh()
    return result
  }
  const update = (make: (metadata: TableMetadata) => MetadataChange): Promise<void> =>
    changed(async () => {
      await refresh()
      const { updates, requirements } = make(current.metadata)
      if (updates.length > 0) await catalog.commit(identifier, requirements, updates)
    })
  const pointed = (choice: SnapshotChoice): { snapshot: bigint } => ({ snapshot: requiredSnapshot(current, choice) })
  const scan = (options: ScanOptions = {}): Promise<string> =>
    connected(context, async (session) => {
      const planned = await planScan(session, current.metadata, options)
      return queryOf(await narrowedAmong(session, planned, options.among ?? []), options)
    })
  return {
    name: tableText(identifier),
    get metadata() {
      return current.metadata
    },
    get schema() {
      return currentSchema(current.metadata)
    },
    snapshot: (choice = {}) => snapshotAt(current.metadata, choice),
    refresh,
    append: (source, options = {}) => changed(() => appendRows(context, current, source, options)),
    overwrite: (source, what, options = {}) => changed(() => overwriteRows(context, current, source, what, options)),
    delete: (where, options = {}) => changed(() => deleteRows(context, current, where, options)),
    merge: (options) => changed(() => mergeInto(context, current, options)),
    evolve: (changes) =>
      update((metadata) => ({ updates: evolveTable(metadata, changes), requirements: sameSchema(metadata) })),
    setProperties: (properties) => update(() => propertyChange(properties)),
    setPartitionBy: (terms) => update((metadata) => partitionChange(metadata, terms)),
    setSortBy: (terms) => update((metadata) => sortChange(metadata, terms)),
    scanSql: scan,
    rows: async (options) => {
      const sql = await scan(options)
      return connected(context, (session) => session.rows(`SELECT * FROM ${sql}`))
    },
    count: (options = {}) =>
      connected(context, async (session) => {
        const planned = await planScan(session, current.metadata, options)
        const chosen = await narrowedAmong(session, planned, options.among ?? [])
        if (options.where === undefined) return await countRows(session, chosen)
        const sql = queryOf(chosen, { ...options, columns: [] })
        return Number((await session.rows(`SELECT count(*) AS n FROM ${sql}`))[0]?.n)
      }),
    changes: (options = {}) => changesOf(context, current, options),
    createBranch: (name, choice = {}) => changed(() => done(createBranch(catalog, identifier, name, pointed(choice)))),
    createTag: (name, choice = {}) => changed(() => done(createTag(catalog, identifier, name, pointed(choice)))),
    removeRef: (name) => changed(() => done(removeRef(catalog, identifier, name))),
    publish: async (branch, to = 'main') => {
      await refresh()
      return changed(() => done(setRef(catalog, identifier, to, pointed({ ref: branch }).snapshot)))
    },
    rollback: (choice) =>
      changed(() => done(setRef(catalog, identifier, 'main', pointed(choice).snapshot, { isForced: true }))),
    compact: (options = {}) => changed(() => compactTable(context, current, options)),
    expireSnapshots: (options) => changed(() => expireSnapshots(catalog, identifier, { ...options, now })),
    removeOrphans: (options = {}) => removeOrphans(catalog, identifier, { ...options, now }),
  }
}

async function done(act: Promise<unknown>): Promise<void> {
  await act
}

function requiredSnapshot({ identifier, metadata }: LoadedTable, choice: SnapshotChoice): bigint {
  const snapshot = snapshotAt(metadata, choice)
  if (snapshot !== null) return snapshot['snapshot-id']
  throw new MillraceError('not-found', `${tableText(identifier)} has no snapshot yet; write rows first`)
}

/** A scan with its condition, which may name columns that are not given back. */
function queryOf(scan: Scan, { columns, where, lineage = false }: ScanOptions): string {
  const all = scan.schema.fields.map(({ name }) => name)
  const read = (names: readonly string[]): string => (lineage ? scanWithPaths(scan, names) : scanSql(scan, names, null))
  if (where === undefined) return read(columns ?? all)
  const output = (columns ?? all).map((name) => quoteName(findField(scan.schema, name).name))
  if (lineage) output.push('_file', '_pos')
  return `(SELECT ${output.length === 0 ? '1' : output.join(', ')} FROM ${read(all)} AS t WHERE ${where})`
}

/** From files that were written to a snapshot: in one step, or staged, checked and then published. */
import * as fs from 'node:fs'
import type { Session } from '../engines/duckdb/session.ts'
import { hasCode, MillraceError } from '../errors.ts'
import type { WarehouseContext } from './context.ts'
import { tableText } from './folder-catalog.ts'
import { localPath } from './local-files.ts'
import type { FileChanges } from './row-changes.ts'
import type { Row } from './row-values.ts'
import { planScan, scanSql } from './scan.ts'
import { commitSnapshot, propertyRequirements, type SnapshotChange } from './snapshots.ts'
import type { DataFile, LoadedTable, Operation, Requirement, Snapshot, Update } from './types.ts'

/** A snapshot that nobody sees yet; `rows` runs a query in which `staged` names the table as it would be. */
export type Staged = { snapshot: Snapshot; rows(sql: string): Promise<Row[]> }

/** How a change is committed. */
export type CommitOptions = {
  /** `main` by default. */
  branch?: string
  /** Entries of the snapshot's summary. */
  summary?: Record<string, string>
  /** Properties of the table that are set in the same step. */
  properties?: Record<string, string>
  /** `conflict` unless the table has these properties until the commit; undefined: has none of that name. */
  expectedProperties?: Record<string, string | undefined>
  /** Looks at the snapshot before anybody else can; when it throws, the table is as it was. */
  check?: (staged: Staged) => Promise<void>
  /** How often a change is computed anew when another commit came between; 3 by default. */
  retries?: number
}

/** What became of a change; `snapshot` is null when there was nothing to do, and then no snapshot was made. */
export type WriteResult = {
  snapshot: Snapshot | null
  /** Rows. */
  added: number
  removed: number
  filesAdded: number
  filesRemoved: number
}

/** What a change of files means: from which snapshot it was computed, and what must not have come between. */
export type Commit = {
  operation: Operation
  base: bigint | null
  files: Pick<FileChanges, 'added' | 'addedDeletes' | 'removed' | 'removedDeletes'>
  conflicts: SnapshotChange['conflicts']
}

/** Tries a change again from the table's newest state as long as other commits come between; `act` gets how often before. */
export async function retried<T>(
  context: WarehouseContext,
  table: LoadedTable,
  options: CommitOptions,
  act: (table: LoadedTable, attempt: number) => Promise<T>,
): Promise<T> {
  const retries = options.retries ?? 3
  for (let attempt = 0; ; attempt += 1) {
    const current = await context.catalog.load(table.identifier)
    checkExpected(current, options)
    try {
      return await act(current, attempt)
    } catch (error) {
      if (!hasCode(error, 'conflict') || attempt >= retries) throw error
    }
  }
}

/** What no retry can mend. */
function checkExpected({ identifier, metadata }: LoadedTable, { expectedProperties = {} }: CommitOptions): void {
  for (const [name, value] of Object.entries(expectedProperties)) {
    if (metadata.properties[name] === value) continue
    const found = metadata.properties[name] ?? 'not set'
    throw new MillraceError(
      'conflict',
      `${tableText(identifier)}: the property ${name} is ${found}, expected ${value ?? 'not set'}: somebody else has changed it`,
    )
  }
}

/** Sets properties without a snapshot, where there are any to set. */
export async function commitProperties(
  context: WarehouseContext,
  { identifier }: LoadedTable,
  options: CommitOptions,
): Promise<void> {
  const updates = propertyUpdates(options)
  if (updates.length > 0)
    await context.catalog.commit(identifier, propertyRequirements(options.expectedProperties), updates)
}

function propertyUpdates({ properties = {} }: CommitOptions): Update[] {
  return Object.keys(properties).length === 0 ? [] : [{ action: 'set-properties', updates: properties }]
}

/** Commits files. In a conflict what was written for them is removed, for no metadata names it. */
export async function commitFiles(
  context: WarehouseContext,
  session: Session,
  table: LoadedTable,
  commit: Commit,
  options: CommitOptions,
): Promise<Snapshot> {
  const { check, branch = 'main', summary = {}, expectedProperties } = options
  const { operation, base, conflicts, files } = commit
  const { added, addedDeletes, removed, removedDeletes } = files
  const change: SnapshotChange = {
    ...{ operation, branch, base, added, addedDeletes, removed, removedDeletes, conflicts, summary },
    ...(expectedProperties === undefined ? {} : { expectedProperties }),
    ...(check === undefined ? { updates: propertyUpdates(options) } : { isStaged: true }),
  }
  try {
    const { snapshot } = await commitSnapshot(context.catalog, table.identifier, change, { now: context.now })
    if (check !== undefined)
      await publishChecked(context, session, table, snapshot, commit, { ...options, check, branch })
    return snapshot
  } catch (error) {
    // Of any other error it is not known whether the commit was made.
    if (hasCode(error, 'conflict')) removeFiles([...added, ...addedDeletes])
    throw error
  }
}

type Checked = CommitOptions & { check: NonNullable<CommitOptions['check']>; branch: string }

async function publishChecked(
  context: WarehouseContext,
  session: Session,
  { identifier }: LoadedTable,
  snapshot: Snapshot,
  commit: Commit,
  options: Checked,
): Promise<void> {
  const { catalog } = context
  const id = snapshot['snapshot-id']
  const drop = async (): Promise<void> => {
    await catalog.commit(identifier, [], [{ action: 'remove-snapshots', 'snapshot-ids': [id] }])
  }
  const { metadata } = await catalog.load(identifier)
  const scan = await planScan(session, metadata, { snapshot: id })
  const names = scan.schema.fields.map(({ name }) => name)
  const rows = (sql: string): Promise<Row[]> =>
    session.rows(`WITH staged AS (SELECT * FROM ${scanSql(scan, names, null)}) ${sql}`)
  try {
    await options.check({ snapshot, rows })
  } catch (error) {
    await drop()
    removeFiles([...commit.files.added, ...commit.files.addedDeletes])
    throw error
  }
  const requirements: Requirement[] = [
    { type: 'assert-ref-snapshot-id', ref: options.branch, 'snapshot-id': commit.base },
    ...propertyRequirements(options.expectedProperties),
  ]
  const ref = { ...metadata.refs[options.branch], 'snapshot-id': id, type: 'branch' as const }
  const publish: Update = { action: 'set-snapshot-ref', 'ref-name': options.branch, ...ref }
  try {
    await catalog.commit(identifier, requirements, [publish, ...propertyUpdates(options)])
  } catch (error) {
    if (hasCode(error, 'conflict')) await drop()
    throw error
  }
}

function removeFiles(files: readonly DataFile[]): void {
  for (const { file_path } of files) fs.rmSync(localPath(file_path), { force: true })
}

/** The result of a commit by which so many rows came and went. */
export function writeResult(snapshot: Snapshot, { files }: Commit, added: number, removed: number): WriteResult {
  const filesAdded = files.added.length + files.addedDeletes.length
  return { snapshot, added, removed, filesAdded, filesRemoved: files.removed.length + files.removedDeletes.length }
}

/** The result where there was nothing to do. */
export const nothingWritten: WriteResult = { snapshot: null, added: 0, removed: 0, filesAdded: 0, filesRemoved: 0 }

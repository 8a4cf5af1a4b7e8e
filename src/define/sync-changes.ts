/** The task that sends what changed in an Iceberg table to a table of PostgreSQL. */
import { MillraceError } from '../errors.ts'
import { columnNames, tableName } from './iceberg-tables.ts'
import type { PostgresTable } from './postgres.ts'

/** What happens to a row that somebody else changed in PostgreSQL since it was read: it stays and is reported, is overwritten, or stops the sync. */
export const syncConflicts = ['keep', 'overwrite', 'fail'] as const
export type SyncConflicts = (typeof syncConflicts)[number]

/** An Iceberg table and where its changes go; the key is unique there. */
export type SyncTable = { from: string; to: PostgresTable; key: string[] }

export type SyncChangesTask = {
  kind: 'sync-changes'
  name: string
  /** The name of the job on AWS. */
  jobName?: string | undefined
  /** Each in a transaction of its own. */
  tables: SyncTable[]
  conflicts: SyncConflicts
  /** Refused when more of the rows that a target has would be updated or deleted. */
  limitPercent: number
}

/** Defines a sync of one table or of several. Throws `usage`. */
export function syncChanges(
  name: string,
  options: (SyncTable | { tables: SyncTable[] }) &
    Partial<Pick<SyncChangesTask, 'conflicts' | 'limitPercent' | 'jobName'>>,
): SyncChangesTask {
  const { conflicts = 'keep', limitPercent = 50, jobName } = options
  const tables = 'tables' in options ? options.tables : [{ from: options.from, to: options.to, key: options.key }]
  const where = `task ${name}`
  if (tables.length === 0) throw new MillraceError('usage', `${where}  names no table`)
  for (const { from, key } of tables) {
    tableName(from)
    columnNames(`${where}, ${from}`, 'key', key)
  }
  if (!syncConflicts.includes(conflicts))
    throw new MillraceError('usage', `${where}  conflicts is ${conflicts}; expected one of ${syncConflicts.join(', ')}`)
  if (!(limitPercent >= 0 && limitPercent <= 100))
    throw new MillraceError('usage', `${where}  limitPercent is ${limitPercent}; expected 0 to 100`)
  return { kind: 'sync-changes', name, jobName, tables, conflicts, limitPercent }
}

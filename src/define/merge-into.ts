/** The task that computes rows from Iceberg tables and merges them into another, in one pass. */
import { MillraceError } from '../errors.ts'
import type { OnBadValue } from './apply-changes.ts'
import { columnNames, tableName } from './iceberg-tables.ts'

/**
 * Recomputes only the keys that changed inputs can touch. `restrict`: input → those of its columns that are columns of the key
 * by the same name; by them the input is cut to the keys that are computed again.
 */
export type IncrementalRule = { restrict: Record<string, string[]>; limitPercent: number }

export type MergeIntoTask = {
  kind: 'merge-into'
  name: string
  /** The name of the job on AWS. */
  jobName?: string | undefined
  into: string
  /** A query over Iceberg tables by their names, `namespace.table`; `tables` are all that it reads. */
  using: { sql: string; tables: string[] }
  /** The columns that identify a row, named alike on both sides. A row in which one is NULL is set aside. */
  on: string[]
  /** Of the query's rows with one key the first counts: terms over its columns. */
  orderBy: string[]
  /** A row is updated when one of these differs, NULL being a value like others. */
  compare: string[]
  /** The columns that an update sets. */
  update: string[]
  /** Target column → SQL over the source row `s`; the others are inserted by name, NULL where the query has none. */
  insert: Record<string, string>
  /** False: rows are inserted only. */
  whenMatched: boolean
  onBadRow: OnBadValue
  /** Input → predicate over its columns: only such rows are read, and files that cannot have any are not opened. */
  prune: Record<string, string>
  incremental: IncrementalRule | null
}

type Defaults = 'orderBy' | 'insert' | 'whenMatched' | 'onBadRow' | 'prune'

/** Defines a merge. Throws `usage` for names that are none, and for inputs in its options that the query does not name. */
export function mergeInto(
  name: string,
  options: Omit<MergeIntoTask, 'kind' | 'name' | 'incremental' | Defaults> &
    Partial<Pick<MergeIntoTask, Defaults>> & {
      incremental?: Pick<IncrementalRule, 'restrict'> & Partial<IncrementalRule>
    },
): MergeIntoTask {
  const where = `task ${name}`
  const task: MergeIntoTask = {
    ...{ kind: 'merge-into', name, orderBy: [], insert: {}, whenMatched: true, onBadRow: 'quarantine', prune: {} },
    ...options,
    incremental: options.incremental === undefined ? null : { limitPercent: 20, ...options.incremental },
  }
  for (const table of [task.into, ...task.using.tables]) tableName(table)
  columnNames(where, 'on', task.on)
  columnNames(where, 'using.tables', task.using.tables)
  if (task.whenMatched) columnNames(where, 'compare', task.compare)
  if (task.whenMatched) columnNames(where, 'update', task.update)
  const key = task.update.find((column) => task.on.includes(column))
  if (key !== undefined) throw new MillraceError('usage', `${where}  update names ${key}, which is part of the key`)
  const restrict = task.incremental?.restrict ?? {}
  for (const table of [...Object.keys(task.prune), ...Object.keys(restrict)]) {
    if (task.using.tables.includes(table)) continue
    throw new MillraceError('usage', `${where}  ${table} is no table of the query (${task.using.tables.join(', ')})`)
  }
  for (const [table, columns] of Object.entries(restrict)) {
    const other = columns.find((column) => !task.on.includes(column))
    if (other !== undefined || columns.length === 0)
      throw new MillraceError(
        'usage',
        `${where}  restrict ${table}: ${other ?? 'no column'}; expected columns of the key (${task.on.join(', ')})`,
      )
  }
  return task
}

/**
 * The task that applies a sequence of changes to a table: the newest image of every key wins, whatever the order in which
 * changes arrive. The terms are those of change data capture: an image is what an insert, an update or a full load says of a row.
 */
import { MillraceError, messageOf } from '../errors.ts'
import { parseType } from '../formats/column-types.ts'
import type { Column } from '../types.ts'
import { type ChangeHistory, type ChangeSource, type ParquetTable, pathsOverlap } from './dataset.ts'
import { type IcebergTable, isIcebergTable } from './iceberg-tables.ts'
import { isReservedColumn } from './reserved-columns.ts'

/**
 * What a delete does to the table. `keep`: the last image stays. `flag`: it stays with `is_deleted` and `deleted_at`.
 * `apply`: it goes.
 */
export const deleteRules = ['keep', 'flag', 'apply'] as const
export type DeleteRule = (typeof deleteRules)[number]

/** What happens to a row with a value that does not fit its declared type: it is set aside, or the table fails. */
export type OnBadValue = 'quarantine' | 'fail'

export type ApplyChangesTask = {
  kind: 'apply-changes'
  name: string
  /** The name of the job on AWS. */
  jobName?: string | undefined
  from: Pick<ChangeSource, 'changes' | 'loads'>
  /** The declared columns, types in Hive's spelling, in the table's order. Others that arrive are added. */
  columns: Column[]
  /** The columns that identify a row. A row in which one is null is set aside. */
  keys: string[]
  /**
   * Columns of the changes that say their order, the most significant first, nulls before all else; the last image wins.
   * Together they must be different for any two changes of a key.
   */
  sequenceBy: string[]
  /** The column that says what a change is: I, U or D. */
  operation: string
  /** The column with the time of a change, as `deleted_at` and `valid_from` give it; where it is null, the first of `sequenceBy`. */
  changedAt: string
  /** Columns of the changes that are no part of the table; the history has them. */
  leaveOut: string[]
  deletes: DeleteRule
  /** 1: the table has the newest image of a key. 2: it has every image, with `valid_from`, `valid_to` and `is_current`. */
  scdType: 1 | 2
  onBadValue: OnBadValue
  /** A Parquet table is written anew; into an Iceberg table what changed is merged. */
  to: ParquetTable | IcebergTable
  /** Where every change is shown, by date; null for no such table. */
  history: ChangeHistory | null
}

type Defaults = 'operation' | 'sequenceBy' | 'changedAt' | 'leaveOut' | 'deletes' | 'scdType' | 'onBadValue' | 'history'

/** The columns that the table has besides those of its source. */
export function ownColumns({ deletes, scdType }: Pick<ApplyChangesTask, 'deletes' | 'scdType'>): Column[] {
  const versions: Column[] = [
    { name: 'valid_from', type: 'timestamp' },
    { name: 'valid_to', type: 'timestamp' },
    { name: 'is_current', type: 'boolean' },
  ]
  const flags: Column[] = [
    { name: 'is_deleted', type: 'boolean' },
    { name: 'deleted_at', type: 'timestamp' },
  ]
  return [...(scdType === 2 ? versions : []), ...(deletes === 'flag' ? flags : [])]
}

/**
 * Defines a task that applies changes; how they are read comes from their source unless it is said here. Throws `usage` for a key that is not declared, a type that is none, a column of
 * a name that the table keeps for itself, and places that overlap.
 */
export function applyChanges(
  name: string,
  options: Omit<ApplyChangesTask, 'kind' | 'name' | 'from' | 'columns' | Defaults> &
    Partial<Pick<ApplyChangesTask, Defaults>> & {
      from: ChangeSource
      /** Name → type, or a list where names may be such as `2024`, which an object would not keep in order. */
      columns: Record<string, string> | readonly Column[]
    },
): ApplyChangesTask {
  const columns = Array.isArray(options.columns)
    ? [...options.columns]
    : Object.entries(options.columns).map(([column, type]) => ({ name: column, type }))
  // How changes are read is said once, in the task.
  const { changes, loads, ...reading } = options.from
  const task: ApplyChangesTask = {
    ...{ kind: 'apply-changes', name, operation: 'Op', sequenceBy: [], changedAt: '', leaveOut: [], deletes: 'keep' },
    ...{ scdType: 1, onBadValue: 'quarantine', history: null },
    ...reading,
    ...options,
    from: { changes, loads },
    columns,
  }
  const declared = columns.map((column) => column.name)
  const refuse = (what: string): never => {
    throw new MillraceError('usage', `task ${name}, table ${task.to.path}  ${what}`)
  }
  if (task.keys.length === 0) refuse('has no key; name the columns that identify a row')
  if (task.sequenceBy.length === 0) refuse('has no sequenceBy; name the columns that say the order of changes')
  for (const key of task.keys) {
    if (!declared.includes(key)) refuse(`key ${key} is not declared (${declared.join(', ')})`)
  }
  if (isIcebergTable(task.to) && task.scdType === 2)
    refuse('is an Iceberg table, which takes SCD type 1 only. Name a Parquet table')
  const own = ownColumns(task).map(({ name: column }) => column)
  const taken = declared.find((column) => own.includes(column.toLowerCase()))
  if (taken !== undefined) refuse(`column ${taken} has a name that the table keeps for itself`)
  const reserved = declared.find((column) => isReservedColumn(column, task.history?.partitionColumn))
  if (reserved !== undefined) refuse(`column ${reserved} has a name that is kept for what is added to changes`)
  for (const { name: column, type } of columns) {
    try {
      parseType(type)
    } catch (error) {
      refuse(`column ${column}: ${messageOf(error)}`)
    }
  }
  const places = [task.from.changes, task.from.loads, task.to.path, task.history?.path].filter((path) => path != null)
  for (const [index, place] of places.entries()) {
    const other = places.slice(index + 1).find((path) => pathsOverlap(place, path))
    if (other !== undefined) refuse(`${place} and ${other} overlap`)
  }
  return task
}

/** The task that splits a snapshot of a wide table into narrow tables, all of them published in one commit. */
import { MillraceError } from '../errors.ts'
import { parseSplitSpec, type SplitTable } from '../formats/split-spec.ts'
import { dataPath, pathsOverlap } from './dataset.ts'
import type { PartitionedTables, Snapshots, StagedTables } from './snapshots.ts'

/** Which columns each table has: a CSV, `text` null where it lies below the root; or every column in one table. */
export type SplitSpec =
  | { kind: 'csv'; file: string; text: string | null; key: string }
  | { kind: 'all-columns'; table: string }

export type FanOutTask = {
  kind: 'fan-out'
  name: string
  /** The name of the job on AWS. */
  jobName?: string | undefined
  from: Snapshots
  tables: SplitSpec
  /** The column that every table has, in lower case; rows without it are set aside. */
  key: string
  to: StagedTables | PartitionedTables
  filesPerGigabyte: number
  /** Files that a table has at most. */
  filesMax: number
  /** The target of another split: what that has made of the same snapshot files is linked, not written again. */
  twin: string | null
}

/**
 * Columns of tables as a CSV with the header `table_name,column_name`. `text` is its content, `file` its name in messages; with
 * `text` null, `file` is read below the root when the task is planned. `key` comes first in every table that does not list it.
 */
export function splitSpec(spec: { file: string; text: string | null; key: string }): SplitSpec {
  return { kind: 'csv', ...spec }
}

/** One table with every column of the snapshot. Throws `usage` for a name that no table can have. */
export function allColumns(table: string): SplitSpec {
  parseSplitSpec('allColumns', `table_name,column_name\n${csvField(table)},any`)
  return { kind: 'all-columns', table }
}

/** The tables of a spec whose text is known; null for every column. Throws `usage` that names file and line. */
export function splitTables(spec: SplitSpec, text: string): SplitTable[] | null {
  return spec.kind === 'all-columns' ? null : parseSplitSpec(spec.file, text)
}

/** Defines a split. Throws `usage` for targets that overlap the source, other keys in spec and task, and numbers out of range. */
export function fanOut(
  name: string,
  options: Pick<FanOutTask, 'jobName' | 'from' | 'tables' | 'key' | 'to'> &
    Partial<Pick<FanOutTask, 'filesPerGigabyte' | 'filesMax' | 'twin'>>,
): FanOutTask {
  const { filesPerGigabyte = 2, filesMax = 256, twin = null } = options
  const key = options.key.toLowerCase()
  const task: FanOutTask = { kind: 'fan-out', name, ...options, key, filesPerGigabyte, filesMax, twin }
  const { from, to, tables } = task
  const refuse = (what: string): never => {
    throw new MillraceError('usage', `task ${name}  ${what}`)
  }
  if (pathsOverlap(from.path, to.path)) refuse(`${to.path} overlaps the source ${from.path}, which is only read`)
  if (key === '') refuse('key is empty; expected the name of a column')
  if (tables.kind === 'csv' && tables.key.toLowerCase() !== key) {
    refuse(`key is ${task.key}, and that of the split spec ${tables.key}; expected one key`)
  }
  if (!(Number.isFinite(filesPerGigabyte) && filesPerGigabyte > 0)) {
    refuse(`filesPerGigabyte is ${filesPerGigabyte}; expected a number greater than 0`)
  }
  if (!Number.isInteger(filesMax) || filesMax < 1) refuse(`filesMax is ${filesMax}; expected a whole number from 1`)
  return twin === null ? task : { ...task, twin: dataPath(twin) }
}

function csvField(text: string): string {
  return `"${text.replaceAll('"', '""')}"`
}

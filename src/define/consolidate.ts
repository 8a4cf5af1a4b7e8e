/** The task that makes of a day's many small files one well-sized partition with every key once. */
import { MillraceError, messageOf } from '../errors.ts'
import { parseType } from '../formats/column-types.ts'
import { type DatedFolder, type DayPartitions, pathsOverlap } from './dataset.ts'

/** The row of a key that stays: the greatest by these expressions in turn, then by all other columns. */
export type Newest = { key: string; by: string[] }

export type ConsolidateTask = {
  kind: 'consolidate'
  name: string
  /** The name of the job on AWS; `{env}` is the environment. */
  jobName?: string | undefined
  from: DatedFolder
  /** The declared columns, name → type in Hive's spelling. Their order is the table's and breaks ties. */
  columns: Record<string, string>
  /** Declared columns that a file may lack; a file that lacks another is quarantined. */
  optional: string[]
  /** Reason → portable SQL condition. A row for which one holds goes to quarantine with the first that does. */
  reject: Record<string, string>
  keep: Newest
  /** Name → portable SQL condition; the rows read for which it holds are counted. `{day}` is the partition's date. */
  checks: Record<string, string>
  to: DayPartitions
}

/** Says which row of a key stays. */
export function newest(options: Newest): Newest {
  return options
}

/** Defines a consolidation. Throws `usage` when source and target overlap or the key is not a declared column. */
export function consolidate(
  name: string,
  options: Omit<ConsolidateTask, 'kind' | 'name' | 'optional' | 'checks'> &
    Partial<Pick<ConsolidateTask, 'optional' | 'checks'>>,
): ConsolidateTask {
  const task: ConsolidateTask = { kind: 'consolidate', name, optional: [], checks: {}, ...options }
  const { from, to, keep, columns, optional } = task
  if (pathsOverlap(from.path, to.path)) {
    throw new MillraceError(
      'usage',
      `task ${name}  output path ${to.path} overlaps the source ${from.path}, which is only read. Choose another output path`,
    )
  }
  if (pathsOverlap(to.path, 'quarantine')) {
    throw new MillraceError(
      'usage',
      `task ${name}  output path ${to.path} overlaps quarantine/, where rows that are set aside go. Choose another output path`,
    )
  }
  const declared = Object.keys(columns)
  for (const [column, type] of Object.entries(columns)) checkType(name, column, type)
  for (const column of [keep.key, ...optional]) {
    if (!declared.includes(column)) {
      throw new MillraceError('usage', `task ${name}  column ${column} is not declared (${declared.join(', ')})`)
    }
  }
  return task
}

function checkType(task: string, column: string, type: string): void {
  try {
    parseType(type)
  } catch (error) {
    throw new MillraceError('usage', `task ${task}  column ${column}: ${messageOf(error)}`, { cause: error })
  }
}

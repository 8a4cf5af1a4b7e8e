/** What a split asks of an engine: a view and an output for each table, and one for the rows without a key. Pure. */
import type { FanOutTask } from '../define/fan-out.ts'
import { quoteName } from '../engines/portable.ts'
import type { Codec, Column, Plan, PlanMetrics, PlanOutput, PublishedFile, PublishStep } from '../types.ts'
import { partitionColumnOf } from './split-columns.ts'

/** A table of another split; `folder` is where its files lie now. */
export type TwinTable = { folder: string; files: PublishedFile[]; columns: Column[]; codec: Codec; fileCount: number }

/** A table to be: what is written, and where. */
export type SplitTarget = {
  name: string
  columns: Column[]
  fileCount: number
  step: Pick<PublishStep, 'target' | 'table' | 'partition'>
}

/** Something that is counted, and what is said where it is not zero. */
type SplitCheck = { metric: PlanMetrics; refusal: Plan['publish']['refusals'][number] }

/** The output of a table; no column, and nothing else in a plan, has this name. */
export function outputName(table: string): string {
  return `table_${table}`
}

/** What is written of a table, or linked where a twin has it. */
export function tableOutput(
  task: FanOutTask,
  { name, columns, fileCount }: SplitTarget,
  twins: readonly TwinTable[],
): PlanOutput {
  const { codec } = task.to
  const output = { name: outputName(name), view: outputName(name), columns, codec, fileCount }
  const isSame = (twin: TwinTable): boolean =>
    twin.codec === codec && twin.fileCount === fileCount && JSON.stringify(twin.columns) === JSON.stringify(columns)
  const twin = twins.find(isSame)
  return twin === undefined ? output : { ...output, linked: { folder: twin.folder, files: twin.files } }
}

/** The rows of a table. */
export function tableView({ key }: FanOutTask, { name, columns }: SplitTarget): Plan['views'][number] {
  const names = columns.map((column) => quoteName(column.name)).join(', ')
  return {
    name: outputName(name),
    once: false,
    sql: `SELECT ${names} FROM snapshot WHERE ${quoteName(key)} IS NOT NULL`,
  }
}

/** The rows without a key, with all of their columns. */
export function rejectedView({ key }: FanOutTask, columns: readonly Column[]): Plan['views'][number] {
  const names = columns.map(({ name }) => quoteName(name)).join(', ')
  return { name: 'rejected', once: false, sql: `SELECT ${names} FROM snapshot WHERE ${quoteName(key)} IS NULL` }
}

/**
 * Counts the rows whose column of the partition's name says something else than the partition, which stands for it in the
 * table of all columns, and refuses them; nothing where the snapshot has no such column, or the table keeps it.
 */
export function partitionChecks(task: FanOutTask, date: string, columns: readonly Column[]): SplitCheck[] {
  const column = columns.find(({ name }) => name === partitionColumnOf(task))
  // A spec that lists columns says itself which of them it leaves out.
  if (column === undefined || task.tables.kind !== 'all-columns') return []
  const { name, type } = column
  const same = type === 'timestamp' ? `${date} 00:00:00` : date
  const differs = `count(CASE WHEN to_text(${quoteName(name)}) = '${same}' THEN NULL ELSE 1 END) AS differing`
  const text = `${task.from.path}/${task.from.column}=${date}  {n} rows do not have ${date} in their column "${name}", which the folder's name stands for in the tables; nothing was published`
  const metric = { name: 'partition', sql: `SELECT ${differs} FROM snapshot WHERE ${quoteName(task.key)} IS NOT NULL` }
  const message = `${text}. Deliver the snapshot with one value in it, or without the column`
  return [{ metric, refusal: { metric: ['partition', 'differing'], message } }]
}

/** Refuses a snapshot of which no row has a key: tables without rows would take the place of those that stand. */
export function keyCheck(task: FanOutTask, date: string): SplitCheck {
  const keyless = `CASE WHEN count(${quoteName(task.key)}) = 0 THEN count(*) ELSE 0 END AS keyless`
  const where = `${task.from.path}/${task.from.column}=${date}`
  return {
    metric: { name: 'keys', sql: `SELECT ${keyless} FROM snapshot` },
    refusal: {
      metric: ['keys', 'keyless'],
      message: `${where}  none of its {n} rows has a ${task.key}; nothing was published. Deliver the snapshot anew, or ask for an older one`,
    },
  }
}

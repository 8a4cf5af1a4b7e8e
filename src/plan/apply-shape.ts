/**
 * What the queries that apply changes are made for, and the columns they have. Columns that are no data begin with `$`: `$op`
 * (I, U or D), `$at` (the time of a change), `$s0` … (its place in the sequence). Pure.
 */
import type { ApplyChangesTask } from '../define/apply-changes.ts'
import { quoteName } from '../engines/portable.ts'
import type { Column, DataFile } from '../types.ts'

/** What the views are made for: which files are read, and the columns of what lands and of the table. */
export type ApplyShape = {
  task: ApplyChangesTask
  /** The table is written anew; otherwise changes are only shown in the history. */
  isRewritten: boolean
  restarts: boolean
  columns: Column[]
  /** What this plan reads, and all that ever landed. */
  landed: Column[]
  everLanded: Column[]
  loads: readonly DataFile[]
  changes: readonly (DataFile & { date: string | null })[]
  past: readonly DataFile[]
  restored: readonly (DataFile & { date: string | null })[]
  standing: readonly DataFile[]
  state: readonly DataFile[]
  /** The dates that the history gets rows of. */
  dates: string[]
}

/** The inputs that changes come from. */
export type InputName = 'loads' | 'changes' | 'past' | 'restored'

/** The columns of the history: the table's, the operation, and what the history keeps of the rest. */
export function historyColumns({
  task,
  columns,
  everLanded,
}: Pick<ApplyShape, 'task' | 'columns' | 'everLanded'>): Column[] {
  const names = [task.operation, ...(task.history?.columns ?? [])]
  const isTime = (name: string): boolean => name.toLowerCase() === task.changedAt.toLowerCase()
  const typeOf = (name: string): string =>
    landedColumn(everLanded, name)?.type ?? (isTime(name) ? 'timestamp' : 'string')
  return [...columns, ...names.map((name) => ({ name, type: typeOf(name) }))]
}

/** The columns of what is set aside: as it landed, and why. */
export function rejectedColumns({ landed }: ApplyShape): Column[] {
  const text = ['quarantine_reason', 'quarantine_file'].map((name) => ({ name, type: 'string' }))
  return [...landed, ...text]
}

/** The columns of the state: the key, and with all images the whole row; what it is, when, and its place in the sequence. */
export function stateColumns({
  task,
  columns,
  everLanded,
}: Pick<ApplyShape, 'task' | 'columns' | 'everLanded'>): Column[] {
  const data = task.scdType === 2 ? columns : columns.filter(({ name }) => task.keys.includes(name))
  return [
    ...data,
    { name: '$op', type: 'string' },
    ...(showsTime(task) ? [{ name: '$at', type: 'timestamp' }] : []),
    ...task.sequenceBy.map((name, index) => ({ name: `$s${index}`, type: sequenceType(task, everLanded, name) })),
  ]
}

/** The landed column of a name, whatever its case; undefined where nothing of that name landed. */
export function landedColumn(landed: Column[], name: string): Column | undefined {
  return landed.find((column) => column.name.toLowerCase() === name.toLowerCase())
}

/** The time of a change is a timestamp whatever it was written as; other columns are compared as they are. */
export function sequenceType({ changedAt }: ApplyChangesTask, landed: Column[], name: string): string {
  if (name.toLowerCase() === changedAt.toLowerCase()) return 'timestamp'
  return landedColumn(landed, name)?.type ?? 'string'
}

/** The columns of a change's place in the sequence, quoted, the most significant first. */
export function sequenceNames({ sequenceBy }: ApplyChangesTask): string[] {
  return sequenceBy.map((_, index) => `"$s${index}"`)
}

const numbered = ['loads', 'changes', 'past', 'restored', 'standing', 'state'] as const
/** What a row may come from, by its name. */
export type Numbered = (typeof numbered)[number]

/** An input by number: a column of numbers takes less than one of names. */
export function inputNumber(input: Numbered): string {
  return `CAST(${numbered.indexOf(input)} AS TINYINT)`
}

/** What is remembered of a change besides its key: its time only where the table shows it. */
export function placeNames(task: ApplyChangesTask): string[] {
  return ['"$op"', ...(showsTime(task) ? ['"$at"'] : []), ...sequenceNames(task)]
}

/** Whether the table has the times of changes. */
export function showsTime({ deletes, scdType }: ApplyChangesTask): boolean {
  return deletes === 'flag' || scdType === 2
}

/** The condition that two relations have the same key; no part of it is null. */
export function keysEqual({ keys }: ApplyChangesTask, left: string, right: string): string {
  return keys.map((key) => `${left}.${quoteName(key)} = ${right}.${quoteName(key)}`).join(' AND ')
}

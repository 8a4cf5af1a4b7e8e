/**
 * What the queries that apply changes are made for, and the columns they have. Columns that are no data begin with `$`: `$op`
 * (I, U or D), `$at` (the time of a change), `$s0` … (its place in the sequence). Pure.
 */
import { type ApplyChangesTask, ownColumns } from '../define/apply-changes.ts'
import { quoteName } from '../engines/portable.ts'
import type { Column, DataFile } from '../types.ts'

/** What the views are made for: which files are read, and the columns of what lands and of the table. */
export type ApplyShape = {
  task: ApplyChangesTask
  /** The table is written anew; otherwise changes are only shown in the history. */
  isRewritten: boolean
  restarts: boolean
  columns: Column[]
  /** The columns of all that ever landed. */
  everLanded: Column[]
  inputs: ChangeInput[]
  /** The rows that the table has; none of one that is merged into, of which `rowsMerged` says how many there are. */
  standing: readonly DataFile[]
  state: readonly DataFile[]
  /** The output is what changes are merged as, and the state is added to; null: the table and its state are written anew. */
  merging: Merging | null
  /** The dates that the history gets rows of. */
  dates: string[]
}

/** `rows`: what the table has. `isGathered`: what is remembered of a key lies in too many files, and is written anew as one row. */
export type Merging = { rows: number; isGathered: boolean }

/** What a merge does with the row of a key. `flag`: only the table's own columns are set. */
export const mergeActions = { write: 'write', remove: 'delete', flag: 'flag' } as const
export const mergeAction = '$action'

/**
 * Files with the same columns as one input: a value is converted from the type that its own file has, never by way of one that
 * other files have. `loads`: every row is an image. `changes`: of dates that the history keeps. `past`: of others. `restored`: the
 * table has them, the history lacks them.
 */
export type ChangeInput = {
  name: string
  number: number
  kind: 'loads' | 'changes' | 'past' | 'restored'
  landed: Column[]
  files: readonly ChangeFile[]
}

/** A landed file; `date` is its partition, null where the source has none. */
export type ChangeFile = DataFile & { date: string | null }

/** The columns of the table's output: the table's own, and of what is merged what is to be done. */
export function tableOutputColumns({
  task,
  columns,
  merging,
}: Pick<ApplyShape, 'task' | 'columns' | 'merging'>): Column[] {
  return [...columns, ...ownColumns(task), ...(merging === null ? [] : [{ name: mergeAction, type: 'string' }])]
}

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
export function rejectedColumns({ inputs }: ApplyShape): Column[] {
  const landed = new Map<string, Column>()
  for (const { name, type } of inputs.flatMap((input) => input.landed)) {
    const known = landed.get(name.toLowerCase())
    // Where files differ it is text: any other type could lose what is set aside.
    landed.set(name.toLowerCase(), {
      name: known?.name ?? name,
      type: (known?.type ?? type) === type ? type : 'string',
    })
  }
  const text = ['quarantine_reason', 'quarantine_file'].map((name) => ({ name, type: 'string' }))
  return [...landed.values(), ...text]
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

/**
 * The full load of which only the rows are placed whose place in the sequence matters, its others being read again for the state:
 * there is one where nothing stands and only the newest image of a key is wanted.
 */
export function partlyPlaced({ task, standing, state, inputs }: ApplyShape): ChangeInput | undefined {
  if (task.scdType !== 1 || standing.length + state.length > 0) return undefined
  return inputs.find(({ kind }) => kind === 'loads')
}

/** Where a row of the table or of the state comes from, beside the numbers of the inputs. */
export const standingNumber = -1
export const stateNumber = -2

/** Where a row comes from, as a value: a column of numbers takes less than one of names. */
export function sourceNumber(number: number): string {
  return `CAST(${number} AS SMALLINT)`
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

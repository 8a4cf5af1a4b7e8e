/**
 * The queries that apply changes, in portable SQL. Columns that are no data begin with `$`: `$op` (I, U or D), `$at` (the time of
 * a change), `$s0` … (its place in the sequence). Pure.
 */
import { type ApplyChangesTask, ownColumns } from '../define/apply-changes.ts'
import { quoteName, quoteText } from '../engines/portable.ts'
import type { Column, DataFile, Plan, PlanView } from '../types.ts'
import { type Conversion, convert } from './conversion.ts'

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

type InputName = 'loads' | 'changes' | 'past' | 'restored'

/** What a row of changes says, as expressions over it. */
type Reading = { values: Conversion[]; operation: string; reason: string; isBadValue: string }

const operations = ['I', 'U', 'D']

/** The output that shows a date's changes. */
export function historyName(date: string): string {
  return `history_${date.replaceAll('-', '')}`
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
export function rejectedColumns({ landed }: ApplyShape): Column[] {
  const text = ['quarantine_reason', 'quarantine_file'].map((name) => ({ name, type: 'string' }))
  return [...landed, ...text]
}

/** The columns of the state: the key, and with all images the whole row; what it is, when, and its place in the sequence. */
export function stateColumns({ task, columns, everLanded }: ApplyShape): Column[] {
  const data = task.scdType === 2 ? columns : columns.filter(({ name }) => task.keys.includes(name))
  return [
    ...data,
    { name: '$op', type: 'string' },
    { name: '$at', type: 'timestamp' },
    ...task.sequenceBy.map((name, index) => ({ name: `$s${index}`, type: sequenceType(task, everLanded, name) })),
  ]
}

/** The views, and the metrics of the plan. */
export function applyViews(shape: ApplyShape): Pick<Plan, 'views' | 'metrics'> {
  const inputs = (['loads', 'changes', 'past'] as const).filter((name) => shape[name].length > 0)
  const views: PlanView[] = []
  const add = (name: string, sql: string, once = false): void => void views.push({ name, once, sql })
  if (shape.isRewritten) {
    add('typed', inputs.map((input) => typedSql(shape, input)).join(' UNION ALL '), true)
    add('rejected', inputs.map((input) => rejectedSql(shape, input)).join(' UNION ALL '))
    views.push(...(shape.task.scdType === 2 ? versionViews(shape) : newestViews(shape)))
  }
  if (shape.restored.length > 0) add('restored_typed', typedSql(shape, 'restored'), true)
  for (const date of shape.dates) add(historyName(date), historySql(shape, date))
  return { views, metrics: [{ name: 'quality', sql: qualitySql(shape, inputs) }] }
}

function landedColumn(landed: Column[], name: string): Column | undefined {
  return landed.find((column) => column.name.toLowerCase() === name.toLowerCase())
}

/** The time of a change is a timestamp whatever it was written as; other columns are compared as they are. */
function sequenceType({ changedAt }: ApplyChangesTask, landed: Column[], name: string): string {
  if (name.toLowerCase() === changedAt.toLowerCase()) return 'timestamp'
  return landedColumn(landed, name)?.type ?? 'string'
}

function sequenceNames({ sequenceBy }: ApplyChangesTask): string[] {
  return sequenceBy.map((_, index) => `"$s${index}"`)
}

/** A landed column as another type; null where nothing of that name landed. */
function landedAs(landed: Column[], name: string, type: string): Conversion {
  const column = landedColumn(landed, name)
  if (column === undefined) return { value: `try_convert(NULL, ${type})`, fits: null }
  return convert(quoteName(column.name), column.type, type)
}

/** Reads an input: the values of the table's columns, the operation, and the reason for which a row is set aside, or null. */
function readingOf({ task, columns, landed }: ApplyShape, input: InputName): Reading {
  const values = columns.map(({ name, type }) => landedAs(landed, name, type))
  const raw = quoteName(landedColumn(landed, task.operation)?.name ?? task.operation)
  const operation = input === 'loads' ? "'I'" : `upper(trim(${raw}))`
  const bad: [condition: string, reason: string][] = []
  if (input !== 'loads') {
    const known = operations.map(quoteText).join(', ')
    const found = `coalesce(concat('"', ${raw}, '"'), 'missing')`
    bad.push([
      `coalesce(${operation} NOT IN (${known}), true)`,
      `concat('operation is ', ${found}, '; expected ${operations.join(', ')}')`,
    ])
  }
  for (const [index, { fits }] of values.entries()) {
    const { name, type } = columns[index] as Column
    if (fits === null) continue
    const text = `to_text(${quoteName(landedColumn(landed, name)?.name ?? name)})`
    bad.push([
      `NOT ${fits}`,
      `concat(${quoteText(`${name} is "`)}, ${text}, ${quoteText(`", which does not fit ${type}`)})`,
    ])
  }
  const nulls = task.keys.map((key): [string, string] => {
    const at = columns.findIndex(({ name }) => name === key)
    return [`${(values[at] as Conversion).value} IS NULL`, quoteText(`key ${key} is null`)]
  })
  const cases = [...bad, ...nulls].map(([condition, reason]) => `WHEN ${condition} THEN ${reason}`)
  const isBadValue = bad.length === 0 ? 'false' : bad.map(([condition]) => `(${condition})`).join(' OR ')
  return { values, operation, reason: `CASE ${cases.join(' ')} END`, isBadValue }
}

/** The rows of an input that can be applied, typed. */
function typedSql(shape: ApplyShape, input: InputName): string {
  const { task, columns, landed } = shape
  const { values, operation, reason } = readingOf(shape, input)
  const kept = historyColumns(shape).slice(columns.length)
  const [first] = task.sequenceBy
  const changed = landedAs(landed, task.changedAt, 'timestamp').value
  const select = [
    ...columns.map(({ name }, index) => `${values[index]?.value} AS ${quoteName(name)}`),
    `${operation} AS "$op"`,
    `coalesce(${changed}, ${landedAs(landed, first as string, 'timestamp').value}) AS "$at"`,
    ...task.sequenceBy.map(
      (name, index) => `${landedAs(landed, name, sequenceType(task, shape.everLanded, name)).value} AS "$s${index}"`,
    ),
    ...kept.map(({ name, type }, index) => `${landedAs(landed, name, type).value} AS "$k${index}"`),
    '"_file"',
    `${input === 'changes'} AS "$shown"`,
  ]
  return `SELECT ${select.join(', ')} FROM ${input} WHERE ${reason} IS NULL`
}

function rejectedSql(shape: ApplyShape, input: InputName): string {
  const { reason } = readingOf(shape, input)
  const names = shape.landed.map(({ name }) => `r.${quoteName(name)}`).join(', ')
  return `SELECT ${names}, r.quarantine_reason, f.path AS quarantine_file FROM (SELECT *, ${reason} AS quarantine_reason FROM ${input}) r INNER JOIN ${input}_files f ON f.file_number = r."_file" WHERE r.quarantine_reason IS NOT NULL`
}

/** The changes of a date, as they were applied or would have been. */
function historySql(shape: ApplyShape, date: string): string {
  const kept = historyColumns(shape).slice(shape.columns.length)
  const names = shape.columns.map(({ name }) => quoteName(name))
  const select = [...names, ...kept.map(({ name }, index) => `"$k${index}" AS ${quoteName(name)}`)].join(', ')
  const from = (input: 'changes' | 'restored', view: string, condition: string): string[] => {
    const numbers = fileNumbers(shape[input], date)
    return numbers.length === 0
      ? []
      : [`SELECT ${select} FROM ${view} WHERE ${condition}"_file" IN (${numbers.join(', ')})`]
  }
  return [...from('changes', 'typed', '"$shown" AND '), ...from('restored', 'restored_typed', '')].join(' UNION ALL ')
}

/** A plan lists its files in the order of their schemas, as `planInput` does. */
function fileNumbers(files: readonly (DataFile & { date: string | null })[], date: string): number[] {
  return orderBySchema(files).flatMap((file, index) => ((file.date ?? '') === date ? [index] : []))
}

function orderBySchema<T extends DataFile>(files: readonly T[]): T[] {
  const schemas = [...new Set(files.map(({ columns }) => JSON.stringify(columns)))]
  return schemas.flatMap((schema) => files.filter(({ columns }) => JSON.stringify(columns) === schema))
}

function keysEqual({ keys }: ApplyChangesTask, left: string, right: string): string {
  return keys.map((key) => `${left}.${quoteName(key)} = ${right}.${quoteName(key)}`).join(' AND ')
}

/** The newest image of every key, and its newest delete where deletes count; keys without a change pass by. */
function newestViews(shape: ApplyShape): PlanView[] {
  const { task, columns } = shape
  const data = columns.map(({ name }) => quoteName(name))
  const place = ['"$at"', ...sequenceNames(task)]
  const keys = task.keys.map(quoteName)
  const hasStanding = shape.standing.length + shape.state.length > 0
  const views: PlanView[] = []
  const add = (name: string, sql: string, once = false): void => void views.push({ name, once, sql })
  const countsDeletes = task.deletes !== 'keep'
  if (hasStanding) {
    add('changed_keys', `SELECT DISTINCT ${keys.join(', ')} FROM typed`, true)
    const parts = [`SELECT ${[...data, '"$op"', ...place].join(', ')} FROM typed`]
    if (shape.standing.length > 0) {
      const state = ['q."$op"', ...place.map((name) => `q.${name}`)]
      parts.push(
        `SELECT ${[...data.map((name) => `s.${name}`), ...state].join(', ')} FROM standing s INNER JOIN changed_keys k ON ${keysEqual(task, 's', 'k')} INNER JOIN state q ON ${keysEqual(task, 's', 'q')} WHERE q."$op" <> 'D'`,
      )
    }
    if (countsDeletes) {
      const nulls = columns.map(({ name, type }) =>
        task.keys.includes(name) ? `q.${quoteName(name)}` : `try_convert(NULL, ${type}) AS ${quoteName(name)}`,
      )
      parts.push(
        `SELECT ${[...nulls, 'q."$op"', ...place.map((name) => `q.${name}`)].join(', ')} FROM state q INNER JOIN changed_keys k ON ${keysEqual(task, 'q', 'k')} WHERE q."$op" = 'D'`,
      )
    }
    add('events', parts.join(' UNION ALL '), true)
  }
  const from = hasStanding ? 'events' : 'typed'
  const names = [...columns.map(({ name }) => name), '$op', '$at', ...task.sequenceBy.map((_, index) => `$s${index}`)]
  const newest = (name: string, where: string): void => {
    views.push({ name, columns: names, newest: { from, where, key: task.keys, orderBy: sequenceNames(task) } })
  }
  newest('newest_images', `"$op" <> 'D'`)
  if (countsDeletes) {
    newest('newest_deletes', `"$op" = 'D'`)
    add(
      'images',
      `SELECT ${[...data, '"$op"', ...place].map((name) => `i.${name}`).join(', ')}, coalesce(${isLater(shape, 'd', 'i')}, false) AS "$deleted", d."$at" AS "$deleted_at" FROM newest_images i LEFT JOIN newest_deletes d ON ${keysEqual(task, 'd', 'i')}`,
    )
  }
  add('table', tableSql(shape))
  const remembered = [...keys, '"$op"', ...place].join(', ')
  const state = [
    countsDeletes
      ? `SELECT ${remembered} FROM images${task.deletes === 'apply' ? ' WHERE NOT "$deleted"' : ''}`
      : `SELECT ${remembered} FROM newest_images`,
    ...(countsDeletes ? [`SELECT ${remembered} FROM newest_deletes`] : []),
    ...(shape.state.length === 0
      ? []
      : [
          `SELECT ${[...keys, '"$op"', ...place].map((name) => `q.${name}`).join(', ')} FROM state q ANTI JOIN changed_keys k ON ${keysEqual(task, 'q', 'k')}`,
        ]),
  ]
  add('new_state', state.join(' UNION ALL '))
  return views
}

function tableSql(shape: ApplyShape): string {
  const { task, columns, standing } = shape
  const data = columns.map(({ name }) => quoteName(name))
  const own = ownColumns(task).map(({ name }) => quoteName(name))
  const changed =
    task.deletes === 'keep'
      ? `SELECT ${data.join(', ')} FROM newest_images`
      : task.deletes === 'apply'
        ? `SELECT ${data.join(', ')} FROM images WHERE NOT "$deleted"`
        : `SELECT ${data.join(', ')}, "$deleted" AS "is_deleted", CASE WHEN "$deleted" THEN "$deleted_at" END AS "deleted_at" FROM images`
  if (standing.length === 0) return changed
  const names = [...data, ...own].map((name) => `s.${name}`).join(', ')
  return `${changed} UNION ALL SELECT ${names} FROM standing s ANTI JOIN changed_keys k ON ${keysEqual(task, 's', 'k')}`
}

/** Whether one change comes after another in the sequence, nulls first. */
function isLater({ task }: ApplyShape, left: string, right: string): string {
  const places = sequenceNames(task)
  const equal = (name: string): string => `${left}.${name} IS NOT DISTINCT FROM ${right}.${name}`
  const greater = (name: string): string =>
    `(${left}.${name} > ${right}.${name} OR (${left}.${name} IS NOT NULL AND ${right}.${name} IS NULL))`
  const terms = places.map((name, index) => [...places.slice(0, index).map(equal), greater(name)].join(' AND '))
  return `(${terms.map((term) => `(${term})`).join(' OR ')})`
}

/** Every image with the time up to which it held; the state has all of them, and every delete. */
function versionViews(shape: ApplyShape): PlanView[] {
  const { task, columns, standing, state } = shape
  const data = columns.map(({ name }) => quoteName(name))
  const keys = task.keys.map(quoteName)
  const all = [...data, '"$op"', '"$at"', ...sequenceNames(task)]
  const views: PlanView[] = []
  const add = (name: string, sql: string, once = false): void => void views.push({ name, once, sql })
  add('new_state', `SELECT ${all.join(', ')} FROM typed`)
  add('changed_keys', `SELECT DISTINCT ${keys.join(', ')} FROM typed`, true)
  const past =
    state.length === 0
      ? ''
      : ` UNION ALL SELECT ${all.map((name) => `q.${name}`).join(', ')} FROM state q INNER JOIN changed_keys k ON ${keysEqual(task, 'q', 'k')}`
  add('events', `SELECT ${all.join(', ')} FROM typed${past}`)
  const order = sequenceNames(task).map((name) => `${name} ASC NULLS FIRST`)
  const window = `OVER (PARTITION BY ${keys.join(', ')} ORDER BY ${order.join(', ')})`
  const counted = task.deletes === 'keep' ? ` WHERE "$op" <> 'D'` : ''
  add(
    'versions',
    `SELECT ${[...data, '"$op"', '"$at"'].join(', ')}, lead("$at") ${window} AS "$next_at", lead("$op") ${window} AS "$next_op" FROM events${counted}`,
  )
  const own = [
    '"$at" AS "valid_from"',
    '"$next_at" AS "valid_to"',
    '"$next_op" IS NULL AS "is_current"',
    ...(task.deletes === 'flag'
      ? [
          `coalesce("$next_op" = 'D', false) AS "is_deleted"`,
          `CASE WHEN "$next_op" = 'D' THEN "$next_at" END AS "deleted_at"`,
        ]
      : []),
  ]
  const names = [...data, ...ownColumns(task).map(({ name }) => quoteName(name))].map((name) => `s.${name}`).join(', ')
  const untouched =
    standing.length === 0
      ? ''
      : ` UNION ALL SELECT ${names} FROM standing s ANTI JOIN changed_keys k ON ${keysEqual(task, 's', 'k')}`
  add('table', `SELECT ${[...data, ...own].join(', ')} FROM versions WHERE "$op" <> 'D'${untouched}`)
  return views
}

/** One row: rows read and set aside, and why. */
function qualitySql(shape: ApplyShape, inputs: readonly InputName[]): string {
  const count = (input: InputName, condition: string): string => `(SELECT count(*) FROM ${input} WHERE ${condition})`
  const sum = (names: readonly InputName[], condition: (input: InputName) => string): string =>
    names.length === 0 ? '0' : names.map((input) => count(input, condition(input))).join(' + ')
  const shown = (['changes', 'restored'] as const).filter((input) => shape[input].length > 0)
  const read = shape.isRewritten ? inputs : []
  const removes = shape.isRewritten && shape.task.deletes === 'apply' && shape.task.scdType === 1
  const parts = [
    `${sum(read, () => 'true')} AS rows_read`,
    `${shape.isRewritten ? `(SELECT count(*) FROM typed WHERE "$op" = 'D')` : '0'} AS deletes`,
    `${removes ? `(SELECT count(*) FROM images WHERE "$deleted")` : '0'} AS rows_removed`,
    `${sum(read, (input) => readingOf(shape, input).isBadValue)} AS bad_values`,
    `${sum(shown, (input) => `${readingOf(shape, input).reason} IS NOT NULL`)} AS changes_quarantined`,
  ]
  return `SELECT ${parts.join(', ')}`
}

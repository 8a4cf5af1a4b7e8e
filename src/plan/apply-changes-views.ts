/**
 * The queries that apply changes, in portable SQL. Columns that are no data begin with `$`: `$op` (I, U or D), `$at` (the time of
 * a change), `$s0` … (its place in the sequence). Pure.
 */
import { type ApplyChangesTask, ownColumns } from '../define/apply-changes.ts'
import { quoteName, quoteText } from '../engines/portable.ts'
import type { Column, DataFile, Plan, PlanView } from '../types.ts'
import { type Conversion, convert, fittingValue } from './conversion.ts'

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
type Reading = { values: Conversion[]; operation: string; reason: string }

const operations = ['I', 'U', 'D']
const nullKey = 'key ' // how the reason begins that is no value which does not fit

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
    ...(showsTime(task) ? [{ name: '$at', type: 'timestamp' }] : []),
    ...task.sequenceBy.map((name, index) => ({ name: `$s${index}`, type: sequenceType(task, everLanded, name) })),
  ]
}

/** The views, and the metrics of the plan. */
export function applyViews(shape: ApplyShape): Pick<Plan, 'views' | 'metrics'> {
  const inputs = inputsOf(shape)
  const views: PlanView[] = []
  const add = (name: string, sql: string, once = false): void => void views.push({ name, once, sql })
  // A full load is read again rather than kept: what is kept of all rows is their keys and places. Changes are fewer, and
  // each of their dates is written.
  for (const input of inputs) add(`${input}_typed`, typedSql(shape, input), input === 'changes' || input === 'restored')
  if (shape.isRewritten) {
    const read = inputs.filter((input) => input !== 'restored')
    add('placed', read.map((input) => placedSql(shape, input)).join(' UNION ALL '), true)
    add('rejected', read.map((input) => rejectedSql(shape, input)).join(' UNION ALL '))
    views.push(...(shape.task.scdType === 2 ? versionViews(shape, read) : newestViews(shape, read)))
  }
  if (shape.dates.length > 0) add('history', historySql(shape))
  return { views, metrics: [{ name: 'quality', sql: qualitySql(shape) }] }
}

function inputsOf(shape: ApplyShape): InputName[] {
  return (['loads', 'changes', 'past', 'restored'] as const).filter((name) => shape[name].length > 0)
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
      `concat(${quoteText(`column ${name} is "`)}, ${text}, ${quoteText(`", which does not fit ${type}`)})`,
    ])
  }
  const nulls = task.keys.map((key): [string, string] => {
    const at = columns.findIndex(({ name }) => name === key)
    return [`${(values[at] as Conversion).value} IS NULL`, quoteText(`${nullKey}${key} is null`)]
  })
  const cases = [...bad, ...nulls].map(([condition, reason]) => `WHEN ${condition} THEN ${reason}`)
  return { values, operation, reason: `CASE ${cases.join(' ')} END` }
}

/** The rows of an input, typed; `$reason` says why a row is set aside. */
function typedSql(shape: ApplyShape, input: InputName): string {
  const { task, columns, landed, everLanded } = shape
  const { values, operation, reason } = readingOf(shape, input)
  const kept = historyColumns(shape).slice(columns.length)
  const [first] = task.sequenceBy
  const changed = fittingValue(landedAs(landed, task.changedAt, 'timestamp'))
  const select = [
    ...columns.map(({ name }, index) => `${values[index]?.value} AS ${quoteName(name)}`),
    `${operation} AS "$op"`,
    `coalesce(${changed}, ${fittingValue(landedAs(landed, first as string, 'timestamp'))}) AS "$at"`,
    ...task.sequenceBy.map(
      (name, index) => `${fittingValue(landedAs(landed, name, sequenceType(task, everLanded, name)))} AS "$s${index}"`,
    ),
    ...kept.map(({ name, type }, index) => `${fittingValue(landedAs(landed, name, type))} AS "$k${index}"`),
    ...['"_file"', '"_row"', `${reason} AS "$reason"`],
  ]
  return `SELECT ${select.join(', ')} FROM ${input}`
}

const numbered = ['loads', 'changes', 'past', 'restored', 'standing', 'state'] as const
type Numbered = (typeof numbered)[number]

/** An input by number: a column of numbers takes less than one of names. */
function inputNumber(input: Numbered): string {
  return `CAST(${numbered.indexOf(input)} AS TINYINT)`
}

/** Of every row of an input its key, its place in the sequence, and where it stands. */
function placedSql({ task }: ApplyShape, input: InputName): string {
  const select = [...task.keys.map(quoteName), ...placeNames(task), '"_file"', '"_row"', '"$reason"']
  return `SELECT ${inputNumber(input)} AS "$input", ${select.join(', ')} FROM ${input}_typed`
}

/** What is remembered of a change besides its key: its time only where the table shows it. */
function placeNames(task: ApplyChangesTask): string[] {
  return ['"$op"', ...(showsTime(task) ? ['"$at"'] : []), ...sequenceNames(task)]
}

function showsTime({ deletes, scdType }: ApplyChangesTask): boolean {
  return deletes === 'flag' || scdType === 2
}

function rejectedSql({ landed }: ApplyShape, input: InputName): string {
  const names = landed.map(({ name }) => `r.${quoteName(name)}`).join(', ')
  const bad = `SELECT "_file", "_row", "$reason" FROM placed WHERE "$input" = ${inputNumber(input)} AND "$reason" IS NOT NULL`
  return `SELECT ${names}, b."$reason" AS quarantine_reason, f.path AS quarantine_file FROM ${input} r INNER JOIN (${bad}) b ON b."_file" = r."_file" AND b."_row" = r."_row" INNER JOIN ${input}_files f ON f.file_number = b."_file"`
}

/** The changes as they were applied or would have been, with the date of their file. */
function historySql(shape: ApplyShape): string {
  const kept = historyColumns(shape).slice(shape.columns.length)
  const names = shape.columns.map(({ name }) => quoteName(name))
  const select = [...names, ...kept.map(({ name }, index) => `"$k${index}" AS ${quoteName(name)}`)].join(', ')
  const from = (input: 'changes' | 'restored'): string[] => {
    if (shape[input].length === 0) return []
    const dates = shape.dates.map((date) => ({ date, numbers: fileNumbers(shape[input], date) }))
    const cases = dates.flatMap(({ date, numbers }) =>
      numbers.length === 0 ? [] : [`WHEN "_file" IN (${numbers.join(', ')}) THEN ${quoteText(date)}`],
    )
    return [`SELECT ${select}, CASE ${cases.join(' ')} END AS "$date" FROM ${input}_typed WHERE "$reason" IS NULL`]
  }
  return [...from('changes'), ...from('restored')].join(' UNION ALL ')
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

/**
 * The newest image of every key, and its newest delete where deletes count. The table is everything read and standing without
 * the rows that are left out, which are few: what was superseded, set aside or deleted.
 */
function newestViews(shape: ApplyShape, inputs: readonly InputName[]): PlanView[] {
  const { task, standing, state } = shape
  const keys = task.keys.map(quoteName)
  const places = placeNames(task)
  const own = ['"$input"', ...keys, ...places, '"_file"', '"_row"']
  const views: PlanView[] = []
  const add = (name: string, sql: string, once = false): void => void views.push({ name, once, sql })
  const countsDeletes = task.deletes !== 'keep'
  const hasState = state.length > 0
  if (hasState) {
    add('changed_keys', `SELECT DISTINCT ${keys.join(', ')} FROM placed WHERE "$reason" IS NULL`, true)
    const parts = [`SELECT ${own.join(', ')} FROM placed WHERE "$reason" IS NULL`]
    const remembered = places.map((name) => `q.${name}`).join(', ')
    if (standing.length > 0) {
      parts.push(
        `SELECT ${inputNumber('standing')} AS "$input", ${keys.map((name) => `s.${name}`).join(', ')}, ${remembered}, s."_file", s."_row" FROM standing s INNER JOIN changed_keys k ON ${keysEqual(task, 's', 'k')} INNER JOIN state q ON ${keysEqual(task, 's', 'q')} WHERE q."$op" <> 'D'`,
      )
    }
    if (countsDeletes) {
      parts.push(
        `SELECT ${inputNumber('state')} AS "$input", ${keys.map((name) => `q.${name}`).join(', ')}, ${remembered}, CAST(NULL AS INTEGER) AS "_file", CAST(NULL AS BIGINT) AS "_row" FROM state q INNER JOIN changed_keys k ON ${keysEqual(task, 'q', 'k')} WHERE q."$op" = 'D'`,
      )
    }
    add('events', parts.join(' UNION ALL '), true)
  }
  const from = hasState ? 'events' : 'placed'
  const isGood = hasState ? '' : ' AND "$reason" IS NULL'
  const columns = [...['$input', ...task.keys], ...places.map((name) => name.slice(1, -1)), ...['_file', '_row']]
  const newest = (name: string, where: string, superseded: { superseded?: string }): void => {
    const orderBy = sequenceNames(task)
    views.push({ name, columns, newest: { from, where, key: task.keys, orderBy, ...superseded } })
  }
  newest('newest_images', `"$op" <> 'D'${isGood}`, { superseded: 'superseded_images' })
  if (countsDeletes) {
    newest('newest_deletes', `"$op" = 'D'${isGood}`, {})
    add(
      'deleted_images',
      `SELECT i."$input", i."_file", i."_row", ${showsTime(task) ? 'd."$at"' : 'CAST(NULL AS TIMESTAMP)'} AS "$deleted_at", ${task.keys.map((key) => `i.${quoteName(key)}`).join(', ')} FROM newest_images i INNER JOIN newest_deletes d ON ${keysEqual(task, 'd', 'i')} WHERE ${isLater(shape, 'd', 'i')}`,
      true,
    )
  }
  const leftOut = [
    'SELECT "$input", "_file", "_row" FROM superseded_images',
    'SELECT "$input", "_file", "_row" FROM placed WHERE "$reason" IS NOT NULL',
    ...(task.deletes === 'apply' ? ['SELECT "$input", "_file", "_row" FROM deleted_images'] : []),
  ]
  add('left_out', leftOut.join(' UNION ALL '), true)
  add('table', tableSql(shape, inputs))
  add('new_state', stateSql(shape))
  return views
}

/** A row by where it stands, among the rows of an input that are left out or deleted. */
function rowsOf(view: string, input: Numbered, columns = ''): string {
  return `(SELECT "_file", "_row"${columns} FROM ${view} WHERE "$input" = ${inputNumber(input)})`
}

function tableSql(shape: ApplyShape, inputs: readonly InputName[]): string {
  const { task, columns, standing } = shape
  const isSame = (other: string): string => `${other}."_file" = r."_file" AND ${other}."_row" = r."_row"`
  const data = columns.map(({ name }) => `r.${quoteName(name)}`)
  const flags = task.deletes === 'flag'
  const read = inputs.map((input) => {
    const flag = flags ? [`d."_file" IS NOT NULL AS "is_deleted"`, 'd."$deleted_at" AS "deleted_at"'] : []
    const join = flags ? ` LEFT JOIN ${rowsOf('deleted_images', input, ', "$deleted_at"')} d ON ${isSame('d')}` : ''
    const images = input === 'loads' ? '' : ` WHERE r."$op" <> 'D'`
    return `SELECT ${[...data, ...flag].join(', ')} FROM ${input}_typed r ANTI JOIN ${rowsOf('left_out', input)} l ON ${isSame('l')}${join}${images}`
  })
  if (standing.length === 0) return read.join(' UNION ALL ')
  // A key without a change is deleted, or not, as it was.
  const flag = flags
    ? [
        `CASE WHEN k."$changed" THEN d."_file" IS NOT NULL ELSE r."is_deleted" END AS "is_deleted"`,
        `CASE WHEN k."$changed" THEN d."$deleted_at" ELSE r."deleted_at" END AS "deleted_at"`,
      ]
    : []
  const join = flags
    ? ` LEFT JOIN ${rowsOf('deleted_images', 'standing', ', "$deleted_at"')} d ON ${isSame('d')} LEFT JOIN (SELECT *, true AS "$changed" FROM changed_keys) k ON ${keysEqual(task, 'k', 'r')}`
    : ''
  const stood = `SELECT ${[...data, ...flag].join(', ')} FROM standing r ANTI JOIN ${rowsOf('left_out', 'standing')} l ON ${isSame('l')}${join}`
  return [...read, stood].join(' UNION ALL ')
}

/** What is remembered of every key: the place of its newest image, unless it was removed, and of its newest delete. */
function stateSql({ task, state }: ApplyShape): string {
  const names = [...task.keys.map(quoteName), ...placeNames(task)]
  const parts = [
    task.deletes === 'apply'
      ? `SELECT ${names.map((name) => `i.${name}`).join(', ')} FROM newest_images i ANTI JOIN deleted_images d ON ${keysEqual(task, 'd', 'i')}`
      : `SELECT ${names.join(', ')} FROM newest_images`,
  ]
  if (task.deletes !== 'keep') parts.push(`SELECT ${names.join(', ')} FROM newest_deletes`)
  if (state.length > 0) {
    parts.push(
      `SELECT ${names.map((name) => `q.${name}`).join(', ')} FROM state q ANTI JOIN changed_keys k ON ${keysEqual(task, 'q', 'k')}`,
    )
  }
  return parts.join(' UNION ALL ')
}

/** Whether one change comes after another in the sequence, nulls first. */
function isLater({ task }: ApplyShape, left: string, right: string): string {
  const places = sequenceNames(task)
  const equal = (name: string): string => `${left}.${name} IS NOT DISTINCT FROM ${right}.${name}`
  const greater = (name: string): string =>
    `(${left}.${name} > ${right}.${name} OR (${left}.${name} IS NOT NULL AND ${right}.${name} IS NULL))`
  const terms = places.map((name, index) => [...places.slice(0, index).map(equal), greater(name)].join(' AND '))
  // Three-valued logic: where one side is null, a comparison is neither; then it is not later by that place.
  return `(${terms.map((term) => `coalesce(${term}, false)`).join(' OR ')})`
}

/** Every image with the time up to which it held; the state has all of them, and every delete. */
function versionViews(shape: ApplyShape, inputs: readonly InputName[]): PlanView[] {
  const { task, columns, standing, state } = shape
  const data = columns.map(({ name }) => quoteName(name))
  const keys = task.keys.map(quoteName)
  const all = [...data, '"$op"', '"$at"', ...sequenceNames(task)]
  const views: PlanView[] = []
  const add = (name: string, sql: string, once = false): void => void views.push({ name, once, sql })
  add(
    'new_state',
    inputs.map((input) => `SELECT ${all.join(', ')} FROM ${input}_typed WHERE "$reason" IS NULL`).join(' UNION ALL '),
  )
  add('changed_keys', `SELECT DISTINCT ${keys.join(', ')} FROM placed WHERE "$reason" IS NULL`, true)
  const past =
    state.length === 0
      ? ''
      : ` UNION ALL SELECT ${all.map((name) => `q.${name}`).join(', ')} FROM state q INNER JOIN changed_keys k ON ${keysEqual(task, 'q', 'k')}`
  add('events', `SELECT ${all.join(', ')} FROM new_state${past}`)
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
function qualitySql(shape: ApplyShape): string {
  const { isRewritten, changes, restored } = shape
  const count = (condition: string): string => `count(CASE WHEN ${condition} THEN 1 END)`
  const shown = changes.length > 0 ? count(`"$input" = ${inputNumber('changes')} AND "$reason" IS NOT NULL`) : '0'
  const again = restored.length > 0 ? `(SELECT count(*) FROM restored_typed WHERE "$reason" IS NOT NULL)` : '0'
  if (!isRewritten)
    return `SELECT 0 AS rows_read, 0 AS deletes, 0 AS rows_removed, 0 AS bad_values, ${again} AS changes_quarantined`
  const removes = shape.task.deletes === 'apply' && shape.task.scdType === 1
  const parts = [
    'count(*) AS rows_read',
    `${count(`"$op" = 'D' AND "$reason" IS NULL`)} AS deletes`,
    `${removes ? '(SELECT count(*) FROM deleted_images)' : '0'} AS rows_removed`,
    `${count(`"$reason" NOT LIKE '${nullKey}%'`)} AS bad_values`,
    `${shown} + ${again} AS changes_quarantined`,
  ]
  return `SELECT ${parts.join(', ')} FROM placed`
}

/** The queries that apply changes to a table and show them in its history, in portable SQL. Pure. */
import { quoteName, quoteText } from '../engines/portable.ts'
import type { Column, Plan, PlanView } from '../types.ts'
import {
  type ApplyShape,
  type ChangeFile,
  type ChangeInput,
  historyColumns,
  keysEqual,
  landedColumn,
  partlyPlaced,
  placeNames,
  rejectedColumns,
  sequenceType,
  sourceNumber,
  standingNumber,
} from './apply-shape.ts'
import { type Conversion, convert, fittingValue } from './conversion.ts'
import { newestViews, reachedSql } from './newest-views.ts'
import { versionViews } from './version-views.ts'

/** What a row of changes says, as expressions over it. */
type Reading = { values: Conversion[]; operation: string; reason: string }

const operations = ['I', 'U', 'D']
const nullKey = 'key ' // how the reason begins that is no value which does not fit

/** The views, and the metrics of the plan. */
export function applyViews(shape: ApplyShape): Pick<Plan, 'views' | 'metrics'> {
  const { inputs } = shape
  const views: PlanView[] = []
  const add = (name: string, sql: string, once = false): void => void views.push({ name, once, sql })
  // A full load is read again rather than kept: what is kept of all rows is their keys and places. Changes are fewer, and
  // each of their dates is written.
  for (const input of inputs) add(`${input.name}_typed`, typedSql(shape, input), isShown(input))
  if (shape.isRewritten) {
    const read = inputs.filter(({ kind }) => kind !== 'restored')
    views.push(...placedViews(shape, read))
    add('rejected', read.map((input) => rejectedSql(shape, input)).join(' UNION ALL '))
    views.push(...(shape.task.scdType === 2 ? versionViews(shape, read) : newestViews(shape, read)))
  }
  if (shape.dates.length > 0) add('history', historySql(shape))
  return { views, metrics: [{ name: 'quality', sql: qualitySql(shape) }] }
}

function isShown({ kind }: ChangeInput): boolean {
  return kind === 'changes' || kind === 'restored'
}

/** A landed column as another type; null where nothing of that name landed. */
function landedAs(landed: Column[], name: string, type: string): Conversion {
  const column = landedColumn(landed, name)
  if (column === undefined) return { value: `try_convert(NULL, ${type})`, fits: null }
  return convert(quoteName(column.name), column.type, type)
}

/** Reads an input: the values of the table's columns, the operation, and the reason for which a row is set aside, or null. */
function readingOf({ task, columns }: ApplyShape, { kind, landed }: ChangeInput): Reading {
  const values = columns.map(({ name, type }) => landedAs(landed, name, type))
  const raw = quoteName(landedColumn(landed, task.operation)?.name ?? task.operation)
  const operation = kind === 'loads' ? "'I'" : `upper(trim(${raw}))`
  const bad: [condition: string, reason: string][] = []
  if (kind !== 'loads') {
    const known = operations.map(quoteText).join(', ')
    const found = `coalesce(concat('"', ${raw}, '"'), 'missing')`
    bad.push([
      `coalesce(${operation} NOT IN (${known}), true)`,
      `concat('operation is ', ${found}, '; expected ${operations.join(', ')}')`,
    ])
  }
  for (const [index, { fits }] of values.entries()) {
    const { name, type } = columns[index] as Column
    // A column that was added has the type that holds those of all files: it fits by agreement.
    if (fits === null || index >= task.columns.length) continue
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
function typedSql(shape: ApplyShape, input: ChangeInput): string {
  const { task, columns, everLanded } = shape
  const { landed } = input
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
  return `SELECT ${select.join(', ')} FROM ${input.name}`
}

/**
 * The rows whose place in the sequence matters. A first full load is mostly keys that occur once in all that landed; of the
 * others, and of what is set aside, it needs the places.
 */
function placedViews(shape: ApplyShape, read: readonly ChangeInput[]): PlanView[] {
  const { task } = shape
  const load = partlyPlaced(shape)
  const others = read.filter((input) => input !== load)
  const placed = others.map((input) => placedSql(shape, input))
  if (load === undefined) return [{ name: 'placed', once: true, sql: placed.join(' UNION ALL ') }]
  const keys = task.keys.map(quoteName).join(', ')
  const typed = `${load.name}_typed`
  const touched = [
    `SELECT ${keys} FROM repeated_keys`,
    ...others.map(({ name }) => `SELECT ${keys} FROM ${name}_typed WHERE "$reason" IS NULL`),
  ]
  // Whether a row is set aside takes long where text is to be a number: it is looked at once, and not for the keys.
  const isTouched = `LEFT JOIN (SELECT *, true AS "$touched" FROM touched_keys) k ON ${keysEqual(task, 'r', 'k')}`
  placed.push(`${placedSql(shape, load)} ${isTouched} WHERE r."$reason" IS NOT NULL OR k."$touched"`)
  const hasKey = task.keys.map((key) => `${quoteName(key)} IS NOT NULL`).join(' AND ')
  return [
    { name: 'repeated_keys', repeated: { from: typed, where: hasKey, key: task.keys } },
    { name: 'touched_keys', once: true, sql: `SELECT DISTINCT ${keys} FROM (${touched.join(' UNION ALL ')})` },
    { name: 'placed', once: true, sql: placed.join(' UNION ALL ') },
  ]
}

/** Of every row of an input its key, its place in the sequence, and where it stands. */
function placedSql({ task }: ApplyShape, { name, number }: ChangeInput): string {
  const names = [...task.keys.map(quoteName), ...placeNames(task), '"_file"', '"_row"', '"$reason"']
  const select = names.map((column) => `r.${column}`).join(', ')
  return `SELECT ${sourceNumber(number)} AS "$input", ${select} FROM ${name}_typed r`
}

function rejectedSql(shape: ApplyShape, { name, number, landed }: ChangeInput): string {
  const columns = rejectedColumns(shape).slice(0, -2)
  const values = columns.map((column) => {
    const own = landedColumn(landed, column.name)
    const value =
      own === undefined
        ? landedAs([], column.name, column.type)
        : convert(`r.${quoteName(own.name)}`, own.type, column.type)
    return `${value.value} AS ${quoteName(column.name)}`
  })
  const bad = `SELECT "_file", "_row", "$reason" FROM placed WHERE "$input" = ${sourceNumber(number)} AND "$reason" IS NOT NULL`
  return `SELECT ${values.join(', ')}, b."$reason" AS quarantine_reason, f.path AS quarantine_file FROM ${name} r INNER JOIN (${bad}) b ON b."_file" = r."_file" AND b."_row" = r."_row" INNER JOIN ${name}_files f ON f.file_number = b."_file"`
}

/** The changes as they were applied or would have been, with the date of their file. */
function historySql(shape: ApplyShape): string {
  const kept = historyColumns(shape).slice(shape.columns.length)
  const names = shape.columns.map(({ name }) => quoteName(name))
  const select = [...names, ...kept.map(({ name }, index) => `"$k${index}" AS ${quoteName(name)}`)].join(', ')
  const parts = shape.inputs.filter(isShown).map(({ name, files }) => {
    const cases = [...fileNumbers(files)].map(
      ([date, numbers]) => `WHEN "_file" IN (${numbers.join(', ')}) THEN ${quoteText(date)}`,
    )
    return `SELECT ${select}, CASE ${cases.join(' ')} END AS "$date" FROM ${name}_typed WHERE "$reason" IS NULL`
  })
  return parts.join(' UNION ALL ')
}

/** The files of each date by their numbers in the plan's input, which lists files of the same columns as they are given. */
function fileNumbers(files: readonly ChangeFile[]): Map<string, number[]> {
  const numbers = new Map<string, number[]>()
  for (const [index, { date }] of files.entries()) {
    const own = numbers.get(date ?? '')
    if (own === undefined) numbers.set(date ?? '', [index])
    else own.push(index)
  }
  return numbers
}

/**
 * Of a table that is merged into, the rows that it has besides those written: all but those of changed keys, and of these the ones
 * that stay; what else is merged than rows written is not to be counted.
 */
function keptSql(shape: ApplyShape): string {
  const { task, state, merging } = shape
  if (merging === null || state.length === 0) return '0'
  const count = (from: string): string => `(SELECT count(*) FROM ${from})`
  const standing = `WHERE "$input" = ${sourceNumber(standingNumber)}`
  const reached = task.deletes === 'keep' ? '' : ` - ${count(reachedSql(shape))}`
  const removed = task.deletes === 'apply' ? ` - ${count(`deleted_images ${standing}`)}` : ''
  return `${merging.rows} - ${count('touched_images')} + ${count(`newest_images ${standing}`)}${reached}${removed}`
}

/** One row: rows read and set aside, and why. */
function qualitySql(shape: ApplyShape): string {
  const { isRewritten, inputs, merging } = shape
  const standing = merging?.rows ?? 0
  const count = (condition: string): string => `count(CASE WHEN ${condition} THEN 1 END)`
  const ofKind = (kind: ChangeInput['kind']): ChangeInput[] => inputs.filter((input) => input.kind === kind)
  const changes = ofKind('changes').map(({ number }) => sourceNumber(number))
  const shown = changes.length > 0 ? count(`"$input" IN (${changes.join(', ')}) AND "$reason" IS NOT NULL`) : '0'
  const restored = ofKind('restored').map(
    ({ name }) => `(SELECT count(*) FROM ${name}_typed WHERE "$reason" IS NOT NULL)`,
  )
  const again = ['0', ...restored].join(' + ')
  if (!isRewritten)
    return `SELECT 0 AS deletes, 0 AS rows_removed, ${standing} AS rows_standing, ${standing} AS rows_kept, 0 AS bad_values, ${again} AS changes_quarantined`
  const removes = shape.task.deletes === 'apply' && shape.task.scdType === 1
  const parts = [
    `${count(`"$op" = 'D' AND "$reason" IS NULL`)} AS deletes`,
    `${removes ? '(SELECT count(*) FROM deleted_images)' : '0'} AS rows_removed`,
    `${standing} AS rows_standing`,
    `${keptSql(shape)} AS rows_kept`,
    `${count(`"$reason" NOT LIKE '${nullKey}%'`)} AS bad_values`,
    `${shown} + ${again} AS changes_quarantined`,
  ]
  return `SELECT ${parts.join(', ')} FROM placed`
}

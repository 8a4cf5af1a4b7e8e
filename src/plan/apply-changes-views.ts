/** The queries that apply changes to a table and show them in its history, in portable SQL. Pure. */
import { quoteName, quoteText } from '../engines/portable.ts'
import type { Column, DataFile, Plan, PlanView } from '../types.ts'
import {
  type ApplyShape,
  historyColumns,
  type InputName,
  inputNumber,
  landedColumn,
  placeNames,
  sequenceType,
} from './apply-shape.ts'
import { type Conversion, convert, fittingValue } from './conversion.ts'
import { newestViews } from './newest-views.ts'
import { planInput } from './plan-input.ts'
import { versionViews } from './version-views.ts'

/** What a row of changes says, as expressions over it. */
type Reading = { values: Conversion[]; operation: string; reason: string }

const operations = ['I', 'U', 'D']
const nullKey = 'key ' // how the reason begins that is no value which does not fit

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

/** Of every row of an input its key, its place in the sequence, and where it stands. */
function placedSql({ task }: ApplyShape, input: InputName): string {
  const select = [...task.keys.map(quoteName), ...placeNames(task), '"_file"', '"_row"', '"$reason"']
  return `SELECT ${inputNumber(input)} AS "$input", ${select.join(', ')} FROM ${input}_typed`
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
    const cases = [...fileNumbers(shape[input])].map(
      ([date, numbers]) => `WHEN "_file" IN (${numbers.join(', ')}) THEN ${quoteText(date)}`,
    )
    return [`SELECT ${select}, CASE ${cases.join(' ')} END AS "$date" FROM ${input}_typed WHERE "$reason" IS NULL`]
  }
  return [...from('changes'), ...from('restored')].join(' UNION ALL ')
}

/** The files of each date by their numbers in the plan's input. */
function fileNumbers(files: readonly (DataFile & { date: string | null })[]): Map<string, number[]> {
  const dates = new Map(files.map(({ path, date }) => [path, date ?? '']))
  const numbers = new Map<string, number[]>()
  for (const [index, { path }] of planInput('', [], files, false).files.entries()) {
    const date = dates.get(path) ?? ''
    numbers.set(date, [...(numbers.get(date) ?? []), index])
  }
  return numbers
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

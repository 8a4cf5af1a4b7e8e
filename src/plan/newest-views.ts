/** The queries that make of changes the newest image of every key (SCD type 1). Pure. */
import { quoteName } from '../engines/portable.ts'
import type { PlanView } from '../types.ts'
import {
  type ApplyShape,
  type ChangeInput,
  keysEqual,
  partlyPlaced,
  placeNames,
  sequenceNames,
  showsTime,
  sourceNumber,
  standingNumber,
  stateNumber,
} from './apply-shape.ts'

/**
 * The newest image of every key, and its newest delete where deletes count. The table is everything read and standing without
 * the rows that are left out, which are few: what was superseded, set aside or deleted.
 */
export function newestViews(shape: ApplyShape, inputs: readonly ChangeInput[]): PlanView[] {
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
        `SELECT ${sourceNumber(standingNumber)} AS "$input", ${keys.map((name) => `s.${name}`).join(', ')}, ${remembered}, s."_file", s."_row" FROM standing s INNER JOIN changed_keys k ON ${keysEqual(task, 's', 'k')} INNER JOIN state q ON ${keysEqual(task, 's', 'q')} WHERE q."$op" <> 'D'`,
      )
    }
    if (countsDeletes) {
      parts.push(
        `SELECT ${sourceNumber(stateNumber)} AS "$input", ${keys.map((name) => `q.${name}`).join(', ')}, ${remembered}, CAST(NULL AS INTEGER) AS "_file", CAST(NULL AS BIGINT) AS "_row" FROM state q INNER JOIN changed_keys k ON ${keysEqual(task, 'q', 'k')} WHERE q."$op" = 'D'`,
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
  add('new_state', stateSql(shape, inputs))
  return views
}

/** A row by where it stands, among the rows of an input that are left out or deleted. */
function rowsOf(view: string, number: number, columns = ''): string {
  return `(SELECT "_file", "_row"${columns} FROM ${view} WHERE "$input" = ${sourceNumber(number)})`
}

/** Whether a row `r` stands where another does. */
function isSameRow(other: string): string {
  return `${other}."_file" = r."_file" AND ${other}."_row" = r."_row"`
}

/** The images of an input that are not left out, as `r`. */
function imagesSql({ name, number, kind }: ChangeInput, select: string, join = ''): string {
  const images = kind === 'loads' ? '' : ` WHERE r."$op" <> 'D'`
  return `SELECT ${select} FROM ${name}_typed r ANTI JOIN ${rowsOf('left_out', number)} l ON ${isSameRow('l')}${join}${images}`
}

function tableSql(shape: ApplyShape, inputs: readonly ChangeInput[]): string {
  const { task, columns, standing } = shape
  const data = columns.map(({ name }) => `r.${quoteName(name)}`)
  const flags = task.deletes === 'flag'
  const read = inputs.map((input) => {
    const flag = flags ? [`d."_file" IS NOT NULL AS "is_deleted"`, 'd."$deleted_at" AS "deleted_at"'] : []
    const deleted = rowsOf('deleted_images', input.number, ', "$deleted_at"')
    const join = flags ? ` LEFT JOIN ${deleted} d ON ${isSameRow('d')}` : ''
    return imagesSql(input, [...data, ...flag].join(', '), join)
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
    ? ` LEFT JOIN ${rowsOf('deleted_images', standingNumber, ', "$deleted_at"')} d ON ${isSameRow('d')} LEFT JOIN (SELECT *, true AS "$changed" FROM changed_keys) k ON ${keysEqual(task, 'k', 'r')}`
    : ''
  const stood = `SELECT ${[...data, ...flag].join(', ')} FROM standing r ANTI JOIN ${rowsOf('left_out', standingNumber)} l ON ${isSameRow('l')}${join}`
  return [...read, stood].join(' UNION ALL ')
}

/** What is remembered of every key: the place of its newest image, unless it was removed, and of its newest delete. */
function stateSql(shape: ApplyShape, inputs: readonly ChangeInput[]): string {
  const { task, state } = shape
  const names = [...task.keys.map(quoteName), ...placeNames(task)]
  const own = names.map((name) => `r.${name}`).join(', ')
  const removed = `ANTI JOIN deleted_images d ON ${keysEqual(task, 'd', 'r')}`
  const parts =
    partlyPlaced(shape) === undefined
      ? [`SELECT ${own} FROM newest_images r ${task.deletes === 'apply' ? removed : ''}`]
      : inputs.map((input) => imagesSql(input, own))
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

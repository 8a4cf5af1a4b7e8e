/** The queries that make of changes the newest image of every key (SCD type 1). Pure. */
import { quoteName, quoteText } from '../engines/portable.ts'
import type { PlanView } from '../types.ts'
import {
  type ApplyShape,
  type ChangeInput,
  keysEqual,
  mergeAction,
  mergeActions,
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
  const { task, standing, state, merging } = shape
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
    const touched = `INNER JOIN changed_keys k ON ${keysEqual(task, 'q', 'k')}`
    // What is remembered of a key, as rows that stand nowhere.
    const addRemembered = (number: number, from: string): void => {
      const key = keys.map((name) => `q.${name}`).join(', ')
      parts.push(
        `SELECT ${sourceNumber(number)} AS "$input", ${key}, ${remembered}, CAST(NULL AS INTEGER) AS "_file", CAST(NULL AS BIGINT) AS "_row" FROM ${from}`,
      )
    }
    if (merging !== null) {
      views.push(...rememberedViews(shape, 'touched', touched))
      addRemembered(standingNumber, 'touched_images q')
    } else if (standing.length > 0) {
      parts.push(
        `SELECT ${sourceNumber(standingNumber)} AS "$input", ${keys.map((name) => `s.${name}`).join(', ')}, ${remembered}, s."_file", s."_row" FROM standing s INNER JOIN changed_keys k ON ${keysEqual(task, 's', 'k')} INNER JOIN state q ON ${keysEqual(task, 's', 'q')} WHERE q."$op" <> 'D'`,
      )
    }
    if (countsDeletes) {
      addRemembered(stateNumber, merging === null ? `state q ${touched} WHERE q."$op" = 'D'` : 'touched_deletes q')
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
  add('table', merging === null ? tableSql(shape, inputs) : mergedSql(shape, inputs))
  if (merging?.isGathered) {
    views.push(...rememberedViews(shape, 'other', `ANTI JOIN changed_keys k ON ${keysEqual(task, 'q', 'k')}`))
  }
  add('new_state', stateSql(shape, inputs))
  return views
}

/**
 * Of a state that is added to, the newest image and the newest delete of some keys: `<name>_images`, of those that the table has, and
 * `<name>_deletes`. `join` chooses the rows `q` of the state.
 */
function rememberedViews(shape: ApplyShape, name: string, join: string): PlanView[] {
  const { task } = shape
  const names = [...task.keys, ...placeNames(task).map((place) => place.slice(1, -1))]
  const select = names.map((column) => `q.${quoteName(column)}`).join(', ')
  const newest = (kind: string, where: string): PlanView => ({
    name: `${name}_${kind}`,
    columns: names,
    newest: { from: `${name}_state`, where, key: task.keys, orderBy: sequenceNames(task) },
  })
  const removed = `ANTI JOIN ${name}_deletes d ON ${keysEqual(task, 'd', 'q')} AND ${isLater(shape, 'd', 'q')}`
  return [
    { name: `${name}_state`, once: true, sql: `SELECT ${select} FROM state q ${join}` },
    newest('images_ever', `"$op" <> 'D'`),
    ...(task.deletes === 'keep' ? [] : [newest('deletes', `"$op" = 'D'`)]),
    {
      name: `${name}_images`,
      once: true,
      sql: `SELECT ${select} FROM ${name}_images_ever q ${task.deletes === 'apply' ? removed : ''}`,
    },
  ]
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

/** The rows that are read and stay, with the table's own columns and `more`. */
function readSql({ task, columns }: ApplyShape, inputs: readonly ChangeInput[], more: string[] = []): string[] {
  const data = columns.map(({ name }) => `r.${quoteName(name)}`)
  const flags = task.deletes === 'flag'
  return inputs.map((input) => {
    const flag = flags ? [`d."_file" IS NOT NULL AS "is_deleted"`, 'd."$deleted_at" AS "deleted_at"'] : []
    const deleted = rowsOf('deleted_images', input.number, ', "$deleted_at"')
    const join = flags ? ` LEFT JOIN ${deleted} d ON ${isSameRow('d')}` : ''
    return imagesSql(input, [...data, ...flag, ...more].join(', '), join)
  })
}

/**
 * The deleted images whose row the table has: to be flagged where no newer image takes its place, to be removed also where one would
 * that is deleted itself.
 */
export function reachedSql({ task }: ApplyShape): string {
  if (task.deletes === 'apply')
    return `(SELECT d.* FROM deleted_images d SEMI JOIN touched_images t ON ${keysEqual(task, 't', 'd')})`
  return `(SELECT * FROM deleted_images WHERE "$input" = ${sourceNumber(standingNumber)})`
}

/** What is merged: the newest images that were read, and the keys whose row of the table a delete reaches. */
function mergedSql(shape: ApplyShape, inputs: readonly ChangeInput[]): string {
  const { task, columns } = shape
  const action = (name: string): string => `${quoteText(name)} AS ${quoteName(mergeAction)}`
  const parts = readSql(shape, inputs, [action(mergeActions.write)])
  if (task.deletes !== 'keep' && shape.state.length > 0) {
    const flags = task.deletes === 'flag'
    const values = columns.map(({ name, type }) =>
      task.keys.includes(name) ? quoteName(name) : `try_convert(NULL, ${type}) AS ${quoteName(name)}`,
    )
    const own = flags ? ['true AS "is_deleted"', '"$deleted_at" AS "deleted_at"'] : []
    const select = [...values, ...own, action(flags ? mergeActions.flag : mergeActions.remove)].join(', ')
    parts.push(`SELECT ${select} FROM ${reachedSql(shape)}`)
  }
  return parts.join(' UNION ALL ')
}

function tableSql(shape: ApplyShape, inputs: readonly ChangeInput[]): string {
  const { task, columns, standing } = shape
  const data = columns.map(({ name }) => `r.${quoteName(name)}`)
  const flags = task.deletes === 'flag'
  const read = readSql(shape, inputs)
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

/**
 * What is remembered of every key: the place of its newest image, unless it was removed, and of its newest delete. Where the state
 * is added to, only what is new of them.
 */
function stateSql(shape: ApplyShape, inputs: readonly ChangeInput[]): string {
  const { task, state, merging } = shape
  const names = [...task.keys.map(quoteName), ...placeNames(task)]
  const own = names.map((name) => `r.${name}`).join(', ')
  const removed = `ANTI JOIN deleted_images d ON ${keysEqual(task, 'd', 'r')}`
  const isAdded = merging !== null && state.length > 0 && !merging.isGathered
  const added = (number: number): string => (isAdded ? ` WHERE "$input" <> ${sourceNumber(number)}` : '')
  const parts =
    partlyPlaced(shape) === undefined
      ? [`SELECT ${own} FROM newest_images r ${task.deletes === 'apply' ? removed : ''}${added(standingNumber)}`]
      : inputs.map((input) => imagesSql(input, own))
  if (task.deletes !== 'keep') parts.push(`SELECT ${names.join(', ')} FROM newest_deletes${added(stateNumber)}`)
  if (merging?.isGathered) {
    const kept = task.deletes === 'keep' ? ['images'] : ['images', 'deletes']
    parts.push(...kept.map((kind) => `SELECT ${names.join(', ')} FROM other_${kind}`))
  } else if (state.length > 0 && merging === null) {
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

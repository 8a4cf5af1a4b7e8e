/** The queries that make of changes every image with the time up to which it held (SCD type 2). Pure. */
import { ownColumns } from '../define/apply-changes.ts'
import { quoteName } from '../engines/portable.ts'
import type { PlanView } from '../types.ts'
import { type ApplyShape, type ChangeInput, keysEqual, sequenceNames } from './apply-shape.ts'

/** Every image with the time up to which it held; the state has all of them, and every delete. */
export function versionViews(shape: ApplyShape, inputs: readonly ChangeInput[]): PlanView[] {
  const { task, columns, standing, state } = shape
  const data = columns.map(({ name }) => quoteName(name))
  const keys = task.keys.map(quoteName)
  const all = [...data, '"$op"', '"$at"', ...sequenceNames(task)]
  const views: PlanView[] = []
  const add = (name: string, sql: string, once = false): void => void views.push({ name, once, sql })
  add(
    'new_state',
    inputs.map(({ name }) => `SELECT ${all.join(', ')} FROM ${name}_typed WHERE "$reason" IS NULL`).join(' UNION ALL '),
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

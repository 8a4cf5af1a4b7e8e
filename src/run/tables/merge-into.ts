/** Computes rows from Iceberg tables and merges them into another. */
import type { MergeIntoTask } from '../../define/merge-into.ts'
import { quoteName } from '../../engines/portable.ts'
import { assert, MillraceError } from '../../errors.ts'
import { duckdbType } from '../../iceberg/column-types.ts'
import type { Table } from '../../iceberg/table.ts'
import { clausesOf, reasonOf, rowsOfKeys, type SqlColumn } from '../../plan/merge-into.ts'
import type { PlannedTable, TableChange, TablePlan } from '../../types.ts'
import { type ChangedInput, changedInputs, chooseInputs, type MergeInput } from './merge-inputs.ts'
import { defineInputs, touchedKeys } from './merge-keys.ts'
import {
  definitionEntry,
  foreignStretches,
  headId,
  mergeDefinition,
  readRecords,
  recordsProperty,
  recordsText,
  type Stretch,
} from './merge-record.ts'
import { quarantineRows } from './quarantine.ts'
import { commitMark, noCounts, type TableContext, type TableUnit, type TableWork } from './table-work.ts'
import { committedBy, existingTable, tableRead } from './target-table.ts'
import { openWorkspace, type Workspace } from './workspace.ts'

/** One unit: the target. */
export async function openMergeInto(task: MergeIntoTask, context: TableContext): Promise<TableWork> {
  return { units: [mergeUnit(task, context)], atOnce: 1, close: async () => {} }
}

/** What a merge is about to do. `changed` null: everything is computed, and `why`. */
type Choice = {
  target: Table
  inputs: MergeInput[]
  definition: string
  changed: { inputs: ChangedInput[]; target: Stretch[] } | null
  why: string
}

function mergeUnit(task: MergeIntoTask, context: TableContext): TableUnit {
  let choice: Choice | undefined
  return {
    name: task.into,
    plan: async () => {
      const { warehouse } = context.lease
      const names = [task.into, ...task.using.tables]
      const tables = await Promise.all(names.map((name) => existingTable(warehouse, name)))
      const missing = names.filter((_, index) => tables[index] === null)
      if (missing.length > 0) {
        const why = `there is no table ${missing.join(', ')} yet; it is planned when a task before it has made it`
        return { kind: 'table-later', partition: task.into, why }
      }
      const [target, ...sources] = tables as Table[]
      choice = choose(task, target as Table, chooseInputs(task.using.tables, sources))
      return await planned(task, choice, context)
    },
    change: async () => {
      assert(choice !== undefined, `${task.into} is changed as it was planned`)
      return await merge(task, choice, context)
    },
  }
}

/** Whether what changed since the last merge of this definition is enough to compute. */
function choose(task: MergeIntoTask, target: Table, inputs: MergeInput[]): Choice {
  const definition = mergeDefinition(task)
  const full = (why: string): Choice => ({ target, inputs, definition, changed: null, why })
  const record = readRecords(target).find((one) => one.definition === definition)
  if (record === undefined) return full('no merge of this definition was made before')
  const changed = changedInputs(inputs, record)
  const foreign = foreignStretches(target, record.base, ({ summary }) => summary[definitionEntry] === definition)
  if (changed === null || foreign === null) return full('the history since the last merge is gone')
  const choice = { target, inputs, definition, changed: { inputs: changed, target: foreign } }
  if (changed.length + foreign.length === 0) return { ...choice, why: 'no input has changed' }
  if (task.incremental === null) return full('the task has no incremental rule')
  const names = [...changed.map(({ input }) => input.name), ...(foreign.length > 0 ? [task.into] : [])]
  return { ...choice, why: `changes of ${names.join(', ')}` }
}

async function planned(task: MergeIntoTask, choice: Choice, context: TableContext): Promise<PlannedTable> {
  const { target, inputs, changed, why } = choice
  if (changed !== null && changed.inputs.length + changed.target.length === 0) {
    const done = await committedBy(target, context.run, task.name)
    return { kind: 'table-unchanged', partition: task.into, why: `${why} since the last merge`, done }
  }
  const what = changed === null ? `compute all rows (${why})` : `compute the keys that ${why} can touch`
  const update = task.whenMatched
    ? `update ${task.update.join(', ')} where one of ${task.compare.join(', ')} differs`
    : 'leave matched rows as they are'
  const plan: TablePlan = {
    ...{ planVersion: 1, pipeline: context.pipeline, task: task.name, partition: task.into },
    reads: [...inputs.map(({ table }) => tableRead(table)), tableRead(target)],
    steps: [
      { what, sql: task.using.sql },
      ...Object.entries(task.prune).map(([table, where]) => ({
        what: `of ${table} only rows where ${where}`,
        sql: null,
      })),
      { what: `merge by ${task.on.join(', ')}: ${update}, insert the others`, sql: null },
    ],
    unreadable: [],
  }
  return { kind: 'table', partition: task.into, plan }
}

async function merge(task: MergeIntoTask, choice: Choice, context: TableContext): Promise<TableChange> {
  const workspace = await openWorkspace(context.lease)
  try {
    const rows = await computeRows(task, choice, workspace)
    if (rows === null) return await nothingTouched(choice)
    return await mergeRows(task, choice, rows, workspace, context)
  } finally {
    await workspace.close()
  }
}

/** A table of the rows to merge; null where no key is touched. */
async function computeRows(
  task: MergeIntoTask,
  { target, inputs, changed }: Choice,
  workspace: Workspace,
): Promise<string | null> {
  const { session } = workspace
  if (changed !== null) {
    const found = await touchedKeys(
      task,
      inputs,
      changed.inputs,
      { table: target, stretches: changed.target },
      workspace,
    )
    if ('keys' in found) {
      const [row] = await session.rows(`SELECT count(*) AS n FROM memory.main.${found.keys}`)
      if (Number(row?.n) === 0) return null
      if (!found.isDefined) await defineInputs(task, inputs, found.keys, workspace)
      return await workspace.keep('merging', rowsOfKeys(task, `memory.main.${found.keys}`))
    }
  }
  await defineInputs(task, inputs, null, workspace)
  return await workspace.keep('merging', task.using.sql)
}

function recordAfter({ target, inputs, definition }: Choice): Record<string, string> {
  const record = {
    definition,
    inputs: Object.fromEntries(inputs.map(({ name, snapshot }) => [name, snapshot])),
    base: headId(target),
  }
  return { [recordsProperty]: recordsText(readRecords(target), record) }
}

async function nothingTouched(choice: Choice): Promise<TableChange> {
  await choice.target.setProperties(recordAfter(choice))
  return { snapshot: null, counts: noCounts }
}

async function mergeRows(
  task: MergeIntoTask,
  choice: Choice,
  rows: string,
  workspace: Workspace,
  context: TableContext,
): Promise<TableChange> {
  const { target, definition } = choice
  const { session } = workspace
  const described = await session.rows(`DESCRIBE memory.main.${rows}`)
  const source: SqlColumn[] = described.map((row) => ({ name: String(row.column_name), type: String(row.column_type) }))
  const columns: SqlColumn[] = target.schema.fields.map(({ name, type }) => ({ name, type: duckdbType(type) }))
  const { changed, set, values } = clausesOf(task, source, columns)
  const reason = reasonOf(task, source, columns)
  const counted = await session.rows(
    `SELECT ${reason} AS reason, count(*) AS n FROM memory.main.${rows} GROUP BY 1 ORDER BY 1`,
  )
  const rowsIn = counted.reduce((sum, { n }) => sum + Number(n), 0)
  const bad = counted.filter((row) => row.reason !== null)
  const quarantined = bad.reduce((sum, { n }) => sum + Number(n), 0)
  if (quarantined > 0) await setAside(task, rows, reason, bad, quarantined, workspace, context)
  const merged = await target.merge({
    using: { sql: `SELECT * FROM ${rows}${quarantined === 0 ? '' : ` WHERE ${reason} IS NULL`}`, isRepeatable: true },
    on: task.on,
    ...(task.orderBy.length === 0 ? {} : { orderBy: task.orderBy }),
    whenMatched: task.whenMatched ? [{ when: changed, then: 'update', set }] : [],
    whenNotMatched: { values },
    summary: { ...commitMark(task, context), [definitionEntry]: definition },
    properties: recordAfter(choice),
    expectedProperties: { [recordsProperty]: target.metadata.properties[recordsProperty] },
  })
  const { inserted, updated, duplicates, snapshot } = merged
  const unchanged = rowsIn - quarantined - duplicates - inserted - updated
  if (unchanged < 0)
    throw new MillraceError('balance', `${task.into}  ${inserted + updated} rows were written of ${rowsIn}`)
  return {
    snapshot: snapshot === null ? null : String(snapshot['snapshot-id']),
    counts: { rowsIn, inserted, updated, deleted: 0, unchanged, superseded: duplicates, quarantined },
  }
}

async function setAside(
  task: MergeIntoTask,
  rows: string,
  reason: string,
  bad: readonly Record<string, unknown>[],
  quarantined: number,
  workspace: Workspace,
  context: TableContext,
): Promise<void> {
  const reasons = bad.map((row) => `${String(row.reason)}: ${String(row.n)}`).join('; ')
  if (task.onBadRow === 'fail')
    throw new MillraceError(
      'bad-value',
      `${task.into}  ${quarantined} rows cannot be merged (${reasons}). Correct the query, or let them be set aside`,
    )
  const query = `SELECT *, ${reason} AS ${quoteName('quarantine_reason')} FROM memory.main.${rows} WHERE ${reason} IS NOT NULL`
  await quarantineRows(context, task, task.into, workspace, [query], `${quarantined} rows (${reasons})`)
}

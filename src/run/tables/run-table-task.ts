/** Plans and runs work on tables: unit by unit, several side by side. */
import type { TableTask } from '../../define/data-task.ts'
import { MillraceError, unreachable } from '../../errors.ts'
import type { PlannedTable, TableChange, TablePlan } from '../../types.ts'
import { runPath } from '../run-log.ts'
import { sideBySide, unitsFailure } from '../side-by-side.ts'
import type { PlanningContext, TaskContext } from '../task-context.ts'
import { openCopyTables } from './copy-tables.ts'
import { openIngest } from './ingest.ts'
import { openMaintain } from './maintain.ts'
import { openMergeInto } from './merge-into.ts'
import { openSyncChanges } from './sync-changes.ts'
import type { TableContext, TableUnit, TableWork } from './table-work.ts'

/** Sees what each unit did. */
type Done = (change: TableChange | null) => void

async function withWork<T>(
  task: TableTask,
  context: PlanningContext,
  act: (work: TableWork) => Promise<T>,
): Promise<T> {
  const lease = await context.tables.acquire()
  try {
    const { path, write } = context
    const warn = async (message: string): Promise<void> =>
      void (await write({ type: 'warning', task: task.name, path, message }))
    const work = await openWork(task, { ...context, lease, warn })
    try {
      return await act(work)
    } finally {
      await work.close()
    }
  } finally {
    await lease.release()
  }
}

async function openWork(task: TableTask, context: TableContext): Promise<TableWork> {
  switch (task.kind) {
    case 'ingest':
      return await openIngest(task, context)
    case 'copy-tables':
      return await openCopyTables(task, context)
    case 'merge-into':
      return await openMergeInto(task, context)
    case 'sync-changes':
      return await openSyncChanges(task, context)
    case 'maintain':
      return await openMaintain(task, context)
    default:
      return unreachable(task)
  }
}

/** Plans a task as it would run now; no table is changed. */
export async function planTableTask(task: TableTask, context: PlanningContext): Promise<PlannedTable[]> {
  return await withWork(task, context, async ({ units }) => {
    const planned: PlannedTable[] = []
    for (const unit of units) planned.push(await unit.plan())
    return planned
  })
}

/** Runs a task. Of several units one that fails leaves the others done; the error has a line for each, `<unit>  <message>`. */
export async function runTableTask(task: TableTask, context: TaskContext, done: Done): Promise<void> {
  if (context.engine.name !== 'duckdb') throw notHere(task, context.engine.name)
  await withWork(task, context, async ({ units, atOnce }) => {
    const { signal } = context
    const failures = await sideBySide(units, atOnce, signal, async (unit) => done(await runUnit(task, unit, context)))
    if (failures.size > 0) throw unitsFailure(failures, units.length === 1, signal)
  })
}

/** Work on tables that another engine than DuckDB was asked for. */
export function notHere({ name, kind }: TableTask, engine: string): MillraceError {
  return new MillraceError(
    'usage',
    `--engine ${engine} is refused: task ${name} (${kind}) works on Iceberg tables, which runs on DuckDB. Leave --engine out; Spark reads and writes the same tables through millrace catalog serve`,
  )
}

async function runUnit(task: TableTask, unit: TableUnit, context: TaskContext): Promise<TableChange | null> {
  const { path, write } = context
  const planned = await unit.plan()
  const { partition } = planned
  if (planned.kind === 'table-later' && !context.dryRun)
    throw new MillraceError('not-found', `task ${task.name}  ${planned.why}`)
  // What a dry run leaves undone before this task is why nothing is done: it is no failure.
  if (
    planned.kind === 'table-later' ||
    (planned.kind === 'table-unchanged' && (planned.done === null || context.dryRun))
  ) {
    const { why } = planned
    await write({ type: 'unchanged', task: task.name, path, partition, consumed: 0, standingFiles: 0, why })
    return null
  }
  if (planned.kind === 'table-unchanged') return await announce(task, partition, planned.done as TableChange, context)
  await announcePlan(planned.plan, context)
  if (context.dryRun) return null
  await context.assertHeld()
  return await announce(task, partition, await unit.change(planned.plan), context)
}

/** Keeps a plan with the run and says what it does. */
export async function announcePlan(plan: TablePlan, context: TaskContext): Promise<void> {
  const { store, run, attempt, path, dryRun, write, onPlan } = context
  onPlan(plan)
  const name = [path, plan.partition, String(attempt)].map((part) => encodeURIComponent(part).slice(0, 80)).join('.')
  const file = dryRun ? null : `${runPath(run)}/plans/${name}.json`
  if (file !== null) await store.replace(file, `${JSON.stringify(plan)}\n`)
  const sum = (name: 'files' | 'rows' | 'bytes'): number =>
    plan.reads.reduce((total, read) => total + Math.max(0, read[name]), 0)
  const figures = { files: sum('files'), rows: sum('rows'), bytes: sum('bytes'), standingFiles: 0, standingRows: 0 }
  const { task, partition } = plan
  const [first] = plan.steps.filter(({ sql, what }) => sql !== null || !what.startsWith('create '))
  const what = first === undefined ? {} : { what: first.what }
  await write({ type: 'task-planned', task, path, partition, plan: file, ...figures, ...what })
}

async function announce(
  task: TableTask,
  partition: string,
  change: TableChange,
  context: TaskContext,
): Promise<TableChange> {
  const { path, write } = context
  await write({ type: 'table-changed', task: task.name, path, partition, ...change })
  return change
}

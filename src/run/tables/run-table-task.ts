/** Plans and runs work on tables: unit by unit, several side by side. */
import type { TableTask } from '../../define/data-task.ts'
import { MillraceError, messageOf, unreachable } from '../../errors.ts'
import type { PlannedTable, TableChange, TablePlan } from '../../types.ts'
import { runPath } from '../run-log.ts'
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

/** Runs a task. Of several units one that fails leaves the others done; gives what failed, by unit. */
export async function runTableTask(task: TableTask, context: TaskContext, done: Done): Promise<Map<string, unknown>> {
  if (context.engine.name !== 'duckdb') throw notHere(task, context.engine.name)
  return await withWork(task, context, async ({ units, atOnce }) => {
    const failures = new Map<string, unknown>()
    const waiting = [...units]
    const work = async (): Promise<void> => {
      for (let unit = waiting.shift(); unit !== undefined; unit = waiting.shift()) {
        try {
          if (context.signal.aborted) throw new MillraceError('cancelled', 'stopped on request')
          done(await runUnit(task, unit, context))
        } catch (error) {
          failures.set(unit.name, error)
          if (context.signal.aborted || units.length === 1) waiting.length = 0
        }
      }
    }
    await Promise.all(Array.from({ length: Math.min(atOnce, units.length) }, work))
    return failures
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
  // What a dry run leaves undone before this task is why: it is no failure.
  if (planned.kind === 'table-later' && context.dryRun) {
    await write({
      type: 'unchanged',
      task: task.name,
      path,
      partition,
      consumed: 0,
      standingFiles: 0,
      why: planned.why,
    })
    return null
  }
  if (planned.kind === 'table-later') throw new MillraceError('not-found', `task ${task.name}  ${planned.why}`)
  if (planned.kind === 'table-unchanged' && (planned.done === null || context.dryRun)) {
    await write({
      type: 'unchanged',
      task: task.name,
      path,
      partition,
      consumed: 0,
      standingFiles: 0,
      why: planned.why,
    })
    return null
  }
  if (planned.kind === 'table-unchanged') return await announce(task, partition, planned.done as TableChange, context)
  await announcePlan(planned.plan, context)
  if (context.dryRun) return null
  await context.assertHeld()
  return await announce(task, partition, await unit.change(planned.plan), context)
}

async function announcePlan(plan: TablePlan, context: TaskContext): Promise<void> {
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

/** The error of a task of which some units failed. */
export function tableFailure(failures: ReadonlyMap<string, unknown>, units: number, signal: AbortSignal): unknown {
  const [first] = failures.values()
  if (units === 1) return first
  if (signal.aborted) return new MillraceError('cancelled', 'stopped on request', { cause: first })
  const lines = [...failures].map(([name, error]) => {
    const message = messageOf(error).replaceAll(/\s*\n\s*/g, ' ')
    return message.startsWith(`${name}  `) ? message : `${name}  ${message}`
  })
  return new MillraceError('units-failed', lines.sort().join('\n'), { cause: first })
}

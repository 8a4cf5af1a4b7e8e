/** Plans and runs work on the root's Glue-shaped catalog: nothing but its entries is written. */

import localGlueCatalog from '../../catalogs/local-glue-catalog.ts'
import type { CatalogTask } from '../../define/data-task.ts'
import { unreachable } from '../../errors.ts'
import type { PlannedTable, TablePlan } from '../../types.ts'
import { whyLater } from '../later.ts'
import { sideBySide, unitsFailure } from '../side-by-side.ts'
import { announcePlan } from '../tables/run-table-task.ts'
import type { PlanningContext, TaskContext } from '../task-context.ts'
import type { CatalogContext, CatalogStep, CatalogWork } from './catalog-work.ts'
import { openRegisterTables } from './register-tables.ts'
import { openRepairPartitions } from './repair-partitions.ts'

async function openWork(task: CatalogTask, context: PlanningContext): Promise<CatalogWork> {
  const { store, signal, path, write } = context
  const warn = async (message: string): Promise<void> =>
    void (await write({ type: 'warning', task: task.name, path, message }))
  const own: CatalogContext = { store, signal, warn, catalog: localGlueCatalog(store) }
  switch (task.kind) {
    case 'register-tables':
      return await openRegisterTables(task, own)
    case 'repair-partitions':
      return await openRepairPartitions(task, own)
    default:
      return unreachable(task)
  }
}

/** Plans a task as it would run now; the catalog is not changed. What an earlier task is still to write is planned later. */
export async function planCatalogTask(task: CatalogTask, context: PlanningContext): Promise<PlannedTable[]> {
  const work = await openWork(task, context).catch((error: unknown) => {
    const why = whyLater(error, context)
    if (why === null) throw error
    return why
  })
  if (typeof work === 'string') return [{ kind: 'table-later', partition: task.database, why: work }]
  const planned: PlannedTable[] = []
  for (const unit of work.units) {
    const step = await unit.plan()
    const partition = `${task.database}.${unit.name}`
    planned.push(
      step.act === null
        ? { kind: 'table-unchanged', partition, why: step.what, done: null }
        : { kind: 'table', partition, plan: planOf(task, partition, step, context.pipeline) },
    )
  }
  return planned
}

/** Runs a task and gives its figures. Of several tables one that fails leaves the others done. */
export async function runCatalogTask(task: CatalogTask, context: TaskContext): Promise<Record<string, number>> {
  const { dryRun, path, write, signal, pipeline } = context
  const unchanged = { type: 'unchanged', task: task.name, path, consumed: 0, standingFiles: 0 } as const
  const work = await openWork(task, context).catch(async (error: unknown) => {
    // What a dry run leaves undone before this task is why: it is no failure.
    const why = dryRun ? whyLater(error, context) : null
    if (why === null) throw error
    await write({ ...unchanged, partition: task.database, why })
    return { units: [], atOnce: 1, figures: {} }
  })
  const figures = { ...work.figures }
  const failures = await sideBySide(work.units, work.atOnce, signal, async (unit) => {
    const partition = `${task.database}.${unit.name}`
    const step = await unit.plan()
    if (step.act === null) await write({ ...unchanged, partition, why: step.what })
    else {
      await announcePlan(planOf(task, partition, step, pipeline), context)
      if (!dryRun) {
        await context.assertHeld()
        await write({ type: 'catalog-changed', task: task.name, path, partition, ...(await step.act()) })
      }
    }
    for (const [name, value] of Object.entries(step.figures)) figures[name] = (figures[name] ?? 0) + value
  })
  if (failures.size > 0) throw unitsFailure(failures, work.units.length === 1, signal)
  return figures
}

function planOf(task: CatalogTask, partition: string, { reads, what }: CatalogStep, pipeline: string): TablePlan {
  return { planVersion: 1, pipeline, task: task.name, partition, reads, steps: [{ what, sql: null }], unreadable: [] }
}

/** Runs a data task: plans each of its units as it stands now, executes and publishes; several units side by side. */
import { type DataTask, type FileTask, isCatalogTask, isTableTask, type TableTask } from '../define/data-task.ts'
import type { CommitCounts, Planned, PlannedTable, PlanUnit, TableChange } from '../types.ts'
import { planCatalogTask, runCatalogTask } from './catalog/run-catalog-task.ts'
import { whyLater } from './later.ts'
import { announcePublished, runPlan } from './run-plan.ts'
import { sideBySide, unitsFailure } from './side-by-side.ts'
import { planTableTask, runTableTask } from './tables/run-table-task.ts'
import type { PlanningContext, TaskContext } from './task-context.ts'
import { unitsOf } from './units.ts'

/** What a task did, summed over its units. */
export type TaskResult = Record<string, number>

const nothingDamaged: ReadonlyMap<string, string> = new Map()

/** Plans a task as it would run now; nothing is written. */
export async function planTask(task: DataTask, context: PlanningContext): Promise<(Planned | PlannedTable)[]> {
  if (isTableTask(task)) return await planTableTask(task, context)
  if (isCatalogTask(task)) return await planCatalogTask(task, context)
  const units = await unitsOrWhy(task, context)
  if (typeof units === 'string') return [{ kind: 'table-later', partition: task.to.path, why: units }]
  const planned: Planned[] = []
  for (const unit of units) planned.push(...(await unit.plan(nothingDamaged)))
  return planned
}

/**
 * Runs a task. Throws what stopped it; what was published before that stays published. Of a task with several units, one
 * that fails leaves the others done; the error has a line for each, `<unit>  <message>`.
 */
export async function runDataTask(task: DataTask, context: TaskContext): Promise<TaskResult> {
  if (isTableTask(task)) return await runOnTables(task, context)
  if (isCatalogTask(task)) return await runCatalogTask(task, context)
  const result = resultOf(task, null, 0)
  const found = context.dryRun ? await unitsOrWhy(task, context) : await unitsOf(task, context)
  if (typeof found === 'string') {
    const nothing = { consumed: 0, standingFiles: 0, partition: task.to.path, why: found }
    await context.write({ type: 'unchanged', task: task.name, path: context.path, ...nothing })
  }
  const units = typeof found === 'string' ? [] : found
  const toCome = new Set(units)
  const failures = await sideBySide(units, unitsAtOnce(task), context.signal, async (unit) => {
    await runUnit(task, unit, toCome, context, (counts, files) => addTo(result, resultOf(task, counts, files)))
  })
  // Of a landing every table is named, also where there is but one.
  const isAlone = units.length === 1 && task.kind !== 'land'
  if (failures.size > 0) throw unitsFailure(failures, isAlone, context.signal)
  return result
}

/** The units; of buckets, whose tables an earlier step may still register, why they are planned later. */
async function unitsOrWhy(task: FileTask, context: PlanningContext): Promise<PlanUnit[] | string> {
  return await unitsOf(task, context).catch((error: unknown) => {
    const why = task.kind === 'bucket-tables' ? whyLater(error, context) : null
    if (why === null) throw error
    return why
  })
}

async function runOnTables(task: TableTask, context: TaskContext): Promise<TaskResult> {
  const result = figuresOf(task, null)
  await runTableTask(task, context, (change) => addTo(result, figuresOf(task, change)))
  return result
}

/** Of tables in buckets two: while one is read for the first time, hashed or published, the other has the engine. */
function unitsAtOnce(task: FileTask): number {
  if (task.kind === 'land') return task.tablesAtOnce
  return task.kind === 'bucket-tables' ? 2 : 1
}

/** Of `toCome`, the units that may yet have a plan, it takes its own. */
async function runUnit(
  task: FileTask,
  unit: PlanUnit,
  toCome: Set<PlanUnit>,
  context: TaskContext,
  add: (counts: CommitCounts | null, files: number) => void,
): Promise<void> {
  const plans = await unit.plan(nothingDamaged).finally(() => toCome.delete(unit))
  for (const planned of plans) {
    if (planned.kind === 'plan') {
      if (!context.dryRun) await unit.prepare?.(context.assertHeld)
      const { counts, files } = await runPlan(planned.plan, unit, { ...context, plansToCome: () => toCome.size })
      add(counts, files)
      continue
    }
    const { partition, consumed, standingFiles, commit: last } = planned
    if (last?.run === context.run && !context.dryRun) {
      // An attempt of this run published it and was stopped before it could say so: the figures are this run's.
      const files = last.partitions.find(({ location }) => location === last.scope)?.files ?? []
      const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
      await announcePublished(task.name, partition, last, { count: standingFiles, bytes }, context)
      add(last.counts, standingFiles)
      continue
    }
    await context.write({ type: 'unchanged', task: task.name, path: context.path, partition, consumed, standingFiles })
    add(null, standingFiles)
  }
  if (!context.dryRun) await unit.finish?.(context.assertHeld)
}

/** What a task says of its work, by the names of its metrics; without counts there was nothing to do. */
function resultOf(task: FileTask, counts: CommitCounts | null, files: number): TaskResult {
  const count = (name: keyof CommitCounts): number => counts?.[name] ?? 0
  switch (task.kind) {
    case 'consolidate':
      return {
        records_processed: count('rowsIn'),
        duplicates_removed: count('duplicates'),
        rows_quarantined: count('quarantined'),
        output_files: files,
      }
    case 'land':
      return {
        tables_landed: counts === null ? 0 : 1,
        rows_landed: count('rowsOut'),
        files_quarantined: count('filesUnreadable'),
      }
    case 'apply-changes':
      return {
        tables_processed: counts === null ? 0 : 1,
        records_processed: count('rowsIn'),
        duplicates_removed: count('duplicates'),
        deletes_read: count('deletes'),
        rows_quarantined: count('quarantined'),
        rows_final: counts === null ? 0 : count('rowsOut'),
        changes_kept: count('changesOut'),
      }
    case 'bucket-tables':
      return {
        tables_bucketed: counts === null ? 0 : 1,
        rows_bucketed: count('rowsOut'),
        files_written: counts === null ? 0 : files,
      }
    case 'fan-out':
      return {
        tables_written: count('tables'),
        rows_read: count('rowsIn'),
        rows_quarantined: count('quarantined'),
        files_written: counts === null ? 0 : files,
      }
  }
}

/** What a task did with one table, by the names of its metrics; null: there was nothing to do. */
function figuresOf(task: TableTask, change: TableChange | null): TaskResult {
  const count = (name: keyof TableChange['counts']): number => change?.counts[name] ?? 0
  const changed = count('inserted') + count('updated') + count('deleted')
  switch (task.kind) {
    case 'ingest':
      return {
        tables_ingested: change?.snapshot == null ? 0 : 1,
        files_ingested: count('files'),
        rows_ingested: count('rowsIn'),
        rows_ingest_changed: changed,
        rows_quarantined: count('quarantined'),
        files_quarantined: count('filesUnreadable'),
      }
    case 'copy-tables':
      return {
        tables_copied: change?.snapshot == null ? 0 : 1,
        rows_copied: count('rowsIn'),
        rows_copy_changed: changed,
      }
    case 'merge-into':
      return {
        rows_joined: count('rowsIn'),
        rows_inserted: count('inserted'),
        rows_updated: count('updated'),
        rows_unchanged: count('unchanged'),
        rows_quarantined: count('quarantined'),
        snapshots: change?.snapshot == null ? 0 : 1,
      }
    case 'sync-changes':
      return {
        rows_synced: changed,
        rows_sync_deleted: count('deleted'),
        sync_conflicts: count('conflicts'),
      }
    case 'maintain':
      return {
        files_compacted: count('files'),
        snapshots_expired: count('snapshotsExpired'),
        orphans_removed: count('orphansRemoved'),
      }
  }
}

function addTo(sum: TaskResult, more: TaskResult): void {
  for (const [name, value] of Object.entries(more)) sum[name] = (sum[name] ?? 0) + value
}

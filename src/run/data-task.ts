/** Runs a data task: plans each of its units as it stands now, executes and publishes; several units side by side. */
import { type DataTask, type FileTask, isTableTask, type TableTask } from '../define/data-task.ts'
import { MillraceError, messageOf } from '../errors.ts'
import type { CommitCounts, Planned, PlannedTable, PlanUnit, TableChange } from '../types.ts'
import { announcePublished, runPlan } from './run-plan.ts'
import { planTableTask, runTableTask, tableFailure } from './tables/run-table-task.ts'
import type { PlanningContext, TaskContext } from './task-context.ts'
import { unitsOf } from './units.ts'

/** What a task did, summed over its units. */
export type TaskResult = Record<string, number>

const nothingDamaged: ReadonlyMap<string, string> = new Map()

/** Plans a task as it would run now; nothing is written. */
export async function planTask(task: DataTask, context: PlanningContext): Promise<(Planned | PlannedTable)[]> {
  if (isTableTask(task)) return await planTableTask(task, context)
  const planned: Planned[] = []
  for (const unit of await unitsOf(task, context)) planned.push(...(await unit.plan(nothingDamaged)))
  return planned
}

/**
 * Runs a task. Throws what stopped it; what was published before that stays published. Of a task with several units, one
 * that fails leaves the others done; the error has a line for each, `<unit>  <message>`.
 */
export async function runDataTask(task: DataTask, context: TaskContext): Promise<TaskResult> {
  if (isTableTask(task)) return await runOnTables(task, context)
  const result = resultOf(task, null, 0)
  const units = await unitsOf(task, context)
  const failures = new Map<string, unknown>()
  const waiting = [...units]
  const work = async (): Promise<void> => {
    for (let unit = waiting.shift(); unit !== undefined; unit = waiting.shift()) {
      try {
        await runUnit(task, unit, context, (counts, files) => addTo(result, resultOf(task, counts, files)))
      } catch (error) {
        failures.set(unit.name, error)
        // Nothing new begins once the run is to stop.
        if (context.signal.aborted || units.length === 1) waiting.length = 0
      }
    }
  }
  await Promise.all(Array.from({ length: unitsAtOnce(task) }, work))
  if (failures.size > 0) throw failureOf(task, units, failures, context.signal)
  return result
}

async function runOnTables(task: TableTask, context: TaskContext): Promise<TaskResult> {
  const result = figuresOf(task, null)
  let units = 0
  const failures = await runTableTask(task, context, (change) => {
    units += 1
    addTo(result, figuresOf(task, change))
  })
  if (failures.size > 0) throw tableFailure(failures, units + failures.size, context.signal)
  return result
}

function unitsAtOnce(task: FileTask): number {
  return task.kind === 'land' ? task.tablesAtOnce : 1
}

async function runUnit(
  task: FileTask,
  unit: PlanUnit,
  context: TaskContext,
  add: (counts: CommitCounts | null, files: number) => void,
): Promise<void> {
  for (const planned of await unit.plan(nothingDamaged)) {
    if (planned.kind === 'plan') {
      const { counts, files } = await runPlan(planned.plan, unit, context)
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

function failureOf(
  task: FileTask,
  units: readonly PlanUnit[],
  failures: Map<string, unknown>,
  signal: AbortSignal,
): unknown {
  const [first] = failures.values()
  if (units.length === 1 && task.kind !== 'land') return first
  if (signal.aborted) return new MillraceError('cancelled', 'stopped on request', { cause: first })
  const lines = [...failures].map(([name, error]) => `${name}  ${messageOf(error).replaceAll(/\s*\n\s*/g, ' ')}`)
  return new MillraceError('units-failed', lines.sort().join('\n'), { cause: first })
}

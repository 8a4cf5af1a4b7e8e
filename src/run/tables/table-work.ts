/** What every kind of work on tables gives: units that are planned and carried out one by one. */
import type { TableTask } from '../../define/data-task.ts'
import type { PlannedTable, TableChange, TablePlan } from '../../types.ts'
import type { PlanningContext } from '../task-context.ts'
import type { WarehouseLease } from './shared-warehouse.ts'

/** One table of a task. `change` does what was planned last; it fails where what was planned from has changed. */
export type TableUnit = {
  name: string
  plan(): Promise<PlannedTable>
  change(plan: TablePlan): Promise<TableChange>
}

/** The units of a task and how many may be at work at once; what they share is closed at the end. */
export type TableWork = { units: TableUnit[]; atOnce: number; close(): Promise<void> }

/** What work on tables is given. */
export type TableContext = PlanningContext & { lease: WarehouseLease; warn(message: string): Promise<void> }

/** What a commit of a run says of itself in its summary, so that a later attempt and other tasks know it. */
export function commitMark({ name, kind }: TableTask, { run }: Pick<TableContext, 'run'>): Record<string, string> {
  return { 'millrace.run': run, 'millrace.task': name, 'millrace.kind': kind }
}

/** No rows yet. */
export const noCounts = { rowsIn: 0, inserted: 0, updated: 0, deleted: 0, unchanged: 0, superseded: 0, quarantined: 0 }

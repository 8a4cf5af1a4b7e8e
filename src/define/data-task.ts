/** The kinds of data tasks. */
import type { ApplyChangesTask } from './apply-changes.ts'
import type { ConsolidateTask } from './consolidate.ts'
import type { CopyTablesTask } from './copy-tables.ts'
import type { IngestTask } from './ingest.ts'
import type { LandTask } from './land.ts'
import type { MaintainTask } from './maintain.ts'
import type { MergeIntoTask } from './merge-into.ts'
import type { SyncChangesTask } from './sync-changes.ts'

/** Planned to a Plan, which any engine executes. */
export type FileTask = ConsolidateTask | LandTask | ApplyChangesTask
/** Work on Iceberg tables and on tables of PostgreSQL, which DuckDB does in this process. */
export type TableTask = IngestTask | CopyTablesTask | MergeIntoTask | SyncChangesTask | MaintainTask
export type DataTask = FileTask | TableTask

const tableKinds: readonly DataTask['kind'][] = ['ingest', 'copy-tables', 'merge-into', 'sync-changes', 'maintain']

/** Whether a task is work on tables. */
export function isTableTask(task: DataTask): task is TableTask {
  return tableKinds.includes(task.kind)
}

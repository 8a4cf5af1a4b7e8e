/** The kinds of data tasks. */
import type { ApplyChangesTask } from './apply-changes.ts'
import type { BucketTablesTask } from './bucket-tables.ts'
import type { ConsolidateTask } from './consolidate.ts'
import type { CopyTablesTask } from './copy-tables.ts'
import type { FanOutTask } from './fan-out.ts'
import type { IngestTask } from './ingest.ts'
import type { LandTask } from './land.ts'
import type { MaintainTask } from './maintain.ts'
import type { MergeIntoTask } from './merge-into.ts'
import type { RegisterTablesTask } from './register-tables.ts'
import type { RepairPartitionsTask } from './repair-partitions.ts'
import type { SyncChangesTask } from './sync-changes.ts'

/** Planned to a Plan, which any engine executes. */
export type FileTask = ConsolidateTask | LandTask | ApplyChangesTask | FanOutTask | BucketTablesTask
/** Work on Iceberg tables and on tables of PostgreSQL, which DuckDB does in this process. */
export type TableTask = IngestTask | CopyTablesTask | MergeIntoTask | SyncChangesTask | MaintainTask
/** Work on the catalog alone: entries are read and written, never rows. */
export type CatalogTask = RegisterTablesTask | RepairPartitionsTask
export type DataTask = FileTask | TableTask | CatalogTask

const tableKinds: readonly DataTask['kind'][] = ['ingest', 'copy-tables', 'merge-into', 'sync-changes', 'maintain']

/** Whether a task is work on tables. */
export function isTableTask(task: DataTask): task is TableTask {
  return tableKinds.includes(task.kind)
}

/** Whether a task is work on the catalog. */
export function isCatalogTask(task: DataTask): task is CatalogTask {
  return task.kind === 'register-tables' || task.kind === 'repair-partitions'
}

/** Everything a pipeline is written with. */
export { z } from 'zod'
export { type CleanRooms, type CleanRoomsOptions, defineCleanRooms } from './cleanrooms/definition.ts'
export { type ApplyChangesTask, applyChanges, type DeleteRule, deleteRules } from './define/apply-changes.ts'
export { type BucketTablesTask, bucketedTables, bucketTables, registeredTables } from './define/bucket-tables.ts'
export type { CallContext, PastRun, RunEnd } from './define/call-context.ts'
export type { ComparisonOperator, Condition } from './define/condition.ts'
export { type Config, defineConfig } from './define/config.ts'
export { type ConsolidateTask, consolidate, newest } from './define/consolidate.ts'
export { type CopyTablesTask, copyTables } from './define/copy-tables.ts'
export type { DataTask } from './define/data-task.ts'
export {
  changeDatasets,
  changeHistory,
  datedFolder,
  dayPartitions,
  dmsFolder,
  landedChanges,
  landedColumns,
  parquetTable,
} from './define/dataset.ts'
export { allColumns, type FanOutTask, fanOut, type SplitSpec, splitSpec } from './define/fan-out.ts'
export { icebergTable, icebergTables, type TableLayout } from './define/iceberg-tables.ts'
export { type IngestTask, ingest, parquetDrops } from './define/ingest.ts'
export { type LandTask, land } from './define/land.ts'
export { type MaintainTask, maintain } from './define/maintain.ts'
export { type MergeIntoTask, mergeInto } from './define/merge-into.ts'
export {
  definePipeline,
  every,
  type LoadContext,
  type Pipeline,
  type PipelineOptions,
  type Read,
  type Sample,
  type SampleCopy,
  type SampleFile,
  type SampleOptions,
  yesterday,
} from './define/pipeline.ts'
export { type PostgresDatabase, postgres, postgresTable, postgresTables } from './define/postgres.ts'
export { type RegisterTablesTask, registerTables } from './define/register-tables.ts'
export { type RepairPartitionsTask, repairPartitions } from './define/repair-partitions.ts'
export { isReservedColumn } from './define/reserved-columns.ts'
export {
  type PartitionedTables,
  partitionedTables,
  type Snapshots,
  type StagedTables,
  snapshots,
  stagedTables,
} from './define/snapshots.ts'
export {
  type CallOptions,
  type CallStep,
  type CatchRule,
  type ChoiceOptions,
  type ChoiceStep,
  type CrawlOptions,
  type CrawlStep,
  call,
  choice,
  crawl,
  type DataStep,
  type FailOptions,
  type FailStep,
  fail,
  type MapOptions,
  type MapStep,
  map,
  type ParallelOptions,
  type ParallelStep,
  type PassOptions,
  type PassStep,
  parallel,
  pass,
  type RetryRule,
  type Step,
  step,
  type TaskOptions,
  type Template,
  withInput,
} from './define/steps.ts'
export { type SyncChangesTask, type SyncConflicts, syncChanges, syncConflicts } from './define/sync-changes.ts'
export { didYouMean, isMissingFile, MillraceError } from './errors.ts'
export {
  type BucketingVersion,
  bucketOf,
  hiveBucketHash,
  hiveRowHash,
} from './formats/hive-bucket.ts'
export { crawlIcebergTables, crawlTables } from './run/crawl.ts'
export { default as processControl, type ProcessControl, type ProcessControlOptions } from './sinks/process-control.ts'
export { default as webhook } from './sinks/webhook.ts'
export type { ReadableStore } from './store.ts'
export { type Alert, type Codec, type Column, codecs, type Json, type Notifier } from './types.ts'

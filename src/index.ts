/** Everything a pipeline is written with. */
export { z } from 'zod'
export { type ApplyChangesTask, applyChanges, type DeleteRule, deleteRules } from './define/apply-changes.ts'
export { type Config, defineConfig } from './define/config.ts'
export { type ConsolidateTask, consolidate, newest } from './define/consolidate.ts'
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
export { type LandTask, land } from './define/land.ts'
export {
  definePipeline,
  every,
  type Pipeline,
  type PipelineOptions,
  type Sample,
  type SampleFile,
  type SampleOptions,
  yesterday,
} from './define/pipeline.ts'
export { didYouMean, MillraceError } from './errors.ts'
export { default as processControl, type ProcessControl, type ProcessControlOptions } from './sinks/process-control.ts'
export { default as webhook } from './sinks/webhook.ts'
export { type Codec, type Column, codecs, type Notifier } from './types.ts'

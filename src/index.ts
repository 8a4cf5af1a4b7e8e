/** Everything a pipeline is written with. */
export { z } from 'zod'
export { type Config, defineConfig } from './define/config.ts'
export { type ConsolidateTask, consolidate, newest } from './define/consolidate.ts'
export { datedFolder, dayPartitions } from './define/dataset.ts'
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
export { MillraceError } from './errors.ts'
export { default as webhook } from './sinks/webhook.ts'
export { type Codec, type Column, codecs, type Notifier } from './types.ts'

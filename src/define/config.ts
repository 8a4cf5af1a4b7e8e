/** The configuration of a project: `millrace.config.ts`. */
import type { Notifier } from '../types.ts'
import type { Pipeline } from './pipeline.ts'

/** Every key is optional; a flag of the command line goes before it. */
export type Config = {
  /** The storage root. */
  root?: string
  env?: string
  engine?: 'duckdb' | 'spark'
  /** Such as `8GB` or `60%` of the machine. */
  memory?: string
  threads?: number
  /** The project's own pipelines, besides those that ship with Millrace. */
  pipelines?: Pipeline[]
  /** External tables: `database.table` → path below the root. */
  tables?: Record<string, string>
  /** Where alerts go besides standard error. */
  notifiers?: Notifier[]
  /** Values for pipelines' parameters: pipeline → parameter → value. */
  params?: Record<string, Record<string, unknown>>
  /** The Python that has PySpark, for `--engine spark`. */
  python?: string
}

export const configKeys = [
  'root',
  'env',
  'engine',
  'memory',
  'threads',
  'pipelines',
  'tables',
  'notifiers',
  'params',
  'python',
] as const

/** Types a configuration. */
export function defineConfig(config: Config): Config {
  return config
}

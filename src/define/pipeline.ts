/** The definition of a pipeline: parameters with a schema, steps in order. */
import * as z from 'zod'
import type { CleanRooms } from '../cleanrooms/definition.ts'
import { MillraceError } from '../errors.ts'
import type { PostgresDatabase } from './postgres.ts'
import type { Step } from './steps.ts'
import { checkSteps } from './walk-steps.ts'

/** When a deployed pipeline runs. */
export type Schedule = { every: string }

/** A query whose result becomes one sample file; `path` is relative to the root. */
export type SampleFile = { path: string; sql: string }
/**
 * `drop` counts deliveries from 0, for pipelines that are fed again and again; `columns` is how many a wide table has.
 * `params` are those given, unchecked.
 */
export type SampleOptions = {
  rows: number
  columns: number
  now: Date
  seed: number
  drop: number
  params: Record<string, unknown>
}
/** Sample input: statements that prepare it, in DuckDB's SQL, and the files; `raw` files are written to the letter. */
export type Sample = {
  prepare: string[]
  files: SampleFile[]
  raw: { path: string; content: string }[]
  postgres?: SamplePostgres
}
/** Rows for tables of PostgreSQL, all in one transaction: its own statements before and after them. */
export type SamplePostgres = { database: PostgresDatabase; before: string[]; copies: SampleCopy[]; after?: string[] }
/** The rows of a query in DuckDB's SQL, for `schema.table`; `upsert` replaces rows of the same key. */
export type SampleCopy = { table: string; columns: string[]; sql: string; mode: 'append' | 'upsert'; key?: string[] }

/**
 * Reads a text file that a definition needs: a path is relative to the working folder, a URL is a shipped file. Of what it throws
 * `isMissingFile` tells whether there is no such file.
 */
export type Read = (file: string | URL) => Promise<string>
/** `only` is the step that runs alone; null: all of them. */
export type LoadContext = { env: string; only: string | null; read: Read }

export type PipelineOptions<Shape extends z.ZodRawShape, Loaded = undefined> = {
  name: string
  description: string
  /** Parameter → Zod schema; a parameter without a default must be given. */
  params: Shape
  /** Parameters that are URLs with a password in them: it is left out of what is recorded, and given again by the configuration. */
  secrets?: (keyof Shape & string)[]
  /** Defaults that depend on when the run starts. */
  defaults?: (now: Date) => Partial<z.input<z.ZodObject<Shape>>>
  /** What is wrong between parameters; nothing when all is well. */
  check?: (params: z.output<z.ZodObject<Shape>>) => string[]
  schedule?: Schedule
  /** The metrics of the closing line, in order. */
  metrics: string[]
  /** Reads what the steps depend on besides the parameters; `retry` reads it again. What it throws is wrong usage. */
  load?: (params: z.output<z.ZodObject<Shape>>, context: LoadContext) => Promise<Loaded>
  /** The steps in order; data tasks alone, in most pipelines. */
  tasks: (params: z.output<z.ZodObject<Shape>>, loaded: NoInfer<Loaded>) => Step[]
  sample?: (options: SampleOptions) => Sample
  /** The clean rooms that its tables are offered in: `millrace cleanrooms`. */
  cleanRooms?: CleanRooms
}

/** A pipeline whose parameters are known only at run time. */
export type Pipeline = {
  name: string
  description: string
  schema: z.ZodObject
  secrets: readonly string[]
  defaults: (now: Date) => Record<string, unknown>
  check: (params: Record<string, unknown>) => string[]
  schedule: Schedule | null
  metrics: string[]
  load: (params: Record<string, unknown>, context: LoadContext) => Promise<unknown>
  tasks: (params: Record<string, unknown>, loaded: unknown) => Step[]
  sample: ((options: SampleOptions) => Sample) | null
  cleanRooms: CleanRooms | null
}

/** Defines a pipeline. Throws `usage` for a name that cannot be a folder and a state machine's name. */
export function definePipeline<Shape extends z.ZodRawShape, Loaded = undefined>(
  options: PipelineOptions<Shape, Loaded>,
): Pipeline {
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(options.name)) {
    throw new MillraceError(
      'usage',
      `pipeline name ${JSON.stringify(options.name)} is refused: expected lower-case letters, digits and "-", at most 63`,
    )
  }
  type Params = z.output<z.ZodObject<Shape>>
  return {
    name: options.name,
    description: options.description,
    schema: z.strictObject(options.params),
    secrets: options.secrets ?? [],
    defaults: options.defaults ?? (() => ({})),
    check: (params) => options.check?.(params as Params) ?? [],
    schedule: options.schedule ?? null,
    metrics: options.metrics,
    load: async (params, context) => await options.load?.(params as Params, context),
    tasks: (params, loaded) => checkSteps(options.name, options.tasks(params as Params, loaded as Loaded)),
    sample: options.sample ?? null,
    cleanRooms: options.cleanRooms ?? null,
  }
}

/** The schedule of a deployed pipeline: `every('6 hours')`. */
export function every(interval: string): Schedule {
  if (!/^\d+ (minute|hour|day|week)s?$/.test(interval)) {
    throw new MillraceError(
      'usage',
      `schedule ${JSON.stringify(interval)} is refused: expected a rate such as "6 hours"`,
    )
  }
  return { every: interval }
}

/** The UTC date before the day of `now`, as YYYY-MM-DD. */
export function yesterday(now: Date): string {
  return new Date(now.getTime() - 86_400_000).toISOString().slice(0, 10)
}

/** The definition of a pipeline: parameters with a schema, tasks in order. */
import * as z from 'zod'
import { MillraceError } from '../errors.ts'
import type { DataTask } from './data-task.ts'

/** A step of a pipeline. */
export type Task = DataTask

/** When a deployed pipeline runs. */
export type Schedule = { every: string }

/** A query whose result becomes one sample file; `path` is relative to the root. */
export type SampleFile = { path: string; sql: string }
export type SampleOptions = { rows: number; now: Date; seed: number }
/** Sample input: statements that prepare it, in DuckDB's SQL, and the files; `raw` files are written to the letter. */
export type Sample = { prepare: string[]; files: SampleFile[]; raw: { path: string; content: string }[] }

export type PipelineOptions<Shape extends z.ZodRawShape> = {
  name: string
  description: string
  /** Parameter → Zod schema; a parameter without a default must be given. */
  params: Shape
  /** Defaults that depend on when the run starts. */
  defaults?: (now: Date) => Partial<z.input<z.ZodObject<Shape>>>
  /** What is wrong between parameters; nothing when all is well. */
  check?: (params: z.output<z.ZodObject<Shape>>) => string[]
  schedule?: Schedule
  /** The metrics of the closing line, in order. */
  metrics: string[]
  tasks: (params: z.output<z.ZodObject<Shape>>) => Task[]
  sample?: (options: SampleOptions) => Sample
}

/** A pipeline whose parameters are known only at run time. */
export type Pipeline = {
  name: string
  description: string
  schema: z.ZodObject
  defaults: (now: Date) => Record<string, unknown>
  check: (params: Record<string, unknown>) => string[]
  schedule: Schedule | null
  metrics: string[]
  tasks: (params: Record<string, unknown>) => Task[]
  sample: ((options: SampleOptions) => Sample) | null
}

/** Defines a pipeline. Throws `usage` for a name that cannot be a folder and a state machine's name. */
export function definePipeline<Shape extends z.ZodRawShape>(options: PipelineOptions<Shape>): Pipeline {
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
    defaults: options.defaults ?? (() => ({})),
    check: (params) => options.check?.(params as Params) ?? [],
    schedule: options.schedule ?? null,
    metrics: options.metrics,
    tasks: (params) => checkNames(options.name, options.tasks(params as Params)),
    sample: options.sample ?? null,
  }
}

function checkNames(pipeline: string, tasks: Task[]): Task[] {
  const names = tasks.map(({ name }) => name)
  const twin = names.find((name, index) => names.indexOf(name) !== index)
  if (twin !== undefined) throw new MillraceError('usage', `pipeline ${pipeline}  two tasks are named ${twin}`)
  const bad = names.find((name) => !/^[A-Za-z0-9][A-Za-z0-9_-]{0,79}$/.test(name))
  if (bad !== undefined)
    throw new MillraceError(
      'usage',
      `pipeline ${pipeline}  task name ${JSON.stringify(bad)} is refused: expected letters, digits, "-" and "_", at most 80`,
    )
  return tasks
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

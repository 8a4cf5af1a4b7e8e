/**
 * The steps of a pipeline. Each compiles to a state of the Amazon States Language with the same fields, in camel case:
 * paths are JSONPath, templates have keys that end in `.$`. `{env}` in a resource's name is the environment.
 */
import { MillraceError } from '../errors.ts'
import type { Json } from '../types.ts'
import type { CallContext, RunEnd } from './call-context.ts'
import type { Condition } from './condition.ts'
import type { DataTask } from './data-task.ts'

/** Anything that `tasks` of a pipeline may list. */
export type Step =
  | DataTask
  | DataStep
  | CallStep
  | PassStep
  | MapStep
  | ParallelStep
  | ChoiceStep
  | FailStep
  | CrawlStep

/** A payload template. */
export type Template = { [key: string]: Json }

/** Which errors are tried again. Missing: 1 second, 3 retries, rate 2, no greatest delay, no jitter. */
export type RetryRule = {
  /** Error names such as `States.TaskFailed`, or `States.ALL` alone. */
  errors: string[]
  intervalSeconds?: number | undefined
  /** Retries, the first try not counted. */
  maxAttempts?: number | undefined
  backoffRate?: number | undefined
  maxDelaySeconds?: number | undefined
  /** Waits some random part of the delay. */
  jitter?: boolean | undefined
}

/** What happens instead of failing: the steps run, then those after the guarded step, unless they end with `fail`. */
export type CatchRule = {
  errors: string[]
  /** Where the handler finds `{ Error, Cause }`; by default they are its whole input. */
  resultPath?: string | null | undefined
  steps: Step[]
}

/** What every step may have. */
export type StepOptions = {
  /** The state's name where it is not the step's: any text of at most 80 characters. */
  state?: string | undefined
  /** Names of steps whose output this one works on: `--only` runs them too. */
  needs?: string[] | undefined
}
export type PathOptions = { inputPath?: string | null | undefined; outputPath?: string | null | undefined }
export type ResultOptions = { resultPath?: string | null | undefined; resultSelector?: Template | undefined }
export type GuardOptions = { retry?: RetryRule[] | undefined; catch?: CatchRule[] | undefined }
/** What a step that works, alone or through others, may have. */
export type WorkOptions = StepOptions & PathOptions & ResultOptions & GuardOptions
/** What a step that is one piece of work may have. `timeoutSeconds` is for each try. */
export type TaskOptions = WorkOptions & { timeoutSeconds?: number | undefined }

/** A data task as a state. `task` is null where it is known only with an input; `bind` makes it. */
export type DataStep = TaskOptions & {
  kind: 'data'
  name: string
  jobName?: string | undefined
  task: DataTask | null
  bind: (input: Json) => DataTask
}

/** A data task with the options of its state. The state hands on its input; `resultPath` may place the job's run there. */
export function step(task: DataTask, options: TaskOptions): DataStep {
  return { kind: 'data', name: task.name, jobName: task.jobName, task, bind: () => task, ...options }
}

/** A data task for each input of its state, as in a Map: `bind` makes it, here and in the job on AWS. */
export function withInput(
  name: string,
  options: TaskOptions & { jobName?: string | undefined; bind: (input: Json) => DataTask },
): DataStep {
  return { kind: 'data', name, task: null, ...options }
}

export type CallOptions = TaskOptions & {
  functionName: string
  /** What the function gets: a path or a template; by default the state's input. */
  payload?: string | Template | undefined
  /** It changes nothing anywhere, so `plan` may run it. */
  isReadOnly?: boolean | undefined
  run: (input: Json, context: CallContext) => Promise<Json>
  /** Runs at the start of each later attempt, if this call succeeded before: what `onRunEnd` closed is opened again. */
  onRetry?: ((output: Json, context: CallContext) => Promise<void>) | undefined
  /** Runs at the end of each attempt, if this call succeeded: what it opened is closed in any case. */
  onRunEnd?: ((output: Json, end: RunEnd, context: CallContext) => Promise<void>) | undefined
}
export type CallStep = CallOptions & { kind: 'call'; name: string }

/** A function: on AWS a Lambda. The state's result is `{ ExecutedVersion, Payload, StatusCode }`, as there. */
export function call(name: string, options: CallOptions): CallStep {
  return { kind: 'call', name, ...options }
}

export type PassOptions = StepOptions &
  PathOptions & { resultPath?: string | null | undefined; result?: Json; parameters?: Template | undefined }
export type PassStep = PassOptions & { kind: 'pass'; name: string }

/** Hands on its input, a fixed result, or a template of both. */
export function pass(name: string, options: PassOptions = {}): PassStep {
  return { kind: 'pass', name, ...options }
}

export type MapOptions = WorkOptions & {
  /** The path of the list; by default the input is it. */
  items?: string | undefined
  itemSelector?: Template | undefined
  /** How many items at once; by default all. */
  maxConcurrency?: number | undefined
  /** How a person knows an item; by default a text is its own name, anything else a number. */
  label?: ((item: Json) => string) | undefined
  steps: Step[]
}
export type MapStep = MapOptions & { kind: 'map'; name: string }

/** The steps for every item of a list. Throws `usage` when there are none. */
export function map(name: string, options: MapOptions): MapStep {
  needSteps(`map ${name}`, options.steps)
  return { kind: 'map', name, ...options }
}

export type ParallelOptions = WorkOptions & { parameters?: Template | undefined; branches: Step[][] }
export type ParallelStep = ParallelOptions & { kind: 'parallel'; name: string }

/** Branches side by side, each with the state's input; the result is the list of theirs. Throws `usage` for an empty one. */
export function parallel(name: string, options: ParallelOptions): ParallelStep {
  needSteps(`parallel ${name}`, options.branches)
  for (const [index, branch] of options.branches.entries()) needSteps(`parallel ${name}, branch ${index}`, branch)
  return { kind: 'parallel', name, ...options }
}

export type ChoiceOptions = StepOptions &
  PathOptions & { choices: { when: Condition; steps: Step[] }[]; otherwise?: Step[] | undefined }
export type ChoiceStep = ChoiceOptions & { kind: 'choice'; name: string }

/** The steps of the first condition that holds, then those after the choice. Throws `usage` without a condition. */
export function choice(name: string, options: ChoiceOptions): ChoiceStep {
  needSteps(`choice ${name}`, options.choices, 'condition')
  return { kind: 'choice', name, ...options }
}

export type FailOptions = StepOptions & {
  error?: string | undefined
  cause?: string | undefined
  /** A path or an intrinsic function instead of `cause`. */
  causePath?: string | undefined
}
export type FailStep = FailOptions & { kind: 'fail'; name: string }

/** Ends the machine, the item or the branch with an error. */
export function fail(name: string, options: FailOptions = {}): FailStep {
  return { kind: 'fail', name, ...options }
}

export type CrawlOptions = TaskOptions & { crawlerName: string; run: (context: CallContext) => Promise<Json> }
export type CrawlStep = CrawlOptions & { kind: 'crawl'; name: string }

/** A crawler of the catalog; here a function. The state hands on its input. */
export function crawl(name: string, options: CrawlOptions): CrawlStep {
  return { kind: 'crawl', name, ...options }
}

function needSteps(where: string, list: readonly unknown[], noun = 'step'): void {
  if (list.length === 0) throw new MillraceError('usage', `${where} has no ${noun}; expected at least one`)
}

/** The task of a step for an input. Throws `usage` when it is another one than the step names. */
export function bindTask(step: DataStep, input: Json): DataTask {
  const task = step.bind(input)
  if (task.name === step.name) return task
  throw new MillraceError('usage', `task ${step.name}  bind gave a task named ${task.name}; expected the same name`)
}

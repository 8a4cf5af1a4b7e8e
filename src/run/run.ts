/** Runs a pipeline: lock, recovery, the state machine task by task, the end. */
import { randomBytes } from 'node:crypto'
import { parseParams } from '../define/params.ts'
import type { Pipeline, Task } from '../define/pipeline.ts'
import { didYouMean, MillraceError, messageOf } from '../errors.ts'
import { type Event, foldRun, type RunEvent, type RunState } from '../events.ts'
import { compileStateMachine } from '../plan/state-machine.ts'
import type { Alert, Engine, Json, Notifier, Plan, Progress, Store } from '../types.ts'
import { checkStateMachine } from './asl/check.ts'
import { interpret } from './asl/interpret.ts'
import type { StateEvent } from './asl/types.ts'
import { recover } from './commits.ts'
import { runDataTask, type TaskContext, type TaskResult } from './data-task.ts'
import { takeLock } from './lock.ts'
import { thisProcess } from './process.ts'
import { openRunLog, readEvents } from './run-log.ts'

export type RunOptions = {
  store: Store
  pipeline: Pipeline
  engine: Engine
  env: string
  dryRun: boolean
  /** The one task to run; null for all. */
  only: string | null
  /** `database.table` → path below the root. */
  external: Record<string, string>
  notifiers: Notifier[]
  memoryBytes: number
  threads: number
  waitMs: number
  version: string
  signal: AbortSignal
  now: Date
  onEvent: (event: RunEvent) => void
  onProgress: (task: string, progress: Progress) => void
  onPlan: (plan: Plan) => void
  onWait: (holder: string) => void
}

/** Starts a run with parameters as given (text or typed). Gives the run's state at its end; a failed run does not throw. */
export async function startRun(options: RunOptions, given: Record<string, unknown>): Promise<RunState> {
  const { pipeline, now } = options
  const params = resolveParams(pipeline, given, now)
  const run = `${pipeline.name}-${now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')}-${randomBytes(3).toString('hex')}`
  return await attemptRun(options, run, params)
}

/** Goes on with a run that did not succeed: its parameters, after its last finished task. Throws `usage` if it succeeded. */
export async function retryRun(options: RunOptions, run: string): Promise<RunState> {
  const events = await readEvents(options.store, run)
  const state = foldRun(events)
  if (state === null) throw new MillraceError('not-found', `run ${run} has no events`)
  refuseSucceeded(state)
  return await attemptRun({ ...options, env: state.env, dryRun: state.dryRun, only: state.only }, run, state.params)
}

function refuseSucceeded(state: RunState | null): void {
  if (state?.status.startsWith('succeeded')) {
    throw new MillraceError(
      'usage',
      `run ${state.run} has ${state.status}; there is nothing to retry. Start a new one with millrace run ${state.pipeline}`,
    )
  }
}

/** A pipeline's parameters with its defaults at a time. Throws `usage`. */
export function resolveParams(pipeline: Pipeline, given: Record<string, unknown>, now: Date): Record<string, Json> {
  const params = parseParams(pipeline.schema, given, pipeline.defaults(now))
  const problems = pipeline.check(params)
  if (problems.length > 0) throw new MillraceError('usage', problems.join('\n'))
  return params as Record<string, Json>
}

async function attemptRun(options: RunOptions, run: string, params: Record<string, Json>): Promise<RunState> {
  const { store, pipeline, dryRun, signal } = options
  const tasks = chosenTasks(pipeline, params, options.only)
  // A dry run writes nothing but its own log, so it can neither hold a lock nor need one.
  const lock = dryRun
    ? null
    : await takeLock(store, pipeline.name, run, { waitMs: options.waitMs, signal, onWait: options.onWait })
  try {
    // Read with the lock held: another retry may have gone on with the run meanwhile.
    const past = await readEvents(store, run)
    refuseSucceeded(foldRun(past))
    const events = [...past]
    const attempt = 1 + past.filter(({ type }) => type === 'run-started').length
    const log = openRunLog(store, run, attempt, (event) => {
      events.push(event)
      options.onEvent(event)
    })
    const assertHeld = lock?.assertHeld ?? (async () => {})
    await runAttempt({ ...options, run, attempt, params, tasks, events, assertHeld, write: log.write })
    return foldRun(events) as RunState
  } finally {
    // What this attempt left staged: dropped, or finished where it was decided. What fails here the next command does.
    if (lock !== null) await recover(store, pipeline.name).catch(() => {})
    // Where the release cannot be written (a full disk), the lock is free as soon as this process has ended.
    await lock?.release().catch(() => {})
  }
}

type Attempt = RunOptions & {
  run: string
  attempt: number
  params: Record<string, Json>
  tasks: Task[]
  events: RunEvent[]
  assertHeld: () => Promise<void>
  write: (event: Event) => Promise<RunEvent>
}

async function runAttempt(attempt: Attempt): Promise<void> {
  const { store, pipeline, params, env, dryRun, only, engine, write } = attempt
  const startedMs = performance.now()
  await write({
    type: 'run-started',
    pipeline: pipeline.name,
    attempt: attempt.attempt,
    params,
    env,
    engine: engine.name,
    dryRun,
    only,
    process: thisProcess(),
    version: attempt.version,
  })
  let error: unknown = null
  try {
    if (!dryRun) for (const message of await recover(store, pipeline.name)) await write({ type: 'recovered', message })
    await runStates(attempt)
  } catch (thrown) {
    error = thrown
  }
  await finish(attempt, error, (performance.now() - startedMs) / 1000)
}

/** Interprets the compiled state machine; a task that an earlier attempt finished gives what it gave then. */
async function runStates(attempt: Attempt): Promise<void> {
  const { pipeline, tasks, params, run, env, now, signal, write } = attempt
  const definition = checkStateMachine(compileStateMachine(pipeline, tasks, env))
  const exits = exitedStates(attempt.events)
  const failures = new Map<string, unknown>()
  let writing: Promise<unknown> = Promise.resolve()
  const inOrder = (event: Event): void => {
    writing = writing.then(() => write(event))
    writing.catch(() => {}) // it is waited for below; until then a failure must not end the process
  }
  try {
    await interpret(definition, {
      input: params,
      execution: { id: run, name: run, startTime: now.toISOString() },
      stateMachineName: pipeline.name,
      signal,
      recorded: (path) => exits.get(path),
      on: (event) => logged(event).forEach(inOrder),
      invoke: async ({ parameters, path, signal: stop }) => {
        const name = taskNamed(parameters)
        const task = tasks.find((candidate) => candidate.name === name) as Task
        try {
          return await runTask({ ...attempt, signal: stop }, task, path)
        } catch (error) {
          failures.set(path, error)
          await write({ type: 'task-failed', task: name, path, error: messageOf(error), code: codeOf(error) })
          throw error
        }
      },
    })
  } catch (error) {
    // The interpreter speaks in error names; what went wrong is the task's own error.
    throw [...failures.values()].at(-1) ?? error
  }
  await writing
}

/** What the log keeps of the interpreter's events: enough to go on later. */
function logged(event: StateEvent): Event[] {
  if (event.kind === 'state-exited') {
    return [{ type: 'state-exited', path: event.path, output: event.output, next: event.next ?? null }]
  }
  if (event.kind !== 'state-retried') return []
  const { path, name, attempt, cause, delayMs } = event
  return [{ type: 'task-retried', task: name, path, attempt, error: cause, delayMs }]
}

function exitedStates(events: readonly RunEvent[]): Map<string, { output: Json; next?: string }> {
  const exits = new Map<string, { output: Json; next?: string }>()
  for (const event of events) {
    if (event.type !== 'state-exited') continue
    exits.set(event.path, event.next === null ? { output: event.output } : { output: event.output, next: event.next })
  }
  return exits
}

function taskNamed(parameters: Json): string {
  const call = parameters as { Arguments: Record<string, string> }
  return call.Arguments['--TASK'] as string
}

async function runTask(attempt: Attempt, task: Task, path: string): Promise<Json> {
  const startedMs = performance.now()
  await attempt.write({ type: 'task-started', task: task.name, path })
  const context: TaskContext = {
    ...attempt,
    pipeline: attempt.pipeline.name,
    path,
    onProgress: (progress) => attempt.onProgress(task.name, progress),
  }
  const output: TaskResult = await runDataTask(task, context)
  const seconds = (performance.now() - startedMs) / 1000
  await attempt.write({ type: 'task-finished', task: task.name, path, output, seconds })
  return output
}

async function finish(attempt: Attempt, error: unknown, seconds: number): Promise<void> {
  const { write, events } = attempt
  const state = foldRun(events) as RunState
  const isCancelled = attempt.signal.aborted && error !== null
  const status = isCancelled
    ? 'cancelled'
    : error !== null
      ? 'failed'
      : state.warnings.length > 0
        ? 'succeeded with warnings'
        : 'succeeded'
  const message =
    error === null ? null : isCancelled ? 'stopped on request; nothing half done was published' : messageOf(error)
  if (!attempt.dryRun && (status === 'failed' || status === 'succeeded with warnings')) {
    const messages = message === null ? state.warnings : [message, ...state.warnings]
    await alert(attempt, { pipeline: state.pipeline, run: state.run, status, messages })
  }
  await write({ type: 'run-finished', status, seconds, metrics: sumMetrics(attempt, seconds), error: message })
}

/** The pipeline's metrics, summed over its tasks, and how long the run took. */
function sumMetrics({ pipeline, events }: Attempt, seconds: number): Record<string, number> {
  const outputs = new Map<string, Record<string, number>>()
  for (const event of events)
    if (event.type === 'task-finished') outputs.set(event.path, event.output as Record<string, number>)
  return Object.fromEntries(
    pipeline.metrics.map((name) => {
      if (name === 'duration_seconds') return [name, Math.round(seconds * 100) / 100]
      return [name, [...outputs.values()].reduce((sum, output) => sum + (output[name] ?? 0), 0)]
    }),
  )
}

async function alert({ notifiers, write }: Attempt, content: Alert): Promise<void> {
  for (const notifier of notifiers) {
    let error: string | null = null
    try {
      await notifier.notify(content)
    } catch (thrown) {
      error = messageOf(thrown)
    }
    await write({ type: 'alert-sent', notifier: notifier.name, error })
  }
}

function codeOf(error: unknown): string {
  return error instanceof MillraceError ? error.code : 'unexpected'
}

/** The tasks to run. Throws `usage` naming the tasks there are. */
export function chosenTasks(pipeline: Pipeline, params: Record<string, Json>, only: string | null): Task[] {
  const tasks = pipeline.tasks(params)
  if (only === null) return tasks
  const chosen = tasks.filter(({ name }) => name === only)
  if (chosen.length > 0) return chosen
  const names = tasks.map(({ name }) => name)
  throw new MillraceError(
    'usage',
    `--only ${only} is no task of ${pipeline.name} (${names.join(', ')})${didYouMean(only, names)}`,
  )
}

/** Runs a pipeline: lock, recovery, the state machine, the end. */
import { randomBytes } from 'node:crypto'
import { isTableTask } from '../define/data-task.ts'
import { parseParams } from '../define/params.ts'
import type { Pipeline } from '../define/pipeline.ts'
import type { Step } from '../define/steps.ts'
import { allSteps } from '../define/walk-steps.ts'
import { MillraceError, messageOf } from '../errors.ts'
import { type Event, foldRun, type RunEvent, type RunState } from '../events.ts'
import { compileStateMachine } from '../plan/state-machine.ts'
import { thisProcess } from '../process.ts'
import type { Json } from '../types.ts'
import { sendAlert } from './alert.ts'
import { checkStateMachine } from './asl/check.ts'
import type { Attempt, RunOptions } from './attempt.ts'
import { closeCalls, outputsOf, reopenCalls } from './call-hooks.ts'
import { spillPath } from './commits.ts'
import { loadSteps } from './load-steps.ts'
import { takeLock } from './lock.ts'
import { recover, recoverOthers } from './recovery.ts'
import { openRunLog, readEvents } from './run-log.ts'
import { runStates } from './states.ts'
import { notHere } from './tables/run-table-task.ts'
import { sharedWarehouse } from './tables/shared-warehouse.ts'

export type { RunOptions } from './attempt.ts'

/** Starts a run with parameters as given (text or typed). Gives the run's state at its end; a failed run does not throw. */
export async function startRun(options: RunOptions, given: Record<string, unknown>): Promise<RunState> {
  const { pipeline, now } = options
  const params = resolveParams(pipeline, given, now)
  const run = `${pipeline.name}-${now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')}-${randomBytes(3).toString('hex')}`
  return await attemptRun(options, run, params)
}

/**
 * Goes on with a run that did not succeed: its parameters, after its finished tasks; secrets are what is given now. Throws
 * `usage` if it succeeded.
 */
export async function retryRun(
  options: RunOptions,
  run: string,
  given: Record<string, unknown> = {},
): Promise<RunState> {
  const events = await readEvents(options.store, run)
  const state = foldRun(events)
  if (state === null) throw new MillraceError('not-found', `run ${run} has no events`)
  refuseSucceeded(state)
  const { secrets } = options.pipeline
  const secret = Object.fromEntries(Object.entries(given).filter(([name]) => secrets.includes(name)))
  const params = { ...state.params, ...secret } as Record<string, Json>
  return await attemptRun({ ...options, env: state.env, dryRun: state.dryRun, only: state.only }, run, params)
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

/** Parameters as they may be written down: a URL without its password. */
export function recordedParams({ secrets }: Pipeline, params: Record<string, Json>): Record<string, Json> {
  const open = (value: Json): Json => {
    if (typeof value !== 'string') return value
    const url = URL.canParse(value) ? new URL(value) : null
    // What has no host is no URL as it was meant, and may have its password anywhere.
    if (url === null || url.host === '' || !value.startsWith(`${url.protocol}//`)) return '(not recorded)'
    url.password = ''
    for (const name of ['password', 'sslpassword']) url.searchParams.delete(name)
    return url.href
  }
  return Object.fromEntries(
    Object.entries(params).map(([name, value]) => [name, secrets.includes(name) ? open(value) : value]),
  )
}

async function attemptRun(options: RunOptions, run: string, params: Record<string, Json>): Promise<RunState> {
  const { store, pipeline, dryRun, signal } = options
  const { steps, everyStep } = await loadSteps(pipeline, params, options)
  const definition = checkStateMachine(compileStateMachine(pipeline, steps, options.env))
  checkEngine(steps, options.engine.name)
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
    await runAttempt({
      ...options,
      run,
      attempt,
      params: recordedParams(pipeline, params),
      steps,
      everyStep,
      definition,
      events,
      assertHeld,
      tables: sharedWarehouse({ ...options, spill: dryRun ? null : spillPath(pipeline.name, run) }),
      write: oneByOne(log.write),
    })
    return foldRun(events) as RunState
  } finally {
    await options.engine.close?.()
    // What this attempt left staged: dropped, or finished where it was decided. What fails here the next command does.
    if (lock !== null) await recover(store, pipeline.name).catch(() => {})
    // Where the release cannot be written (a full disk), the lock is free as soon as this process has ended.
    await lock?.release().catch(() => {})
  }
}

/** Throws `usage` where a task works on tables and another engine than DuckDB was asked for, before anything begins. */
function checkEngine(steps: readonly Step[], engine: string): void {
  if (engine === 'duckdb') return
  for (const { step } of allSteps(steps)) {
    if (step.kind === 'data' && step.task !== null && isTableTask(step.task)) throw notHere(step.task, engine)
  }
}

/** Tasks at work side by side write too; the log has the order of the calls. */
function oneByOne(write: (event: Event) => Promise<RunEvent>): (event: Event) => Promise<RunEvent> {
  let last: Promise<unknown> = Promise.resolve()
  return (event) => {
    const written = last.then(() => write(event))
    last = written.catch(() => {}) // whoever wrote it is told
    return written
  }
}

async function runAttempt(attempt: Attempt): Promise<void> {
  const { pipeline, params, env, dryRun, only, engine, write } = attempt
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
    if (!dryRun) await mend(attempt)
    await reopenCalls(attempt)
    await runStates(attempt)
  } catch (thrown) {
    error = thrown
  }
  await finish(attempt, error, (performance.now() - startedMs) / 1000)
}

async function mend(attempt: Attempt): Promise<void> {
  const { store, pipeline, write } = attempt
  const own = await recover(store, pipeline.name)
  const others = await recoverOthers(store, pipeline.name, attempt)
  for (const message of [...own, ...others]) await write({ type: 'recovered', message })
}

async function finish(attempt: Attempt, error: unknown, seconds: number): Promise<void> {
  const { write, events } = attempt
  const status = error === null ? null : attempt.signal.aborted ? 'cancelled' : 'failed'
  const message = status === 'cancelled' ? 'stopped on request; nothing half done was published' : messageOf(error)
  await closeCalls(attempt, { status: status ?? 'succeeded', error: status === null ? null : message })
  const { warnings } = foldRun(events) as RunState
  const ended = status ?? (warnings.length > 0 ? 'succeeded with warnings' : 'succeeded')
  if (!attempt.dryRun && (ended === 'failed' || ended === 'succeeded with warnings')) {
    const messages = status === null ? warnings : [message, ...warnings]
    const content = { pipeline: attempt.pipeline.name, run: attempt.run, status: ended, messages }
    await sendAlert(attempt.notifiers, write, content)
  }
  const metrics = sumMetrics(attempt, seconds)
  await write({ type: 'run-finished', status: ended, seconds, metrics, error: status === null ? null : message })
}

/** The pipeline's metrics, summed over its data tasks, and how long the run took. */
function sumMetrics({ pipeline, steps, events }: Attempt, seconds: number): Record<string, number> {
  const names = allSteps(steps).flatMap(({ step }) => (step.kind === 'data' ? [step.name] : []))
  const outputs = outputsOf(events).filter(({ task }) => names.includes(task))
  return Object.fromEntries(
    pipeline.metrics.map((name) => {
      if (name === 'duration_seconds') return [name, Math.round(seconds * 100) / 100]
      return [name, outputs.reduce((sum, { output }) => sum + ((output as Record<string, number>)[name] ?? 0), 0)]
    }),
  )
}

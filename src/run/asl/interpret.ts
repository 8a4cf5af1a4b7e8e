/**
 * Runs a state machine as AWS Step Functions would: a Standard workflow in the JSONPath query language.
 * Sources: the States Language specification, the Step Functions developer guide.
 */
import { setImmediate } from 'node:timers/promises'
import { assert } from '../../errors.ts'
import type { Json } from '../../types.ts'
import type { Work } from './branches.ts'
import { checkStateMachine } from './check.ts'
import { systemClock } from './clock.ts'
import { ExecutionFailed, failureOf, StateFailure, StatesError } from './errors.ts'
import { carried, placeResult } from './payload.ts'
import { performState } from './perform.ts'
import { catcherFor, retryCounter } from './retry.ts'
import { type Exit, linkedController, pathName, type Run, type Scope, type Visit } from './run.ts'
import type { Catcher, InterpretOptions, RecordedExit, Retrier, State, StateMachine } from './types.ts'

/**
 * Runs the machine to its end and gives its output. Throws `AslError` before anything runs, `ExecutionFailed`, or the
 * reason of `signal`. When it is over no task is running any more, unless one ignored its signal for `settleMs`.
 */
export async function interpret(definition: StateMachine, options: InterpretOptions): Promise<Json> {
  const machine = checkStateMachine(definition)
  const run = prepare(options)
  const { controller, unlink } = linkedController(options.signal ?? new AbortController().signal)
  const timer = new AbortController()
  const timedOut = new StatesError('States.Timeout', `longer than TimeoutSeconds ${machine.TimeoutSeconds}`)
  try {
    const input = carried('the input of the execution', options.input)
    if (machine.TimeoutSeconds !== undefined) {
      const ends = run.clock.sleep(machine.TimeoutSeconds * 1000, timer.signal)
      ends.then(
        () => controller.abort(timedOut),
        () => undefined, // the machine ended first
      )
    }
    const scope = { graph: machine, prefix: '', signal: controller.signal, progress: { isFresh: false } }
    return await runGraph(run, scope, input)
  } catch (thrown) {
    options.signal?.throwIfAborted()
    const { failure, path } = failureOf(controller.signal.aborted ? controller.signal.reason : thrown, '')
    throw new ExecutionFailed(failure, path)
  } finally {
    timer.abort()
    unlink()
  }
}

function prepare(options: InterpretOptions): Run {
  const { id, name, startTime } = options.execution
  return {
    invoke: (call) => options.invoke(call),
    on: (event) => options.on(event),
    recorded: (path) => options.recorded?.(path),
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
    settleMs: options.settleMs ?? 30_000, // a query that is asked to stop does so within seconds
    execution: { Id: id, Name: name, Input: options.input, StartTime: startTime },
    stateMachine: { Id: options.stateMachineName, Name: options.stateMachineName },
  }
}

const visitsPerTurn = 100 // states that never wait must not keep timers, and so timeouts and Ctrl-C, from their turn

/** Runs states from StartAt to the end. */
async function runGraph(run: Run, scope: Scope, input: Json): Promise<Json> {
  const visits = new Map<string, number>()
  let exit: Exit = { output: input, next: scope.graph.StartAt }
  for (let count = 1; exit.next !== undefined; count += 1) {
    if (count % visitsPerTurn === 0) await setImmediate()
    scope.signal.throwIfAborted()
    const name: string = exit.next
    const state = scope.graph.States[name]
    assert(state !== undefined, `there is no state ${name} to go to`)
    const nth = (visits.get(name) ?? 0) + 1
    visits.set(name, nth)
    const path = `${scope.prefix}${pathName(name)}${nth === 1 ? '' : `#${nth}`}`
    exit = await visitState(
      run,
      scope,
      { name, state, path, enteredTime: new Date(run.clock.now()).toISOString() },
      exit.output,
    )
  }
  return exit.output
}

async function visitState(run: Run, scope: Scope, visit: Visit, input: Json): Promise<Exit> {
  const { name, path } = visit
  const recorded = recordedExit(run, scope, visit)
  if (recorded !== undefined) {
    run.on({ kind: 'state-reused', path, name, ...recorded })
    return recorded
  }
  if (visit.state.Type === 'Task') scope.progress.isFresh = true
  run.on({ kind: 'state-entered', path, name, type: visit.state.Type, input })
  let exit: Exit
  try {
    exit = await attemptState(run, scope, visit, input)
  } catch (thrown) {
    if (scope.signal.aborted) run.on({ kind: 'state-aborted', path, name })
    else if (thrown instanceof StateFailure) {
      run.on({ kind: 'state-failed', path, name, error: thrown.failure.errorName, cause: thrown.failure.cause })
    }
    throw thrown
  }
  run.on({ kind: 'state-exited', path, name, ...exit })
  return exit
}

/** A definition may have changed meanwhile: an exit to a state that is gone is none. */
function recordedExit(run: Run, scope: Scope, visit: Visit): RecordedExit | undefined {
  if (visit.state.Type !== 'Task' || scope.progress.isFresh) return undefined
  const recorded = run.recorded?.(visit.path)
  const isOpen = recorded?.next === undefined || Object.hasOwn(scope.graph.States, recorded.next)
  return isOpen ? recorded : undefined
}

/** Tries until the state succeeds, or its retriers give up and a catcher or nobody takes the error. */
async function attemptState(run: Run, scope: Scope, visit: Visit, input: Json): Promise<Exit> {
  const { retriers, catchers } = guardsOf(visit.state)
  const decide = retryCounter(retriers, run.random)
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await oneAttempt(run, scope, visit, { input, attempt, runGraph })
    if (!(outcome instanceof StateFailure)) return outcome
    const retry = decide(outcome.failure)
    if (retry === undefined) return caught(run, visit, input, outcome, catchers)
    const { name, path } = visit
    const { errorName: error, cause } = outcome.failure
    run.on({ kind: 'state-retried', path, name, attempt: attempt + 1, error, cause, delayMs: retry.delayMs })
    await run.clock.sleep(retry.delayMs, scope.signal)
  }
}

/** Once stopped from outside, how the attempt ended does not matter: nothing retries or catches it. */
async function oneAttempt(run: Run, scope: Scope, visit: Visit, work: Work): Promise<Exit | StateFailure> {
  try {
    return await performState(run, scope, visit, work)
  } catch (thrown) {
    scope.signal.throwIfAborted()
    return failureOf(thrown, visit.path)
  }
}

function caught(run: Run, visit: Visit, input: Json, failed: StateFailure, catchers: Catcher[]): Exit {
  const catcher = catcherFor(catchers, failed.failure)
  if (catcher === undefined) throw failed
  const { errorName: error, cause } = failed.failure
  run.on({ kind: 'state-caught', path: visit.path, name: visit.name, error, cause, next: catcher.Next })
  try {
    const output = placeResult(catcher.ResultPath, input, { Error: error, Cause: cause })
    return { output: carried('the output', output), next: catcher.Next }
  } catch (thrown) {
    throw failureOf(thrown, visit.path)
  }
}

function guardsOf(state: State): { retriers: Retrier[]; catchers: Catcher[] } {
  if (state.Type !== 'Task' && state.Type !== 'Parallel' && state.Type !== 'Map') return { retriers: [], catchers: [] }
  return { retriers: state.Retry ?? [], catchers: state.Catch ?? [] }
}

/** One attempt at a state: its input made, its work done, its output made. States Language, "State Types". */
import { assert } from '../../errors.ts'
import type { Json } from '../../types.ts'
import { runMap, runParallel, type Work } from './branches.ts'
import { chooseNext } from './choice.ts'
import { runtimeError, StatesError } from './errors.ts'
import type { Roots } from './json-path-read.ts'
import { applyExpression, applyPath, applyTemplate, carried, placeResult, readField } from './payload.ts'
import { contextOf, type Exit, type Run, type Scope, type Visit } from './run.ts'
import { runTask } from './task.ts'
import { instantOf } from './timestamp.ts'
import type { FailState, MapState, ParallelState, PassState, TaskState, Template, WaitState } from './types.ts'

/** An attempt, counted from 1. Throws a `StatesError`, a branch's `StateFailure`, or the reason of `scope.signal`. */
export async function performState(run: Run, scope: Scope, visit: Visit, work: Work): Promise<Exit> {
  const { state } = visit
  const context = contextOf(run, scope, visit, work.attempt)
  const roots = { input: work.input, context }
  if (state.Type === 'Fail') throw failureOfState(state, roots, run.random)
  const input = applyPath('InputPath', state.InputPath, roots)
  const effective = { input, context }
  const finish = (output: Json): Json =>
    carried('the output', applyPath('OutputPath', state.OutputPath, { input: output, context }))
  switch (state.Type) {
    case 'Succeed':
      return { output: finish(input) }
    case 'Choice':
      return { output: finish(input), next: chooseNext(state, effective) }
    case 'Wait':
      await run.clock.sleep(waitMs(state, effective, run.clock.now()), scope.signal)
      return { output: finish(input), ...nextOf(state) }
    default: {
      const result = await resultOf(run, scope, { ...visit, state }, { ...work, input }, effective)
      const selected = state.Type === 'Pass' ? result : select(state.ResultSelector, result, context, run)
      return { output: finish(placeResult(state.ResultPath, work.input, selected)), ...nextOf(state) }
    }
  }
}

type Working = Visit & { state: TaskState | ParallelState | MapState | PassState }

async function resultOf(run: Run, scope: Scope, visit: Working, work: Work, roots: Roots): Promise<Json> {
  const { state } = visit
  // A Map's Parameters are its item selector by another name.
  if (state.Type === 'Map') return runMap(run, scope, { ...visit, state }, work)
  const parameters = carried('the input', templated(state.Parameters, roots, run))
  if (state.Type === 'Parallel') return runParallel(run, scope, { ...visit, state }, { ...work, input: parameters })
  if (state.Type === 'Pass') return state.Result === undefined ? parameters : state.Result
  const { name, path } = visit
  const call = { resource: state.Resource, parameters, state: name, path, attempt: work.attempt, signal: scope.signal }
  return carried('the result', await runTask(run, call, state.TimeoutSeconds))
}

function select(selector: Template | undefined, result: Json, context: Json, run: Run): Json {
  return templated(selector, { input: result, context }, run)
}

function templated(template: Template | undefined, roots: Roots, run: Run): Json {
  return template === undefined ? roots.input : applyTemplate(template, roots, run.random)
}

function nextOf(state: { Next?: string }): { next?: string } {
  return state.Next === undefined ? {} : { next: state.Next }
}

function failureOfState(state: FailState, roots: Roots, random: () => number): StatesError {
  const error = state.ErrorPath === undefined ? state.Error : failText('ErrorPath', state.ErrorPath, roots, random)
  const cause = state.CausePath === undefined ? state.Cause : failText('CausePath', state.CausePath, roots, random)
  return new StatesError(error ?? '', cause ?? '')
}

function failText(field: string, expression: string, roots: Roots, random: () => number): string {
  const value = applyExpression(field, expression, roots, random)
  if (typeof value !== 'string') throw runtimeError(`${field} ${expression} leads to no text`)
  return value
}

const waitSecondsMax = 99_999_999 // developer guide, "Wait workflow state"

/** How long to wait from `now`, in ms; a time that is past is no wait. */
function waitMs(state: WaitState, roots: Roots, now: number): number {
  if (state.Seconds !== undefined) return state.Seconds * 1000
  if (state.SecondsPath !== undefined) {
    const seconds = readField('SecondsPath', state.SecondsPath, roots)
    const fits = typeof seconds === 'number' && Number.isInteger(seconds) && seconds >= 0 && seconds <= waitSecondsMax
    if (!fits) throw runtimeError(`SecondsPath ${state.SecondsPath} leads to no whole number of seconds`)
    return seconds * 1000
  }
  const until =
    state.TimestampPath === undefined ? state.Timestamp : readField('TimestampPath', state.TimestampPath, roots)
  const instant = instantOf(until)
  if (instant === undefined) {
    assert(state.TimestampPath !== undefined, 'a checked Timestamp is one')
    throw runtimeError(`TimestampPath ${state.TimestampPath} leads to no timestamp`)
  }
  return Math.max(0, Math.ceil(Number(instant - BigInt(now) * 1_000_000n) / 1_000_000))
}

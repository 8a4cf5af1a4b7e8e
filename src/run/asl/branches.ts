/** Work that goes on side by side: the branches of a Parallel, the iterations of a Map. */
import type { Json } from '../../types.ts'
import { failureOf, runtimeError } from './errors.ts'
import { applyTemplate, carried, readField } from './payload.ts'
import { contextOf, linkedController, type Run, type Scope, type Visit } from './run.ts'
import type { MapState, ParallelState, StateGraph } from './types.ts'

/** Runs states to their end; `runGraph` of interpret.ts, given in because it runs branches itself. */
export type RunGraph = (run: Run, scope: Scope, input: Json) => Promise<Json>

/** One attempt at a Parallel: every branch gets the input, the result is a list in their order. */
export function runParallel(
  run: Run,
  scope: Scope,
  visit: Visit & { state: ParallelState },
  work: Work,
): Promise<Json[]> {
  const { Branches: branches } = visit.state
  return runGroup(scope.signal, branches.length, branches.length, (index, signal) => {
    const prefix = `${pathOfAttempt(visit.path, work.attempt)}<${index}>/`
    return work.runGraph(run, { ...scope, graph: branches[index] as StateGraph, prefix, signal }, work.input)
  })
}

/** An attempt, counted from 1, and what it works on: the input after InputPath, for a Parallel also Parameters. */
export type Work = { input: Json; attempt: number; runGraph: RunGraph }

/** One attempt at a Map: the results in the order of the items, `MaxConcurrency` iterations at a time. */
export function runMap(run: Run, scope: Scope, visit: Visit & { state: MapState }, work: Work): Promise<Json[]> {
  const { state } = visit
  const items = itemsOf(state, { input: work.input, context: contextOf(run, scope, visit, work.attempt) })
  const limit = state.MaxConcurrency === undefined || state.MaxConcurrency === 0 ? items.length : state.MaxConcurrency
  return runGroup(scope.signal, items.length, limit, (index, signal) => {
    const item = { Index: index, Value: items[index] as Json }
    return runIteration(run, { ...scope, signal, item }, visit, work)
  })
}

function itemsOf(state: MapState, roots: { input: Json; context: Json }): Json[] {
  const path = state.ItemsPath ?? '$'
  const items = readField('ItemsPath', path, roots)
  if (!Array.isArray(items)) throw runtimeError(`ItemsPath ${path} leads to no list`)
  return items
}

async function runIteration(
  run: Run,
  outer: Required<Scope>,
  visit: Visit & { state: MapState },
  work: Work,
): Promise<Json> {
  const { state } = visit
  const index = outer.item.Index
  const path = `${pathOfAttempt(visit.path, work.attempt)}[${index}]`
  const graph = (state.ItemProcessor ?? state.Iterator) as StateGraph
  run.on({ kind: 'map-iteration-started', path, index })
  let output: Json
  try {
    output = await work.runGraph(run, { ...outer, graph, prefix: `${path}/` }, selectItem(run, outer, visit, work))
  } catch (thrown) {
    if (outer.signal.aborted) run.on({ kind: 'map-iteration-aborted', path, index })
    else {
      const { errorName: error, cause } = failureOf(thrown, visit.path).failure
      run.on({ kind: 'map-iteration-failed', path, index, error, cause })
    }
    throw thrown
  }
  run.on({ kind: 'map-iteration-finished', path, index, output })
  return output
}

/** Each iteration's input; `$` of the selector is the Map's input after InputPath. */
function selectItem(run: Run, scope: Required<Scope>, visit: Visit & { state: MapState }, work: Work): Json {
  const selector = visit.state.ItemSelector ?? visit.state.Parameters
  if (selector === undefined) return scope.item.Value
  const roots = { input: work.input, context: contextOf(run, scope, visit, work.attempt) }
  return carried(`the input of item ${scope.item.Index}`, applyTemplate(selector, roots, run.random))
}

function pathOfAttempt(path: string, attempt: number): string {
  return attempt === 1 ? path : `${path}~${attempt}`
}

/** Why the siblings of a failed branch are stopped. */
const siblingFailed = new Error('a sibling failed')

/**
 * `count` pieces of work, started in order, `limit` at a time. When one fails the others are aborted and none is started;
 * it is thrown when all have ended, so that nothing goes on behind the state's back.
 */
async function runGroup(
  parent: AbortSignal,
  count: number,
  limit: number,
  runOne: (index: number, signal: AbortSignal) => Promise<Json>,
): Promise<Json[]> {
  const { controller, unlink } = linkedController(parent)
  const { signal } = controller
  const outputs: Json[] = Array.from({ length: count }, () => null)
  let failed: { thrown: unknown } | undefined
  let started = 0
  const worker = async (): Promise<void> => {
    while (started < count && !signal.aborted) {
      const index = started++
      try {
        outputs[index] = await runOne(index, signal)
      } catch (thrown) {
        failed ??= { thrown }
        controller.abort(siblingFailed)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, count) }, worker)).finally(unlink)
  if (failed !== undefined) throw failed.thrown
  parent.throwIfAborted()
  return outputs
}

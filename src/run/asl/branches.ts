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
  return runGroup(scope, branches.length, branches.length, (index, within) => {
    const prefix = `${pathOfAttempt(visit.path, work.attempt)}<${index}>/`
    return work.runGraph(run, { ...within, graph: branches[index] as StateGraph, prefix }, work.input)
  })
}

/** An attempt, counted from 1, and what it works on: the input after InputPath, for a Parallel also Parameters. */
export type Work = { input: Json; attempt: number; runGraph: RunGraph }

/** One attempt at a Map: the results in the order of the items, `MaxConcurrency` iterations at a time. */
export function runMap(run: Run, scope: Scope, visit: Visit & { state: MapState }, work: Work): Promise<Json[]> {
  const { state } = visit
  const items = itemsOf(state, { input: work.input, context: contextOf(run, scope, visit, work.attempt) })
  const limit = state.MaxConcurrency === undefined || state.MaxConcurrency === 0 ? items.length : state.MaxConcurrency
  run.on({ kind: 'map-started', path: pathOfAttempt(visit.path, work.attempt), name: visit.name, items, limit })
  return runGroup(scope, items.length, limit, (index, within) => {
    const item = { Index: index, Value: items[index] as Json }
    return runIteration(run, { ...within, item }, visit, work)
  })
}

/** Where an iteration runs. */
type ItemScope = Scope & { item: { Index: number; Value: Json } }

function itemsOf(state: MapState, roots: { input: Json; context: Json }): Json[] {
  const path = state.ItemsPath ?? '$'
  const items = readField('ItemsPath', path, roots)
  if (!Array.isArray(items)) throw runtimeError(`ItemsPath ${path} leads to no list`)
  return items
}

async function runIteration(run: Run, outer: ItemScope, visit: Visit & { state: MapState }, work: Work): Promise<Json> {
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
function selectItem(run: Run, scope: ItemScope, visit: Visit & { state: MapState }, work: Work): Json {
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
 * it is thrown when all have ended, so that nothing goes on behind the state's back. Each has a progress of its own; what
 * follows them is fresh when one of them is.
 */
async function runGroup(
  scope: Scope,
  count: number,
  limit: number,
  runOne: (index: number, scope: Scope) => Promise<Json>,
): Promise<Json[]> {
  const { controller, unlink } = linkedController(scope.signal)
  const { signal } = controller
  const { isFresh } = scope.progress
  const outputs: Json[] = Array.from({ length: count }, () => null)
  let failed: { thrown: unknown } | undefined
  let started = 0
  const worker = async (): Promise<void> => {
    while (started < count && !signal.aborted) {
      const index = started++
      const progress = { isFresh }
      try {
        outputs[index] = await runOne(index, { ...scope, signal, progress })
      } catch (thrown) {
        failed ??= { thrown }
        controller.abort(siblingFailed)
      }
      if (progress.isFresh) scope.progress.isFresh = true
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, count) }, worker)).finally(unlink)
  if (failed !== undefined) throw failed.thrown
  scope.signal.throwIfAborted()
  return outputs
}

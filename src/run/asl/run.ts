/** What the parts of the interpreter share while a state machine runs. */
import { setMaxListeners } from 'node:events'
import type { Json } from '../../types.ts'
import type { Clock, Context, InterpretOptions, State, StateGraph } from './types.ts'

/** One execution: what came from outside, defaults filled in. */
export type Run = Pick<InterpretOptions, 'invoke' | 'on' | 'recorded'> & {
  clock: Clock
  random(): number
  settleMs: number
  execution: Context['Execution']
  stateMachine: Context['StateMachine']
}

/**
 * Where states run: the machine, a branch or an iteration. `prefix` begins the paths of its visits. `progress` turns fresh
 * with the first Task that is really run: recorded exits say nothing about what comes after it.
 */
export type Scope = {
  graph: StateGraph
  prefix: string
  signal: AbortSignal
  item?: { Index: number; Value: Json }
  progress: { isFresh: boolean }
}

/** One visit of a state. */
export type Visit = { name: string; state: State; path: string; enteredTime: string }

/** How a state ended; no `next` at the end. */
export type Exit = { output: Json; next?: string }

/** The context object as the state sees it in this attempt, counted from 1. */
export function contextOf(run: Run, scope: Scope, visit: Visit, attempt: number): Context {
  return {
    Execution: run.execution,
    StateMachine: run.stateMachine,
    State: { Name: visit.name, EnteredTime: visit.enteredTime, RetryCount: attempt - 1 },
    ...(scope.item === undefined ? {} : { Map: { Item: scope.item } }),
  }
}

/** A state's name in a path: what separates there is encoded, so that two visits never share a path. */
export function pathName(name: string): string {
  return name.replaceAll(/[%/[\]<>#~]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** A controller that is aborted along with the parent. `unlink` when its work is over, or the parent keeps it. */
export function linkedController(parent: AbortSignal): { controller: AbortController; unlink(): void } {
  const controller = new AbortController()
  setMaxListeners(0, controller.signal) // as many as there are iterations, which is no leak
  const forward = (): void => controller.abort(parent.reason)
  if (parent.aborted) forward()
  parent.addEventListener('abort', forward, { once: true })
  return { controller, unlink: () => parent.removeEventListener('abort', forward) }
}

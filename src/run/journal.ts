/** Puts what the interpreter tells into the words of the log: tasks and items by their names, errors as a person reads them. */
import type { Step } from '../define/steps.ts'
import { findStep } from '../define/walk-steps.ts'
import { messageOf } from '../errors.ts'
import type { Event, ItemOutcome } from '../events.ts'
import type { Json } from '../types.ts'
import { ExecutionFailed, StatesError } from './asl/errors.ts'
import type { StateEvent } from './asl/types.ts'

export type Journal = {
  /** Notes how a try of a task failed. */
  failed: (error: unknown) => void
  /** What the log keeps of an event: what a person sees, and enough to go on later. */
  tell: (event: StateEvent) => Event[]
  /** What a person is told of what ended the machine. */
  reasonOf: (thrown: unknown) => unknown
  /** The errors that handlers took, in words, by the path of the state. */
  caught: ReadonlyMap<string, string>
}

/** A journal of one attempt at these steps. */
export function createJournal(steps: readonly Step[]): Journal {
  const failures: StatesError[] = []
  const failStates = new Set<string>()
  const caught = new Map<string, string>()
  const inWords = ({ error, cause }: { error: string; cause: string }): string => {
    const failure = failures.findLast((one) => one.errorName === error && one.cause === cause)
    if (failure !== undefined) return messageOf(failure.origin ?? failure)
    if (error.startsWith('States.')) return cause === '' ? error : `${error}: ${cause}`
    return cause === '' ? error : cause
  }
  return {
    caught,
    failed: (error) => void (error instanceof StatesError && failures.push(error)),
    reasonOf: (thrown) => {
      if (!(thrown instanceof ExecutionFailed)) return thrown
      if (thrown.origin !== undefined) return thrown.origin
      return failStates.has(thrown.path) ? new Error(inWords(thrown)) : thrown
    },
    tell: (event) => {
      switch (event.kind) {
        case 'state-entered':
          if (event.type === 'Fail') failStates.add(event.path)
          return []
        case 'state-exited':
          // An exit through a handler is told as such, so that nothing goes on from it.
          if (caught.has(event.path)) return []
          return [{ type: 'state-exited', path: event.path, output: event.output, next: event.next ?? null }]
        case 'state-caught': {
          const { path, name: state, error: name, next } = event
          const error = inWords(event)
          caught.set(path, error)
          return [{ type: 'state-caught', path, state, name, error, next }]
        }
        case 'state-retried': {
          const { path, name, attempt, delayMs } = event
          const task = findStep(steps, name)?.step.name ?? name
          return [{ type: 'task-retried', task, path, attempt, error: inWords(event), delayMs }]
        }
        case 'map-started': {
          const { path, name: state, items, limit: maxConcurrency } = event
          return [{ type: 'map-started', path, state, items: labels(steps, state, items), maxConcurrency }]
        }
        case 'map-iteration-finished': {
          const error = [...caught].findLast(([path]) => path.startsWith(`${event.path}/`))?.[1] ?? null
          return [itemFinished(event, error === null ? 'succeeded' : 'caught', error)]
        }
        case 'map-iteration-failed':
          return [itemFinished(event, 'failed', inWords(event))]
        case 'map-iteration-aborted':
          return [itemFinished(event, 'stopped', null)]
        default:
          return []
      }
    },
  }
}

function itemFinished(
  { path, index }: { path: string; index: number },
  outcome: ItemOutcome,
  error: string | null,
): Event {
  return { type: 'item-finished', path, index, outcome, error }
}

function labels(steps: readonly Step[], state: string, items: readonly Json[]): string[] {
  const step = findStep(steps, state)?.step
  const label = step?.kind === 'map' ? step.label : undefined
  return items.map((item, index) => {
    if (label !== undefined) return label(item)
    return typeof item === 'string' || typeof item === 'number' ? String(item) : `item ${index + 1}`
  })
}

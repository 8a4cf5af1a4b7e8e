/** Which of a run's finished states a new attempt may take as they are. */
import type { RunEvent } from '../events.ts'
import type { RecordedExit } from './asl/types.ts'

/**
 * Path → exit, of all attempts so far. An exit through a catcher is none. When a task was begun again, what had come after
 * it is void, for it came of another result; iterations and branches beside it stand.
 */
export function recordedExits(events: readonly RunEvent[]): Map<string, RecordedExit> {
  const exits = new Map<string, RecordedExit & { at: number }>()
  const starts = new Map<string, { at: number }>()
  for (const [at, event] of events.entries()) {
    if (event.type === 'task-started') {
      const before = starts.get(event.path)
      if (before !== undefined) for (const past of [exits, starts]) forgetAfter(past, event.path, before.at)
      starts.set(event.path, { at })
    } else if (event.type === 'state-caught') {
      exits.delete(event.path)
    } else if (event.type === 'state-exited') {
      const { path, output, next } = event
      exits.set(path, next === null ? { at, output } : { at, output, next })
    }
  }
  return new Map([...exits].map(([path, { at: _, ...exit }]) => [path, exit]))
}

/** What is left in order of time is in the order of the states too: what came later, came after. */
function forgetAfter(past: Map<string, { at: number }>, restarted: string, before: number): void {
  for (const [path, { at }] of past) if (at > before && !areSideBySide(path, restarted)) past.delete(path)
}

/** True for visits in two iterations of one Map, or two branches of one Parallel: neither comes before the other. */
function areSideBySide(one: string, other: string): boolean {
  const [left, right] = [one.split('/'), other.split('/')]
  const at = left.findIndex((segment, index) => segment !== right[index])
  const [group, otherGroup] = [groupOf(left[at]), groupOf(right[at])]
  return group !== undefined && group === otherGroup
}

/** `Map` of `Map[3]` and `Map~2[3]`, `Both` of `Both<1>`. */
function groupOf(segment: string | undefined): string | undefined {
  return /^([^~[<]*)(?:~\d+)?[[<]/.exec(segment ?? '')?.[1]
}

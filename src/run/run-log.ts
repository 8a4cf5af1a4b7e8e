/** The event log of a run: one append-only segment for each attempt, below `_millrace/runs/<run>/events/`. */
import { MillraceError } from '../errors.ts'
import { type Event, foldRun, type RunEvent, type RunState } from '../events.ts'
import { isAlive } from '../process.ts'
import type { Store } from '../store.ts'
import { lockHolder } from './lock.ts'

const runsFolder = '_millrace/runs'

/** Writes the events of one attempt, each as soon as it happens. */
export type RunLog = { write(event: Event): Promise<RunEvent> }

/** Opens the segment of an attempt. */
export function openRunLog(store: Store, run: string, attempt: number, onEvent: (event: RunEvent) => void): RunLog {
  const path = `${runPath(run)}/events/${String(attempt).padStart(4, '0')}.jsonl`
  let isTorn = false
  return {
    write: async (event) => {
      const written: RunEvent = { at: new Date().toISOString(), run, ...event }
      // A full disk may take half a line; the next one must not be lost with it.
      const start = isTorn ? '\n' : ''
      isTorn = true
      await store.append(path, `${start}${JSON.stringify(written)}\n`)
      isTorn = false
      onEvent(written)
      return written
    },
  }
}

/** The folder of a run. */
export function runPath(run: string): string {
  return `${runsFolder}/${run}`
}

/** The events of a run in order. A last line that a kill cut off is left out. */
export async function readEvents(store: Store, run: string): Promise<RunEvent[]> {
  const events: RunEvent[] = []
  for (const { path } of (await store.list(`${runPath(run)}/events`)).files) {
    for (const line of (await store.readText(path)).split('\n')) {
      try {
        if (line !== '') events.push(JSON.parse(line) as RunEvent)
      } catch {
        // Only a kill or a full disk leaves half a line, and what it would have said did not happen for sure.
      }
    }
  }
  return events
}

/** A run as its log tells it. Throws `not-found` naming the runs there are. */
export async function readRun(store: Store, run: string): Promise<RunState> {
  const state = /^[\w.-]+$/.test(run) ? foldRun(await readEvents(store, run)) : null
  if (state !== null) return await withEnd(store, state)
  const known = (await store.list(runsFolder)).folders
  const exists = known.length === 0 ? 'this root has none' : `latest: ${known.slice(-3).join(', ')}`
  throw new MillraceError(
    'not-found',
    `run ${JSON.stringify(run)} is not on ${store.root} (${exists}). See millrace runs`,
  )
}

/** All runs, the one that started last first. */
export async function readRuns(store: Store): Promise<RunState[]> {
  const runs: RunState[] = []
  for (const run of (await store.list(runsFolder)).folders) {
    const state = foldRun(await readEvents(store, run))
    if (state !== null) runs.push(await withEnd(store, state))
  }
  return runs.sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1))
}

/** A run without an end was interrupted when its process is gone; on another machine, when it has lost the lock. */
async function withEnd(store: Store, state: RunState): Promise<RunState> {
  if (state.status !== 'running') return state
  const isRunning = isAlive(state.process) ?? (await lockHolder(store, state.pipeline)) === state.run
  return isRunning ? state : { ...state, status: 'interrupted' }
}

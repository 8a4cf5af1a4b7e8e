/** What a call is given to work with. Types only; the runner makes it. */

import type { ReadableStore } from '../store.ts'
import type { Json } from '../types.ts'

/** How a run ended. */
export type RunEnd = { status: 'succeeded' | 'failed' | 'cancelled'; error: string | null }

/** A run that ended; `tasks` are the figures of each data task that was done. */
export type PastRun = {
  run: string
  status: string
  startedMs: number
  seconds: number
  metrics: Record<string, number>
  tasks: Record<string, Record<string, number>>
}

export type CallContext = {
  pipeline: string
  run: string
  env: string
  params: Record<string, Json>
  /** Nothing may be written then. */
  dryRun: boolean
  /** Fires on a timeout, a failed sibling or a cancelled run; the call must end soon after. */
  signal: AbortSignal
  store: ReadableStore
  /** The absolute path of `<root>/_millrace/<name>`, for what a call keeps on local disk. It may be missing. */
  folder: (name: string) => string
  /** Of these runs, those of this pipeline on this root that are surely over, whatever they left unsaid. */
  deadRuns: (runs: readonly string[]) => Promise<string[]>
  /** Sends an alert with details through every notifier, and into the log. Not in a dry run. */
  notify: (details: Record<string, string>) => Promise<void>
  /** Something a person should know; the run then ends as `succeeded with warnings`. */
  warn: (message: string) => Promise<void>
  /** The names of the folders directly below a path in which tables were published, in order, whatever lies there now. */
  published: (path: string) => Promise<string[]>
  /**
   * True when the data task of this name, bound to the input, would do something now. Also when planning it fails: the
   * task itself will then fail with that error.
   */
  hasWork: (task: string, input: Json) => Promise<boolean>
  /** The runs of this pipeline on this root that ended and were no dry runs, the oldest first; without this one. */
  history: () => Promise<PastRun[]>
  /** The figures of the data tasks that this run has done so far. */
  figures: () => Promise<Record<string, Record<string, number>>>
  now: () => Date
  /** When the first attempt of this run started, in milliseconds since 1970. */
  startedMs: number
}

/** What the parts of a run share. */
import type { Pipeline, Read } from '../define/pipeline.ts'
import type { Step } from '../define/steps.ts'
import type { Event, RunEvent } from '../events.ts'
import type { Store } from '../store.ts'
import type { Engine, Json, Notifier, Plan, Progress, TablePlan } from '../types.ts'
import type { Clock, StateMachine } from './asl/types.ts'
import type { SharedWarehouse } from './tables/shared-warehouse.ts'

export type RunOptions = {
  store: Store
  pipeline: Pipeline
  engine: Engine
  env: string
  dryRun: boolean
  /** The one task or state to run, with what it needs; null for all. */
  only: string | null
  /** `database.table` → path below the root. */
  external: Record<string, string>
  notifiers: Notifier[]
  memoryBytes: number
  threads: number
  waitMs: number
  version: string
  signal: AbortSignal
  now: Date
  /** For pipelines whose definition reads files. */
  read?: Read
  /** The time that retries wait; the system's by default. */
  clock?: Clock
  onEvent: (event: RunEvent) => void
  /** `path` tells tasks of one name apart. */
  onProgress: (task: string, progress: Progress, path: string) => void
  onPlan: (plan: Plan | TablePlan) => void
  onWait: (holder: string) => void
}

/** One attempt of a run. `events` are all so far, those of earlier attempts too. */
export type Attempt = RunOptions & {
  run: string
  attempt: number
  params: Record<string, Json>
  steps: Step[]
  /** Those that `only` leaves out too. */
  everyStep: Step[]
  definition: StateMachine
  events: RunEvent[]
  assertHeld: () => Promise<void>
  tables: SharedWarehouse
  /** Writes one event after the other, in the order of the calls. */
  write: (event: Event) => Promise<RunEvent>
}

/** What the parts of a data task's work are given. */
import type { Event } from '../events.ts'
import type { Store } from '../store.ts'
import type { Engine, Plan, Progress, TablePlan } from '../types.ts'
import type { SharedWarehouse } from './tables/shared-warehouse.ts'

export type TaskContext = {
  store: Store
  engine: Engine
  /** `database.table` → path below the root. */
  external: Record<string, string>
  pipeline: string
  run: string
  /** The visit of the state that this is: it names what is staged, so that tasks side by side keep apart. */
  path: string
  attempt: number
  /** Whether steps come before this one, which a plan and a dry run leave undone. */
  hasEarlier: boolean
  dryRun: boolean
  assertHeld: () => Promise<void>
  memoryBytes: number
  threads: number
  /** See `EngineContext`. */
  plansToCome?: (() => number) | undefined
  signal: AbortSignal
  write: (event: Event) => Promise<unknown>
  onProgress: (progress: Progress) => void
  /** Sees each plan just before it is executed. */
  onPlan: (plan: Plan | TablePlan) => void
  /** The Iceberg tables of the root, which tasks side by side share. */
  tables: SharedWarehouse
}

/** What planning needs of it: nothing is executed and nothing is written. */
export type PlanningContext = Omit<TaskContext, 'engine' | 'attempt' | 'onPlan' | 'assertHeld'>

/** What looking at storage needs. */
export type SurveyContext = Pick<TaskContext, 'store' | 'external' | 'signal'> & {
  onProgress: (done: number, total: number) => void
  onWarning: (message: string) => Promise<void>
}

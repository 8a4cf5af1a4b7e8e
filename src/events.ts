/** What happens in a run, as one union; a run is the ordered sequence of its events. */
import { unreachable } from './errors.ts'
import type { CommitCounts, Json, TableCounts } from './types.ts'

/** Who writes: enough to tell whether the process is still alive. `started` is the process's start in clock ticks. */
export type ProcessIdentity = { pid: number; host: string; started: string }

export type RunStatus = 'running' | 'succeeded' | 'succeeded with warnings' | 'failed' | 'cancelled' | 'interrupted'

/** How an item of a Map ended: `caught` when a task of it failed and its handler took the error. */
export type ItemOutcome = 'succeeded' | 'caught' | 'failed' | 'stopped'

/** What became of a table's entry in the catalog. */
export type CatalogEntryChange = {
  change: 'created' | 'updated' | 'deleted' | 'repaired'
  columns: number
  partitionsAdded: number
  partitionsRemoved: number
}

export type Event =
  | {
      type: 'run-started'
      pipeline: string
      attempt: number
      params: Record<string, Json>
      env: string
      engine: string
      dryRun: boolean
      only: string | null
      process: ProcessIdentity
      version: string
    }
  | { type: 'recovered'; message: string }
  | { type: 'task-started'; task: string; path: string }
  | {
      type: 'task-planned'
      task: string
      path: string
      partition: string
      plan: string | null
      files: number
      rows: number
      bytes: number
      standingFiles: number
      standingRows: number
      /** Of work on tables: what is done first, in words. */
      what?: string
    }
  | { type: 'checked'; task: string; path: string; partition: string; metrics: Record<string, number> }
  | { type: 'warning'; task: string; path: string; message: string }
  | {
      type: 'published'
      task: string
      path: string
      partition: string
      scope: string
      number: number
      dryRun: boolean
      files: number
      bytes: number
      counts: CommitCounts
    }
  | {
      type: 'table-changed'
      task: string
      path: string
      partition: string
      snapshot: string | null
      counts: TableCounts
    }
  | ({
      type: 'catalog-changed'
      task: string
      path: string
      /** `database.table`. */
      partition: string
    } & CatalogEntryChange)
  | {
      type: 'unchanged'
      task: string
      path: string
      partition: string
      consumed: number
      standingFiles: number
      why?: string
    }
  | { type: 'task-retried'; task: string; path: string; attempt: number; error: string; delayMs: number }
  | { type: 'task-failed'; task: string; path: string; error: string; code: string }
  | { type: 'task-finished'; task: string; path: string; output: Json; seconds: number }
  | { type: 'state-exited'; path: string; output: Json; next: string | null }
  | { type: 'state-caught'; path: string; state: string; name: string; error: string; next: string }
  | { type: 'map-started'; path: string; state: string; items: string[]; maxConcurrency: number }
  | { type: 'item-finished'; path: string; index: number; outcome: ItemOutcome; error: string | null }
  | { type: 'alert-sent'; notifier: string; error: string | null; details?: Record<string, string> }
  | {
      type: 'run-finished'
      status: Exclude<RunStatus, 'running' | 'interrupted'>
      seconds: number
      metrics: Record<string, number>
      error: string | null
    }

/** An event as it is kept: when (ISO 8601, UTC), in which run. */
export type RunEvent = Event & { at: string; run: string }

/** A task as the events so far leave it. */
export type TaskState = {
  name: string
  path: string
  /** The item of a Map that it works on, as a person knows it. */
  item: string | null
  status: 'running' | 'succeeded' | 'failed'
  seconds: number | null
  error: string | null
  /** The error's code. */
  code: string | null
  partitions: PartitionState[]
}

export type PartitionState = {
  partition: string
  plan: string | null
  files: number
  rows: number
  bytes: number
  outcome: 'planned' | 'published' | 'unchanged'
  outputFiles: number
  counts: CommitCounts | null
  checks: Record<string, number>
  /** Of a task that works on tables: what was changed, and the snapshot that has it. */
  changes?: TableCounts
  snapshot?: string | null
  /** Of a task that works on the catalog: what became of the table's entry. */
  entry?: CatalogEntryChange
}

/** A Map as the events so far leave it. `path` is that of its attempt: `Map`, `Map~2`. */
export type MapState = { state: string; path: string; maxConcurrency: number; items: ItemState[] }
export type ItemState = {
  name: string
  path: string
  status: 'waiting' | 'running' | ItemOutcome
  error: string | null
}

/** A run as the events so far leave it. */
export type RunState = {
  run: string
  pipeline: string
  status: RunStatus
  attempts: number
  startedAt: string
  seconds: number | null
  params: Record<string, Json>
  env: string
  engine: string
  dryRun: boolean
  only: string | null
  process: ProcessIdentity
  tasks: TaskState[]
  maps: MapState[]
  warnings: string[]
  /** What killed runs had left and this one finished or removed. */
  mended: string[]
  metrics: Record<string, number>
  error: string | null
}

/** Folds a run's events, in order, to its state. A run without an end is `running`; its process tells whether that is so. */
export function foldRun(events: readonly RunEvent[]): RunState | null {
  let state: RunState | null = null
  for (const event of events) state = foldEvent(state, event)
  return state
}

/** The state after one more event; the state given may be changed. Null until the run has started. */
export function foldEvent(state: RunState | null, event: RunEvent): RunState | null {
  if (event.type === 'run-started') return started(state, event)
  if (state !== null) apply(state, event)
  return state
}

/** The item that a path is in or of, with those around it: `FIELD`, `FIELD 3`; null outside of Maps. */
export function itemNameOf(maps: readonly MapState[], path: string): string | null {
  const names = itemsAround(maps, path).map(({ name }) => name)
  return names.length === 0 ? null : names.join(' ')
}

/** The outermost first. */
function itemsAround(maps: readonly MapState[], path: string): ItemState[] {
  if (!path.includes('[')) return []
  return maps
    .flatMap(({ items }) => items)
    .filter((item) => path === item.path || path.startsWith(`${item.path}/`))
    .sort((a, b) => a.path.length - b.path.length)
}

function started(previous: RunState | null, event: RunEvent & { type: 'run-started' }): RunState {
  const { pipeline, params, env, engine, dryRun, only } = event
  return {
    run: event.run,
    pipeline,
    status: 'running',
    attempts: event.attempt,
    startedAt: previous?.startedAt ?? event.at,
    seconds: null,
    params,
    env,
    engine,
    dryRun,
    only,
    process: event.process,
    // A new attempt goes on from the tasks that are finished.
    tasks: previous?.tasks.filter(({ status }) => status === 'succeeded') ?? [],
    maps: previous?.maps.map((map) => ({ ...map, items: map.items.map(againOpen) })) ?? [],
    warnings: previous?.warnings ?? [],
    mended: previous?.mended ?? [],
    metrics: {},
    error: null,
  }
}

function againOpen(item: ItemState): ItemState {
  return item.status === 'succeeded' ? item : { ...item, status: 'waiting', error: null }
}

function apply(state: RunState, event: RunEvent): void {
  const task = 'path' in event ? state.tasks.find(({ path }) => path === event.path) : undefined
  switch (event.type) {
    case 'task-started':
      if (task !== undefined) state.tasks.splice(state.tasks.indexOf(task), 1)
      state.tasks.push({
        name: event.task,
        path: event.path,
        item: itemNameOf(state.maps, event.path),
        status: 'running',
        seconds: null,
        error: null,
        code: null,
        partitions: [],
      })
      for (const item of itemsAround(state.maps, event.path)) item.status = 'running'
      break
    case 'task-finished':
      if (task !== undefined) Object.assign(task, { status: 'succeeded', seconds: event.seconds })
      break
    case 'task-failed':
      if (task !== undefined) Object.assign(task, { status: 'failed', error: event.error, code: event.code })
      break
    case 'map-started':
      state.maps = [...state.maps.filter(({ path }) => path !== event.path), mapState(event)]
      break
    case 'item-finished': {
      const item = state.maps.flatMap(({ items }) => items).find(({ path }) => path === event.path)
      if (item !== undefined) Object.assign(item, { status: event.outcome, error: event.error })
      break
    }
    case 'recovered':
      state.mended.push(event.message)
      break
    case 'warning':
      if (!state.warnings.includes(event.message)) state.warnings.push(event.message)
      break
    case 'run-finished':
      Object.assign(state, { status: event.status, seconds: event.seconds, metrics: event.metrics, error: event.error })
      break
    case 'task-planned':
    case 'checked':
    case 'published':
    case 'table-changed':
    case 'catalog-changed':
    case 'unchanged':
      applyToPartition(state, event)
      break
    case 'run-started':
    case 'task-retried':
    case 'state-exited':
    case 'state-caught':
    case 'alert-sent':
      break
    default:
      unreachable(event)
  }
}

function mapState({ state, path, maxConcurrency, items }: RunEvent & { type: 'map-started' }): MapState {
  const waiting = items.map(
    (name, index): ItemState => ({ name, path: `${path}[${index}]`, status: 'waiting', error: null }),
  )
  return { state, path, maxConcurrency, items: waiting }
}

type PartitionEvent = RunEvent & {
  type: 'task-planned' | 'checked' | 'published' | 'table-changed' | 'catalog-changed' | 'unchanged'
}

function applyToPartition(state: RunState, event: PartitionEvent): void {
  const task = state.tasks.find(({ path }) => path === event.path)
  if (task === undefined) return
  let partition = task.partitions.find((other) => other.partition === event.partition)
  if (partition === undefined) {
    partition = {
      partition: event.partition,
      plan: null,
      files: 0,
      rows: 0,
      bytes: 0,
      outcome: 'planned',
      outputFiles: 0,
      counts: null,
      checks: {},
    }
    task.partitions.push(partition)
  }
  if (event.type === 'task-planned') {
    Object.assign(partition, { plan: event.plan, files: event.files, rows: event.rows, bytes: event.bytes })
  } else if (event.type === 'checked') partition.checks = event.metrics
  else if (event.type === 'published')
    Object.assign(partition, { outcome: 'published', outputFiles: event.files, counts: event.counts })
  else if (event.type === 'table-changed')
    Object.assign(partition, { outcome: 'published', changes: event.counts, snapshot: event.snapshot })
  else if (event.type === 'catalog-changed') {
    const { change, columns, partitionsAdded, partitionsRemoved } = event
    Object.assign(partition, { outcome: 'published', entry: { change, columns, partitionsAdded, partitionsRemoved } })
  } else Object.assign(partition, { outcome: 'unchanged', outputFiles: event.standingFiles })
}

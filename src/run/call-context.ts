/** Makes what a call or a crawler is given. */
import type { CallContext, PastRun } from '../define/call-context.ts'
import { bindTask } from '../define/steps.ts'
import { allSteps } from '../define/walk-steps.ts'
import { didYouMean, hasCode, MillraceError } from '../errors.ts'
import type { Event, RunEvent } from '../events.ts'
import type { Json } from '../types.ts'
import { sendAlert } from './alert.ts'
import type { Attempt } from './attempt.ts'
import { latestCommits } from './commits.ts'
import { planTask } from './data-task.ts'
import { readEvents, readRun, readRuns } from './run-log.ts'

/** What of an attempt, or of planning, a call can reach. */
export type CallBase = Pick<
  Attempt,
  | 'store'
  | 'external'
  | 'pipeline'
  | 'run'
  | 'env'
  | 'params'
  | 'dryRun'
  | 'everyStep'
  | 'notifiers'
  | 'memoryBytes'
  | 'threads'
  | 'tables'
  | 'events'
  | 'now'
> & { write: (event: Event) => Promise<unknown> }

/** The visit that calls. */
export type Caller = { task: string; path: string; signal: AbortSignal }

/** The context of one call. */
export function callContext(base: CallBase, { task, path, signal }: Caller): CallContext {
  const { store, pipeline, run, env, params, dryRun, write } = base
  return {
    pipeline: pipeline.name,
    run,
    env,
    params,
    dryRun,
    signal,
    store,
    folder: (name) => ownFolder(base, name),
    deadRuns: (runs) => deadRuns(base, runs),
    notify: async (details) => {
      const messages = Object.entries(details).map(([name, value]) => `${name}: ${value}`)
      await write({ type: 'alert-sent', notifier: 'log', error: null, details })
      if (dryRun) return
      await sendAlert(base.notifiers, write, { pipeline: pipeline.name, run, status: 'running', messages, details })
    },
    warn: async (message) => void (await write({ type: 'warning', task, path, message })),
    history: () => pastRuns(base),
    figures: async () => figuresIn(base.events),
    now: () => base.now,
    startedMs: Date.parse(base.events[0]?.at ?? base.now.toISOString()),
    published: (path) => published(base, path),
    hasWork: (name, input) => hasWork(base, name, input, signal),
  }
}

const ownFolders = ['commits', 'staging', 'runs', 'locks', 'drafts', 'sequences', 'merges']

function ownFolder({ store }: CallBase, name: string): string {
  if (/^[a-z][a-z0-9-]*$/.test(name) && !ownFolders.includes(name)) return store.locate(`_millrace/${name}`)
  throw new MillraceError(
    'usage',
    `folder ${JSON.stringify(name)} is refused: expected lower-case letters, digits and "-", and none of ${ownFolders.join(', ')}`,
  )
}

/** Whoever holds the lock knows that no other run goes on; a dry run holds none. */
async function deadRuns({ store, pipeline, run, dryRun }: CallBase, runs: readonly string[]): Promise<string[]> {
  const dead: string[] = []
  for (const other of runs.filter((one) => one !== run)) {
    const state = await readRun(store, other).catch(() => null) // of another root
    if (state?.pipeline === pipeline.name && !(dryRun && state.status === 'running')) dead.push(other)
  }
  return dead
}

async function pastRuns({ store, pipeline, run }: CallBase): Promise<PastRun[]> {
  const states = (await readRuns(store)).filter((state) => state.pipeline === pipeline.name && !state.dryRun)
  const past: PastRun[] = []
  for (const { run: other, status, startedAt, seconds, metrics } of states.reverse()) {
    if (other === run || seconds === null) continue
    const tasks = figuresIn(await readEvents(store, other))
    past.push({ run: other, status, startedMs: Date.parse(startedAt), seconds, metrics, tasks })
  }
  return past.sort((a, b) => a.startedMs - b.startedMs)
}

/** Of a task that was done several times, as in a Map, the sum; of one that was repeated by a later attempt, the last. */
function figuresIn(events: readonly RunEvent[]): Record<string, Record<string, number>> {
  const visits = new Map<string, RunEvent & { type: 'task-finished' }>()
  for (const event of events) if (event.type === 'task-finished') visits.set(event.path, event)
  const figures: Record<string, Record<string, number>> = {}
  for (const { task, output } of visits.values()) {
    const own = figures[task] ?? {}
    figures[task] = own
    for (const [name, value] of Object.entries((output ?? {}) as Record<string, unknown>))
      if (typeof value === 'number') own[name] = (own[name] ?? 0) + value
  }
  return figures
}

async function published({ store }: CallBase, path: string): Promise<string[]> {
  const locations = (await latestCommits(store, path)).flatMap(({ partitions }) =>
    partitions.map(({ location }) => location),
  )
  const below = locations.filter((location) => location.startsWith(`${path}/`))
  return [...new Set(below.map((location) => location.slice(path.length + 1).split('/')[0] ?? ''))].sort()
}

async function hasWork(base: CallBase, name: string, input: Json, signal: AbortSignal): Promise<boolean> {
  const names = allSteps(base.everyStep).flatMap(({ step }) => (step.kind === 'data' ? [step] : []))
  const step = names.find((candidate) => candidate.name === name)
  if (step === undefined) {
    const known = names.map((candidate) => candidate.name)
    throw new MillraceError(
      'usage',
      `hasWork(${JSON.stringify(name)})  is no data task of ${base.pipeline.name} (${known.join(', ')})${didYouMean(name, known)}`,
    )
  }
  try {
    const context = {
      ...base,
      pipeline: base.pipeline.name,
      path: name,
      hasEarlier: false,
      signal,
      write: async () => {}, // the task itself will say it
      onProgress: () => {},
    }
    return (await planTask(bindTask(step, input), context)).some((planned) =>
      planned.kind === 'unchanged' ? planned.isPending : planned.kind !== 'table-unchanged',
    )
  } catch (error) {
    if (signal.aborted || hasCode(error, 'cancelled')) throw error
    return true
  }
}

/** What a run of these steps would do now, as far as that can be known before it; nothing is written. */
import { bindTask, type DataStep, type MapStep, type Step } from '../define/steps.ts'
import { allSteps, asState, findStep, stateOf } from '../define/walk-steps.ts'
import { messageOf } from '../errors.ts'
import { compileStateMachine } from '../plan/state-machine.ts'
import type { Json, Planned, PlannedTable } from '../types.ts'
import { checkStateMachine } from './asl/check.ts'
import { ExecutionFailed } from './asl/errors.ts'
import { interpret } from './asl/interpret.ts'
import type { Invocation } from './asl/types.ts'
import { type CallBase, callContext } from './call-context.ts'
import { planTask } from './data-task.ts'
import { createJournal } from './journal.ts'
import { hasEarlier } from './later.ts'
import { sharedWarehouse } from './tables/shared-warehouse.ts'

/** A data task with its partitions, in a Map for one item; or a state that cannot be planned yet, and why. */
export type PlannedStep =
  | { kind: 'task'; task: string; item: string | null; partitions: (Planned | PlannedTable)[] }
  | { kind: 'later'; state: string; why: string }

export type PlanOptions = Omit<CallBase, 'tables' | 'events'> & { steps: Step[]; signal: AbortSignal; now: Date }

type Planning = PlanOptions & CallBase

/** The data tasks that were planned, by path, and the Maps that were entered: path → items as a person knows them. */
type Visited = {
  tasks: Map<string, { state: string; planned: PlannedStep }>
  maps: Map<string, { state: string; items: string[] }>
}

/** Walks the steps in order. Calls are run only where they are read-only. Throws what planning a task throws. */
export async function planSteps(given: PlanOptions): Promise<PlannedStep[]> {
  const options = { ...given, events: [], tables: sharedWarehouse({ ...given, spill: null }) }
  const visited: Visited = { tasks: new Map(), maps: new Map() }
  // In a list of data tasks nothing depends on what a state hands on.
  if (options.steps.map(asState).some(({ kind }) => kind !== 'data')) await visit(visited, options)
  return await planSequence(options.steps, visited, options)
}

async function planSequence(steps: readonly Step[], visited: Visited, options: Planning): Promise<PlannedStep[]> {
  const planned: PlannedStep[] = []
  for (const step of steps.map(asState)) {
    const seen = seenOf(visited, stateOf(step))
    if (step.kind === 'data') {
      if (seen.length > 0) planned.push(...seen)
      else if (step.task !== null) planned.push(await planData(step, null, step.name, null, options))
      else planned.push({ kind: 'later', state: stateOf(step), why: 'it is planned when its state starts' })
    } else if (step.kind === 'map') {
      planned.push(...planMap(step, visited))
    } else if (step.kind === 'parallel') {
      for (const branch of step.branches) planned.push(...(await planSequence(branch, visited, options)))
    } else if (step.kind === 'choice') {
      const within = [...step.choices.map((one) => one.steps), step.otherwise ?? []].flatMap((inner) => allSteps(inner))
      planned.push(...within.flatMap((inner) => seenOf(visited, stateOf(inner.step))))
    }
  }
  return planned
}

function planMap(step: MapStep, visited: Visited): PlannedStep[] {
  const state = stateOf(step)
  const entered = [...visited.maps.values()].filter((map) => map.state === state)
  if (entered.length === 0) return [{ kind: 'later', state, why: 'its items are planned when its state starts' }]
  if (entered.every(({ items }) => items.length === 0)) return [{ kind: 'later', state, why: 'it has no items' }]
  return allSteps(step.steps).flatMap((inner) => seenOf(visited, stateOf(inner.step)))
}

function seenOf(visited: Visited, state: string): PlannedStep[] {
  return [...visited.tasks]
    .filter(([, seen]) => seen.state === state)
    .sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
    .map(([, { planned }]) => planned)
}

/** Lets the machine run with plans for data tasks, as far as what it hands on is known. */
async function visit(visited: Visited, options: Planning): Promise<void> {
  const { pipeline, steps, env, params, run, now, signal } = options
  const journal = createJournal(steps)
  const stop = new AbortController()
  let failed: { error: unknown } | undefined
  try {
    await interpret(checkStateMachine(compileStateMachine(pipeline, steps, env)), {
      input: params,
      execution: { id: run, name: run, startTime: now.toISOString() },
      stateMachineName: pipeline.name,
      signal: AbortSignal.any([stop.signal, signal]),
      on: (event) => {
        for (const told of journal.tell(event)) if (told.type === 'map-started') visited.maps.set(told.path, told)
      },
      invoke: async (invocation) => {
        try {
          return await planState(invocation, visited, options)
        } catch (error) {
          if (error !== notKnown) failed ??= { error }
          stop.abort(notKnown)
          throw error
        }
      },
    })
  } catch (error) {
    signal.throwIfAborted()
    if (failed !== undefined) throw failed.error
    // What comes after a state that is not known, or after a Fail state, is not known either.
    if (error !== notKnown && !(error instanceof ExecutionFailed)) throw error
  }
}

const notKnown = new Error('known only in a run')

async function planState(call: Invocation, visited: Visited, options: Planning): Promise<Json> {
  const { path, state, parameters, signal } = call
  const step = findStep(options.steps, state)?.step
  if (step?.kind === 'data') {
    const { JobName, Arguments } = parameters as { JobName: string; Arguments: Record<string, string> }
    const input = Arguments['--INPUT'] === undefined ? null : JSON.parse(Arguments['--INPUT'])
    const item = itemAt(path, visited)
    const planned = await planData(step, input, path, item, { ...options, signal }).catch((error: unknown) => {
      if (item === null || signal.aborted) throw error
      return { kind: 'later' as const, state: `${state} ${item}`, why: `it would fail now: ${messageOf(error)}` }
    })
    visited.tasks.set(path, { state, planned })
    return { JobName, JobRunState: 'SUCCEEDED', Arguments }
  }
  if (step?.kind === 'call' && step.isReadOnly === true) {
    const { Payload } = parameters as { Payload: Json }
    const output = await step.run(Payload, callContext(options, { task: step.name, path, signal }))
    return { ExecutedVersion: '$LATEST', Payload: output, StatusCode: 200 }
  }
  // A crawler, and a call whose result is dropped, tell nothing that others need.
  if (step?.kind === 'crawl' || (step?.kind === 'call' && step.resultPath === null)) return {}
  throw notKnown
}

function itemAt(path: string, { maps }: Visited): string | null {
  const names = [...path.matchAll(/\[(\d+)\]/g)].map(
    (match) => maps.get(path.slice(0, match.index))?.items[Number(match[1])] ?? '',
  )
  return names.length === 0 ? null : names.join(' ')
}

async function planData(
  step: DataStep,
  input: Json,
  path: string,
  item: string | null,
  options: Planning,
): Promise<PlannedStep> {
  const own = { pipeline: options.pipeline.name, path, hasEarlier: hasEarlier(options.steps, step) }
  const context = { ...options, ...own, onProgress: () => {} }
  return { kind: 'task', task: step.name, item, partitions: await planTask(bindTask(step, input), context) }
}

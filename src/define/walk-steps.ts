/** Ways through the steps of a pipeline, and what must hold for all of them together. */
import { didYouMean, MillraceError } from '../errors.ts'
import type { DataTask } from './data-task.ts'
import type { CatchRule, DataStep, MapStep, Step } from './steps.ts'

/** A step as a state: what a bare data task stands for is said once. */
export type StateStep = Exclude<Step, DataTask>
/** Steps whose work has events of its own. */
export type TaskStep = StateStep & { kind: 'data' | 'call' | 'crawl' }

const stateKinds = ['data', 'call', 'pass', 'map', 'parallel', 'choice', 'fail', 'crawl']

/** The step as a state; a bare data task has no options. */
export function asState(step: Step): StateStep {
  if (stateKinds.includes(step.kind)) return step as StateStep
  const task = step as DataTask
  return { kind: 'data', name: task.name, jobName: task.jobName, task, bind: () => task } satisfies DataStep
}

/** The name of a step's state. */
export function stateOf(step: Step): string {
  return asState(step).state ?? step.name
}

/** The lists of steps directly within a step, those of its handlers last. */
export function innerSteps(step: Step): Step[][] {
  const state = asState(step)
  const handlers = ('catch' in state ? (state.catch ?? []) : []).map((rule: CatchRule) => rule.steps)
  if (state.kind === 'map') return [state.steps, ...handlers]
  if (state.kind === 'parallel') return [...state.branches, ...handlers]
  if (state.kind === 'choice') return [...state.choices.map(({ steps }) => steps), state.otherwise ?? []]
  return handlers
}

/** A step with the Maps around it, the outermost first. */
export type PlacedStep = { step: StateStep; maps: MapStep[] }

/** Every step at any depth, in order. */
export function allSteps(steps: readonly Step[], maps: MapStep[] = []): PlacedStep[] {
  return steps.flatMap((step) => {
    const state = asState(step)
    const within = innerSteps(state).flatMap((inner, index) =>
      // Only a Map's first list is run for each item; its handlers are run once.
      allSteps(inner, state.kind === 'map' && index === 0 ? [...maps, state] : maps),
    )
    return [{ step: state, maps }, ...within]
  })
}

/** The step of a name or state, at any depth. */
export function findStep(steps: readonly Step[], name: string): PlacedStep | undefined {
  return allSteps(steps).find(({ step }) => step.name === name || stateOf(step) === name)
}

/** The steps, checked: names that can be what they name, each once in the whole pipeline, and `needs` that exist. */
export function checkSteps(pipeline: string, steps: Step[]): Step[] {
  const refuse = (message: string): never => {
    throw new MillraceError('usage', `pipeline ${pipeline}  ${message}`)
  }
  const owners = new Map<string, StateStep>()
  for (const { step } of allSteps(steps)) {
    if (['data', 'call', 'crawl'].includes(step.kind)) {
      if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,79}$/.test(step.name))
        refuse(
          `task name ${JSON.stringify(step.name)} is refused: expected letters, digits, "-" and "_", at most 80. A state may have another name: state: '…'`,
        )
    }
    if (!/^\P{Cc}{1,80}$/u.test(stateOf(step)))
      refuse(`state name ${JSON.stringify(stateOf(step))} is refused: expected 1 to 80 characters of text`)
    for (const name of new Set([step.name, stateOf(step)])) {
      const twin = owners.get(name)
      if (twin !== undefined)
        refuse(
          `two steps are named ${JSON.stringify(name)} (${kindText(twin)} and ${kindText(step)}); give one another name`,
        )
      owners.set(name, step)
    }
  }
  for (const { step } of allSteps(steps)) {
    const unknown = step.needs?.find((name) => !owners.has(name))
    if (unknown !== undefined)
      refuse(
        `step ${step.name} needs ${JSON.stringify(unknown)}, which is no step${didYouMean(unknown, [...owners.keys()])}`,
      )
  }
  return steps
}

function kindText(step: StateStep): string {
  const kind = step.kind === 'data' ? 'a data task' : `a ${step.kind}`
  return stateOf(step) === step.name ? kind : `${kind} with the state ${JSON.stringify(stateOf(step))}`
}

/** What `--only` leaves of a pipeline. */
import { didYouMean, MillraceError } from '../errors.ts'
import type { Step } from './steps.ts'
import { allSteps, asState, findStep, innerSteps, type PlacedStep, type StateStep, stateOf } from './walk-steps.ts'

/**
 * The step of a name or state with all that is in it, what it `needs`, and the Maps around these; everything for null.
 * A step out of a choice, a branch or a handler stands where that was. Throws `usage` naming the steps there are.
 */
export function chooseSteps(pipeline: string, steps: Step[], only: string | null): Step[] {
  if (only === null) return steps
  const found = findStep(steps, only)
  if (found === undefined) {
    const names = [...new Set(allSteps(steps).flatMap(({ step }) => [step.name, stateOf(step)]))]
    throw new MillraceError(
      'usage',
      `--only ${only} is no task of ${pipeline} (${names.join(', ')})${didYouMean(only, names)}`,
    )
  }
  const wanted = new Set<string>()
  const want = ({ step, maps }: PlacedStep): void => {
    if (wanted.has(stateOf(step))) return
    wanted.add(stateOf(step))
    for (const name of [step, ...maps].flatMap(({ needs }) => needs ?? [])) want(findStep(steps, name) as PlacedStep)
  }
  want(found)
  return keep(steps, wanted)
}

function keep(steps: readonly Step[], wanted: Set<string>): Step[] {
  return steps.flatMap((step): Step[] => {
    if (wanted.has(stateOf(step))) return [step]
    const state: StateStep = asState(step)
    if (state.kind !== 'map') return innerSteps(state).flatMap((inner) => keep(inner, wanted))
    const [own = [], ...handlers] = innerSteps(state).map((inner) => keep(inner, wanted))
    return own.length > 0 ? [{ ...state, steps: own }] : handlers.flat()
  })
}

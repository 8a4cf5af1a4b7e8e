/** What cannot be planned before earlier steps have run, which a plan and a dry run leave undone. */
import type { Step } from '../define/steps.ts'
import { allSteps, stateOf } from '../define/walk-steps.ts'
import { hasCode, messageOf } from '../errors.ts'

/** Whether work comes before a step, so that what it lacks may be made by then. */
export function hasEarlier(steps: readonly Step[], step: Step): boolean {
  const work = allSteps(steps).filter((placed) => ['data', 'call', 'crawl'].includes(placed.step.kind))
  return work.findIndex((placed) => stateOf(placed.step) === stateOf(step)) > 0
}

/**
 * Why a task is planned later: nothing is there for it yet, and an earlier step may make it. Null where the error is one: nothing
 * comes before the task, or something else is wrong.
 */
export function whyLater(error: unknown, context: { hasEarlier: boolean }): string | null {
  return context.hasEarlier && hasCode(error, 'no-input', 'not-found') ? messageOf(error) : null
}

/** Which retrier and which catcher takes an error. Developer guide, "Handling errors in Step Functions workflows". */
import type { StatesError } from './errors.ts'
import type { Catcher, Retrier } from './types.ts'

/** No wildcard takes these; `States.Runtime` not even by its name: it always ends the execution. */
const terminal = ['States.Runtime', 'States.DataLimitExceeded']

/** True if the list of error names takes the error. */
export function takes(errorEquals: readonly string[], error: string): boolean {
  if (error === 'States.Runtime') return false
  if (errorEquals.includes(error)) return true
  if (terminal.includes(error)) return false
  return errorEquals.includes('States.ALL') || (errorEquals.includes('States.TaskFailed') && error !== 'States.Timeout')
}

/** What comes next after an error: another go after a delay, or none. */
export type RetryDecision = { delayMs: number } | undefined

/**
 * Counts the retries of one visit of a state, for each retrier by itself. The first retrier that takes an error decides;
 * when it is used up there is no retry, even if a later one would take the error too.
 */
export function retryCounter(
  retriers: readonly Retrier[],
  random: () => number,
): (failure: StatesError) => RetryDecision {
  const counts = retriers.map(() => 0)
  return (failure) => {
    const index = retriers.findIndex((retrier) => takes(retrier.ErrorEquals, failure.errorName))
    const retrier = retriers[index]
    const count = counts[index] ?? 0
    if (retrier === undefined || count >= (retrier.MaxAttempts ?? 3)) return undefined
    counts[index] = count + 1
    return { delayMs: retryDelayMs(retrier, count, random) }
  }
}

/** The wait before retry number `count`, counted from 0. Full jitter draws from none to all of it. */
export function retryDelayMs(retrier: Retrier, count: number, random: () => number): number {
  const grown = (retrier.IntervalSeconds ?? 1) * (retrier.BackoffRate ?? 2) ** count
  const seconds = Math.min(grown, retrier.MaxDelaySeconds ?? Number.POSITIVE_INFINITY)
  return Math.round(seconds * 1000 * (retrier.JitterStrategy === 'FULL' ? random() : 1))
}

/** The first catcher that takes the error. */
export function catcherFor(catchers: readonly Catcher[], failure: StatesError): Catcher | undefined {
  return catchers.find((catcher) => takes(catcher.ErrorEquals, failure.errorName))
}

/** What a writer does whose commit came second. */
import { setTimeout as sleep } from 'node:timers/promises'

const pauseMs = 20 // about what a commit takes
const pauseMsMax = 640 // for about as many writers at once as a machine has use for

/** How often a commit begins again by default: with eight writers racing without a pause one in a hundred needs ten tries. */
export const triesDefault = 1000

/** Waits for a random time that grows, so that of many writers few try at the same moment. */
export async function pauseAfterRace(attempt: number): Promise<void> {
  await sleep(Math.random() * Math.min(pauseMsMax, pauseMs * 2 ** Math.min(attempt, 10)))
}

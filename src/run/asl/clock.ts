/** The real clock. */
import type { Clock } from './types.ts'

const timerMsMax = 2 ** 31 - 1 // Node fires a longer timer at once

/** Real time. Sleeps of any length, in pieces that Node's timers can hold. */
export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(ms, signal) {
    for (let left = ms; ; left -= timerMsMax) {
      await sleepOnce(Math.min(Math.max(left, 0), timerMsMax), signal)
      if (left <= timerMsMax) return
    }
  },
}

function sleepOnce(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const stop = (): void => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop)
      resolve()
    }, ms)
    signal.addEventListener('abort', stop, { once: true })
  })
}

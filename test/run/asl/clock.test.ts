/** The real clock. */
import { expect, test } from 'vitest'
import { systemClock } from '../../../src/run/asl/clock.ts'

test('sleeps, and is woken by the signal with its reason', async () => {
  const never = new AbortController()
  await systemClock.sleep(5, never.signal)
  const stop = new AbortController()
  const sleeping = systemClock.sleep(1e12, stop.signal)
  stop.abort(new Error('up'))
  await expect(sleeping).rejects.toThrow('up')
  await expect(systemClock.sleep(1, stop.signal)).rejects.toThrow('up')
})

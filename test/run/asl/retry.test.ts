/** Which errors a list takes, and how long retries wait. */
import { expect, test } from 'vitest'
import { StatesError } from '../../../src/run/asl/errors.ts'
import { catcherFor, retryCounter, retryDelayMs, takes } from '../../../src/run/asl/retry.ts'

test.each([
  ['States.ALL', 'Custom', true],
  ['States.ALL', 'States.Timeout', true],
  ['States.ALL', 'States.TaskFailed', true],
  ['States.ALL', 'States.Runtime', false],
  ['States.ALL', 'States.DataLimitExceeded', false],
  ['States.TaskFailed', 'Custom', true],
  ['States.TaskFailed', 'States.TaskFailed', true],
  ['States.TaskFailed', 'States.Timeout', false],
  ['States.TaskFailed', 'States.Runtime', false],
  ['States.TaskFailed', 'States.DataLimitExceeded', false],
  ['States.Runtime', 'States.Runtime', false],
  ['States.DataLimitExceeded', 'States.DataLimitExceeded', true],
  ['States.Timeout', 'States.Timeout', true],
  ['Custom', 'custom', false],
])('%s takes %s: %s', (name, error, expected) => {
  expect(takes(['Other', name], error)).toBe(expected)
})

const delays = (retrier: object, count: number, random = 1): number[] =>
  Array.from({ length: count }, (_, index) => retryDelayMs({ ErrorEquals: [], ...retrier }, index, () => random) / 1000)

test('delays grow by the rate, from the interval, up to the greatest', () => {
  expect(delays({}, 4)).toEqual([1, 2, 4, 8])
  expect(delays({ IntervalSeconds: 3, BackoffRate: 2 }, 3)).toEqual([3, 6, 12])
  expect(delays({ IntervalSeconds: 3, BackoffRate: 1.5 }, 3)).toEqual([3, 4.5, 6.75])
  expect(delays({ IntervalSeconds: 3, BackoffRate: 2, MaxDelaySeconds: 5 }, 3)).toEqual([3, 5, 5])
  expect(delays({ BackoffRate: 1 }, 3)).toEqual([1, 1, 1])
})

test('full jitter draws from all of the delay, none leaves it', () => {
  expect(delays({ IntervalSeconds: 4, JitterStrategy: 'FULL' }, 3, 0.25)).toEqual([1, 2, 4])
  expect(delays({ IntervalSeconds: 4, JitterStrategy: 'NONE' }, 3, 0.25)).toEqual([4, 8, 16])
  expect(delays({ IntervalSeconds: 4, JitterStrategy: 'FULL', MaxDelaySeconds: 6 }, 3, 0.5)).toEqual([2, 3, 3])
})

test('three attempts by default, none with 0, and the first retrier that takes the error decides', () => {
  const failure = (name: string): StatesError => new StatesError(name, '')
  const normal = retryCounter([{ ErrorEquals: ['E'] }], Math.random)
  expect([1, 2, 3, 4].map(() => normal(failure('E'))?.delayMs)).toEqual([1000, 2000, 4000, undefined])
  const never = retryCounter([{ ErrorEquals: ['E'], MaxAttempts: 0 }, { ErrorEquals: ['States.ALL'] }], Math.random)
  expect(never(failure('E'))).toBeUndefined()
  expect(never(failure('F'))).toEqual({ delayMs: 1000 })
})

test('the first catcher that takes the error', () => {
  const catchers = [
    { ErrorEquals: ['A', 'B'], Next: 'one' },
    { ErrorEquals: ['States.TaskFailed'], Next: 'two' },
    { ErrorEquals: ['States.ALL'], Next: 'three' },
  ]
  const next = (name: string): string | undefined => catcherFor(catchers, new StatesError(name, ''))?.Next
  expect(['B', 'C', 'States.Timeout', 'States.Runtime'].map(next)).toEqual(['one', 'two', 'three', undefined])
})

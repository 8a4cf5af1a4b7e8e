/** What the tests of the interpreter share: time that passes only when nothing else can, and tasks from a script. */
import { setImmediate } from 'node:timers/promises'
import { checkStateMachine } from '../../../src/run/asl/check.ts'
import { ExecutionFailed } from '../../../src/run/asl/errors.ts'
import { interpret } from '../../../src/run/asl/interpret.ts'
import type { Clock, InterpretOptions, Invocation, StateEvent, StateMachine } from '../../../src/run/asl/types.ts'
import type { Json } from '../../../src/types.ts'

const startMs = Date.parse('2025-01-15T08:00:00.000Z')

/** A clock that jumps to the next sleeper's time when `drive` finds nothing else to do. */
export function testClock() {
  let now = startMs
  const sleepers = new Set<{ at: number; wake(): void }>()
  const clock: Clock = {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason)
        const sleeper = { at: now + ms, wake: resolve }
        sleepers.add(sleeper)
        signal.addEventListener('abort', () => {
          if (sleepers.delete(sleeper)) reject(signal.reason)
        })
      }),
  }
  const drive = async <T>(work: Promise<T>): Promise<T> => {
    let over = false
    work.then(
      () => (over = true),
      () => (over = true),
    )
    for (;;) {
      for (let turn = 0; turn < 5; turn += 1) await setImmediate()
      if (over) return work
      const next = [...sleepers].reduce((a, b) => (b.at < a.at ? b : a), { at: Number.POSITIVE_INFINITY, wake() {} })
      if (next.at === Number.POSITIVE_INFINITY) throw new Error('nothing sleeps and nothing ends')
      sleepers.delete(next)
      now = next.at
      next.wake()
    }
  }
  return { clock, drive, elapsedMs: () => now - startMs, sleepers }
}

/** A machine that tests know to be good. */
export const machine = (definition: unknown): StateMachine => checkStateMachine(definition)

/** An ARN as a Task's Resource. */
export const lambda = (name: string): string => `arn:aws:lambda:us-east-1:123456789012:function:${name}`

type Overrides = Partial<InterpretOptions> & { time?: ReturnType<typeof testClock> }
type Work = (call: Invocation, clock: Clock) => Promise<Json> | Json

/** Runs a definition on a test clock; how it ended, what happened, which tasks were called, how long it took. */
export async function execute(definition: unknown, input: Json, work: Work, overrides: Overrides = {}) {
  const time = overrides.time ?? testClock()
  const events: StateEvent[] = []
  const calls: Invocation[] = []
  const options: InterpretOptions = {
    input,
    execution: { id: 'execution-id', name: 'execution-name', startTime: '2025-01-15T08:00:00.000Z' },
    stateMachineName: 'machine',
    invoke: async (call) => {
      calls.push(call)
      return work(call, time.clock)
    },
    on: (event) => events.push(event),
    clock: time.clock,
    random: () => 0.5,
    ...overrides,
  }
  const ended = await time
    .drive(interpret(definition as StateMachine, options))
    .then((output) => ({ output, failed: undefined }))
    .catch((thrown: unknown) => {
      if (thrown instanceof ExecutionFailed) return { output: undefined, failed: thrown }
      throw thrown
    })
  return { ...ended, events, calls, elapsedMs: time.elapsedMs(), sleepers: time.sleepers.size }
}

/** The paths of the events of a kind, in order. */
export function pathsOf(events: StateEvent[], kind: StateEvent['kind']): string[] {
  return events.filter((event) => event.kind === kind).map((event) => event.path)
}

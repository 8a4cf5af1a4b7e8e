/** Tells the calls of a run that it goes on in another attempt, or ends, so that what they opened elsewhere is open while it runs. */
import type { RunEnd } from '../define/call-context.ts'
import type { CallStep } from '../define/steps.ts'
import { allSteps } from '../define/walk-steps.ts'
import { messageOf } from '../errors.ts'
import type { RunEvent } from '../events.ts'
import type { Json } from '../types.ts'
import type { Attempt } from './attempt.ts'
import { callContext } from './call-context.ts'

const timeoutMs = 30_000 // the lock is held meanwhile, and somebody may wait who has pressed Ctrl-C

/** Calls `onRetry` for each call that an earlier attempt ran. Throws what it throws, and then nothing else has begun. */
export async function reopenCalls(attempt: Attempt): Promise<void> {
  const { events, signal } = attempt
  for (const [step, { task, path, output }] of finishedCalls(attempt, outputsOf(events))) {
    await step.onRetry?.(output, callContext(attempt, { task, path, signal }))
  }
}

function finishedCalls({ steps }: Attempt, outputs: Finished[]): [CallStep, Finished][] {
  return allSteps(steps).flatMap(({ step }) =>
    step.kind !== 'call'
      ? []
      : outputs.filter(({ task }) => task === step.name).map((one): [CallStep, Finished] => [step, one]),
  )
}

/** Calls `onRunEnd` once for each call that succeeded, whichever attempt ran it. One that fails is a warning. */
export async function closeCalls(attempt: Attempt, end: RunEnd): Promise<void> {
  for (const [step, { path, output }] of finishedCalls(attempt, outputsOf(attempt.events))) {
    if (step.onRunEnd !== undefined) await closeCall(attempt, step, path, output, end)
  }
}

async function closeCall(attempt: Attempt, step: CallStep, path: string, output: Json, end: RunEnd): Promise<void> {
  // The run's own signal may have fired, and this is work that must still be done.
  const signal = AbortSignal.timeout(timeoutMs)
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error(`it took longer than ${timeoutMs / 1000} s`)), {
      once: true,
    })
  })
  try {
    const context = callContext(attempt, { task: step.name, path, signal })
    await Promise.race([step.onRunEnd?.(output, end, context), late])
  } catch (error) {
    const message = `${step.name} could not close what it had opened: ${messageOf(error)}`
    // Where even this cannot be written, the next call is closed all the same, and the run's end fails to be written.
    await attempt.write({ type: 'warning', task: step.name, path, message }).catch(() => {})
  }
}

type Finished = RunEvent & { type: 'task-finished' }

/** The tasks that stand as finished; one that was begun again is not. */
export function outputsOf(events: readonly RunEvent[]): Finished[] {
  const outputs = new Map<string, Finished>()
  for (const event of events) {
    if (event.type === 'task-started') outputs.delete(event.path)
    else if (event.type === 'task-finished') outputs.set(event.path, event)
  }
  return [...outputs.values()]
}

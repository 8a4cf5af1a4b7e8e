/** One go at a Task's work, with its timeout. */
import type { Json } from '../../types.ts'
import { StatesError, taskError } from './errors.ts'
import { linkedController, type Run } from './run.ts'
import type { Invocation } from './types.ts'

/**
 * The work's result; nothing is null. After a timeout or an abort the work's signal fires and the work is waited for, up
 * to `settleMs`: otherwise the next attempt would write beside one that still runs. Throws a `StatesError`, or the
 * reason of `call.signal`.
 */
export async function runTask(run: Run, call: Invocation, timeoutSeconds: number | undefined): Promise<Json> {
  const { controller, unlink } = linkedController(call.signal)
  const timer = new AbortController()
  try {
    // The copy keeps a task that changes its parameters from changing the state's input.
    const work = settled(run, { ...call, parameters: structuredClone(call.parameters), signal: controller.signal })
    const stopped = onAbort(controller.signal)
    if (timeoutSeconds !== undefined) void abortAfter(run, timeoutSeconds, controller, timer.signal)
    const outcome = await Promise.race([work, stopped])
    if (!controller.signal.aborted && outcome !== 'stopped') return outcome()
    await Promise.race([work, run.clock.sleep(run.settleMs, timer.signal).catch(ignoreStop)])
    call.signal.throwIfAborted()
    // Step Functions gives this error no cause.
    throw new StatesError('States.Timeout', '')
  } finally {
    timer.abort()
    unlink()
  }
}

/** How the work ended, as a function that returns or throws: a promise that nobody awaits any more must not reject. */
async function settled(run: Run, call: Invocation): Promise<() => Json> {
  try {
    const result = asJson(await run.invoke(call))
    return () => result
  } catch (thrown) {
    return () => {
      throw taskError(thrown)
    }
  }
}

function asJson(result: Json | undefined): Json {
  const text = JSON.stringify(result)
  return text === undefined ? null : JSON.parse(text)
}

function onAbort(signal: AbortSignal): Promise<'stopped'> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve('stopped')
    else signal.addEventListener('abort', () => resolve('stopped'), { once: true })
  })
}

async function abortAfter(run: Run, seconds: number, target: AbortController, timer: AbortSignal): Promise<void> {
  try {
    await run.clock.sleep(seconds * 1000, timer)
    target.abort(new StatesError('States.Timeout', `longer than ${seconds} s`))
  } catch {
    // The work was over first.
  }
}

/** The timer ends with the task; its rejection says nothing else. */
function ignoreStop(): void {}

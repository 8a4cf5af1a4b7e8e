/** Interprets the compiled state machine of an attempt, and says in the log what a later attempt needs. */
import { interpret } from './asl/interpret.ts'
import type { StateEvent } from './asl/types.ts'
import type { Attempt } from './attempt.ts'
import { createJournal } from './journal.ts'
import { performStep } from './perform-step.ts'
import { recordedExits } from './recorded-exits.ts'

/**
 * Runs the states; a task that an earlier attempt finished gives what it gave then. Throws what ended the run: a task's
 * own error, the cause of a Fail state. With `only`, an error that a handler took fails the run too, for the steps that
 * would have told of it are left out.
 */
export async function runStates(attempt: Attempt): Promise<void> {
  const { pipeline, steps, definition, params, run, now, signal, clock, only, write } = attempt
  const exits = recordedExits(attempt.events)
  const journal = createJournal(steps)
  let writing: Promise<unknown> = Promise.resolve()
  let lost: { error: unknown } | undefined
  const on = (event: StateEvent): void => {
    for (const told of journal.tell(event)) {
      // What cannot be written is thrown below; until then it must not end the process.
      writing = write(told).catch((error: unknown) => {
        lost ??= { error }
      })
    }
  }
  try {
    await interpret(definition, {
      input: params,
      execution: { id: run, name: run, startTime: now.toISOString() },
      stateMachineName: pipeline.name,
      signal,
      ...(clock === undefined ? {} : { clock }),
      recorded: (path) => exits.get(path),
      on,
      invoke: async (invocation) => {
        try {
          return await performStep(attempt, invocation)
        } catch (error) {
          journal.failed(error)
          throw error
        }
      },
    })
  } catch (error) {
    // The interpreter speaks in error names; what went wrong is the task's own error.
    throw journal.reasonOf(error)
  }
  await writing
  if (lost !== undefined) throw lost.error
  if (only !== null) throwCaught([...journal.caught.values()])
}

function throwCaught(messages: string[]): void {
  if (messages.length === 0) return
  const head = messages.length === 1 ? '' : `${messages.length} tasks failed: `
  throw new Error(`${head}${messages.join(' | ')}`)
}

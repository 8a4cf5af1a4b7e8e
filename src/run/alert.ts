/** Sends an alert through every notifier; one that fails is said, and never fails the run. */
import { messageOf } from '../errors.ts'
import type { Event } from '../events.ts'
import type { Alert, Notifier } from '../types.ts'

/** Sends the alert and writes an event for each way it took. */
export async function sendAlert(
  notifiers: readonly Notifier[],
  write: (event: Event) => Promise<unknown>,
  content: Alert,
): Promise<void> {
  const details = content.details === undefined ? {} : { details: content.details }
  for (const notifier of notifiers) {
    let error: string | null = null
    try {
      await notifier.notify(content)
    } catch (thrown) {
      error = messageOf(thrown)
    }
    await write({ type: 'alert-sent', notifier: notifier.name, error, ...details })
  }
}

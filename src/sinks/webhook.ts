/** Sends alerts as JSON to a URL. */
import { MillraceError } from '../errors.ts'
import type { Notifier } from '../types.ts'

const timeoutMs = 10_000 // an alert must not hold up a run's end

/**
 * A notifier that POSTs `{pipeline, run, status, messages}`. The URL is a secret: it is never shown, not even where it is no
 * URL, which throws `usage`.
 */
export default function webhook(url: string): Notifier {
  if (!URL.canParse(url))
    throw new MillraceError('usage', 'the URL of a webhook is no URL; expected one such as https://…')
  return {
    name: 'webhook',
    notify: async (alert) => {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(alert),
        signal: AbortSignal.timeout(timeoutMs),
      })
      if (!response.ok) throw new Error(`the webhook answered ${response.status} ${response.statusText}`)
    },
  }
}

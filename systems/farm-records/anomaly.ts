/** After a merge: is what it changed, or how long it took, far from what earlier runs did? */
import type { CallContext, CallOptions, PastRun } from 'millrace'

/** Runs of history from which on there is something to compare with. */
const historyLeast = 8
const deviationsMost = 2
const busySeconds = 10

/** A figure of a run against those of earlier ones. */
export type Anomaly = { value: number; mean: number; deviation: number }

/**
 * Null within two standard deviations of the mean, and where the history is too short. The deviation is that of all earlier
 * runs, which are the whole there is.
 */
export function anomalyOf(value: number, history: readonly number[]): Anomaly | null {
  if (history.length < historyLeast) return null
  const mean = history.reduce((sum, one) => sum + one, 0) / history.length
  const deviation = Math.sqrt(history.reduce((sum, one) => sum + (one - mean) ** 2, 0) / history.length)
  return Math.abs(value - mean) > deviationsMost * deviation ? { value, mean, deviation } : null
}

/** Compares rows changed by the merges and seconds so far; what is out of the ordinary is a warning and an alert, never an error. */
export function checkAnomalies(merges: readonly string[]): CallOptions['run'] {
  return async (_, context) => {
    const past = (await context.history()).filter((run) => isComparable(run, merges))
    const rows = changedRows(await context.figures(), merges)
    const seconds = (context.now().getTime() - context.startedMs) / 1000
    const found = {
      rows_changed: anomalyOf(
        rows,
        past.map(({ tasks }) => changedRows(tasks, merges)),
      ),
      duration_seconds: slower(
        anomalyOf(
          seconds,
          past.map((run) => run.seconds),
        ),
      ),
    }
    for (const [figure, anomaly] of Object.entries(found))
      if (anomaly !== null) await raise(context, figure, anomaly, past.length)
    return {
      rowsChanged: rows,
      seconds,
      runs: past.length,
      anomalies: Object.entries(found).flatMap(([name, one]) => (one ? [name] : [])),
    }
  }
}

/** Nobody minds a run that is over sooner, and on a busy machine every run is some seconds longer. */
const slower = (anomaly: Anomaly | null): Anomaly | null =>
  anomaly !== null && anomaly.value - anomaly.mean > busySeconds ? anomaly : null

/** Runs to their end that merged into both targets; `--only` leaves others. */
function isComparable({ status, tasks }: PastRun, merges: readonly string[]): boolean {
  return status.startsWith('succeeded') && merges.every((merge) => tasks[merge] !== undefined)
}

function changedRows(tasks: PastRun['tasks'], merges: readonly string[]): number {
  const of = (merge: string): number => (tasks[merge]?.rows_inserted ?? 0) + (tasks[merge]?.rows_updated ?? 0)
  return merges.reduce((sum, merge) => sum + of(merge), 0)
}

async function raise(
  context: CallContext,
  figure: string,
  { value, mean, deviation }: Anomaly,
  runs: number,
): Promise<void> {
  const [found, usual, spread] = [value, mean, deviation].map((number) => String(Math.round(number * 100) / 100))
  const message = `${figure} is ${found}; the ${runs} runs before have ${usual} on average with a standard deviation of ${spread}, and more than ${deviationsMost} of them away is an anomaly. The rows are merged and sent: look at what came in`
  await context.warn(message)
  await context.notify({
    Anomaly: figure,
    Value: found as string,
    Mean: usual as string,
    StandardDeviation: spread as string,
  })
}

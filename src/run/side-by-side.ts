/** Units of work, several at a time. */
import { MillraceError, messageOf } from '../errors.ts'

/**
 * Does every unit, at most `atOnce` at a time; one that fails leaves the others done. Once the run is to stop, nothing new begins. Gives
 * what failed, by the units' names.
 */
export async function sideBySide<T extends { name: string }>(
  units: readonly T[],
  atOnce: number,
  signal: AbortSignal,
  act: (unit: T) => Promise<void>,
): Promise<Map<string, unknown>> {
  const failures = new Map<string, unknown>()
  const waiting = [...units]
  const work = async (): Promise<void> => {
    for (let unit = waiting.shift(); unit !== undefined; unit = waiting.shift()) {
      try {
        if (signal.aborted) throw new MillraceError('cancelled', 'stopped on request')
        await act(unit)
      } catch (error) {
        failures.set(unit.name, error)
        if (signal.aborted) waiting.length = 0
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, units.length) }, work))
  return failures
}

/** The error of a task of which some units failed: with several, a line for each, `<unit>  <message>`. */
export function unitsFailure(failures: ReadonlyMap<string, unknown>, isAlone: boolean, signal: AbortSignal): unknown {
  const [first] = failures.values()
  if (isAlone) return first
  if (signal.aborted) return new MillraceError('cancelled', 'stopped on request', { cause: first })
  const lines = [...failures].map(([name, error]) => {
    const message = messageOf(error).replaceAll(/\s*\n\s*/g, ' ')
    return message.startsWith(`${name}  `) ? message : `${name}  ${message}`
  })
  return new MillraceError('units-failed', lines.sort().join('\n'), { cause: first })
}

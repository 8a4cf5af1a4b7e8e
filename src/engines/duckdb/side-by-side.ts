/** Work over several connections of one database. */
import type { Session } from './session.ts'

/** How much there is to do, over how many connections; `onDone` is told after each piece how many are done. */
export type SideBySide = { count: number; connections: number; onDone?: (done: number) => void }

/** Does pieces of work, one connection one at a time, and gives in their order what each came to. Throws what one of them throws. */
export async function sideBySide<Result>(
  session: Session,
  { count, connections, onDone }: SideBySide,
  act: (own: Session, index: number) => Promise<Result>,
): Promise<Result[]> {
  if (count === 0) return []
  const results: Result[] = []
  let next = 0
  let done = 0
  const work = async (own: Session): Promise<void> => {
    while (next < count) {
      const index = next
      next += 1
      results[index] = await act(own, index)
      done += 1
      onDone?.(done)
    }
  }
  const forks = await Promise.all(Array.from({ length: connections - 1 }, () => session.fork()))
  try {
    // All of them end before the connections close, also when one fails.
    const ends = await Promise.allSettled([session, ...forks].map(work))
    const failed = ends.find((end) => end.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  } finally {
    for (const fork of forks) fork.close()
  }
  return results
}

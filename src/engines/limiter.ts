/** Does a piece of work when it is its turn; `most` may go on at a time. */
export type Limiter = <T>(most: number, act: () => Promise<T>, weight?: number) => Promise<T>

/**
 * Lets so many pieces of work go on at a time. Of those that wait the heaviest is next, and of equals the first that came: what is
 * left for the end, when there is no more for everybody, is then short.
 */
export function limiter(): Limiter {
  const waiting: { weight: number; begin: () => void }[] = []
  let running = 0
  return async (most, act, weight = 0) => {
    if (running >= most) {
      await new Promise<void>((begin) => {
        const lighter = waiting.findIndex((other) => other.weight < weight)
        waiting.splice(lighter === -1 ? waiting.length : lighter, 0, { weight, begin })
      })
    } else running += 1
    try {
      return await act()
    } finally {
      const next = waiting.shift()
      if (next === undefined) running -= 1
      else next.begin() // takes this one's place
    }
  }
}

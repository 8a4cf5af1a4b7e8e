/** Lets so many pieces of work go on at a time; the others wait, first come, first served. */
export function limiter(): <T>(most: number, act: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  let running = 0
  return async (most, act) => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve))
    else running += 1
    try {
      return await act()
    } finally {
      const next = waiting.shift()
      if (next === undefined) running -= 1
      else next() // takes this one's place
    }
  }
}

/** Random choices that a seed repeats. */

export type Random = {
  /** A whole number from 0 to `count` (exclusive). */
  below(count: number): number
  /** True in a share of the cases. */
  chance(share: number): boolean
  pick<T>(values: readonly T[]): T
  /** The values in another order. */
  shuffled<T>(values: readonly T[]): T[]
}

/** Makes random choices from a seed (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (count: number): number => Math.floor(next() * count)
  return {
    below,
    chance: (share) => next() < share,
    pick: <T>(values: readonly T[]) => values[below(values.length)] as T,
    shuffled: (values) => {
      const rest = [...values]
      return values.map(() => rest.splice(below(rest.length), 1)[0] as (typeof rest)[number])
    },
  }
}

/** The seed of random tests: `MILLRACE_SEED`, or a new one that is printed so that it can be set. */
export function testSeed(): number {
  const given = process.env.MILLRACE_SEED
  const seed = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given)
  if (!Number.isSafeInteger(seed)) throw new Error(`MILLRACE_SEED=${given} is no whole number`)
  process.stderr.write(`MILLRACE_SEED=${seed}\n`)
  return seed
}

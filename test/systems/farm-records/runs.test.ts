/**
 * The law: after any sequence of drops, changes of the database and kinds of runs, both targets are the answer, row by row, in
 * Iceberg and in PostgreSQL. `MILLRACE_SEED` repeats the draws.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Postgres, startPostgres } from '../../postgres.ts'
import { type Random, seededRandom, testSeed } from '../../random.ts'
import { type Lake, makeLake } from './lake.ts'
import { firstReferences, randomDrop, randomReferences, randomStatements } from './world.ts'

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 }) // several runs each, on a busy machine too

const seed = testSeed()
const runCount = 4
const lakes: Lake[] = []
let server: Postgres | null = null
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => {
  for (const lake of lakes) lake.remove()
  await server?.stop()
})

async function sequence(lake: Lake, random: Random, runs: number): Promise<void> {
  lakes.push(lake)
  await lake.refer(firstReferences())
  for (let run = 0; run < runs; run += 1) {
    for (const { table, rows } of randomDrop(random, run)) await lake.land(table, ...rows)
    if (run > 0) await lake.refer(randomReferences(random, lake.references, run))
    await lake.change(...(run === 0 ? [] : randomStatements(random, run)))
    const fullLoad = run > 0 && random.chance(0.2)
    const states = run > 0 && random.chance(0.25) ? random.pick([['19'], ['20', '31']]) : undefined
    await lake.run({ fullLoad, ...(states === undefined ? {} : { states }), flags: ['--sync-limit', '100'] })
    try {
      await lake.expectTargets()
    } catch (error) {
      throw new Error(
        `MILLRACE_SEED=${seed}, run ${run}${fullLoad ? ' --full-load' : ''} ${states ?? ''}: ${(error as Error).message}`,
        { cause: error },
      )
    }
  }
  expect(lake.expected().inIceberg.tract_producer_year.length).toBeGreaterThan(0)
}

describe(`random runs, seed ${seed}`, () => {
  it.each([0, 1])('give the answer, sequence %i', async (number) => {
    await sequence(await makeLake(), seededRandom(seed + number), runCount)
  })

  it('give the answer on a server, whose tables have more columns in another order', async (context) => {
    if (server === null) return context.skip('PostgreSQL is not on this machine')
    await sequence(await makeLake({ url: server.url, variant: 'grown' }), seededRandom(seed + 100), runCount)
  })
})

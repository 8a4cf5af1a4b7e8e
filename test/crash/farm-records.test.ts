/**
 * Kills of the farm-records pipeline: SIGKILL to the whole process group at seeded moments of runs with new drops, new reference
 * rows and changes behind our back. The next run brings both targets to the answer, in Iceberg and in PostgreSQL, and every row
 * is there once. `MILLRACE_SEED` repeats the draws, `MILLRACE_KILLS` sets how many.
 */
import { afterAll, beforeAll, expect, it, onTestFailed } from 'vitest'
import { seededRandom, testSeed } from '../random.ts'
import { type Lake, makeLake } from '../systems/farm-records/lake.ts'
import { firstReferences, randomDrop, randomReferences, randomStatements } from '../systems/farm-records/world.ts'
import { endStarted, startMillrace } from './process.ts'

const killsWanted = Number(process.env.MILLRACE_KILLS ?? 8)
const seed = testSeed()
const secondsPerKill = 30
const random = seededRandom(seed)
let lake: Lake
let wholeMs = 0
let isFailed = false

beforeAll(async () => {
  lake = await makeLake()
  await lake.refer(firstReferences())
  await arrive(0)
  const startedMs = Date.now()
  await lake.run()
  wholeMs = Date.now() - startedMs
})
afterAll(() => {
  endStarted()
  if (!isFailed) lake.remove()
})

async function arrive(run: number): Promise<void> {
  for (const { table, rows } of randomDrop(random, run % 6)) await lake.land(table, ...rows)
  if (run === 0) return
  await lake.refer(randomReferences(random, lake.references, run))
  await lake.change(...randomStatements(random, run))
}

it(
  `${killsWanted} kills, seed ${seed}`,
  async () => {
    onTestFailed(() => {
      isFailed = true
      process.stdout.write(`MILLRACE_SEED=${seed}, the root is kept: ${lake.root}\n`)
    })
    let killed = 0
    for (let run = 1; run <= killsWanted; run += 1) {
      await arrive(run)
      const startedMs = Date.now()
      const started = startMillrace(['run', 'farm-records', '--root', lake.root, '--sync-limit', '100'])
      await Promise.race([started.exited, new Promise((resolve) => setTimeout(resolve, random.below(wholeMs)))])
      started.kill('SIGKILL')
      if ((await started.exited).signal === 'SIGKILL') killed += 1
      const againMs = Date.now()
      await lake.run({ flags: ['--sync-limit', '100'], sinceMs: startedMs })
      wholeMs = Math.min(wholeMs, Date.now() - againMs) // what else the machine does makes the first one long
      await lake.expectTargets().catch((error: Error) => {
        throw new Error(`MILLRACE_SEED=${seed}, kill ${run}: ${error.message}`, { cause: error })
      })
    }
    expect(killed).toBeGreaterThan(killsWanted / 4)
  },
  killsWanted * secondsPerKill * 1000,
)

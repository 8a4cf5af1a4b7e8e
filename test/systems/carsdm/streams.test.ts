/**
 * The law: one stream of changes, cut into files that keep its order, landed over any number of runs in any order, gives
 * one Final, which is the answer. Many streams are tables of one root. `MILLRACE_SEED` repeats the draws.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seededRandom, testSeed } from '../../random.ts'
import { type Deletes, lines } from './answer.ts'
import { type Lake, makeLake, type TableFormat, tableFormats } from './lake.ts'
import { type Arrival, arrivalOf, arrivalText, definitionOf, type Stream, streams } from './streams.ts'
import { expectZones, readZones } from './zones.ts'

const streamCount = 6
const splitCount = 3
const runCount = 3
const seed = testSeed()

/** A way of a stream, as a table. */
type Way = { table: string; arrival: Arrival }
const drawn: { stream: Stream; ways: Way[] }[] = fc
  .sample(streams, { seed, numRuns: streamCount })
  .map((stream, number) => {
    const ways = Array.from({ length: splitCount }, (_, split): Way => {
      const random = seededRandom(seed + number * splitCount + split)
      // The first way is plain: all in one run.
      const runs = split === 0 ? 1 : runCount
      return { table: `S${number}_WAY${split}`, arrival: arrivalOf(stream, random, runs) }
    })
    return { stream, ways }
  })
const definitions = drawn.flatMap(({ stream, ways }) => ways.map(({ table }) => definitionOf(stream, table)))

// The window leaves some partitions of the CDC zone out.
const options = { runDate: '2025-11-05', retentionDays: 3 }

/** The rule of every run, and those that follow without new files; the deletes of a key are remembered under each. */
const rules = tableFormats.flatMap(
  (tableFormat): { title: string; tableFormat: TableFormat; landing: Deletes; after: Deletes[] }[] => [
    { title: `flag, then keep, ${tableFormat}`, tableFormat, landing: 'flag', after: ['flag', 'keep'] },
    { title: `apply, ${tableFormat}`, tableFormat, landing: 'apply', after: ['apply'] },
  ],
)

describe.each(rules)(`streams under $title, seed ${seed}`, ({ tableFormat, landing, after }) => {
  const lake = makeLake(definitions, tableFormat)
  beforeAll(async () => {
    for (let run = 0; run < runCount; run += 1) {
      for (const { table, arrival } of drawn.flatMap(({ ways }) => ways))
        await lake.land(table, ...(arrival[run] ?? []))
      await lake.run({ ...options, deletes: landing })
    }
  })
  afterAll(lake.remove)

  for (const deletes of after) {
    it(`are run once more under ${deletes}`, async () => void (await lake.run({ ...options, deletes })))
    it.each(drawn.map((one, number) => ({ ...one, number })))(
      `${deletes}: every way of stream $number gives one Final`,
      ({ stream, ways }) => expectOneFinal(lake, stream, ways),
    )
  }
})

async function expectOneFinal(lake: Lake, stream: Stream, ways: readonly Way[]): Promise<void> {
  const finals: string[][] = []
  for (const { table, arrival } of ways) {
    const zones = await readZones(lake.root, table)
    const answer = lake.answer(table)
    try {
      expectZones(table, definitionOf(stream, table), zones, answer)
    } catch (error) {
      const { message } = error as Error
      throw new Error(`MILLRACE_SEED=${seed}\n${arrivalText(arrival)}\n${message}`, { cause: error })
    }
    // Without commit times a key was deleted when its file says, which is another one from way to way.
    const names = answer.columns.map(({ name }) => name).filter((name) => name !== 'deleted_at' || stream.hasCommit)
    finals.push(lines(zones.final.rows, names))
  }
  for (const final of finals) expect(final, arrivalText(ways[0]?.arrival ?? [])).toEqual(finals[0])
}

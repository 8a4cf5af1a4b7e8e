/** The table against an independent answer, over random landing days that arrive in one to four executions. */
import { describe, expect, it } from 'vitest'
import { millrace } from '../../cli.ts'
import { type Random, seededRandom, testSeed } from '../../random.ts'
import { expectDay, expectMetrics, expectNothingStaged, ownFiles } from './expectations.ts'
import { type Lake, landingOf, makeLake, partitionOf, readTable, snapshot } from './lake.ts'
import { type LandedFile, landingDay } from './landing.ts'

const day = '2025-11-03'
const folder = landingOf(day)
const cases = Number(process.env.MILLRACE_CASES ?? 6)
const seed = testSeed()

describe.concurrent(`random landing days (MILLRACE_SEED=${seed})`, () => {
  for (let index = 0; index < cases; index += 1) {
    const executions = 1 + (index % 4)
    it(`give the answer of all rows: case ${index}, landed in ${executions}`, async ({ onTestFinished }) => {
      const random = seededRandom(seed + index)
      const files = random.pick([1, 2, 3, 7])
      const codec = random.pick(['snappy', 'gzip', 'zstd', 'lz4_raw', 'uncompressed'])
      const flags = ['--output-file-count', String(files), '--compression-codec', codec]
      const lake = makeLake()
      onTestFinished(lake.remove)
      for (const [part, landed] of parts(random, landingDay(random, day, 3 + random.below(5)), executions).entries()) {
        const sequence = ['--execution-sequence', String(part + 1), '--threads', random.pick(['1', '2'])]
        await expectExecution(lake, landed, [...flags, ...sequence], files)
        await expectDay(lake, day, { files, codec })
      }
      await expectUnchanged(lake, flags)
    })
  }
})

/** The files in as many parts as there are executions; the first has data, later ones may bring nothing. */
function parts(random: Random, files: LandedFile[], count: number): LandedFile[][] {
  const data = files.find(({ kind }) => kind !== 'ignored')
  const landed = Array.from({ length: count }, (): LandedFile[] => [])
  for (const file of files) landed[file === data ? 0 : random.below(count)]?.push(file)
  return landed
}

/** Lands files, runs, and compares the figures with what the answers before and after say. */
async function expectExecution(lake: Lake, files: LandedFile[], flags: string[], count: number): Promise<void> {
  const before = lake.answer(folder)
  await lake.land(folder, files)
  const after = lake.answer(folder)
  const landing = snapshot(lake.absolute('landing'))
  const run = await millrace(['run', 'chargebacks', '--root', lake.root, '--partition-date', day, ...flags])
  expectMetrics(run, {
    records: after.rowsRead - before.rowsRead,
    duplicates: after.duplicates - before.duplicates,
    files: Math.min(count, after.kept.length),
  })
  for (const path of after.unreadable.slice(before.unreadable.length)) {
    expect(run.stderr.split('\n').find((line) => line.startsWith('ALERT'))).toContain(JSON.stringify(path))
  }
  expect(snapshot(lake.absolute('landing'))).toEqual(landing)
  expectNothingStaged(lake)
}

async function expectUnchanged(lake: Lake, flags: string[]): Promise<void> {
  const before = snapshot(lake.root, ownFiles)
  const again = await millrace(['run', 'chargebacks', '--root', lake.root, '--partition-date', day, ...flags])
  const rows = (await readTable(lake, partitionOf(day))).length
  expectMetrics(again, { records: 0, duplicates: 0, files: Math.min(Number(flags[1]), rows) })
  expect(again.stderr).toMatch(/no new files/)
  expect(snapshot(lake.root, ownFiles)).toEqual(before)
}

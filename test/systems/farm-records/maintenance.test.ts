/** Weekly maintenance: fewer files, the same rows, for us and for whoever reads meanwhile. */
import { afterAll, expect, it, vi } from 'vitest'
import { millrace } from '../../cli.ts'
import { landCodes, makeCounty } from './county.ts'
import type { Lake } from './lake.ts'

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 }) // several runs each, on a busy machine too

const lakes: Lake[] = []
afterAll(() => lakes.forEach((lake) => void lake.remove()))

it('maintenance compacts what runs left, and the next run goes on', async () => {
  const lake = await makeCounty(4)
  lakes.push(lake)
  for (let run = 0; run < 5; run += 1) {
    await landCodes(lake, [run % 4], `C${run}`, `2025-11-0${run + 1} 00:00:00`)
    await lake.run({ flags: ['--sync-limit', '100'] })
  }
  const before = await lake.dataFiles('farm_records_reporting.tract_producer_year')
  const reader = readMeanwhile(lake)
  const ended = await millrace(['run', 'farm-records-maintenance', '--root', lake.root])
  expect(ended.code, ended.stderr).toBe(0)
  expect(await reader.stop()).toEqual([4])
  expect(await lake.dataFiles('farm_records_reporting.tract_producer_year')).toBeLessThan(before)
  await lake.expectTargets()
  await landCodes(lake, [0, 1], 'NEW', '2025-11-20 00:00:00')
  await lake.run({ flags: ['--sync-limit', '100'] })
  await lake.expectTargets()
})

it('maintenance of a root without tables does nothing', async () => {
  const lake = await makeCounty(1)
  lakes.push(lake)
  const ended = await millrace(['run', 'farm-records-maintenance', '--root', lake.root])
  expect(ended.code, ended.stderr).toBe(0)
})

/** Counts the rows of a target again and again; the counts that were seen, each once. */
function readMeanwhile(lake: Lake): { stop(): Promise<number[]> } {
  let isOver = false
  const seen = new Set<number>()
  const reading = (async () => {
    while (!isOver || seen.size === 0) seen.add(await lake.count('farm_records_reporting.tract_producer_year'))
  })()
  return {
    stop: async () => {
      isOver = true
      await reading
      return [...seen]
    },
  }
}

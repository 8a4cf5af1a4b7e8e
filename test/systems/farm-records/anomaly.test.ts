/** The check after a merge: what is out of the ordinary raises the alert and fails nothing. */
import type { CallContext, PastRun } from 'millrace'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { anomalyOf, checkAnomalies } from '../../../systems/farm-records/anomaly.ts'
import { landCodes, makeCounty } from './county.ts'
import type { Lake } from './lake.ts'

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 }) // several runs each, on a busy machine too

const lakes: Lake[] = []
afterAll(() => lakes.forEach((lake) => void lake.remove()))

describe('anomalyOf', () => {
  const usual = [10, 12, 8, 10, 11, 9, 10, 10] // mean 10, standard deviation 1.118

  it('is silent within two standard deviations, on both sides of the mean', () => {
    for (const value of [8, 10, 12]) expect(anomalyOf(value, usual)).toBeNull()
  })

  it('sees what is more than two away, and nothing before there are eight runs', () => {
    expect(anomalyOf(12.3, usual)).toMatchObject({ value: 12.3, mean: 10 })
    expect(anomalyOf(7, usual)).toMatchObject({ value: 7 })
    expect(anomalyOf(1000, usual.slice(1))).toBeNull()
  })
})

describe('checkAnomalies', () => {
  const figures = (rows: number) => ({
    tracts: { rows_inserted: rows, rows_updated: 0 },
    farms: { rows_inserted: 0, rows_updated: 0 },
  })
  const past = (rows: number, seconds: number, status = 'succeeded'): PastRun => ({
    run: 'r',
    status,
    startedMs: 0,
    seconds,
    metrics: {},
    tasks: figures(rows),
  })

  async function check(rows: number, seconds: number, history: PastRun[]): Promise<string[]> {
    const said: string[] = []
    const context = {
      history: async () => history,
      figures: async () => figures(rows),
      now: () => new Date(seconds * 1000),
      startedMs: 0,
      warn: async (message: string) => void said.push(`warning ${message}`),
      notify: async (details: Record<string, string>) => void said.push(`alert ${details.Anomaly} ${details.Value}`),
    } as unknown as CallContext
    await checkAnomalies(['tracts', 'farms'])(null, context)
    return said.map((line) => line.split('; ')[0] as string)
  }
  const eight = Array.from({ length: 8 }, (_, n) => past(100 + (n % 2), 20 + (n % 2)))

  it('says nothing of a usual run', async () => expect(await check(100, 21, eight)).toEqual([]))

  it('warns and alerts of too many rows and of too few', async () => {
    expect(await check(500, 21, eight)).toEqual(['warning rows_changed is 500', 'alert rows_changed 500'])
    expect(await check(0, 21, eight)).toEqual(['warning rows_changed is 0', 'alert rows_changed 0'])
  })

  it('warns of a run that takes much longer, not of one that is shorter', async () => {
    expect(await check(100, 60, eight)).toEqual(['warning duration_seconds is 60', 'alert duration_seconds 60'])
    expect(await check(100, 1, eight)).toEqual([])
  })

  it('leaves out runs that failed or did not merge', async () => {
    const seven = eight.slice(1)
    expect(await check(500, 21, [...seven, past(100, 20, 'failed'), { ...past(100, 20), tasks: {} }])).toEqual([])
    expect(await check(500, 21, [...seven, past(100, 20, 'succeeded with warnings')])).toHaveLength(2)
  })
})

describe('a ninth run that changes far more rows', () => {
  it('ends with exit code 0, a warning and an alert', async () => {
    const lake = await makeCounty(12)
    lakes.push(lake)
    for (let run = 0; run < 8; run += 1) {
      if (run > 0) await landCodes(lake, [0], `C${run}`, `2025-11-0${run} 00:00:00`)
      const ended = await lake.run({ flags: ['--sync-limit', '100'] })
      expect(ended.stderr).not.toContain('anomaly')
    }
    await landCodes(lake, [...Array(12).keys()], 'ALL', '2025-11-10 00:00:00')
    await lake.land(
      'ibpart',
      ...lake.landed.ibpart.slice(0, 12).map((row, n) => ({
        ...row,
        segment_recno: `N${n}`,
        segment: `S${(n + 1) % 12}`,
        UPTIM: '2025-11-10 00:00:00',
      })),
    )
    const ended = await lake.run({ flags: ['--sync-limit', '100'] })
    expect(ended.stderr).toMatch(/warning: .*rows_changed is \d+; the 8 runs before/)
    expect(ended.stderr).toContain('succeeded with warnings')
    await lake.expectTargets()
  })
})

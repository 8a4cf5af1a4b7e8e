/** What a run does under its parameters, and what it leaves alone. */
import { afterAll, describe, expect, it, vi } from 'vitest'
import { landCodes, makeCounty } from './county.ts'
import type { Lake } from './lake.ts'

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 }) // several runs each, on a busy machine too

const lakes: Lake[] = []
afterAll(() => lakes.forEach((lake) => void lake.remove()))

async function county(...options: Parameters<typeof makeCounty>): Promise<Lake> {
  const lake = await makeCounty(...options)
  lakes.push(lake)
  return lake
}

const tracts = 'farm_records_reporting.tract_producer_year'
const everything = ['--sync-limit', '100']
/** Which transaction wrote every row of the targets. */
const writers = (lake: Lake) =>
  lake.postgres((query) =>
    query(`select xmin::text, core_customer_identifier::text from ${tracts} union all
      select xmin::text, core_customer_identifier::text from farm_records_reporting.farm_producer_year order by 2, 1`),
  )

describe('a run without new input', () => {
  it('makes no snapshot and changes no byte, and says so', async () => {
    const lake = await county(3)
    await lake.run()
    const before = { snapshots: await lake.snapshots(), files: lake.files(), writers: await writers(lake) }
    const ended = await lake.run()
    expect(await lake.snapshots()).toEqual(before.snapshots)
    expect(lake.files()).toEqual(before.files)
    expect(await writers(lake)).toEqual(before.writers)
    expect(ended.stdout).toMatch(/rows_ingested=0, rows_inserted=0, rows_updated=0, rows_synced=0/)
    await lake.expectTargets()
  })

  it('takes a file with known rows and no others without a snapshot of the targets', async () => {
    const lake = await county(3)
    await lake.run()
    const before = await lake.snapshots()
    await lake.land('ibpart', ...lake.landed.ibpart)
    await lake.run()
    const after = await lake.snapshots()
    for (const table of Object.keys(before).filter((name) => !name.startsWith('sss.')))
      expect(after[table]).toBe(before[table])
    await lake.expectTargets()
  })
})

describe('--full-load', () => {
  it('inserts and updates nothing; the next plain run does', async () => {
    const lake = await county(3)
    await lake.run()
    await landCodes(lake, [1], 'LT')
    await lake.land('ibpart', {
      ...lake.landed.ibpart[0],
      segment_recno: 'R-new',
      segment: 'S2',
      UPTIM: '2025-10-05 00:00:00',
    })
    await lake.run({ fullLoad: true, flags: everything })
    expect(lake.changes().tract_producer_year).toMatchObject({ updated: [], inserted: { length: 1 } })
    await lake.expectTargets()
    await lake.run({ flags: everything })
    expect(lake.changes().tract_producer_year.updated).toHaveLength(1)
    await lake.expectTargets()
  })
})

describe('--states', () => {
  it('takes the rows of these states; the next run the others', async () => {
    const lake = await county(6, { stateOf: (n) => ['19', '20', '31'][n % 3] as string })
    await lake.run({ states: ['19', '20'] })
    expect(lake.expected().inIceberg.tract_producer_year).toHaveLength(4)
    await lake.expectTargets()
    await landCodes(lake, [0, 2], 'LT')
    await lake.run({ states: ['31'], flags: everything })
    expect(lake.expected().inIceberg.tract_producer_year).toHaveLength(6)
    await lake.expectTargets()
    await lake.run({ flags: everything })
    expect(lake.changes().tract_producer_year.updated).toHaveLength(1)
    await lake.expectTargets()
  })

  it('is refused for what is no list of codes', async () => {
    const lake = await county(1)
    const ended = await lake.attempt(['--states', 'Iowa'])
    expect(ended.code).toBe(2)
    expect(ended.stderr).toContain('FSA codes of states')
  })
})

describe('what changed behind our back', () => {
  it('is read, and computed again: an update, a row that is gone, one by hand', async () => {
    const lake = await county(4)
    await lake.run()
    await lake.change(
      `update ${tracts} set tract_producer_hel_exception_code = 'HA', producer_involvement_interrupted_indicator = 'Z' where core_customer_identifier = 501`,
      `delete from ${tracts} where core_customer_identifier = 502`,
      `insert into ${tracts} (core_customer_identifier, tract_year_identifier, producer_involvement_code) values (1, 1, 'OP')`,
    )
    await lake.run()
    expect(lake.changes().tract_producer_year).toMatchObject({ inserted: { length: 1 }, updated: { length: 1 } })
    expect(lake.expected().inPostgres.tract_producer_year).toHaveLength(5)
    await lake.expectTargets()
  })

  it('is found in targets that were filled before the first run', async () => {
    const lake = await county(3)
    await lake.change(
      `insert into ${tracts} (core_customer_identifier, tract_year_identifier, producer_involvement_code, producer_involvement_start_date, tract_producer_hel_exception_code, data_status_code, creation_date, load_timestamp)
        values (500, 4000, 'OP', '2020-01-01', 'GF', 'A', '2001-01-01', '2001-01-01 00:00:00+00'), (501, 4001, 'OP', '2020-01-01', 'OLD', 'A', '2001-01-01', null), (9, 9, 'OW', null, null, null, null, null)`,
    )
    await lake.run()
    expect(lake.changes().tract_producer_year).toMatchObject({ inserted: { length: 1 }, updated: { length: 1 } })
    await lake.expectTargets()
  })
})

describe('--dry-run', () => {
  it('writes nothing', async () => {
    const lake = await county(2)
    const ended = await lake.attempt(['--dry-run'])
    expect(ended.code, ended.stderr).toBe(0)
    expect(await lake.readTargets()).toEqual({ tract_producer_year: [], farm_producer_year: [] })
  })
})

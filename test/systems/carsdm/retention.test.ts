/** The window of the CDC zone as run date and retention move. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { makeLake } from './lake.ts'
import { cdc, type Definition, load } from './landing.ts'
import { readZones } from './zones.ts'

const change = 'Op string, id bigint, note string'
const tables = ['BUSY', 'QUIET']
const definitions = tables.map((table): Definition => {
  return { table, primaryKey: ['id'], columns: { id: 'bigint', note: 'string' } }
})
const dates = ['20251027', '20251028', '20251101', '20251103', '20251106', '20251231']

/** What each run is told, and how many partitions QUIET then has: those greater than run date − days. */
const steps: { title: string; runDate: string; retentionDays: number; kept: number; land?: string }[] = [
  { title: 'the run date less ten days', runDate: '2025-11-06', retentionDays: 10, kept: 5, land: '20251104' },
  { title: 'the run date moves on', runDate: '2025-11-07', retentionDays: 10, kept: 4 },
  {
    title: 'and further, with late files outside the window',
    runDate: '2025-11-15',
    retentionDays: 10,
    kept: 2,
    land: '20251020',
  },
  { title: 'it moves back', runDate: '2025-11-06', retentionDays: 10, kept: 5 },
  { title: 'the window is widened', runDate: '2025-11-15', retentionDays: 30, kept: 6 },
  { title: 'and narrowed to a day', runDate: '2025-11-06', retentionDays: 1, kept: 2 },
  { title: 'over a year’s end', runDate: '2026-01-05', retentionDays: 10, kept: 1, land: '20260101' },
  { title: 'to nothing', runDate: '2026-06-01', retentionDays: 1, kept: 0 },
]

const lake = makeLake(definitions)
afterAll(lake.remove)

it.each(steps)('$title: $runDate, $retentionDays days', async ({ runDate, retentionDays, kept, land }) => {
  const isFirst = land === steps[0]?.land
  if (isFirst) {
    for (const table of tables) {
      await lake.land(table, load(1, 'id bigint, note string', [0, 'l']))
      for (const date of dates) await lake.land(table, cdc(`${date}-235959999`, change, ['I', 1, date], ['D', 2, null]))
    }
  }
  if (land !== undefined) await lake.land('BUSY', cdc(`${land}-000000000`, change, ['U', 1, land]))
  const before = lake.snapshot()
  await lake.run({ runDate, retentionDays, deletes: 'keep' })
  for (const table of tables) await lake.expectTable(table)
  const folder = lake.absolute('final/cars/_cdc/QUIET')
  const partitions = fs.existsSync(folder) ? fs.readdirSync(folder) : []
  expect(partitions).toHaveLength(kept)
  if (isFirst) return
  const after = lake.snapshot()
  const isOther = (file: string): boolean => !/\/_cdc\//.test(file) && !/\/BUSY(-LOAD)?(\/|$)/.test(file)
  for (const [file, hash] of Object.entries(before).filter(([name]) => isOther(name)))
    expect(after[file], file).toBe(hash)
})

it('leaves Final without regard to the window', async () => {
  const { final } = await readZones(lake.root, 'BUSY')
  expect(final.rows.map(({ id }) => id).sort()).toEqual(['0', '1'])
})

it('leaves no folder of a partition that fell out', () => {
  const folders = tables
    .map((table) => lake.absolute(`final/cars/_cdc/${table}`))
    .filter((folder) => fs.existsSync(folder))
  expect(folders.flatMap((folder) => fs.readdirSync(folder).map((name) => path.join(folder, name)))).toEqual([])
})

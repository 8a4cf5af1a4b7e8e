/**
 * Kills of the flywheel pipeline: SIGKILL to the whole process group at seeded moments while a further snapshot is split, bucketed,
 * partitioned and registered. What stands stays readable, and the next run ends as one that was not disturbed: tables, catalog and
 * quarantine. `MILLRACE_SEED` repeats the draws, `MILLRACE_KILLS` sets how many.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { millrace } from '../cli.ts'
import { type Random, seededRandom, testSeed } from '../random.ts'
import { type Lake, makeLake, places, specCsv } from '../systems/flywheel/lake.ts'
import { endStarted, startMillrace } from './process.ts'

const killsWanted = Number(process.env.MILLRACE_KILLS ?? 20)
const seed = testSeed()
const secondsPerKill = 30
const random = seededRandom(seed)
const tables = { IBE_01: ['a', 'b', 'c'], IBE_02: ['d'], IBE_03: ['e', 'f', 'a'] }
const buckets = ['--bucket-count', '4']
let disturbed: Lake
let undisturbed: Lake
let wholeMs = 0

beforeAll(async () => {
  disturbed = await makeLake()
  undisturbed = await makeLake()
  for (const lake of [disturbed, undisturbed]) {
    lake.write(places.stagedSpec, specCsv(tables))
    lake.write(places.partitionedSpec, specCsv({ ...tables, IBE_04: ['f', 'c'] }))
    lake.write(places.addressableSpec, specCsv({ addressable_ids: ['email', 'phone'] }))
  }
  await arrive('2024-01-01', seededRandom(seed + 1))
  await run(disturbed)
  wholeMs = await run(undisturbed)
})
afterAll(() => {
  endStarted()
  disturbed.remove()
  undisturbed.remove()
})

/** The same snapshot in both roots. */
async function arrive(date: string, draw: Random): Promise<void> {
  const rows = 300 + draw.below(3000)
  const salt = draw.below(1_000_000)
  const key = `CASE WHEN n % 97 <> 5 THEN concat('kund ', CASE WHEN n % 3 = 0 THEN 'ø' ELSE '' END, n + ${salt}) END AS "Customer_User_id"`
  const value = (column: number): string => `hash(n, ${column}, ${salt}) % 1000`
  const wide = `SELECT ${key}, ${['A', 'b', 'C', 'd', 'e', 'f'].map((name, index) => `${value(index)} AS "${name}"`).join(', ')} FROM range(${rows}) t(n)`
  const ids = `SELECT ${key}, concat(n, '@example.com') AS email, '+1555' || n AS phone FROM range(${rows}) t(n)`
  for (const lake of [disturbed, undisturbed]) {
    await lake.land(places.infobase, date, wide)
    await lake.land(places.addressable, date, ids)
    await lake.land(places.compacted, date, ids)
  }
}

async function run({ root }: Lake): Promise<number> {
  const startedMs = Date.now()
  const { code, stderr } = await millrace(['run', 'flywheel', '--root', root, ...buckets])
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
  return Date.now() - startedMs
}

/** Everything that a run leaves: rows of all tables and of the quarantine, and the catalog to the letter. */
async function state(lake: Lake): Promise<Record<string, string>> {
  const found = {
    ...(await lake.tables('omc_cleanroom_data/split_cluster')),
    ...(await lake.tables(places.partitioned)),
  }
  Object.assign(found, await lake.tables(places.bucketed), await lake.tables('quarantine'))
  const catalog = path.join(lake.root, '_millrace/catalog')
  for (const entry of fs.readdirSync(catalog, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue
    const file = path.join(entry.parentPath, entry.name)
    found[path.relative(lake.root, file)] = fs.readFileSync(file, 'utf8')
  }
  const metadata = path.join(lake.root, places.staged, 'infobase_attributes/metadata/snapshot_dt.txt')
  found.metadata = fs.readFileSync(metadata, 'utf8')
  return found
}

/** What a reader gets of the tables that stood before, by their names, whatever was interrupted. */
async function readable(lake: Lake): Promise<Record<string, string>> {
  const tables = ['ext_ibe_01', 'bucketed_ibe_03', 'part_ibe_02', 'part_addressable_ids']
  const counts = tables.map((table) => `(select count(*) from omc_flywheel_dev.${table}) ${table}`)
  const { code, stdout, stderr } = await millrace(['sql', '--json', '--root', lake.root, `select ${counts.join(', ')}`])
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
  return (JSON.parse(stdout) as Record<string, string>[])[0] ?? {}
}

it(
  `${killsWanted} kills, seed ${seed}`,
  async () => {
    let killed = 0
    for (let kill = 1; kill <= killsWanted; kill += 1) {
      const before = await readable(disturbed)
      await arrive(dateOf(kill), random)
      wholeMs = Math.min(wholeMs, await run(undisturbed))
      const after = await readable(undisturbed)
      const started = startMillrace(['run', 'flywheel', '--root', disturbed.root, ...buckets])
      await Promise.race([started.exited, new Promise((resolve) => setTimeout(resolve, random.below(wholeMs)))])
      started.kill('SIGKILL')
      if ((await started.exited).signal === 'SIGKILL') killed += 1
      const where = `MILLRACE_SEED=${seed}, kill ${kill}`
      for (const [table, rows] of Object.entries(await readable(disturbed)))
        expect([before[table], after[table]], `${where}: ${table} has neither its old rows nor its new ones`).toContain(
          rows,
        )
      await run(disturbed)
      expect(await state(disturbed), where).toEqual(await state(undisturbed))
      const staging = path.join(disturbed.root, '_millrace/staging')
      expect(fs.existsSync(staging) ? fs.readdirSync(staging, { recursive: true }) : [], where).toEqual([])
    }
    expect(killed).toBeGreaterThan(killsWanted / 4)
  },
  killsWanted * secondsPerKill * 1000,
)

/** A month after the other. */
function dateOf(kill: number): string {
  return new Date(Date.UTC(2024, kill, 1)).toISOString().slice(0, 10)
}

/**
 * Kills of the farm-records pipeline: SIGKILL to the whole process group at seeded moments while drops are ingested, tables copied,
 * merged and sent to PostgreSQL; then a retry or another run. `MILLRACE_SEED` repeats the draws, `MILLRACE_KILLS` sets how many.
 */
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { afterAll, beforeAll, expect, it, onTestFailed } from 'vitest'
import connectPostgres from '../../src/postgres/connect.ts'
import { millrace } from '../cli.ts'
import { seededRandom, testSeed } from '../random.ts'
import { withTables } from '../run/tables/lake.ts'
import { endStarted, startMillrace } from './process.ts'

const killsWanted = Number(process.env.MILLRACE_KILLS ?? 8)
const seed = testSeed()
const secondsPerKill = 60 // a kill, its mending and the comparison take 12; two busy cores make it more
const random = seededRandom(seed)
const home = fs.mkdtempSync(path.join(tmpdir(), 'crash-farm-'))
const prepared = path.join(home, 'prepared')
let isFailed = false
let undisturbedMs = 0
let expected: Record<string, string[]> = {}

beforeAll(async () => {
  for (const drop of ['0', '1']) {
    const sampled = await millrace([
      'sample',
      'farm-records',
      '--root',
      prepared,
      '--rows',
      '400',
      '--drop',
      drop,
      '--quiet',
    ])
    expect(sampled.code, sampled.stderr).toBe(0)
    // The second drop is what the kills fall into: much of it changes what stands.
    if (drop === '0') expect((await startMillrace(runArgs(prepared)).exited).code).toBe(0)
  }
  const root = copyOf(prepared, 'undisturbed')
  const startedMs = Date.now()
  const { code, stderr } = await startMillrace(runArgs(root)).exited
  expect(code, stderr).toBe(0)
  undisturbedMs = Date.now() - startedMs
  expected = await stateOf(root)
}, 300_000)
afterAll(() => {
  endStarted()
  if (!isFailed) fs.rmSync(home, { recursive: true, force: true })
})

function runArgs(root: string): string[] {
  return ['run', 'farm-records', '--root', root, '--quiet', '--sync-limit', '100']
}

function copyOf(root: string, name: string): string {
  const target = path.join(home, name)
  fs.cpSync(root, target, { recursive: true })
  // Paths in Iceberg's metadata are absolute.
  const files = fs.readdirSync(path.join(target, 'iceberg'), { recursive: true }).map(String)
  for (const file of files.filter((one) => one.endsWith('.metadata.json'))) {
    const full = path.join(target, 'iceberg', file)
    fs.writeFileSync(full, fs.readFileSync(full, 'utf8').replaceAll(root, target))
  }
  return target
}

/** The rows of every table, in Iceberg and in PostgreSQL, without the time of their load. */
async function stateOf(root: string): Promise<Record<string, string[]>> {
  const state: Record<string, string[]> = {}
  await withTables(root, async (warehouse) => {
    for (const name of await warehouse.tables()) {
      const { columns, rows } = await warehouse.show(`SELECT * FROM ${name}`)
      const kept = columns.map((column) => column !== 'load_timestamp')
      state[name] = rows.map((row) => JSON.stringify(row.filter((_, index) => kept[index]))).sort()
    }
  })
  const database = await connectPostgres({ url: undefined, folder: path.join(root, '_millrace/postgres') })()
  for (const table of ['tract_producer_year', 'farm_producer_year']) {
    const rows = await database.query(`SELECT * FROM farm_records_reporting.${table}`)
    // The number that the database gives a row of its own tells how often it was asked for one.
    const own = ['load_timestamp', `${table}_identifier`]
    const kept = rows.map((row) => Object.entries(row).filter(([column]) => !own.includes(column)))
    state[`PostgreSQL ${table}`] = kept.map((row) => JSON.stringify(row)).sort()
  }
  await database.close()
  return state
}

it(`ends as if nothing had happened, after ${killsWanted} kills`, {
  timeout: (killsWanted + 2) * secondsPerKill * 1000,
}, async () => {
  onTestFailed(() => {
    isFailed = true
    process.stderr.write(`MILLRACE_SEED=${seed}, the roots are in ${home}\n`)
  })
  let hits = 0
  for (let kill = 0; kill < killsWanted; kill += 1) {
    const root = copyOf(prepared, `kill-${kill}`)
    const started = startMillrace(runArgs(root))
    await new Promise((resolve) => setTimeout(resolve, 300 + random.below(undisturbedMs)))
    if (started.kill('SIGKILL')) hits += 1
    await started.exited
    const runs = fs.existsSync(path.join(root, '_millrace/runs'))
      ? fs.readdirSync(path.join(root, '_millrace/runs'))
      : []
    const isBegun = runs.length > 1
    const again = random.chance(0.5) && isBegun ? ['retry', '--root', root, '--quiet'] : runArgs(root)
    const { code, stderr } = await startMillrace(again).exited
    // A run that was over already cannot be retried.
    expect([0, 1].includes(code ?? 9), stderr).toBe(true)
    if (code === 1) expect(stderr).toMatch(/nothing to retry/)
    expect({ kill, state: await stateOf(root) }).toEqual({ kill, state: expected })
    fs.rmSync(root, { recursive: true, force: true })
  }
  expect(hits).toBeGreaterThan(0)
})

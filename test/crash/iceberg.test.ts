/**
 * Kills of merges: SIGKILL at seeded moments from the begin of a merge, in either mode, also in the compaction after some. Then
 * the table is as it was or as it was to be, who reads meanwhile never fails and sees one of both, and what the killed process left
 * is found as orphans. `MILLRACE_SEED` repeats the draws, `MILLRACE_KILLS` sets how many.
 */
import * as fs from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, it, onTestFailed } from 'vitest'
import { liveFiles } from '../../src/iceberg/snapshots.ts'
import type { Table } from '../../src/iceberg/table.ts'
import { openWarehouse } from '../../src/iceberg/warehouse.ts'
import { seededRandom, testSeed } from '../random.ts'
import { firstRows, stateAfter, stateQuery, tableName } from './iceberg-rounds.ts'
import { endStarted, type Started, startNode } from './process.ts'

const killsWanted = Number(process.env.MILLRACE_KILLS ?? 20)
const secondsPerKill = 30 // most of it a process that starts on busy cores
const seed = testSeed()
const random = seededRandom(seed)
const folder = fs.mkdtempSync(path.join(tmpdir(), 'millrace-iceberg-kills-'))
const warehouse = await openWarehouse(folder, { memoryBytes: 2 ** 30, threads: 1 })
let isFailed = false
afterAll(() => {
  endStarted()
  warehouse.close()
  if (!isFailed) fs.rmSync(folder, { recursive: true, force: true })
})

const jiti = path.join(path.dirname(createRequire(import.meta.url).resolve('jiti/package.json')), 'lib/jiti-cli.mjs')
const script = fileURLToPath(new URL('iceberg-merging.ts', import.meta.url))

function startMerge(round: number): Started {
  return startNode([jiti, script, folder, String(round)])
}

/** The round that a table is at, checked against what it then holds. */
async function roundOf(table: Table): Promise<number> {
  await table.refresh()
  const round = Number(table.metadata.properties.round ?? 0)
  const [state] = await warehouse.query(`${stateQuery} ${await table.scanSql()}`)
  const { rows, sum } = stateAfter(round)
  expect({ round, ...state }).toEqual({ round, rows, sum: BigInt(sum) })
  return round
}

/** Waits until a process says that it merges; false when it ended before. */
async function begins(started: Started): Promise<boolean> {
  while (started.isRunning() && !started.stderr().includes('merging')) await pause(1)
  return started.stderr().includes('merging')
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Nothing is left but what the snapshots need, once orphans are removed. */
async function checkLeftovers(table: Table): Promise<void> {
  await table.compact()
  await table.expireSnapshots({ olderThanMs: Date.now() + 1000 })
  await table.removeOrphans({ olderThanMs: Date.now() + 1000 })
  const live = await liveFiles(table.metadata, table.snapshot()?.['snapshot-id'] ?? null)
  const found = fs.readdirSync(path.join(table.metadata.location, 'data'), { recursive: true }).map(String)
  expect(found.filter((name) => name.endsWith('.parquet')).sort()).toEqual(
    live.map((file) => path.basename(file.file_path)).sort(),
  )
}

it(`survives ${killsWanted} kills, seed ${seed}`, {
  timeout: 60_000 + killsWanted * secondsPerKill * 1000,
}, async () => {
  onTestFailed(() => {
    isFailed = true
    process.stdout.write(`MILLRACE_SEED=${seed}, the tables are kept in ${folder}\n`)
  })
  const table = await warehouse.create(tableName, {
    columns: [
      { name: 'id', type: 'int' },
      { name: 'n', type: 'int' },
      { name: 'filler', type: 'string' },
    ],
  })
  for (let part = 0; part < 3; part += 1)
    await table.append({ sql: `SELECT * FROM (${firstRows}) WHERE id % 3 = ${part}` })
  let usualMs = Number.POSITIVE_INFINITY // the first merge is not disturbed, to be measured
  let kills = 0
  let round = 0
  const tally = { before: 0, after: 0, ended: 0 }
  while (kills < killsWanted) {
    const started = startMerge(round + 1)
    expect(await begins(started), started.stderr()).toBe(true)
    const beganMs = Date.now()
    const killAtMs = beganMs + (Number.isFinite(usualMs) ? random.below(Math.ceil(usualMs * 1.2)) : usualMs)
    const seen = new Set<number>()
    while (started.isRunning() && Date.now() < killAtMs) {
      seen.add(await roundOf(table))
      await pause(1)
    }
    started.kill('SIGKILL')
    const { signal, code, stderr } = await started.exited
    for (const each of seen) expect([round, round + 1]).toContain(each)
    const reached = await roundOf(table)
    if (signal === 'SIGKILL') kills += 1
    else {
      expect(code, stderr).toBe(0)
      expect(reached).toBe(round + 1)
      usualMs = Math.max(50, Date.now() - beganMs)
      tally.ended += 1
    }
    if (signal === 'SIGKILL') tally[reached === round ? 'before' : 'after'] += 1
    round = reached
    if (random.chance(0.2)) await checkLeftovers(table)
    expect(await roundOf(table)).toBe(round)
  }
  await checkLeftovers(table)
  process.stdout.write(
    `killed before the commit ${tally.before} times, after it ${tally.after}; ended ${tally.ended} times\n`,
  )
})

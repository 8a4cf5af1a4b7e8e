/**
 * Kills of the carsdm pipeline: SIGKILL to the whole process group at seeded moments, over several landings: first loads,
 * changes with drift and a mended file, a window that moves on, deletes that are applied. `MILLRACE_SEED` repeats the
 * draws, `MILLRACE_KILLS` sets how many.
 */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { afterAll, beforeAll, expect, it, onTestFailed } from 'vitest'
import { type Random, seededRandom, testSeed } from '../random.ts'
import { lines } from '../systems/carsdm/answer.ts'
import type { TableFormat } from '../systems/carsdm/lake.ts'
import {
  cdc,
  columnsOf,
  type Definition,
  type FileContent,
  landFile,
  load,
  truncated,
  type Value,
  writeTablesFile,
} from '../systems/carsdm/landing.ts'
import { processControlRows } from '../systems/carsdm/process-control.ts'
import { type Relation, readZones } from '../systems/carsdm/zones.ts'
import { snapshot } from '../systems/chargebacks/lake.ts'
import { filesIn } from './lake.ts'
import { type Exit, endStarted, type Started, startMillrace } from './process.ts'

const killsWanted = Number(process.env.MILLRACE_KILLS ?? 20)
const seed = testSeed()
const secondsPerKill = 30 // a kill, its mending and the comparison take 6; two busy cores make it more
const rowsPerFile = 300
const delayMsMax = 20 // after a publication that is aimed at

const tables = ['FIELD', 'OWNER', 'TRACT', 'LEASE']
const definitions = tables.map((table): Definition => {
  const columns = { id: 'bigint', state: 'string', price: 'decimal(8,2)' }
  return { table, primaryKey: ['id', 'state'], columns }
})

/** What happens to a root one after the other; a kill falls into each. */
type Step = { name: string; flags: string[]; files: { table: string; file: FileContent }[] }
/** Of each step: how long it takes undisturbed, what the root holds after it, and how often it publishes. */
type Undisturbed = { ms: number; state: Record<string, string>; published: number }

const random = seededRandom(seed)
// On a disk, where syncing takes its time: in memory the windows would be too short to hit.
const home = fs.mkdtempSync(path.join(tmpdir(), 'crash-carsdm-'))
const tablesFile = path.join(home, 'tables.json')
let isFailed = false
let steps: Step[] = []

beforeAll(async () => {
  writeTablesFile(tablesFile, definitions)
  steps = await makeSteps(seededRandom(seed + 1))
})

/** Every step on a root that nobody disturbs. */
async function measure(tableFormat: TableFormat): Promise<Undisturbed[]> {
  const undisturbed: Undisturbed[] = []
  const root = newRoot()
  for (const step of steps) {
    await land(root, step)
    const startedMs = Date.now()
    const { code, stderr } = await startMillrace(runArgs(root, step, tableFormat)).exited
    expect(code, stderr).toBe(0)
    const published = publishedOf(root, runNames(root).at(-1))
    undisturbed.push({ ms: Date.now() - startedMs, state: await stateOf(root), published })
  }
  return undisturbed
}
afterAll(() => {
  endStarted()
  if (!isFailed) fs.rmSync(home, { recursive: true, force: true })
})

async function makeSteps(draw: Random): Promise<Step[]> {
  const flags = (runDate: string, deletes = 'keep') => ['--run-date', runDate, '--deletes', deletes]
  const each = (make: (table: string) => FileContent) => tables.map((table) => ({ table, file: make(table) }))
  const all = 'Op string, id int, state string, price decimal(12,3)'
  const late = changes(draw, '20251102-120000000', all)
  return [
    {
      name: 'first loads and changes',
      flags: flags('2025-11-06'),
      files: [
        ...each(() => load(1, 'id bigint, state string, price double', ...rows(draw, ['id', 'state', 'price']))),
        ...each(() => changes(draw, '20251101-080000000', all)),
        ...each(() => changes(draw, '20251103-080000000', all)),
        { table: 'OWNER', file: await truncated(late) },
      ],
    },
    {
      name: 'changes with drift, a mended file, a second load',
      flags: flags('2025-11-06'),
      files: [
        ...each(() => changes(draw, '20251104-080000000', `${all}, extra int`)),
        ...each(() => changes(draw, '20251103-090000000', 'Op string, id string, state string, price string')),
        { table: 'OWNER', file: late },
        { table: 'TRACT', file: load(2, 'id bigint, state string', ...rows(draw, ['id', 'state'])) },
      ],
    },
    { name: 'no new files, but the window moves on', flags: flags('2025-11-13'), files: [] },
    {
      name: 'late changes, deletes applied',
      flags: flags('2025-11-12', 'apply'),
      files: each(() => changes(draw, '20251102-235959999', all)),
    },
  ]
}

function changes(draw: Random, moment: string, spec: string): FileContent {
  return cdc(
    moment,
    spec,
    ...rows(
      draw,
      columnsOf(spec).map(({ name }) => name),
    ),
  )
}

/** Few keys, so that files replace each other's rows; some keys are null and some prices do not fit. */
function rows(draw: Random, names: readonly string[]): Value[][] {
  return Array.from({ length: rowsPerFile }, () =>
    names.map((name): Value => {
      if (name === 'Op') return draw.pick(['I', 'U', 'U', 'D'])
      if (name === 'id') return draw.chance(0.02) ? null : draw.below(rowsPerFile)
      if (name === 'state') return draw.pick(['TX', 'IA'])
      if (name === 'price') return draw.chance(0.02) ? '0.125' : `${draw.below(99_999)}.25`
      return draw.below(1000)
    }),
  )
}

function newRoot(): string {
  return fs.mkdtempSync(path.join(home, 'root-'))
}

async function land(root: string, { files }: Step): Promise<void> {
  for (const { table, file } of files) await landFile(root, table, file)
}

function runArgs(root: string, { flags }: Step, tableFormat: TableFormat): string[] {
  const own = ['--tables-file', tablesFile, '--threads', '2', '--table-format', tableFormat]
  return ['run', 'carsdm', '--root', root, ...own, ...flags]
}

function runNames(root: string): string[] {
  return filesIn(root, '_millrace/runs').map((folder) => path.basename(folder))
}

/** The types of a run's events; a kill may leave the last one unfinished. */
function eventsOf(root: string, run: string | undefined): string[] {
  if (run === undefined) return []
  const text = filesIn(root, `_millrace/runs/${run}/events`).map((file) => fs.readFileSync(file, 'utf8'))
  return [...text.join('').matchAll(/^\{.*?"type":"([\w-]+)".*\}$/gm)].map((match) => String(match[1]))
}

function publishedOf(root: string, run: string | undefined): number {
  return eventsOf(root, run).filter((type) => type === 'published').length
}

/** What every zone of every table holds, without regard to files, runs and order. */
async function stateOf(root: string): Promise<Record<string, string>> {
  const state: Record<string, string> = {}
  for (const table of tables) {
    const { unreadable, ...zones } = await readZones(root, table)
    for (const [zone, relation] of Object.entries(zones)) state[`${table} ${zone}`] = digest(relation)
    state[`${table} unreadable`] = unreadable
      .map((entry) => `${entry.path} ${entry.sha256} ${entry.reason}`)
      .sort()
      .join()
  }
  return state
}

function digest({ rows: found }: Relation): string {
  // Which Dataset file a quarantined row was read from hangs on the runs; dart_source_file is what landed.
  const names = [...new Set(found.flatMap((row) => Object.keys(row)))]
    .filter((name) => name !== 'quarantine_file')
    .sort()
  const hash = createHash('sha256').update(lines(found, names).join('\n')).digest('hex')
  return `${found.length} rows, ${hash.slice(0, 12)}`
}

/** A moment in milliseconds from the start of the process, or from its n-th publication. */
type KillPlan = { published: number | null; ms: number }

function drawPlan({ ms, published }: Undisturbed): KillPlan {
  if (published === 0 || random.chance(0.5)) return { published: null, ms: random.below(ms) }
  return { published: 1 + random.below(published), ms: random.below(10 * delayMsMax) / 10 }
}

/** Kills a process at its moment; null when it had ended before, else the last thing that its run logged. */
async function killOnce(root: string, started: Started, plan: KillPlan): Promise<string | null> {
  const before = runNames(root)
  const ownRun = (): string | undefined => runNames(root).find((run) => !before.includes(run))
  let aimedMs: number | null = plan.published === null ? started.startedMs + plan.ms : null
  while (started.isRunning() && (aimedMs === null || Date.now() < aimedMs)) {
    if (aimedMs === null && publishedOf(root, ownRun()) >= (plan.published ?? 0)) aimedMs = Date.now() + plan.ms
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  started.kill('SIGKILL')
  const { signal, code, stderr } = await started.exited
  if (signal === 'SIGKILL') return eventsOf(root, ownRun()).at(-1) ?? 'nothing'
  expect(code, `ended by itself: ${stderr}`).toBe(0)
  return null
}

async function finish(args: readonly string[]): Promise<Exit> {
  const ended = await startMillrace(args).exited
  expect(ended.code, `${args.join(' ')}\n${ended.stderr}`).toBe(0)
  return ended
}

/** After the last step: a further run changes nothing, nothing is left staged, and every run's row is closed. */
async function checkEnd(root: string, step: Step, tableFormat: TableFormat): Promise<void> {
  const own = /^_millrace(\/|$)/
  const before = snapshot(root, own)
  await finish(runArgs(root, step, tableFormat))
  expect(snapshot(root, own)).toEqual(before)
  const staged = Object.entries(snapshot(root)).filter(([file, hash]) => {
    return /^_millrace\/(staging|drafts)\//.test(file) && hash !== 'folder'
  })
  expect(staged).toEqual([])
  const jobs = await processControlRows(root)
  const open = jobs.filter((job) => job.job_end_dttm === null || !['Complete', 'Error'].includes(job.job_stat_nm))
  expect(open).toEqual([])
  expect(jobs.at(-1)?.job_stat_nm).toBe('Complete')
}

// Of Iceberg fewer: what it adds is the time between a commit and its merge.
const kills = [
  { tableFormat: 'parquet', killsWanted },
  { tableFormat: 'iceberg', killsWanted: Math.ceil(killsWanted / 2) },
] as const

it.each(kills)(
  `$tableFormat: survives $killsWanted kills, seed ${seed}`,
  {
    timeout: 120_000 + killsWanted * secondsPerKill * 1000,
  },
  async ({ tableFormat, killsWanted }) => {
    const undisturbed = await measure(tableFormat)
    const print = (line: string): void => void process.stdout.write(`${line}\n`)
    onTestFailed(() => {
      isFailed = true
      print(`MILLRACE_SEED=${seed}, the roots are kept in ${home}`)
    })
    print(`MILLRACE_SEED=${seed} MILLRACE_KILLS=${killsWanted}`)
    const tally = new Map<string, number>()
    let kills = 0
    for (let root = newRoot(), turn = 0; kills < killsWanted || turn % steps.length !== 0; turn += 1) {
      const stepNumber = turn % steps.length
      const step = steps[stepNumber] as Step
      const measured = undisturbed[stepNumber] as Undisturbed
      if (stepNumber === 0) root = newRoot()
      await land(root, step)
      // Of the kills, some hit the run that is to mend what the one before left.
      let isInterrupted = false
      for (let time = random.chance(0.3) ? 2 : 1; time > 0; time -= 1) {
        const last = await killOnce(root, startMillrace(runArgs(root, step, tableFormat)), drawPlan(measured))
        tally.set(`${step.name}: killed after ${last}`, (tally.get(`${step.name}: killed after ${last}`) ?? 0) + 1)
        if (last === null) break
        kills += 1
        isInterrupted = last !== 'nothing' && last !== 'run-finished'
      }
      // Some attempts are continued before the next run.
      if (isInterrupted && turn % 2 === 1) await finish(['retry', '--root', root])
      const startedMs = Date.now()
      await finish(runArgs(root, step, tableFormat))
      // Where the machine has more or less to do by now, the next moments are drawn from what a run takes by now.
      if (turn % 2 === 0) measured.ms = Math.max(Date.now() - startedMs, measured.ms / 2)
      expect(await stateOf(root), `${step.name}, turn ${turn}`).toEqual(measured.state)
      if (stepNumber === steps.length - 1) {
        await checkEnd(root, step, tableFormat)
        fs.rmSync(root, { recursive: true })
      }
    }
    for (const line of [...tally].map(([key, number]) => `  ${number} × ${key}`).sort()) print(line)
    expect(kills).toBeGreaterThanOrEqual(killsWanted)
  },
)

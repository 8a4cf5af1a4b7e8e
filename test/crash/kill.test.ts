/**
 * Kills: SIGKILL to the whole process group at seeded random moments, over first publications, replacements of a standing
 * day and reruns. `MILLRACE_SEED` repeats the draws (the moments themselves depend on the machine), `MILLRACE_KILLS` sets
 * how many.
 */
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { afterAll, beforeAll, expect, it, onTestFailed } from 'vitest'
import { isAlive } from '../../src/process.ts'
import { millrace } from '../cli.ts'
import { seededRandom, testSeed } from '../random.ts'
import {
  type Answer,
  commitsOf,
  dayFolders,
  filesIn,
  type Landing,
  land,
  makeLanding,
  readAnswer,
  runsOf,
  stagedRuns,
  strayFiles,
} from './lake.ts'
import { endStarted, type Started, startMillrace } from './process.ts'

const killsWanted = Number(process.env.MILLRACE_KILLS ?? 20)
const seed = testSeed()
const rows = 10_000
const secondsPerKill = 15 // a kill, its mending and the comparison take 3; two busy cores make it more
const delayMsMax = 3 // after what an aimed kill waits for

/** What happens to a root one after the other; a kill falls into each. */
type Step = { name: string; batch: number | null; fileCount: number; codec: string }
const rerun = 'rerun without new files'
const steps: Step[] = [
  { name: 'first publication', batch: 0, fileCount: 4, codec: 'snappy' },
  { name: 'replacement', batch: 1, fileCount: 4, codec: 'snappy' },
  { name: 'replacement', batch: 2, fileCount: 4, codec: 'snappy' },
  { name: 'rerun with another file count', batch: null, fileCount: 7, codec: 'snappy' },
  { name: rerun, batch: null, fileCount: 7, codec: 'snappy' },
  { name: 'replacement in another codec', batch: 3, fileCount: 3, codec: 'zstd' },
]

/** Where a kill found the run. */
const phases = ['before planning', 'execution', 'prepared, not decided', 'decided, not all moved', 'after'] as const
type Phase = (typeof phases)[number]

/** What an aimed kill waits for: the write-down, the record, the old day in the trash, the new day in its place. */
const aims = ['prepared', 'record', 'trash', 'moved'] as const
type Aim = (typeof aims)[number]

const random = seededRandom(seed)

// On a disk, where syncing takes its time: in memory the window of publishing would be too short to hit.
const home = fs.mkdtempSync(path.join(tmpdir(), 'crash-kill-'))
let isFailed = false
let landing: Landing
/** Of each step: how long it takes undisturbed, and what the root holds after it. */
const undisturbed: { ms: number; answer: Answer; files: number }[] = []

beforeAll(async () => {
  landing = await makeLanding(home, rows)
  const root = newRoot()
  for (const step of steps) {
    if (step.batch !== null) land(root, landing, step.batch)
    const startedMs = Date.now()
    const { code, stderr } = await startMillrace(runArgs(root, step)).exited
    expect(code, stderr).toBe(0)
    undisturbed.push({ ms: Date.now() - startedMs, answer: await readAnswer(root, landing.day), files: step.fileCount })
    print(`undisturbed ${step.name}: ${timesOf(root, startedMs)}`)
  }
  await checkOneRun()
})
afterAll(() => {
  endStarted()
  if (!isFailed) fs.rmSync(home, { recursive: true, force: true })
})

/** The day in one execution is the day in several: what the kills are compared with does not hang on its own history. */
async function checkOneRun(): Promise<void> {
  const root = newRoot()
  for (const batch of landing.batches.keys()) land(root, landing, batch)
  await startMillrace(runArgs(root, steps.at(-1) as Step)).exited
  expect(await readAnswer(root, landing.day)).toEqual(undisturbed.at(-1)?.answer)
}

function newRoot(): string {
  return fs.mkdtempSync(path.join(home, 'root-'))
}

function runArgs(root: string, { fileCount, codec }: Step): string[] {
  const params = ['--partition-date', landing.day, '--output-file-count', `${fileCount}`, '--compression-codec', codec]
  return ['run', 'chargebacks', '--root', root, '--threads', '2', ...params]
}

/** The times of a run's events, from the start of its process. */
function timesOf(root: string, startedMs: number): string {
  const events = runsOf(root).at(-1)?.events ?? []
  const times = events.map(({ type, at }) => `${type} ${Date.parse(at) - startedMs}`)
  return [...times, `end ${Date.now() - startedMs} ms`].join(', ')
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Everything that is known of a day before a run is killed. */
type Standing = { number: number; names: string[]; answer: Answer }

async function standingOf(root: string): Promise<Standing> {
  const number = commitsOf(root, landing.day).at(-1)?.number ?? 0
  return { number, names: namesOf(root), answer: await readAnswer(root, landing.day) }
}

function namesOf(root: string): string[] {
  return filesIn(root, dayFolders(landing.day).target).map((file) => path.basename(file))
}

/** Kills a process in its time or at its aim, while a reader lists the day. False when it had ended before. */
async function killOnce(root: string, standing: Standing, started: Started, plan: KillPlan): Promise<boolean> {
  const target = path.join(root, dayFolders(landing.day).target)
  let aimedMs: number | null = null
  while (started.isRunning()) {
    checkListing(target)
    const now = performance.now()
    if (plan.aim === null && Date.now() - started.startedMs >= plan.ms) break
    if (plan.aim !== null && aimedMs === null && isReached(root, standing, plan.aim)) aimedMs = now + plan.ms
    if (aimedMs !== null && now >= aimedMs) break
    const isClose = plan.aim !== null && stagedRuns(root).length > 0
    await new Promise((resolve) => (isClose ? setImmediate(resolve) : setTimeout(resolve, 1)))
  }
  started.kill('SIGKILL')
  const { signal, code, stderr } = await started.exited
  if (signal !== 'SIGKILL') expect(code, `ended by itself: ${stderr}`).toBe(0)
  return signal === 'SIGKILL'
}

/** A moment in milliseconds from the start of the process, or from what is aimed at. */
type KillPlan = { aim: Aim | null; ms: number }

/** A run that has nothing to publish can only be killed by the clock. */
function drawPlan(ms: number, { name }: Step): KillPlan {
  if (name === rerun || random.chance(0.5)) return { aim: null, ms: random.below(ms) }
  return { aim: random.pick(aims), ms: random.below(10 * delayMsMax) / 10 }
}

function isReached(root: string, { number, names }: Standing, aim: Aim): boolean {
  const { commits, target } = dayFolders(landing.day)
  if (aim === 'record') return fs.existsSync(path.join(root, recordName(commits, number + 1)))
  if (aim === 'moved') return namesAt(path.join(root, target)).some((name) => !names.includes(name))
  const wanted = aim === 'prepared' ? 'prepared.json' : 'trash'
  return stagedRuns(root).some((run) => namesAt(run).some((task) => fs.existsSync(path.join(run, task, wanted))))
}

function recordName(folder: string, number: number): string {
  return `${folder}/${String(number).padStart(8, '0')}.json`
}

/** A reader never finds files of two runs, or what is not Parquet, side by side. */
function checkListing(target: string): void {
  const names = namesAt(target)
  const writers = new Set(names.map((name) => /^part-\d{5}-(.+)\.parquet$/.exec(name)?.[1] ?? `no part: ${name}`))
  expect([...writers].length, `a mixture of ${[...writers].join(' and ')}`).toBeLessThanOrEqual(1)
}

function namesAt(folder: string): string[] {
  try {
    return fs.readdirSync(folder)
  } catch {
    return []
  }
}

/** Where a killed run stood, by what it left. `types`: the events that it could log. */
function phaseOf(root: string, standing: Standing, types: string[]): Phase {
  const record = commitsOf(root, landing.day).at(-1)
  if (record !== undefined && record.number > standing.number) {
    const isMoved = record.moves.every(({ staged }) => staged === null || !fs.existsSync(path.join(root, staged)))
    return isMoved ? 'after' : 'decided, not all moved'
  }
  if (stagedRuns(root).some((run) => namesAt(run).some((task) => fs.existsSync(path.join(run, task, 'prepared.json')))))
    return 'prepared, not decided'
  if (types.includes('unchanged')) return 'after'
  return types.includes('task-planned') ? 'execution' : 'before planning'
}

/** What lies in the day's folder right after a kill: the old files or the new ones, whole; nothing only in mid-move. */
async function checkReader(root: string, standing: Standing, after: Answer): Promise<void> {
  const { target } = dayFolders(landing.day)
  const record = commitsOf(root, landing.day).at(-1)
  const isDecided = record !== undefined && record.number > standing.number
  const published = record?.partitions.find(({ location }) => location === target)?.files ?? []
  const names = namesOf(root)
  if (names.length === 0) {
    if (standing.names.length > 0) expect(isDecided, 'the day is gone though nothing was decided').toBe(true)
    return
  }
  const fresh = published.map(({ name }) => name).sort()
  expect([standing.names.join(), ...(isDecided ? [fresh.join()] : [])]).toContain(names.join())
  const { hash } = await readAnswer(root, landing.day).catch((error) => {
    throw new Error(`a file of the day is not Parquet: ${error}`)
  })
  expect(hash).toBe(names.join() === standing.names.join() ? standing.answer.hash : after.hash)
}

const menders = ['run', 'retry', 'tables', 'sql'] as const
type Mender = (typeof menders)[number]
type Killed = { isInterrupted: boolean; isDecided: boolean }

/** Mends by the command whose turn it is. True when the day is done then: by a run, or because it had been decided. */
async function mend(root: string, mender: Mender, step: Step, { isInterrupted, isDecided }: Killed): Promise<boolean> {
  if (mender === 'tables' || mender === 'sql') {
    await mendByLooking(root, mender)
    return isDecided
  }
  // A run that was killed before its first event or after its last is not one to retry.
  const args = mender === 'retry' && isInterrupted ? ['retry', '--root', root] : runArgs(root, step)
  const { code, stderr } = await millrace(args)
  expect(code, stderr).toBe(0)
  return true
}

/** `tables` and `sql` finish what was decided, and say what the folders then hold. */
async function mendByLooking(root: string, mender: 'tables' | 'sql'): Promise<void> {
  const isEmpty = commitsOf(root, landing.day).length === 0
  const query = isEmpty ? 'SELECT 0 AS n' : 'SELECT count(*) AS n FROM chargebacks'
  const args = mender === 'tables' ? ['tables'] : ['sql', query]
  const { code, stdout, stderr } = await millrace([...args, '--json', '--root', root])
  expect(code, stderr).toBe(0)
  const shown = JSON.parse(stdout) as { name?: { database: string }; rows?: number; n?: number | string }[]
  const told = shown.find(({ name }) => name === undefined || name.database === 'consolidated')
  const { rows: found } = await readAnswer(root, landing.day)
  expect(Number(told?.n ?? told?.rows ?? 0), `${mender} and the folder`).toBe(found)
  const record = commitsOf(root, landing.day).at(-1)
  expect(found, 'what was decided is there').toBe(record?.counts.rowsOut ?? 0)
  expect(strayFiles(root, landing.day), `left by ${mender}`).toEqual([])
  expect(stagedRuns(root), `left by ${mender}`).toEqual([])
}

/** After mending and, where the mender did not run it, the run: the undisturbed answer and not a file more. */
async function checkDone(root: string, stepNumber: number): Promise<void> {
  const { answer, files } = undisturbed[stepNumber] as (typeof undisturbed)[number]
  expect(await readAnswer(root, landing.day)).toEqual(answer)
  const commits = commitsOf(root, landing.day)
  const record = commits.at(-1)
  const published = record?.partitions.find(({ location }) => location === dayFolders(landing.day).target)?.files ?? []
  expect(namesOf(root)).toEqual(published.map(({ name }) => name).sort())
  expect(published).toHaveLength(files)
  expect(commits.map(({ number }) => number)).toEqual(commits.map((_, index) => index + 1))
  expect(record?.bookmark.map((file) => path.basename(file.path)).sort()).toEqual(landedNames(stepNumber))
  expect(strayFiles(root, landing.day)).toEqual([])
  expect(stagedRuns(root)).toEqual([])
  // One lock, and free: released, or of the process that was killed just before it could release it.
  const locks = filesIn(root, '_millrace/locks/chargebacks').map((file) => JSON.parse(fs.readFileSync(file, 'utf8')))
  expect(locks.map((lock) => lock.isReleased || isAlive(lock.process) === false)).toEqual([true])
}

function landedNames(stepNumber: number): string[] {
  const landed = steps.slice(0, stepNumber + 1).flatMap(({ batch }) => (batch === null ? [] : [batch]))
  return landed.flatMap((batch) => [...(landing.batches[batch]?.keys() ?? [])]).sort()
}

it(`survives ${killsWanted} kills, seed ${seed}`, {
  timeout: 20_000 + killsWanted * secondsPerKill * 1000,
}, async () => {
  onTestFailed(() => {
    isFailed = true
    print(`MILLRACE_SEED=${seed}, the roots are kept in ${home}`)
  })
  print(`MILLRACE_SEED=${seed} MILLRACE_KILLS=${killsWanted}`)
  const tally = new Map<string, number>()
  const count = (step: Step, phase: string): void => {
    const key = `${step.name}: ${phase}`
    tally.set(key, (tally.get(key) ?? 0) + 1)
  }
  let kills = 0
  for (let root = newRoot(), turn = 0; kills < killsWanted; turn += 1) {
    const stepNumber = turn % steps.length
    const step = steps[stepNumber] as Step
    const measured = undisturbed[stepNumber] as (typeof undisturbed)[number]
    if (stepNumber === 0) root = newRoot()
    if (step.batch !== null) land(root, landing, step.batch)
    const standing = await standingOf(root)
    // Of the kills, some hit the command that is to mend what the one before left.
    const times = random.chance(0.3) ? 2 : 1
    let isInterrupted = false
    for (let time = 0; time < times; time += 1) {
      const runsBefore = runsOf(root).map(({ run }) => run)
      const isKilled = await killOnce(root, standing, startMillrace(runArgs(root, step)), drawPlan(measured.ms, step))
      const events = runsOf(root).find(({ run }) => !runsBefore.includes(run))?.events ?? []
      const types = events.map(({ type }) => type)
      isInterrupted ||= types.includes('run-started') && !types.includes('run-finished')
      const phase = isKilled ? phaseOf(root, standing, types) : 'ended before'
      count(step, phase)
      if (isKilled) kills += 1
      if (phase === 'ended before') break
      await checkReader(root, standing, measured.answer)
    }
    const isDecided = (commitsOf(root, landing.day).at(-1)?.number ?? 0) > standing.number
    const killed = { isInterrupted, isDecided }
    const isDone = await mend(root, menders[turn % menders.length] as Mender, step, killed)
    if (!isDone) {
      const startedMs = Date.now()
      await mend(root, 'run', step, killed)
      // Where the machine has more or less to do by now, the next moments are drawn from what a run takes by now.
      measured.ms = Date.now() - startedMs
    }
    await checkDone(root, stepNumber)
  }
  print(
    [...tally]
      .map(([key, number]) => `  ${number} × ${key}`)
      .sort()
      .join('\n'),
  )
  for (const phase of [...phases, 'ended before']) {
    const number = [...tally].filter(([key]) => key.endsWith(`: ${phase}`)).reduce((sum, [, n]) => sum + n, 0)
    print(`${phase}: ${number}`)
  }
  expect(kills).toBeGreaterThanOrEqual(killsWanted)
})

/** Locks: one run of a pipeline at a time on one root, whoever comes when, and nobody waits for the dead. */
import * as fs from 'node:fs'
import { hostname } from 'node:os'
import * as path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MillraceError, systemCode } from '../../src/errors.ts'
import { thisProcess } from '../../src/process.ts'
import { takeLock } from '../../src/run/lock.ts'
import type { Store } from '../../src/store.ts'
import folderStore from '../../src/stores/folder.ts'
import { type Random, seededRandom, testSeed } from '../random.ts'
import {
  type Answer,
  commitsOf,
  filesIn,
  type Landing,
  land,
  makeLanding,
  readAnswer,
  runsOf,
  stagedRuns,
  strayFiles,
} from './lake.ts'
import { deadProcess, type Exit, endStarted, makeFolder, type Started, startMillrace, until } from './process.ts'

const home = makeFolder('locks')
const locksPath = '_millrace/locks/chargebacks'
const options = { waitMs: 0, signal: new AbortController().signal }
let landing: Landing
let answer: Answer

beforeAll(async () => {
  landing = await makeLanding(home, 10_000)
  const root = newRoot()
  expect((await start(root).exited).code).toBe(0)
  answer = await readAnswer(root, landing.day)
  expect(answer.rows).toBeGreaterThan(4000)
})
afterAll(() => {
  endStarted()
  fs.rmSync(home, { recursive: true, force: true })
})

/** A root where the whole day has landed. */
function newRoot(): string {
  const root = fs.mkdtempSync(path.join(home, 'root-'))
  for (const batch of landing.batches.keys()) land(root, landing, batch)
  return root
}

function start(root: string, ...more: string[]): Started {
  return startMillrace(['run', 'chargebacks', '--root', root, '--partition-date', landing.day, ...more])
}

type LockFile = { run: string; isReleased: boolean }

/** The lock as it stands; null where nobody ever took it. */
function lockOf(root: string): LockFile | null {
  const latest = filesIn(root, locksPath).at(-1)
  if (latest === undefined) return null
  try {
    return JSON.parse(fs.readFileSync(latest, 'utf8')) as LockFile
  } catch (error) {
    // A later taker removes it between the listing and the reading.
    if (systemCode(error) === 'ENOENT') return lockOf(root)
    throw error
  }
}

/** Starts a run and stops the clock for it as soon as it holds the lock: it is alive and does not go on. */
async function startStopped(root: string): Promise<{ started: Started; run: string }> {
  const started = start(root)
  await until('the run holds the lock', () => lockOf(root)?.isReleased === false)
  started.kill('SIGSTOP')
  return { started, run: lockOf(root)?.run ?? '' }
}

async function checkDay(root: string, commits: number): Promise<void> {
  expect(await readAnswer(root, landing.day)).toEqual(answer)
  expect(commitsOf(root, landing.day).map(({ number }) => number)).toEqual(
    Array.from({ length: commits }, (_, index) => index + 1),
  )
  expect(strayFiles(root, landing.day)).toEqual([])
  expect(stagedRuns(root)).toEqual([])
  expect(lockOf(root)?.isReleased).toBe(true)
}

function expectDone({ code, stderr }: Exit): void {
  expect(code, stderr).toBe(0)
}

describe('two runs at once on one root', () => {
  it('the second waits for the first, and finds nothing left to do', async () => {
    const root = newRoot()
    const first = await startStopped(root)
    const second = start(root)
    await until('the second run waits', () => second.stderr().includes(`waiting for run ${first.run}`))
    expect(second.isRunning()).toBe(true)
    first.started.kill('SIGCONT')
    expectDone(await first.started.exited)
    const ended = await second.exited
    expectDone(ended)
    expect(ended.stdout).toContain('METRICS: records_processed=0, duplicates_removed=0, output_files=10,')
    await checkDay(root, 1)
  })

  it('the second is refused with --wait 0s, and told whom it met', async () => {
    const root = newRoot()
    const first = await startStopped(root)
    const refused = await start(root, '--wait', '0s').exited
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain(first.run)
    expect(refused.stderr).toContain(`process ${first.started.pid}`)
    first.started.kill('SIGCONT')
    expectDone(await first.started.exited)
    await checkDay(root, 1)
  })
})

it('eight runs started at once follow one another', { timeout: 120_000 }, async () => {
  const root = newRoot()
  // Each asks for another number of files, so each has something to publish.
  const counts = [1, 2, 3, 4, 5, 6, 7, 8]
  const runs = counts.map((count) => start(root, '--wait', '60s', '--threads', '1', '--output-file-count', `${count}`))
  for (const { exited } of runs) expectDone(await exited)
  await checkDay(root, counts.length)
  expect(
    commitsOf(root, landing.day)
      .map(({ state }) => (state.kind === 'consolidate' ? state.fileCount : null))
      .sort(),
  ).toEqual(counts)
})

it('two retries of one run at once do not write the same files', async () => {
  const root = fs.mkdtempSync(path.join(home, 'retries-'))
  for (const batch of [0, 1]) land(root, landing, batch)
  const killed = start(root)
  await until('the run has planned', () => runsOf(root).some(({ events }) => events.at(-1)?.type === 'task-planned'))
  killed.kill('SIGKILL')
  await killed.exited
  const lock = await takeLock(folderStore(root), 'chargebacks', 'the-holder', options)
  const retries = [0, 1].map(() => startMillrace(['retry', '--root', root])) as [Started, Started]
  const isWaiting = ({ stderr }: Started): boolean => stderr().includes('waiting for run the-holder')
  await until('both wait for the lock', () => retries.every(isWaiting))
  // Both have read the run's log by now. More lands after the first is done, so that the second has work as well.
  retries[1].kill('SIGSTOP')
  await lock.release()
  expectDone(await retries[0].exited)
  for (const batch of [2, 3]) land(root, landing, batch)
  retries[1].kill('SIGCONT')
  const second = await retries[1].exited
  if (second.code !== 0) expect(second.stderr).toContain('there is nothing to retry')
  expectDone(await start(root).exited)
  await checkDay(root, 2)
})

it('tables takes no lock where nothing is left to mend: a run that does not wait would be refused', async () => {
  const root = newRoot()
  expectDone(await start(root).exited)
  const before = filesIn(root, locksPath)
  expectDone(await startMillrace(['tables', '--root', root]).exited)
  expect(filesIn(root, locksPath)).toEqual(before)
})

describe('the lock of a process that is gone', () => {
  it('is taken over at once when the process was killed', async () => {
    const root = newRoot()
    const first = await startStopped(root)
    first.started.kill('SIGKILL')
    expect((await first.started.exited).signal).toBe('SIGKILL')
    expect(lockOf(root)?.isReleased).toBe(false)
    expectDone(await start(root, '--wait', '0s').exited)
    await checkDay(root, 1)
  })

  it('is taken over at once when its number is another process’s now', async () => {
    const root = newRoot()
    writeLock(root, { pid: process.pid, host: hostname(), started: '1' })
    expectDone(await start(root, '--wait', '0s').exited)
    await checkDay(root, 1)
  })

  it('but not when the process lives, or is on another machine and was heard of a moment ago', async () => {
    for (const holder of [thisProcess(), { pid: 1, host: 'another-machine', started: '1' }]) {
      const root = newRoot()
      writeLock(root, holder)
      const { code, stderr } = await start(root, '--wait', '0s').exited
      expect([code, stderr]).toEqual([1, expect.stringContaining('the-holder')])
      expect(filesIn(root, '_millrace/runs').flatMap((run) => filesIn(run, 'plans'))).toEqual([])
    }
  })

  it('is taken over when another machine was not heard of for a minute', async () => {
    const root = newRoot()
    writeLock(root, { pid: 1, host: 'another-machine', started: '1' }, new Date(Date.now() - 61_000))
    expectDone(await start(root, '--wait', '0s').exited)
    await checkDay(root, 1)
  })
})

function writeLock(root: string, holder: ReturnType<typeof thisProcess>, heartbeatAt = new Date()): void {
  const lock = { run: 'the-holder', process: holder, heartbeatAt: heartbeatAt.toISOString(), isReleased: false }
  fs.mkdirSync(path.join(root, locksPath), { recursive: true })
  fs.writeFileSync(path.join(root, locksPath, '00000001.json'), `${JSON.stringify(lock)}\n`)
}

/** A store whose operations take a random number of turns before and after, as those of processes that share cores do. */
function slowStore(root: string, random: Random): Store {
  const store = folderStore(root)
  const slow = <A extends unknown[], T>(act: (...args: A) => Promise<T>) => {
    return async (...args: A): Promise<T> => {
      await turns(random.below(4))
      try {
        return await act(...args)
      } finally {
        await turns(random.below(4))
      }
    }
  }
  return {
    ...store,
    list: slow(store.list),
    readText: slow(store.readText),
    createExclusive: slow(store.createExclusive),
    replace: slow(store.replace),
    remove: slow(store.remove),
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

/** Takes the lock as soon as it can, without the pauses of a waiting run. */
async function takeSoon(store: Store, run: string): ReturnType<typeof takeLock> {
  for (;;) {
    try {
      return await takeLock(store, 'chargebacks', run, options)
    } catch (error) {
      if (!(error instanceof MillraceError && error.code === 'locked')) throw error
      await turns(1)
    }
  }
}

describe('takeLock', () => {
  it('has one holder at any time, of many takers of a stale lock', { timeout: 60_000 }, async () => {
    const [rounds, takers] = [200, 6]
    const random = seededRandom(testSeed())
    let taken = 0
    for (let round = 0; round < rounds; round += 1) {
      const root = fs.mkdtempSync(path.join(home, 'round-'))
      writeLock(root, { pid: deadPid, host: hostname(), started: '1' })
      let holders = 0
      const take = async (taker: number): Promise<void> => {
        const store = slowStore(root, random)
        await turns(random.below(6))
        const lock = await takeSoon(store, `run-${taker}`)
        holders += 1
        taken += 1
        expect(holders, `round ${round}: holders at once`).toBe(1)
        await turns(random.below(6))
        expect(holders, `round ${round}: holders at once`).toBe(1)
        holders -= 1
        await lock.release()
      }
      await Promise.all(Array.from({ length: takers }, (_, taker) => take(taker)))
      expect(filesIn(root, locksPath)).toHaveLength(1)
      fs.rmSync(root, { recursive: true })
    }
    expect(taken).toBe(rounds * takers)
  })

  it('is not taken by one who was slow to create the next number while two others came and went', async () => {
    const root = fs.mkdtempSync(path.join(home, 'slow-'))
    const store = folderStore(root)
    let goOn = (): void => {}
    const pause = new Promise<void>((resolve) => {
      goOn = resolve
    })
    const isAtIt = { createExclusive: false }
    const slow: Store = {
      ...store,
      createExclusive: async (file, content) => {
        isAtIt.createExclusive = true
        await pause
        await store.createExclusive(file, content)
      },
    }
    const late = takeLock(slow, 'chargebacks', 'late', options)
    await until('the slow one is about to create its number', () => isAtIt.createExclusive)
    for (const run of ['one', 'two']) await (await takeLock(store, 'chargebacks', run, options)).release()
    const holder = await takeLock(store, 'chargebacks', 'holder', options)
    goOn()
    await expect(late).rejects.toMatchObject({ code: 'locked', message: expect.stringContaining('holder') })
    await holder.release()
    await (await takeLock(store, 'chargebacks', 'next', options)).release()
  })
})

const deadPid = deadProcess()

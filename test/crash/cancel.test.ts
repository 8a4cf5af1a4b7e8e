/** Ctrl-C: the run drains, nothing half done is published, and retry goes on; twice ends at once. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { takeLock } from '../../src/run/lock.ts'
import folderStore from '../../src/stores/folder.ts'
import { millrace } from '../cli.ts'
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
import { endStarted, makeFolder, type Started, startMillrace, until } from './process.ts'

const tries = 8 // for a second signal that must arrive before the first has done its work
const atOnceMs = 3000 // on two busy cores; a run that goes on to its end, or waits for its lock, takes longer

const home = makeFolder('cancel')
let landing: Landing
let template: string
/** The day after its first two batches, and after all. */
let [old, whole]: (Answer | undefined)[] = []

beforeAll(async () => {
  landing = await makeLanding(home, 40_000)
  template = fs.mkdtempSync(path.join(home, 'template-'))
  for (const batch of [0, 1]) land(template, landing, batch)
  expect((await start(template).exited).code).toBe(0)
  old = await readAnswer(template, landing.day)
  for (const batch of [2, 3]) land(template, landing, batch)
  const root = newRoot()
  expect((await start(root).exited).code).toBe(0)
  whole = await readAnswer(root, landing.day)
  expect(whole.hash).not.toBe(old.hash)
})
afterAll(() => {
  endStarted()
  fs.rmSync(home, { recursive: true, force: true })
})

/** A root with a standing day and files that landed since. */
function newRoot(): string {
  const root = fs.mkdtempSync(path.join(home, 'root-'))
  fs.cpSync(template, root, { recursive: true })
  return root
}

function start(root: string): Started {
  return startMillrace(['run', 'chargebacks', '--root', root, '--partition-date', landing.day])
}

/** Starts a run and waits until it works. */
async function startWorking(root: string): Promise<Started> {
  const before = runsOf(root).map(({ run }) => run)
  const started = start(root)
  await until('the run has planned', () => eventsSince(root, before).includes('task-planned'))
  return started
}

function eventsSince(root: string, before: string[]): string[] {
  const fresh = runsOf(root).filter(({ run }) => !before.includes(run))
  return fresh.flatMap(({ events }) => events.map(({ type }) => type))
}

async function lastRun(root: string): Promise<{ run: string; status: string }> {
  const { stdout } = await millrace(['runs', '--json', '--root', root])
  const [last] = JSON.parse(stdout) as { run: string; status: string }[]
  if (last === undefined) throw new Error('no run')
  return last
}

function expectClean(root: string): void {
  expect(strayFiles(root, landing.day)).toEqual([])
  expect(stagedRuns(root)).toEqual([])
}

describe('SIGINT during a run', () => {
  it('drains: nothing is published, and retry completes it', async () => {
    const root = newRoot()
    const started = await startWorking(root)
    started.kill('SIGINT')
    const { code, stderr } = await started.exited
    expect(code, stderr).toBe(130)
    expect(stderr).toContain('stopping')
    // The same as before, without any other command having mended it.
    expect(commitsOf(root, landing.day)).toHaveLength(1)
    expect(await readAnswer(root, landing.day)).toEqual(old)
    expectClean(root)
    const cancelled = await lastRun(root)
    expect(cancelled.status).toBe('cancelled')

    const retried = await millrace(['retry', '--root', root])
    expect(retried.code, retried.stderr).toBe(0)
    expect(await readAnswer(root, landing.day)).toEqual(whole)
    expect(await lastRun(root)).toMatchObject({ run: cancelled.run, status: expect.stringMatching(/^succeeded/) })
    expectClean(root)
  })

  it('finishes what is decided', async () => {
    const root = newRoot()
    const started = start(root)
    await until('the commit is decided', () => commitsOf(root, landing.day).length === 2)
    started.kill('SIGINT')
    const { code, stderr } = await started.exited
    expect([0, 130], stderr).toContain(code)
    expect(await readAnswer(root, landing.day)).toEqual(whole)
    expectClean(root)
    expect((await lastRun(root)).status).toMatch(code === 0 ? /^succeeded/ : /^cancelled/)
  })
})

describe('a second signal', () => {
  it('SIGINT again ends the run at once, and the next command mends what it left', async () => {
    const root = newRoot()
    let interrupted = 0
    for (let count = 0; count < tries && interrupted === 0; count += 1) {
      const started = await startWorking(root)
      started.kill('SIGINT')
      await until('the first is heard', () => started.stderr().includes('stopping') || !started.isRunning())
      const signalledMs = Date.now()
      started.kill('SIGINT')
      const { code, stderr } = await started.exited
      expect(code, stderr).toBe(130)
      expect(Date.now() - signalledMs).toBeLessThan(atOnceMs)
      if ((await lastRun(root)).status === 'interrupted') interrupted += 1
    }
    expect(interrupted, `the second arrived before the first had drained, in one of ${tries} tries`).toBe(1)
    expect(await readAnswer(root, landing.day)).toEqual(old)
    const mended = await start(root).exited
    expect(mended.code, mended.stderr).toBe(0)
    expect(await readAnswer(root, landing.day)).toEqual(whole)
    expectClean(root)
  })

  it('of another kind counts as well', async () => {
    const root = newRoot()
    const started = await startWorking(root)
    // Both are there when the process looks: it hears of the first and has no time to drain.
    started.kill('SIGSTOP')
    started.kill('SIGINT')
    started.kill('SIGTERM')
    started.kill('SIGCONT')
    expect([130, 143]).toContain((await started.exited).code)
    expect((await lastRun(root)).status).toBe('interrupted')
    expect(await readAnswer(root, landing.day)).toEqual(old)
    const retried = await millrace(['retry', '--root', root])
    expect(retried.code, retried.stderr).toBe(0)
    expect(await readAnswer(root, landing.day)).toEqual(whole)
    expectClean(root)
  })
})

it('SIGINT while waiting for the lock ends the waiting', async () => {
  const root = newRoot()
  const lock = await takeLock(folderStore(root), 'chargebacks', 'the-holder', {
    waitMs: 0,
    signal: new AbortController().signal,
  })
  const [runs, locks] = [filesIn(root, '_millrace/runs'), filesIn(root, '_millrace/locks/chargebacks')]
  const started = start(root)
  await until('the run waits', () => started.stderr().includes('waiting for run the-holder'))
  const signalledMs = Date.now()
  started.kill('SIGINT')
  const { code, stderr } = await started.exited
  expect(code, stderr).toBe(130)
  expect(Date.now() - signalledMs).toBeLessThan(atOnceMs)
  expect(filesIn(root, '_millrace/runs')).toEqual(runs)
  expect(filesIn(root, '_millrace/locks/chargebacks')).toEqual(locks)
  await lock.release()
  expect(await readAnswer(root, landing.day)).toEqual(old)
  expect((await start(root).exited).code).toBe(0)
})

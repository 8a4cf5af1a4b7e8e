/**
 * A run whose storage fails at its n-th change, for every n: not a kill, the process goes on and cleans up. What was
 * decided must be finished then, or stay so that the next run finishes it.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MillraceError } from '../../src/errors.ts'
import type { RunState } from '../../src/events.ts'
import { startRun } from '../../src/run/run.ts'
import type { Store } from '../../src/store.ts'
import folderStore from '../../src/stores/folder.ts'
import chargebacks from '../../systems/chargebacks/pipeline.ts'
import { runOptions } from '../run/lake.ts'
import { type Answer, commitsOf, type Landing, land, makeLanding, readAnswer, stagedRuns, strayFiles } from './lake.ts'
import { deadProcess, makeFolder } from './process.ts'

const changesMax = 300 // far more than a run makes
const fileCount = 2

const home = makeFolder('failing')
afterAll(() => fs.rmSync(home, { recursive: true, force: true }))

let landing: Landing
let template: string
let [before, after]: (Answer | undefined)[] = []

beforeAll(async () => {
  landing = await makeLanding(home, 10_000)
  template = fs.mkdtempSync(path.join(home, 'template-'))
  land(template, landing, 0)
  land(template, landing, 1)
  expect((await run(folderStore(template))).status).toBe('succeeded with warnings')
  before = await readAnswer(template, landing.day)
  land(template, landing, 2)
  land(template, landing, 3)
  const undisturbed = copyOf(template)
  await run(folderStore(undisturbed))
  after = await readAnswer(undisturbed, landing.day)
  expect(after).not.toEqual(before)
})

function copyOf(folder: string): string {
  const root = fs.mkdtempSync(path.join(home, 'root-'))
  fs.cpSync(folder, root, { recursive: true })
  return root
}

async function run(store: Store): Promise<RunState> {
  const given = { partitionDate: landing.day, outputFileCount: fileCount }
  return await startRun(runOptions(store.root, chargebacks, { store, threads: 1, now: new Date() }), given)
}

type FailingStore = { store: Store; changes(): number }

/** A store that refuses its changes from the `first` to the `last`, as a full disk does. */
function failingStore(root: string, first: number, last: number): FailingStore {
  const store = folderStore(root)
  let changes = 0
  const change = (file: string): void => {
    changes += 1
    if (changes >= first && changes <= last) throw new MillraceError('disk-full', `${file}  no room left (test)`)
  }
  const changing = <A extends [string, ...unknown[]]>(act: (...args: A) => Promise<void>) => {
    return async (...args: A): Promise<void> => {
      change(args[0])
      await act(...args)
    }
  }
  return {
    store: {
      ...store,
      createExclusive: changing(store.createExclusive),
      replace: changing(store.replace),
      append: changing(store.append),
      move: changing(store.move),
      remove: changing(store.remove),
      makeFolder: changing(store.makeFolder),
      sync: changing(store.sync),
    },
    changes: () => changes,
  }
}

/** The lock that a run could not release is free once its process has ended; here that process is this one. */
function endHolder(root: string): void {
  const folder = path.join(root, '_millrace/locks/chargebacks')
  for (const name of fs.existsSync(folder) ? fs.readdirSync(folder) : []) {
    const file = path.join(folder, name)
    const lock = JSON.parse(fs.readFileSync(file, 'utf8'))
    fs.writeFileSync(file, JSON.stringify({ ...lock, process: { ...lock.process, pid: deadProcess() } }))
  }
}

/** Runs with a store that fails, then with one that does not. Gives whether the failure was met. */
async function failAndMend(first: number, last: number): Promise<boolean> {
  const root = copyOf(template)
  const { store, changes } = failingStore(root, first, last)
  const failed = await run(store).then(
    ({ status }) => status,
    (error: unknown) => (error instanceof MillraceError ? error.code : `an error of our own: ${error}`),
  )
  const isMet = changes() >= first
  if (isMet) expect(['failed', 'disk-full', 'succeeded with warnings']).toContain(failed)
  endHolder(root)
  const isDecided = commitsOf(root, landing.day).length > 1
  // Whoever reads before the next run finds the old day, or the new one, or one that the next command puts there.
  const between = await readAnswer(root, landing.day)
  if (between.rows > 0) expect([before?.hash, ...(isDecided ? [after?.hash] : [])]).toContain(between.hash)
  else expect(isDecided, 'the day is gone though nothing was decided').toBe(true)

  const mended = await run(folderStore(root))
  expect(mended.error).toBe(null)
  expect(await readAnswer(root, landing.day)).toEqual(after)
  expect(mended.warnings.join('\n')).not.toMatch(/is gone|built anew/)
  expect(commitsOf(root, landing.day).map(({ number }) => number)).toEqual([1, 2])
  expect(strayFiles(root, landing.day)).toEqual([])
  expect(stagedRuns(root)).toEqual([])
  fs.rmSync(root, { recursive: true })
  return isMet
}

describe('a run whose storage fails at its n-th change', () => {
  it('once: the next run makes it right, whichever n', { timeout: 120_000 }, async () => {
    const problems: string[] = []
    let met = 0
    for (let at = 1; at < changesMax; at += 1) {
      const isMet = await failAndMend(at, at).catch((error: Error) => {
        problems.push(`change ${at}: ${error.message}`)
        return true
      })
      if (!isMet) break
      met += 1
    }
    expect(problems).toEqual([])
    expect(met).toBeGreaterThanOrEqual(20)
  })

  it('from then on: the next run makes it right, whichever n', { timeout: 120_000 }, async () => {
    const problems: string[] = []
    let met = 0
    for (let at = 1; at < changesMax; at += 1) {
      const isMet = await failAndMend(at, Number.POSITIVE_INFINITY).catch((error: Error) => {
        problems.push(`change ${at}: ${error.message}`)
        return true
      })
      if (!isMet) break
      met += 1
    }
    expect(problems).toEqual([])
    expect(met).toBeGreaterThanOrEqual(20)
  })
})

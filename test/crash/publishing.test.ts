/**
 * Publishing, killed at every moment there is. No luck: the store stops at its n-th change, for every n, and what a
 * reader then finds and what recovery makes of it is compared with the state before and the state after.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { latestCommit } from '../../src/run/commits.ts'
import { recover } from '../../src/run/recovery.ts'
import folderStore from '../../src/stores/folder.ts'
import { millrace } from '../cli.ts'
import { killedStore } from './killed-store.ts'
import { endStarted, makeFolder, startNode } from './process.ts'
import {
  dayPath,
  folderOf,
  type Publication,
  pipeline,
  prepare,
  publicationFor,
  publish,
  quarantinePath,
  type Tree,
  treeOf,
  type Work,
} from './publication.ts'

const momentsMax = 500 // far more than any publication has: a loop that never ends is a defect of the test

const standing: Work = { run: 'run-1', kept: ['part-0', 'part-1'], rejected: ['part-0'], unreadable: ['cut-1'] }
const cases: { name: string; standing: Work[]; next: Work; isRewritten: boolean }[] = [
  {
    name: 'a first publication',
    standing: [],
    next: { ...standing, unreadable: [] },
    isRewritten: true,
  },
  {
    name: 'a replacement with additions to quarantine',
    standing: [standing],
    next: { run: 'run-2', kept: ['part-0', 'part-1', 'part-2'], rejected: ['part-0', 'part-1'], unreadable: ['cut-2'] },
    isRewritten: true,
  },
  {
    name: 'a replacement by nothing',
    standing: [standing],
    next: { run: 'run-2', kept: [], rejected: ['part-0'], unreadable: [] },
    isRewritten: true,
  },
  {
    name: 'unreadable files alone',
    standing: [standing],
    next: { run: 'run-2', kept: [], rejected: [], unreadable: ['cut-2', 'cut-3'] },
    isRewritten: false,
  },
]

const home = makeFolder('publishing')
afterAll(() => {
  endStarted()
  fs.rmSync(home, { recursive: true, force: true })
})

/** One case: a root to copy for each kill, and its files before and after an undisturbed publication. */
type Scene = { next: Work; publication: Publication; template: string; before: Tree; after: Tree }

async function makeScene(work: (typeof cases)[number]): Promise<Scene> {
  const template = fs.mkdtempSync(path.join(home, 'template-'))
  await prepare(template, work.standing, work.next)
  const undisturbed = copyOf(template)
  const publication = await publicationFor(template, work.next, work.isRewritten)
  await publish(folderStore(undisturbed), publication)
  const isStaged = (file: string): boolean => file.startsWith('_millrace/staging/')
  const before = Object.fromEntries(Object.entries(treeOf(template)).filter(([file]) => !isStaged(file)))
  return { next: work.next, publication, template, before, after: treeOf(undisturbed) }
}

function copyOf(template: string): string {
  const root = fs.mkdtempSync(path.join(home, 'root-'))
  fs.cpSync(template, root, { recursive: true })
  return root
}

/** Publishes in a copy of the scene and is killed at a moment; false when the publication was done before. */
async function killPublishing(root: string, scene: Scene, killAt: number): Promise<boolean> {
  const store = killedStore(root, killAt)
  await publish(store, scene.publication).catch(rethrowUnless(store.isKilled))
  return store.isKilled()
}

async function killRecovery(root: string, killAt: number): Promise<boolean> {
  const store = killedStore(root, killAt)
  await recover(store, pipeline).catch(rethrowUnless(store.isKilled))
  return store.isKilled()
}

function rethrowUnless(isKilled: () => boolean): (error: unknown) => void {
  return (error) => {
    if (!isKilled()) throw error
  }
}

/** A reader who lists the day finds the old files or the new ones; no folder only between two moves of a decided commit. */
function checkReader(root: string, scene: Scene, isDecided: boolean): 'old' | 'new' | 'none' {
  const day = folderOf(root, dayPath)
  const [old, fresh] = [filesBelow(scene.before, dayPath), filesBelow(scene.after, dayPath)]
  const quarantine = folderOf(root, quarantinePath) ?? {}
  expect({ ...filesBelow(scene.before, quarantinePath), ...quarantine }, 'quarantine keeps what it had').toEqual(
    quarantine,
  )
  expect(filesBelow(scene.after, quarantinePath), 'quarantine gets only what is new').toMatchObject(quarantine)
  if (same(day, old)) return 'old'
  expect(isDecided, 'the day changes after the decision only').toBe(true)
  if (same(day, fresh)) return 'new'
  expect(day, 'neither the old files nor the new ones').toBe(null)
  return 'none'
}

function filesBelow(tree: Tree, folder: string): Tree {
  const below = Object.entries(tree).filter(([file]) => path.posix.dirname(file) === folder)
  return Object.fromEntries(below.map(([file, text]) => [path.posix.basename(file), text]))
}

function same(folder: Tree | null, files: Tree): boolean {
  if (folder === null) return Object.keys(files).length === 0
  const sorted = (tree: Tree): string => JSON.stringify(Object.entries(tree).sort())
  return sorted(folder) === sorted(files)
}

async function isDecided(root: string, scene: Scene): Promise<boolean> {
  return (await latestCommit(folderStore(root), dayPath))?.run === scene.next.run
}

/** Recovers with a fresh store: all of the old state or all of the new one, nothing staged, and a second time nothing. */
async function checkRecovery(root: string, scene: Scene): Promise<string[]> {
  const decided = await isDecided(root, scene)
  const sentences = await recover(folderStore(root), pipeline)
  expect(treeOf(root)).toEqual(decided ? scene.after : scene.before)
  expect(foldersOfRuns(root), 'folders of runs left in staging').toEqual([])
  if (decided) expect(sentences.join(), 'a commit that was decided was published').not.toMatch(/published nothing/)
  expect(await recover(folderStore(root), pipeline), 'recovering again').toEqual([])
  return sentences
}

function foldersOfRuns(root: string): string[] {
  const folder = path.join(root, '_millrace/staging', pipeline)
  return fs.existsSync(folder) ? fs.readdirSync(folder) : []
}

describe.each(cases)('$name', (work) => {
  let scene: Scene
  beforeAll(async () => {
    scene = await makeScene(work)
  })

  it('leaves the old day or the new one, at whatever moment it is killed', async () => {
    const seen = { old: 0, new: 0, none: 0, removed: 0, finished: 0 }
    for (let killAt = 1; killAt < momentsMax; killAt += 1) {
      const root = copyOf(scene.template)
      const isKilled = await killPublishing(root, scene, killAt)
      seen[checkReader(root, scene, await isDecided(root, scene))] += 1
      const sentences = await checkRecovery(root, scene)
      if (sentences.some((text) => text.includes('was removed'))) seen.removed += 1
      if (sentences.some((text) => text.includes('was finished'))) seen.finished += 1
      fs.rmSync(root, { recursive: true })
      if (!isKilled) break
    }
    // A publication has moments before and after its decision; a test that met none of one kind proved nothing of it.
    expect(seen.removed).toBeGreaterThanOrEqual(2)
    expect(seen.finished).toBeGreaterThanOrEqual(1)
    const isReplacing = work.isRewritten && work.standing.length > 0 && scene.next.kept.length > 0
    if (isReplacing) expect(seen.none, 'moments between the two renames').toBeGreaterThanOrEqual(1)
    if (work.isRewritten) expect(Math.min(seen.old, seen.new)).toBeGreaterThanOrEqual(1)
  })

  it('is mended though every recovery is killed once, at whatever moment', async () => {
    let recoveriesKilled = 0
    for (let killAt = 1; killAt < momentsMax; killAt += 1) {
      const killedRoot = copyOf(scene.template)
      const isKilled = await killPublishing(killedRoot, scene, killAt)
      for (let again = 1; again < momentsMax; again += 1) {
        const root = copyOf(killedRoot)
        const decided = await isDecided(root, scene)
        const isKilledAgain = await killRecovery(root, again)
        if (isKilledAgain) recoveriesKilled += 1
        expect(await isDecided(root, scene), 'recovery decides nothing').toBe(decided)
        checkReader(root, scene, decided)
        await checkRecovery(root, scene)
        fs.rmSync(root, { recursive: true })
        if (!isKilledAgain) break
      }
      fs.rmSync(killedRoot, { recursive: true })
      if (!isKilled) break
    }
    expect(recoveriesKilled).toBeGreaterThanOrEqual(20)
  })
})

/**
 * The same with real kills: a process that publishes and ends itself with SIGKILL at its n-th change of the file system,
 * so that half-written files of the store itself, of whatever name, are there too.
 */
describe('a process killed at each of its system calls', () => {
  it('leaves the old day or the new one, and nothing else once it is mended', { timeout: 120_000 }, async () => {
    await millrace(['--version']) // builds dist/, which the killed process runs
    const scene = await makeScene(cases[1] as (typeof cases)[number])
    const publication = JSON.stringify(scene.publication)
    let kills = 0
    for (let killAt = 1; killAt < momentsMax; killAt += 1) {
      const root = copyOf(scene.template)
      const script = new URL('./killed-publishing.js', import.meta.url).pathname
      const { code, signal, stderr } = await startNode([script, root, String(killAt), publication]).exited
      expect([code, signal], stderr).toEqual(signal === null ? [0, null] : [null, 'SIGKILL'])
      checkReader(root, scene, await isDecided(root, scene))
      await checkRecovery(root, scene)
      fs.rmSync(root, { recursive: true })
      if (signal === null) break
      kills += 1
    }
    expect(kills).toBeGreaterThanOrEqual(20)
  })
})

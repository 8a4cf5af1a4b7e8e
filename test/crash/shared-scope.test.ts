/** Two pipelines that publish to one place: one is killed at every moment there is, the other goes on. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { latestCommit } from '../../src/run/commits.ts'
import { recover, recoverOthers } from '../../src/run/recovery.ts'
import folderStore from '../../src/stores/folder.ts'
import { killedStore } from './killed-store.ts'
import { makeFolder } from './process.ts'
import {
  dayPath,
  pipeline,
  prepare,
  publicationFor,
  publish,
  stage,
  type Tree,
  treeOf,
  type Work,
} from './publication.ts'

const momentsMax = 500 // far more than any publication has: a loop that never ends is a defect of the test
const home = makeFolder('shared-scope')
afterAll(() => fs.rmSync(home, { recursive: true, force: true }))

const first: Work = { run: 'run-1', kept: ['part-0', 'part-1'], rejected: ['part-0'], unreadable: [] }
const other = 'other'
const { signal } = new AbortController()

/** The second run is killed, the third is of the other pipeline. `isRewritten`: it writes the day too; else the day is left as it is. */
const cases: { name: string; second: Work; third: Work; isRewritten: boolean }[] = [
  {
    name: 'a removal is made, though the commit after it knows nothing of the folder',
    second: { run: 'run-2', kept: [], rejected: ['part-0'], unreadable: [] },
    third: { run: 'run-3', by: other, kept: [], rejected: [], unreadable: ['cut-3'] },
    isRewritten: false,
  },
  {
    name: 'what was staged stands, though the commit after it does not replace it',
    second: { run: 'run-2', kept: ['part-0'], rejected: ['part-0', 'part-1'], unreadable: [] },
    third: { run: 'run-3', by: other, kept: [], rejected: [], unreadable: ['cut-3'] },
    isRewritten: false,
  },
  {
    name: 'what the commit after it wrote stays',
    second: { run: 'run-2', kept: [], rejected: ['part-0'], unreadable: [] },
    third: { run: 'run-3', by: other, kept: ['part-0'], rejected: ['part-0'], unreadable: [] },
    isRewritten: true,
  },
]

function data(root: string): Tree {
  const isOurs = ([file]: [string, string]): boolean => !/^_millrace\/(locks|staging)\//.test(file)
  return Object.fromEntries(Object.entries(treeOf(root)).filter(isOurs))
}

async function go(root: string, work: Work, isRewritten: boolean): Promise<void> {
  stage(root, work)
  await publish(folderStore(root), await publicationFor(root, work, isRewritten))
}

describe.each(cases)('$name', ({ second, third, isRewritten }) => {
  let template = ''
  let after: Record<'decided' | 'undecided', Tree>
  beforeAll(async () => {
    template = fs.mkdtempSync(path.join(home, 'template-'))
    await prepare(template, [first], second)
    const undisturbed = async (works: [Work, boolean][]): Promise<Tree> => {
      const root = fs.mkdtempSync(path.join(home, 'undisturbed-'))
      await prepare(root, [first], second)
      for (const [work, rewrites] of works) await go(root, work, rewrites)
      return data(root)
    }
    after = {
      decided: await undisturbed([
        [second, true],
        [third, isRewritten],
      ]),
      undecided: await undisturbed([[third, isRewritten]]),
    }
  })

  it('whenever the run before is killed', async () => {
    const publication = await publicationFor(template, second, true)
    let refused = 0
    for (let killAt = 1; killAt < momentsMax; killAt += 1) {
      const root = fs.mkdtempSync(path.join(home, 'root-'))
      fs.cpSync(template, root, { recursive: true })
      const killed = killedStore(root, killAt)
      await publish(killed, publication).catch((error: unknown) => {
        if (!killed.isKilled()) throw error
      })
      const isDecided = (await latestCommit(folderStore(root), dayPath))?.run === second.run
      const isLeft = fs.existsSync(path.join(root, '_millrace/staging', pipeline, second.run, 'task/prepared.json'))
      if (isDecided && isLeft) {
        // Without the moves of the commit before nothing can be decided.
        await expect(go(root, third, isRewritten)).rejects.toThrow(
          /commit 2 by run run-2 .* is not finished yet.* Run again/,
        )
        refused += 1
      }
      await recoverOthers(folderStore(root), other, { run: 'run-3', signal })
      await go(root, third, isRewritten)
      expect(data(root)).toEqual(isDecided ? after.decided : after.undecided)
      expect(await recover(folderStore(root), pipeline), 'nothing is left to mend').toEqual([])
      expect(data(root)).toEqual(isDecided ? after.decided : after.undecided)
      fs.rmSync(root, { recursive: true })
      if (!killed.isKilled()) break
    }
    expect(refused).toBeGreaterThanOrEqual(2)
  })
})

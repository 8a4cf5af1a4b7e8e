/** The moves of a publication: files that are added to folders that are new, and to some that stand. */
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { commit } from '../../src/run/commits.ts'
import folderStore from '../../src/stores/folder.ts'
import type { CommitRecord } from '../../src/types.ts'

const home = fs.mkdtempSync(path.join(tmpdir(), 'commits-'))
afterAll(() => fs.rmSync(home, { recursive: true, force: true }))

const staging = '_millrace/staging/p/run/task'

/** Stages each file, publishes all, and gives the moves that the store made. */
async function publish(root: string, added: Record<string, string>): Promise<string[]> {
  const store = folderStore(root)
  for (const staged of Object.keys(added)) {
    fs.mkdirSync(path.dirname(path.join(root, staging, staged)), { recursive: true })
    fs.writeFileSync(path.join(root, staging, staged), staged)
  }
  const record: CommitRecord = {
    ...{ commitVersion: 1, scope: 'data/t', number: 1, run: 'run', pipeline: 'p', task: 't', committedAt: '', staging },
    moves: Object.entries(added).map(([from, target]) => ({ kind: 'add-file', staged: `${staging}/${from}`, target })),
    partitions: [],
    bookmark: [],
    state: { kind: 'land' },
    counts: { rowsIn: 0, rowsStanding: 0, rowsOut: 0, duplicates: 0, quarantined: 0, filesUnreadable: 0 },
  }
  const moved: string[] = []
  const move = async (from: string, to: string): Promise<void> => {
    moved.push(`${from.slice(staging.length + 1)} → ${to}`)
    await store.move(from, to)
  }
  await commit({ ...store, move }, record, async () => {})
  for (const [staged, target] of Object.entries(added))
    expect(fs.readFileSync(path.join(root, target), 'utf8')).toBe(staged)
  expect(fs.existsSync(path.join(root, staging))).toBe(false)
  return moved
}

describe('files that are added', () => {
  it('alone to a folder that is not there are moved with their own; to one that is there, by themselves', async () => {
    const root = fs.mkdtempSync(path.join(home, 'root-'))
    fs.mkdirSync(path.join(root, 'data/t/d=2'), { recursive: true })
    fs.writeFileSync(path.join(root, 'data/t/d=2/old'), 'stands')
    const added = { '0/a': 'data/t/d=1/a', '0/b': 'data/t/d=1/b', '1/a': 'data/t/d=2/a' }
    expect(await publish(root, added)).toEqual(['0 → data/t/d=1', '1/a → data/t/d=2/a'])
    expect(fs.readFileSync(path.join(root, 'data/t/d=2/old'), 'utf8')).toBe('stands')
  })

  it.each([
    ['from two folders to one', { 'rows/a': 'q/t/a', 'lists/b': 'q/t/b' }],
    ['to a folder and to one below it', { 'rows/a': 'q/t/a', 'lists/b': 'q/t/more/b' }],
    ['under other names', { 'rows/a': 'q/t/b', 'rows/b': 'q/t/a' }],
  ])('%s are moved one by one', async (_, added) => {
    const root = fs.mkdtempSync(path.join(home, 'root-'))
    const expected = Object.entries(added).map(([staged, target]) => `${staged} → ${target}`)
    expect(await publish(root, added as Record<string, string>)).toEqual(expected)
  })

  it('of a folder that holds more than is published are moved one by one', async () => {
    const root = fs.mkdtempSync(path.join(home, 'root-'))
    fs.mkdirSync(path.join(root, staging, '0'), { recursive: true })
    fs.writeFileSync(path.join(root, staging, '0/left'), '')
    expect(await publish(root, { '0/a': 'data/t/d=1/a' })).toEqual(['0/a → data/t/d=1/a'])
    expect(fs.readdirSync(path.join(root, 'data/t/d=1'))).toEqual(['a'])
  })
})

/** Who waits for the lock of a folder is served in turn; what processes that are gone have left keeps nobody. */
import * as fs from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import * as path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import lockFolder from '../../src/stores/folder-lock.ts'
import { deadProcess, until } from '../crash/process.ts'

const home = fs.mkdtempSync(path.join(tmpdir(), 'folder-lock-'))
const newFolder = (): string => fs.mkdtempSync(path.join(home, 'it’s a folder '))
const waitingIn = (folder: string): string[] => fs.readdirSync(folder).filter((name) => name.startsWith('waiting-'))
afterAll(() => fs.rmSync(home, { recursive: true, force: true }))

describe('of those that wait for a folder', () => {
  it('each has its turn, although others ask again at the moment of release', async () => {
    const folder = newFolder()
    const served: string[] = []
    const turns = async (name: string): Promise<void> => {
      for (let turn = 0; turn < 10; turn += 1) {
        const release = await lockFolder(folder, { what: 'this' })
        served.push(name)
        await new Promise((resolve) => setTimeout(resolve, 10))
        release()
      }
    }
    await Promise.all(['a', 'b', 'c'].map(turns))
    // The first is alone for its first turn; from then on all three wait, until one is done.
    const rounds = Array.from({ length: 9 }, (_, round) =>
      served
        .slice(3 * round, 3 * round + 3)
        .sort()
        .join(''),
    )
    expect(rounds).toEqual(Array.from({ length: 9 }, () => 'abc'))
    expect(fs.readdirSync(folder)).toEqual(['lock-00000030.json'])
  })

  it('one that gives up, was killed or has been stopped for too long keeps no other', async () => {
    const folder = newFolder()
    const release = await lockFolder(folder, { what: 'this' })
    await expect(lockFolder(folder, { what: 'this', waitMs: 50 })).rejects.toThrow(
      new RegExp(`process ${process.pid} on .* uses this; waited 0.05 s`),
    )
    expect(waitingIn(folder)).toEqual([])
    const later = Date.now() + 3_600_000
    const left = [
      { pid: deadProcess(), started: '', until: later },
      { pid: process.pid, started: '1', until: later },
      { pid: process.ppid, started: '', until: Date.now() - 1 },
    ]
    for (const [at, one] of left.entries())
      fs.writeFileSync(
        path.join(folder, `waiting-00000000000000${at}.0.json`),
        JSON.stringify({ ...one, host: hostname() }),
      )
    release()
    ;(await lockFolder(folder, { what: 'this' }))()
    expect(fs.readdirSync(folder)).toEqual(['lock-00000002.json'])
  })

  it('the next begins only when the holder has released it', async () => {
    const folder = newFolder()
    const release = await lockFolder(folder, { what: 'this' })
    let isServed = false
    const next = lockFolder(folder, { what: 'this' }).then((releaseNext) => {
      isServed = true
      return releaseNext
    })
    await until('it waits', () => waitingIn(folder).length === 1)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(isServed).toBe(false)
    release()
    ;(await next)()
    expect(waitingIn(folder)).toEqual([])
  })
})

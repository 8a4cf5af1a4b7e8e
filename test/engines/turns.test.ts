/** Who has the engine next, and how many threads those have who are at work. */
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openDatabase, type Session } from '../../src/engines/duckdb/session.ts'
import { limiter } from '../../src/engines/limiter.ts'

const home = fs.mkdtempSync(path.join(tmpdir(), 'turns-'))
afterAll(() => fs.rmSync(home, { recursive: true, force: true }))

describe('of works that wait', () => {
  it('the heaviest is next, of equals the first that came, and one that fails gives its place on', async () => {
    const turns = limiter()
    const begun: string[] = []
    let running = 0
    const work = (name: string, weight?: number): Promise<void> =>
      turns(
        2,
        async () => {
          begun.push(name)
          running += 1
          expect(running).toBeLessThanOrEqual(2)
          await new Promise((resolve) => setTimeout(resolve, 5))
          running -= 1
          if (name === 'fails') throw new Error(name)
        },
        weight,
      )
    const works = [
      work('a', 1),
      work('b', 1),
      work('light'),
      work('c', 2),
      work('fails', 9),
      work('d', 2),
      work('light too'),
    ]
    expect((await Promise.allSettled(works)).map(({ status }) => status).indexOf('rejected')).toBe(4)
    expect(begun).toEqual(['a', 'b', 'fails', 'c', 'd', 'light', 'light too'])
  })
})

describe('the threads of a database', () => {
  it('are never more than its connections and helpers together, however these come and go', async () => {
    const database = await openDatabase({ memoryBytes: 2 ** 30, threads: 3, spill: home, sharesThreads: true })
    const threads = async (session: Session): Promise<number> =>
      Number((await session.rows("SELECT current_setting('threads') AS n"))[0]?.n)
    try {
      const first = await database.connect(undefined)
      expect(await threads(first)).toBe(3)
      for (let round = 0; round < 20; round += 1) {
        const second = await database.connect(undefined)
        const third = database.connect(undefined)
        await Promise.all([threads(first), threads(second), third.then(threads)])
        expect(await threads(second)).toBe(1)
        second.close()
        // One statement asks for a helper more at the moment at which another connection comes.
        const [, fourth] = await Promise.all([threads(first), database.connect(undefined)])
        expect(await threads(first)).toBe(1)
        ;(await third).close()
        fourth.close()
        expect(await threads(first)).toBe(3)
      }
    } finally {
      database.close()
    }
  })
})

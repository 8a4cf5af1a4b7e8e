/** An apply that fails at any one of its requests, run again, ends where one that did not fail ends. */
import { describe, expect, it } from 'vitest'
import { planCleanRooms } from '../../src/cleanrooms/plan.ts'
import { apply, contents, definitionWith, openRoom, type Room } from './room.ts'

const tables = { part_a: ['customer_user_id', 'email'], part_b: ['customer_user_id', 'b'] }
const before = definitionWith()
/** Something of every action: columns and rules change, associations are renamed, one table is no longer offered. */
const after = definitionWith({
  tables: { prefix: 'part_', except: ['part_b'] },
  configuredTable: {
    analysisRule: { type: 'LIST', joinColumns: ['customer_user_id'], listColumns: ['*'] },
    allowedColumns: ['customer_user_id', 'email'],
  },
  association: { name: 'new_{table}', oldNames: ['acx_{table}'] },
})

/** The request with this number among those that change something fails: before it is done, or after, its answer lost. */
async function failingAt(room: Room, at: number, how: 'fail' | 'lose') {
  let count = 0
  return await room.open((_, isMutating) => {
    if (isMutating) count += 1
    return isMutating && count === at ? how : 'answer'
  })
}

async function prepared(): Promise<Room> {
  const room = await openRoom(tables)
  await apply(room, before)
  return room
}

describe('an apply that fails half-way', () => {
  it.each(['fail', 'lose'] as const)('ends well when run again, whichever first request %ss', async (how) => {
    const whole = await openRoom(tables)
    await apply(whole, before)
    const expected = await contents(whole, before)
    let at = 1
    for (; ; at += 1) {
      const room = await openRoom(tables)
      const account = await failingAt(room, at, how)
      const outcome = await apply(room, before, { account }).then(
        () => 'done' as const,
        (error: Error) => error,
      )
      if (outcome === 'done') break
      expect(outcome.message).toMatch(
        how === 'fail' ? /AccessDenied.*run the same command again/ : /connection was lost/,
      )
      await apply(room, before)
      expect({ at, contents: await contents(room, before) }).toEqual({ at, contents: expected })
      expect(await apply(room, before)).toEqual([])
      expect(room.problems).toEqual([])
    }
    expect(at).toBe(14) // 13 requests change something
  })

  it.each(['fail', 'lose'] as const)('ends well when it changes and removes, whichever request %ss', async (how) => {
    const whole = await prepared()
    const made = await apply(whole, after, { prune: true })
    expect(new Set(made.map((line) => line.split(' ')[0]))).toEqual(new Set(['update', 'replace', 'rename', 'delete']))
    const expected = await contents(whole, after)
    let at = 1
    for (; ; at += 1) {
      const room = await prepared()
      const account = await failingAt(room, at, how)
      const outcome = await apply(room, after, { prune: true, account }).then(
        () => 'done' as const,
        (error: Error) => error,
      )
      if (outcome === 'done') break
      await apply(room, after, { prune: true })
      expect({ at, contents: await contents(room, after) }).toEqual({ at, contents: expected })
      expect((await planCleanRooms(after, 'dev', await room.open(), { prune: true })).changes).toEqual([])
      expect(room.problems).toEqual([])
    }
    expect(at).toBeGreaterThan(10)
  })

  it('goes on by itself where an answer was lost and the SDK asked again, whichever request it was', async () => {
    const whole = await openRoom(tables)
    await apply(whole, before)
    const expected = await contents(whole, before)
    for (let at = 1; at <= 13; at += 1) {
      const room = await openRoom(tables)
      let count = 0
      const account = await room.open((_, isMutating) => {
        if (isMutating) count += 1
        return isMutating && count === at ? 'reset' : 'answer'
      }, 3)
      expect(await apply(room, before, { account })).toHaveLength(13)
      expect({ at, contents: await contents(room, before) }).toEqual({ at, contents: expected })
    }
  })

  it('stops where somebody else’s is in the way', async () => {
    const room = await openRoom(tables)
    const account = await room.open()
    const { applyChanges } = await import('../../src/cleanrooms/apply.ts')
    const { changes, observed } = await planCleanRooms(before, 'dev', account)
    await account.cleanRooms.createConfiguredTable({
      name: 'part_a',
      tableReference: { glue: { databaseName: 'other', tableName: 'theirs' } },
      allowedColumns: ['a'],
      analysisMethod: 'DIRECT_QUERY',
    })
    await expect(applyChanges(account, room.environment, observed, changes)).rejects.toMatchObject({
      code: 'service',
      message: expect.stringMatching(
        /^create configured-table part_a {2}ConflictException: .*What was done before stands/,
      ),
    })
    await apply(room, before)
    expect(await apply(room, before)).toEqual([])
  })
})

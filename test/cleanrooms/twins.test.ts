/** Several configured tables of one name: which counts, what happens to the others, and how they come to be. */
import { describe, expect, it } from 'vitest'
import type { AccountState } from '../../src/cleanrooms/local/state.ts'
import { planCleanRooms } from '../../src/cleanrooms/plan.ts'
import { apply, changeState, contents, definitionWith, idOf, openRoom, type Room } from './room.ts'

const definition = definitionWith()
const tables = { part_a: ['customer_user_id', 'email'] }
const twinId = '99999999-9999-4999-8999-999999999999'
type Table = AccountState['configuredTables'][number]

/** An older configured table of the name, with a rule, as another collaboration's would be. */
async function addOlderTwin(room: Room, other: Partial<Table> = {}): Promise<void> {
  await changeState(room, ({ configuredTables }) => {
    configuredTables.unshift({ ...(configuredTables[0] as Table), id: twinId, createTime: 1, ...other })
  })
}

async function prepared(other: Partial<Table> = {}): Promise<Room> {
  const room = await openRoom(tables)
  await apply(room, definition)
  await addOlderTwin(room, other)
  return room
}

describe('of two configured tables of one name', () => {
  it('the associated one counts, the other is listed', async () => {
    const room = await prepared({ rule: null })
    const { changes, unmanaged } = await planCleanRooms(definition, 'dev', await room.open())
    expect(changes).toEqual([])
    expect(unmanaged).toEqual([
      { kind: 'configured-table', name: 'part_a', id: twinId, why: 'a further one of this name' },
    ])
  })

  it('the other’s rule is the other’s: listed, and never removed nor changed', async () => {
    const room = await prepared()
    const own = await idOf(room, 'configured-table', 'part_a')
    expect(own).not.toBe(twinId)
    expect(await idOf(room, 'analysis-rule', 'part_a')).toBe(own)
    const { changes, unmanaged } = await planCleanRooms(definition, 'dev', await room.open())
    expect(changes).toEqual([])
    expect(unmanaged.map(({ kind, id }) => `${kind} ${id}`)).toEqual([
      `configured-table ${twinId}`,
      `analysis-rule ${twinId}`,
    ])
    const { cleanRooms } = await room.open()
    await cleanRooms.updateConfiguredTableAnalysisRule({
      configuredTableIdentifier: own,
      analysisRuleType: 'CUSTOM',
      analysisRulePolicy: { v1: { custom: { allowedAnalyses: [], allowedAnalysisProviders: ['444444444444'] } } },
    })
    const asked = room.requests.length
    expect(await apply(room, definition)).toEqual(['update analysis-rule part_a'])
    expect(room.requests.slice(asked).filter((each) => each.startsWith('PATCH'))).toEqual([
      `PATCH /configuredTables/${own}/analysisRule/CUSTOM`,
    ])
    expect(await apply(room, definition)).toEqual([])
  })

  it('a rule that the definition wants none of goes from the one that counts alone', async () => {
    const room = await prepared()
    const association = { name: 'acx_{table}' }
    const none = definitionWith({ association, configuredTable: { analysisRule: null } })
    await apply(room, none)
    const { changes, unmanaged } = await planCleanRooms(none, 'dev', await room.open())
    expect(changes).toEqual([])
    expect(unmanaged.map(({ kind, id }) => `${kind} ${id}`)).toContain(`analysis-rule ${twinId}`)
  })

  it('an association of the one that does not count is made anew', async () => {
    const room = await prepared({ createTime: 2e9 })
    const own = await idOf(room, 'configured-table', 'part_a')
    await changeState(room, ({ associations }) => {
      const [first] = associations as [AccountState['associations'][number]]
      associations.push({ ...first, id: twinId, name: 'theirs', rule: null })
      first.configuredTableId = twinId
    })
    expect(await idOf(room, 'configured-table', 'part_a')).toBe(own)
    const { changes } = await planCleanRooms(definition, 'dev', await room.open())
    expect(changes).toMatchObject([
      {
        action: 'replace',
        kind: 'association',
        differences: [{ field: 'configuredTable', before: twinId, after: 'part_a' }],
      },
      { action: 'create', kind: 'association-rule' },
    ])
    await apply(room, definition)
    expect(await apply(room, definition)).toEqual([])
  })

  it('of which none is associated the one of this database counts', async () => {
    const room = await openRoom(tables)
    const alone = definitionWith({ association: null })
    await apply(room, alone)
    await addOlderTwin(room, { tableReference: { glue: { databaseName: 'omc_prod', tableName: 'part_a' } } })
    for (const prune of [false, true]) {
      const { changes, unmanaged } = await planCleanRooms(alone, 'dev', await room.open(), { prune })
      expect(changes).toEqual([])
      expect(unmanaged.map(({ id }) => id)).toEqual([twinId, twinId])
    }
  })
})

describe('a service that takes several configured tables of one name', () => {
  const all = definitionWith()
  const alone = definitionWith({ association: null })

  it.each([
    ['associated', all],
    ['not associated', alone],
  ])('and whose answer was lost, the SDK having asked again: the next apply converges (%s)', async (_, rooms) => {
    const whole = await openRoom(tables)
    await apply(whole, rooms)
    const room = await openRoom(tables, { allowsTwins: true })
    let isLost = false
    const account = await room.open((request) => {
      if (isLost || request.method !== 'POST' || request.path !== '/configuredTables') return 'answer'
      isLost = true
      return 'reset'
    }, 3)
    await apply(room, rooms, { account })
    await changeState(room, ({ configuredTables }) => expect(configuredTables).toHaveLength(2))
    await apply(room, rooms)
    const { changes, unmanaged } = await planCleanRooms(rooms, 'dev', await room.open())
    expect(changes).toEqual([])
    expect(new Set(unmanaged.map(({ why }) => why))).toEqual(new Set(['a further one of this name']))
    expect(unmanaged[0]?.id).not.toBe(await idOf(room, 'configured-table', 'part_a'))
    await apply(room, rooms, { prune: true })
    expect(await contents(room, rooms)).toEqual(await contents(whole, rooms))
    expect(room.problems).toEqual([])
  })
})

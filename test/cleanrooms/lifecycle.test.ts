/** Plan, apply, plan again, on the real SDK clients and an account in a folder. */
import { describe, expect, it } from 'vitest'
import { planCleanRooms } from '../../src/cleanrooms/plan.ts'
import { apply, definitionWith, models, openRoom, type Tables, threeTables } from './room.ts'

const definition = definitionWith()

describe('clean rooms', () => {
  it('are planned, applied, and then nothing differs', async () => {
    const room = await openRoom()
    const first = await planCleanRooms(definition, 'dev', await room.open())
    expect(first.changes.map(({ action }) => action)).toEqual(Array(19).fill('create'))
    expect(first.changes.map(({ kind }) => kind)).toEqual([
      ...Array(3).fill('er-table'),
      ...Array(3).fill('configured-table'),
      ...Array(3).fill('analysis-rule'),
      ...Array(3).fill('association'),
      ...Array(3).fill('association-rule'),
      ...Array(3).fill('schema-mapping'),
      'id-namespace',
    ])
    expect(room.requests.filter((request) => /POST|Create/.test(request) && !request.includes('Get'))).toEqual([])
    expect(await apply(room, definition)).toHaveLength(19)
    expect((await planCleanRooms(definition, 'dev', await room.open())).changes).toEqual([])
    const before = await room.store.readText('_millrace/cleanrooms/account.json')
    const asked = room.requests.length
    expect(await apply(room, definition)).toEqual([])
    expect(
      room.requests.slice(asked).filter((each) => !each.startsWith('GET') && !each.startsWith('AWSGlue.Get')),
    ).toEqual([])
    expect(await room.store.readText('_millrace/cleanrooms/account.json')).toBe(before)
    expect(room.problems).toEqual([])
  })

  it('make of 27 tables 27 of everything', async () => {
    const tables: Tables = { part_addressable_ids: ['customer_user_id', 'email'] }
    for (let at = 1; at <= 26; at += 1)
      tables[`part_ibe_${String(at).padStart(2, '0')}_a`] = ['customer_user_id', `ibe${at}`]
    const room = await openRoom(tables)
    await apply(room, definition)
    const { observed, changes } = await planCleanRooms(definition, 'dev', await room.open())
    const count = (kind: string): number => observed.resources.filter((each) => each.kind === kind).length
    for (const kind of ['er-table', 'configured-table', 'analysis-rule', 'association', 'schema-mapping'])
      expect({ kind, count: count(kind) }).toEqual({ kind, count: 27 })
    expect(changes).toEqual([])
    const rules = observed.resources.filter(({ kind }) => kind === 'analysis-rule')
    for (const { fields } of rules)
      expect(fields.policy).toMatchObject({ custom: { allowedAnalysisProviders: ['444444444444', '555555555555'] } })
    expect(room.problems).toEqual([])
  })

  it('read every page', async () => {
    const room = await openRoom(threeTables, { pageItemsMax: 1 })
    expect(await apply(room, definition)).toHaveLength(19)
    expect(await apply(room, definition)).toEqual([])
    const lists = room.requests.filter((each) => each === 'GET /configuredTables')
    expect(lists.length).toBeGreaterThanOrEqual(4)
    expect(room.problems).toEqual([])
  })

  it('are tried again by the SDK when the services throttle', async () => {
    const room = await openRoom({ part_a: ['customer_user_id', 'email'] })
    let count = 0
    const everyFifth = () => {
      count += 1
      return count % 5 === 0 ? 'throttle' : 'answer'
    }
    const account = await room.open(everyFifth, 8)
    expect(await apply(room, definition, { account })).toHaveLength(7)
    expect(await apply(room, definition)).toEqual([])
  })

  it('say that they are throttled for good, and what to do', async () => {
    const room = await openRoom()
    const account = await room.open(() => 'throttle')
    await expect(planCleanRooms(definition, 'dev', account)).rejects.toMatchObject({
      code: 'service',
      message: expect.stringMatching(/^read membership .*ThrottlingException: slow down.*try again later/),
    })
  })

  it('are refused where the membership is another or belongs elsewhere', async () => {
    const room = await openRoom()
    const dev = { ...definition.environments.dev } as (typeof definition.environments)[string]
    const other = (changes: object) => ({ ...definition, environments: { dev: { ...dev, ...changes } } })
    const strange = other({ membership: '33333333-3333-4333-8333-333333333333' })
    await expect(planCleanRooms(strange, 'dev', await room.open())).rejects.toMatchObject({
      code: 'service',
      message: expect.stringContaining('ResourceNotFoundException'),
    })
    const elsewhere = other({ account: '222222222222' })
    await expect(planCleanRooms(elsewhere, 'dev', await room.open())).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('belongs to account 111111111111'),
    })
  })

  it('name the database that is missing', async () => {
    const room = await openRoom()
    const dev = { ...definition.environments.dev, database: 'nowhere' } as (typeof definition.environments)[string]
    const strange = { ...definition, environments: { dev } }
    await expect(planCleanRooms(strange, 'dev', await room.open())).rejects.toMatchObject({
      message: expect.stringMatching(/tables of nowhere.*EntityNotFoundException.*database/),
    })
  })

  it.skipIf(models === null)('send only what the services’ models take (scripts/service-models.sh)', async () => {
    const room = await openRoom({ ...threeTables, part_key_only: ['customer_user_id'], part_no_key: ['id', 'email'] })
    await apply(room, definition)
    expect(room.requests.length).toBeGreaterThan(30)
    expect(room.problems).toEqual([])
  })
})

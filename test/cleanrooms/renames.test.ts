/** Associations of an older naming get their new names, and a table is never left without one. */
import { describe, expect, it } from 'vitest'
import { applyChanges } from '../../src/cleanrooms/apply.ts'
import { planCleanRooms } from '../../src/cleanrooms/plan.ts'
import { apply, contents, definitionWith, idOf, openRoom, textOf } from './room.ts'

const tables = { part_a: ['customer_user_id', 'email'], part_b: ['customer_user_id', 'b'] }

describe('associations of the old naming', () => {
  const old = definitionWith({ association: { name: '{table}' } })
  const renamed = definitionWith({ association: { name: 'acx_{table}', oldNames: ['{table}'] } })

  it.each([false, true])('are renamed (a service that associates a table once: %s)', async (associatesOnce) => {
    const room = await openRoom(tables, { associatesOnce })
    await apply(room, old)
    expect(await apply(room, renamed)).toEqual(['rename association acx_part_a', 'rename association acx_part_b'])
    const names = ((await contents(room, renamed)) as { kind: string; name: string }[]).filter(
      ({ kind }) => kind === 'association',
    )
    expect(names.map(({ name }) => name)).toEqual(['acx_part_a', 'acx_part_b'])
    expect(await apply(room, renamed)).toEqual([])
    expect(room.problems).toEqual([])
  })

  it('go where the new one is there already', async () => {
    const room = await openRoom(tables)
    await apply(room, old)
    const { cleanRooms } = await room.open()
    await cleanRooms.createConfiguredTableAssociation({
      membershipIdentifier: room.environment.membership,
      name: 'acx_part_a',
      configuredTableIdentifier: await idOf(room, 'configured-table', 'part_a'),
      roleArn: 'arn:aws:iam::111111111111:role/clean-rooms',
    })
    expect(await apply(room, renamed)).toEqual(['rename association acx_part_b', 'delete association part_a'])
    expect(await apply(room, renamed)).toEqual([])
  })
})

describe('a rename whose new name is taken meanwhile', () => {
  const receivers = { resultReceivers: ['555555555555'] }
  const old = definitionWith({ association: { name: '{table}', ...receivers } })
  const renamed = definitionWith({ association: { name: 'acx_{table}', oldNames: ['{table}'], ...receivers } })

  /** Plans, lets somebody take the new name, applies. */
  const taken = async () => {
    const room = await openRoom({ part_a: ['customer_user_id', 'email'] })
    await apply(room, old)
    const before = (await contents(room, old)) as { kind: string; name: string }[]
    const account = await room.open()
    const { changes, observed } = await planCleanRooms(renamed, 'dev', account)
    expect(changes).toMatchObject([{ action: 'rename', oldName: 'part_a' }, { kind: 'association-rule' }])
    const { configuredTable } = await account.cleanRooms.createConfiguredTable({
      name: 'theirs',
      tableReference: { glue: { databaseName: 'other', tableName: 'theirs' } },
      allowedColumns: ['a'],
      analysisMethod: 'DIRECT_QUERY',
    })
    const { configuredTableAssociation } = await account.cleanRooms.createConfiguredTableAssociation({
      membershipIdentifier: room.environment.membership,
      name: 'acx_part_a',
      configuredTableIdentifier: configuredTable?.id,
      roleArn: room.environment.role,
    })
    return { room, before, account, changes, observed, theirs: configuredTableAssociation?.id }
  }

  it('leaves the table its old association, with its rule', async () => {
    const { room, before, account, changes, observed, theirs } = await taken()
    await expect(applyChanges(account, room.environment, observed, changes)).rejects.toMatchObject({
      code: 'service',
      message: expect.stringMatching(/^rename association acx_part_a {2}ConflictException: .*run the same command/),
    })
    const after = (await contents(room, old)) as { kind: string; name: string }[]
    expect(after.filter(({ name }) => !['theirs', 'acx_part_a'].includes(name))).toEqual(before)
    await account.cleanRooms.deleteConfiguredTableAssociation({
      membershipIdentifier: room.environment.membership,
      configuredTableAssociationIdentifier: theirs,
    })
    expect(await apply(room, renamed)).toHaveLength(2)
    expect((await planCleanRooms(renamed, 'dev', await room.open())).changes).toEqual([])
    expect(room.problems).toEqual([])
  })

  it('says so where the old one cannot be made again', async () => {
    const { room, changes, observed } = await taken()
    let isGone = false
    const account = await room.open((request) => {
      const isFailing = isGone && request.method === 'POST'
      isGone ||= request.method === 'DELETE'
      return isFailing && textOf(request).includes('"name":"part_a"') ? 'fail' : 'answer'
    })
    await expect(applyChanges(account, room.environment, observed, changes)).rejects.toMatchObject({
      message: expect.stringMatching(
        /^association part_a {2}was removed for acx_part_a, .*exists already.* not be made again as it was: not now/,
      ),
    })
  })
})

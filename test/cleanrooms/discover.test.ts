/** An account's definition, written from the account: a plan with it is empty. */
import { describe, expect, it } from 'vitest'
import { defineCleanRooms } from '../../src/cleanrooms/definition.ts'
import { discoverDefinition } from '../../src/cleanrooms/discover.ts'
import { planCleanRooms } from '../../src/cleanrooms/plan.ts'
import { apply, definitionWith, openRoom, providers, type Room } from './room.ts'

const definition = definitionWith()

/** As a file would bring it back. */
async function discovered(room: Room, base = definition) {
  const { observed } = await planCleanRooms(base, 'dev', await room.open())
  return defineCleanRooms(JSON.parse(JSON.stringify(discoverDefinition(base, 'dev', observed))))
}

describe('discover', () => {
  it('finds the rules of an account that a definition made', async () => {
    const room = await openRoom()
    await apply(room, definition)
    const found = await discovered(room)
    expect(found.environments.dev).toMatchObject({ resources: [], without: [] })
    expect(found.configuredTable).toMatchObject({
      name: '{table}',
      allowedColumns: 'all',
      analysisMethod: 'DIRECT_QUERY',
    })
    expect(found.configuredTable.analysisRule).toMatchObject({ type: 'CUSTOM', allowedAnalysisProviders: providers })
    expect(found.association?.name).toBe('acx_{table}')
    expect((await planCleanRooms(found, 'dev', await room.open())).changes).toEqual([])
    expect((await planCleanRooms(found, 'dev', await room.open())).unmanaged).toEqual([])
  })

  it('lists to the letter what differs, and what the rules would make and is not', async () => {
    const room = await openRoom()
    await apply(room, definitionWith({ association: { name: '{table}' } }))
    const { cleanRooms, entityResolution, glue } = await room.open()
    const { observed } = await planCleanRooms(definition, 'dev', await room.open())
    const table = observed.resources.find(({ kind, name }) => kind === 'configured-table' && name === 'part_ibe_01_a')
    await cleanRooms.updateConfiguredTable({
      configuredTableIdentifier: table?.id as string,
      allowedColumns: ['customer_user_id'],
      description: 'narrow',
    })
    await cleanRooms.createConfiguredTable({
      name: 'theirs',
      tableReference: { glue: { databaseName: 'other', tableName: 'theirs' } },
      allowedColumns: ['a'],
      analysisMethod: 'DIRECT_QUERY',
    })
    await entityResolution.createIdNamespace({ idNamespaceName: 'theirs', type: 'TARGET' })
    await entityResolution.deleteIdNamespace({ idNamespaceName: 'acx-dev' })
    await glue.deleteTable({ DatabaseName: 'omc_dev', Name: 'part_ibe_02_a_er' })
    const found = await discovered(room)
    expect(found.association?.name).toBe('{table}')
    const names = (list: readonly { kind: string; name: string }[] = []) =>
      list.map(({ kind, name }) => `${kind} ${name}`)
    expect(names(found.environments.dev?.resources).sort()).toEqual([
      'configured-table part_ibe_01_a',
      'configured-table theirs',
      'id-namespace theirs',
    ])
    expect(names(found.environments.dev?.without).sort()).toEqual(
      expect.arrayContaining(['er-table part_ibe_02_a_er', 'id-namespace acx-dev']),
    )
    const again = await planCleanRooms(found, 'dev', await room.open())
    expect({ changes: again.changes, unmanaged: again.unmanaged }).toEqual({ changes: [], unmanaged: [] })
    // Made anew from the definition alone, in an account with nothing in it.
    const other = await openRoom()
    await apply(other, found)
    expect((await planCleanRooms(found, 'dev', await other.open())).changes).toEqual([])
    expect(other.problems).toEqual([])
  })

  it('of an empty account names nothing', async () => {
    const room = await openRoom()
    const found = await discovered(room)
    const { changes } = await planCleanRooms(found, 'dev', await room.open())
    expect(changes).toEqual([])
  })
})

/** What the definition does not name: left alone and listed; with --prune what it could have made goes, and nothing of others. */
import { describe, expect, it } from 'vitest'
import { planCleanRooms } from '../../src/cleanrooms/plan.ts'
import { apply, changeState, definitionWith, openRoom, type Room } from './room.ts'

const definition = definitionWith()
const tables = { part_a: ['customer_user_id', 'email'], part_b: ['customer_user_id', 'b'] }

/** A configured table with its rule and association, whose names are as the definition's, of another database. */
async function makeAnothers(room: Room): Promise<void> {
  const { cleanRooms, entityResolution } = await room.open()
  const { configuredTable } = await cleanRooms.createConfiguredTable({
    name: 'part_prod',
    tableReference: { glue: { databaseName: 'omc_prod', tableName: 'part_prod' } },
    allowedColumns: ['customer_user_id'],
    analysisMethod: 'DIRECT_QUERY',
  })
  const custom = { allowedAnalyses: ['ANY_QUERY'], allowedAnalysisProviders: ['444444444444'] }
  await cleanRooms.createConfiguredTableAnalysisRule({
    configuredTableIdentifier: configuredTable?.id,
    analysisRuleType: 'CUSTOM',
    analysisRulePolicy: { v1: { custom } },
  })
  const { membership, role } = room.environment
  const { configuredTableAssociation } = await cleanRooms.createConfiguredTableAssociation({
    membershipIdentifier: membership,
    name: 'acx_part_prod',
    configuredTableIdentifier: configuredTable?.id,
    roleArn: role,
  })
  await cleanRooms.createConfiguredTableAssociationAnalysisRule({
    membershipIdentifier: membership,
    configuredTableAssociationIdentifier: configuredTableAssociation?.id,
    analysisRuleType: 'CUSTOM',
    analysisRulePolicy: { v1: { custom: { allowedResultReceivers: ['555555555555'] } } },
  })
  await entityResolution.createSchemaMapping({
    schemaName: 'part_prod_er',
    mappedInputFields: [
      { fieldName: 'customer_user_id', type: 'UNIQUE_ID' },
      { fieldName: 'email', type: 'STRING' },
    ],
  })
  const inputSourceARN = 'arn:aws:glue:us-east-1:111111111111:table/omc_prod/part_prod_er'
  await entityResolution.createIdNamespace({
    idNamespaceName: 'acx-dev-7',
    type: 'SOURCE',
    inputSourceConfig: [{ inputSourceARN, schemaName: 'part_prod_er' }],
  })
}

describe('what the definition does not name', () => {
  it('leaves what others made alone, and lists it', async () => {
    const room = await openRoom(tables)
    await apply(room, definition)
    const { cleanRooms, entityResolution } = await room.open()
    await cleanRooms.createConfiguredTable({
      name: 'theirs',
      tableReference: { glue: { databaseName: 'other', tableName: 'theirs' } },
      allowedColumns: ['a'],
      analysisMethod: 'DIRECT_QUERY',
    })
    await entityResolution.createIdNamespace({ idNamespaceName: 'theirs', type: 'TARGET' })
    for (const prune of [false, true]) {
      const { changes, unmanaged } = await planCleanRooms(definition, 'dev', await room.open(), { prune })
      expect(changes).toEqual([])
      expect(unmanaged.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
        'configured-table theirs',
        'id-namespace theirs',
      ])
    }
  })

  it('of a table that is no longer in the catalog: listed, and removed with --prune', async () => {
    const room = await openRoom(tables)
    await apply(room, definition)
    await room.catalog.deleteTable('omc_dev', 'part_b')
    const { changes, unmanaged } = await planCleanRooms(definition, 'dev', await room.open())
    expect(changes).toEqual([])
    expect(unmanaged.map(({ kind }) => kind).sort()).toEqual([
      'analysis-rule',
      'association',
      'association-rule',
      'configured-table',
      'er-table',
      'schema-mapping',
    ])
    expect(await apply(room, definition, { prune: true })).toEqual([
      'delete schema-mapping part_b_er',
      'delete association-rule acx_part_b',
      'delete association acx_part_b',
      'delete analysis-rule part_b',
      'delete configured-table part_b',
      'delete er-table part_b_er',
    ])
    expect((await planCleanRooms(definition, 'dev', await room.open(), { prune: true })).unmanaged).toEqual([])
  })

  it('is another environment’s where its table is of another database: --prune leaves it, under whatever name', async () => {
    const room = await openRoom(tables)
    await apply(room, definition)
    await makeAnothers(room)
    const { changes, unmanaged } = await planCleanRooms(definition, 'dev', await room.open(), { prune: true })
    expect(changes).toEqual([])
    expect(unmanaged.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'configured-table part_prod',
      'analysis-rule part_prod',
      'association acx_part_prod',
      'association-rule acx_part_prod',
      'schema-mapping part_prod_er',
      'id-namespace acx-dev-7',
    ])
    expect(room.problems).toEqual([])
  })

  it('stays with its rule while an association that stays uses it', async () => {
    const room = await openRoom(tables)
    await apply(room, definition)
    const other = definitionWith({ association: null, tables: { prefix: 'part_', except: ['part_b'] } })
    await apply(room, other, { prune: true })
    const { changes, unmanaged } = await planCleanRooms(other, 'dev', await room.open(), { prune: true })
    expect(changes).toEqual([])
    expect(unmanaged.map(({ kind, name }) => `${kind} ${name}`)).toEqual(
      expect.arrayContaining(['configured-table part_b', 'analysis-rule part_b', 'association acx_part_b']),
    )
  })

  it('goes with --prune where it is of this database, an association of a table that fits too', async () => {
    const room = await openRoom(tables)
    await apply(room, definition)
    await makeAnothers(room)
    await changeState(room, ({ configuredTables }) => {
      const table = configuredTables.find(({ name }) => name === 'part_prod')
      Object.assign(table ?? {}, { tableReference: { glue: { databaseName: 'omc_dev', tableName: 'part_prod' } } })
    })
    expect(await apply(room, definition, { prune: true })).toEqual([
      'delete association-rule acx_part_prod',
      'delete association acx_part_prod',
      'delete analysis-rule part_prod',
      'delete configured-table part_prod',
    ])
  })
})

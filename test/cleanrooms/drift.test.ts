/** What somebody else changed is found, named, and mended. */
import { describe, expect, it } from 'vitest'
import type { CleanRoomsOptions } from '../../src/cleanrooms/definition.ts'
import { planCleanRooms } from '../../src/cleanrooms/plan.ts'
import { apply, definitionWith, idOf, openRoom, options, type Room } from './room.ts'

const definition = definitionWith()
const tables = { part_a: ['customer_user_id', 'email'], part_b: ['customer_user_id', 'b'] }

type Account = Awaited<ReturnType<Room['open']>>
type Drift = { name: string; make: (account: Account, room: Room) => Promise<unknown>; found: string[] }

const drifts: Drift[] = [
  {
    name: 'a description of a configured table',
    make: async ({ cleanRooms }, room) =>
      await cleanRooms.updateConfiguredTable({
        configuredTableIdentifier: await idOf(room, 'configured-table', 'part_a'),
        description: 'mine',
      }),
    found: ['update configured-table part_a description'],
  },
  {
    name: 'an allowed column that was taken away',
    make: async ({ cleanRooms }, room) =>
      await cleanRooms.updateConfiguredTable({
        configuredTableIdentifier: await idOf(room, 'configured-table', 'part_a'),
        allowedColumns: ['customer_user_id'],
      }),
    found: ['update configured-table part_a allowedColumns'],
  },
  {
    name: 'another table behind a configured table',
    make: async ({ cleanRooms }, room) =>
      await cleanRooms.updateConfiguredTable({
        configuredTableIdentifier: await idOf(room, 'configured-table', 'part_a'),
        tableReference: { glue: { databaseName: 'omc_dev', tableName: 'part_b' } },
      }),
    found: ['update configured-table part_a tableReference.glue.tableName'],
  },
  {
    name: 'an analysis provider that is missing',
    make: async ({ cleanRooms }, room) =>
      await cleanRooms.updateConfiguredTableAnalysisRule({
        configuredTableIdentifier: await idOf(room, 'configured-table', 'part_a'),
        analysisRuleType: 'CUSTOM',
        analysisRulePolicy: {
          v1: { custom: { allowedAnalyses: ['ANY_QUERY'], allowedAnalysisProviders: ['444444444444'] } },
        },
      }),
    found: ['update analysis-rule part_a policy.custom.allowedAnalysisProviders'],
  },
  {
    name: 'an analysis rule of another type',
    make: async ({ cleanRooms }, room) => {
      const id = { configuredTableIdentifier: await idOf(room, 'configured-table', 'part_a') }
      await cleanRooms.deleteConfiguredTableAnalysisRule({ ...id, analysisRuleType: 'CUSTOM' })
      const list = { joinColumns: ['customer_user_id'], listColumns: ['email'] }
      await cleanRooms.createConfiguredTableAnalysisRule({
        ...id,
        analysisRuleType: 'LIST',
        analysisRulePolicy: { v1: { list } },
      })
    },
    found: ['replace analysis-rule part_a type', 'policy.custom'],
  },
  {
    name: 'an analysis rule that was removed',
    make: async ({ cleanRooms }, room) =>
      await cleanRooms.deleteConfiguredTableAnalysisRule({
        configuredTableIdentifier: await idOf(room, 'configured-table', 'part_b'),
        analysisRuleType: 'CUSTOM',
      }),
    found: ['create analysis-rule part_b'],
  },
  {
    name: 'a role of an association',
    make: async ({ cleanRooms }, room) =>
      await cleanRooms.updateConfiguredTableAssociation({
        membershipIdentifier: room.environment.membership,
        configuredTableAssociationIdentifier: await idOf(room, 'association', 'acx_part_a'),
        roleArn: 'arn:aws:iam::111111111111:role/another',
      }),
    found: ['update association acx_part_a roleArn'],
  },
  {
    name: 'an association that was removed, its rule with it',
    make: async ({ cleanRooms }, room) =>
      await cleanRooms.deleteConfiguredTableAssociation({
        membershipIdentifier: room.environment.membership,
        configuredTableAssociationIdentifier: await idOf(room, 'association', 'acx_part_a'),
      }),
    found: ['create association acx_part_a', 'create association-rule acx_part_a'],
  },
  {
    name: 'an association of another table',
    make: async ({ cleanRooms }, room) => {
      const id = await idOf(room, 'association', 'acx_part_a')
      const other = await idOf(room, 'configured-table', 'part_b')
      await cleanRooms.deleteConfiguredTableAssociation({
        membershipIdentifier: room.environment.membership,
        configuredTableAssociationIdentifier: id,
      })
      await cleanRooms.createConfiguredTableAssociation({
        membershipIdentifier: room.environment.membership,
        name: 'acx_part_a',
        configuredTableIdentifier: other,
        roleArn: 'arn:aws:iam::111111111111:role/clean-rooms',
      })
    },
    found: ['replace association acx_part_a configuredTable', 'create association-rule acx_part_a'],
  },
  {
    name: 'receivers of results',
    make: async ({ cleanRooms }, room) =>
      await cleanRooms.deleteConfiguredTableAssociationAnalysisRule({
        membershipIdentifier: room.environment.membership,
        configuredTableAssociationIdentifier: await idOf(room, 'association', 'acx_part_b'),
        analysisRuleType: 'CUSTOM',
      }),
    found: ['create association-rule acx_part_b'],
  },
  {
    name: 'fields of a schema mapping',
    make: async ({ entityResolution }) =>
      await entityResolution.updateSchemaMapping({
        schemaName: 'part_a_er',
        mappedInputFields: [
          { fieldName: 'customer_user_id', type: 'UNIQUE_ID' },
          { fieldName: 'email', type: 'STRING' },
        ],
      }),
    found: ['update schema-mapping part_a_er mappedInputFields'],
  },
  {
    name: 'an ID namespace of the other type',
    make: async ({ entityResolution }) => {
      await entityResolution.deleteIdNamespace({ idNamespaceName: 'acx-dev' })
      await entityResolution.createIdNamespace({ idNamespaceName: 'acx-dev', type: 'TARGET' })
    },
    found: ['replace id-namespace acx-dev type'],
  },
  {
    name: 'an `_er` table that was removed',
    make: async ({ glue }) => await glue.deleteTable({ DatabaseName: 'omc_dev', Name: 'part_b_er' }),
    found: ['create er-table part_b_er'],
  },
  {
    name: 'a newer snapshot',
    make: async (_, { catalog }) => {
      const [partition] = await catalog.getPartitions('omc_dev', 'part_a')
      const StorageDescriptor = {
        ...partition?.StorageDescriptor,
        Location: 'split_part/part_a/snapshot_dt=2025-03-15/',
      }
      await catalog.createPartitions('omc_dev', 'part_a', [{ Values: ['2025-03-15'], StorageDescriptor } as never])
    },
    found: ['update er-table part_a_er description', 'location'],
  },
]

describe('drift', () => {
  it.each(drifts)('is found and mended: $name', async ({ make, found }) => {
    const room = await openRoom(tables)
    await apply(room, definition)
    await make(await room.open(), room)
    const { changes } = await planCleanRooms(definition, 'dev', await room.open())
    const text = changes
      .map(
        ({ action, kind, name, differences }) =>
          `${action} ${kind} ${name} ${differences.map(({ field }) => field).join(' ')}`,
      )
      .join('\n')
    for (const part of found) expect(text).toContain(part)
    expect(await apply(room, definition)).toHaveLength(changes.length)
    expect(await apply(room, definition)).toEqual([])
    expect(room.problems).toEqual([])
  })

  it('in the order of a list and in empty texts is none', async () => {
    const room = await openRoom(tables)
    await apply(room, definition)
    const { cleanRooms } = await room.open()
    await cleanRooms.updateConfiguredTable({
      configuredTableIdentifier: await idOf(room, 'configured-table', 'part_a'),
      allowedColumns: ['snapshot_dt', 'email', 'customer_user_id'],
    })
    expect(await apply(room, definition)).toEqual([])
  })

  it('widens a table before its rule names the column, and narrows it after', async () => {
    const room = await openRoom(tables)
    const rule = (listColumns: string[]) => ({ type: 'LIST' as const, joinColumns: ['customer_user_id'], listColumns })
    const overrides = (columns: string[]): CleanRoomsOptions['overrides'] => ({
      part_a: { allowedColumns: ['customer_user_id', ...columns], analysisRule: rule(columns) },
    })
    const other = { association: null, overrides: overrides(['email']) }
    await apply(room, definitionWith(other))
    const now = definitionWith({ ...other, overrides: overrides(['snapshot_dt']) })
    await apply(room, now)
    expect(await apply(room, now)).toEqual([])
  })

  it('removes a rule that the definition wants none of', async () => {
    const room = await openRoom(tables)
    await apply(room, definition)
    const none = definitionWith({
      configuredTable: { ...options.configuredTable, analysisRule: null },
      association: { name: 'acx_{table}' },
    })
    expect(await apply(room, none)).toEqual(
      expect.arrayContaining(['delete analysis-rule part_a', 'delete association-rule acx_part_a']),
    )
    expect(await apply(room, none)).toEqual([])
  })
})

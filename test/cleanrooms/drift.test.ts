/** What somebody else changed is found, named, and mended. */
import { describe, expect, it } from 'vitest'
import type { CleanRoomsOptions } from '../../src/cleanrooms/definition.ts'
import { planCleanRooms } from '../../src/cleanrooms/plan.ts'
import { addTable, apply, contents, definitionWith, openRoom, options, type Room } from './room.ts'

const definition = definitionWith()
const tables = { part_a: ['customer_user_id', 'email'], part_b: ['customer_user_id', 'b'] }

async function idOf(room: Room, kind: string, name: string): Promise<string> {
  const { observed } = await planCleanRooms(definition, 'dev', await room.open())
  return observed.resources.find((each) => each.kind === kind && each.name === name)?.id as string
}

type Account = Awaited<ReturnType<Room['open']>>
type Drift = { name: string; make: (account: Account, room: Room) => Promise<unknown>; found: string[] }
const { membership } = { membership: '22222222-2222-4222-8222-222222222222' }

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
        membershipIdentifier: membership,
        configuredTableAssociationIdentifier: await idOf(room, 'association', 'acx_part_a'),
        roleArn: 'arn:aws:iam::111111111111:role/another',
      }),
    found: ['update association acx_part_a roleArn'],
  },
  {
    name: 'an association that was removed, its rule with it',
    make: async ({ cleanRooms }, room) =>
      await cleanRooms.deleteConfiguredTableAssociation({
        membershipIdentifier: membership,
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
        membershipIdentifier: membership,
        configuredTableAssociationIdentifier: id,
      })
      await cleanRooms.createConfiguredTableAssociation({
        membershipIdentifier: membership,
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
        membershipIdentifier: membership,
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
      membershipIdentifier: membership,
      name: 'acx_part_a',
      configuredTableIdentifier: await idOf(room, 'configured-table', 'part_a'),
      roleArn: 'arn:aws:iam::111111111111:role/clean-rooms',
    })
    expect(await apply(room, renamed)).toEqual(['rename association acx_part_b', 'delete association part_a'])
    expect(await apply(room, renamed)).toEqual([])
  })
})

describe('names', () => {
  it('that two resources have: the associated one counts, the other is listed', async () => {
    const room = await openRoom({ part_a: ['customer_user_id', 'email'] })
    await apply(room, definition)
    const file = '_millrace/cleanrooms/account.json'
    const state = JSON.parse(await room.store.readText(file))
    const account = state['111111111111/us-east-1']
    const [first] = account.configuredTables
    account.configuredTables.unshift({
      ...first,
      id: '99999999-9999-4999-8999-999999999999',
      createTime: 1,
      rule: null,
    })
    await room.store.replace(file, JSON.stringify(state))
    const { changes, unmanaged } = await planCleanRooms(definition, 'dev', await room.open())
    expect(changes).toEqual([])
    expect(unmanaged).toMatchObject([{ kind: 'configured-table', name: 'part_a', why: 'a further one of this name' }])
  })

  it('of a table that ends in _er but is none’s `_er` table: an offered table', async () => {
    const room = await openRoom({ part_driver: ['customer_user_id', 'email'] })
    await addTable(room.catalog, 'part_other_er', ['customer_user_id', 'c'])
    const { desired } = await planCleanRooms(definition, 'dev', await room.open())
    expect(desired.filter(({ kind }) => kind === 'configured-table').map(({ name }) => name)).toEqual([
      'part_driver',
      'part_other_er',
    ])
  })
})

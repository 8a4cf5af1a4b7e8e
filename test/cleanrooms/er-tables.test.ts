/** The tables that Entity Resolution reads: known by their mark, named as the definition says. */
import { describe, expect, it } from 'vitest'
import type { CleanRoomsOptions } from '../../src/cleanrooms/definition.ts'
import { discoverDefinition } from '../../src/cleanrooms/discover.ts'
import { observeAccount, planCleanRooms } from '../../src/cleanrooms/plan.ts'
import { reportOf } from '../../src/cleanrooms/report.ts'
import { addTable, apply, definitionWith, openRoom, options } from './room.ts'

const definition = definitionWith()

describe('an `_er` table', () => {
  it('of a table that ends in _er but is none’s `_er` table: an offered table', async () => {
    const room = await openRoom({ part_driver: ['customer_user_id', 'email'] })
    await addTable(room.catalog, 'part_other_er', ['customer_user_id', 'c'])
    const { desired } = await planCleanRooms(definition, 'dev', await room.open())
    expect(desired.filter(({ kind }) => kind === 'configured-table').map(({ name }) => name)).toEqual([
      'part_driver',
      'part_other_er',
    ])
  })

  it('that is a real table of that name is none: planning names both and changes nothing', async () => {
    const room = await openRoom({ part_ibe: ['customer_user_id', 'email'], part_ibe_er: ['customer_user_id', 'c'] })
    const before = await room.catalog.getTable('omc_dev', 'part_ibe_er')
    const refused = { code: 'conflict', message: expect.stringMatching(/^er-table part_ibe_er .*of part_ibe, .*er_of/) }
    await expect(planCleanRooms(definition, 'dev', await room.open())).rejects.toMatchObject(refused)
    await expect(apply(room, definition, { prune: true })).rejects.toMatchObject(refused)
    expect(await room.catalog.getTable('omc_dev', 'part_ibe_er')).toEqual(before)
    const observed = await observeAccount(definition, 'dev', await room.open())
    const { tables } = reportOf(definition, 'dev', room.environment, observed, new Date(0))
    expect(tables.map(({ table_name }) => table_name)).toEqual(['part_ibe', 'part_ibe_er'])
    const found = discoverDefinition(definition, 'dev', observed)
    expect((await planCleanRooms(found, 'dev', await room.open())).changes).toEqual([])
    const other = definitionWith({ tables: { prefix: 'part_', except: ['part_ibe'] } })
    await apply(room, other)
    expect(await room.catalog.getTable('omc_dev', 'part_ibe_er')).toEqual(before)
    expect(await apply(room, other, { prune: true })).toEqual([])
  })

  it('that a definition lists has its mark', () => {
    const dev = { ...options.environments.dev, resources: [{ kind: 'er-table', name: 'part_a_er', fields: {} }] }
    const listed = { environments: { dev } } as Partial<CleanRoomsOptions>
    expect(() => definitionWith(listed)).toThrow(/dev.resources.0.fields.parameters.er_of: expected the name/)
  })
})

describe('{env} in names of Entity Resolution', () => {
  it('is filled in, in the inputs of ID namespaces too, and known to --prune', async () => {
    const room = await openRoom({ part_a: ['customer_user_id', 'email'] })
    const er = options.entityResolution as NonNullable<CleanRoomsOptions['entityResolution']>
    const named = (other: Partial<CleanRoomsOptions> = {}) =>
      definitionWith({
        ...other,
        entityResolution: { ...er, tableName: '{table}_{env}_er', schemaName: '{env}_{table}' },
      })
    await apply(room, named())
    const { observed, changes } = await planCleanRooms(named(), 'dev', await room.open())
    expect(changes).toEqual([])
    const names = observed.resources.filter(({ kind }) => ['er-table', 'schema-mapping'].includes(kind))
    expect(names.map(({ name }) => name)).toEqual(['part_a_dev_er', 'dev_part_a'])
    expect(observed.resources.find(({ kind }) => kind === 'id-namespace')?.fields.inputSourceConfig).toEqual([
      {
        inputSourceARN: 'arn:aws:glue:us-east-1:111111111111:table/omc_dev/part_a_dev_er',
        schemaName: 'dev_part_a',
      },
    ])
    expect(await apply(room, named({ tables: { prefix: 'part_', except: ['*'] } }), { prune: true })).toEqual(
      expect.arrayContaining(['delete er-table part_a_dev_er', 'delete schema-mapping dev_part_a']),
    )
    expect(room.problems).toEqual([])
  })
})

/** From any definition to any other, failing now and then on the way: the account ends as the last one says, and is discovered so. */
import { describe, expect, it } from 'vitest'
import {
  type AnalysisRule,
  type CleanRooms,
  type CleanRoomsOptions,
  defineCleanRooms,
} from '../../src/cleanrooms/definition.ts'
import { discoverDefinition } from '../../src/cleanrooms/discover.ts'
import { planCleanRooms } from '../../src/cleanrooms/plan.ts'
import { type Random, seededRandom, testSeed } from '../random.ts'
import { addTable, apply, definitionWith, openRoom, options, providers } from './room.ts'

const columns = ['customer_user_id', 'email', 'phone', 'a', 'b']
const tables = ["part_o'neil", 'part_a', 'part_b', 'part_b_c']
const rounds = 5

function randomRule(random: Random): AnalysisRule | null {
  return random.pick<AnalysisRule | null>([
    null,
    { type: 'CUSTOM', allowedAnalyses: ['ANY_QUERY'], allowedAnalysisProviders: random.shuffled(providers) },
    { type: 'CUSTOM', allowedAnalyses: [], disallowedOutputColumns: ['customer_user_id'] },
    { type: 'LIST', joinColumns: ['customer_user_id'], listColumns: ['*'] },
    {
      type: 'AGGREGATION',
      aggregateColumns: [{ columnNames: ['customer_user_id'], function: 'COUNT_DISTINCT' }],
      joinColumns: ['customer_user_id'],
      dimensionColumns: ['*'],
      scalarFunctions: [],
      outputConstraints: [{ columnName: 'customer_user_id', minimum: 100, type: 'COUNT_DISTINCT' }],
    },
  ])
}

function randomDefinition(random: Random): CleanRooms {
  const allowed = (): 'all' | string[] =>
    random.chance(0.4) ? 'all' : ['customer_user_id', ...random.shuffled(columns.slice(1)).slice(0, random.below(4))]
  const overrides = Object.fromEntries(
    tables
      .filter(() => random.chance(0.3))
      .map((name) => [
        name,
        { allowedColumns: allowed(), analysisRule: randomRule(random), description: 'of its own' },
      ]),
  )
  const naming = random.pick(['acx_{table}', '{table}', '{table}_{env}'])
  const names = ['acx_{table}', '{table}', '{table}_{env}'].filter((name) => name !== naming)
  const er = options.entityResolution as NonNullable<CleanRoomsOptions['entityResolution']>
  return definitionWith({
    tables: { prefix: 'part_', except: random.chance(0.4) ? [random.pick(tables)] : [] },
    configuredTable: {
      ...(random.chance(0.5) ? { description: random.pick(['{table} in {env}', 'fixed']) } : {}),
      analysisRule: randomRule(random),
      allowedColumns: allowed(),
      analysisMethod: random.pick(['DIRECT_QUERY', 'MULTIPLE']),
    },
    overrides,
    association: random.chance(0.1)
      ? null
      : { name: naming, oldNames: names, ...(random.chance(0.5) ? { resultReceivers: [random.pick(providers)] } : {}) },
    entityResolution: random.chance(0.2)
      ? null
      : { ...er, inputFields: random.shuffled(er.inputFields).slice(random.below(2)), fieldsMax: 2 + random.below(3) },
  })
}

describe('any definition after any other', () => {
  it('is reached, whatever fails, and discovered', async () => {
    const random = seededRandom(testSeed())
    const room = await openRoom(
      {},
      {
        pageItemsMax: 1 + random.below(3),
        associatesOnce: random.chance(0.5),
        allowsTwins: random.chance(0.5),
        echoesDefaults: random.chance(0.5),
      },
    )
    for (const name of tables) await addTable(room.catalog, name, columns)
    for (let round = 0; round < rounds; round += 1) {
      const definition = randomDefinition(random)
      const prune = random.chance(0.7)
      for (let attempt = 0; attempt < 3; attempt += 1) {
        // A connection that is reset makes the SDK ask again, and the service do it twice.
        const account = await room.open(
          (_, isMutating) =>
            isMutating && random.chance(0.1) ? random.pick(['fail', 'lose', 'reset', 'reset'] as const) : 'answer',
          2,
        )
        await apply(room, definition, { prune, account }).catch(() => undefined)
      }
      await apply(room, definition, { prune })
      const after = await planCleanRooms(definition, 'dev', await room.open(), { prune })
      expect({ round, changes: after.changes }).toEqual({ round, changes: [] })
      const found = defineCleanRooms(JSON.parse(JSON.stringify(discoverDefinition(definition, 'dev', after.observed))))
      const again = await planCleanRooms(found, 'dev', await room.open())
      expect({ round, changes: again.changes, unmanaged: again.unmanaged.map(({ name }) => name) }).toEqual({
        round,
        changes: [],
        unmanaged: after.observed.duplicates.map(({ name }) => name),
      })
    }
  })
})

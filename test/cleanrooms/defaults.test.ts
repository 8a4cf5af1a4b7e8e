/** What the services say untold is no difference; what they must be told is sent. */
import { describe, expect, it } from 'vitest'
import type { AnalysisRule } from '../../src/cleanrooms/definition.ts'
import { differencesOf } from '../../src/cleanrooms/differences.ts'
import { discoverDefinition } from '../../src/cleanrooms/discover.ts'
import { planCleanRooms } from '../../src/cleanrooms/plan.ts'
import { apply, changeState, definitionWith, idOf, openRoom, options, textOf } from './room.ts'

const list: AnalysisRule = { type: 'LIST', joinColumns: ['customer_user_id', 'email'], listColumns: ['*'] }
const aggregation: AnalysisRule = {
  type: 'AGGREGATION',
  aggregateColumns: [
    { columnNames: ['customer_user_id', 'a'], function: 'COUNT_DISTINCT' },
    { columnNames: ['b'], function: 'SUM' },
  ],
  joinColumns: ['customer_user_id'],
  dimensionColumns: ['a', 'b'],
  scalarFunctions: [],
  outputConstraints: [{ columnName: 'customer_user_id', minimum: 100, type: 'COUNT_DISTINCT' }],
}
const columns = ['customer_user_id', 'email', 'phone', 'a', 'b']
const tables = { part_a: columns, part_b: columns, part_c: columns }
const every = definitionWith({
  overrides: {
    part_b: { analysisRule: list, analysisMethod: 'MULTIPLE' },
    part_c: { analysisRule: aggregation, analysisMethod: 'DIRECT_JOB' },
  },
})
const withMethod = (analysisMethod: 'DIRECT_QUERY' | 'MULTIPLE') =>
  definitionWith({ configuredTable: { ...options.configuredTable, analysisMethod } })

describe('an account that says what it does untold, in lists of another order', () => {
  it('differs in nothing after apply, and is discovered', async () => {
    const room = await openRoom(tables, { echoesDefaults: true })
    await apply(room, every)
    const { changes, unmanaged, observed } = await planCleanRooms(every, 'dev', await room.open())
    expect({ changes, unmanaged }).toEqual({ changes: [], unmanaged: [] })
    // It did say more.
    const text = JSON.stringify(observed.resources)
    for (const part of ['"region":"us-east-1"', '"hashed":false', '"allowedJoinOperators":["AND"]', '"NOT_ALLOWED"'])
      expect(text).toContain(part)
    expect(await apply(room, every)).toEqual([])
    const found = discoverDefinition(every, 'dev', observed)
    expect((await planCleanRooms(found, 'dev', await room.open())).changes).toEqual([])
    expect(room.problems).toEqual([])
  })

  it.each([
    ['additionalAnalyses', 'ALLOWED'],
    ['allowedJoinOperators', ['AND', 'OR']],
    ['hashed', true],
    ['region', 'eu-west-1'],
    ['selectedAnalysisMethods', ['DIRECT_QUERY', 'DIRECT_JOB']],
  ])('and another value of %s differs', (field, value) => {
    const fields = { analysisMethod: 'DIRECT_QUERY' }
    const found = differencesOf(fields, { ...fields, [field]: value }, { region: 'us-east-1' })
    expect(found).toMatchObject([{ field, before: null }])
  })
})

describe('MULTIPLE', () => {
  it('says which methods when it is made and changed, and takes them back', async () => {
    const room = await openRoom({ part_a: columns })
    const bodies: string[] = []
    const account = await room.open((request) => {
      if (request.path.startsWith('/configuredTables') && request.method !== 'GET') bodies.push(textOf(request))
      return 'answer'
    })
    await apply(room, withMethod('MULTIPLE'), { account })
    expect(JSON.parse(bodies[0] as string)).toMatchObject({
      analysisMethod: 'MULTIPLE',
      selectedAnalysisMethods: ['DIRECT_QUERY', 'DIRECT_JOB'],
    })
    expect(await apply(room, withMethod('MULTIPLE'))).toEqual([])
    expect(await apply(room, withMethod('DIRECT_QUERY'))).toEqual(['update configured-table part_a'])
    expect(await apply(room, withMethod('DIRECT_QUERY'))).toEqual([])
    expect(await apply(room, withMethod('MULTIPLE'))).toEqual(['update configured-table part_a'])
    expect(await apply(room, withMethod('MULTIPLE'))).toEqual([])
    const { observed } = await planCleanRooms(withMethod('MULTIPLE'), 'dev', await room.open())
    const base = withMethod('DIRECT_QUERY')
    const found = discoverDefinition(base, 'dev', observed)
    expect(found.configuredTable.analysisMethod).toBe('MULTIPLE')
    expect(found.environments.dev?.resources).toEqual([])
    expect(room.problems).toEqual([])
  })

  it('is found where somebody chose several methods beside another analysisMethod', async () => {
    const room = await openRoom({ part_a: columns })
    await apply(room, withMethod('DIRECT_QUERY'))
    await changeState(room, ({ configuredTables: [table] }) => {
      Object.assign(table ?? {}, { selectedAnalysisMethods: ['DIRECT_QUERY', 'DIRECT_JOB'] })
    })
    const { changes } = await planCleanRooms(withMethod('DIRECT_QUERY'), 'dev', await room.open())
    expect(changes).toMatchObject([{ action: 'update', differences: [{ field: 'selectedAnalysisMethods' }] }])
    expect(await apply(room, withMethod('DIRECT_QUERY'))).toHaveLength(1)
    expect(await apply(room, withMethod('DIRECT_QUERY'))).toEqual([])
  })

  it('of one method is refused, as the service does', async () => {
    const room = await openRoom({ part_a: columns })
    await apply(room, withMethod('DIRECT_QUERY'))
    const { cleanRooms } = await room.open()
    const one = await idOf(room, 'configured-table', 'part_a')
    await expect(
      cleanRooms.updateConfiguredTable({ configuredTableIdentifier: one, selectedAnalysisMethods: ['DIRECT_JOB'] }),
    ).rejects.toThrow(/at least two/)
  })
})

/** Conditions by which files are left out: what is understood of them, and what bounds say of a file. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mayMatch, predicatesOf } from '../../src/iceberg/predicates.ts'
import { testSeed } from '../random.ts'
import { columns, lakeWith } from './lake.ts'
import { dataFile } from './listed-files.ts'
import { testWarehouse } from './open-warehouse.ts'

const schema = {
  type: 'struct' as const,
  'schema-id': 0,
  fields: columns({
    id: 'int',
    name: 'string',
    price: 'decimal(9,2)',
    day: 'date',
    at: 'timestamptz',
    d: 'double',
    odd: 'boolean',
  }),
}

describe('conditions', () => {
  it.each([
    ['id = 5', ['= 5']],
    ['"id" >= -5 AND id < 7', ['>= -5', '< 7']],
    ["(id IN (1, 2) AND (name = 'it''s'))", ['in 1,2', "= it's"]],
    ['id BETWEEN 1 AND 3 AND name IS NOT NULL', ['>= 1', '<= 3', 'not null ']],
    [`day >= DATE '2024-01-01' AND at < '2024-01-01 10:00:00'`, ['>= 19723', '< 1704103200000000']],
    ['price = 1.5 AND name IS NULL', ['= 150', 'null ']],
    ['id = 1 AND length(name) > 3', ['= 1']],
    ['id = 1 /* OR */ -- OR\n AND odd = true', ['= 1', '= true']],
    ['id = 1 OR id = 2', []],
    ['NOT id = 1', []],
    ['id = 1 + 1', []],
    ['id = 1.5', []],
    ['price = 1.555', []],
    ['d > 5', []], // NaN is greater, and no bound tells of it
    [`day < TIMESTAMP '2024-01-01 12:00:00'`, []],
    ['missing = 1', []],
    ['CASE WHEN id = 1 AND true THEN false ELSE true END', []],
    ['id = id AND name = id', []],
  ])('%s', (where, expected) => {
    expect(predicatesOf(where, schema).map(({ operator, values }) => `${operator} ${values.join()}`)).toEqual(expected)
  })
})

describe('a file', () => {
  it('is kept when nothing is known of it', async () => {
    const file = dataFile((await lakeWith()).folder)
    for (const where of ['id = 5', 'id IS NULL', 'id IS NOT NULL', 'id > 3']) {
      expect(mayMatch(file, predicatesOf(where, schema), undefined)).toBe(true)
    }
  })
})

describe('a table', async () => {
  const warehouse = await testWarehouse()
  const seed = testSeed()
  it(`gives the same rows with files left out as without, seed ${seed}`, async () => {
    const table = await warehouse.create('pruned.t', {
      columns: [
        { name: 'id', type: 'int' },
        { name: 's', type: 'string' },
        { name: 'p', type: 'decimal(6,2)' },
      ],
      partitionBy: ['bucket(3, s)'],
    })
    for (let i = 0; i < 8; i += 1) {
      await table.append({
        sql: `SELECT CASE WHEN j % 7 <> 0 THEN (j * 13 + ${i} * 40) % 200 END AS id, repeat('ab', 12) || (j % 5) AS s, (j - 10) * 1.25 AS p FROM range(20) r(j)`,
      })
    }
    const number = fc.integer({ min: -5, max: 210 })
    const text = fc.constantFrom(...[0, 1, 2, 3, 4, 9].map((i) => `'${'ab'.repeat(12)}${i}'`), `'ab'`, `'zz'`)
    const part = fc.oneof(
      fc
        .tuple(fc.constantFrom('=', '<', '<=', '>', '>='), number)
        .map(([operator, value]) => `id ${operator} ${value}`),
      fc.tuple(fc.constantFrom('=', '<', '<=', '>', '>='), text).map(([operator, value]) => `s ${operator} ${value}`),
      fc.tuple(number, number).map(([low, high]) => `id BETWEEN ${low} AND ${high}`),
      fc.array(text, { minLength: 1, maxLength: 3 }).map((values) => `s IN (${values.join(', ')})`),
      fc.constantFrom('id IS NULL', 'id IS NOT NULL', 'p > -3.75', 'p = 1.25'),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 3 }), async (parts) => {
        const where = parts.join(' AND ')
        const pruned = await warehouse.values(`SELECT * FROM ${await table.scanSql({ where })}`)
        expect(pruned).toEqual(await warehouse.values(`SELECT * FROM ${await table.scanSql()} WHERE ${where}`))
      }),
      { seed, numRuns: 60 },
    )
  })
})

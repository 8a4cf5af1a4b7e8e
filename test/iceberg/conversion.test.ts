/** Which values fit which columns: nothing is rounded or cut in silence. */
import { describe, expect, it } from 'vitest'
import { testWarehouse } from './open-warehouse.ts'

const warehouse = await testWarehouse()
let number = 0

async function written(type: string, sql: string): Promise<unknown> {
  number += 1
  const table = await warehouse.create(`fit.t${number}`, { columns: [{ name: 'v', type }] })
  await table.append({ sql: `SELECT ${sql} AS v` })
  return (await warehouse.all(table))[0]?.[0]
}

describe('values that fit', () => {
  it.each([
    ['int', '7::BIGINT', 7],
    ['int', `' 007 '`, 7],
    ['int', '7.0::DOUBLE', 7],
    ['long', 'sum(5)', '5'],
    ['decimal(5,2)', '1.5::DOUBLE', '1.50'],
    ['decimal(5,2)', `'1.50000'`, '1.50'],
    ['decimal(5,2)', '12::HUGEINT', '12.00'],
    ['float', '0.1::DOUBLE', 0.10000000149011612],
    ['double', '0.1::DECIMAL(3,1)', 0.1],
    ['string', '5', '5'],
    ['date', `TIMESTAMP '2024-02-29 00:00:00'`, '2024-02-29'],
    ['date', `'2024-02-29'`, '2024-02-29'],
    ['timestamp', `DATE '2024-02-29'`, '2024-02-29 00:00:00'],
    ['timestamptz', `TIMESTAMP '2024-02-29 01:00:00'`, '2024-02-29 01:00:00+00'],
    ['boolean', `'true'`, true],
    ['binary', `'é'`, '\\xC3\\xA9'],
    ['int', 'NULL', null],
  ])('%s ← %s', async (type, sql, value) => {
    expect(await written(type, sql)).toEqual(value)
  })
})

describe('values that do not fit', () => {
  it.each([
    ['int', '2147483648::BIGINT'],
    ['int', '1.5::DOUBLE'],
    ['int', `'1.5'`],
    ['int', `'one'`],
    ['int', `''`],
    ['long', '9223372036854775808::HUGEINT'],
    ['decimal(5,2)', '1000::INT'],
    ['decimal(5,2)', '1.255::DECIMAL(6,3)'],
    ['decimal(5,2)', `'1.255'`],
    ['float', '1e300::DOUBLE'],
    ['date', `TIMESTAMP '2024-02-29 10:00:00'`],
    ['date', `'2023-02-29'`],
    ['timestamp', `'soon'`],
    ['timestamp', `TIMESTAMP_NS '2024-01-01 00:00:00.000000001'`],
  ])('%s ← %s', async (type, sql) => {
    await expect(written(type, sql)).rejects.toMatchObject({
      code: 'bad-value',
      message: expect.stringMatching(/^fit\.t\d+: column "v" is .*no /s),
    })
  })

  it('are NULL in a required column, or none at all', async () => {
    const table = await warehouse.create('fit.required', {
      columns: [
        { name: 'a', type: 'int', required: true },
        { name: 'b', type: 'int' },
      ],
    })
    await expect(table.append({ sql: 'SELECT NULL AS a' })).rejects.toMatchObject({
      code: 'bad-value',
      message: expect.stringContaining('column "a" is NULL, but the column is required'),
    })
    await expect(table.append({ sql: 'SELECT 1 AS b' })).rejects.toMatchObject({ code: 'usage' })
    await expect(table.merge({ using: { sql: 'SELECT 1 AS b' }, on: ['b'] })).rejects.toMatchObject({ code: 'usage' })
  })
})

describe('rows at hand', () => {
  it('may be of every kind', async () => {
    const table = await warehouse.create('fit.rows', {
      columns: [
        { name: 'i', type: 'long' },
        { name: 'd', type: 'double' },
        { name: 't', type: 'timestamptz' },
        { name: 'b', type: 'binary' },
        { name: 's', type: 'string' },
        { name: 'l', type: 'array<struct<x:int>>' },
      ],
    })
    const values = {
      i: 2n ** 62n,
      d: -0.5,
      t: new Date(0),
      b: Buffer.from([0, 255]),
      s: `a'b\0c`,
      l: [{ x: 1 }, { x: null }],
    }
    await table.append({ rows: [values, { i: 1, d: Number.POSITIVE_INFINITY }] })
    const [first, second] = await warehouse.all(table)
    expect([second, first]).toEqual([
      ['4611686018427387904', -0.5, '1970-01-01 00:00:00+00', '\\x00\\xFF', `a'b\0c`, [{ x: 1 }, { x: null }]],
      ['1', 'Infinity', null, null, null, null],
    ])
    const copy = await warehouse.create('fit.copy', {
      columns: table.schema.fields.map(({ name }, i) => ({
        name,
        type: ['long', 'double', 'timestamptz', 'binary', 'string', 'array<struct<x:int>>'][i] as string,
      })),
    })
    await copy.append({ rows: await table.rows({ columns: ['i', 'd', 't', 's'] }) })
    expect(await copy.count({ where: `s IS NOT NULL AND t = TIMESTAMPTZ '1970-01-01 00:00:00+00'` })).toBe(1)
  })
})

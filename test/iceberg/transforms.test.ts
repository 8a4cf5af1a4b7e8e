import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openSession, type Session } from '../../src/engines/duckdb/session.ts'
import { murmur3 } from '../../src/iceberg/murmur.ts'
import {
  applyTransform,
  parseTransform,
  partitionTypes,
  resultType,
  transformSql,
} from '../../src/iceberg/transforms.ts'
import type { PartitionValue } from '../../src/iceberg/types.ts'
import { decimalText, parsePartitionText } from '../../src/iceberg/values.ts'
import { testSeed } from '../random.ts'
import { columns, temporaryFolder } from './lake.ts'

const seed = testSeed()
const count = 2 ** 31 - 1 // so great a count gives back all but the sign of the hash
const hashed = (type: string, value: PartitionValue): PartitionValue => applyTransform(`bucket[${count}]`, type, value)
const micros = (text: string): bigint => BigInt(Date.parse(text)) * 1000n
const days = (text: string): number => Date.parse(`${text}T00:00:00Z`) / 86_400_000

describe('the hash of buckets (appendix B)', () => {
  it.each<[string, PartitionValue, number]>([
    ['int', 34, 2017239379],
    ['long', 34n, 2017239379],
    ['decimal(9, 2)', 1420n, -500754589],
    ['date', days('2017-11-16'), -653330422],
    ['time', 81_068_000_000n, -662762989],
    ['timestamp', micros('2017-11-16T22:31:08Z'), -2047944441],
    ['timestamptz', micros('2017-11-16T14:31:08-08:00'), -2047944441],
    ['timestamp', micros('2017-11-16T22:31:08Z') + 1n, -1207196810],
    ['string', 'iceberg', 1210000089],
    ['uuid', 'f79c3e09-677c-4bbd-a479-3f349cb785e7', 1488055340],
    ['fixed[4]', Uint8Array.of(0, 1, 2, 3), -188683207],
    ['binary', Uint8Array.of(0, 1, 2, 3), -188683207],
  ])('of %s %s', (type, value, hash) => {
    expect(hashed(type, value)).toBe((hash & 0x7fffffff) % count)
  })

  it('has no bytes to begin with', () => {
    expect(murmur3(new Uint8Array(0))).toBe(0)
  })
})

describe('transforms', () => {
  it.each<[string, string, PartitionValue, PartitionValue]>([
    ['truncate[10]', 'int', -1, -10],
    ['truncate[10]', 'int', -(2 ** 31), 2 ** 31 - 2],
    ['truncate[10]', 'long', 19n, 10n],
    ['truncate[50]', 'decimal(9, 2)', 1065n, 1050n],
    ['truncate[3]', 'string', '𝄞éxy', '𝄞éx'],
    ['truncate[2]', 'binary', Uint8Array.of(1, 2, 3), Uint8Array.of(1, 2)],
    ['year', 'date', days('1969-12-31'), -1],
    ['month', 'date', days('1969-11-15'), -2],
    ['month', 'timestamp', micros('2017-11-16T22:31:08Z'), 574],
    ['day', 'timestamp', -1n, -1],
    ['hour', 'timestamptz', -1n, -1],
    ['hour', 'timestamp', micros('2017-11-16T22:31:08Z'), 419686],
    ['void', 'int', 5, null],
    ['bucket[16]', 'int', null, null],
  ])('%s of %s %s is %s', (transform, type, value, expected) => {
    expect(applyTransform(transform, type, value)).toEqual(expected)
  })

  it('say their types', () => {
    expect(resultType('day', 'timestamp')).toBe('date')
    expect(resultType('bucket[4]', 'string')).toBe('int')
    expect(resultType('truncate[4]', 'decimal(9, 2)')).toBe('decimal(9, 2)')
    const fields = columns({ a: 'timestamp', b: 'string' })
    const spec = {
      'spec-id': 0,
      fields: [
        { 'source-id': 1, 'field-id': 1000, name: 'a_hour', transform: 'hour' },
        { 'source-id': 2, 'field-id': 1001, name: 'b', transform: 'identity' },
      ],
    }
    expect(partitionTypes(spec, [{ type: 'struct', 'schema-id': 0, fields }])).toEqual(['int', 'string'])
  })

  it.each([
    ['bucket[4]', 'double'],
    ['bucket[4]', 'boolean'],
    ['truncate[2]', 'date'],
    ['hour', 'date'],
    ['year', 'string'],
    ['identity', 'list'],
  ])('%s refuses %s', (transform, type) => {
    const given = type === 'list' ? columns({ a: 'list<int>' })[0]?.type : type
    expect(() => resultType(transform, given ?? '')).toThrow('cannot be partitioned or sorted by')
  })

  it('are spelled as the specification has them', () => {
    expect(parseTransform('bucket[16]')).toEqual({ kind: 'bucket', count: 16 })
    expect(() => parseTransform('buckt[16]')).toThrow('there is no transform "buckt[16]"')
  })
})

describe('SQL of transforms', () => {
  let session: Session
  beforeAll(async () => {
    session = await openSession({ memoryBytes: 2 ** 30, threads: 1, spill: temporaryFolder() })
  })
  afterAll(() => session.close())

  const int = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
  const long = fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n })
  const instant = fc.bigInt({ min: micros('0001-01-02T00:00:00Z'), max: micros('9999-12-30T00:00:00Z') })
  const unscaled = fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n })
  const text = fc.string({ unit: 'grapheme', maxLength: 30 }).filter((value) => !value.includes('\0'))
  const hex = (bytes: PartitionValue): string => Buffer.from(bytes as Uint8Array).toString('hex')
  const cases: [
    type: string,
    value: fc.Arbitrary<PartitionValue>,
    literal: (value: PartitionValue) => string,
    transforms: string[],
  ][] = [
    ['int', int, (value) => `CAST(${value} AS INTEGER)`, ['identity', 'bucket[16]', 'truncate[7]']],
    ['long', long, (value) => `CAST('${value}' AS BIGINT)`, ['identity', 'bucket[100]', 'truncate[10]']],
    ['string', text, (value) => `'${String(value).replaceAll("'", "''")}'`, ['identity', 'bucket[16]', 'truncate[3]']],
    ['boolean', fc.boolean(), (value) => String(value), ['identity']],
    [
      'date',
      fc.integer({ min: -700_000, max: 2_900_000 }),
      (value) => `(DATE '1970-01-01' + ${value}::INTEGER)`,
      ['identity', 'bucket[16]', 'day', 'month', 'year'],
    ],
    [
      'timestamp',
      instant,
      (value) => `make_timestamp(${value}::BIGINT)`,
      ['identity', 'bucket[16]', 'hour', 'day', 'month', 'year'],
    ],
    [
      'timestamptz',
      instant,
      (value) => `make_timestamptz(${value}::BIGINT)`,
      ['identity', 'bucket[16]', 'hour', 'day', 'month', 'year'],
    ],
    [
      'decimal(38, 5)',
      unscaled,
      (value) => `CAST('${decimalText(value as bigint, 5)}' AS DECIMAL(38, 5))`,
      ['identity', 'bucket[16]'],
    ],
    [
      'decimal(9, 2)',
      fc.bigInt({ min: -999_999_999n, max: 999_999_999n }),
      (value) => `CAST('${decimalText(value as bigint, 2)}' AS DECIMAL(9, 2))`,
      ['identity', 'bucket[16]', 'truncate[50]'],
    ],
    ['uuid', fc.uuid(), (value) => `'${value}'::UUID`, ['identity', 'bucket[16]']],
    [
      'binary',
      fc.uint8Array({ maxLength: 20 }),
      (value) => `from_hex('${hex(value)}')`,
      ['identity', 'bucket[16]', 'truncate[2]'],
    ],
    ['double', fc.double(), (value) => `'${Object.is(value, -0) ? '-0' : value}'::DOUBLE`, ['identity']],
  ]

  const extremes: Record<string, PartitionValue[]> = {
    int: [-(2 ** 31), 2 ** 31 - 1, 0],
    long: [-(2n ** 63n), 2n ** 63n - 1n, 0n],
    string: [''],
  }

  it.each(cases)('gives for %s what JavaScript gives', async (type, arbitrary, literal, transforms) => {
    const values = [null, ...(extremes[type] ?? []), ...fc.sample(arbitrary, { numRuns: 200, seed })]
    const rows = values.map((value) => `(${value === null ? 'NULL' : literal(value)})`).join(', ')
    for (const transform of transforms) {
      const sql = `SELECT ${transformSql(transform, type, 'v')} AS result FROM (VALUES ${rows}) t(v)`
      const results = (await session.rows(sql)).map(({ result }) =>
        parsePartitionText(resultType(transform, type), result as string | null),
      )
      const expected = values.map((value) => applyTransform(transform, type, value))
      const plain = (list: PartitionValue[]) => list.map((value) => (value instanceof Uint8Array ? hex(value) : value))
      expect({ transform, results: plain(results) }).toEqual({ transform, results: plain(expected) })
    }
  })
})

/** Laws of the types: what holds all of several must not depend on the order or the steps in which they come. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { commonType, widens } from '../../src/formats/column-types.ts'

const decimal = fc
  .integer({ min: 1, max: 38 })
  .chain((precision) => fc.integer({ min: 0, max: precision }).map((scale) => `decimal(${precision},${scale})`))
const plain = fc.constantFrom(
  ...['string', 'boolean', 'tinyint', 'smallint', 'int', 'bigint', 'float', 'double', 'date', 'timestamp'],
  ...['timestamptz', 'time', 'binary', 'array<int>', 'map<string,int>', 'struct<a:int>'],
)
const type = fc.oneof(plain, decimal)

/** Enough types for every pair and triple to be tried. */
const some = [
  ...['string', 'boolean', 'tinyint', 'smallint', 'int', 'bigint', 'float', 'double', 'date', 'timestamp'],
  ...['timestamptz', 'time', 'binary', 'array<int>', 'decimal(1,0)', 'decimal(3,0)', 'decimal(5,2)', 'decimal(10,0)'],
  ...['decimal(18,2)', 'decimal(19,0)', 'decimal(20,1)', 'decimal(38,0)', 'decimal(38,38)'],
]
const pairs = some.flatMap((one) => some.map((two): [string, string] => [one, two]))

describe('widens', () => {
  it('is reflexive', () => {
    expect(some.filter((one) => !widens(one, one))).toEqual([])
  })

  it('is transitive', () => {
    const wide = pairs.filter(([one, two]) => widens(one, two))
    const broken = wide.flatMap(([one, two]) =>
      some.filter((three) => widens(two, three) && !widens(one, three)).map((three) => [one, two, three]),
    )
    expect(wide.length).toBeGreaterThan(some.length + 20)
    expect(broken).toEqual([])
  })

  it('goes both ways only between equals, and between the two timestamps', () => {
    const both = pairs.filter(([one, two]) => one < two && widens(one, two) && widens(two, one))
    expect(both).toEqual([['timestamp', 'timestamptz']])
  })

  it.each([
    ['tinyint', 'bigint'],
    ['int', 'decimal(18,2)'],
    ['decimal(9,2)', 'decimal(18,2)'],
    ['decimal(10,1)', 'decimal(18,2)'],
    ['float', 'double'],
    ['int', 'double'],
    ['date', 'timestamp'],
    ['timestamptz', 'timestamp'],
  ])('%s → %s', (from, to) => {
    expect(widens(from, to)).toBe(true)
  })

  it.each([
    ['bigint', 'int'],
    ['bigint', 'decimal(18,2)'],
    ['decimal(18,2)', 'decimal(9,2)'],
    ['decimal(18,3)', 'decimal(18,2)'],
    ['double', 'decimal(18,2)'],
    ['double', 'float'],
    ['decimal(1,0)', 'int'],
    ['timestamp', 'date'],
    ['string', 'timestamp'],
    ['int', 'string'],
    ['binary', 'string'],
    ['time', 'timestamp'],
    ['array<int>', 'array<bigint>'],
    ['nonsense', 'bigint'],
  ])('%s is not a %s', (from, to) => {
    expect(widens(from, to)).toBe(false)
  })
})

describe('commonType', () => {
  const several = fc.array(type, { minLength: 1, maxLength: 5 })

  it('of one type is that type', () => {
    fc.assert(
      fc.property(type, (one) => {
        expect(commonType([one])).toBe(one)
        expect(commonType([one, one, one])).toBe(one)
      }),
    )
  })

  it('does not depend on the order', () => {
    fc.assert(
      fc.property(several, fc.infiniteStream(fc.nat()), (types, numbers) => {
        const shuffled = types
          .map((one) => ({ one, place: numbers.next().value }))
          .sort((a, b) => a.place - b.place)
          .map(({ one }) => one)
        expect(commonType(shuffled)).toBe(commonType(types))
      }),
    )
  })

  it('does not depend on the steps: a table that grows by file and by file has the type of all at once', () => {
    fc.assert(
      fc.property(several, several, (first, second) => {
        expect(commonType([commonType(first), ...second])).toBe(commonType([...first, ...second]))
      }),
      { numRuns: 500 },
    )
  })

  it('holds each of the types, or is text', () => {
    fc.assert(
      fc.property(several, (types) => {
        const common = commonType(types)
        for (const one of types) expect(common === 'string' || widens(one, common), `${one} → ${common}`).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  it.each([
    [['int', 'bigint'], 'bigint'],
    [['int', 'double'], 'double'],
    [['float', 'decimal(10,2)'], 'double'],
    [['tinyint', 'decimal(2,1)'], 'decimal(4,1)'],
    [['decimal(18,2)', 'decimal(10,4)'], 'decimal(20,4)'],
    [['decimal(38,0)', 'decimal(38,38)'], 'double'],
    [['date', 'timestamp'], 'timestamp'],
    [['timestamp', 'timestamptz'], 'timestamptz'],
    [['int', 'string'], 'string'],
    [['boolean', 'int'], 'string'],
    [['date', 'int', 'timestamp'], 'string'],
    [['array<int>', 'array<bigint>'], 'string'],
  ])('%j is %s', (types, common) => {
    expect(commonType(types)).toBe(common)
  })
})

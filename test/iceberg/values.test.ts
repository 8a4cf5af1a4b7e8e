import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PartitionValue } from '../../src/iceberg/types.ts'
import {
  compareValues,
  decodeValue,
  encodeValue,
  lowerBound,
  partitionKey,
  partitionPath,
  upperBound,
  type Value,
} from '../../src/iceberg/values.ts'
import { testSeed } from '../random.ts'

const hex = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString('hex'))
const text = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString('utf8'))

describe('single values (appendix D)', () => {
  it.each<[string, Value, string]>([
    ['boolean', true, '01'],
    ['int', -2, 'feffffff'],
    ['long', 34n, '2200000000000000'],
    ['float', -1.5, '0000c0bf'],
    ['double', 1.5, '000000000000f83f'],
    ['date', 17_486, '4e440000'],
    ['time', 1n, '0100000000000000'],
    ['timestamp', -1n, 'ffffffffffffffff'],
    ['timestamptz', 1_510_871_468_000_000n, '000b1ccb1e5e0500'],
    ['string', 'é', 'c3a9'],
    ['uuid', 'f79c3e09-677c-4bbd-a479-3f349cb785e7', 'f79c3e09677c4bbda4793f349cb785e7'],
    ['fixed[2]', Uint8Array.of(1, 2), '0102'],
    ['binary', Uint8Array.of(255), 'ff'],
    ['decimal(9, 2)', 1420n, '058c'],
    ['decimal(9, 2)', 127n, '7f'],
    ['decimal(9, 2)', 128n, '0080'],
    ['decimal(9, 2)', -128n, '80'],
    ['decimal(9, 2)', -129n, 'ff7f'],
    ['decimal(9, 2)', 0n, '00'],
    ['decimal(38, 0)', 10n ** 38n - 1n, '4b3b4ca85a86c47a098a223fffffffff'],
    ['decimal(38, 0)', -(10n ** 38n) + 1n, 'b4c4b357a5793b85f675ddc000000001'],
  ])('%s %s is %s', (type, value, bytes) => {
    if (type === 'timestamptz') bytes = hex(encodeValue('long', value)) as string
    expect(hex(encodeValue(type, value))).toBe(bytes)
    const back = decodeValue(type, Buffer.from(bytes, 'hex'))
    if (value instanceof Uint8Array) expect(hex(back as Uint8Array)).toBe(bytes)
    else expect(back).toBe(value)
  })

  it('are read as the type that a column was widened to', () => {
    expect(decodeValue('long', encodeValue('int', -5))).toBe(-5n)
    expect(decodeValue('double', encodeValue('float', 1.5))).toBe(1.5)
    expect(decodeValue('decimal(38, 2)', encodeValue('decimal(9, 2)', -5n))).toBe(-5n)
  })

  it('of decimals keep every digit', () => {
    const unscaled = fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n })
    fc.assert(
      fc.property(unscaled, (value) => decodeValue('decimal(38, 9)', encodeValue('decimal(38, 9)', value)) === value),
      { seed: testSeed() },
    )
  })
})

describe('order', () => {
  it('of text is that of its bytes, not of UTF-16', () => {
    expect(compareValues('string', '\uffff', '𝄞')).toBeLessThan(0)
    expect(compareValues('string', 'a', 'a')).toBe(0)
  })

  it('puts NaN last and bytes as unsigned', () => {
    expect(compareValues('double', Number.NaN, Number.POSITIVE_INFINITY)).toBeGreaterThan(0)
    expect(compareValues('binary', Uint8Array.of(127), Uint8Array.of(128))).toBeLessThan(0)
    expect(compareValues('long', -1n, 1n)).toBeLessThan(0)
  })
})

describe('bounds', () => {
  it('of text have 16 characters at most; an upper one comes after all that begins with it', () => {
    const long = 'abcdefghijklmnopqrst'
    expect(text(lowerBound('string', long))).toBe('abcdefghijklmnop')
    expect(text(upperBound('string', long))).toBe('abcdefghijklmnoq')
    expect(text(upperBound('string', 'short'))).toBe('short')
    expect(text(upperBound('string', `${'\u{10ffff}'.repeat(15)}\ud7ffx`))).toBe(`${'\u{10ffff}'.repeat(15)}\ue000`)
    expect(text(upperBound('string', `a${'\u{10ffff}'.repeat(20)}`))).toBe('b')
    expect(upperBound('string', '\u{10ffff}'.repeat(17))).toBeNull()
  })

  it('of bytes have 16 at most', () => {
    expect(hex(upperBound('binary', new Uint8Array(17)))).toBe(`${'00'.repeat(15)}01`)
    expect(upperBound('binary', new Uint8Array(17).fill(255))).toBeNull()
    expect(hex(lowerBound('binary', new Uint8Array(17)))).toBe('00'.repeat(16))
  })

  it('hold both zeros, and NaN is none', () => {
    expect(hex(lowerBound('double', 0))).toBe('0000000000000080')
    expect(hex(upperBound('float', -0))).toBe('00000000')
    expect(lowerBound('double', Number.NaN)).toBeNull()
  })

  it('of any text hold it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (given) => {
        const value = Buffer.from(given, 'utf8').toString('utf8')
        const bytes = encodeValue('string', value)
        expect(Buffer.compare(lowerBound('string', value) as Uint8Array, bytes)).toBeLessThanOrEqual(0)
        const upper = upperBound('string', value)
        if (upper !== null) expect(Buffer.compare(upper, bytes)).toBeGreaterThanOrEqual(0)
      }),
      { seed: testSeed() },
    )
  })
})

describe('partitions', () => {
  it('have a path for people, escaped', () => {
    const fields: [name: string, transform: string, type: string, value: PartitionValue][] = [
      ['state', 'identity', 'string', 'a/b c=é~'],
      ['ts_hour', 'hour', 'int', -1],
      ['m', 'month', 'int', 574],
      ['y', 'year', 'int', -1],
      ['d', 'day', 'date', 17_486],
      ['n', 'identity', 'decimal(9, 2)', -5n],
      ['t', 'identity', 'timestamptz', -1n],
      ['x', 'identity', 'long', null],
    ]
    const spec = {
      'spec-id': 0,
      fields: fields.map(([name, transform], index) => ({ 'source-id': 1, 'field-id': 1000 + index, name, transform })),
    }
    const types = fields.map(([, , type]) => type)
    const values = fields.map(([, , , value]) => value)
    expect(partitionPath(spec, types, values).split('/')).toEqual([
      'state=a%2Fb+c%3D%C3%A9%7E',
      'ts_hour=1969-12-31-23',
      'm=2017-11',
      'y=1969',
      'd=2017-11-16',
      'n=-0.05',
      't=1969-12-31T23%3A59%3A59.999999%2B00%3A00',
      'x=null',
    ])
  })

  it('have a key of their own', () => {
    const values: PartitionValue[] = [null, 'null', 1, '1', Uint8Array.of(1), true, 'true', '01']
    expect(new Set(values.map((value) => partitionKey([value]))).size).toBe(values.length)
    expect(partitionKey([1n, 'a'])).toBe(partitionKey([1n, 'a']))
  })
})

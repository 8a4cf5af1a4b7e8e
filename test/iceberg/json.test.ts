import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseJson, writeJson } from '../../src/iceberg/json.ts'
import { testSeed } from '../random.ts'

describe('JSON', () => {
  it('keeps integers of 64 bits, and takes no digits in texts and fractions for one', () => {
    const text =
      '{"a":9223372036854775807,"b":-9223372036854775808,"c":"9223372036854775807","d":0.1234567890123456,"e":1e20}'
    expect(parseJson(text, 'x')).toEqual({
      a: 9223372036854775807n,
      b: -9223372036854775808n,
      c: '9223372036854775807',
      d: 0.1234567890123456,
      e: 1e20,
    })
    expect(parseJson('[9007199254740991, 9007199254740992]', 'x')).toEqual([9007199254740991, 9007199254740992n])
    expect(parseJson('{"s":"quoted \\" 12345678901234567890 end","n":1}', 'x')).toEqual({
      s: 'quoted " 12345678901234567890 end',
      n: 1,
    })
  })

  it('gives identifiers of snapshots as BigInt, however small', () => {
    const text =
      '{"snapshot-id":1,"snapshot-ids":[2,3000000000000000001],"parent-snapshot-id":null,"current-snapshot-id":-1,"timestamp-ms":4}'
    expect(parseJson(text, 'x')).toEqual({
      'snapshot-id': 1n,
      'snapshot-ids': [2n, 3000000000000000001n],
      'parent-snapshot-id': null,
      'current-snapshot-id': -1n,
      'timestamp-ms': 4,
    })
  })

  it('names where something is damaged', () => {
    expect(() => parseJson('{"a":', '/t/v1.metadata.json')).toThrow(
      /^\/t\/v1\.metadata\.json {2}this is no valid JSON: /,
    )
  })

  it('leaves out what is undefined, and cannot be led to change prototypes', () => {
    expect(writeJson({ a: undefined, b: [undefined, 1n], c: 'ü"' })).toBe('{"b":[null,1],"c":"ü\\""}')
    const parsed = parseJson('{"__proto__":{"x":12345678901234567890}}', 'x') as Record<string, unknown>
    expect(Object.getPrototypeOf(parsed)).toBe(Object.prototype)
  })

  it('comes back as it was written', () => {
    const integer = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    const exact = integer.map((value) => (Number.isSafeInteger(Number(value)) ? Number(value) : value))
    const leaf = fc.oneof(
      exact,
      fc.string(),
      fc.boolean(),
      fc.constant(null),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
    )
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie('value')), fc.dictionary(fc.string(), tie('value'))),
    }))
    fc.assert(
      fc.property(value, (given) => {
        const text = writeJson(given)
        expect(writeJson(parseJson(text, 'x'))).toBe(text)
      }),
      { seed: testSeed() },
    )
  })
})

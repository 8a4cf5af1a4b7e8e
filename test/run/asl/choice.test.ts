/** Every comparison operator, on the kinds of values it may meet. */
import { describe, expect, test } from 'vitest'
import { holds } from '../../../src/run/asl/choice.ts'
import { type Condition, comparisonOperators } from '../../../src/run/asl/types.ts'
import type { Json } from '../../../src/types.ts'

const check = (condition: object, input: Json): boolean =>
  holds(condition as Condition, { input, context: { Execution: { Name: 'n' } } })
const compare = (operator: string, value: Json, given: Json): boolean =>
  check({ Variable: '$.v', [operator]: given }, { v: value })

const orders = { Equals: [0], LessThan: [-1], GreaterThan: [1], LessThanEquals: [-1, 0], GreaterThanEquals: [0, 1] }
const samples: { [type: string]: [smaller: Json, greater: Json] } = {
  String: ['A', 'AB'],
  Numeric: [-1.5, 1],
  // The second is later though its text sorts first.
  Timestamp: ['2025-01-15T09:00:00+02:00', '2025-01-15T08:00:00.000000001Z'],
}

describe.each(Object.entries(samples))('%s', (type, [smaller, greater]) => {
  test.each(Object.entries(orders))('%s', (comparison, signs) => {
    const cases: [Json, Json, number][] = [
      [smaller, greater, -1],
      [smaller, smaller, 0],
      [greater, smaller, 1],
    ]
    for (const [a, b, sign] of cases) {
      expect(compare(`${type}${comparison}`, a, b)).toBe(signs.includes(sign))
      expect(check({ Variable: '$.a', [`${type}${comparison}Path`]: '$.b' }, { a, b })).toBe(signs.includes(sign))
    }
  })

  test('a value of another type compares as false', () => {
    const others = [null, true, 1, 'HelloWorld', [], {}].filter(
      (other) => typeof other !== typeof smaller || type === 'Timestamp',
    )
    for (const other of others) {
      for (const comparison of Object.keys(orders)) expect(compare(`${type}${comparison}`, other, smaller)).toBe(false)
    }
  })

  test('a compared path must lead to a value of the type', () => {
    expect(() => check({ Variable: '$.a', [`${type}EqualsPath`]: '$.b' }, { a: smaller, b: [] })).toThrow(
      'States.Runtime',
    )
    expect(() => check({ Variable: '$.a', [`${type}EqualsPath`]: '$.c' }, { a: smaller })).toThrow('States.Runtime')
  })
})

test('BooleanEquals', () => {
  expect(compare('BooleanEquals', true, true)).toBe(true)
  expect(compare('BooleanEquals', false, true)).toBe(false)
  expect([null, 0, 1, '', 'true', [], {}].map((value) => compare('BooleanEquals', value, false))).not.toContain(true)
  expect(check({ Variable: '$.a', BooleanEqualsPath: '$.b' }, { a: false, b: false })).toBe(true)
})

const kinds: [Json, string][] = [
  [null, 'IsNull'],
  [0, 'IsNumeric'],
  [1.1, 'IsNumeric'],
  ['', 'IsString'],
  [true, 'IsBoolean'],
  ['2012-10-09T19:00:55Z', 'IsString IsTimestamp'],
  ['2012-10-09T19:00:55.123+01:00', 'IsString IsTimestamp'],
  ['2012-10-09T19:00:55', 'IsString'],
  ['2012-10-09t19:00:55z', 'IsString'],
  ['2012-02-30T19:00:55Z', 'IsString'],
  ['2012-10-09 19:00:55Z', 'IsString'],
  ['2012-10-09T25:00:55Z', 'IsString'],
  ['2023-02-24', 'IsString'],
  [[], ''],
  [{}, ''],
]
test.each(kinds)('%j is %s', (value, is) => {
  for (const operator of ['IsNull', 'IsNumeric', 'IsString', 'IsBoolean', 'IsTimestamp']) {
    expect(compare(operator, value, true)).toBe(is.split(' ').includes(operator))
    expect(compare(operator, value, false)).toBe(!is.split(' ').includes(operator))
  }
  expect(compare('IsPresent', value, true)).toBe(true)
})

test('only IsPresent may meet a missing variable', () => {
  expect(check({ Variable: '$.no.where', IsPresent: false }, {})).toBe(true)
  expect(check({ Variable: '$.no.where', IsPresent: true }, {})).toBe(false)
  for (const operator of comparisonOperators.filter((name) => name !== 'IsPresent')) {
    expect(() => check({ Variable: '$.x', [operator]: '$.y' }, { y: 1 })).toThrow('States.Runtime')
  }
})

test.each([
  ['log-2025.txt', 'log-*.txt', true],
  ['log-.txt', 'log-*.txt', true],
  ['log-2025.txt.gz', 'log-*.txt', false],
  ['zebra.log', 'foo*.log', false],
  ['a.b', 'a?b', false],
  ['aXbXc', 'a*b*c', true],
  ['abc', 'a*b*bc', false],
  ['ab', 'ab*b', false],
  ['a*b', 'a\\*b', true],
  ['axb', 'a\\*b', false],
  ['a\\b', 'a\\\\b', true],
  ['a\\xyz', 'a\\\\*', true],
  ['two\nlines', 'two*lines', true],
  ['', '*', true],
  ['', '', true],
])('StringMatches: %j by %j is %s', (text, pattern, expected) => {
  expect(compare('StringMatches', text, pattern)).toBe(expected)
})

test('many stars take no long time', () => {
  expect(compare('StringMatches', 'a'.repeat(20_000), `${'*a'.repeat(500)}*b`)).toBe(false)
})

test('And and Or stop at the first part that decides', () => {
  const guard = { Variable: '$.x', IsPresent: true }
  const guarded = { Variable: '$.x', NumericEquals: 1 }
  expect(check({ And: [guard, guarded] }, {})).toBe(false)
  expect(check({ Or: [{ Not: guard }, guarded] }, {})).toBe(true)
  expect(check({ And: [guard, guarded] }, { x: 1 })).toBe(true)
  expect(check({ Or: [{ Not: guard }, guarded] }, { x: 2 })).toBe(false)
})

test('a variable may come from the context object', () => {
  expect(check({ Variable: '$$.Execution.Name', StringEquals: 'n' }, {})).toBe(true)
})

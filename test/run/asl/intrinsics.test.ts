/** Every intrinsic function, with the developer guide's examples and what the service was seen to do at the edges. */
import { describe, expect, test } from 'vitest'
import { CallError, parseCall } from '../../../src/run/asl/intrinsic-call.ts'
import { evaluateCall } from '../../../src/run/asl/intrinsics.ts'
import type { Json } from '../../../src/types.ts'

const call = (text: string, input: Json = {}): Json =>
  evaluateCall(parseCall(text), { input, context: { Now: 1 } }, () => 0.5)

test.each([
  ["States.Format('Hello, my name is {}.', $.name)", { name: 'Arnav' }, 'Hello, my name is Arnav.'],
  [
    'States.Format($.template, $.name)',
    { name: 'Arnav', template: 'Hello, my name is {}.' },
    'Hello, my name is Arnav.',
  ],
  ["States.Format('{}{}{}{}', $.a, 1.5, true, null)", { a: '' }, '1.5truenull'],
  ["States.Format('it\\'s \\{{}\\} \\\\ {}', 1, '\\{\\}')", {}, "it's {1} \\ {}"],
  ["States.Format('plain')", {}, 'plain'],
  ['States.StringToJson($.escapedJsonString)', { escapedJsonString: '{"foo":"bar"}' }, { foo: 'bar' }],
  ['States.StringToJson(\'{"a": [1]}\')', {}, { a: [1] }],
  ['States.StringToJson($)', ' ', null],
  ['States.StringToJson($)', '-0', 0],
  ['States.JsonToString($.unescapedJson)', { unescapedJson: { foo: 'bar' } }, '{"foo":"bar"}'],
  ['States.JsonToString($)', [1, 2, 'x'], '[1,2,"x"]'],
  ['States.Array($.Id)', { Id: 123456 }, [123456]],
  ['States.Array()', {}, []],
  ["States.Array('a', States.Array(), $$.Now)", {}, ['a', [], 1]],
  [
    'States.ArrayPartition($.inputArray, 4)',
    { inputArray: [1, 2, 3, 4, 5, 6, 7, 8, 9] },
    [[1, 2, 3, 4], [5, 6, 7, 8], [9]],
  ],
  ['States.ArrayPartition($, 2)', [], []],
  ['States.ArrayContains($.a, $.b)', { a: [1, 2, 3], b: 2 }, true],
  ['States.ArrayContains($.a, $.b)', { a: [{ x: [] }], b: { x: [] } }, true],
  ['States.ArrayContains($.a, $.b)', { a: ['1'], b: 1 }, false],
  ['States.ArrayRange(1, 9, 2)', {}, [1, 3, 5, 7, 9]],
  ['States.ArrayRange(0, 10, 3)', {}, [0, 3, 6, 9]],
  ['States.ArrayRange(3, 1, -1)', {}, [3, 2, 1]],
  ['States.ArrayRange(3, 1, 1)', {}, []],
  ['States.ArrayGetItem($.a, 5)', { a: [1, 2, 3, 4, 5, 6, 7, 8, 9] }, 6],
  ['States.ArrayLength($.a)', { a: [1, 2, 3] }, 3],
  ['States.ArrayUnique($.a)', { a: [1, 2, 3, 3, 3, 3, 3, 3, 4] }, [1, 2, 3, 4]],
  [
    'States.ArrayUnique($)',
    [null, null, true, 1, 1.1, '1', [], [], { a: 1, b: 2 }, { b: 2, a: 1 }],
    [null, true, 1, 1.1, '1', [], { a: 1, b: 2 }],
  ],
  ['States.Base64Encode($.input)', { input: 'Data to encode' }, 'RGF0YSB0byBlbmNvZGU='],
  ['States.Base64Decode($.base64)', { base64: 'RGF0YSB0byBlbmNvZGU=' }, 'Data to encode'],
  ["States.Hash($.Data, 'SHA-1')", { Data: 'input data' }, 'aaff4a450a104cd177d28d18d74485e8cae074b7'],
  ["States.Hash($, 'MD5')", 'input data', '812f45842bc6d66ee14572ce20db8e86'],
  ["States.Hash($, 'SHA-256')", 'input data', 'b4a697a057313163aee33cd8d40c66e9f0f177e00cac2de32475ffff6169c3e3'],
  [
    'States.JsonMerge($.json1, $.json2, false)',
    { json1: { a: { a1: 1, a2: 2 }, b: 2 }, json2: { a: { a3: 1, a4: 2 }, c: 3 } },
    { a: { a3: 1, a4: 2 }, b: 2, c: 3 },
  ],
  ['States.MathRandom(1, 999)', {}, 500],
  ['States.MathAdd($.value1, $.step)', { value1: 111, step: -1 }, 110],
  [
    'States.StringSplit($.inputString, $.splitter)',
    { inputString: '1,2,3,4,5', splitter: ',' },
    ['1', '2', '3', '4', '5'],
  ],
  [
    'States.StringSplit($.inputString, $.splitter)',
    { inputString: 'This.is+a,test=string', splitter: '.+,=' },
    ['This', 'is', 'a', 'test', 'string'],
  ],
  ["States.StringSplit(',,a,,', ',')", {}, ['a']],
  ["States.StringSplit(',,', ',')", {}, []],
] as [string, Json, Json][])('%s', (text, input, expected) => {
  expect(call(text, input)).toStrictEqual(expected)
})

test.each([
  [1.49, 1.5, 3],
  [-1.49, -1.5, -2],
  [-1.5, 0, -1],
  [-1.51, 0, -2],
  [-0.5, 0.5, 1],
  [-0.5, 0, 0],
  [2.5, 0, 3],
])('MathAdd rounds each number first: %d + %d = %d', (a, b, expected) => {
  expect(call('States.MathAdd($[0], $[1])', [a, b])).toBe(expected)
})

test('UUID is a version 4', () => {
  expect(call('States.UUID()')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})

test('MathRandom includes the start and excludes the end', () => {
  const random = parseCall('States.MathRandom(-2, 3)')
  const roots = { input: {}, context: {} }
  expect([0, 0.1999, 0.2, 0.9999].map((value) => evaluateCall(random, roots, () => value))).toEqual([-2, -2, -1, 2])
})

describe('what a function cannot do is States.IntrinsicFailure', () => {
  test.each([
    ["States.Format('{}', $)", {}],
    ['States.Format($.t, 1)', { t: '{' }],
    ['States.Format($.t, 1)', { t: 'a {} {}' }],
    ['States.StringToJson($)', '{'],
    ['States.ArrayPartition($, 0)', [1]],
    ['States.ArrayLength($)', {}],
    ['States.ArrayRange(0, 1000, 1)', {}],
    ['States.ArrayRange(1, 2, 0)', {}],
    ['States.ArrayGetItem($, 1)', [1]],
    ['States.ArrayGetItem($, -1)', [1]],
    ['States.Base64Decode($)', 'a'],
    ['States.Base64Encode($)', 'a'.repeat(10_001)],
    ["States.Hash($, 'SHA-3')", 'a'],
    ['States.JsonMerge($, $, false)', [1]],
    ['States.MathAdd($, 1)', '1'],
    ['States.MathAdd(2147483647, 1)', {}],
    ['States.MathRandom(3, 3)', {}],
  ] as [string, Json][])('%s', (text, input) => {
    expect(() => call(text, input)).toThrow('States.IntrinsicFailure')
  })

  test('a path that leads nowhere is States.Runtime', () => {
    expect(() => call('States.Array($.missing)')).toThrow('States.Runtime')
  })
})

test.each([
  ['States.Frmat()', 'did you mean States.Format?'],
  ['Format()', 'did you mean States.Format?'],
  ["States.Format('{} {}', 1)", '2 places {} for 1 values'],
  ["States.Format('{', 1)", 'write braces'],
  ['States.Format(1)', 'first argument must be a text'],
  ["States.Format('\\n')", 'is not an escape'],
  ["States.Format('no end)", 'has no end'],
  ['States.ArrayLength()', 'takes 1 arguments, found 0'],
  ['States.Array(1,)', 'argument is missing'],
  ['States.Array(1 2)', "',' or ')' is expected"],
  ['States.Array(x)', 'a path or an intrinsic function is expected'],
  ['States.Array(1) x', 'unexpected'],
  ['States.JsonMerge($.a, $.b, true)', 'must be false'],
  ['States.MathRandom(1, 2, 3)', 'a seed is not supported'],
  [`${'States.Array('.repeat(11)}${')'.repeat(11)}`, 'more than 10 deep'],
])('refuses %s', (text, message) => {
  expect(() => parseCall(text)).toThrow(CallError)
  expect(() => parseCall(text)).toThrow(message)
})

test('a path within a call may have commas and parentheses in its brackets', () => {
  expect(
    call("States.Array($['a, b)'], $.l[0,1], $.l[?(@.x == 'a')])", { 'a, b)': 1, l: [{ x: 'a' }, { x: 'b' }] }),
  ).toEqual([1, [{ x: 'a' }, { x: 'b' }], [{ x: 'a' }]])
})

/** Paths: what they read, what is refused, and the laws of reading and writing. */
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PathError, parsePath, parseReferencePath } from '../../../src/run/asl/json-path.ts'
import { readPath, writePath } from '../../../src/run/asl/json-path-read.ts'
import { applyPath, placeResult } from '../../../src/run/asl/payload.ts'
import type { Json } from '../../../src/types.ts'

const read = (text: string, input: Json): Json | undefined => readPath(parsePath(text), { input, context: {} })

const data = { foo: 123, bar: ['a', 'b', 'c'], car: { cdr: true }, jar: [{ a: 1 }, { a: 5 }, { a: 2 }, { a: 7 }, 3] }

describe('reading', () => {
  test.each([
    ['$', data],
    ['$.foo', 123],
    ['$.bar', ['a', 'b', 'c']],
    ['$.car.cdr', true],
    ["$['car']['cdr']", true],
    ['$["car"].cdr', true],
    ['$.bar[0]', 'a'],
    ['$.bar[-1]', 'c'],
    ['$.bar[3]', undefined],
    ['$.bar[0, 2]', ['a', 'c']],
    ['$.bar[0,9]', ['a']],
    ['$.bar[1:]', ['b', 'c']],
    ['$.bar[:-1]', ['a', 'b']],
    ['$.bar[-2:-1]', ['b']],
    ['$.bar[*]', ['a', 'b', 'c']],
    ['$.car.*', [true]],
    ['$.jar[?(@.a >= 5)]', [{ a: 5 }, { a: 7 }]],
    ['$.jar[?(@.a == 2)].a', [2]],
    ['$.jar[?(@.a)].a', [1, 5, 2, 7]],
    ['$.jar[?(@.b)]', []],
    ['$..a', [1, 5, 2, 7]],
    ['$..nothing', []],
    ['$.foo.deeper', undefined],
    ['$.nothing', undefined],
    ['$.nothing[*].x', []],
    ['$.toString', undefined],
  ] as [string, Json | undefined][])('%s', (text, expected) => {
    expect(read(text, data)).toEqual(expected)
  })

  test('..* gives the children of every node, parents first', () => {
    expect(read('$..*', { a: [1], b: 2 })).toEqual([[1], 2, 1])
  })

  test('a slice of an object, and a filter of a number against a text, are errors rather than nothing', () => {
    expect(() => read('$[1:]', {})).toThrow('States.Runtime')
    expect(() => read('$.a[?(@.n == 1)]', { a: [{ n: '1' }] })).toThrow('a number with a text')
  })

  test('OutputPath fails where a template finds nothing', () => {
    expect(() => applyPath('OutputPath', '$.missing[*]', { input: {}, context: {} })).toThrow('OutputPath $.missing[*]')
    expect(applyPath('OutputPath', '$.empty[*]', { input: { empty: [] }, context: {} })).toEqual([])
  })
})

test.each([
  ['foo', 'begins with $'],
  ['$.', "field name is expected after '.'"],
  ['$.a b', 'not supported from " b"'],
  ['$.a[1:-1]', 'one bound from the start'],
  ['$.a[::2]', 'not supported from'],
  ['$.a[:]', 'a slice needs a bound'],
  ["$.a['b','c']", 'not supported from'],
  ["$['it\\'s']", 'not supported from'],
  ['$.a.length()', 'not supported from "()"'],
  ['$.a[(@.length-1)]', 'not supported from'],
  ['$.a[?(@.b =~ /x/)]', 'not supported from'],
  ['$.a[?(@.b != 1)]', 'not supported from'],
  ['$.a[?(@.b == 1 && @.c)]', 'not supported from'],
  ['$.a[?(@ == 1)]', 'not supported from'],
  ['$..[0]', 'only ..name and ..*'],
  ['$..*.a', 'only at the end'],
])('refuses %s', (text, message) => {
  expect(() => parsePath(text)).toThrow(PathError)
  expect(() => parsePath(text)).toThrow(message)
})

test('a reference path names one node', () => {
  expect(parseReferencePath("$.a['b'][0]").definite).toBe(true)
  for (const text of ['$.a[*]', '$..a', '$.a[0,1]', '$.a[1:]', '$.a[?(@.b)]']) {
    expect(() => parseReferencePath(text)).toThrow('can name several nodes')
  }
})

describe('ResultPath', () => {
  test.each([
    ['$', { a: 1 }, 'r', 'r'],
    ['$.r', { a: 1 }, 'r', { a: 1, r: 'r' }],
    ['$.a', { a: 1 }, 'r', { a: 'r' }],
    ['$.master.detail', { master: { detail: [1, 2, 3] } }, 6, { master: { detail: 6 } }],
    ['$.master.result.sum', { master: { detail: [1] } }, 6, { master: { detail: [1], result: { sum: 6 } } }],
    ['$.list[1]', { list: [1, 2] }, 'r', { list: [1, 'r'] }],
    ['$.list[0].x', { list: [{}] }, 'r', { list: [{ x: 'r' }] }],
    ['$', null, 'r', 'r'],
    [null, { a: 1 }, 'r', { a: 1 }],
    [undefined, { a: 1 }, 'r', 'r'],
  ] as [string | null | undefined, Json, Json, Json][])('%s', (text, input, result, expected) => {
    const before = structuredClone(input)
    expect(placeResult(text, input, result)).toEqual(expected)
    expect(input).toEqual(before)
  })

  test.each([
    ['$.a.b', { a: 1 }],
    ['$.list[2]', { list: [1, 2] }],
    ['$.list[0]', {}],
    ['$.list.x', { list: [] }],
    ['$.a', 'text'],
    ['$.a', null],
  ] as [string, Json][])('%s into %j cannot be', (text, input) => {
    expect(() => placeResult(text, input, 1)).toThrow('States.ResultPathMatchFailure')
  })
})

describe('laws', () => {
  // fast-check prints the seed of a failing run.
  const key = fc.oneof(fc.constantFrom('a', 'b', '__proto__', 'constructor', 'ä-1'), fc.string({ minLength: 1 }))
  const keys = fc.array(
    key.filter((name) => !/['\\]/.test(name)),
    { minLength: 1, maxLength: 4 },
  )
  const object = fc.dictionary(key, fc.jsonValue({ maxDepth: 2 })) as fc.Arbitrary<Json>
  const value = fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>
  const pathOf = (names: string[]): string => `$${names.map((name) => `['${name}']`).join('')}`

  test('what was written is read, writing it again changes nothing, and the rest is left alone', () => {
    fc.assert(
      fc.property(keys, object, value, (names, base, result) => {
        const path = parsePath(pathOf(names))
        let written: Json
        try {
          written = writePath(path, base, result)
        } catch {
          // Something that is no object is in the way, and only then.
          expect(blocked(base, names)).toBe(true)
          return
        }
        expect(blocked(base, names)).toBe(false)
        expect(isDeepStrictEqual(readPath(path, { input: written, context: null }), result)).toBe(true)
        expect(isDeepStrictEqual(writePath(path, written, result), written)).toBe(true)
        const others = Object.keys(base as object).filter((name) => name !== names[0])
        for (const name of others) {
          const other = parsePath('$')
          const rest = readPath(
            { ...other, steps: [{ kind: 'key', name }], definite: true },
            { input: written, context: null },
          )
          expect(rest).toBe((base as { [name: string]: Json })[name])
        }
      }),
    )
  })

  test('a slice is a list of the items at its indices', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.nat(6), fc.nat(6), (list, start, end) => {
        const slice = read(`$[${start}:${end}]`, list)
        const indices = Array.from({ length: Math.max(0, end - start) }, (_, index) => start + index)
        expect(slice).toEqual(indices.flatMap((index) => read(`$[${index},${list.length}]`, list)))
      }),
    )
  })
})

function blocked(base: Json, names: string[]): boolean {
  let node: Json | undefined = base
  for (const name of names) {
    if (node === undefined) return false
    if (node === null || typeof node !== 'object' || Array.isArray(node)) return true
    node = Object.hasOwn(node, name) ? node[name] : undefined
  }
  return false
}

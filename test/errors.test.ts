import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  assert,
  didYouMean,
  hasCode,
  MillraceError,
  messageOf,
  nearest,
  systemCode,
  unreachable,
} from '../src/errors.ts'

const flags = ['root', 'partition-date', 'output-file-count', 'compression-codec', 'dry-run', 'json']

describe('nearest', () => {
  it.each([
    ['rot', 'root'],
    ['partiton-date', 'partition-date'],
    ['PARTITION_DATE', 'partition-date'],
    ['partitionDate', 'partition-date'],
    ['output-files-count', 'output-file-count'],
    ['dryrun', 'dry-run'],
    ['jsno', 'json'],
  ])('of %s is %s', (word, candidate) => {
    expect(nearest(word, flags)).toBe(candidate)
  })

  it.each(['zzz', 'entirely-different', '', 'x'])('finds nothing near %j', (word) => {
    expect(nearest(word, ['partition-date', 'compression-codec'])).toBeUndefined()
  })

  it('finds nothing among nothing', () => {
    expect(nearest('root', [])).toBeUndefined()
  })

  it('prefers the candidate with fewer edits, and of equals the first', () => {
    expect(nearest('snap', ['snappy', 'snip'])).toBe('snip')
    expect(nearest('cat', ['bat', 'hat'])).toBe('bat')
  })

  it('always finds a candidate that is spelled right, whatever else there is', () => {
    const name = fc.stringMatching(/^[a-z]{1,12}$/)
    fc.assert(
      fc.property(name, fc.array(name), (word, others) => {
        expect(nearest(word, [...others, word])).toBe(word)
      }),
    )
  })

  it('finds a word of six letters or more with one letter changed, added or left out', () => {
    const place = fc.nat({ max: 5 })
    const change = fc.constantFrom('change', 'add', 'leave out')
    fc.assert(
      fc.property(fc.stringMatching(/^[a-y]{6,12}$/), place, change, (word, at, how) => {
        const end = how === 'add' ? word.slice(at) : word.slice(at + 1)
        const typed = `${word.slice(0, at)}${how === 'leave out' ? '' : 'z'}${end}`
        expect(nearest(typed, ['0000000', word])).toBe(word)
      }),
    )
  })
})

describe('messages', () => {
  it('offer the nearest or say nothing', () => {
    expect(didYouMean('snapy', ['gzip', 'snappy'])).toBe('; did you mean snappy?')
    expect(didYouMean('brotli', ['gzip', 'snappy'])).toBe('')
  })

  it('come from anything that was thrown', () => {
    expect(messageOf(new Error('broken'))).toBe('broken')
    expect(messageOf('text')).toBe('text')
    expect(messageOf(undefined)).toBe('undefined')
  })
})

describe('codes', () => {
  it('are looked up by MillraceError only', () => {
    const error = new MillraceError('locked', 'held', { cause: new Error('why') })
    expect(hasCode(error, 'usage', 'locked')).toBe(true)
    expect(hasCode(error, 'usage')).toBe(false)
    expect(hasCode(Object.assign(new Error('held'), { code: 'locked' }), 'locked')).toBe(false)
    expect(error.cause).toEqual(new Error('why'))
  })

  it('of the operating system are text', () => {
    expect(systemCode(Object.assign(new Error('no'), { code: 'ENOENT' }))).toBe('ENOENT')
    expect(systemCode(Object.assign(new Error('no'), { code: 7 }))).toBeUndefined()
    expect(systemCode({ code: 'ENOENT' })).toBeUndefined()
  })

  it('are not what our own mistakes have', () => {
    expect(() => assert(false, 'n is 0')).toThrow('assertion failed: n is 0')
    expect(() => assert(1, 'never')).not.toThrow()
    expect(() => unreachable('x' as never)).toThrow('assertion failed: unexpected "x"')
  })
})

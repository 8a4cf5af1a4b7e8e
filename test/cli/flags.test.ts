import { describe, expect, it } from 'vitest'
import { parseDuration, parseLine, parseMemory } from '../../src/cli/flags.ts'
import { MillraceError } from '../../src/errors.ts'

const kinds: Record<string, 'value' | 'boolean'> = {
  root: 'value',
  rows: 'value',
  json: 'boolean',
  'dry-run': 'boolean',
}
const parse = (text: string): { positionals: string[]; flags: Record<string, string> } => {
  const { positionals, flags } = parseLine(
    text === '' ? [] : text.split(' '),
    (name) => kinds[name],
    Object.keys(kinds),
  )
  return { positionals, flags: Object.fromEntries(flags) }
}

/** The message of a refusal, which must be one of wrong usage. */
function refusal(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    expect(error).toBeInstanceOf(MillraceError)
    expect((error as MillraceError).code).toBe('usage')
    return (error as MillraceError).message
  }
  throw new Error('nothing was refused')
}

describe('a command line', () => {
  it.each([
    ['', [], {}],
    ['chargebacks', ['chargebacks'], {}],
    ['--root lake', [], { root: 'lake' }],
    ['--root=lake', [], { root: 'lake' }],
    ['--root=', [], { root: '' }],
    ['--root=a=b', [], { root: 'a=b' }],
    ['--root -x', [], { root: '-x' }],
    ['--rows -1', [], { rows: '-1' }],
    ['--json', [], { json: 'true' }],
    ['--json false x', ['x'], { json: 'false' }],
    ['--json TRUE', [], { json: 'TRUE' }],
    ['--json x', ['x'], { json: 'true' }],
    ['--json=false', [], { json: 'false' }],
    ['--no-json --no-dry-run', [], { json: 'false', 'dry-run': 'false' }],
    ['a --json --root lake b', ['a', 'b'], { json: 'true', root: 'lake' }],
    ['-- --root -x', ['--root', '-x'], {}],
    ['-', ['-'], {}],
    ['--', [], {}],
    ['-5', ['-5'], {}],
  ] as [string, string[], Record<string, string>][])('%j', (text, positionals, flags) => {
    expect(parse(text)).toEqual({ positionals, flags })
  })

  it.each([
    ['--rot lake', /no flag --rot; did you mean --root\?/],
    ['--dryrun', /no flag --dryrun; did you mean --dry-run\?/],
    ['--completely-other', /no flag --completely-other; the flags are --root, --rows, --json, --dry-run/],
    ['-r', /no flag -r/],
    ['--no-root', /no flag --no-root/],
    ['--no-json=true', /no flag --no-json/],
    ['--root', /--root needs a value/],
    ['--root --json', /--root needs a value/],
    ['--root a --root b', /--root is given twice/],
    ['--json --no-json', /--json is given twice/],
    ['--=x', /no flag --/],
  ])('%j is refused', (text, message) => {
    expect(refusal(() => parse(text))).toMatch(message)
  })
})

describe('memory', () => {
  it.each([
    ['2GB', 2 ** 31],
    ['2g', 2 ** 31],
    ['1.5 GiB', 1.5 * 2 ** 30],
    ['512MB', 2 ** 29],
    ['300000K', 300_000 * 1024],
    ['1T', 2 ** 40],
    ['50%', 2 ** 34],
    ['268435456', 2 ** 28],
    ['268435456B', 2 ** 28],
  ])('%s', (text, bytes) => {
    expect(parseMemory(text, 2 ** 35)).toBe(bytes)
  })

  it.each(['', 'lots', '2XB', '-2GB', '2 G B', '100MB', '0', '0%', '1e10', 'NaN', 'Infinity'])(
    '%j is refused',
    (text) => {
      expect(refusal(() => parseMemory(text, 2 ** 35))).toMatch(/^--memory .* is refused: expected at least 256MB/)
    },
  )
})

describe('a duration', () => {
  it.each([
    ['60s', 60_000],
    ['5m', 300_000],
    ['500ms', 500],
    ['1h', 3_600_000],
    ['1.5s', 1500],
    ['7', 7000],
    ['0', 0],
  ])('%s', (text, ms) => {
    expect(parseDuration('wait', text)).toBe(ms)
  })

  it.each(['', 'soon', '-1s', '5 m', '1d', '1e3', 's'])('%j is refused', (text) => {
    expect(refusal(() => parseDuration('wait', text))).toMatch(
      /^--wait .*is refused: expected a time such as 60s or 5m/,
    )
  })
})

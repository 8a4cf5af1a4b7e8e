import { describe, expect, it } from 'vitest'
import { expandPortable, quoteName, quoteText } from '../../src/engines/portable.ts'
import functions from '../../src/engines/portable-functions.json' with { type: 'json' }

const portableFunctionNames = Object.keys(functions)

describe('the portable subset', () => {
  it.each([
    ['what it does not know', "SELECT a + 1, 'x' FROM t -- ", "SELECT a + 1, 'x' FROM t  "],
    ['text that looks like a call', "SELECT 'to_text(a)'", "SELECT 'to_text(a)'"],
    ['a name that looks like a call', 'SELECT "to_text(a)"', 'SELECT "to_text(a)"'],
    [
      'a doubled quote in text',
      "SELECT 'it''s to_text(a)', to_text(b)",
      "SELECT 'it''s to_text(a)', CAST(b AS VARCHAR)",
    ],
    ['a doubled quote in a name', 'SELECT to_text("a"")b")', 'SELECT CAST("a"")b" AS VARCHAR)'],
    ['a call without arguments around', 'to_text(a)', 'CAST(a AS VARCHAR)'],
    ['a call in capitals', 'TO_TEXT(a)', 'CAST(a AS VARCHAR)'],
    ['a name that only begins like one', 'to_texts(a) + my_to_text(b)', 'to_texts(a) + my_to_text(b)'],
    ['a column of that name', 'SELECT to_text, divide FROM t', 'SELECT to_text, divide FROM t'],
    [
      'calls in calls',
      'divide(to_text(a), add_days(b, 1))',
      '(CAST(CAST(a AS VARCHAR) AS DOUBLE) / nullif((CAST(b AS DATE) + CAST(1 AS INTEGER)), 0))',
    ],
    ['commas within brackets', 'to_text(f(a, b)[c, 1])', 'CAST(f(a, b)[c, 1] AS VARCHAR)'],
    ['commas and brackets within text', "matches(a, 'x,(y')", "regexp_matches(a, 'x,(y')"],
    ['a line comment', "a -- to_text(b) it's\n, to_text(c)", 'a  \n, CAST(c AS VARCHAR)'],
    ['a block comment', 'a /* to_text(" */ , b', 'a   , b'],
    ['a comment between two words', 'a/**/b', 'a b'],
    ['signs that only begin like comments', 'a - b / c * d', 'a - b / c * d'],
    ['a dollar in an argument', "to_text('$1$2$&')", "CAST('$1$2$&' AS VARCHAR)"],
    ['text beyond ASCII', "to_text('日本😀é')", "CAST('日本😀é' AS VARCHAR)"],
    ['nothing', '', ''],
  ])('expands or keeps %s', (_, sql, expected) => {
    expect(expandPortable(sql, 'duckdb')).toBe(expected)
  })

  it.each([
    ["'never ends", /text that starts at character 0 never ends/],
    ["SELECT 'a''", /character 7 never ends/],
    ['SELECT "a', /character 7 never ends/],
    ['to_text(a', /a call that starts at character 7 never ends/],
    ["to_text('a)", /text that starts at character 8 never ends/],
    ['to_text(f(a)', /call that starts at character 7 never ends/],
  ])('refuses %s', (sql, message) => {
    expect(() => expandPortable(sql, 'duckdb')).toThrow(message)
  })

  it('does not take a comment within a call for SQL', () => {
    expect(expandPortable("to_text(a /* it's ) */)", 'duckdb').replaceAll(' ', '')).toBe('CAST(aASVARCHAR)')
    expect(expandPortable('to_text(a -- , b)\n)', 'duckdb').replaceAll(/\s/g, '')).toBe('CAST(aASVARCHAR)')
  })

  it('refuses a call with too few or too many arguments', () => {
    expect(() => expandPortable('divide(a)', 'duckdb')).toThrow()
    expect(() => expandPortable('to_text(a, b)', 'duckdb')).toThrow()
  })

  it('expands a long name of Unicode letters as one name', () => {
    expect(expandPortable('éto_text(a)', 'duckdb')).toBe('éto_text(a)')
    const long = `${'x'.repeat(64)}to_text(a)`
    expect(expandPortable(long, 'duckdb')).toBe(long)
  })

  it.each([
    ['"a b"', '`a b`'],
    ['"a""b`c"', '`a"b``c`'],
    ["'it''s'", "'it\\'s'"],
    ["'a\\n'", "'a\\\\n'"],
    ["''", "''"],
    ["''''", "'\\''"],
    ["'a''''b'", "'a\\'\\'b'"],
    ['to_text(a)', 'CAST(a AS STRING)'],
    ['matches("x", \'\\d\')', "(`x` RLIKE '\\\\d')"],
  ])('in Spark is %s → %s', (sql, expected) => {
    expect(expandPortable(sql, 'spark')).toBe(expected)
  })

  it('has every function on both engines', () => {
    expect(portableFunctionNames).toContain('is_blank')
    for (const name of portableFunctionNames) {
      for (const dialect of ['duckdb', 'spark'] as const) {
        const expanded = expandPortable(`${name}(one, ${second(name)})`.replace(', )', ')'), dialect)
        expect(expanded).not.toMatch(new RegExp(`(?<!\\w)${name}\\(`))
        expect(expanded).not.toMatch(/\$\d|\{whitespace\}|\{type/)
        expect(expanded).toContain('one')
        if (second(name) === 'two') expect(expanded).toContain('two')
      }
    }
  })
})

/** The second argument of a function; empty where it takes one. */
function second(name: string): string {
  if (name === 'try_convert') return 'decimal(10,2)'
  return ['is_blank', 'to_text', 'as_text', 'is_decimal_text', 'number_text', 'byte_length'].includes(name) ? '' : 'two'
}

describe('quoting', () => {
  it('doubles its own quote and keeps everything else', () => {
    expect(quoteName('a"b\'c\n`')).toBe('"a""b\'c\n`"')
    expect(quoteText('it\'s "x"\\')).toBe("'it''s \"x\"\\'")
  })

  it('goes through an expansion unchanged', () => {
    for (const hostile of [`"); DROP TABLE t; --`, "'; to_text(a); --", '/* " */ to_text(', '']) {
      expect(expandPortable(quoteName(hostile), 'duckdb')).toBe(quoteName(hostile))
      expect(expandPortable(quoteText(hostile), 'duckdb')).toBe(quoteText(hostile))
    }
  })
})

/** The CSV that says which columns each table has. */
import { describe, expect, it } from 'vitest'
import { hasCode } from '../../src/errors.ts'
import { parseSplitSpec } from '../../src/formats/split-spec.ts'

const columnsOf = (text: string): Record<string, string[]> =>
  Object.fromEntries(
    parseSplitSpec('split.csv', text).map(({ name, columns }) => [name, columns.map((column) => column.name)]),
  )

describe('a split spec', () => {
  const plain = { IBE_01_A: ['b', 'a'], MIACS: ['c'] }
  it.each([
    ['plain', 'table_name,column_name\nIBE_01_A,b\nIBE_01_A,a\nMIACS,c\n'],
    ['without a last line end', 'table_name,column_name\nIBE_01_A,b\nIBE_01_A,a\nMIACS,c'],
    ['with a BOM and CRLF', '\ufefftable_name,column_name\r\nIBE_01_A,b\r\nIBE_01_A,a\r\nMIACS,c\r\n'],
    ['with quotes', '"table_name","column_name"\n"IBE_01_A","b"\n"IBE_01_A",a\nMIACS,"c"\n'],
    [
      'with other columns',
      'id,column_name,table_name,note\n1,b,IBE_01_A,"x, ""y"""\n2,a,IBE_01_A,\n3,c,MIACS,"two\nlines"\n',
    ],
    ['with another case in its header', 'Table_Name,COLUMN_NAME\nIBE_01_A,b\nIBE_01_A,a\nMIACS,c\n'],
    ['with blank lines and spaces', '\n table_name , column_name\n\n IBE_01_A ,b\nIBE_01_A,\ta\n,\n\nMIACS,c\n  \n'],
    ['with the lines of a table apart', 'table_name,column_name\nIBE_01_A,b\nMIACS,c\nIBE_01_A,a\n'],
  ])('is read %s', (_, text) => {
    expect(columnsOf(text)).toEqual(plain)
  })

  it('keeps order, spelling and a quote in a column name', () => {
    expect(columnsOf('table_name,column_name\nT,Zeta\nT,"a ""b"", c"\nT,ä')).toEqual({ T: ['Zeta', 'a "b", c', 'ä'] })
  })

  it('tells the line of every column, also after a field of several lines', () => {
    const [table] = parseSplitSpec('split.csv', 'table_name,column_name,note\r\nT,a,"x\r\ny"\r\n\r\nT,b,')
    expect(table?.columns).toEqual([
      { name: 'a', line: 2 },
      { name: 'b', line: 5 },
    ])
  })

  it.each([
    ['an empty CSV', '', /^split\.csv:1 {2}is empty; expected a header table_name,column_name/],
    ['an empty CSV with a BOM', '\ufeff\r\n', /^split\.csv:1 {2}is empty/],
    ['a CSV of a header alone', 'table_name,column_name\n', /^split\.csv:1 {2}names no table/],
    [
      'a missing header column',
      'table,column_name\nT,a',
      /^split\.csv:1 {2}the header "table,column_name" has no column table_name/,
    ],
    ['no header', 'IBE_01,a\nIBE_01,b', /^split\.csv:1 {2}the header "IBE_01,a" has no column table_name/],
    ['a header column given twice', 'table_name,column_name,Table_Name\nT,a,', /has the column table_name twice/],
    ['semicolons', 'table_name;column_name\nT;a', /the header "table_name;column_name" has no column/],
    [
      'a column listed twice',
      'table_name,column_name\nT,a\nT,b\nT,a',
      /^split\.csv:4 {2}column "a" is listed twice in table T: line 2 has it too\. Remove one/,
    ],
    [
      'a column listed twice in another case',
      'table_name,column_name\nT,Customer_User_id\nT,CUSTOMER_USER_ID',
      /^split\.csv:3 {2}column "CUSTOMER_USER_ID" is listed twice in table T: line 2 has it too as "Customer_User_id"/,
    ],
    [
      'two tables that differ only in case',
      'table_name,column_name\nIBE,a\nIbe,b',
      /^split\.csv:3 {2}table "Ibe" and "IBE" \(line 2\) differ only in case/,
    ],
    ['no table name', 'table_name,column_name\n,a', /^split\.csv:2 {2}",a" has no table_name/],
    ['no column name', 'table_name,column_name\nT,a\nT', /^split\.csv:3 {2}"T" has no column_name/],
    ['a quote that never ends', 'table_name,column_name\nT,"a\nT,b', /^split\.csv:2 .*the quote never ends/],
    ['text after a quote', 'table_name,column_name\nT,"a"b', /^split\.csv:2 .*a quote stands where none can be/],
    ['a quote within a field', 'table_name,column_name\nT,5" screen', /^split\.csv:2 .*a quote stands/],
  ])('refuses %s', (_, text, message) => {
    expect(() => columnsOf(text)).toThrow(message)
    try {
      columnsOf(text)
    } catch (error) {
      expect(hasCode(error, 'usage')).toBe(true)
    }
  })

  it.each([
    "O'Brien",
    'a/b',
    '..',
    '.',
    'a..b',
    '_x',
    '.x',
    'a b',
    'x"y',
    'a\\b',
    'a\u0001b',
    'a=b',
    'ü',
    'a;b',
    '`a`',
    'x'.repeat(201),
  ])('refuses the table name %j', (name) => {
    const text = `table_name,column_name\nT,a\n"${name.replaceAll('"', '""')}",b`
    expect(() => columnsOf(text)).toThrow(/^split\.csv:3 {2}table name .* is refused/)
  })
})

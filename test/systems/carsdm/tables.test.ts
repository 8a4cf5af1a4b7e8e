/** Reading a tables file: what is accepted, and every error by name. */
import { describe, expect, it } from 'vitest'
import { MillraceError } from '../../../src/errors.ts'
import { parseColumnType } from '../../../systems/carsdm/column-type.ts'
import { parseTables, shippedTables } from '../../../systems/carsdm/tables.ts'

type Definition = Record<string, unknown>

const field = { table: 'FIELD', primaryKey: ['id'], columns: { id: 'bigint', reported_acres: 'decimal(10,2)' } }
const read = (...tables: Definition[]) => parseTables('my-tables.json', JSON.stringify(tables))

/** What is said about a text; throws when nothing is. */
function refusal(text: string): string {
  try {
    parseTables('my-tables.json', text)
  } catch (error) {
    expect(error).toBeInstanceOf(MillraceError)
    expect((error as MillraceError).code).toBe('usage')
    return (error as Error).message
  }
  throw new Error(`accepted: ${text}`)
}
const refused = (...tables: unknown[]): string => refusal(JSON.stringify(tables))

describe('the tables that ship', () => {
  const tables = shippedTables()

  it('are twelve, each with 6 to 20 columns', () => {
    expect(tables).toHaveLength(12)
    expect(tables.filter(({ columns }) => columns.length < 6 || columns.length > 20)).toEqual([])
  })

  it('have keys of one, two and three parts, and one of text', () => {
    const composite = tables.filter(({ primaryKey }) => primaryKey.length > 1)
    expect(composite.map(({ table, primaryKey }) => `${table} ${primaryKey.length}`)).toEqual([
      'FARM_PRODUCER 2',
      'CROP_TYPE 3',
    ])
    const offices = tables.find(({ table }) => table === 'COUNTY_OFFICE')
    expect(offices?.primaryKey).toEqual(['office_code'])
    expect(offices?.columns[0]).toEqual({ name: 'office_code', type: 'string' })
  })

  it('have FIELD as the contract shows it', () => {
    const columns = tables.find(({ table }) => table === 'FIELD')?.columns
    expect(columns).toContainEqual({ name: 'id', type: 'bigint' })
    expect(columns).toContainEqual({ name: 'reported_acres', type: 'decimal(10,2)' })
  })
})

describe('a tables file', () => {
  it('keeps the order of columns, also of those that look like numbers', () => {
    const text =
      '[{"table": "YIELD", "primaryKey": ["crop"], "columns": {"crop": "int", "2024": "double", "1999": "double"}}]'
    expect(parseTables('t.json', text)[0]?.columns.map(({ name }) => name)).toEqual(['crop', '2024', '1999'])
  })

  it('leaves out what says of a change what and when it is', () => {
    const columns = { id: 'bigint', OP: 'string', dms_commit_ts: 'timestamp' }
    expect(read({ ...field, columns })[0]?.columns).toEqual([{ name: 'id', type: 'bigint' }])
  })

  it('spells key parts as the columns do', () => {
    expect(read({ ...field, primaryKey: ['ID'] })[0]?.primaryKey).toEqual(['id'])
  })

  it('takes names of any script and a mark at the beginning of the file', () => {
    const text = `\uFEFF${JSON.stringify([{ ...field, table: 'Año [1] %' }])}`
    expect(parseTables('t.json', text)[0]?.table).toBe('Año [1] %')
  })

  it('takes a column named as what objects inherit', () => {
    const text =
      '[{"table": "T", "primaryKey": ["__proto__"], "columns": {"__proto__": "int", "constructor": "string"}}]'
    expect(parseTables('t.json', text)[0]?.columns.map(({ name }) => name)).toEqual(['__proto__', 'constructor'])
  })
})

describe('types', () => {
  it.each([
    ['bigint', 'bigint'],
    [' BigInt ', 'bigint'],
    ['DECIMAL(10, 2)', 'decimal(10,2)'],
    ['decimal ( 38 , 38 )', 'decimal(38,38)'],
    ['numeric(9,0)', 'decimal(9,0)'],
    ['numeric(9)', 'decimal(9,0)'],
    ['varchar(40)', 'string'],
    ['NVARCHAR(MAX)', 'string'],
    ['char(2)', 'string'],
    ['String', 'string'],
    ['datetime', 'timestamp'],
    ['datetime2(7)', 'timestamp'],
    ['bit', 'boolean'],
    ['long', 'bigint'],
    ['integer', 'int'],
    ['real', 'float'],
    ['double  precision', 'double'],
    ['money', 'decimal(19,4)'],
  ])('%s is %s', (text, type) => {
    expect(parseColumnType(text)).toEqual({ type })
  })

  it.each(['', 'decimal', 'decimal(10.2)', 'decimal(39,2)', 'decimal(2,3)', 'decimal(0,0)', 'int(4)', 'money(3)'])(
    '%s is refused',
    (text) => {
      expect(parseColumnType(text)).toHaveProperty('problem')
    },
  )

  it.each(['constructor', 'array<int>', 'int)', 'decimal(10,2'])('%s is not known', (text) => {
    expect(parseColumnType(text)).toHaveProperty('problem')
  })
})

describe('errors name', () => {
  it('the place of bad JSON', () => {
    expect(refusal('[\n  {"table": "FIELD",}\n]')).toBe(
      'my-tables.json:2:21  found "}", expected a key in double quotes',
    )
    expect(refusal('[{"table": "FIELD"')).toBe('my-tables.json:1:19  found the end of the file, expected "," or "}"')
    expect(refusal('')).toBe('my-tables.json:1:1  found the end of the file, expected a value')
    expect(refusal("[{'table': 1}]")).toContain(':1:3  found "\'", expected a key in double quotes')
    expect(refusal('[] []')).toContain(':1:4  found "[", expected the end of the file')
    expect(refusal('[1 2]')).toContain(':1:4  found "2", expected "," or "]"')
    expect(refusal('["a\\x"]')).toContain(':1:2  found "a\\x", expected text that ends on its line')
    expect(refusal('["a\nb"]')).toContain(':1:2  found "a, expected text that ends on its line')
    expect(refusal('[NULL]')).toContain(':1:2  found "NULL", expected a value')
    expect(refusal('[-]')).toContain(':1:2  found "-", expected a value')
    expect(refusal('['.repeat(100_000))).toContain('expected at most 100 levels')
  })

  it('a key that stands twice', () => {
    expect(refusal('[{"table": "T", "primaryKey": ["id"], "columns": {"id": "int", "id": "string"}}]')).toBe(
      'my-tables.json:1:64  found "id", expected each key once',
    )
  })

  it('a file without tables', () => {
    expect(refusal('[]')).toContain('my-tables.json  has no table; expected at least one')
    expect(refusal('{}')).toContain('my-tables.json  found an object, expected a list')
    expect(refused(7)).toContain('my-tables.json  entry 1  found 7, expected a table')
  })

  it('a missing or wrong name', () => {
    expect(refused({ ...field, table: undefined })).toBe(
      'my-tables.json  entry 1.table  is missing, expected a name such as "FIELD"',
    )
    expect(refused(field, { ...field, table: 3 })).toContain('entry 2.table  found 3, expected a name')
  })

  it.each([
    ['a/b', 'without "/"'],
    ['a\\b', 'without "/"'],
    ['..', 'without ".."'],
    ['a..b', 'without ".."'],
    ['_cdc', 'that does not begin with "_"'],
    ['.hidden', 'that does not begin with "_" or "."'],
    ['a\nb', 'without control characters'],
    ['a\u0000b', 'without control characters'],
    ['FIELD-LOAD', 'that does not end in "-LOAD"'],
    ['field-load', 'that does not end in "-LOAD"'],
    ['', 'that is not empty'],
    [' ', 'that is not empty'],
    ['FIELD ', 'without blanks at its ends'],
    ['é'.repeat(101), 'of at most 200 bytes'],
  ])('a name that cannot be a folder: %j', (table, expected) => {
    expect(refused({ ...field, table })).toContain(`${JSON.stringify(table)} is refused: expected a name ${expected}`)
  })

  it('a table that stands twice, in any case', () => {
    expect(refused(field, { ...field, table: 'CROP' }, { ...field, table: 'Field' })).toBe(
      'my-tables.json  Field  stands twice, as entries 1 (FIELD) and 3; expected each table once, whatever the case',
    )
  })

  it('a key of the table that is not known, with the nearest', () => {
    expect(refused({ ...field, primarykeys: ['id'] })).toBe(
      'my-tables.json  FIELD.primarykeys  is no key of a table; expected table, primaryKey, columns; did you mean primaryKey?',
    )
  })

  it('a primary key that is missing, empty, doubled or not among the columns', () => {
    expect(refused({ ...field, primaryKey: undefined })).toContain('FIELD.primaryKey  is missing, expected the names')
    expect(refused({ ...field, primaryKey: [] })).toContain('FIELD.primaryKey  found an empty list, expected')
    expect(refused({ ...field, primaryKey: 'id' })).toContain('FIELD.primaryKey  found "id", expected the names')
    expect(refused({ ...field, primaryKey: [7] })).toContain("FIELD.primaryKey  found 7, expected a column's name")
    expect(refused({ ...field, primaryKey: ['id', 'ID'] })).toContain('FIELD.primaryKey  "id" stands twice')
    expect(refused({ ...field, primaryKey: ['reported_acre'] })).toContain(
      'FIELD.primaryKey  "reported_acre" is not among the columns; did you mean reported_acres?',
    )
    expect(refused({ ...field, primaryKey: ['field_number'] })).toContain(
      '"field_number" is not among the columns (id, reported_acres)',
    )
  })

  it('columns that are missing, empty, doubled in another case, without a name or added by landing', () => {
    const columns = (more: Definition): string => refused({ ...field, columns: { ...field.columns, ...more } })
    expect(refused({ ...field, columns: undefined })).toContain('FIELD.columns  is missing, expected names and types')
    expect(refused({ ...field, columns: {} })).toContain('FIELD.columns  has no column, expected names and types')
    expect(refused({ ...field, columns: ['id'] })).toContain('FIELD.columns  found a list, expected names and types')
    expect(columns({ ID: 'int' })).toBe(
      'my-tables.json  FIELD.columns.ID  is the column id in another case; expected each once, whatever the case',
    )
    expect(columns({ '': 'int' })).toContain('FIELD.columns.""  is refused: expected a name that is not empty')
    for (const name of ['dart_filedate', 'quarantine_reason'])
      expect(columns({ [name]: 'string' })).toContain(`FIELD.columns.${name}  is refused: landing adds a column`)
  })

  it('a type that is not known, and which are', () => {
    const typed = (type: unknown): string => refused({ ...field, columns: { id: 'bigint', acres: type } })
    expect(typed('decmal')).toBe(
      'my-tables.json  FIELD.columns.acres  type "decmal" is not known; expected one of string, boolean, tinyint, smallint, int, bigint, float, double, date, timestamp, binary, decimal(p,s); did you mean decimal?',
    )
    expect(typed('decimal')).toContain('FIELD.columns.acres  type "decimal" is refused: expected decimal(p,s)')
    expect(typed(7)).toContain('FIELD.columns.acres  found 7, expected a type')
  })

  it('everything that is wrong at once', () => {
    const text = refused({ ...field, columns: { id: 'bigit' } }, { table: 'CROP' })
    expect(text.split('\n').map((line) => line.split('  ')[1])).toEqual([
      'FIELD.columns.id',
      'CROP.columns',
      'CROP.primaryKey',
    ])
  })
})

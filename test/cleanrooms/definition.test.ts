/** Definitions that are wrong say where; what they make of column names. */
import { describe, expect, it } from 'vitest'
import type { WireRequest } from '../../src/cleanrooms/account.ts'
import {
  type CleanRoomsOptions,
  cleanRoomsEnvironment,
  defineCleanRooms,
  fitsPattern,
} from '../../src/cleanrooms/definition.ts'
import { schemaMapping } from '../../src/cleanrooms/entity-resolution.ts'
import flywheel from '../../systems/flywheel/clean-rooms.ts'
import { modelProblems } from './model.ts'
import { definitionWith, models, options } from './room.ts'

const offered = (names: string[]) => ({ columns: names.map((Name) => ({ Name, Type: 'string' })) }) as never

describe('a definition', () => {
  it.each([
    ['an unknown key', { ...options, colour: 'red' }, /colour/],
    [
      'a table name without {table}',
      { ...options, association: { name: 'same' } },
      /association.name: expected \{table\}/,
    ],
    [
      'an account that is none',
      { ...options, analysisProviders: ['12'] },
      /analysisProviders.0: expected the 12 digits/,
    ],
    [
      'a rule of no type',
      { ...options, configuredTable: { analysisRule: { type: 'NONE' } } },
      /configuredTable.analysisRule/,
    ],
    ['nothing', null, /no definition of clean rooms/],
  ])('is refused: %s', (_, wrong, message) => {
    expect(() => defineCleanRooms(wrong as CleanRoomsOptions, 'rooms.json')).toThrow(message)
  })

  it('names its environments', () => {
    expect(() => cleanRoomsEnvironment(definitionWith(), 'prod')).toThrow(/no such environment \(dev\)/)
  })

  it('has patterns in which only * means something', () => {
    expect(fitsPattern('*_email', 'WORK_EMAIL')).toBe(true)
    expect(fitsPattern('a.c', 'abc')).toBe(false)
    expect(fitsPattern('part_*_a', 'part_ibe_01_b')).toBe(false)
  })
})

describe('the schema mapping of the flywheel', () => {
  const rules = flywheel.entityResolution as NonNullable<typeof flywheel.entityResolution>
  const typesOf = (names: string[]) =>
    schemaMapping(rules, offered(names)).map(({ fieldName, type }) => `${fieldName} ${type}`)

  it('finds the unique ID and the fields by their names', () => {
    const names = ['customer_user_id', 'first_name', 'last_name', 'home_email', 'ibe1_a', 'city', 'zip_code', 'idfa']
    expect(typesOf(names)).toEqual([
      'customer_user_id UNIQUE_ID',
      'first_name NAME_FIRST',
      'last_name NAME_LAST',
      'home_email EMAIL_ADDRESS',
      'city ADDRESS_CITY',
      'zip_code ADDRESS_POSTALCODE',
      'idfa MAID',
    ])
  })

  it('takes the first other column where no name fits, and one of each member of a group', () => {
    expect(typesOf(['customer_user_id', 'ibe1_a', 'ibe1_b'])).toEqual(['customer_user_id UNIQUE_ID', 'ibe1_a STRING'])
    expect(typesOf(['customer_user_id', 'first_name', 'given_name', 'city'])).toEqual([
      'customer_user_id UNIQUE_ID',
      'first_name NAME_FIRST',
      'city ADDRESS_CITY',
    ])
    expect(typesOf(['customer_user_id'])).toEqual(['customer_user_id UNIQUE_ID'])
    expect(typesOf(['email'])).toEqual([])
  })

  it('tells hashed values from plain ones', () => {
    const names = ['customer_user_id', 'email', 'email_sha256']
    expect(schemaMapping(rules, offered(names)).slice(1)).toEqual([
      { fieldName: 'email', type: 'EMAIL_ADDRESS', matchKey: 'email' },
      { fieldName: 'email_sha256', type: 'EMAIL_ADDRESS', matchKey: 'hashed email', hashed: true },
    ])
  })

  it('has at most 25 fields', () => {
    const names = Array.from({ length: 40 }, (_, at) => `c${at}_email`)
    expect(typesOf(['customer_user_id', ...names])).toHaveLength(25)
  })
})

describe.skipIf(models === null)('the check against the models (scripts/service-models.sh)', () => {
  const ok = { statusCode: 200, headers: {}, body: new TextEncoder().encode('{}') }
  const problems = (path: string, body: object, method = 'POST'): string =>
    modelProblems(
      models as never,
      'cleanrooms',
      { method, path, headers: {}, body: JSON.stringify(body) } as WireRequest,
      ok,
    ).join('\n')

  it('finds what does not fit', () => {
    const body = {
      name: '',
      colour: 1,
      tableReference: { glue: {}, athena: {} },
      allowedColumns: ['A'],
      analysisMethod: 'NONE',
    }
    const text = problems('/configuredTables', body)
    for (const part of [
      'request.name has 0, at least 1',
      'request.colour is no member',
      'request.tableReference is a union and has 2 members',
      'request.tableReference.glue.tableName is missing',
      'request.allowedColumns[0] "A" does not fit',
      'request.analysisMethod NONE is none of',
      'response.configuredTable is missing',
    ])
      expect(text).toContain(part)
    expect(problems('/configuredTable', {})).toContain('no operation is POST /configuredTable')
    expect(problems('/configuredTables', { allowedColumns: 'a' })).toContain('request.allowedColumns is no list')
  })
})

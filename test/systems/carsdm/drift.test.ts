/** Columns and values that change over time; every case is a table. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Case, definitionOf, expectCase, type Played, play } from './cases.ts'
import { tableFormats } from './lake.ts'
import { cdc, type FileContent, load, type Value } from './landing.ts'
import { readZones } from './zones.ts'

const plain = 'id bigint, note string'
const change = 'Op string, id bigint, note string'

/** Files of a table with one value each, of the types given, with ids from 1. */
function valued(name: string, ...values: [type: string, value: Value][]): FileContent[] {
  return values.map(([type, value], index) =>
    cdc(index + 1, `Op string, id bigint, ${name} ${type}`, ['I', index + 1, value]),
  )
}
const eachAlone = (files: FileContent[]): FileContent[][] => files.map((file) => [file])

const widened: [string, Value][] = [
  ['int', 1],
  ['bigint', 5_000_000_000],
  ['decimal(12,2)', '2.50'],
  ['double', 0.25],
  ['string', '12.50'],
]
const unfit: [string, Value][] = [
  ['decimal(12,2)', '99999999.99'],
  ['decimal(12,2)', '100000000.00'],
  ['decimal(12,4)', '1.2300'],
  ['decimal(12,4)', '1.2301'],
  ['double', 2.125],
  ['double', 2.25],
  ['string', 'n/a'],
  ['string', '7'],
  ['string', ''],
  ['bigint', 123_456_789_012],
]

const cases: Case[] = [
  {
    title: 'a column is added: older rows are null',
    table: 'ADDED',
    runs: [
      [load(1, plain, [1, 'a'], [2, 'b'])],
      [cdc(8, `${change}, extra string`, ['U', 2, 'c', 'x'], ['I', 3, 'd', null])],
      [cdc(9, `${change}, another date`, ['U', 3, 'e', '2025-01-01'])],
    ],
  },
  {
    title: 'a column is dropped: it is null in newer images',
    table: 'DROPPED',
    runs: [[load(1, `${plain}, extra int`, [1, 'a', 1], [2, 'b', 2])], [cdc(8, 'Op string, id bigint', ['U', 1])]],
  },
  {
    title: 'a declared column that no file has',
    table: 'NEVER',
    columns: 'id bigint, note string, price decimal(10,2), seen timestamp',
    runs: [[load(1, plain, [1, 'a'])], [cdc(8, change, ['U', 1, 'b'])]],
  },
  {
    title: 'a declared column widens within a run',
    table: 'WIDER',
    columns: 'id bigint, price decimal(18,2)',
    runs: [valued('price', ...widened)],
  },
  {
    title: 'a declared column widens from run to run',
    table: 'WIDER_RUNS',
    columns: 'id bigint, price decimal(18,2)',
    runs: eachAlone(valued('price', ...widened)),
  },
  {
    title: 'a declared column narrows from run to run',
    table: 'NARROWER',
    columns: 'id bigint, price double',
    runs: eachAlone(valued('price', ...[...widened].reverse())),
  },
  {
    title: 'an added column widens within a run',
    table: 'ADDED_WIDER',
    columns: 'id bigint',
    runs: [valued('extra', ...widened)],
  },
  {
    title: 'an added column widens from run to run, to numbers that hold all',
    table: 'ADDED_NUMBERS',
    columns: 'id bigint',
    runs: eachAlone(valued('extra', ...widened.slice(0, 4))),
  },
  {
    title: 'an added column widens from run to run, to text as it landed',
    table: 'ADDED_TEXT',
    columns: 'id bigint',
    runs: eachAlone(valued('extra', ...widened)),
  },
  {
    title: 'an added column whose types have nothing in common',
    table: 'ADDED_OTHER',
    columns: 'id bigint',
    runs: eachAlone(valued('extra', ['boolean', true], ['int', 7], ['date', '1850-02-03'])),
  },
  {
    title: 'names are renamed in case and stand in another order',
    table: 'RENAMED',
    columns: 'id bigint, reported_acres decimal(10,2)',
    runs: [
      [load(1, 'ID bigint, Reported_Acres decimal(10,2), Extra int', [1, '1.50', 1], [2, '2.50', 2])],
      [cdc(8, 'EXTRA int, REPORTED_ACRES decimal(10,2), OP string, Id bigint', [3, '3.50', 'U', 1])],
      [cdc(9, 'dms_COMMIT_ts timestamp, op string, id bigint, extra int', ['2025-11-03 09:00:00', 'D', 2, null])],
    ],
  },
  {
    title: 'values that fit their declared decimal or not',
    table: 'DECIMALS',
    columns: 'id bigint, price decimal(10,2)',
    runs: [valued('price', ...unfit.slice(0, 5)), valued('price', ...unfit).slice(5)],
  },
  {
    title: 'integers: too big, with a fraction, as text',
    table: 'INTEGERS',
    columns: 'id bigint, count int',
    runs: [
      valued('count', ['bigint', 2_147_483_647], ['bigint', 2_147_483_648], ['double', 3], ['double', 3.5]),
      valued(
        'count',
        ['int', 0],
        ['int', 0],
        ['int', 0],
        ['int', 0],
        ['decimal(5,1)', '4.0'],
        ['string', 'four'],
      ).slice(4),
    ],
  },
  {
    title: 'dates and timestamps long ago, with a time of day, as text',
    table: 'DATES',
    columns: 'id bigint, born date',
    runs: [
      valued('born', ['date', '1899-12-31'], ['date', '0001-01-01'], ['date', '9999-12-31'], ['date', '1582-10-10']),
      valued(
        'born',
        ...Array.from({ length: 4 }, (): [string, Value] => ['date', '2000-01-01']),
        ['timestamp', '1850-06-01 00:00:00'],
        ['timestamp', '1850-06-01 00:00:01'],
        ['string', '1850-06-01'],
        ['string', 'yesterday'],
        ['int', 20_250_101],
      ).slice(4),
    ],
  },
  {
    title: 'timestamps before 1900, to the microsecond',
    table: 'TIMES',
    columns: 'id bigint, seen timestamp',
    runs: [
      valued('seen', ['timestamp', '1899-12-31 23:59:59.999999'], ['timestamp', '0001-01-01 00:00:00.000001']),
      valued('seen', ['int', 0], ['int', 0], ['date', '1753-01-01'], ['timestamp', '1969-12-31 23:59:59.000001']).slice(
        2,
      ),
    ],
  },
  {
    title: 'numbers in a declared text column, and booleans',
    table: 'TEXTS',
    columns: 'id bigint, note string, is_open boolean',
    runs: [
      [cdc(1, 'Op string, id bigint, note int, is_open boolean', ['I', 1, 12, true], ['I', 2, null, false])],
      [
        cdc(
          2,
          'Op string, id bigint, note string, is_open int',
          ['U', 1, 'it\'s, "x"\n\u{1f600}', null],
          ['I', 3, '', 5],
        ),
      ],
    ],
  },
  {
    title: 'a bad value and a null key in one row; a bad image between good ones',
    table: 'BAD_ROWS',
    columns: 'id bigint, price decimal(5,2)',
    runs: [
      [load(1, 'id bigint, price string', [1, '1.00'], [2, '2.00'], [null, 'x'])],
      [cdc(8, 'Op string, id bigint, price string', ['U', 1, 'x'], ['U', 2, '2.001'], ['I', 3, '3'])],
      [cdc(9, 'Op string, id bigint, price string', ['U', 1, '9.99'])],
    ],
  },
  {
    title: 'a file without its key column',
    table: 'KEYLESS',
    runs: [[load(1, plain, [1, 'a'])], [cdc(8, 'Op string, note string', ['I', 'b'], ['U', 'c'])]],
  },
  {
    title: 'added columns with names that SQL reads as something else',
    table: 'NAMES',
    runs: [
      [
        cdc(8, `${change}, select int, nota "x" string, it's string, a.b int, ação int`, [
          'I',
          1,
          'n',
          1,
          'q',
          's',
          2,
          3,
        ]),
      ],
    ],
  },
]
const runs = Math.max(...cases.map((one) => one.runs.length))

describe.each(tableFormats)('drift, %s', (tableFormat) => {
  let played: Played
  beforeAll(async () => {
    played = await play(
      cases,
      Array.from({ length: runs }, () => ({})),
      tableFormat,
    )
  })
  afterAll(() => played?.lake.remove())

  it.each(cases)('$title', (one) => expectCase(played, one))

  it('leaves no column of the CDC zone with two types', async () => {
    for (const one of cases) {
      const { changes } = await readZones(played.lake.root, one.table)
      const types = new Map<string, Set<string>>()
      for (const column of changes.schemas.flatMap((schema) =>
        schema.split(/, (?=[^,]+ [a-z]+(?:\([\d,]+\))?(?:,|$))/),
      )) {
        const name = column.slice(0, column.lastIndexOf(' '))
        types.set(name, (types.get(name) ?? new Set()).add(column.slice(name.length + 1)))
      }
      const several = [...types]
        .filter(([, all]) => all.size > 1)
        .map(([name, all]) => `${name}: ${[...all].join(' and ')}`)
      expect(several, definitionOf(one).table).toEqual([])
    }
  })

  it('is reported: each widening and each value that does not fit', () => {
    const said = played.warnings.join('\n')
    expect(said).toMatch(/ADDED_NUMBERS.*extra|extra.*ADDED_NUMBERS/)
    expect(said).toMatch(/DECIMALS/)
  })
})

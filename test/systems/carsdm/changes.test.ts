/** Loads, changes and deletes of keys; every case is a table, played under `keep` and `apply`, then under other rules. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Case, definitionOf, expectCase, type Played, play } from './cases.ts'
import { cdc, load } from './landing.ts'
import { readZones } from './zones.ts'

const plain = 'id bigint, note string'
const change = 'Op string, id bigint, note string'
const timed = 'Op string, dms_commit_ts timestamp, id bigint, note string'
const deleteOnly = 'Op string, id bigint'
const loadedAt = 'dms_commit_ts timestamp, id bigint, note string'
/** A moment of the usual day. */
const at = (time: string): string => `2025-11-03 ${time}`

const cases: Case[] = [
  {
    title: 'LOAD rows without Op',
    table: 'NO_OP',
    runs: [[load(1, plain, [1, 'a'], [2, null])], [cdc(8, change, ['U', 2, 'b'])]],
  },
  {
    title: 'LOAD rows whose Op is null or I',
    table: 'NULL_OP',
    runs: [[load(1, change, [null, 1, 'a'], ['I', 2, 'b'])], [cdc(8, change, ['D', 2, 'b'])]],
  },
  {
    title: 'key-only deletes',
    table: 'KEY_ONLY',
    runs: [
      [load(1, plain, [1, 'a'], [2, 'b'], [3, 'c'])],
      [cdc(8, deleteOnly, ['D', 1], ['D', 2]), cdc(9, change, ['D', 3, null], ['D', 4, null])],
      [cdc(10, change, ['I', 2, 'again'])],
    ],
  },
  {
    title: 'I, U and D, U and U, D and I of one key in one file',
    table: 'ONE_FILE',
    runs: [
      [load(1, plain, [3, 'old'], [4, 'old'])],
      [
        cdc(8, change, ['I', 1, 'a'], ['U', 1, 'b'], ['D', 1, 'b'], ['U', 2, 'a'], ['U', 2, 'b']),
        cdc(9, change, ['D', 3, 'old'], ['I', 3, 'new'], ['U', 4, 'u'], ['D', 4, 'u'], ['I', 4, 'i'], ['D', 4, 'i']),
      ],
    ],
  },
  {
    title: 'equal commit times in one file and in two',
    table: 'EQUAL_TIMES',
    runs: [
      [cdc(8, timed, ['I', at('07:00:00'), 1, 'a'], ['U', at('07:00:00'), 1, 'b'], ['U', at('07:00:00'), 1, 'c'])],
      [cdc(9, timed, ['U', at('07:00:00'), 1, 'd'], ['D', at('07:00:00'), 1, null], ['I', at('07:00:00'), 1, 'e'])],
    ],
  },
  {
    title: 'a file whose rows are not in the order of their commits',
    table: 'COMMIT_ORDER',
    runs: [
      [
        cdc(
          8,
          timed,
          ['U', at('07:00:00.000002'), 1, 'last'],
          ['I', at('07:00:00.000001'), 1, 'first'],
          ['D', at('07:00:00.000003'), 2, null],
          ['I', at('07:00:00.000001'), 2, 'a'],
          ['U', null, 3, 'before all times'],
          ['U', at('01:00:00'), 3, 'after null'],
          ['U', null, 3, 'before all times too'],
        ),
      ],
      [cdc('20251103-075959999', timed, ['U', at('23:00:00'), 1, 'of an earlier file'])],
    ],
  },
  {
    title: 'a commit time that is text',
    table: 'TEXT_TIMES',
    runs: [
      [
        load(1, 'dms_commit_ts string, id bigint, note string', [at('09:00:00.000000'), 1, 'load']),
        cdc(8, 'Op string, dms_commit_ts string, id bigint, note string', ['U', at('07:59:00.000000'), 1, 'change']),
      ],
    ],
  },
  {
    title: 'a LOAD that overlaps changes and comes after them',
    table: 'LOAD_LATE',
    runs: [[cdc(8, change, ['I', 1, 'c'], ['D', 2, null])], [load(1, plain, [1, 'l'], [2, 'l'], [3, 'l'])]],
  },
  {
    title: 'a LOAD that overlaps changes by its commit times',
    table: 'LOAD_TIMES',
    runs: [
      [
        load(
          1,
          loadedAt,
          [at('07:59:59.999999'), 1, 'before'],
          [at('08:00:00'), 2, 'equal'],
          [at('08:00:00.000001'), 3, 'after'],
          [null, 4, 'first of all'],
          [at('08:00:00.000001'), 5, 'brought back'],
          [at('08:00:00'), 6, 'deleted at once'],
        ),
      ],
      [cdc(8, change, ['U', 1, 'c'], ['U', 2, 'c'], ['U', 3, 'c'], ['U', 4, 'c'], ['D', 5, null], ['D', 6, null])],
      [load(2, loadedAt, [at('07:00:00'), 1, 'old'], [at('10:00:00'), 2, 'new'], [null, 3, 'later LOAD'])],
    ],
  },
  {
    title: 'a later LOAD comes after the changes that landed before it',
    table: 'SECOND_LOAD',
    runs: [
      [load(1, plain, [1, 'l1'], [2, 'l1']), cdc(10, change, ['U', 1, 'c'], ['D', 2, null], ['I', 3, 'c'])],
      [load(2, plain, [1, 'l2'], [2, 'l2'], [4, 'l2']), cdc(12, change, ['U', 4, 'c'])],
      [cdc(9, change, ['U', 1, 'late'], ['D', 2, null], ['I', 5, 'late']), cdc(11, change, ['U', 2, 'between'])],
    ],
  },
  {
    title: 'a later LOAD where nothing has changed before',
    table: 'TWO_LOADS',
    runs: [
      [load(1, plain, [1, 'a'], [2, 'a'])],
      [load(2, plain, [1, 'b'])],
      [cdc(8, change, ['U', 2, 'c'], ['U', 1, 'c'])],
    ],
  },
  {
    title: 'a LOAD again under the same name, with and without changes between',
    table: 'RELOAD',
    runs: [
      [load(1, plain, [9, 'first'], [1, 'first'], [2, 'first'])],
      [load(1, plain, [1, 'again'], [3, 'again'])],
      [cdc(8, change, ['U', 1, 'change']), load(1, plain, [1, 'third'], [2, 'third'], [9, 'third'])],
    ],
  },
  {
    title: 'a LOAD in several files that repeat keys',
    table: 'LOAD_FILES',
    runs: [
      [load(2, plain, [1, 'second'], [2, 'c']), load(1, plain, [1, 'first'], [2, 'a'], [2, 'b'], [3, 'a'], [3, 'b'])],
    ],
  },
  {
    title: 'a change of primary key, as D and I',
    table: 'KEY_CHANGE',
    runs: [
      [load(1, plain, [1, 'a'], [2, 'b'])],
      [cdc(8, timed, ['D', at('07:00:00'), 1, null], ['I', at('07:00:00'), 10, 'a'])],
      [cdc(9, change, ['D', 10, null], ['I', 1, 'a'], ['D', 2, null], ['I', 3, 'b'])],
    ],
  },
  {
    title: 'composite keys, with nulls in one part',
    table: 'COMPOSITE',
    key: ['state', 'county'],
    columns: 'state string, county int, acres decimal(10,2)',
    runs: [
      [load(1, 'state string, county int, acres double', ['TX', 1, 2.5], ['TX', null, 1], [null, 1, 1], ['', 1, 1])],
      [
        cdc(8, 'Op string, state string, county int', ['D', 'TX', 1], ['D', 'TX', null], ['D', null, null]),
        cdc(
          9,
          'Op string, state string, county int, acres double',
          ['I', 'TX1', 1, 3],
          ['U', 'TX', 11, 4],
          ['U', '', 1, 5],
        ),
      ],
    ],
  },
  {
    title: 'operations spelled otherwise, unknown or missing',
    table: 'OTHER_OPS',
    runs: [
      [cdc(8, change, ['i', 1, 'a'], [' U ', 2, 'b'], ['X', 3, 'c'], [null, 4, 'd'], ['', 5, 'e'], ['II', 6, 'f'])],
      [cdc(9, plain, [7, 'no Op at all']), cdc(10, change, [' d', 1, null])],
    ],
  },
  {
    title: 'images and deletes that land out of order',
    table: 'OUT_OF_ORDER',
    runs: [
      [
        cdc(10, change, ['I', 1, '10'], ['I', 2, '10'], ['I', 3, '10']),
        cdc(14, change, ['D', 1, null], ['U', 3, '14']),
      ],
      [cdc(12, change, ['U', 1, '12'], ['D', 2, null], ['D', 3, null], ['D', 4, null]), cdc(8, change, ['U', 2, '08'])],
      [
        cdc(16, change, ['I', 1, '16']),
        cdc(11, change, ['I', 4, '11'], ['U', 2, '11'], ['I', 5, '11'], ['D', 5, null]),
      ],
    ],
  },
  {
    title: 'deletes of keys that never had an image',
    table: 'ONLY_DELETES',
    runs: [
      [cdc(8, deleteOnly, ['D', 1], ['D', 2])],
      [cdc(7, change, ['I', 1, 'before']), cdc(9, change, ['I', 2, 'after'])],
    ],
  },
  {
    title: 'one key in several types',
    table: 'KEY_TYPES',
    runs: [
      [load(1, 'id int, note string', [7, 'int'], [8, 'int'])],
      [cdc(8, 'Op string, id string, note string', ['U', '7', 'text'], ['D', '8', null], ['I', 'x', 'no number'])],
      [
        cdc(
          9,
          'Op string, id decimal(20,0), note string',
          ['U', '7', 'decimal'],
          ['I', '99999999999999999999', 'too big'],
        ),
      ],
    ],
  },
]

/** What each run is told; the first three have files. */
const rules = {
  keep: ['keep', 'keep', 'keep', 'flag', 'apply', 'keep'],
  apply: ['apply', 'apply', 'apply', 'flag'],
} as const

const games = [
  { rule: 'keep', tableFormat: 'parquet' },
  { rule: 'apply', tableFormat: 'parquet' },
  { rule: 'keep', tableFormat: 'iceberg' },
] as const

describe.each(games)('under $rule, $tableFormat', ({ rule, tableFormat }) => {
  let played: Played
  beforeAll(async () => {
    played = await play(
      cases,
      rules[rule].map((deletes) => ({ deletes })),
      tableFormat,
    )
  })
  afterAll(() => played?.lake.remove())

  it.each(cases)('$title', (one) => expectCase(played, one))

  it('operation and helper columns are in no Final', () => {
    for (const [table, stages] of played.stages) {
      for (const { zones } of stages) {
        const names = zones.final.columns.map(({ name }) => name)
        expect(
          names.filter((name) => /^(op|dms_commit_ts|dart_.*|read_from)$/.test(name)),
          table,
        ).toEqual([])
      }
    }
  })

  it('running once more changes no byte of a table', async () => {
    const { lake } = played
    const before = lake.snapshot()
    const deletes = rules[rule].at(-1) ?? 'keep'
    await lake.run({ deletes })
    expect(lake.snapshot()).toEqual(before)
    for (const one of cases) {
      const found = await readZones(lake.root, one.table)
      expect(found.final.rows.length, definitionOf(one).table).toBe(lake.answer(one.table).final.length)
    }
  })
})

/** What may lie in a landing folder: awkward names, odd columns, types of every kind, hostile names. */
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Ended, millrace, type StartOptions } from '../../cli.ts'
import { expectMetrics } from './expectations.ts'
import {
  type Lake,
  landingOf,
  listedUnreadable,
  makeLake,
  partitionOf,
  readTable,
  soundFile,
  tableSchema,
  text,
  writeParquet,
} from './lake.ts'
import { plain, rowsSql, stems } from './landing.ts'

const day = '2025-11-03'
const folder = landingOf(day)
const target = partitionOf(day)
const time = 1762128000000000n

function run(lake: Lake, options: StartOptions = {}): Promise<Ended> {
  return millrace(
    ['run', 'chargebacks', '--root', lake.root, '--partition-date', day, '--output-file-count', '2'],
    options,
  )
}

/** One row with the declared columns, as SQL; `more` adds columns. */
function row(id: string, more = ''): string {
  return `SELECT *${more} FROM (${rowsSql(plain(), [{ chargeback_id: id, event_timestamp: time }])})`
}

/** Lands files given as SQL, in turns with a run after each; gives the added columns of the table by key. */
async function landed(lake: Lake, turns: Record<string, string>[]): Promise<Record<string, unknown>> {
  for (const files of turns) {
    for (const [name, sql] of Object.entries(files)) await writeParquet(lake.absolute(`${folder}/${name}`), sql)
    expect((await run(lake)).code).toBe(0)
  }
  const rows = await readTable(lake, target)
  return Object.fromEntries(rows.map((found) => [found.chargeback_id, Object.values(found).slice(15)]))
}

describe.concurrent('file names', () => {
  it('of every kind are read to the letter', async ({ onTestFinished }) => {
    const lake = makeLake()
    onTestFinished(lake.remove)
    const names = stems.map((stem) => `${stem}.parquet`)
    await lake.land(
      folder,
      names.map((name) => soundFile(name, [{ chargeback_id: name }, { chargeback_id: '' }])),
    )
    const ended = await run(lake)
    expectMetrics(ended, { records: 2 * names.length, duplicates: 0, files: 2 })
    expect((await readTable(lake, target)).map(({ chargeback_id: id }) => id).sort()).toEqual([...names].sort())
    const rejected = await readTable(lake, partitionOf(day, 'quarantine/chargebacks'))
    expect(rejected.map((found) => found.quarantine_file).sort()).toEqual(
      names.map((name) => `${folder}/${name}`).sort(),
    )
  })

  it('with a backslash are read like any other', async ({ onTestFinished }) => {
    const lake = makeLake()
    onTestFinished(lake.remove)
    await lake.land(folder, [soundFile('back\\slash.parquet', [{ chargeback_id: 'A' }])])
    expectMetrics(await run(lake), { records: 1, duplicates: 0, files: 1 })
    expect(listedUnreadable(lake, day)).toEqual([])
  })

  it.skipIf(process.platform !== 'linux')(
    'that are not UTF-8 are read or named in a warning',
    async ({ onTestFinished }) => {
      const lake = makeLake()
      onTestFinished(lake.remove)
      await lake.land(folder, [soundFile('a.parquet', [{ chargeback_id: 'A' }])])
      const name = Buffer.concat([
        Buffer.from(lake.absolute(`${folder}/b`)),
        Buffer.from([0xff]),
        Buffer.from('.parquet'),
      ])
      fs.copyFileSync(lake.absolute(`${folder}/a.parquet`), name)
      const ended = await run(lake)
      const isRead = ended.stdout.includes('records_processed=2')
      expect(isRead || /warning: .*b.*\.parquet/.test(ended.stderr), ended.stderr).toBe(true)
    },
  )

  it('that are not Parquet get a warning, and folders and ignored names none', async ({ onTestFinished }) => {
    const lake = makeLake()
    onTestFinished(lake.remove)
    await lake.land(folder, [soundFile('a.parquet', [{ chargeback_id: 'A' }])])
    fs.writeFileSync(lake.absolute(`${folder}/notes.txt`), 'stray')
    fs.writeFileSync(lake.absolute(`${folder}/_SUCCESS`), '')
    const ended = await run(lake)
    expectMetrics(ended, { records: 1, duplicates: 0, files: 1 })
    expect(ended.stderr).toMatch(/warning: "landing\/chargebacks\/2025\/11\/03\/notes\.txt" .*was not read/)
    expect(ended.stderr).toMatch(/succeeded with warnings/)
    expect(ended.stderr).not.toContain('_SUCCESS')
  })
})

describe.concurrent('added columns', () => {
  const usual: [string, string][] = [
    [`1 AS "a""b'c"`, 'a"b\'c INTEGER'],
    [`1 AS "b\nb; drop"`, 'b\nb; drop INTEGER'],
    ['1 AS file_index', 'file_index INTEGER'],
    ["'f' AS filename", 'filename VARCHAR'],
    ['1 AS landing', 'landing INTEGER'],
    ['[1, 2] AS x01', 'x01 INTEGER[]'],
    [`MAP {'a': 1} AS x02`, 'x02 MAP(VARCHAR, INTEGER)'],
    [`[{'a': [1], 'b': {'c': 'x'}}] AS x03`, 'x03 STRUCT(a INTEGER[], b STRUCT(c VARCHAR))[]'],
    ['18446744073709551615::UBIGINT AS x04', 'x04 DECIMAL(20,0)'],
    [`'\\xFF'::BLOB AS x05`, 'x05 BLOB'],
    [`TIME '10:00:00' AS x06`, 'x06 TIME'],
    [`'ba62be9d-5fb0-4c58-aed7-9b4750299ac2'::UUID AS x07`, 'x07 VARCHAR'],
    [`'{"a": 1}'::JSON AS x08`, 'x08 VARCHAR'],
    [`DATE '2025-01-01' AS x09`, 'x09 DATE'],
    [`TIMESTAMPTZ '2025-01-01 00:00:00Z' AS x10`, 'x10 TIMESTAMP WITH TIME ZONE'],
    ['1.5::FLOAT AS x11', 'x11 FLOAT'],
    ['200::UTINYINT AS x12', 'x12 SMALLINT'],
  ]
  it.each([
    ['of usual kinds', usual],
    ['named rowid', [['1 AS rowid', 'rowid INTEGER']]],
    ['that are structs with a colon in a name', [[`{'a:b': 1} AS x`, 'x STRUCT("a:b" INTEGER)']]],
    ['that are structs with a comma in a name', [[`{'a,(b>': 1} AS x`, 'x STRUCT("a,(b>" INTEGER)']]],
  ] as [string, [string, string][]][])('%s are kept, and null elsewhere', async (_, columns) => {
    const lake = makeLake()
    try {
      const more = columns.map(([sql]) => `, ${sql}`).join('')
      await writeParquet(lake.absolute(`${folder}/a.parquet`), row('A', more))
      await writeParquet(lake.absolute(`${folder}/b.parquet`), row('A', more))
      await writeParquet(lake.absolute(`${folder}/c.parquet`), row('C'))
      expectMetrics(await run(lake), { records: 3, duplicates: 1, files: 2 })
      expect((await tableSchema(lake, target)).slice(15)).toEqual(columns.map(([, type]) => type))
      for (const found of await readTable(lake, target)) {
        const isNull = Object.values(found).map((value) => value === null)
        expect(isNull.slice(15)).toEqual(columns.map(() => found.chargeback_id === 'C'))
      }
    } finally {
      lake.remove()
    }
  })

  it.each([
    ['an interval', 'INTERVAL 1 DAY AS x'],
    ['a variant', '1::VARIANT AS x'],
  ])('of a type that cannot be kept (%s) cost their file at most, not the day', async (_, column) => {
    const lake = makeLake()
    try {
      await writeParquet(lake.absolute(`${folder}/a.parquet`), row('A', `, ${column}`))
      await writeParquet(lake.absolute(`${folder}/b.parquet`), row('B'))
      const ended = await run(lake)
      expect(ended.code, ended.stderr).toBe(0)
      const ids = (await readTable(lake, target)).map(({ chargeback_id: id }) => id)
      const listed = listedUnreadable(lake, day).map((entry) => entry.path)
      expect([...ids, ...listed].sort()).toEqual(ids.length === 2 ? ['A', 'B'] : ['B', `${folder}/a.parquet`])
    } finally {
      lake.remove()
    }
  })

  it('never have SQL in their names', async ({ onTestFinished }) => {
    const lake = makeLake()
    const working = fs.mkdtempSync(path.join(tmpdir(), 'millrace-'))
    onTestFinished(() => {
      lake.remove()
      fs.rmSync(working, { recursive: true })
    })
    const nulls = plain().map(({ column }) => `NULL AS ${column.toUpperCase()}`)
    const name = `X:INTEGER)) AS S, 0 AS "_FILE" FROM (SELECT ${nulls.join(', ')}, NULL AS S); COPY (SELECT 1) TO 'OWNED.CSV'; --`
    await writeParquet(lake.absolute(`${folder}/a.parquet`), row('A', `, {${text(name)}: 1} AS s`))
    await writeParquet(lake.absolute(`${folder}/b.parquet`), row('B'))
    const ended = await run(lake, { folder: working })
    expect(fs.readdirSync(working)).toEqual([])
    expect(ended.code, ended.stderr).toBe(0)
  })
})

describe.concurrent('columns of several types', () => {
  const cases: [string, Record<string, string>[]][] = [
    [
      'numbers, then text',
      [
        { 'a.parquet': row('A', ', 7 AS x'), 'b.parquet': row('B', ', 2.5::DOUBLE AS x') },
        { 'c.parquet': row('C', ", 'x' AS x") },
      ],
    ],
    [
      'a tie between numbers, then text',
      [
        { 'a.parquet': row('A', ', 10 AS x'), 'b.parquet': row('A', ', 9 AS x') },
        { 'c.parquet': row('C', ", 'x' AS x") },
      ],
    ],
    [
      'a file without rows that adds a column, then one with rows',
      [{ 'a.parquet': `${row('A', ', 7 AS x')} WHERE false` }, { 'b.parquet': row('B') }],
    ],
    [
      'another spelling of the name',
      [{ 'a.parquet': row('A', ', 7 AS "Xy"') }, { 'b.parquet': row('B', ', 8 AS "XY"') }],
    ],
  ]
  it.each(cases)('give the same in one execution as in two: %s', async (_, turns) => {
    const [split, whole] = [makeLake(), makeLake()]
    try {
      const [inTurns, atOnce] = await Promise.all([landed(split, turns), landed(whole, [Object.assign({}, ...turns)])])
      expect(Object.keys(atOnce).length).toBeGreaterThan(0)
      expect(inTurns).toEqual(atOnce)
      expect(await tableSchema(split, target)).toEqual(await tableSchema(whole, target))
    } finally {
      split.remove()
      whole.remove()
    }
  })

  it('fit whatever their type when they hold nothing but nulls', async ({ onTestFinished }) => {
    const lake = makeLake()
    onTestFinished(lake.remove)
    const sql = `SELECT * REPLACE (NULL::INTEGER AS updated_at, NULL::DOUBLE AS amount) FROM (${row('A')})`
    await landed(lake, [{ 'a.parquet': sql, 'b.parquet': row('B') }])
    expect(listedUnreadable(lake, day)).toEqual([])
    expect((await readTable(lake, target)).map(({ chargeback_id: id }) => id).sort()).toEqual(['A', 'B'])
    expect((await tableSchema(lake, target))[6]).toBe('amount DECIMAL(18,2)')
  })
})

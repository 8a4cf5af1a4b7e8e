/** The answer that the other tests compare with, against tiny cases worked out by hand; and that what is landed can be read. */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom, testSeed } from '../../random.ts'
import { rowsOf, text } from '../chargebacks/lake.ts'
import { type Answer, answerOf, lines, type Settings } from './answer.ts'
import { cdc, columnsOf, type FileContent, type LandedFile, landFile, load, truncated } from './landing.ts'
import { arrivalOf, definitionOf, streams } from './streams.ts'
import { addedColumns, canonical, commonType, fitTo, misfit } from './typing.ts'

const definition = { table: 'T', primaryKey: ['id'], columns: { id: 'bigint', note: 'string' } }
const change = 'Op string, id bigint, note string'
const timed = 'Op string, dms_commit_ts timestamp, id bigint, note string'
const usual: Settings = { deletes: 'keep', runDate: '2025-11-06', retentionDays: 10 }

function answer(runs: FileContent[][], settings: Partial<Settings> = {}): Answer {
  return answerOf(definition, landed(runs), { ...usual, ...settings })
}

function landed(runs: FileContent[][]): LandedFile[][] {
  return runs.map((files) => files.map((file): LandedFile => ({ ...file, table: 'T', sha256: hash(file) })))
}

function hash(file: FileContent): string {
  const content = 'bytes' in file ? file.bytes.toString('hex') : JSON.stringify([file.columns, file.rows])
  return createHash('sha256').update(content).digest('hex')
}

/** Keys and notes of Final: `1a 2b`. */
function final(runs: FileContent[][], settings: Partial<Settings> = {}): string {
  const rows = answer(runs, settings).final.map(
    ({ id, note, is_deleted: flag }) => `${id}${note}${flag ? ` ${flag}` : ''}`,
  )
  return rows.sort().join(', ')
}

describe('the order of the changes', () => {
  const loaded = load(1, 'id bigint, note string', [1, 'a'], [2, 'b'])
  const changed = cdc(8, change, ['U', 1, 'c'], ['D', 2, 'never'])

  it('has the first LOAD before every change, in whatever run it lands', () => {
    expect(final([[loaded, changed]])).toBe('1c, 2b')
    expect(final([[changed], [loaded]])).toBe('1c, 2b')
  })

  it('has a later LOAD after the changes that landed in earlier runs', () => {
    const second = load(2, 'id bigint, note string', [1, 'again'])
    expect(final([[loaded, changed], [second]])).toBe('1again, 2b')
    expect(final([[loaded], [changed, second]])).toBe('1c, 2b')
    expect(
      final([
        [loaded, changed],
        [second, cdc(9, change, ['U', 1, 'd'])],
      ]),
    ).toBe('1d, 2b')
  })

  it('goes by the time of a LOAD row where it has one', () => {
    const at = (time: string) =>
      load(1, 'dms_commit_ts timestamp, id bigint, note string', [`2025-11-03 ${time}`, 1, 'x'])
    expect(final([[at('07:59:59.999999'), changed]])).toBe('1c')
    expect(final([[at('08:00:00'), changed]])).toBe('1c')
    expect(final([[at('08:00:00.000001'), changed]])).toBe('1x')
  })

  it('goes by file, then commit, then position', () => {
    const time = (second: number): string => `2025-11-03 07:00:0${second}`
    expect(final([[cdc(9, change, ['U', 1, 'late'])], [cdc(8, change, ['I', 1, 'early'])]])).toBe('1late')
    expect(final([[cdc(8, timed, ['U', time(2), 1, 'second'], ['I', time(1), 1, 'first'])]])).toBe('1second')
    expect(final([[cdc(8, timed, ['I', time(1), 1, 'first'], ['U', time(1), 1, 'second'])]])).toBe('1second')
    expect(final([[cdc(8, timed, ['I', time(1), 1, 'first'], ['U', null, 1, 'second'])]])).toBe('1first')
  })

  it('takes a file once, under whatever name', () => {
    const again = { ...cdc(8, change, ['U', 1, 'a']), name: '20251103-230000000.parquet' }
    const files = [[cdc(8, change, ['U', 1, 'a'])], [cdc(9, change, ['U', 1, 'b'])], [again]]
    expect(final(files)).toBe('1b')
    expect(answer(files).datasets).toHaveLength(2)
  })
})

describe('deletes', () => {
  const files = [
    [cdc(8, change, ['I', 1, 'a'], ['I', 2, 'b']), cdc(10, change, ['D', 1, null])],
    [cdc(9, change, ['U', 1, 'c'], ['D', 2, null]), cdc(11, change, ['I', 2, 'd'])],
  ]

  it('are kept, flagged or applied', () => {
    expect(final(files)).toBe('1c, 2d')
    expect(final(files, { deletes: 'flag' })).toBe('1c true, 2d false')
    expect(final(files, { deletes: 'apply' })).toBe('2d')
  })

  it('have the commit time of the last one, or its file time', () => {
    const deletedAt = (file: FileContent) => answer([[cdc(8, change, ['I', 1, 'a']), file]], { deletes: 'flag' }).final
    expect(deletedAt(cdc('20251103-081530123', 'Op string, id bigint', ['D', 1]))).toMatchObject([
      { deleted_at: '2025-11-03 08:15:30.123000' },
    ])
    expect(deletedAt(cdc(9, timed, ['D', '2025-11-03 07:00:00.5', 1, null]))).toMatchObject([
      { deleted_at: '2025-11-03 07:00:00.500000' },
    ])
  })
})

describe('rows', () => {
  it('are quarantined by null key, operation and value', () => {
    const found = answer([
      [cdc(8, 'Op string, id string', ['I', null], ['X', '1'], ['I', 'one'], [' u ', '2'], [null, '3'])],
    ])
    expect(found.final).toEqual([{ id: '2', note: null }])
    expect(found.quarantined.map(({ keys, words }) => `${keys}: ${words}`)).toEqual([
      'null: id',
      '1: op',
      'one: id',
      '3: op',
    ])
  })

  it('are in the CDC zone while their file date is in the window', () => {
    const files = ['20251027', '20251028', '20251107'].map((date) => cdc(`${date}-000000000`, change, ['I', 1, date]))
    const dates = (settings: Partial<Settings>) => answer([files], settings).changes.map((row) => row.dart_filedate)
    expect(dates({})).toEqual(['2025-10-28', '2025-11-07'])
    expect(dates({ retentionDays: 11 })).toHaveLength(3)
    expect(dates({ runDate: '2025-11-16', retentionDays: 9 })).toEqual([])
  })
})

describe('types', () => {
  it.each([
    ['1', 'int', 'bigint', '1'],
    ['2147483648', 'bigint', 'int', misfit],
    ['-2147483648', 'bigint', 'int', '-2147483648'],
    ['2.0', 'decimal(3,1)', 'int', '2'],
    ['2.5', 'double', 'int', misfit],
    ['12.50', 'decimal(5,2)', 'decimal(3,1)', '12.5'],
    ['12.55', 'decimal(5,2)', 'decimal(3,1)', misfit],
    ['123.40', 'decimal(5,2)', 'decimal(3,1)', misfit],
    ['-0.00', 'decimal(5,2)', 'decimal(3,1)', '0.0'],
    ['007', 'string', 'decimal(5,2)', '7.00'],
    ['1e3', 'string', 'int', misfit],
    ['', 'string', 'double', misfit],
    ['', 'string', 'decimal(5,2)', misfit],
    ['.', 'string', 'decimal(5,2)', misfit],
    ['0.5', 'double', 'decimal(2,2)', '0.50'],
    ['10.00', 'string', 'decimal(4,2)', '10.00'],
    ['2.50', 'string', 'double', '2.5'],
    ['1899-12-31 00:00:00.000000', 'timestamp', 'date', '1899-12-31'],
    ['1899-12-31 00:00:00.000001', 'timestamp', 'date', misfit],
    ['1899-12-31', 'date', 'timestamp', '1899-12-31 00:00:00.000000'],
    ['2025-02-30', 'string', 'date', misfit],
    ['5', 'int', 'date', misfit],
    ['5', 'int', 'string', '5'],
  ])('%s of %s as %s is %s', (value, from, to, expected) => {
    expect(fitTo(value, from, to)).toBe(expected)
  })

  it('have a common one', () => {
    const found = [
      ['int', 'bigint'],
      ['int', 'decimal(8,1)'],
      ['decimal(5,2)', 'double'],
      ['int', 'string'],
      ['date', 'int'],
    ]
    expect(found.map(commonType)).toEqual(['bigint', 'decimal(11,1)', 'double', 'string', 'string'])
    const files = [
      { columns: columnsOf('ID int, zeta int, Op string') },
      { columns: columnsOf('Zeta double, alpha date') },
    ]
    expect(addedColumns(files, ['id'])).toEqual(columnsOf('alpha date, zeta double'))
    expect(canonical('1.5', 'decimal(10,2)')).toBe('1.50')
  })
})

describe('the law', () => {
  it('holds for the answer: every way of a stream gives one Final', () => {
    const seed = testSeed()
    const finalOf = fc.property(
      streams,
      fc.nat(),
      fc.constantFrom('keep', 'flag', 'apply'),
      (stream, draw, deletes) => {
        const [plain, ...others] = [1, 3, 4].map((runs) => {
          const files = landed(arrivalOf(stream, seededRandom(draw + runs), runs))
          const { columns, final } = answerOf(definitionOf(stream, 'T'), files, { ...usual, deletes })
          const names = columns.map(({ name }) => name).filter((name) => name !== 'deleted_at' || stream.hasCommit)
          return lines(final, names)
        })
        for (const other of others) expect(other).toEqual(plain)
      },
    )
    fc.assert(finalOf, { seed, numRuns: 300 })
  })

  it('is put to streams that have of everything', () => {
    const drawn = fc.sample(streams, { seed: 1, numRuns: 200 })
    const answers = drawn.map((stream) => {
      const files = landed(arrivalOf(stream, seededRandom(stream.changes.length), 3))
      return answerOf(definitionOf(stream, 'T'), files, { ...usual, deletes: 'flag' })
    })
    const share = (holds: (answer: Answer) => boolean): number => answers.filter(holds).length / answers.length
    expect(share(({ quarantined }) => quarantined.length > 0)).toBeGreaterThan(0.5)
    expect(share(({ final }) => final.some((row) => row.is_deleted === 'true'))).toBeGreaterThan(0.5)
    expect(share(({ final }) => final.some((row) => row.is_deleted === 'false'))).toBeGreaterThan(0.5)
    expect(share(({ columns }) => columns.some(({ name }) => name === 'extra'))).toBeGreaterThan(0.5)
    expect(share(({ final }) => final.some((row) => row.note?.startsWith('load')))).toBeGreaterThan(0.1)
  })
})

describe('the landing zone', () => {
  it('holds what was said, and the same bytes for the same again', async () => {
    const root = fs.mkdtempSync(path.join(tmpdir(), 'millrace-landing-'))
    const spec =
      'Op string, a int, b bigint, c decimal(10,2), d double, e date, f timestamp, g boolean, nota "x" string'
    const row = ['I', -1, 2n ** 62n, '-0.10', 0.5, '0001-01-01', '1899-12-31 23:59:59.000001', true, "it's"]
    const nothing = row.map(() => null)
    const [first, second] = [
      await landFile(root, 'T', cdc(8, spec, row, nothing)),
      await landFile(root, 'U', cdc(9, spec, row, nothing)),
    ]
    expect(first.sha256).toBe(second.sha256)
    const file = text(path.join(root, 'landing/cars/dbo/T/20251103-080000000.parquet'))
    const types = (await rowsOf(`DESCRIBE SELECT * FROM ${file}`)).map((column) => column.column_type)
    expect(types.join()).toBe('VARCHAR,INTEGER,BIGINT,DECIMAL(10,2),DOUBLE,DATE,TIMESTAMP,BOOLEAN,VARCHAR')
    const found = (await rowsOf(`SELECT COLUMNS(*)::VARCHAR FROM ${file}`)).map((values) => Object.values(values))
    expect(found).toEqual([row.map(String), nothing])
    await landFile(root, 'T', await truncated(cdc(10, spec, row)))
    await expect(rowsOf(`SELECT * FROM ${file.replace('-08', '-10')}`)).rejects.toThrow()
    await landFile(root, 'T', cdc(11, spec))
    expect(await rowsOf(`SELECT * FROM ${file.replace('-08', '-11')}`)).toEqual([])
    await landFile(root, 'T', load(1, spec, row))
    fs.rmSync(root, { recursive: true })
  })
})

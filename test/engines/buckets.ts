/** Hive's buckets on every engine, against `hiveBucketHash`: `bucketSuite('duckdb', () => duckdbEngine())`. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bucketOf, hiveBucketHash, hiveRowHash } from '../../src/formats/hive-bucket.ts'
import type { Engine, PlanOutput, Staged } from '../../src/types.ts'
import { type Random, seededRandom, testSeed } from '../random.ts'
import { columns, inputOf, type Lake, type LakeFile, makeLake, planOf } from './lake.ts'
import type { SuiteOptions } from './suite.ts'

const schema = columns(
  'text string, big bigint, number int, small smallint, tiny tinyint, day date, flag boolean, place bigint, rowid string',
)
type Value = string | bigint | number | boolean | null
type Row = Record<string, Value>

const oddTexts = [
  '',
  'a',
  'abc',
  ' ',
  'é',
  '漢字',
  '😀',
  '\0',
  'a\0b',
  '\0\0\0',
  'x'.repeat(36),
  'y'.repeat(37),
  'z'.repeat(12),
]
const longTexts = ['k'.repeat(70_000), 'clé'.repeat(9_000), `${'q'.repeat(35)}é`]

function randomRow(random: Random, place: number): Row {
  const maybe = (value: Value): Value => (random.chance(0.1) ? null : value)
  const whole = (bits: number): bigint =>
    BigInt.asIntN(bits, (BigInt(random.below(2 ** 32)) << 32n) | BigInt(random.below(2 ** 32)))
  const edge = (bits: number): bigint =>
    random.pick([0n, 1n, -1n, 2n ** BigInt(bits - 1) - 1n, -(2n ** BigInt(bits - 1))])
  const integer = (bits: number): bigint => (random.chance(0.2) ? edge(bits) : whole(bits))
  const letters = Array.from({ length: random.below(45) }, () => random.pick([...'abcdefXYZ0123456789-_ ']))
  const mixed = Array.from({ length: random.below(14) }, () => random.pick([...'aé漢😀ß0\0 ~\x7f']))
  const kind = random.below(10)
  const text = kind === 0 ? random.pick(oddTexts) : kind < 3 ? mixed.join('') : letters.join('')
  return {
    text: maybe(random.chance(0.002) ? random.pick(longTexts) : text),
    big: maybe(integer(64)),
    number: maybe(Number(integer(32))),
    small: maybe(Number(integer(16))),
    tiny: maybe(Number(integer(8))),
    day: maybe(random.below(60_000) - 20_000),
    flag: maybe(random.chance(0.5)),
    place: BigInt(place),
    rowid: `row ${place}`,
  }
}

/** Rows as SQL; text as bytes in hexadecimal, since no literal has a NUL. */
function rowsSql(rows: Row[]): string {
  const literal = (name: string, value: Value): string => {
    if (value === null) return 'NULL'
    if (name === 'day') return `(DATE '1970-01-01' + ${value}::INTEGER)::DATE`
    if (typeof value === 'string') return `decode(unhex('${Buffer.from(value).toString('hex')}'))`
    return String(value)
  }
  const types: Record<string, string> = { string: 'VARCHAR' }
  const cast = schema.map(({ name, type }) => `CAST(${name} AS ${types[type] ?? type}) AS ${name}`)
  const values = rows.map((row) => `(${schema.map(({ name }) => literal(name, row[name] as Value)).join(', ')})`)
  return `SELECT ${cast.join(', ')} FROM (VALUES ${values.join(', ')}) AS t(${schema.map(({ name }) => name).join(', ')})`
}

function expectedBucket(row: Row, by: string[], count: number, version: 1 | 2): number {
  const typeOf = (name: string): string => schema.find((column) => column.name === name)?.type as string
  return bucketOf(hiveRowHash(by.map((name) => hiveBucketHash(typeOf(name), row[name] as Value, version))), count)
}

/** Runs the cases on an engine. */
export function bucketSuite(name: string, makeEngine: () => Engine, options: SuiteOptions = {}): void {
  const title = options.skip === undefined ? `buckets on ${name}` : `buckets on ${name} (skipped: ${options.skip})`
  describe.skipIf(options.skip !== undefined)(title, { timeout: options.timeoutMs ?? 60_000 }, () => {
    let lake: Lake
    let rows: Row[]
    let files: LakeFile[]
    let staged: Staged
    const cases = new Map<string, NonNullable<PlanOutput['bucketed']>>()
    // More buckets than rows.
    const isRead = (name: string, row: Row): boolean => !name.startsWith('many') || (row.place as bigint) < 40n
    beforeAll(async () => {
      lake = await makeLake()
      const random = seededRandom(testSeed())
      const odd = [...oddTexts, ...oddTexts, ...longTexts].map((text, at): Row => ({ ...randomRow(random, at), text }))
      rows = [...odd, ...Array.from({ length: 1500 }, (_, at) => randomRow(random, odd.length + at))]
      const half = Math.ceil(rows.length / 2)
      files = [
        await lake.write('rows/a.parquet', schema, rowsSql(rows.slice(0, half))),
        await lake.write('rows/b.parquet', schema, rowsSql(rows.slice(half))),
      ]
      for (const version of [1, 2] as const) {
        for (const { name } of schema.filter((column) => column.name !== 'place' && column.name !== 'rowid')) {
          cases.set(`${name}_${version}`, { columns: [name], count: 4, version })
        }
        cases.set(`several_${version}`, { columns: ['day', 'text', 'big', 'small'], count: 7, version })
        cases.set(`one_${version}`, { columns: ['text'], count: 1, version })
        cases.set(`many_${version}`, { columns: ['text'], count: 9_999, version })
      }
      const output = (name: string, view: string, bucketed: NonNullable<PlanOutput['bucketed']>): PlanOutput => ({
        ...{ name, view, columns: schema, codec: 'snappy', fileCount: bucketed.count, bucketed },
      })
      const plan = planOf({
        inputs: [inputOf('rows', schema, files)],
        views: [
          { name: 'nothing', once: false, sql: 'SELECT * FROM rows WHERE place < 0' },
          { name: 'few', once: false, sql: 'SELECT * FROM rows WHERE place < 40' },
        ],
        outputs: [
          ...[...cases].map(([name, bucketed]) => output(name, name.startsWith('many') ? 'few' : 'rows', bucketed)),
          output('none', 'nothing', { columns: ['text'], count: 4, version: 1 }),
        ],
      })
      const engine = makeEngine()
      staged = await engine.execute(plan, lake.context())
      await engine.close?.()
    }, options.timeoutMs)
    afterAll(() => lake.remove())

    it('puts every row into its bucket, one sorted file for each that has rows, nothing for others', async () => {
      for (const [name, { columns: by, count, version }] of cases) {
        const own = staged.files.filter(({ output }) => output === name)
        const found = await lake.rows(
          `SELECT place, regexp_extract(filename, '[^/]*$') AS file FROM ${lake.staged(own.map(({ path }) => path))}`,
        )
        const expected = new Map<string, string>()
        const counts = new Map<number, number>()
        for (const row of rows.filter((one) => isRead(name, one))) {
          const bucket = expectedBucket(row, by, count, version)
          counts.set(bucket, (counts.get(bucket) ?? 0) + 1)
          expected.set(String(row.place), `${String(bucket).padStart(6, '0')}_0.parquet`)
        }
        const wrong = found.filter(({ place, file }) => expected.get(String(place)) !== file)
        expect([name, wrong.slice(0, 3), found.length]).toEqual([name, [], expected.size])
        expect([name, own.map(({ path, rows }) => [path, rows])]).toEqual([
          name,
          [...counts]
            .sort(([a], [b]) => a - b)
            .map(([bucket, rows]) => [`${name}/${String(bucket).padStart(6, '0')}_0.parquet`, rows]),
        ])
        expect(staged.rows[name]).toBe(expected.size)
        const order = by.map((column) => `${column}, 'ASC NULLS FIRST'`).join(', ')
        const unsorted = await lake.rows(`
          SELECT count(*) AS n FROM (
            SELECT create_sort_key(${order}) AS key, lag(key) OVER (PARTITION BY filename ORDER BY file_row_number) AS before
            FROM ${lake.staged(own.map(({ path }) => path)).replace('filename = true', 'filename = true, file_row_number = true')}
          ) WHERE before > key`)
        expect([name, unsorted]).toEqual([name, [{ n: '0' }]])
      }
      expect(staged.rows.none).toBe(0)
      expect(staged.files.filter(({ output }) => output === 'none')).toEqual([])
    })
  })
}

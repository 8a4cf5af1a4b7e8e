/** Conversions must mean the same on every engine: `conversionSuite('duckdb', duckdbEngine)`. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { convert } from '../../src/plan/conversion.ts'
import type { Engine } from '../../src/types.ts'
import { columns, inputOf, type Lake, makeLake, planOf } from './lake.ts'
import type { SuiteOptions } from './suite.ts'

/** A value as DuckDB writes it, its type, the type asked for, and what it becomes; null when it does not fit. */
const cases: [literal: string, from: string, to: string, value: string | null][] = [
  ["'42'", 'string', 'bigint', '42'],
  ["' -7 '", 'string', 'int', '-7'],
  ["'5.00'", 'string', 'bigint', '5'],
  ["'5.5'", 'string', 'bigint', null],
  ["'1e3'", 'string', 'int', null],
  ["'abc'", 'string', 'int', null],
  ["''", 'string', 'int', null],
  ["'99999999999'", 'string', 'int', null],
  ["'9223372036854775807'", 'string', 'bigint', '9223372036854775807'],
  ["'12.30'", 'string', 'decimal(10,2)', '12.30'],
  ["'12.3000'", 'string', 'decimal(10,2)', '12.30'],
  ["'12.345'", 'string', 'decimal(10,2)', null],
  ["'123456789.00'", 'string', 'decimal(10,2)', null],
  ["'1,5'", 'string', 'decimal(10,2)', null],
  ["' 1.5 '", 'string', 'decimal(10,2)', '1.50'],
  ["'1.5' || chr(9)", 'string', 'decimal(10,2)', null],
  ["'12' || chr(10)", 'string', 'int', null],
  ["'2025-01-01' || chr(10)", 'string', 'date', null],
  ["'1.5'", 'string', 'double', '1.5'],
  ["'two'", 'string', 'double', null],
  ["'2025-02-03 10:20:30+00'", 'string', 'timestamp', '2025-02-03 10:20:30'],
  ["'2025-02-03 10:20:30+02'", 'string', 'timestamp', null],
  ["'Yes'", 'string', 'boolean', 'true'],
  ["'0'", 'string', 'boolean', 'false'],
  ["'maybe'", 'string', 'boolean', null],
  ["'1850-02-28'", 'string', 'date', '1850-02-28'],
  ["'2025-02-30'", 'string', 'date', null],
  ["'2025-02-03 00:00:00'", 'string', 'date', '2025-02-03'],
  ["'2025-02-03 10:00:00'", 'string', 'date', null],
  ["'2025-02-03T10:20:30.123456'", 'string', 'timestamp', '2025-02-03 10:20:30.123456'],
  ["'3 February'", 'string', 'timestamp', null],
  ['CAST(7 AS INTEGER)', 'int', 'bigint', '7'],
  ['CAST(3000000000 AS BIGINT)', 'bigint', 'int', null],
  ['CAST(12.3400 AS DECIMAL(12,4))', 'decimal(12,4)', 'decimal(10,2)', '12.34'],
  ['CAST(12.3456 AS DECIMAL(12,4))', 'decimal(12,4)', 'decimal(10,2)', null],
  ['CAST(7.0000 AS DECIMAL(12,4))', 'decimal(12,4)', 'int', '7'],
  ['CAST(7.5000 AS DECIMAL(12,4))', 'decimal(12,4)', 'int', null],
  ['CAST(0.1 AS DOUBLE) + CAST(0.2 AS DOUBLE)', 'double', 'decimal(10,2)', '0.30'],
  ['CAST(12.345 AS DOUBLE)', 'double', 'decimal(10,2)', null],
  ['CAST(1e12 AS DOUBLE)', 'double', 'decimal(10,2)', null],
  ["CAST('NaN' AS DOUBLE)", 'double', 'decimal(10,2)', null],
  ['CAST(2.0 AS DOUBLE)', 'double', 'bigint', '2'],
  ['CAST(2.5 AS DOUBLE)', 'double', 'bigint', null],
  ["DATE '1850-01-02'", 'date', 'timestamp', '1850-01-02 00:00:00'],
  ["TIMESTAMP '2025-01-02 00:00:00'", 'timestamp', 'date', '2025-01-02'],
  ["TIMESTAMP '2025-01-02 03:00:00'", 'timestamp', 'date', null],
  ["DATE '1850-01-02'", 'date', 'string', '1850-01-02'],
  ['CAST(1.50 AS DECIMAL(12,4))', 'decimal(12,4)', 'string', '1.5000'],
  ['true', 'boolean', 'int', '1'],
  ['CAST(0 AS INTEGER)', 'int', 'boolean', 'false'],
  ['CAST(2 AS INTEGER)', 'int', 'boolean', null],
]

/** Runs every case on an engine, all in one plan, with a null beside each. */
export function conversionSuite(name: string, makeEngine: () => Engine, options: SuiteOptions = {}): void {
  const title =
    options.skip === undefined ? `conversions on ${name}` : `conversions on ${name} (skipped: ${options.skip})`
  describe.skipIf(options.skip !== undefined)(title, { timeout: options.timeoutMs ?? 30_000 }, () => {
    let lake: Lake
    let rows: Record<string, unknown>[]
    beforeAll(async () => {
      lake = await makeLake()
      const schema = columns(['id int', ...cases.map(([, from], index) => `c${index} ${from}`)].join(', '))
      const values = cases.map(([literal], index) => `${literal} AS c${index}`)
      const file = await lake.write('cases.parquet', schema, `SELECT 1::INTEGER AS id, ${values.join(', ')}`)
      const nulls = await lake.write(
        'nulls.parquet',
        schema,
        `SELECT 2::INTEGER AS id, ${cases.map(([literal], i) => `CASE WHEN false THEN ${literal} END AS c${i}`).join(', ')}`,
      )
      const selects = cases.flatMap(([, from, to], index) => {
        const { value, fits } = convert(`"c${index}"`, from, to)
        return [`to_text(${value}) AS "v${index}"`, `${fits ?? 'true'} AS "f${index}"`]
      })
      const out = columns(
        ['id int', ...cases.flatMap((_, index) => [`v${index} string`, `f${index} boolean`])].join(', '),
      )
      const plan = planOf({
        inputs: [inputOf('input', schema, [file, nulls])],
        views: [{ name: 'converted', once: false, sql: `SELECT id, ${selects.join(', ')} FROM input` }],
        outputs: [{ name: 'out', view: 'converted', columns: out, codec: 'snappy', fileCount: 1 }],
      })
      const engine = makeEngine()
      const staged = await engine.execute(plan, lake.context())
      await engine.close?.()
      rows = await lake.rows(`SELECT * FROM ${lake.staged(staged.files.map(({ path }) => path))} ORDER BY id`)
    }, options.timeoutMs)
    afterAll(() => lake.remove())

    it.each(cases.map((given, index) => [...given, index] as const))(
      '%s as %s → %s: %s',
      (_, _from, _to, value, index) => {
        expect({
          fits: rows[0]?.[`f${index}`],
          value: rows[0]?.[`f${index}`] === true ? rows[0]?.[`v${index}`] : null,
        }).toEqual({
          fits: value !== null,
          value,
        })
        expect([rows[1]?.[`v${index}`], rows[1]?.[`f${index}`]]).toEqual([null, true])
      },
    )
  })
}

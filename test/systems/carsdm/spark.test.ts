/** carsdm on Spark: the same landing zone, the same zones as on DuckDB, over two runs. */
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, describe, expect, it } from 'vitest'
import { findSpark } from '../../../src/engines/spark.ts'
import { millrace } from '../../cli.ts'
import { cdc, type FileContent, landFile, load, writeTablesFile } from './landing.ts'

const found = await findSpark()
const title = 'missing' in found ? `carsdm on Spark (skipped: ${found.missing}; run: ${found.mend})` : 'carsdm on Spark'
const timeoutMs = 900_000

const definitions = [
  { table: 'PAIR', primaryKey: ['a', 'b'], columns: { a: 'int', b: 'string', price: 'decimal(10,2)', day: 'date' } },
]

/** What lands before each run. */
const landings: [table: string, file: FileContent][][] = [
  [
    [
      'PAIR',
      load(
        1,
        'a int, b string, price double, day date',
        [1, 'x', 1.25, '1850-01-02'],
        [1, 'y', 2.5, null],
        [null, 'z', 1, null],
      ),
    ],
    [
      'PAIR',
      cdc(
        8,
        'Op string, a int, b string, price string, day string',
        ['U', 1, 'x', '7.50', '2025-01-02'],
        ['I', 2, 'x', 'a lot', null],
        ['D', 1, 'y', null, null],
      ),
    ],
  ],
  [
    [
      'PAIR',
      cdc(
        7,
        'Op string, a int, b string, price double, day date, note string',
        ['U', 1, 'x', 9, null, 'late'],
        ['I', 3, 'x', 3.75, '9999-12-31', 'new'],
      ),
    ],
  ],
]

const roots = { duckdb: newRoot('duckdb'), spark: newRoot('spark') }
afterAll(() => {
  for (const root of Object.values(roots)) fs.rmSync(path.dirname(root), { recursive: true, force: true })
})

function newRoot(engine: string): string {
  return path.join(fs.mkdtempSync(path.join(tmpdir(), `millrace-carsdm-${engine}-`)), 'lake')
}

/** Every row of a folder as text, without the names of Millrace's own files. */
async function rowsOf(root: string, folder: string): Promise<string[]> {
  const where = path.join(root, folder)
  const files = fs.existsSync(where) ? fs.readdirSync(where, { recursive: true }).map(String) : []
  if (!files.some((name) => name.endsWith('.parquet'))) return []
  const connection = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect()
  const from = `read_parquet('${where}/**/*.parquet', union_by_name = true, hive_partitioning = true)`
  const columns = (await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${from}`))
    .getRowsJson()
    .map(([name]) => String(name))
  const kept = columns.filter((name) => name !== 'quarantine_file').sort()
  const reader = await connection.runAndReadAll(`SELECT ${kept.map((name) => `"${name}"`).join(', ')} FROM ${from}`)
  return [
    kept.join(' | '),
    ...reader
      .getRowsJson()
      .map((row) => row.map(String).join(' | '))
      .sort(),
  ]
}

describe.skipIf('missing' in found)(title, { timeout: timeoutMs }, () => {
  it.each([1, 2])('has the zones that DuckDB makes, after run %i', async (run) => {
    for (const [engine, root] of Object.entries(roots)) {
      for (const [table, file] of landings[run - 1] ?? []) await landFile(root, table, file)
      const tables = path.join(path.dirname(root), 'tables.json')
      writeTablesFile(tables, definitions)
      const flags = ['--tables-file', tables, '--run-date', '2025-11-05', '--deletes', 'flag', '--engine', engine]
      const { code, stderr } = await millrace(['run', 'carsdm', '--root', root, ...flags])
      expect(code, stderr).toBe(0)
    }
    for (const folder of ['PAIR', '_cdc/PAIR'].map((name) => `final/cars/${name}`)) {
      const expected = await rowsOf(roots.duckdb, folder)
      expect(await rowsOf(roots.spark, folder), folder).toEqual(expected)
      expect(expected.length).toBeGreaterThan(1)
    }
    const quarantine = 'quarantine/carsdm/Cars-Raw-DM'
    expect(await rowsOf(roots.spark, quarantine)).toEqual(await rowsOf(roots.duckdb, quarantine))
  })
})

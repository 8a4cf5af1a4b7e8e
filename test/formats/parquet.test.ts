/** Footers: the types of what DuckDB wrote, and what is said of files that are not what they should be. */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inspectParquet, readFooter } from '../../src/formats/parquet.ts'
import folderStore from '../../src/stores/folder.ts'
import type { DataFile, UnreadableFile } from '../../src/types.ts'

const root = fs.mkdtempSync(path.join(tmpdir(), 'millrace-parquet-'))
const store = folderStore(root)
let connection: DuckDBConnection
beforeAll(async () => {
  connection = await (await DuckDBInstance.create(':memory:')).connect()
  await connection.run("SET TimeZone = 'UTC'")
})
afterAll(() => {
  connection.closeSync()
  fs.rmSync(root, { recursive: true })
})

/** Writes a query's rows as Parquet and gives the file's bytes. */
async function parquet(sql: string, options = 'COMPRESSION snappy'): Promise<Buffer> {
  const file = path.join(root, 'draft.parquet')
  await connection.run(`COPY (${sql}) TO '${file}' (FORMAT parquet, ${options})`)
  return fs.readFileSync(file)
}

async function inspect(bytes: Uint8Array): Promise<DataFile | UnreadableFile> {
  fs.writeFileSync(path.join(root, 'file.parquet'), bytes)
  return await inspectParquet(store, { path: 'file.parquet', bytes: bytes.length, modifiedMs: 0 })
}

/** The reason why a file is unreadable; a readable one has none. */
async function reason(bytes: Uint8Array): Promise<string | undefined> {
  const file = await inspect(bytes)
  return 'reason' in file ? file.reason : undefined
}

/** DuckDB's value, and the type that the footer tells. */
const types: [string, string][] = [
  ["'x'", 'string'],
  ['true', 'boolean'],
  ['1::TINYINT', 'tinyint'],
  ['1::SMALLINT', 'smallint'],
  ['1::INTEGER', 'int'],
  ['1::BIGINT', 'bigint'],
  ['1::UTINYINT', 'smallint'],
  ['1::USMALLINT', 'int'],
  ['1::UINTEGER', 'bigint'],
  ['1::UBIGINT', 'decimal(20,0)'],
  ['1::HUGEINT', 'double'],
  ['1::FLOAT', 'float'],
  ['1::DOUBLE', 'double'],
  ['1::DECIMAL(4,1)', 'decimal(4,1)'],
  ['1::DECIMAL(9,2)', 'decimal(9,2)'],
  ['1::DECIMAL(18,2)', 'decimal(18,2)'],
  ['1::DECIMAL(38,10)', 'decimal(38,10)'],
  ["DATE '2025-01-01'", 'date'],
  ["TIME '10:00:00'", 'time'],
  ["TIMESTAMP '2025-01-01 00:00:00'", 'timestamp'],
  ["'2025-01-01 00:00:00'::TIMESTAMP_S", 'timestamp'],
  ["'2025-01-01 00:00:00'::TIMESTAMP_MS", 'timestamp'],
  ["'2025-01-01 00:00:00'::TIMESTAMP_NS", 'timestamp'],
  ["TIMESTAMPTZ '2025-01-01 00:00:00Z'", 'timestamptz'],
  ["'a'::BLOB", 'binary'],
  ["'ba62be9d-5fb0-4c58-aed7-9b4750299ac2'::UUID", 'string'],
  ["'x'::ENUM('x', 'y')", 'string'],
  [`'{"a": 1}'::JSON`, 'string'],
  ['[1, 2]', 'array<int>'],
  ["[['a'], []]", 'array<array<string>>'],
  ["MAP {'a': 1.5::DOUBLE}", 'map<string,double>'],
  ["{'a': 1, 'b': 'x'}", 'struct<a:int,b:string>'],
  ["[{'a': [1], 'b': {'c': DATE '2025-01-01'}}]", 'array<struct<a:array<int>,b:struct<c:date>>>'],
  ["MAP {1: [{'a': 1::DECIMAL(5,2)}]}", 'map<int,array<struct<a:decimal(5,2)>>>'],
  ["{'only': [1]}", 'struct<only:array<int>>'],
  ["[{'list': 1}]", 'array<struct<list:int>>'],
]

describe('the columns of a footer', () => {
  it('have the types that DuckDB wrote, in order', async () => {
    const sql = `SELECT ${types.map(([value], index) => `${value} AS c${index}`).join(', ')}`
    const file = await inspect(await parquet(sql))
    expect(file).toMatchObject({ rows: 1 })
    expect('columns' in file ? file.columns : []).toEqual(types.map(([, type], index) => ({ name: `c${index}`, type })))
  })

  it('have their names to the letter', async () => {
    const names = ['with space', 'quo"te', 'ação', '日本', 'a.b', 'UPPER', 'a\nb']
    const file = await inspect(await parquet(`SELECT ${names.map((name) => `1 AS "${name.replaceAll('"', '""')}"`)}`))
    expect('columns' in file ? file.columns.map(({ name }) => name) : []).toEqual(names)
  })

  it('count the rows of all row groups', async () => {
    expect(await inspect(await parquet('SELECT range AS n FROM range(5000)', 'ROW_GROUP_SIZE 2048'))).toMatchObject({
      rows: 5000,
    })
    expect(await inspect(await parquet('SELECT 1 AS n WHERE false'))).toMatchObject({
      rows: 0,
      columns: [{ name: 'n', type: 'int' }],
    })
  })

  it('tell which hold nothing but nulls', async () => {
    const sql = 'SELECT NULL AS empty, CASE WHEN range < 2 THEN range END AS some, 1 AS all_set FROM range(5)'
    expect(await inspect(await parquet(sql))).toMatchObject({ nullColumns: ['empty'] })
    const groups = 'SELECT CASE WHEN range > 4000 THEN 1 END AS late, NULL AS never FROM range(5000)'
    expect(await inspect(await parquet(groups, 'ROW_GROUP_SIZE 2048'))).toMatchObject({ nullColumns: ['never'] })
  })

  it('read the same from the file as from its bytes', async () => {
    const bytes = await parquet('SELECT range AS n, [range] AS l FROM range(3000)')
    const file = await inspect(bytes)
    const { columnBytes, ...footer } = await readFooter(store, {
      path: 'file.parquet',
      bytes: bytes.length,
      modifiedMs: 0,
    })
    expect(file).toMatchObject(footer)
    expect(columnBytes).toHaveLength(2)
    expect(columnBytes.every((size) => size > 0 && size < bytes.length)).toBe(true)
  })

  it('must not differ in case alone', async () => {
    const bytes = await parquet('SELECT 1 AS name, 2 AS nam_', 'COMPRESSION uncompressed')
    for (let at = bytes.indexOf('nam_'); at !== -1; at = bytes.indexOf('nam_')) bytes.write('NAME', at)
    expect(await reason(bytes)).toBe('has two columns that differ only in case: name, NAME')
  })
})

describe('the hash', () => {
  it('is the SHA-256 of the content, sound or not', async () => {
    for (const bytes of [await parquet('SELECT 1 AS n'), Buffer.from('no Parquet'), Buffer.alloc(0)]) {
      const file = await inspect(bytes)
      expect(file.sha256).toBe(createHash('sha256').update(bytes).digest('hex'))
    }
  })

  it('of a file larger than the memory it may take is the same', async () => {
    const bytes = Buffer.alloc(33 * 2 ** 20, 'PAR1 and more, ')
    const file = await inspect(bytes)
    expect(file).toMatchObject({ sha256: createHash('sha256').update(bytes).digest('hex') })
    expect(file).toHaveProperty('reason', 'is truncated: the Parquet footer is missing')
  })
})

describe('a file that is not Parquet', () => {
  it.each([
    ['nothing', '', /^is empty \(0 bytes\)$/],
    ['one byte', 'P', /^is not Parquet$/],
    ['the magic alone', 'PAR1', /^is not Parquet$/],
    ['the magic twice', 'PAR1PAR1', /^is not Parquet$/],
    ['text', 'chargeback_id,amount\nCB1,2.50\n', /^is not Parquet$/],
    ['a beginning', 'PAR1 and then it stopped', /^is truncated: the Parquet footer is missing$/],
    ['a footer longer than the file', 'PAR1\xff\xff\xff\x7fPAR1', /^is damaged: the Parquet footer is longer/],
    ['a footer of no length', 'PAR1\x00\x00\x00\x00PAR1', /^is damaged: the Parquet footer cannot be read/],
    ['a footer of noise', 'PAR1aaaaaaaa\x08\x00\x00\x00PAR1', /^is damaged: the Parquet footer/],
    ['an encrypted footer', 'PAREaaaaaaaa\x08\x00\x00\x00PARE', /^is not Parquet$/],
  ])('%s', async (_, content, message) => {
    expect(await reason(Buffer.from(content, 'latin1'))).toMatch(message)
  })

  it('anything cut off', async () => {
    const bytes = await parquet('SELECT range AS n, md5(range::VARCHAR) AS t FROM range(100)')
    for (const share of [0.1, 0.5, 0.9, 0.99]) {
      expect(await reason(bytes.subarray(0, Math.floor(bytes.length * share)))).toMatch(/^is truncated/)
    }
    expect(await reason(bytes.subarray(0, bytes.length - 1))).toMatch(/^is truncated/)
    expect(await reason(bytes.subarray(50))).toBe('is not Parquet')
  })

  it('data pages missing before a footer that is whole', async () => {
    const bytes = await parquet('SELECT md5(range::VARCHAR) AS t FROM range(1000)')
    const footerBytes = bytes.readUInt32LE(bytes.length - 8) + 8
    const short = Buffer.concat([bytes.subarray(0, 500), bytes.subarray(bytes.length - footerBytes)])
    expect(await reason(short)).toBe('is truncated: data pages are missing')
  })
})

describe('a damaged footer', () => {
  it('gives a reason or columns with whole types, and never anything else', async () => {
    const sql = "SELECT range AS n, [range] AS l, {'a': range::DECIMAL(9,2)} AS s, now() AS t FROM range(10)"
    const bytes = await parquet(sql)
    const footerStart = bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8)
    const place = fc.integer({ min: footerStart, max: bytes.length - 9 })
    let damaged = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(place, fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 }),
        async (flips) => {
          const other = Buffer.from(bytes)
          for (const [at, value] of flips) other[at] = value
          const file = await inspect(other)
          if ('reason' in file) {
            damaged += 1
            expect(file.reason).toMatch(/^(is|has) /)
          } else {
            for (const { type } of file.columns) expect(type).not.toMatch(/undefined|NaN|null/)
            expect(Number.isSafeInteger(file.rows) && file.rows >= 0).toBe(true)
          }
        },
      ),
      { numRuns: 500 },
    )
    expect(damaged).toBeGreaterThan(50)
  })
})

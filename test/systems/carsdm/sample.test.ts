/** The sample as it is written: names, counts, what drifts and what is wrong, and that it can be repeated. */
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeSample } from '../../../src/engines/duckdb/sample-writer.ts'
import { sample } from '../../../systems/carsdm/sample.ts'
import { shippedTables } from '../../../systems/carsdm/tables.ts'
import { hashOf, rowsOf, snapshot, text } from '../chargebacks/lake.ts'

const now = new Date('2025-11-12T05:00:00Z')
const rows = 10_000
const tables = shippedTables()
const folders: string[] = []
let root = ''

async function write(options: { rows: number; seed: number; threads?: number }): Promise<string> {
  const folder = fs.mkdtempSync(path.join(tmpdir(), 'millrace-carsdm-'))
  folders.push(folder)
  const session = { memoryBytes: 2 ** 30, threads: options.threads ?? 2, spill: path.join(folder, 'spill') }
  const made = sample({ rows: options.rows, now, columns: 160, seed: options.seed, drop: 0, params: {} })
  await writeSample(
    made,
    (file) => path.join(folder, file),
    session,
    () => {},
  )
  return folder
}

beforeAll(async () => {
  root = await write({ rows, seed: 1 })
})
afterAll(() => {
  for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true })
})

const folderOf = (table: string): string => path.join(root, 'landing/cars/dbo', table)
const namesOf = (table: string): string[] => fs.readdirSync(folderOf(table)).sort()
const isLoad = (name: string): boolean => name.startsWith('LOAD')
const isCutOff = (table: string, name: string): boolean => fs.statSync(path.join(folderOf(table), name)).size < 100

/** The readable files of changes; those delivered twice count once. */
function changesOf(table: string): string[] {
  const seen = new Set<string>()
  return namesOf(table).filter((name) => {
    if (isLoad(name) || isCutOff(table, name)) return false
    const hash = hashOf(path.join(folderOf(table), name))
    return !seen.has(hash) && seen.add(hash)
  })
}

function read(table: string, names: string[]): string {
  const files = names.map((name) => text(path.join(folderOf(table), name)))
  return `read_parquet([${files.join(', ')}], union_by_name = true, filename = true, file_row_number = true)`
}

async function one(sql: string): Promise<Record<string, unknown>> {
  return (await rowsOf(sql))[0] ?? {}
}

async function columnsOf(table: string, name: string): Promise<string[]> {
  const found = await rowsOf(`DESCRIBE SELECT * FROM read_parquet(${text(path.join(folderOf(table), name))})`)
  return found.map((row) => `${row.column_name} ${row.column_type}`)
}

/** The columns of a table's files of changes, by day from 1, of the first file of each. */
async function columnsByDay(table: string): Promise<string[][]> {
  const first = new Map(
    changesOf(table)
      .toReversed()
      .map((name) => [name.slice(0, 8), name]),
  )
  return await Promise.all([...first.values()].sort().map((name) => columnsOf(table, name)))
}

const sqlTypes: Record<string, string> = { string: 'VARCHAR', int: 'INTEGER' }

describe('the files', () => {
  it('lie below a folder of each table, named as DMS names them', () => {
    expect(fs.readdirSync(path.join(root, 'landing/cars/dbo')).sort()).toEqual(tables.map(({ table }) => table).sort())
    for (const { table } of tables) {
      const names = namesOf(table)
      const loads = table === 'FIELD' ? [1, 2, 3] : [1]
      expect(names.filter(isLoad)).toEqual(loads.map((number) => `LOAD0000000${number}.parquet`))
      const changes = names.filter((name) => !isLoad(name))
      expect(changes.filter((name) => !/^\d{8}-\d{9}\.parquet$/.test(name))).toEqual([])
      const days = [...new Set(changes.map((name) => name.slice(0, 8)))]
      const expected = table === 'CROP' ? [] : Array.from({ length: 10 }, (_, index) => String(20251102 + index))
      expect(days).toEqual(expected)
    }
  })

  it('have the rows asked for, and a tenth as many changes', async () => {
    let [loaded, changed] = [0, 0]
    for (const { table } of tables) {
      loaded += Number((await one(`SELECT count(*) AS n FROM ${read(table, namesOf(table).filter(isLoad))}`)).n)
      if (table === 'CROP') continue
      changed += Number((await one(`SELECT count(*) AS n FROM ${read(table, changesOf(table))}`)).n)
    }
    expect(loaded).toBe(rows)
    expect(changed).toBeGreaterThan(0.09 * rows)
    expect(changed).toBeLessThan(0.12 * rows)
  })

  it('are the same for the same seed, whatever the threads, and others for another', async () => {
    const again = await write({ rows, seed: 1, threads: 1 })
    expect(snapshot(again)).toEqual(snapshot(root))
    const other = await write({ rows, seed: 2 })
    expect(Object.keys(snapshot(other))).not.toEqual(Object.keys(snapshot(root)))
  })

  it('have every oddity however few the rows are', async () => {
    const few = await write({ rows: 1, seed: 1 })
    const found = snapshot(path.join(few, 'landing/cars/dbo'))
    expect(Object.keys(found).filter((name) => name.startsWith('FIELD/LOAD'))).toHaveLength(3)
    const farm = Object.entries(found).filter(([name]) => name.startsWith('FARM/'))
    expect(new Set(farm.map(([, hash]) => hash)).size).toBe(farm.length - 1)
  })
})

describe('the rows', () => {
  it('of a load have the declared columns, with Op and dms_commit_ts or without both', async () => {
    const withBoth: string[] = []
    for (const { table, columns } of tables) {
      const found = await columnsOf(table, 'LOAD00000001.parquet')
      const declared = columns.map(({ name, type }) => {
        if (name === 'document_number') return `${name} INTEGER`
        return `${name} ${sqlTypes[type] ?? type.toUpperCase()}`
      })
      const both = ['Op VARCHAR', ...declared, 'dms_commit_ts TIMESTAMP']
      if (found.length === both.length) withBoth.push(table)
      expect(found).toEqual(found.length === both.length ? both : declared)
    }
    expect(withBoth).toEqual(['FARM', 'FIELD', 'PRODUCER', 'ACREAGE_REPORT', 'CROP_ACREAGE', 'ASSISTANCE_PAYMENT'])
  })

  it('have each key once in a load', async () => {
    for (const { table, primaryKey } of tables) {
      const loads = read(table, namesOf(table).filter(isLoad))
      const found = await one(`SELECT count(*) - count(DISTINCT (${primaryKey.join(', ')})) AS twins FROM ${loads}`)
      expect(`${table} ${found.twins}`).toBe(`${table} 0`)
    }
  })

  it('of changes insert, update and delete, and some deletes know the key only', async () => {
    for (const { table } of tables.filter(({ table }) => table !== 'CROP')) {
      const found = await one(`
        SELECT string_agg(DISTINCT Op, '' ORDER BY Op) AS ops,
          count(*) FILTER (Op = 'D' AND last_change_timestamp IS NULL)::INT AS bare,
          count(*) FILTER (Op <> 'D' AND last_change_timestamp IS NULL)::INT AS lost,
          count(*) FILTER (Op = 'D')::INT AS deletes
        FROM ${read(table, changesOf(table))}`)
      expect(found.ops).toBe('DIU')
      expect(found.lost).toBe(0)
      expect(Number(found.bare)).toBeGreaterThan(0)
      expect(Number(found.deletes)).toBeGreaterThan(Number(found.bare))
    }
  })

  it('delete only what is there, update nothing that is deleted, and insert some keys again', async () => {
    for (const { table, primaryKey } of tables.filter(({ table }) => table !== 'CROP')) {
      const key = primaryKey.join(', ')
      const order = 'ORDER BY filename, file_row_number'
      const found = await one(`
        WITH loaded AS (SELECT ${key}, true AS is_loaded FROM ${read(table, namesOf(table).filter(isLoad))}),
        changes AS (
          SELECT *, lag(Op) OVER (PARTITION BY ${key} ${order}) AS before
          FROM ${read(table, changesOf(table))} LEFT JOIN loaded USING (${key})
        )
        SELECT
          count(*) FILTER (Op = 'I' AND coalesce(before, CASE WHEN is_loaded THEN 'I' ELSE 'D' END) <> 'D')::INT AS twice,
          count(*) FILTER (Op <> 'I' AND coalesce(before, CASE WHEN is_loaded THEN 'I' ELSE 'D' END) = 'D')::INT AS absent,
          count(*) FILTER (Op = 'I' AND before = 'D')::INT AS again
        FROM changes`)
      expect({ table, twice: found.twice, absent: found.absent }).toEqual({ table, twice: 0, absent: 0 })
      if (table === 'FIELD') expect(Number(found.again)).toBeGreaterThan(5)
    }
  })

  it('were committed before the time of their file, and the load before all', async () => {
    const time = `strptime(regexp_extract(filename, '([0-9]{8}-[0-9]{9})[.]parquet', 1), '%Y%m%d-%H%M%S%g')`
    for (const { table } of tables.filter(({ table }) => table !== 'CROP' && table !== 'FARM_PRODUCER')) {
      const found = await one(
        `SELECT max(dms_commit_ts - ${time}) < INTERVAL 0 SECOND AS earlier, min(dms_commit_ts)::VARCHAR AS first FROM ${read(table, changesOf(table))}`,
      )
      expect(found).toEqual({ earlier: true, first: '2025-11-02 00:00:00' })
    }
    const load = await one(
      `SELECT max(dms_commit_ts) < '2025-11-01 22:01:00' AS early FROM ${read('FIELD', ['LOAD00000001.parquet'])}`,
    )
    expect(load.early).toBe(true)
    expect((await columnsByDay('FARM_PRODUCER'))[0]).not.toContain('dms_commit_ts TIMESTAMP')
  })
})

describe('what drifts', () => {
  const daysWith = async (table: string, column: string): Promise<number[]> =>
    (await columnsByDay(table)).flatMap((columns, index) => (columns.includes(column) ? [index + 1] : []))

  it('is a column that appears, one renamed in case, one dropped and one that grows', async () => {
    expect(await daysWith('PRODUCER', 'email_address VARCHAR')).toEqual([6, 7, 8, 9, 10])
    expect(await daysWith('TRACT', 'tract_location_description VARCHAR')).toEqual([1, 2, 3])
    expect(await daysWith('TRACT', 'Tract_Location_Description VARCHAR')).toEqual([4, 5, 6, 7, 8, 9, 10])
    expect(await daysWith('CROP_ACREAGE', 'reporting_method_code VARCHAR')).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(await daysWith('ACREAGE_REPORT', 'document_number INTEGER')).toEqual([1, 2, 3, 4, 5, 6])
    expect(await daysWith('ACREAGE_REPORT', 'document_number BIGINT')).toEqual([7, 8, 9, 10])
    const grown = await one(
      `SELECT max(document_number) > 2147483647 AS grown FROM ${read('ACREAGE_REPORT', changesOf('ACREAGE_REPORT'))}`,
    )
    expect(grown.grown).toBe(true)
  })
})

describe('what is wrong', () => {
  it('is one value that does not fit, in a file that has its column as text', async () => {
    const columns = await Promise.all(
      changesOf('FIELD').map(async (name) => ({ name, columns: await columnsOf('FIELD', name) })),
    )
    const asText = columns.filter(({ columns }) => columns.includes('reported_acres VARCHAR')).map(({ name }) => name)
    expect(asText).toHaveLength(1)
    const bad = await rowsOf(
      `SELECT Op, reported_acres FROM ${read('FIELD', asText)} WHERE reported_acres IS NOT NULL AND try_cast(reported_acres AS DECIMAL(10, 2)) IS NULL`,
    )
    expect(bad).toEqual([{ Op: 'U', reported_acres: 'see map' }])
  })

  it('is one row without a key', async () => {
    for (const { table, primaryKey } of tables) {
      const readable = [...namesOf(table).filter(isLoad), ...changesOf(table)]
      const nulls = primaryKey.map((part) => `${part} IS NULL`).join(' OR ')
      const found = await one(`SELECT count(*)::INT AS n FROM ${read(table, readable)} WHERE ${nulls}`)
      expect(`${table} ${found.n}`).toBe(`${table} ${table === 'PRODUCER_SHARE' ? 1 : 0}`)
    }
  })

  it('is a file cut off, one delivered twice and one without rows', async () => {
    const cutOff = tables.flatMap(({ table }) =>
      namesOf(table)
        .filter((name) => isCutOff(table, name))
        .map((name) => `${table}/${name}`),
    )
    expect(cutOff).toEqual(['ASSISTANCE_PAYMENT/20251106-230000000.parquet'])
    const twice = tables.flatMap(({ table }) =>
      namesOf(table)
        .filter((name) => !isLoad(name) && !isCutOff(table, name) && !changesOf(table).includes(name))
        .map((name) => `${table}/${name}`),
    )
    expect(twice).toEqual(['FARM/20251108-230000000.parquet'])
    const empty = await one(`SELECT count(*)::INT AS n FROM ${read('CROP_TYPE', ['20251103-230000000.parquet'])}`)
    expect(empty.n).toBe(0)
    expect(namesOf('CROP')).toEqual(['LOAD00000001.parquet'])
  })
})

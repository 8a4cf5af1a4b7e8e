/** The sample: what its drops hold, that it can be repeated, and that runs over it give the answer. */
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { writeSample } from '../../../src/engines/duckdb/sample-writer.ts'
import { sample } from '../../../systems/farm-records/sample.ts'
import { millrace } from '../../cli.ts'
import { rowsOf, snapshot, text } from '../chargebacks/lake.ts'
import { type ReferenceTable, type Row, referenceTables, type SssTable, sssKeys } from './answer.ts'
import { columnsOf, qualified } from './database.ts'
import { type Lake, makeLake } from './lake.ts'

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 }) // several runs each, on a busy machine too

const now = new Date('2025-11-12T05:00:00Z')
const folders: string[] = []
const lakes: Lake[] = []
afterAll(() => {
  for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true })
  for (const lake of lakes) lake.remove()
})

async function write(drops: number[], seed = 1, rows = 2000, threads = 2): Promise<string> {
  const folder = fs.mkdtempSync(path.join(tmpdir(), 'millrace-farm-records-'))
  folders.push(folder)
  for (const drop of drops) {
    const made = sample({ rows, columns: 160, now, seed, drop, params: {} })
    const session = { memoryBytes: 2 ** 30, threads, spill: path.join(folder, 'spill') }
    await writeSample(
      { prepare: made.prepare, files: made.files, raw: made.raw },
      (file) => path.join(folder, file),
      session,
      () => {},
    )
  }
  fs.rmSync(path.join(folder, 'spill'), { recursive: true, force: true })
  return folder
}

const filesOf = (folder: string, table: string, drop = '*'): string =>
  `read_parquet(${text(path.join(folder, `sss/raw/${table}/drop-${drop}*.parquet`))})`
const one = async (sql: string): Promise<Row> => (await rowsOf(sql))[0] as Row

describe('the files', () => {
  let root = ''
  beforeAll(async () => {
    root = await write([0, 1])
  })

  it('are of every table, with the columns of the contract', async () => {
    expect(fs.readdirSync(path.join(root, 'sss/raw')).sort()).toEqual(Object.keys(sssKeys).sort())
    for (const table of Object.keys(sssKeys) as SssTable[]) {
      const found = await rowsOf(`describe select * from ${filesOf(root, table)}`)
      const types = { text: 'VARCHAR', int: 'INTEGER', date: 'DATE', timestamp: 'TIMESTAMP' } as Record<string, string>
      expect(found.map((row) => `${row.column_name} ${row.column_type}`)).toEqual(
        columnsOf(table).map(({ name, type }) => `${name} ${types[type]}`),
      )
    }
  })

  it('have each key once in the first extract', async () => {
    for (const [table, key] of Object.entries(sssKeys)) {
      const found = await one(
        `select (count(*) - count(distinct (${key.join(', ')})))::int as twins, count(*)::int as n from ${filesOf(root, table, '0000')}`,
      )
      expect(found, table).toMatchObject({ twins: 0 })
      expect(Number(found.n)).toBeGreaterThan(10)
    }
  })

  it('change 2 % of the involvements in a drop and add 1 %, some late and some twice', async () => {
    const before = filesOf(root, 'ibpart', '0000')
    const after = filesOf(root, 'ibpart', '0001')
    const found =
      await one(`select count(distinct segment_recno)::int as rows, (count(*) - count(distinct (segment_recno, UPTIM)))::int as twice,
      (count(distinct segment_recno) filter (segment_recno not in (select segment_recno from ${before})))::int as added,
      (count(*) filter (UPTIM < (select max(UPTIM) from ${before})))::int as late from ${after}`)
    expect(found).toMatchObject({ rows: 20 + 10 + 5, added: 15, twice: 10 })
    expect(Number(found.late)).toBeGreaterThan(1)
  })

  it('are the same for the same seed, whatever the threads, and others for another', async () => {
    expect(snapshot(await write([0, 1], 1, 2000, 1))).toEqual(snapshot(root))
    expect(snapshot(await write([0, 1], 2))).not.toEqual(snapshot(root))
  })
})

describe('runs over the sample', () => {
  it('give the answer, drop by drop', async () => {
    const lake = await makeLake({ isEmpty: true })
    lakes.push(lake)
    for (const drop of [0, 1, 2]) {
      const made = await millrace([
        'sample',
        'farm-records',
        '--root',
        lake.root,
        '--rows',
        '1000',
        '--drop',
        String(drop),
      ])
      expect(made.code, made.stderr).toBe(0)
      await take(lake, drop)
      await lake.run()
      await lake.expectTargets()
    }
    expect(lake.changes().tract_producer_year.updated.length).toBeGreaterThan(5)
    expect(lake.changes().tract_producer_year.inserted.length).toBeGreaterThan(5)
  })
})

/** Reads what a drop brought: files in the order of their names, and the database as it is. */
async function take(lake: Lake, drop: number): Promise<void> {
  for (const table of Object.keys(sssKeys) as SssTable[]) {
    const folder = lake.absolute(`sss/raw/${table}`)
    const names = fs
      .readdirSync(folder)
      .sort()
      .filter((name) => name.startsWith(`drop-${String(drop).padStart(4, '0')}`))
    for (const name of names) {
      const copy = path.join(lake.home, 'read.parquet') // DuckDB takes the root's name for a pattern
      fs.copyFileSync(path.join(folder, name), copy)
      const list = columnsOf(table).map((column) =>
        column.type === 'int' ? column.name : `cast(${column.name} as varchar) as ${column.name}`,
      )
      const rows = await rowsOf(
        `select ${list.join(', ')} from (select *, file_row_number from read_parquet(${text(copy)}, file_row_number = true)) order by file_row_number`,
      )
      if (!name.includes('again')) lake.landed[table].push(...(rows as Row[]))
    }
  }
  await lake.postgres(async (query) => {
    for (const table of referenceTables as readonly ReferenceTable[]) {
      const list = columnsOf(table).map(
        ({ name, type }) => `${type === 'bigint' ? `cast(${name} as double precision)` : name} as ${name}`,
      )
      lake.references[table] = (await query(`select ${list.join(', ')} from ${qualified(table)}`)) as Row[]
    }
  })
  await lake.change()
}

/** A root and a PostgreSQL of the system: lands drops, changes the database, runs, and knows what both targets must hold. */
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { expect } from 'vitest'
import { openWarehouse, type Warehouse } from '../../../src/iceberg/warehouse.ts'
import connectPostgres from '../../../src/postgres/connect.ts'
import { type Ended, millrace } from '../../cli.ts'
import { snapshot as hashes, writeParquet } from '../chargebacks/lake.ts'
import {
  type Changes,
  merged,
  type References,
  type ReferenceTable,
  type Row,
  referenceTables,
  type Sss,
  type SssTable,
  sssKeys,
  standing,
  type Target,
  type Targets,
  targetKeys,
} from './answer.ts'
import { canonical, columnsOf, databaseSql, qualified, type Variant, valuesSql } from './database.ts'

export type RunOptions = {
  fullLoad?: boolean
  states?: string[]
  /** Further flags. */
  flags?: string[]
  /** 0, or 1 where the sync is to be refused: the merge is done then, and PostgreSQL as it was. */
  code?: number
  /** Rows may have been loaded since then, by a run that was killed. */
  sinceMs?: number
}
export type Lake = Awaited<ReturnType<typeof makeLake>>

const targetNames = Object.keys(targetKeys) as Target[]

type LakeOptions = { url?: string; variant?: Variant; isEmpty?: boolean }

/** Makes an empty root with a database; `url`: a server's, otherwise the embedded one. It has all tables, unless it `isEmpty`. */
export async function makeLake({ url, variant = 'plain', isEmpty = false }: LakeOptions = {}) {
  const home = fs.mkdtempSync(path.join(tmpdir(), 'millrace-farm-records-'))
  const root = path.join(home, "lake [1] 100%20 é's *")
  fs.mkdirSync(root)
  const landed = Object.fromEntries(Object.keys(sssKeys).map((table) => [table, [] as Row[]])) as Sss
  const references = Object.fromEntries(referenceTables.map((table) => [table, [] as Row[]])) as References
  let [inIceberg, inPostgres] = [emptyTargets(), emptyTargets()]
  const windows: { from: number; to: number }[] = []
  const read = async <T>(work: (warehouse: Warehouse) => Promise<T>): Promise<T> => {
    const warehouse = await openWarehouse(path.join(root, 'iceberg'), { threads: 1 })
    try {
      return await work(warehouse)
    } finally {
      warehouse.close()
    }
  }
  const environment = { variables: url === undefined ? {} : { MILLRACE_PG_URL: url } }
  let [files, changes] = [0, null as Record<Target, Changes> | null]

  const postgres = async <T>(work: (query: Query) => Promise<T>): Promise<T> => {
    const folder = path.join(root, '_millrace/postgres')
    const database = await connectPostgres({ url, folder })()
    try {
      return await work((sql) => database.query(sql))
    } finally {
      await database.close()
    }
  }
  if (!isEmpty)
    await postgres(async (query) => {
      for (const schema of ['farm_records_reporting', 'crm_ods']) await query(`drop schema if exists ${schema} cascade`)
      for (const sql of databaseSql(variant)) await query(sql)
    })

  /** A load timestamp as the run within which it was made. */
  const loadedBy = (row: Row): Row => {
    const at = Date.parse(`${String(row.load_timestamp).replace(' ', 'T')}Z`)
    const run = windows.findIndex(({ from, to }) => from <= at && at <= to)
    return { ...row, load_timestamp: run === -1 ? (row.load_timestamp ?? null) : `run ${run}` }
  }
  const readPostgres = (query: Query, target: Target): Promise<Row[]> =>
    query(`select ${canonical(target, 'postgres')} from ${qualified(target)}`) as Promise<Row[]>
  const comparable = (target: Target, rows: readonly Row[]): string[] =>
    rows
      .map((row) =>
        columnsOf(target)
          .map(({ name }) => text(loadedBy(row)[name]))
          .join(', '),
      )
      .sort()

  return {
    home,
    root,
    landed,
    /** The rows as they are in the database; change them with `refer`. */
    references,
    postgres,
    absolute: (relative: string): string => path.join(root, relative),
    sss: (): Sss =>
      Object.fromEntries(
        Object.entries(landed).map(([table, rows]) => [table, standing(table as SssTable, rows)]),
      ) as Sss,
    /** Lands rows of a table as one more file; an empty list too. */
    land: async (table: SssTable, ...rows: Row[]): Promise<string> => {
      files += 1
      const relative = `sss/raw/${table}/drop-${String(files).padStart(5, '0')}.parquet`
      await writeParquet(path.join(home, 'draft.parquet'), valuesSql(table, rows))
      fs.mkdirSync(path.dirname(path.join(root, relative)), { recursive: true })
      fs.renameSync(path.join(home, 'draft.parquet'), path.join(root, relative))
      landed[table].push(...rows)
      return relative
    },
    /** Replaces the rows of reference tables. */
    refer: async (changed: Partial<References>): Promise<void> => {
      await postgres(async (query) => {
        for (const [name, rows] of Object.entries(changed)) {
          const table = name as ReferenceTable
          await query(`delete from ${qualified(table)}`)
          const columns = columnsOf(table).map(({ name: column }) => column)
          if (rows.length > 0)
            await query(`insert into ${qualified(table)} (${columns.join(', ')}) ${valuesSql(table, rows)}`)
          references[table] = rows
        }
      })
    },
    /** Changes the targets in PostgreSQL, behind our back. */
    change: async (...statements: string[]): Promise<void> => {
      inPostgres = await postgres(async (query) => {
        for (const sql of statements) await query(sql)
        const [tracts, farms] = [
          await readPostgres(query, targetNames[0] as Target),
          await readPostgres(query, targetNames[1] as Target),
        ]
        const known = (rows: Row[]): Row[] => rows.map((row) => withNumbers(loadedBy(row)))
        return { tract_producer_year: known(tracts), farm_producer_year: known(farms) }
      })
    },
    /** Runs the pipeline with flags, whatever comes of it; the answer does not follow. */
    attempt: async (flags: string[]): Promise<Ended> => {
      const from = Date.now() - 1
      const ended = await millrace(['run', 'farm-records', '--root', root, ...flags], environment)
      windows.push({ from, to: Date.now() + 1 })
      return ended
    },
    /** Runs the pipeline and works out what it must have done. */
    run: async function run(options: RunOptions = {}): Promise<Ended> {
      const { fullLoad = false, states, flags = [], code = 0, sinceMs = Date.now() } = options
      const own = [
        ...(fullLoad ? ['--full-load'] : []),
        ...(states === undefined ? [] : ['--states', states.join(',')]),
      ]
      const from = sinceMs - 1
      const ended = await millrace(['run', 'farm-records', '--root', root, ...own, ...flags], environment)
      expect(ended.code, ended.stderr).toBe(code)
      windows.push({ from, to: Date.now() + 1 })
      const answer = merged(inPostgres, this.sss(), references, `run ${windows.length - 1}`, {
        fullLoad,
        ...(states === undefined ? {} : { states }),
      })
      changes = answer.changes
      inIceberg = answer.targets
      if (code === 0) inPostgres = inIceberg
      return ended
    },
    /** What the last run inserted and updated. */
    changes: (): Record<Target, Changes> => changes as Record<Target, Changes>,
    expected: (): { inIceberg: Targets; inPostgres: Targets } => ({ inIceberg, inPostgres }),
    /** Says that PostgreSQL holds other rows than Iceberg, as after a conflict that was kept. */
    expectOther: (target: Target, where: (row: Row) => boolean, values: Row): void => {
      inPostgres = {
        ...inPostgres,
        [target]: inPostgres[target].map((row) => (where(row) ? { ...row, ...values } : row)),
      }
    },
    /** Both targets as PostgreSQL has them, every value as text. */
    readTargets: async (): Promise<Targets> =>
      await postgres(async (query) => ({
        tract_producer_year: await readPostgres(query, 'tract_producer_year'),
        farm_producer_year: await readPostgres(query, 'farm_producer_year'),
      })),
    expectTargets: async (): Promise<void> => {
      const found: Record<string, string[]> = {}
      await read(async (warehouse) => {
        for (const target of targetNames) {
          const rows = await warehouse.query(`select ${canonical(target, 'duckdb')} from ${qualified(target)}`)
          found[`iceberg ${target}`] = comparable(target, rows as Row[])
        }
      })
      await postgres(async (query) => {
        for (const target of targetNames)
          found[`postgres ${target}`] = comparable(target, await readPostgres(query, target))
      })
      for (const target of targetNames) {
        expectSame(`${target} in Iceberg`, found[`iceberg ${target}`] ?? [], comparable(target, inIceberg[target]))
        expectSame(`${target} in PostgreSQL`, found[`postgres ${target}`] ?? [], comparable(target, inPostgres[target]))
      }
    },
    /** The data and delete files of an Iceberg table. */
    dataFiles: async (name: string): Promise<number> => {
      const snapshot = await read(async (warehouse) => (await warehouse.table(name)).snapshot())
      const of = (what: string): number => Number(snapshot?.summary[what] ?? 0)
      return of('total-data-files') + of('total-delete-files')
    },
    count: async (name: string): Promise<number> =>
      await read(async (warehouse) => await (await warehouse.table(name)).count()),
    /** The current snapshot of every Iceberg table. */
    snapshots: async (): Promise<Record<string, string>> =>
      await read(async (warehouse) => {
        const found: Record<string, string> = {}
        for (const name of await warehouse.tables())
          found[name] = String((await warehouse.table(name)).snapshot()?.['snapshot-id'] ?? 'none')
        return found
      }),
    /** Every file of the Iceberg tables with its hash. */
    files: (): Record<string, string> => hashes(path.join(root, 'iceberg')),
    remove: (): void => fs.rmSync(home, { recursive: true, force: true }),
  }
}

type Query = (sql: string) => Promise<Record<string, unknown>[]>

const emptyTargets = (): Targets => ({ tract_producer_year: [], farm_producer_year: [] })
const text = (value: unknown): string => (value === null || value === undefined ? 'null' : String(value))
/** Identifiers as numbers, as the answer has them. */
const withNumbers = (row: Row): Row =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      name.endsWith('_identifier') && value !== null ? Number(value) : value,
    ]),
  )

/** Only what differs is shown. */
function expectSame(what: string, found: string[], expected: string[]): void {
  const missing = expected.filter((row) => !found.includes(row))
  const extra = found.filter((row) => !expected.includes(row))
  expect({ missing, extra, rows: found.length }, what).toEqual({ missing: [], extra: [], rows: expected.length })
}

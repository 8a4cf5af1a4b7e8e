/** A folder of Iceberg tables, and one DuckDB database to read and write them with. */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { openDatabase, type Session } from '../engines/duckdb/session.ts'
import { didYouMean, hasCode, MillraceError } from '../errors.ts'
import { attached, type Names } from './attach.ts'
import { connected, type WarehouseContext } from './context.ts'
import { folderCatalog, parseTableName, tableText } from './folder-catalog.ts'
import { readable } from './read-errors.ts'
import type { Row } from './row-values.ts'
import { openTable, type Table } from './table.ts'
import { newTable, type TableDefinition } from './table-definition.ts'
import type { Catalog, TableIdentifier } from './types.ts'

/** What a warehouse may use; by default 60 % of the machine's memory, all its processors, and a folder for temporary files. */
export type WarehouseOptions = {
  memoryBytes?: number
  threads?: number
  /** Where work that does not fit in memory is put. */
  spill?: string
  /** Ends what is running. */
  signal?: AbortSignal
  /** Where tables are registered; by default the folder itself. */
  catalog?: Catalog
  now?: () => number
}

/** Tables by name, `namespace.table`, and SQL over them. */
export type Warehouse = {
  catalog: Catalog
  /** Throws `exists`. */
  create(name: string, definition: TableDefinition): Promise<Table>
  /** Throws `not-found`, naming what exists. */
  table(name: string): Promise<Table>
  /** All names, sorted. */
  tables(): Promise<string[]>
  /** Takes the table out of the catalog, with its files. */
  drop(name: string): Promise<void>
  /**
   * Runs a query. Every table that it names as `namespace.table` is read at its newest snapshot, or at the one that is chosen; 64-bit
   * integers are BigInt.
   */
  query(sql: string, names?: Names): Promise<Row[]>
  /** As `query`, as columns and rows of JSON values. */
  show(sql: string, names?: Names): Promise<{ columns: string[]; rows: unknown[][] }>
  /** Another connection to the same database. Tables made over it (not temporary ones) can be named in every query and source. */
  session(): Promise<Session>
  close(): void
}

const memoryShare = 0.6

/** Opens the tables below a folder, which is made with the first of them. */
export async function openWarehouse(folder: string, options: WarehouseOptions = {}): Promise<Warehouse> {
  const spill = options.spill ?? fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-spill-'))
  const database = await openDatabase({
    memoryBytes: options.memoryBytes ?? Math.floor(os.totalmem() * memoryShare),
    threads: options.threads ?? os.availableParallelism(),
    spill,
  })
  const now = options.now ?? Date.now
  const catalog = options.catalog ?? folderCatalog(path.resolve(folder), { now })
  const context: WarehouseContext = {
    catalog,
    now,
    connect: async () => readable(await database.connect({ signal: options.signal })),
  }
  const ask = <T>(sql: string, names: Names, act: (session: Session) => Promise<T>): Promise<T> =>
    connected(context, (session) => attached(context, session, sql, names, () => act(session)))
  return {
    catalog,
    create: async (name, definition) => {
      const identifier = parseTableName(name)
      return openTable(context, await catalog.create(identifier, newTable(definition)))
    },
    table: async (name) => openTable(context, await load(catalog, parseTableName(name))),
    tables: () => tableNames(catalog),
    drop: (name) => catalog.drop(parseTableName(name)),
    query: (sql, names = {}) => ask(sql, names, (session) => session.rows(sql)),
    show: (sql, names = {}) => ask(sql, names, (session) => session.table(sql)),
    session: context.connect,
    close: () => {
      database.close()
      if (options.spill === undefined) fs.rmSync(spill, { recursive: true, force: true })
    },
  }
}

async function load(catalog: Catalog, identifier: TableIdentifier): ReturnType<Catalog['load']> {
  try {
    return await catalog.load(identifier)
  } catch (error) {
    if (!hasCode(error, 'not-found')) throw error
    const names = await tableNames(catalog)
    const name = tableText(identifier)
    const existing = names.length === 0 ? 'there are none' : `there are ${names.join(', ')}`
    throw new MillraceError('not-found', `there is no table ${name}; ${existing}${didYouMean(name, names)}`, {
      cause: error,
    })
  }
}

async function tableNames(catalog: Catalog): Promise<string[]> {
  const found: string[] = []
  for (const namespace of await catalog.namespaces()) found.push(...(await catalog.tables(namespace)).map(tableText))
  return found.sort()
}

/** One DuckDB database in this process: opening, settings, errors. DuckDB is loaded on first use. */
import { createRequire } from 'node:module'
import type { DuckDBConnection, DuckDBInstance, DuckDBScalarFunction } from '@duckdb/node-api'
import { MillraceError, messageOf } from '../../errors.ts'

// Not imported: for the names that they export, Node would first parse the 180 CommonJS files of the module, as long as loading takes.
const require = createRequire(import.meta.url)

// Of the memory given, DuckDB gets what Node, open Parquet files and the allocator's slack leave: with 20,000 files and a
// limit of 1.5 GB the process took 2.3 GB, with 1.07 GB 1.99 GB.
const engineShare = 0.75
const reserveBytes = 640 * 2 ** 20
const engineBytesMin = 128 * 2 ** 20 // below this DuckDB cannot sort one block per thread
const keptBytesMin = 128 * 2 ** 20 // DuckDB's own threshold. Memory that was given back costs page faults to have again

/** What DuckDB has of the memory given. */
export function engineBytes(memoryBytes: number): number {
  return Math.max(engineBytesMin, Math.floor(memoryBytes * engineShare) - reserveBytes)
}

export type SessionOptions = { memoryBytes: number; threads: number; spill: string; signal?: AbortSignal }
/** `sharesThreads`: all connections work at the same time, and are to have no more threads together than there are. */
export type DatabaseOptions = SessionOptions & { sharesThreads?: boolean }

export type Session = {
  /** Runs statements that give nothing back. */
  run(sql: string): Promise<void>
  /** Runs a query and gives its rows as objects; integers beyond 2^53 stay BigInt. */
  rows(sql: string): Promise<Record<string, unknown>[]>
  /** Runs a query and gives its columns and its rows as JSON values. */
  table(sql: string): Promise<{ columns: string[]; rows: unknown[][] }>
  /** Per cent of the running statement, or −1 when DuckDB does not know. */
  percent(): number
  /** The same database over another connection, so that statements run side by side. */
  fork(): Promise<Session>
  /** Gives the database functions of ours, once however often it is asked to. */
  define(functions: FunctionMaker): Promise<void>
  close(): void
}

/** Makes functions for queries out of DuckDB's module. */
export type FunctionMaker = (duckdb: typeof import('@duckdb/node-api')) => DuckDBScalarFunction[]

function loadDuckdb(): typeof import('@duckdb/node-api') {
  return require('@duckdb/node-api')
}

/** What a connection is for, and its forks. */
export type Connecting = {
  signal?: AbortSignal | undefined
  /** Where everything made over it lies. */
  schema?: string
  /** How many others are about to be there, and are left their threads. */
  toCome?: () => number
}

/** A database in memory, and how to work in it. */
export type Database = {
  connect(connecting?: Connecting): Promise<Session>
  /** Gives the memory back; what is still connected fails. */
  close(): void
}

/** Opens a database, with all dates and times in UTC. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { DuckDBInstance } = loadDuckdb()
  const bytes = engineBytes(options.memoryBytes)
  const kept = `${Math.max(keptBytesMin, Math.floor(bytes / 4))}B`
  const instance = await opened(() =>
    DuckDBInstance.create(':memory:', {
      threads: String(options.threads),
      memory_limit: `${bytes}B`,
      allocator_flush_threshold: kept,
      allocator_bulk_deallocation_flush_threshold: kept,
      temp_directory: options.spill,
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    }),
  )
  const { threads, sharesThreads = false } = options
  const sharing = {
    isWanted: sharesThreads,
    all: threads,
    helpers: threads - 1,
    connections: 0,
    set: Promise.resolve(),
    defined: new Set<FunctionMaker>(),
  }
  return {
    connect: (connecting = {}) => connect(instance, sharing, connecting),
    close: () => instance.closeSync(),
  }
}

/**
 * The threads of a database: every connection runs its statements in one of its own, and all of them have the same helpers. A
 * connection that waits for a helper does so at full speed, so there are only helpers for the threads that nobody else has.
 */
type Sharing = {
  isWanted: boolean
  all: number
  helpers: number
  connections: number
  /** When the helpers are as many as last asked for: of two settings at one time the earlier could come later. */
  set: Promise<void>
  /** What the database has of functions of ours. */
  defined: Set<FunctionMaker>
}

/** Opens a database with one connection, which closes it. */
export async function openSession(options: SessionOptions): Promise<Session> {
  const database = await openDatabase(options)
  const session = await database.connect({ signal: options.signal })
  return {
    ...session,
    close: () => {
      session.close()
      database.close()
    },
  }
}

async function connect(instance: DuckDBInstance, sharing: Sharing, connecting: Connecting): Promise<Session> {
  const { signal, schema, toCome } = connecting
  // Counted before it is there: where it takes the place of one that has just ended, nobody gets a helper for the moment between.
  sharing.connections += 1
  const connection = await opened(() => instance.connect()).catch((error) => {
    sharing.connections -= 1
    throw error
  })
  const interrupt = (): void => connection.interrupt()
  signal?.addEventListener('abort', interrupt, { once: true })
  const guarded = async <T>(act: () => Promise<T>): Promise<T> => {
    if (signal?.aborted) throw new MillraceError('cancelled', 'stopped on request')
    try {
      await shareThreads(connection, sharing, toCome?.() ?? 0)
      return await act()
    } catch (error) {
      throw engineError(error, signal)
    }
  }
  const session: Session = {
    run: (sql) => guarded(async () => void (await connection.run(sql))),
    rows: (sql) =>
      guarded(async () => (await connection.runAndReadAll(sql)).getRowObjects() as Record<string, unknown>[]),
    table: (sql) =>
      guarded(async () => {
        const reader = await connection.runAndReadAll(sql)
        return { columns: reader.columnNames(), rows: reader.getRowsJson() as unknown[][] }
      }),
    percent: () => connection.progress.percentage,
    fork: () => connect(instance, sharing, connecting),
    define: (functions) =>
      guarded(async () => {
        const duckdb = loadDuckdb()
        if (sharing.defined.has(functions)) return
        sharing.defined.add(functions)
        for (const one of functions(duckdb)) connection.registerScalarFunction(one)
      }),
    close: () => {
      signal?.removeEventListener('abort', interrupt)
      sharing.connections -= 1
      connection.closeSync()
    },
  }
  try {
    // Rows have no order of their own in a plan, and keeping one would hold back the threads.
    await session.run(`
      SET TimeZone = 'UTC'; SET preserve_insertion_order = false; SET default_collation = '';
      SET partitioned_write_max_open_files = 10000; -- beyond it, a part would become several files
      SET enable_progress_bar = true; SET enable_progress_bar_print = false`)
    if (schema !== undefined) await session.run(`CREATE SCHEMA IF NOT EXISTS ${schema}; USE ${schema}`)
    return session
  } catch (error) {
    session.close()
    throw error
  }
}

/** Gives a database as many helpers as it is to have now; where that is interrupted, whoever comes next does it. */
async function shareThreads(connection: DuckDBConnection, sharing: Sharing, toCome: number): Promise<void> {
  const helpers = Math.max(0, sharing.all - sharing.connections - toCome)
  if (sharing.isWanted && helpers !== sharing.helpers) {
    sharing.helpers = helpers
    const setting = sharing.set.then(() => connection.run(`SET threads = ${helpers + 1}`))
    sharing.set = setting.then(
      () => {},
      () => {
        sharing.helpers = -1
      },
    )
  }
  await sharing.set
}

async function opened<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    throw engineError(error, undefined)
  }
}

/** Says what DuckDB's error means. */
function engineError(error: unknown, signal: AbortSignal | undefined): MillraceError {
  if (error instanceof MillraceError) return error
  const message = messageOf(error)
  if (signal?.aborted || message.startsWith('INTERRUPT')) {
    return new MillraceError('cancelled', 'stopped on request', { cause: error })
  }
  if (/no space left on device|disk quota exceeded|max_temp_directory_size/i.test(message)) {
    return new MillraceError(
      'disk-full',
      `no room left on the storage root's disk. Free some and run again (DuckDB: ${message})`,
      { cause: error },
    )
  }
  if (message.startsWith('Out of Memory')) {
    return new MillraceError(
      'memory',
      `the work does not fit in the memory given; pass a greater --memory (DuckDB: ${message})`,
      { cause: error },
    )
  }
  return new MillraceError('engine', `DuckDB: ${message}`, { cause: error })
}

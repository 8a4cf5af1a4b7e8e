/** Tables of PostgreSQL as a source: all as they stand at one moment, into files of CSV that DuckDB reads without loss. */
import { MillraceError } from '../errors.ts'
import { type Database, told } from '../postgres/database.ts'
import {
  describeTable,
  type PostgresColumn,
  type PostgresTableInfo,
  quoteIdentifier,
  quoteTable,
} from '../postgres/describe.ts'
import { type ReadPosition, readPosition } from '../postgres/position.ts'

/** A transaction that only reads; everything asked of it is as it was when it began. */
export type PostgresReader = {
  where: string
  position: ReadPosition
  describe(schema: string, table: string): Promise<PostgresTableInfo>
  /**
   * The rows of a table that have a key, and the rows for which `where` holds, or all; with `where`, the first and the last page of
   * those.
   */
  count(
    table: PostgresTableInfo,
    key: readonly string[],
    where: string | null,
  ): Promise<{ rows: number; chosen: number; pages: Pages | null }>
  /** Writes the rows of a table for which `where` holds into files of CSV below a folder; gives their paths. */
  copy(table: PostgresTableInfo, columns: readonly PostgresColumn[], options: CopyOptions): Promise<string[]>
  query(sql: string, values?: unknown[]): Promise<Record<string, unknown>[]>
  close(): Promise<void>
}
export type Pages = { first: number; last: number }
/** `pages`: none of the wanted rows lies elsewhere. */
export type CopyOptions = {
  where?: string
  pages?: Pages
  folder: string
  name: string
  onProgress?: (percent: number) => void
}

const pagesAtOnce = 8192 // 64 MB of a table: what the embedded database gives at once is in memory

/** Begins a transaction that reads. Throws `storage` where that cannot be. */
export async function openReader(connect: () => Promise<Database>): Promise<PostgresReader> {
  const first = await connect()
  try {
    const position = await told(first, () => begin(first))
    const snapshot = first.takesMore ? await told(first, () => exportSnapshot(first)) : null
    const { use, close } = readAlike(first, snapshot, connect)
    return {
      where: first.where,
      position,
      describe: (schema, table) => use((database) => describeTable(database, schema, table)),
      count: (table, key, where) =>
        use(async (database) => {
          const mayLack = table.columns.filter(({ name, isRequired }) => key.includes(name) && !isRequired)
          const keyed = mayLack.map(({ name }) => `t.${quoteIdentifier(name)} IS NOT NULL`).join(' AND ')
          const rows = `(count(*)${keyed === '' ? '' : ` FILTER (WHERE ${keyed})`})::text AS rows`
          const from = `FROM ${quoteTable(table)} t`
          const page = '((t.ctid::text::point)[0])'
          // Read a second time where there is a condition: the same in a filter of each aggregate takes twice as long.
          const [row] = await database.query(
            where === null
              ? `SELECT ${rows}, count(*)::text AS chosen ${from}`
              : `SELECT * FROM (SELECT ${rows} ${from}) r, (SELECT count(*)::text AS chosen, min${page} AS first, max${page} AS last ${from} WHERE ${where}) c`,
          )
          const chosen = Number(row?.chosen)
          return {
            ...{ rows: Number(row?.rows), chosen },
            pages: where !== null && chosen > 0 ? { first: Number(row?.first), last: Number(row?.last) } : null,
          }
        }),
      copy: (table, columns, options) => use((database) => copyTable(database, table, columns, options)),
      query: (sql, values) => use((database) => database.query(sql, values)),
      close,
    }
  } catch (error) {
    await endReading(first)
    throw error
  }
}

/**
 * Lets what is asked at the same time be read at the same time: over a second connection, which sees what the first does. Where there
 * is none to be had (an embedded database, too many connections), one thing is read after the other.
 */
function readAlike(
  first: Database,
  snapshot: string | null,
  connect: () => Promise<Database>,
): { use<T>(act: (database: Database) => Promise<T>): Promise<T>; close(): Promise<void> } {
  const open = [first]
  const idle = [first]
  const waiting: (() => void)[] = []
  const release = (database: Database): void => {
    idle.push(database)
    waiting.shift()?.()
  }
  let second: Promise<void> | null = null
  const openSecond = async (of: string): Promise<void> => {
    const database = await connect()
    open.push(database)
    await begin(database, of)
    release(database)
  }
  return {
    use: async (act) => {
      if (idle.length === 0 && snapshot !== null) second ??= openSecond(snapshot).catch(() => {}) // then the first does it all
      while (idle.length === 0) await new Promise<void>((resolve) => waiting.push(resolve))
      const database = idle.shift() as Database
      try {
        return await told(database, () => act(database))
      } finally {
        release(database)
      }
    },
    close: async () => {
      await second
      await Promise.all(open.map(endReading))
    },
  }
}

async function exportSnapshot(database: Database): Promise<string> {
  const [row] = await database.query('SELECT pg_export_snapshot() AS snapshot')
  return String(row?.snapshot)
}

async function endReading(database: Database): Promise<void> {
  await database.query('ROLLBACK').catch(() => {}) // the connection may be what failed
  await database.close()
}

/** `snapshot`: of another transaction, which must not have ended. */
async function begin(database: Database, snapshot?: string): Promise<ReadPosition> {
  await database.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  if (snapshot !== undefined) await database.query(`SET TRANSACTION SNAPSHOT '${snapshot}'`)
  await database.query("SET LOCAL TIME ZONE 'UTC'")
  await database.query("SET LOCAL DateStyle TO 'ISO'")
  return await readPosition(database)
}

function whereText(where: string | undefined): string {
  return where === undefined ? '' : ` WHERE ${where}`
}

/** In pieces by pages where there are any: both a table's size and the memory of an embedded database are bounded then. */
async function copyTable(
  database: Database,
  table: PostgresTableInfo,
  columns: readonly PostgresColumn[],
  { where, pages, folder, name, onProgress }: CopyOptions,
): Promise<string[]> {
  const start = pages?.first ?? 0
  const count = (pages === undefined ? table.pages : pages.last + 1) - start
  const pieces = table.isOrdinary ? Math.max(1, Math.ceil(count / pagesAtOnce)) : 1
  const files: string[] = []
  for (let piece = 0; piece < pieces; piece += 1) {
    // The last has no end: what was added since the size was asked is not seen by this transaction, but costs nothing.
    const [at, next] = [start + piece * pagesAtOnce, start + (piece + 1) * pagesAtOnce]
    const from = at === 0 ? [] : [`ctid >= '(${at},0)'`]
    const end = piece < pieces - 1 ? next : pages === undefined ? null : pages.last + 1
    const to = end === null ? [] : [`ctid < '(${end},0)'`]
    const conditions = [...from, ...to, ...(where === undefined ? [] : [where])]
    const query = `SELECT ${columns.map(selected).join(', ')} FROM ${quoteTable(table)} t${whereText(conditions.length === 0 ? undefined : conditions.join(' AND '))}`
    const file = `${folder}/${name}-${piece}.csv`
    const bytes = await database.copyTo(`COPY (${query}) TO STDOUT WITH (FORMAT csv)`, file)
    if (bytes > 0) files.push(file)
    onProgress?.((100 * (piece + 1)) / pieces)
  }
  return files
}

/** The value in a form that both sides read alike; a text is trimmed of the blanks that fill a char(n). */
function selected({ name, type }: PostgresColumn): string {
  const column = quoteIdentifier(name)
  if (type === 'binary') return `encode(${column}, 'hex')`
  return type === 'string' ? `${column}::text` : column
}

/** The columns to copy: those named, or all. Throws `not-found` naming those that are not there. */
export function chosenColumns(
  table: PostgresTableInfo,
  named: readonly string[] | undefined,
  key: readonly string[],
): PostgresColumn[] {
  const missing = [...(named ?? []), ...key].filter((name) => !table.columns.some((column) => column.name === name))
  if (missing.length > 0)
    throw new MillraceError(
      'not-found',
      `${table.schema}.${table.table}  has no column ${[...new Set(missing)].join(', ')}; it has ${table.columns.map(({ name }) => name).join(', ')}`,
    )
  return named === undefined ? table.columns : table.columns.filter(({ name }) => named.includes(name))
}

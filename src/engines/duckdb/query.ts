/** Queries over the tables of a catalog, by name. */
import type { Column, PartitionValue, TableName } from '../../types.ts'
import { quoteName, quoteText } from '../portable.ts'
import { duckdbType, fileList } from './relations.ts'
import { openSession, type Session, type SessionOptions } from './session.ts'

/** A table to query: its columns, and for each partition its values and the absolute paths of its files. */
export type QueryTable = {
  name: TableName
  columns: Column[]
  partitionColumns: Column[]
  partitions: { values: PartitionValue[]; columns: Column[]; paths: string[] }[]
}

/** A table that is there as a query of DuckDB. */
export type QueryView = { name: TableName; sql: string }

/** Runs one query and gives its columns and rows, as JSON values; integers beyond 2^53, decimals and times are text. */
export async function query(
  sql: string,
  tables: readonly QueryTable[],
  options: SessionOptions,
): Promise<{ columns: string[]; rows: unknown[][] }> {
  return await queryOver(await openSession(options), sql, tables, [])
}

/** The same over a connection, which is closed at the end, with views besides; a view stands before a table of its name. */
export async function queryOver(
  session: Session,
  sql: string,
  tables: readonly QueryTable[],
  views: readonly QueryView[],
): Promise<{ columns: string[]; rows: unknown[][] }> {
  try {
    const databases = new Set([...tables, ...views].map(({ name }) => name.database))
    for (const database of databases) await session.run(`CREATE SCHEMA IF NOT EXISTS ${quoteName(database)}`)
    for (const table of tables) await createTable(session, table)
    for (const { name, sql: text } of views)
      await session.run(`CREATE OR REPLACE VIEW ${quoteName(name.database)}.${quoteName(name.table)} AS ${text}`)
    const path = [...databases, 'main'].map((name) => quoteName(name).replaceAll("'", "''")).join(',')
    await session.run(`SET search_path = '${path}'`)
    return await session.table(sql)
  } finally {
    session.close()
  }
}

async function createTable(session: Session, table: QueryTable): Promise<void> {
  const selects = table.partitions
    .filter(({ paths }) => paths.length > 0)
    .map(({ values, columns, paths }) => {
      const own = new Set(columns.map((column) => column.name.toLowerCase()))
      const data = table.columns.map(({ name, type }) => {
        const source = own.has(name.toLowerCase()) ? quoteName(name) : 'NULL'
        return `CAST(${source} AS ${duckdbType(type)}) AS ${quoteName(name)}`
      })
      const keys = values.map(({ column, value }) => `${quoteText(value)} AS ${quoteName(column)}`)
      return `SELECT ${[...data, ...keys].join(', ')} FROM read_parquet(${fileList(paths)}, hive_partitioning = false)`
    })
  if (selects.length === 0) {
    const all = [...table.columns, ...table.partitionColumns]
    selects.push(
      `SELECT ${all.map(({ name, type }) => `CAST(NULL AS ${duckdbType(type)}) AS ${quoteName(name)}`).join(', ')} WHERE false`,
    )
  }
  const name = `${quoteName(table.name.database)}.${quoteName(table.name.table)}`
  await session.run(`CREATE VIEW ${name} AS ${selects.join(' UNION ALL ')}`)
}

/** Tables of PostgreSQL as sources and targets. Values only: nothing is opened here. */
import { MillraceError } from '../errors.ts'

/** A database: the server of a URL, or without one PostgreSQL embedded below the root. The URL holds a password: it is never written down. */
export type PostgresDatabase = { url: string | undefined }

/** A table to read; `columns` missing: all it has. */
export type PostgresSourceTable = {
  /** What identifies a row. */
  key: string[]
  columns?: string[]
  /** Where it is not that of the others. */
  schema?: string
}
export type PostgresTables = { database: PostgresDatabase; schema: string; tables: Record<string, PostgresSourceTable> }
export type PostgresTable = { database: PostgresDatabase; schema: string; table: string }

/** Names a database. */
export function postgres(options: { url?: string | undefined } = {}): PostgresDatabase {
  return { url: options.url }
}

/** Names tables of a schema as a source. Throws `usage` where there are none or one has no key. */
export function postgresTables(
  database: PostgresDatabase,
  schema: string,
  tables: Record<string, PostgresSourceTable>,
): PostgresTables {
  if (Object.keys(tables).length === 0)
    throw new MillraceError('usage', `postgresTables(${JSON.stringify(schema)})  names no table`)
  for (const [table, { key, columns }] of Object.entries(tables)) {
    const where = `postgresTables(${JSON.stringify(schema)}), table ${table}`
    if (key.length === 0) throw new MillraceError('usage', `${where}  has no key; name the columns that identify a row`)
    const missing = columns === undefined ? undefined : key.find((name) => !columns.includes(name))
    if (missing !== undefined)
      throw new MillraceError('usage', `${where}  key ${missing} is not among the columns (${columns?.join(', ')})`)
  }
  return { database, schema, tables }
}

/** Names a table, `schema.table`, as a target. Throws `usage`. */
export function postgresTable(database: PostgresDatabase, name: string): PostgresTable {
  const [schema, table, more] = name.split('.')
  if (!schema || !table || more !== undefined)
    throw new MillraceError('usage', `postgresTable(${JSON.stringify(name)})  is refused: expected schema.table`)
  return { database, schema, table }
}

/** What a table of PostgreSQL is made of, and its types as the project spells them. */
import { didYouMean, MillraceError } from '../errors.ts'
import type { Column } from '../types.ts'
import type { Database } from './database.ts'

export type PostgresColumn = Column & {
  /** As PostgreSQL spells its type: `numeric(10,2)`, `character varying(4)`. */
  postgresType: string
  /** It takes no NULL. */
  isRequired: boolean
  /** It fills itself in where a row does not give it. */
  hasDefault: boolean
  /** It is computed, or an identity that takes no value: nobody can write it. */
  isReadOnly: boolean
}

export type PostgresTableInfo = {
  schema: string
  table: string
  columns: PostgresColumn[]
  /** The columns of the primary key and of every unique index over plain columns and all rows. */
  uniqueKeys: string[][]
  /** A table with rows of its own; of views and foreign tables nobody can tell which rows changed. */
  isOrdinary: boolean
  /** How many pages of 8 kB it has. */
  pages: number
}

/** Reads a table's definition. Throws `not-found` naming what exists, and the nearest. */
export async function describeTable(database: Database, schema: string, table: string): Promise<PostgresTableInfo> {
  const [found] = await database.query(
    `SELECT c.oid::text AS oid, c.relkind::text AS kind, pg_relation_size(c.oid) / 8192 AS pages
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`,
    [schema, table],
  )
  if (found === undefined) throw await missingTable(database, schema, table)
  const columns = await database.query(
    `SELECT attname::text AS name, format_type(atttypid, atttypmod) AS type, attnotnull AS required,
       (atthasdef OR attidentity <> '') AS filled, (attgenerated <> '' OR attidentity = 'a') AS readonly
     FROM pg_attribute WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
    [found.oid],
  )
  const keys = await database.query(
    `SELECT (SELECT json_agg(a.attname) FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey[0:i.indnkeyatts - 1]))::text AS columns
     FROM pg_index i WHERE i.indrelid = $1::oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL`,
    [found.oid],
  )
  return {
    ...{ schema, table },
    columns: columns.map(({ name, type, required, filled, readonly }) => ({
      name: String(name),
      type: hiveType(String(type)),
      postgresType: String(type),
      isRequired: required === true,
      hasDefault: filled === true,
      isReadOnly: readonly === true,
    })),
    uniqueKeys: keys.map((row) => JSON.parse(String(row.columns)) as string[]),
    isOrdinary: found.kind === 'r',
    pages: Number(found.pages),
  }
}

async function missingTable(database: Database, schema: string, table: string): Promise<MillraceError> {
  const rows = await database.query(
    `SELECT table_schema || '.' || table_name AS name FROM information_schema.tables
     WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1`,
  )
  const names = rows.map(({ name }) => String(name))
  const exists = names.length === 0 ? 'it has no tables' : `it has ${names.slice(0, 20).join(', ')}`
  const near = didYouMean(`${schema}.${table}`, names)
  return new MillraceError('not-found', `${database.where}  has no table ${schema}.${table} (${exists})${near}`)
}

const plainTypes: Record<string, string> = {
  smallint: 'smallint',
  integer: 'int',
  bigint: 'bigint',
  oid: 'bigint',
  real: 'float',
  'double precision': 'double',
  boolean: 'boolean',
  date: 'date',
  bytea: 'binary',
}
const digitsMax = 38 // of a decimal in Iceberg

/**
 * A type in Hive's spelling. What has no like, and `numeric` without digits or with more than 38, is text: it goes there and back
 * as PostgreSQL writes it, nothing lost.
 */
export function hiveType(postgresType: string): string {
  const plain = plainTypes[postgresType]
  if (plain !== undefined) return plain
  if (/^timestamp(\(\d\))? with time zone$/.test(postgresType)) return 'timestamptz'
  if (/^timestamp(\(\d\))? without time zone$/.test(postgresType)) return 'timestamp'
  if (/^time(\(\d\))? without time zone$/.test(postgresType)) return 'time'
  const [, digits, scale] = /^numeric\((\d+),(\d+)\)$/.exec(postgresType) ?? []
  if (digits !== undefined && Number(digits) <= digitsMax && Number(scale) <= Number(digits))
    return `decimal(${digits},${scale})`
  return 'string'
}

/** A name in PostgreSQL's quotes. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A table's name in PostgreSQL's quotes. */
export function quoteTable({ schema, table }: { schema: string; table: string }): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`
}

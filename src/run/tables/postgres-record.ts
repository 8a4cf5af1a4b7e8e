/** What an Iceberg table remembers of the table of PostgreSQL that it is a copy of, or is sent to. */
import { createHash } from 'node:crypto'
import type { PostgresDatabase } from '../../define/postgres.ts'
import type { Table } from '../../iceberg/table.ts'
import type { ReadPosition } from '../../postgres/position.ts'

/** Up to where the rows of a table of PostgreSQL were read; `columns` are names and types as they were then. */
export type CopyRecord = { source: string; position: ReadPosition; columns: string }

/** The last snapshot whose changes a table of PostgreSQL has; `target` tells database and table without naming who connects. */
export type SyncRecord = { target: string; snapshot: string }

export const copyProperty = 'millrace.copied-from'
export const syncProperty = 'millrace.synced-to'

/** The record of the last copy; null where there is none. */
export function readCopyRecord(table: Table): CopyRecord | null {
  const text = table.metadata.properties[copyProperty]
  return text === undefined ? null : (JSON.parse(text) as CopyRecord)
}

/** The record of the last sync; null where there is none. */
export function readSyncRecord(table: Table): SyncRecord | null {
  const text = table.metadata.properties[syncProperty]
  return text === undefined ? null : (JSON.parse(text) as SyncRecord)
}

/** A table of a database as a record has it: host, port and database in few letters, never user or password. */
export function placeText(database: PostgresDatabase, name: { schema: string; table: string }): string {
  const where = database.url === undefined ? 'embedded' : hostOf(database.url)
  const text = createHash('sha256').update(where).digest('hex').slice(0, 16)
  return `${text}/${name.schema}.${name.table}`
}

function hostOf(url: string): string {
  const { host, pathname, searchParams } = new URL(url)
  return `${searchParams.get('host') ?? host}${pathname}`
}

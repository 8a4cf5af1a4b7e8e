/** How work on tables connects to a database of PostgreSQL. */
import type { PostgresDatabase } from '../../define/postgres.ts'
import { MillraceError } from '../../errors.ts'
import connectPostgres, { type Database } from '../../postgres/connect.ts'
import type { Store } from '../../store.ts'

/** Where the embedded database of a root lies. */
export const postgresFolder = '_millrace/postgres'
const queryTimeoutMs = 30 * 60_000 // rows are counted and merged by the million
const lockWaitMs = 10 * 60_000 // tasks side by side use the embedded one after the other

/** Gives what opens a connection. Throws `usage` for a URL that is none, and `not-found` where there is no embedded database yet. */
export function postgresConnection(
  database: PostgresDatabase,
  store: Pick<Store, 'locate' | 'kind'>,
): () => Promise<Database> {
  const folder = store.locate(postgresFolder)
  const connect = newPostgresConnection(database, store)
  return async () => {
    if (database.url === undefined && (await store.kind(`${postgresFolder}/database`)) === 'missing')
      throw new MillraceError(
        'not-found',
        `${folder}  there is no embedded PostgreSQL yet. Make one with millrace sample, or name a server with --pg-url`,
      )
    return await connect()
  }
}

/** The same, making the embedded database where it is missing. */
export function newPostgresConnection(
  { url }: PostgresDatabase,
  store: Pick<Store, 'locate'>,
): () => Promise<Database> {
  return connectPostgres({ url, folder: store.locate(postgresFolder), purpose: 'tables', queryTimeoutMs, lockWaitMs })
}

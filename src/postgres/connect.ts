/** A database of PostgreSQL: the server of a URL, or one embedded in a folder. */
import type { Database } from './database.ts'
import embedded from './embedded.ts'
import server from './server.ts'

export type { Database } from './database.ts'

export type ConnectOptions = {
  /** `postgresql://…`; undefined for the embedded one. */
  url: string | undefined
  /** The absolute folder of the embedded database, made when missing. */
  folder: string
  /** What messages say that it is for. */
  purpose?: string
  queryTimeoutMs?: number
  /** How long to wait for another process that has the embedded database. */
  lockWaitMs?: number
}

/** Gives what opens a connection. Throws `usage` for a URL that is none. */
export default function connectPostgres({
  url,
  folder,
  lockWaitMs,
  ...options
}: ConnectOptions): () => Promise<Database> {
  return url === undefined ? embedded(folder, lockWaitMs) : server(url, options)
}

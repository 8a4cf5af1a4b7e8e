/** A PostgreSQL server, by URL. */
import { createReadStream, createWriteStream } from 'node:fs'
import { Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import type { ClientConfig } from 'pg'
import { MillraceError, messageOf } from '../errors.ts'
import { type Database, databaseError } from './database.ts'

const connectTimeoutMs = 10_000
const queryTimeoutMsDefault = 60_000 // a network that is gone without a word
const goodbyeTimeoutMs = 2_000
const keepAliveMs = 30_000 // how soon an idle connection is asked whether the other side is still there
const pieceBytes = 2 ** 18 // of a file that is sent

/**
 * Opens connections to a server; `pg` is loaded with the first. Throws `usage` where the URL is none of PostgreSQL. The URL
 * holds a password, so it is in no message.
 */
export default function server(url: string, options: ServerOptions = {}): () => Promise<Database> {
  checkUrl(url)
  return () => connect(url, options)
}

/** `purpose` is what messages say that the database is for. */
export type ServerOptions = { purpose?: string; queryTimeoutMs?: number }

function checkUrl(url: string): void {
  const expected = 'expected one such as postgresql://user:password@host:5432/database'
  if (!URL.canParse(url)) throw new MillraceError('usage', `--pg-url is no URL; ${expected}`)
  const { protocol, username, password, pathname } = new URL(url)
  if (protocol !== 'postgresql:' && protocol !== 'postgres:')
    throw new MillraceError('usage', `--pg-url is a URL of ${JSON.stringify(protocol.slice(0, -1))}; ${expected}`)
  const parts = { user: username, password, database: pathname }
  for (const [name, text] of Object.entries(parts)) {
    if (isDecodable(text)) continue
    throw new MillraceError('usage', `--pg-url  the ${name} has a % that stands for nothing; write %25 for a %`)
  }
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

async function connect(
  url: string,
  { purpose, queryTimeoutMs = queryTimeoutMsDefault }: ServerOptions,
): Promise<Database> {
  const { default: pg } = await import('pg')
  let where = 'PostgreSQL'
  const socket = new Socket()
  const config: ClientConfig = {
    connectionString: url,
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveMs,
    fallback_application_name: 'millrace',
    stream: () => socket,
  }
  try {
    // Reads the certificates that the URL names, too.
    const client = new pg.Client(config)
    where = `PostgreSQL at ${client.host}:${client.port}, database ${client.database}, user ${client.user}`
    client.on('error', () => {}) // the query that needs the connection fails by itself
    await client.connect()
    return {
      where,
      origin: 'server',
      takesMore: true,
      query: async (text, values = []) => {
        // pg's types do not know that it may be given with each query, as COPY must not have it.
        const query = { text, values, query_timeout: queryTimeoutMs }
        return (await client.query(query)).rows
      },
      copyTo: async (sql, file) => {
        const { to } = await import('pg-copy-streams')
        const target = createWriteStream(file, { flags: 'a' })
        await pipeline(client.query(to(sql)), target)
        return target.bytesWritten
      },
      copyFrom: async (sql, file) => {
        const { from } = await import('pg-copy-streams')
        await pipeline(createReadStream(file, { highWaterMark: pieceBytes }), client.query(from(sql)))
      },
      close: () => sayGoodbye(() => client.end(), socket),
    }
  } catch (error) {
    socket.destroy()
    throw databaseError(purpose === undefined ? where : `${purpose} in ${where}`, explained(error))
  }
}

/** A server that does not answer must not hold up a run's end. */
async function sayGoodbye(end: () => Promise<void>, socket: Socket): Promise<void> {
  const timer = setTimeout(() => socket.destroy(), goodbyeTimeoutMs)
  await end().catch(() => {})
  clearTimeout(timer)
}

/** Two of pg's messages say nothing to a user. */
function explained(error: unknown): unknown {
  const message = messageOf(error)
  if (/password must be a (non-empty )?string/.test(message))
    return new Error('the server asks for a password, and --pg-url has none; give it there, or set PGPASSWORD', {
      cause: error,
    })
  if (/timeout/.test(message)) {
    const text = `no answer for ${connectTimeoutMs / 1000} s. Check the network, or correct host and port of --pg-url`
    return new Error(text, { cause: error })
  }
  return error
}

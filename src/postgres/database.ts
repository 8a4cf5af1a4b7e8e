/** What is done with a database of PostgreSQL, and what a failure of it means. */
import { MillraceError, messageOf, systemCode } from '../errors.ts'

export type Database = {
  /** Where it is, for messages; without the password. */
  where: string
  /** Tells it from any other database that was or will be at its place, together with what the server says of itself. */
  origin: string
  /** Whether several connections to it can be at work at a time. */
  takesMore: boolean
  query(sql: string, values?: unknown[]): Promise<Record<string, unknown>[]>
  /** Writes what `COPY … TO STDOUT` of these words gives into a file, which is made or added to; gives its bytes. */
  copyTo(sql: string, file: string): Promise<number>
  /** Sends a file to `COPY … FROM STDIN`. */
  copyFrom(sql: string, file: string): Promise<void>
  /** Ends the connection; what was committed is durable then. */
  close(): Promise<void>
}

/** What mends a failure, by the code of the operating system or of PostgreSQL. */
const advice: Record<string, string> = {
  ECONNREFUSED: 'No PostgreSQL listens there: start it, or correct host and port of --pg-url',
  ENOTFOUND: 'No machine of that name is known here: correct the host of --pg-url',
  EAI_AGAIN: 'The name could not be looked up: correct the host of --pg-url, or check the network',
  EHOSTUNREACH: 'Check the network, or correct the host of --pg-url',
  ENETUNREACH: 'Check the network, or correct the host of --pg-url',
  SELF_SIGNED_CERT_IN_CHAIN: 'Name the certificate that signed it: --pg-url …?sslrootcert=FILE',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'Name the certificate that signed it: --pg-url …?sslrootcert=FILE',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'Name the certificate that signed it: --pg-url …?sslrootcert=FILE',
  '28P01': 'Correct user and password of --pg-url',
  '28000':
    'The server does not let this user in from here; where it asks for encryption, add ?sslmode=require to --pg-url',
  '3D000': 'Create the database, or correct its name in --pg-url',
  '42501': 'Give this user the right to create, read and write tables there',
  '53300': 'Wait until connections are free, or raise max_connections',
  '55P03': 'Another program holds the table; end it, then run again',
  '57P01': 'The server was shut down, or ended this connection; when it runs again, run again',
  ECONNRESET: 'The server went away meanwhile; nothing of it was committed. When it runs again, run again',
  '57P03': 'Wait until the server has started, then run again',
}

/** Says of a failure where it was and what to do: `storage`, or `disk-full`. `place` is what is used and where. */
export function databaseError(place: string, error: unknown): MillraceError {
  if (error instanceof MillraceError) return error
  const code = systemCode(error) ?? ''
  if (code === '53100' || code === 'ENOSPC' || code === 'EDQUOT') {
    const message = `${place}  ${textOf(error)}. There is no room left on its disk; free some and run again`
    return new MillraceError('disk-full', message, { cause: error })
  }
  // Class 22 of PostgreSQL's codes: a value that its column does not take; 23: a row that a constraint forbids.
  if (/^2[23]\w{3}$/.test(code))
    return new MillraceError('bad-value', `${place}  ${textOf(error)}${detailOf(error)}`, { cause: error })
  const mend = advice[code] === undefined ? '' : `. ${advice[code]}`
  return new MillraceError('storage', `${place}  ${textOf(error)}${mend}`, { cause: error })
}

/** Does something with a database; what fails is told by `databaseError`, with where it is. */
export async function told<T>(database: Pick<Database, 'where'>, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    throw databaseError(database.where, error)
  }
}

/** The key or row that PostgreSQL names with an error, or of rows that were sent the column and its value. */
function detailOf(error: unknown): string {
  const { detail, where } = error as { detail?: string; where?: string }
  const column = /, (column .+)/.exec(where?.split('\n')[0] ?? '')?.[1]
  return [detail, column].map((text) => (text === undefined ? '' : ` (${text})`)).join('')
}

/** Where a name stands for several addresses, each has an error of its own. */
function textOf(error: unknown): string {
  return error instanceof AggregateError ? [...new Set(error.errors.map(messageOf))].join('; ') : messageOf(error)
}

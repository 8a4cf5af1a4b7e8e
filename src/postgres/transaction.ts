/** Transactions that write. */
import type { Database } from './database.ts'

/**
 * Does work in a transaction, in UTC, so that now() is right in a column without a time zone, too; nothing of it stays when it throws.
 * `lockSeconds`: how long to wait for a table that someone else holds. `isoDates`: dates are given as text, whatever the server's style.
 */
export async function transaction<T>(
  database: Database,
  options: { lockSeconds?: number; isoDates?: boolean },
  work: () => Promise<T>,
): Promise<T> {
  await database.query('BEGIN')
  try {
    await database.query("SET LOCAL TIME ZONE 'UTC'")
    if (options.isoDates === true) await database.query("SET LOCAL DateStyle TO 'ISO'")
    if (options.lockSeconds !== undefined) await database.query(`SET LOCAL lock_timeout = '${options.lockSeconds}s'`)
    const result = await work()
    await database.query('COMMIT')
    return result
  } catch (error) {
    await database.query('ROLLBACK').catch(() => {}) // the connection may be what failed
    throw error
  }
}

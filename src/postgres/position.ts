/** What of a database was read, told by the numbers of its transactions. */
import type { Database } from './database.ts'
import type { PostgresTableInfo } from './describe.ts'

/**
 * Every transaction before `xid` (64 bits, as text) had ended and is seen. Of another `database`, or one whose transactions have
 * not come so far, it says nothing.
 */
export type ReadPosition = { database: string; xid: string }

/** Where the current transaction stands. */
export async function readPosition(database: Database): Promise<ReadPosition> {
  const [row] = await database.query(
    `SELECT system_identifier::text AS system, pg_snapshot_xmin(pg_current_snapshot())::text AS xid,
       (SELECT oid::text FROM pg_database WHERE datname = current_database()) AS database FROM pg_control_system()`,
  )
  return { database: `${row?.system}/${row?.database}/${database.origin}`, xid: String(row?.xid) }
}

/**
 * A condition over the row `t` that holds for every row that was written since a position, and for none that is older than it;
 * null where PostgreSQL cannot tell. Rows that transactions of `own` (64 bits, as text) wrote are left out.
 */
export function writtenSince(
  table: PostgresTableInfo,
  before: ReadPosition,
  now: ReadPosition,
  own: readonly string[],
): string | null {
  const passed = BigInt(now.xid) - BigInt(before.xid)
  // A row has 32 bits of its transaction's number: beyond 2^31 of them before and after cannot be told apart.
  if (!table.isOrdinary || before.database !== now.database || passed < 0n || passed > 2n ** 30n) return null
  const since = `age(t.xmin) <= age('${BigInt(before.xid) % 2n ** 32n}'::xid)`
  const numbers = own.filter((xid) => BigInt(xid) >= BigInt(before.xid)).map((xid) => BigInt(xid) % 2n ** 32n)
  return numbers.length === 0 ? since : `${since} AND t.xmin <> ALL ('{${numbers.join(',')}}'::xid[])`
}

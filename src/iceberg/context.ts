/** What every operation on a table works with. */
import type { Session } from '../engines/duckdb/session.ts'
import type { Catalog } from './types.ts'

/** A warehouse's catalog, its DuckDB database and its clock. */
export type WarehouseContext = {
  catalog: Catalog
  /** A connection of one's own, with its own temporary tables. */
  connect(): Promise<Session>
  now(): number
}

/** Works over a connection of its own, which is closed at the end. */
export async function connected<T>(context: WarehouseContext, act: (session: Session) => Promise<T>): Promise<T> {
  const session = await context.connect()
  try {
    return await act(session)
  } finally {
    session.close()
  }
}

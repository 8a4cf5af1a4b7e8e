/** A database of PostgreSQL for tests: a real server's, where there is one, or the one embedded in a root. */
import * as path from 'node:path'
import { type PostgresDatabase, postgres } from 'millrace'
import connectPostgres from '../../../src/postgres/connect.ts'

export type TestDatabase = {
  database: PostgresDatabase
  /** Runs statements one after the other; gives the rows of the last. */
  query(...statements: string[]): Promise<Record<string, unknown>[]>
}

/** The database at a URL, or the one embedded below a root. */
export function testDatabase(root: string, url: string | undefined): TestDatabase {
  const connect = connectPostgres({ url, folder: path.join(root, '_millrace/postgres') })
  return {
    database: postgres({ url }),
    query: async (...statements) => {
      const database = await connect()
      try {
        let rows: Record<string, unknown>[] = []
        for (const sql of statements) rows = await database.query(sql)
        return rows
      } finally {
        await database.close()
      }
    },
  }
}

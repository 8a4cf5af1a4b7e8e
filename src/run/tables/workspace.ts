/** A task's own corner of the warehouse's database: views by the names of Iceberg tables, and tables for rows on their way. */
import type { Session } from '../../engines/duckdb/session.ts'
import { quoteName } from '../../engines/portable.ts'
import type { WarehouseLease } from './shared-warehouse.ts'

export type Workspace = {
  session: Session
  /** Makes `namespace.table` stand for a query in the SQL of this workspace, instead of what it stood for. */
  define(table: string, sql: string): Promise<void>
  /** Makes a table of the rows of a query; gives its name, which every connection of the warehouse knows. */
  keep(name: string, sql: string): Promise<string>
  /** Makes such a table under a name that this workspace has not used. */
  keepMore(sql: string): Promise<string>
  close(): Promise<void>
}

/** Opens a workspace; what it made goes with it. */
export async function openWorkspace({ warehouse, unique }: WarehouseLease): Promise<Workspace> {
  const own = unique()
  const session = await warehouse.session()
  const database = `work_${own}`
  const kept = new Set<string>()
  await session.run(`ATTACH ':memory:' AS ${database}; SET search_path = '${database}.main,memory.main'`)
  const keep = async (name: string, sql: string): Promise<string> => {
    const table = `${own}_${name}`
    kept.add(table)
    await session.run(`CREATE OR REPLACE TABLE memory.main.${table} AS ${sql}`)
    return table
  }
  let more = 0
  return {
    ...{ session, keep },
    define: async (table, sql) => {
      const [namespace, name] = table.split('.') as [string, string]
      await session.run(
        `CREATE SCHEMA IF NOT EXISTS ${database}.${quoteName(namespace)};
         CREATE OR REPLACE VIEW ${database}.${quoteName(namespace)}.${quoteName(name)} AS ${sql}`,
      )
    },
    keepMore: (sql) => {
      more += 1
      return keep(`more_${more}`, sql)
    },
    close: async () => {
      try {
        for (const name of kept) await session.run(`DROP TABLE IF EXISTS memory.main.${name}`)
        await session.run(`SET search_path = 'memory.main'; DETACH ${database}`)
      } finally {
        session.close()
      }
    },
  }
}

/** A task's own corner of the warehouse's database: views by the names of Iceberg tables, and tables for rows on their way. */
import { createHash } from 'node:crypto'
import type { Session } from '../../engines/duckdb/session.ts'
import { quoteName } from '../../engines/portable.ts'
import type { WarehouseLease } from './shared-warehouse.ts'

export type Workspace = {
  session: Session
  /** Makes `namespace.table` stand for a query in the SQL of this workspace, instead of what it stood for. */
  define(table: string, sql: string): Promise<void>
  /** Makes a table of the rows of a query; gives its name, which every connection of the warehouse knows. */
  keep(name: string, sql: string): Promise<string>
  /**
   * Makes such a table, which nobody changes, or takes the one that another workspace made of the same query: two merges of the same
   * tables cut them to the same rows. Of what `define` made the query says nothing.
   */
  share(sql: string): Promise<string>
  close(): Promise<void>
}

/** Opens a workspace; what it made goes with it. */
export async function openWorkspace({ warehouse, unique, shared }: WarehouseLease): Promise<Workspace> {
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
  const used = new Set<string>()
  const share = async (sql: string): Promise<string> => {
    const name = `shared_${createHash('sha256').update(sql).digest('hex').slice(0, 32)}`
    for (let found = shared.get(name); found?.users === 0; found = shared.get(name)) await found.ready
    const make = async (): Promise<void> => await session.run(`CREATE OR REPLACE TABLE memory.main.${name} AS ${sql}`)
    const table = shared.get(name) ?? { users: 0, ready: make() }
    shared.set(name, table)
    if (!used.has(name)) table.users += 1
    used.add(name)
    await table.ready
    return name
  }
  const unshare = async (name: string): Promise<void> => {
    const table = shared.get(name)
    if (table === undefined) return
    table.users -= 1
    if (table.users > 0) return
    const drop = async (): Promise<void> => {
      await table.ready.catch(() => {}) // whoever waited for it was told
      await session.run(`DROP TABLE IF EXISTS memory.main.${name}`)
    }
    const gone = drop().finally(() => shared.delete(name))
    shared.set(name, { users: 0, ready: gone.catch(() => {}) })
    await gone
  }
  return {
    ...{ session, keep, share },
    define: async (table, sql) => {
      const [namespace, name] = table.split('.') as [string, string]
      await session.run(
        `CREATE SCHEMA IF NOT EXISTS ${database}.${quoteName(namespace)};
         CREATE OR REPLACE VIEW ${database}.${quoteName(namespace)}.${quoteName(name)} AS ${sql}`,
      )
    },
    close: async () => {
      try {
        for (const name of used) await unshare(name)
        for (const name of kept) await session.run(`DROP TABLE IF EXISTS memory.main.${name}`)
        await session.run(`SET search_path = 'memory.main'; DETACH ${database}`)
      } finally {
        session.close()
      }
    },
  }
}

/** Queries over all tables of a root by name: those of Parquet, and those of Iceberg, at other snapshots too. */
import { icebergFolder } from '../../define/iceberg-tables.ts'
import { type QueryTable, type QueryView, query, queryOver } from '../../engines/duckdb/query.ts'
import type { SessionOptions } from '../../engines/duckdb/session.ts'
import { takeSnapshotClauses } from '../../engines/duckdb/snapshot-clauses.ts'
import { openWarehouse, type Warehouse } from '../../iceberg/warehouse.ts'
import type { Store } from '../../store.ts'

type Result = { columns: string[]; rows: unknown[][] }

/** Runs one query; of Iceberg tables only those that its text names are opened. Throws `not-found` for a snapshot that is not there. */
export async function queryTables(
  store: Store,
  text: string,
  tables: readonly QueryTable[],
  options: SessionOptions,
): Promise<Result> {
  if ((await store.kind(icebergFolder)) !== 'folder') return await query(text, tables, options)
  const { sql, tables: chosen } = takeSnapshotClauses(text)
  const warehouse = await openWarehouse(store.locate(icebergFolder), options)
  try {
    const views: QueryView[] = []
    for (const { name, table, at } of chosen) {
      const scan = await (await warehouse.table(table)).scanSql(at)
      views.push({ name: { database: 'main', table: name }, sql: `SELECT * FROM ${scan}` })
    }
    views.push(...(await newestViews(warehouse, sql)))
    return await queryOver(await warehouse.session(), sql, tables, views)
  } finally {
    warehouse.close()
  }
}

async function newestViews(warehouse: Warehouse, sql: string): Promise<QueryView[]> {
  const views: QueryView[] = []
  for (const full of await warehouse.tables()) {
    const [database, table] = full.split('.') as [string, string]
    if (!sql.toLowerCase().includes(table.toLowerCase())) continue
    const scan = await (await warehouse.table(full)).scanSql()
    views.push({ name: { database, table }, sql: `SELECT * FROM ${scan}` })
  }
  return views
}

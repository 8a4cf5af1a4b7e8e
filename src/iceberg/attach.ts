/** Makes a warehouse's tables and other relations readable by name for one piece of work. */
import { randomUUID } from 'node:crypto'
import { fileList } from '../engines/duckdb/relations.ts'
import type { Session } from '../engines/duckdb/session.ts'
import { quoteName } from '../engines/portable.ts'
import { didYouMean, MillraceError } from '../errors.ts'
import type { WarehouseContext } from './context.ts'
import { parseTableName, tableText } from './folder-catalog.ts'
import type { SnapshotChoice } from './refs.ts'
import { createRows, type Row } from './row-values.ts'
import { planScan, scanSql } from './scan.ts'
import type { TableIdentifier } from './types.ts'

/** Relations that SQL may name beside the warehouse's tables: Parquet files, rows at hand, or a query over the tables. */
export type Relation = { files: readonly string[] } | { rows: readonly Row[] } | { sql: string }
export type Relations = Record<string, Relation>

/** What SQL may name: tables are found in its text, and read at their newest snapshot unless another is chosen here. */
export type Names = { tables?: Record<string, SnapshotChoice>; relations?: Relations }

/** Works while the tables that some SQL names can be read over the connection as `namespace.table`, relations by their name. */
export async function attached<T>(
  context: WarehouseContext,
  session: Session,
  sql: string,
  names: Names,
  act: () => Promise<T>,
): Promise<T> {
  const relations = Object.entries(names.relations ?? {})
  const texts = [sql, ...relations.map(([, relation]) => ('sql' in relation ? relation.sql : ''))]
  const tables = await namedTables(context, texts.join('\n'), names.tables ?? {})
  const database = `attached_${randomUUID().replaceAll('-', '')}`
  await session.run(`ATTACH ':memory:' AS ${database}`)
  try {
    for (const [table, choice] of tables) await createView(context, session, database, table, choice)
    await session.run(`SET search_path = '${database}.main,memory.main'`)
    for (const [name, relation] of relations) await createRelation(session, name, relation)
    return await act()
  } finally {
    await session.run(`SET search_path = 'memory.main'`)
    await session.run(`DETACH ${database}`)
  }
}

async function namedTables(
  context: WarehouseContext,
  sql: string,
  choices: Record<string, SnapshotChoice>,
): Promise<Map<TableIdentifier, SnapshotChoice>> {
  const chosen = new Map(Object.entries(choices).map(([name, choice]) => [tableText(parseTableName(name)), choice]))
  const found = new Map<TableIdentifier, SnapshotChoice>()
  for (const namespace of await context.catalog.namespaces()) {
    if (!occurs(sql, namespace) && ![...chosen.keys()].some((name) => name.startsWith(`${namespace}.`))) continue
    for (const table of await context.catalog.tables(namespace)) {
      const choice = chosen.get(tableText(table))
      if (choice !== undefined || occurs(sql, namespace, table.name)) found.set(table, choice ?? {})
      chosen.delete(tableText(table))
    }
  }
  const [missing] = chosen.keys()
  if (missing === undefined) return found
  const existing = [...found.keys()].map(tableText)
  throw new MillraceError('not-found', `there is no table ${missing}${didYouMean(missing, existing)}`)
}

/** True when names, quoted or not, stand in a text one after the other. What else they may be there does no harm. */
function occurs(sql: string, ...names: string[]): boolean {
  const words = names.map((name) => `"?${name.replaceAll('"', '""').replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}"?`)
  return new RegExp(`(?<![\\p{L}\\p{N}_])${words.join('\\s*\\.\\s*')}(?![\\p{L}\\p{N}_])`, 'iu').test(sql)
}

async function createView(
  context: WarehouseContext,
  session: Session,
  database: string,
  table: TableIdentifier,
  choice: SnapshotChoice,
): Promise<void> {
  const { metadata } = await context.catalog.load(table)
  const scan = await planScan(session, metadata, choice)
  const schema = `${database}.${quoteName(table.namespace)}`
  const query = scanSql(
    scan,
    scan.schema.fields.map(({ name }) => name),
    null,
  )
  await session.run(`CREATE SCHEMA IF NOT EXISTS ${schema}`)
  await session.run(`CREATE VIEW ${schema}.${quoteName(table.name)} AS SELECT * FROM ${query}`)
}

async function createRelation(session: Session, name: string, relation: Relation): Promise<void> {
  if ('rows' in relation) await createRows(session, name, relation.rows)
  else {
    const from = 'files' in relation ? filesSql(relation.files) : `(${relation.sql})`
    await session.run(`CREATE OR REPLACE TEMP VIEW ${quoteName(name)} AS SELECT * FROM ${from}`)
  }
}

/** Parquet files as one relation, their columns by name. */
export function filesSql(files: readonly string[]): string {
  if (files.length === 0) throw new MillraceError('no-input', 'no files were given; name at least one Parquet file')
  return `read_parquet(${fileList(files)}, union_by_name = true, hive_partitioning = false)`
}

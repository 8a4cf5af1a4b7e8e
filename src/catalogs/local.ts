/** The catalog of a root: which tables exist, as their latest commits tell it, and the external ones of the configuration. */
import { unionColumns } from '../formats/column-types.ts'
import type { Column, CommitRecord, PartitionValue, PublishedFile, TableName } from '../types.ts'

/** A table with the columns of all of its partitions; a column's type is the one that holds those of every partition. */
export type CatalogTable = {
  name: TableName
  columns: Column[]
  partitionColumns: Column[]
  partitions: CatalogPartition[]
  rows: number
  bytes: number
}
export type CatalogPartition = { values: PartitionValue[]; location: string; columns: Column[]; files: PublishedFile[] }

/** Reads the tables out of the latest commit of every scope. Tables and partitions come in order of their names. */
export function readCatalog(commits: readonly CommitRecord[]): CatalogTable[] {
  const tables = new Map<string, CatalogTable>()
  for (const { table: name, ...published } of commits.flatMap(({ partitions }) => partitions)) {
    if (name === null) continue
    const key = tableText(name)
    const table: CatalogTable = tables.get(key) ?? {
      name,
      columns: [],
      partitionColumns: [],
      partitions: [],
      rows: 0,
      bytes: 0,
    }
    tables.set(key, table)
    table.partitionColumns = published.partition.map(({ column }) => ({ name: column, type: 'string' }))
    table.partitions.push({
      values: published.partition,
      location: published.location,
      columns: published.columns,
      files: published.files,
    })
    for (const { rows, bytes } of published.files) {
      table.rows += rows
      table.bytes += bytes
    }
  }
  for (const table of tables.values()) {
    table.partitions.sort((a, b) => (a.location < b.location ? -1 : 1))
    table.columns = unionColumns(table.partitions.map(({ columns }) => columns))
  }
  return [...tables.values()].sort((a, b) => (tableText(a.name) < tableText(b.name) ? -1 : 1))
}

/** `database.table`. */
export function tableText({ database, table }: TableName): string {
  return `${database}.${table}`
}

/**
 * The location of a table that lies outside Millrace's own commits or inside; undefined where it is not registered.
 * `external` maps `database.table` to a path below the root.
 */
export function locateTable(
  name: TableName,
  external: Record<string, string>,
  tables: readonly CatalogTable[],
): string | undefined {
  const text = tableText(name)
  if (external[text] !== undefined) return external[text]
  const partition = tables.find((table) => tableText(table.name) === text)?.partitions[0]
  return partition?.location
    .split('/')
    .slice(0, -partition.values.length || undefined)
    .join('/')
}

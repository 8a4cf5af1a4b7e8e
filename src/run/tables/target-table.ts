/** The Iceberg table that a task writes: found, made, or brought to its definition. */
import type { TableLayout } from '../../define/iceberg-tables.ts'
import { hasCode } from '../../errors.ts'
import { snapshotTotals } from '../../iceberg/summary.ts'
import type { Table } from '../../iceberg/table.ts'
import { partitionChange, sortChange } from '../../iceberg/table-updates.ts'
import type { Warehouse } from '../../iceberg/warehouse.ts'
import type { Column, TableCounts, TableRead } from '../../types.ts'

export type TargetDefinition = { columns: readonly Column[]; key: readonly string[]; layout: TableLayout | undefined }

/** The table of a name, or null where there is none. */
export async function existingTable(warehouse: Warehouse, name: string): Promise<Table | null> {
  try {
    return await warehouse.table(name)
  } catch (error) {
    if (hasCode(error, 'not-found')) return null
    throw error
  }
}

/**
 * Makes the table where it is missing; else adds the columns that it lacks, and has files to come lie as the layout says. Those that
 * are there stay until they are rewritten.
 */
export async function targetTable(warehouse: Warehouse, name: string, definition: TargetDefinition): Promise<Table> {
  const table = await existingTable(warehouse, name)
  if (table === null) return await create(warehouse, name, definition)
  const has = new Set(table.schema.fields.map((field) => field.name.toLowerCase()))
  const added = definition.columns.filter((column) => !has.has(column.name.toLowerCase()))
  if (added.length > 0) await table.evolve(added.map(({ name: add, type }) => ({ add, type })))
  const { partitionBy, sortBy, properties = {} } = definition.layout ?? {}
  // Looked at first, for setting reads the table's metadata again.
  const { metadata } = table
  if (partitionBy !== undefined && partitionChange(metadata, partitionBy).updates.length > 0)
    await table.setPartitionBy(partitionBy)
  if (sortBy !== undefined && sortChange(metadata, sortBy).updates.length > 0) await table.setSortBy(sortBy)
  const changed = Object.entries(properties).filter(([key, value]) => table.metadata.properties[key] !== value)
  if (changed.length > 0) await table.setProperties(Object.fromEntries(changed))
  return table
}

async function create(
  warehouse: Warehouse,
  name: string,
  { columns, key, layout = {} }: TargetDefinition,
): Promise<Table> {
  // The columns of the key are the table's identifier fields, by which readers pair the two images of a row; those take no NULL.
  const required = (column: string): boolean => key.includes(column)
  try {
    return await warehouse.create(name, {
      columns: columns.map((column) => ({ ...column, required: required(column.name) })),
      key: [...key],
      ...layout,
    })
  } catch (error) {
    if (!hasCode(error, 'exists')) throw error
    return await warehouse.table(name)
  }
}

/** What a table has now, as a plan tells it. */
export function tableRead(table: Table): TableRead {
  const snapshot = table.snapshot()
  const { dataFiles: files, rows, bytes } = snapshotTotals(snapshot)
  return { name: table.name, snapshot: snapshot === null ? null : String(snapshot['snapshot-id']), files, rows, bytes }
}

/** What a run committed to a table before it could say so: the snapshot, and its changes as the table tells them. */
export async function committedBy(
  table: Table,
  run: string,
  task: string,
): Promise<{ snapshot: string; counts: TableCounts } | null> {
  const own = table.metadata.snapshots.filter(
    ({ summary }) => summary['millrace.run'] === run && summary['millrace.task'] === task,
  )
  const last = own.at(-1)
  if (last === undefined || table.snapshot() === null) return null
  const counts = await changeCounts(table, last['parent-snapshot-id'] ?? null, last['snapshot-id'])
  return { snapshot: String(last['snapshot-id']), counts }
}

async function changeCounts(table: Table, from: bigint | null, to: bigint): Promise<TableCounts> {
  const { inserts, updates, deletes } = await (await table.changes({ ...(from === null ? {} : { from }), to })).counts()
  const none = { unchanged: 0, superseded: 0, quarantined: 0 }
  return { rowsIn: inserts + updates + deletes, inserted: inserts, updated: updates, deleted: deletes, ...none }
}

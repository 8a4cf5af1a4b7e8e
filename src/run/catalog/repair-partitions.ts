/**
 * Repairs the partitions of tables: what `MSCK REPAIR TABLE` finds is added. What is gone from storage is removed from the catalog, with
 * a warning: `MSCK … SYNC PARTITIONS` in Hive; Athena's only adds, and leaves the rest to `ALTER TABLE … DROP PARTITION`.
 */
import { type GlueTable, glueTableText, storageFolder } from '../../catalogs/glue-catalog.ts'
import type { RepairPartitionsTask } from '../../define/repair-partitions.ts'
import { MillraceError } from '../../errors.ts'
import type { CatalogEntryChange } from '../../events.ts'
import { tableColumns } from '../../plan/glue-columns.ts'
import { type PartitionRepair, planRepair, repairText, type StoredPartition } from '../../plan/repair-partitions.ts'
import type { TableRead } from '../../types.ts'
import { type CatalogContext, type CatalogStep, type CatalogWork, ownTables } from './catalog-work.ts'
import { type DataFolders, openTopFolders, readFooters } from './data-folders.ts'
import { partitionsIn } from './find-partitions.ts'

/** Lists the tables of a task. Throws `not-found` where the catalog has none of them. */
export async function openRepairPartitions(task: RepairPartitionsTask, context: CatalogContext): Promise<CatalogWork> {
  const { database, prefix, name, tablesAtOnce } = task
  const tables = await ownTables(context.catalog, database, prefix)
  if (tables.length === 0) {
    const text = `task ${name}  the catalog has no table ${prefix}… in database ${database}`
    throw new MillraceError('not-found', `${text}. Run the step that registers them first`)
  }
  const locations = tables.map(({ StorageDescriptor }) => storageFolder(StorageDescriptor))
  const folders = await openTopFolders(context.store, locations)
  const units = tables.map((table) => ({
    name: table.Name,
    plan: async () => await planTable(table, folders, context),
  }))
  return { units, atOnce: tablesAtOnce, figures: { tables_repaired: 0, partitions_added: 0, partitions_removed: 0 } }
}

async function planTable(table: GlueTable, folders: DataFolders, context: CatalogContext): Promise<CatalogStep> {
  const keys = table.PartitionKeys.map(({ Name }) => Name)
  const figures = { tables_repaired: 1, partitions_added: 0, partitions_removed: 0 }
  if (keys.length === 0) return { reads: [], what: 'has no partition columns', figures, act: null }
  const { stored, read } = await storedPartitions(table, keys, folders, context)
  const known = await context.catalog.getPartitions(table.DatabaseName, table.Name)
  const repair = planRepair(table, known, stored)
  const what = repairText(repair)
  if (what === '') {
    const count = `${known.length} ${known.length === 1 ? 'partition' : 'partitions'}`
    return { reads: [], what: `has the ${count} that storage has`, figures, act: null }
  }
  for (const { Values } of repair.remove) {
    const value = keys.map((key, index) => `${key}='${Values[index] ?? ''}'`).join(', ')
    await context.warn(
      `table ${glueTableText(table)}  partition ${value} has no files any more and is taken out of the catalog (in Athena: ALTER TABLE … DROP PARTITION (${value}))`,
    )
  }
  return {
    reads: [read],
    what,
    figures: { ...figures, partitions_added: repair.add.length, partitions_removed: repair.remove.length },
    act: async () => await carryOut(table, repair, context),
  }
}

/** The partitions in storage, as their footers describe them. */
async function storedPartitions(
  table: GlueTable,
  keys: string[],
  list: DataFolders,
  { store, signal, warn }: CatalogContext,
): Promise<{ stored: StoredPartition[]; read: TableRead }> {
  const folder = storageFolder(table.StorageDescriptor)
  const { partitions, odd } = await partitionsIn(folder, keys, list)
  for (const sentence of odd) await warn(sentence)
  const read = { name: folder, snapshot: null, files: 0, rows: 0, bytes: 0 }
  const stored: StoredPartition[] = []
  for (const { values, location, files } of partitions) {
    const { rows, bytes, schemas } = await readFooters(store, files, signal)
    const figures = { numFiles: String(files.length), numRows: String(rows), totalSize: String(bytes) }
    stored.push({ values, location, figures, columns: tableColumns(schemas) })
    Object.assign(read, { files: read.files + files.length, rows: read.rows + rows, bytes: read.bytes + bytes })
  }
  return { stored, read }
}

async function carryOut(
  { DatabaseName: database, Name: name, StorageDescriptor }: GlueTable,
  { add, update, remove }: PartitionRepair,
  { catalog }: CatalogContext,
): Promise<CatalogEntryChange> {
  const errors = [
    ...(remove.length === 0
      ? []
      : await catalog.deletePartitions(
          database,
          name,
          remove.map(({ Values }) => Values),
        )),
    ...(update.length === 0 ? [] : await catalog.updatePartitions(database, name, update)),
    ...(add.length === 0 ? [] : await catalog.createPartitions(database, name, add)),
  ]
  const [first] = errors
  if (first !== undefined) {
    const text = `${database}.${name}  ${first.ErrorDetail.ErrorMessage}: another run changed the table meanwhile`
    throw new MillraceError('conflict', `${text}. Run again`)
  }
  const columns = StorageDescriptor.Columns.length
  return { change: 'repaired', columns, partitionsAdded: add.length, partitionsRemoved: remove.length }
}

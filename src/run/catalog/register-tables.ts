/** Registers folders of Parquet files as tables: all of them are looked at and checked before the first entry is written. */

import { type GlueTable, glueTableText, storageFolder } from '../../catalogs/glue-catalog.ts'
import type { RegisterTablesTask } from '../../define/register-tables.ts'
import { hasCode, MillraceError } from '../../errors.ts'
import type { CatalogEntryChange } from '../../events.ts'
import { decisionText, planRegisterTables, type TableDecision } from '../../plan/register-tables.ts'
import { type CatalogContext, type CatalogStep, type CatalogWork, ownTables } from './catalog-work.ts'
import { findTables } from './find-tables.ts'

/** Looks at the paths of a task and decides for every table. Throws what `findTables` and `planRegisterTables` throw. */
export async function openRegisterTables(task: RegisterTablesTask, context: CatalogContext): Promise<CatalogWork> {
  const { catalog, warn } = context
  const found = await findTables(task, context)
  const decisions = planRegisterTables(task, found, await ownTables(catalog, task.database, task.prefix))
  for (const { kind, table, why } of decisions) {
    if (kind !== 'delete') continue
    await warn(`table ${task.database}.${table.Name} is taken out of the catalog: ${why}. No file was removed`)
  }
  const units = decisions.map((decision) => ({
    name: decision.table.Name,
    plan: async () => stepOf(decision, task, context),
  }))
  return { units, atOnce: 1, figures: { tables_registered: 0, tables_changed: 0 } }
}

function stepOf(decision: TableDecision, task: RegisterTablesTask, context: CatalogContext): CatalogStep {
  const { kind, table } = decision
  const { files, rows, bytes, snapshot } =
    decision.kind === 'delete' ? { files: 0, rows: 0, bytes: 0, snapshot: null } : decision.found
  const name = storageFolder(table.StorageDescriptor)
  return {
    reads: kind === 'delete' ? [] : [{ name, snapshot, files, rows, bytes }],
    what: decisionText(decision),
    figures: { tables_registered: kind === 'delete' ? 0 : 1, tables_changed: kind === 'unchanged' ? 0 : 1 },
    act: kind === 'unchanged' ? null : async () => await carryOut(decision, task, context),
  }
}

async function carryOut(
  { kind, table }: TableDecision,
  { database, name }: RegisterTablesTask,
  { catalog }: CatalogContext,
): Promise<CatalogEntryChange> {
  const columns = table.StorageDescriptor.Columns.length
  const done = { columns, partitionsAdded: 0, partitionsRemoved: 0 }
  if (kind === 'delete') {
    await catalog.deleteTable(database, table.Name)
    return { change: 'deleted', ...done }
  }
  if (kind === 'create') {
    await ensureDatabase(catalog, database, name)
    await createTable(catalog, table)
    return { change: 'created', ...done }
  }
  const before = await catalog.getTable(database, table.Name)
  const keys = (one: typeof before): string => JSON.stringify(one?.PartitionKeys)
  if (keys(before) === keys(table)) await catalog.updateTable(table)
  else {
    // Values of other columns would stand for its partitions.
    await catalog.deleteTable(database, table.Name)
    await createTable(catalog, table)
  }
  return { change: 'updated', ...done }
}

/** What stood when the task was planned is not what stands now: the plan is another then. */
async function createTable(catalog: CatalogContext['catalog'], table: GlueTable): Promise<void> {
  await catalog.createTable(table).catch((error: unknown) => {
    if (!hasCode(error, 'exists')) throw error
    const text = `table ${glueTableText(table)}  was registered by another run meanwhile. Run again`
    throw new MillraceError('conflict', text, { cause: error })
  })
}

async function ensureDatabase(
  { getDatabase, createDatabase }: CatalogContext['catalog'],
  Name: string,
  task: string,
): Promise<void> {
  if ((await getDatabase(Name)) !== null) return
  await createDatabase({ Name, Description: `made by ${task}` }).catch((error: unknown) => {
    if (!hasCode(error, 'exists')) throw error
  })
}

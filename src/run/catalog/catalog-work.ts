/** Work on the catalog, table by table. */
import type { GlueCatalog, GlueTable } from '../../catalogs/glue-catalog.ts'
import type { CatalogEntryChange } from '../../events.ts'
import type { TableRead } from '../../types.ts'
import type { LookContext } from './find-tables.ts'

/** A table as it was planned; `act` changes its entry and is null where that is as it should be. Figures are by the names of metrics. */
export type CatalogStep = {
  reads: TableRead[]
  /** What is done, or why nothing is. */
  what: string
  figures: Record<string, number>
  act: (() => Promise<CatalogEntryChange>) | null
}

/** One table of a task; it is planned, and its warnings are told, when its turn comes. */
export type CatalogUnit = { name: string; plan: () => Promise<CatalogStep> }

/** A task that has looked at what there is. `figures` are there even where nothing is to be done. */
export type CatalogWork = { units: CatalogUnit[]; atOnce: number; figures: Record<string, number> }

/** What work on the catalog is given. */
export type CatalogContext = LookContext & { catalog: GlueCatalog }

/** The tables with a prefix that this work is about: one that clean rooms made of another (its parameter `er_of`) is theirs. */
export async function ownTables(catalog: GlueCatalog, database: string, prefix: string): Promise<GlueTable[]> {
  const tables = await catalog.getTables(database, prefix)
  return tables.filter(({ Parameters }) => Parameters.er_of === undefined)
}

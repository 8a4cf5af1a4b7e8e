/** Work on the catalog, table by table. */
import type { GlueCatalog } from '../../catalogs/glue-catalog.ts'
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

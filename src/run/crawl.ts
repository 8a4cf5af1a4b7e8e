/** What a crawler does for tables that Millrace wrote: their commits have registered them, so it looks whether that is so. */
import { readCatalog, tableText } from '../catalogs/local.ts'
import { MillraceError } from '../errors.ts'
import type { ReadableStore } from '../store.ts'
import type { Json } from '../types.ts'
import { latestCommits } from './commits.ts'
import { missingFiles } from './missing-files.ts'

/**
 * Holds the catalog against storage for the tables directly below a path: every registered file must be there with its size.
 * Gives the number of tables, partitions, files and rows. Throws `table-changed` naming the first file that differs.
 */
export async function crawlTables({ store }: { store: ReadableStore }, path: string): Promise<Json> {
  const isBelow = (location: string): boolean =>
    location.startsWith(`${path}/`) && !location.slice(path.length + 1).startsWith('_')
  // A commit has partitions of several tables, so its scope does not tell where they all are.
  const [first = ''] = path.split('/')
  const tables = readCatalog(await latestCommits(store, first)).filter(({ partitions }) =>
    partitions.some(({ location }) => isBelow(location)),
  )
  for (const table of tables) {
    for (const { location, files } of table.partitions) {
      const [missing] = await missingFiles(store, location, files)
      if (missing === undefined) continue
      throw new MillraceError(
        'table-changed',
        `${location}/${missing.name}  of table ${tableText(table.name)} is not there as its commit recorded it (${missing.bytes} bytes, ${missing.rows} rows)`,
      )
    }
  }
  const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0)
  return {
    tables: tables.length,
    partitions: sum(tables.map(({ partitions }) => partitions.length)),
    files: sum(tables.flatMap(({ partitions }) => partitions.map(({ files }) => files.length))),
    rows: sum(tables.map(({ rows }) => rows)),
  }
}

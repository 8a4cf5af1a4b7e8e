/** What a crawler does for tables that Millrace wrote: they are registered with each commit, so it looks whether that is so. */
import * as fs from 'node:fs'
import { readCatalog, tableText } from '../catalogs/local.ts'
import { icebergFolder } from '../define/iceberg-tables.ts'
import { MillraceError } from '../errors.ts'
import { folderCatalog } from '../iceberg/folder-catalog.ts'
import { localPath } from '../iceberg/local-files.ts'
import { snapshotAt } from '../iceberg/refs.ts'
import { liveFiles } from '../iceberg/snapshots.ts'
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

/**
 * The same for the Iceberg tables of a namespace that changes are merged into, which are registered below `iceberg/`: the files of
 * the newest snapshot must be there. Gives the number of tables, files (of data and of deletes) and rows.
 */
export async function crawlIcebergTables({ store }: { store: ReadableStore }, namespace: string): Promise<Json> {
  const catalog = folderCatalog(store.locate(icebergFolder))
  const commits = await latestCommits(store, `${icebergFolder}/${namespace}`)
  let files = 0
  for (const { scope } of commits) {
    const { metadata } = await catalog.load({
      namespace,
      name: scope.slice(icebergFolder.length + namespace.length + 2),
    })
    for (const { file_path: uri, file_size_in_bytes: bytes } of await liveFiles(
      metadata,
      snapshotAt(metadata, {})?.['snapshot-id'] ?? null,
    )) {
      files += 1
      const found = fs.statSync(localPath(uri), { throwIfNoEntry: false })?.size
      if (found === bytes) continue
      throw new MillraceError(
        'table-changed',
        `${uri}  of table ${scope} ${found === undefined ? 'is not there' : `has ${found} bytes`}; its snapshot has it with ${bytes} bytes`,
      )
    }
  }
  const rows = commits.reduce((sum, { counts }) => sum + counts.rowsOut, 0)
  return { tables: commits.length, files, rows }
}

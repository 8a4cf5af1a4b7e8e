/** Files below a table that no snapshot has: what writers that were killed, or lost a race, left. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { reachable } from './expire.ts'
import { localPath } from './local-files.ts'
import { readMetadata } from './metadata.ts'
import type { Catalog, LoadedTable, TableIdentifier, TableMetadata } from './types.ts'

/** `olderThanMs`: only what was last changed before this moment, three days ago by default: somebody may be writing. */
export type OrphanOptions = { olderThanMs?: number; now?: () => number }

const ageMsDefault = 3 * 24 * 3_600_000 // as Iceberg's own remove_orphan_files

/**
 * The files below the table that neither its snapshots nor any metadata file in its log reach, in order of their names.
 * Throws `input-unreadable` when something of it cannot be read: then nothing can be told from an orphan.
 */
export async function findOrphans(
  catalog: Catalog,
  table: TableIdentifier,
  { now = Date.now, olderThanMs = now() - ageMsDefault }: OrphanOptions = {},
): Promise<string[]> {
  // Listed first: what is committed after that is reached by the metadata read then, or is too young.
  const { metadata: before } = await catalog.load(table)
  const home = localPath(before.location)
  const found = filesBelow(home).filter((file) => fs.statSync(file, { throwIfNoEntry: false })?.isFile() === true)
  const known = knownFiles(await catalog.load(table), home)
  return found.filter((file) => {
    const stat = fs.statSync(file, { throwIfNoEntry: false })
    return stat !== undefined && stat.mtimeMs < olderThanMs && !known.has(file)
  })
}

/** Removes them and gives their paths. */
export async function removeOrphans(
  catalog: Catalog,
  table: TableIdentifier,
  options: OrphanOptions = {},
): Promise<string[]> {
  const orphans = await findOrphans(catalog, table, options)
  for (const orphan of orphans) fs.rmSync(orphan, { force: true })
  return orphans
}

function filesBelow(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true })
    .map((name) => path.join(folder, String(name)))
    .sort()
}

function knownFiles(loaded: LoadedTable, home: string): Set<string> {
  const { metadata, metadataLocation } = loaded
  const known = new Set<string>()
  // The table's location may be spelled in several ways; below it only the rest of a path counts.
  const add = (uri: string): void => {
    const file = localPath(uri)
    const below = relativeTo(metadata.location, uri) ?? relativeTo(home, file)
    known.add(below === null ? file : path.join(home, below))
  }
  const addWithChecksum = (uri: string): void => {
    add(uri)
    add(path.join(path.dirname(localPath(uri)), `.${path.basename(uri)}.crc`))
  }
  const seen = new Set<bigint>()
  const addSnapshots = (version: TableMetadata): void => {
    // Snapshots that have expired since took their files with them, the list first.
    const snapshots = version.snapshots.filter(
      ({ 'snapshot-id': id, 'manifest-list': list }) =>
        !seen.has(id) && (version === metadata || fs.existsSync(localPath(list))),
    )
    for (const snapshot of snapshots) seen.add(snapshot['snapshot-id'])
    for (const file of reachable(version, snapshots)) addWithChecksum(file)
  }
  addWithChecksum(metadataLocation)
  addSnapshots(metadata)
  for (const { 'metadata-file': version } of metadata['metadata-log']) {
    addWithChecksum(version)
    if (fs.existsSync(localPath(version))) addSnapshots(readMetadata(localPath(version)))
  }
  for (const key of ['statistics', 'partition-statistics']) {
    for (const { 'statistics-path': file } of (metadata[key] ?? []) as { 'statistics-path'?: string }[]) {
      if (file !== undefined) addWithChecksum(file)
    }
  }
  addWithChecksum(path.join(home, 'metadata', 'version-hint.text'))
  return known
}

function relativeTo(folder: string, file: string): string | null {
  return file.startsWith(`${folder}/`) ? file.slice(folder.length + 1) : null
}

/**
 * The versions of a table in a folder: `metadata/v<number>.metadata.json`, each created exclusively by whoever saw the one
 * before. The state of the table is the one with the greatest number.
 */
import { randomUUID } from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { MillraceError, systemCode } from '../errors.ts'
import { storageError } from '../stores/folder.ts'
import { FileCache } from './file-cache.ts'
import { writeJson } from './json.ts'
import { localPath, makeFolder, syncFolder, writeNew } from './local-files.ts'
import { readMetadata } from './metadata.ts'
import type { TableMetadata } from './types.ts'

/** A version that is there. */
export type Version = { metadataLocation: string; metadata: TableMetadata }

const hintName = 'version-hint.text'
const previousMax = 100 // entries of the metadata log, as Iceberg's default for write.metadata.previous-versions-max
const known = new FileCache<TableMetadata>(20_000) // snapshots, of about 1 kB each

/** The last version of a table, null where there is none. Throws `input-unreadable` naming a file that is damaged. */
export function readVersion(folder: string): Version | null {
  const version = headVersion(folder)
  if (version === 0) return null
  const file = versionPath(folder, version) as string
  const metadata = known.get(file, '', weight, () => readMetadata(file))
  checkLocation(metadata.location, folder)
  return { metadataLocation: `${metadata.location}/metadata/${path.basename(file)}`, metadata }
}

function weight({ snapshots }: TableMetadata): number {
  return 1 + snapshots.length
}

/** Metadata name files by their whole path: those of a folder that was copied would be the original's. */
function checkLocation(location: string, folder: string): void {
  const wanted = localPath(location)
  if (wanted === folder || (fs.existsSync(wanted) && fs.realpathSync(wanted) === fs.realpathSync(folder))) return
  throw new MillraceError(
    'storage',
    `${folder}  this table says that it lies at ${location}. A table of Iceberg cannot be copied or moved as a folder; move it back, or write it anew with a query`,
  )
}

/** The path of a version that is there; other writers zip it. */
function versionPath(folder: string, version: number): string | null {
  for (const name of [`v${version}.metadata.json`, `v${version}.gz.metadata.json`]) {
    const file = path.join(folder, 'metadata', name)
    if (fs.existsSync(file)) return file
  }
  return null
}

/** The number of the last version, 0 without any. The hint may be stale or gone: it is only where to begin. */
export function headVersion(folder: string): number {
  const hint = hinted(folder)
  let version = hint > 0 && versionPath(folder, hint) !== null ? hint : lastListed(folder)
  if (version === 0) return 0
  while (versionPath(folder, version + 1) !== null) version += 1
  return version
}

function hinted(folder: string): number {
  try {
    const text = fs.readFileSync(path.join(folder, 'metadata', hintName), 'utf8').trim()
    return /^\d{1,15}$/.test(text) ? Number(text) : 0
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return 0
    throw storageError(folder, error)
  }
}

function lastListed(folder: string): number {
  const metadata = path.join(folder, 'metadata')
  if (!fs.existsSync(metadata)) return 0
  const numbers = fs.readdirSync(metadata).map((name) => /^v(\d{1,15})(?:\.gz)?\.metadata\.json$/.exec(name)?.[1])
  return Math.max(0, ...numbers.map((text) => Number(text ?? 0)))
}

/**
 * Writes the version after `base` and what goes with it; null when another writer was first. The draft is whole and durable
 * before the link gives it its name, so a reader, or a kill, never meets half of it.
 */
export async function writeVersion(folder: string, base: Version | null, next: TableMetadata): Promise<Version | null> {
  const before = base === null ? 0 : Number(/v(\d+)[^/]*$/.exec(base.metadataLocation)?.[1])
  const metadata = base === null ? next : { ...next, 'metadata-log': extendedLog(base, next) }
  if (base === null) for (const name of ['metadata', 'data']) makeFolder(path.join(folder, name))
  const version = before + 1
  if (versionPath(folder, version) !== null) return null
  const target = path.join(folder, 'metadata', `v${version}.metadata.json`)
  const draft = path.join(folder, 'metadata', `.v${version}.${randomUUID()}.draft`)
  try {
    await writeNew(draft, writeJson(metadata))
    fs.linkSync(draft, target)
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return null
    if (systemCode(error) === 'ENOENT')
      throw new MillraceError('not-found', `${folder}  the table was dropped meanwhile`)
    throw storageError(folder, error)
  } finally {
    fs.rmSync(draft, { force: true })
  }
  syncFolder(path.dirname(target))
  if (base !== null && isOutdated(folder, before, version)) {
    fs.rmSync(target, { force: true })
    return null
  }
  try {
    writeHint(folder, version)
    if (base !== null) removePrevious(folder, base.metadata, metadata)
  } catch {
    // The commit is decided, and whoever was told that it failed would make it twice. The next one mends this.
  }
  known.put(target, '', weight, metadata)
  return { metadataLocation: `${metadata.location}/metadata/${path.basename(target)}`, metadata }
}

/**
 * True when the version that this one follows is gone, so that it was long replaced and its successor's name free again:
 * old versions are removed in their order. Then this one stands where nobody looks.
 */
function isOutdated(folder: string, before: number, version: number): boolean {
  return versionPath(folder, before) === null && lastListed(folder) > version
}

function extendedLog(base: Version, next: TableMetadata): TableMetadata['metadata-log'] {
  const entry = { 'timestamp-ms': base.metadata['last-updated-ms'], 'metadata-file': base.metadataLocation }
  return [...next['metadata-log'], entry].slice(-previousLimit(next))
}

function previousLimit({ properties }: TableMetadata): number {
  const limit = Number(properties['write.metadata.previous-versions-max'] ?? previousMax)
  return Number.isInteger(limit) && limit > 0 ? limit : previousMax
}

/** Never to an older version for long: whoever wrote it looks again whether a newer one is there. */
function writeHint(folder: string, version: number): void {
  const hint = path.join(folder, 'metadata', hintName)
  const isBehind = (head: number): boolean => hinted(folder) < head || versionPath(folder, hinted(folder)) === null
  for (let head = version; isBehind(head); head = headVersion(folder)) {
    const draft = path.join(folder, 'metadata', `.${hintName}.${randomUUID()}.draft`)
    fs.writeFileSync(draft, String(head))
    fs.renameSync(draft, hint)
    // Hadoop's checksum of the old content would make it unreadable for Spark.
    fs.rmSync(path.join(folder, 'metadata', `.${hintName}.crc`), { force: true })
  }
}

/** As Iceberg: only where the table's properties ask for it. */
function removePrevious(folder: string, before: TableMetadata, after: TableMetadata): void {
  if (after.properties['write.metadata.delete-after-commit.enabled'] !== 'true') return
  const kept = new Set(after['metadata-log'].map((entry) => entry['metadata-file']))
  for (const { 'metadata-file': file } of before['metadata-log']) {
    const name = path.basename(file)
    if (!kept.has(file)) fs.rmSync(path.join(folder, 'metadata', name), { force: true })
  }
}

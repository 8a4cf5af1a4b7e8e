/**
 * A catalog that is a folder: tables lie in `<namespace>/<table>/{metadata,data}`, as Hadoop's catalog has them. A commit is
 * decided by `metadata/v<number>.metadata.json`, created exclusively: of several writers that read the same table only one
 * makes the next number, the others begin again from it.
 */
import { randomUUID } from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { didYouMean, MillraceError } from '../errors.ts'
import { localPath, makeFolder } from './local-files.ts'
import { pauseAfterRace, triesDefault } from './lost-race.ts'
import { emptyMetadata, newMetadata } from './metadata.ts'
import { headVersion, readVersion, writeVersion } from './table-versions.ts'
import type { Catalog, LoadedTable, NewTable, Requirement, TableIdentifier, TableMetadata, Update } from './types.ts'
import { applyUpdates, checkRequirements, unfinished } from './updates.ts'

/** A catalog in a folder. */
export type FolderCatalog = Catalog & { folder: string }

/** `tries`: how often a commit begins again after a lost race, until it is a `conflict`. */
export type FolderCatalogOptions = { now?: () => number; tries?: number }

/** The catalog of a folder; it is made on first writing. */
export function folderCatalog(folder: string, options: FolderCatalogOptions = {}): FolderCatalog {
  const home = path.resolve(folder)
  const now = options.now ?? Date.now
  const namespaceFolder = (namespace: string): string => path.join(home, checkedName(namespace, 'namespace'))
  const tableFolder = ({ namespace, name }: TableIdentifier): string =>
    path.join(namespaceFolder(namespace), checkedName(name, 'table'))

  const load = async (table: TableIdentifier): Promise<LoadedTable> => {
    const loaded = readVersion(tableFolder(table))
    if (loaded === null) throw await missingTable(table)
    return { identifier: table, ...loaded }
  }
  const missingTable = async ({ namespace, name }: TableIdentifier): Promise<MillraceError> => {
    const known = foldersIn(home).includes(namespace) ? (await tables(namespace)).map((table) => table.name) : []
    const hint = known.length === 0 ? `${namespace} has no tables` : `${namespace} has ${known.slice(0, 50).join(', ')}`
    return new MillraceError('not-found', `there is no table ${namespace}.${name} (${hint})${didYouMean(name, known)}`)
  }
  const tables = async (namespace: string): Promise<TableIdentifier[]> => {
    const below = namespaceFolder(namespace)
    if (!fs.existsSync(below)) throw missingNamespace(namespace, foldersIn(home))
    return foldersIn(below)
      .filter((name) => headVersion(path.join(below, name)) > 0)
      .map((name) => ({ namespace, name }))
  }
  const commit = async (
    table: TableIdentifier,
    requirements: Requirement[],
    updates: Update[],
  ): Promise<LoadedTable> => {
    const below = tableFolder(table)
    const isNew = requirements.some(({ type }) => type === 'assert-create')
    for (let attempt = 1; ; attempt += 1) {
      const base = readVersion(below)
      if (base === null && !isNew) throw await missingTable(table)
      checkRequirements(tableText(table), base?.metadata ?? null, requirements)
      const next = applyUpdates(base?.metadata ?? emptyMetadata(below, randomUUID()), updates, now())
      checkNext(next, below, table)
      const written = await writeVersion(below, base, next)
      if (written !== null) return { identifier: table, ...written }
      if (attempt >= (options.tries ?? triesDefault)) {
        throw new MillraceError(
          'conflict',
          `${tableText(table)}  ${attempt} commits of others were faster than this one. Run again`,
        )
      }
      await pauseAfterRace(attempt)
    }
  }

  return {
    folder: home,
    namespaces: async () => foldersIn(home),
    createNamespace: async (namespace) => {
      const below = namespaceFolder(namespace)
      if (fs.existsSync(below)) throw new MillraceError('exists', `namespace ${namespace} exists already`)
      makeFolder(below)
    },
    dropNamespace: async (namespace) => {
      const known = (await tables(namespace)).map(({ name }) => name)
      if (known.length > 0) {
        throw new MillraceError(
          'conflict',
          `namespace ${namespace} is not empty: it has ${known.join(', ')}. Drop them first`,
        )
      }
      fs.rmSync(namespaceFolder(namespace), { recursive: true, force: true })
    },
    tables,
    location: tableFolder,
    load,
    create: async (table: TableIdentifier, definition: NewTable) => {
      const below = tableFolder(table)
      const metadata = newMetadata(definition, below, now())
      if (headVersion(below) === 0) {
        const written = await writeVersion(below, null, metadata)
        if (written !== null) return { identifier: table, ...written }
      }
      throw new MillraceError('exists', `table ${tableText(table)} exists already`)
    },
    commit,
    drop: async (table) => {
      const below = tableFolder(table)
      if (headVersion(below) === 0) throw await missingTable(table)
      // Gone in one step; what a kill leaves is hidden, and goes with the namespace.
      const trash = path.join(path.dirname(below), `.dropped-${randomUUID()}`)
      fs.renameSync(below, trash)
      fs.rmSync(trash, { recursive: true, force: true })
    },
  }
}

// -------------------------------------------------------------------------------------------------------------- names

/** `ns.table` taken apart. Throws `usage`. */
export function parseTableName(text: string): TableIdentifier {
  const parts = text.split('.')
  const [namespace, name] = parts
  if (parts.length !== 2 || namespace === undefined || name === undefined) {
    throw new MillraceError('usage', `${JSON.stringify(text)} is no name of a table; expected namespace.table`)
  }
  return { namespace: checkedName(namespace, 'namespace'), name: checkedName(name, 'table') }
}

/** How a table is called: `ns.table`. */
export function tableText({ namespace, name }: TableIdentifier): string {
  return `${namespace}.${name}`
}

/** Names become folders: nothing in them may lead elsewhere, and what begins with `_` or `.` is hidden from readers. */
function checkedName(name: string, what: string): string {
  if (/^[\p{L}\p{N}][\p{L}\p{N}_-]{0,127}$/u.test(name)) return name
  throw new MillraceError(
    'usage',
    `${JSON.stringify(name)} is refused as the name of a ${what}: expected letters, digits, _ and -, a letter or digit first, 128 at most`,
  )
}

function missingNamespace(namespace: string, known: readonly string[]): MillraceError {
  const hint = known.length === 0 ? 'there are none' : known.slice(0, 50).join(', ')
  return new MillraceError('not-found', `there is no namespace ${namespace} (${hint})${didYouMean(namespace, known)}`)
}

function foldersIn(folder: string): string[] {
  if (!fs.existsSync(folder)) return []
  return fs
    .readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && /^[\p{L}\p{N}]/u.test(entry.name))
    .map(({ name }) => name)
    .sort()
}

function checkNext(next: TableMetadata, folder: string, table: TableIdentifier): void {
  const problem = unfinished(next)
  if (problem !== null)
    throw new MillraceError('usage', `${tableText(table)}  the table cannot be as asked for: ${problem}`)
  if (localPath(next.location) === folder) return
  if (fs.existsSync(localPath(next.location)) && fs.realpathSync(localPath(next.location)) === fs.realpathSync(folder))
    return
  throw new MillraceError(
    'usage',
    `${tableText(table)}  the location ${next.location} is refused: in this catalog the table lies at ${folder}`,
  )
}

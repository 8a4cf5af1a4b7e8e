/**
 * A folder of one table as AWS DMS writes it: full loads and files of changes. It is only read.
 * Source: AWS DMS user guide, "Using Amazon S3 as a target": full loads are LOAD and eight hexadecimal digits, changes the
 * time of writing, YYYYMMDD-HHMMSSmmm (UTC).
 */
import { MillraceError } from '../errors.ts'
import { isIgnored } from '../formats/ignored-names.ts'
import type { Store, StoreEntry } from '../store.ts'

/** What a file's name says. `time` (UTC, as `YYYY-MM-DD HH:MM:SS.mmm`) is when a file of changes was written. */
export type DmsName = { kind: 'load' } | { kind: 'changes'; date: string; time: string }

export type DmsFiles = { files: (StoreEntry & { name: DmsName })[]; skipped: { path: string; reason: string }[] }

/** The tables that have a folder, in order of their names. Throws `storage` when the folder is a file. */
export async function listTables(store: Store, path: string): Promise<string[]> {
  if ((await store.kind(path)) === 'file') {
    throw new MillraceError('storage', `${path}  is a file; expected a folder with one folder for each table`)
  }
  return (await store.list(path)).folders.filter((name) => !isIgnored(name))
}

/** The files of a table in order of their names, and those that are not read, with the reason. */
export async function listTable(store: Store, folder: string): Promise<DmsFiles> {
  const found: DmsFiles = { files: [], skipped: [] }
  const { files, folders, unnamed } = await store.list(folder)
  const baseName = (path: string): string => path.slice(folder.length + 1)
  for (const path of unnamed) {
    if (!isIgnored(baseName(path))) found.skipped.push({ path, reason: 'cannot be opened and was not read' })
  }
  for (const name of folders) {
    if (!isIgnored(name)) found.skipped.push({ path: `${folder}/${name}`, reason: 'is a folder and was not read' })
  }
  for (const file of files) {
    const text = baseName(file.path)
    if (isIgnored(text)) continue
    const name = readName(text)
    if (name !== null) found.files.push({ ...file, name })
    else {
      const reason = 'is no name that DMS gives (LOAD00000001.parquet or YYYYMMDD-HHMMSSmmm.parquet) and was not read'
      found.skipped.push({ path: file.path, reason })
    }
  }
  return found
}

/** What a file's name says; null where it is none that DMS gives. */
export function readName(name: string): DmsName | null {
  // No other spelling of these: names in order are files in order, and two names never one time.
  if (/^LOAD[0-9A-F]{8}\.parquet$/.test(name)) return { kind: 'load' }
  const parts = /^(\d{4})(\d{2})(\d{2})-(\d{2})(\d{2})(\d{2})(\d{3})\.parquet$/.exec(name)
  if (parts === null) return null
  const [, year, month, day, hour, minute, second, milli] = parts
  const date = `${year}-${month}-${day}`
  const time = `${date} ${hour}:${minute}:${second}.${milli}`
  const parsed = Date.parse(`${time.replace(' ', 'T')}Z`)
  if (Number.isNaN(parsed) || !new Date(parsed).toISOString().startsWith(date)) return null
  return { kind: 'changes', date, time }
}

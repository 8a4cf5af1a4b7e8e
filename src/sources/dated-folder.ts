/** A folder with one folder for each day: `<path>/YYYY/MM/DD/*.parquet`. It is only read. */
import { MillraceError } from '../errors.ts'
import { isIgnored } from '../formats/ignored-names.ts'
import type { Store, StoreEntry } from '../store.ts'

/** The files of a day, and those that are not read, with the reason. */
export type LandedFiles = { files: StoreEntry[]; skipped: { path: string; reason: string }[] }

/** The folder of a day. */
export function dayFolder(path: string, day: string): string {
  return `${path}/${day.replaceAll('-', '/')}`
}

/** The days that have a Parquet file, oldest first, and folders that look like a day that does not exist. */
export async function listDays(store: Store, path: string): Promise<{ days: string[]; notDays: string[] }> {
  const days: string[] = []
  const notDays: string[] = []
  for (const year of await numbered(store, path, /^\d{4}$/)) {
    for (const month of await numbered(store, `${path}/${year}`, /^\d{2}$/)) {
      for (const date of await numbered(store, `${path}/${year}/${month}`, /^\d{2}$/)) {
        const day = `${year}-${month}-${date}`
        if (!isDate(day)) notDays.push(dayFolder(path, day))
        else if ((await listLanded(store, path, day)).files.length > 0) days.push(day)
      }
    }
  }
  return { days, notDays }
}

/**
 * The Parquet files of a day, in order of their names. Names that begin with `_` or `.` and temporary files are ignored;
 * other names that do not end in `.parquet` are given as skipped. Throws `storage` when the day is a file.
 */
export async function listLanded(store: Store, path: string, day: string): Promise<LandedFiles> {
  const folder = dayFolder(path, day)
  if ((await store.kind(folder)) === 'file') {
    throw new MillraceError(
      'storage',
      `${folder}  is a file; expected a folder with the day's Parquet files. Move it away and run again`,
    )
  }
  const landed: LandedFiles = { files: [], skipped: [] }
  const { files, folders, unnamed } = await store.list(folder)
  for (const path of unnamed) {
    if (!isIgnored(path.slice(folder.length + 1)))
      landed.skipped.push({
        path,
        reason: 'cannot be opened (a link to nothing, a pipe, or a name that is not UTF-8) and was not read',
      })
  }
  for (const name of folders) {
    if (name.toLowerCase().endsWith('.parquet') && !isIgnored(name))
      landed.skipped.push({ path: `${folder}/${name}`, reason: 'is a folder and was not read' })
  }
  for (const file of files) {
    const name = file.path.slice(folder.length + 1)
    if (isIgnored(name)) continue
    if (name.toLowerCase().endsWith('.parquet')) landed.files.push(file)
    else landed.skipped.push({ path: file.path, reason: 'does not end in .parquet and was not read' })
  }
  return landed
}

async function numbered(store: Store, folder: string, pattern: RegExp): Promise<string[]> {
  if ((await store.kind(folder)) === 'file') {
    throw new MillraceError('storage', `${folder}  is a file; expected a folder. Move it away and run again`)
  }
  return (await store.list(folder)).folders.filter((name) => pattern.test(name))
}

function isDate(day: string): boolean {
  const time = Date.parse(`${day}T00:00:00Z`)
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(day)
}

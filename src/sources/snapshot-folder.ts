/** A folder with one folder for each snapshot: `<path>/<column>=YYYY-MM-DD/*.parquet`. It is only read. */
import { MillraceError } from '../errors.ts'
import { isIgnored } from '../formats/ignored-names.ts'
import type { ReadableStore, StoreEntry } from '../store.ts'

type Listing = Pick<ReadableStore, 'kind' | 'list'>
type Skipped = { path: string; reason: string }

/** A snapshot that was found, with what beside it is none. */
export type FoundSnapshot = { date: string; folder: string; skipped: Skipped[] }

/** True for a date that exists, as YYYY-MM-DD. */
export function isSnapshotDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false
  const time = Date.parse(`${text}T00:00:00Z`)
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text)
}

/** The snapshot of a date, or the newest for null. Throws `no-input` when there is none, and says what there is. */
export async function findSnapshot(
  store: Listing,
  path: string,
  column: string,
  date: string | null,
): Promise<FoundSnapshot> {
  const { dates, skipped, others } = await listSnapshots(store, path, column)
  const newest = dates.at(-1)
  if (newest === undefined) {
    const found = others.length === 0 ? 'nothing' : some(others)
    const kind = (await store.kind(path)) === 'missing' ? 'the folder is missing' : `it holds ${found}`
    throw new MillraceError(
      'no-input',
      `${path}/  has no snapshot: ${kind}; expected a folder such as ${column}=2025-01-15. Check --root and the source path`,
    )
  }
  const chosen = date ?? newest
  if (!dates.includes(chosen)) {
    const near = nearestDate(chosen, dates)
    const also = near === newest ? '' : `, nearest ${near}`
    throw new MillraceError(
      'no-input',
      `${path}/${column}=${chosen}/  is not there; there ${dates.length === 1 ? 'is 1 snapshot' : `are ${dates.length} snapshots`}: newest ${newest}${also}. Pass one of them as --snapshot-dt, or none for the newest`,
    )
  }
  return { date: chosen, folder: `${path}/${column}=${chosen}`, skipped }
}

async function listSnapshots(
  store: Listing,
  path: string,
  column: string,
): Promise<{ dates: string[]; skipped: Skipped[]; others: string[] }> {
  const { files, folders, unnamed } = await store.list(path)
  const dates: string[] = []
  const skipped: Skipped[] = []
  for (const name of folders) {
    const value = name.startsWith(`${column}=`) ? name.slice(column.length + 1) : null
    if (value !== null && isSnapshotDate(value)) dates.push(value)
    else if (!isIgnored(name)) {
      const why = value === null ? `expected ${column}=YYYY-MM-DD` : `${JSON.stringify(value)} is no date YYYY-MM-DD`
      skipped.push({ path: `${path}/${name}`, reason: `is no snapshot (${why}) and was not read` })
    }
  }
  const beside = [...files.map((file) => file.path), ...unnamed].filter((file) => !isIgnored(nameIn(path, file)))
  for (const file of beside) {
    if (/\.parquet$/i.test(file)) skipped.push({ path: file, reason: 'lies in no snapshot and was not read' })
  }
  const others = [...skipped.map((one) => one.path), ...beside].map((file) => nameIn(path, file))
  return { dates: dates.sort(), skipped, others: [...new Set(others)] }
}

/**
 * The Parquet files of a snapshot, in order of their names, and what beside them is not read. Throws `no-input` when there is
 * none, `input-unreadable` while somebody still writes it.
 */
export async function listSnapshot(
  store: Listing,
  { folder }: Pick<FoundSnapshot, 'folder'>,
): Promise<{ files: StoreEntry[]; skipped: Skipped[] }> {
  const { files, folders, unnamed } = await store.list(folder)
  const unfinished = [
    ...folders.filter((name) => /^(_temporary|\.spark-staging.*|\.hive-staging.*)$/i.test(name)),
    ...files.map(({ path }) => nameIn(folder, path)).filter((name) => isUnfinished(name)),
  ]
  if (unfinished[0] !== undefined)
    throw halfWritten(`${folder}/${unfinished[0]}`, 'says that a writer has not finished')
  const skipped: Skipped[] = []
  const found: StoreEntry[] = []
  for (const path of unnamed) {
    if (!isIgnored(nameIn(folder, path)))
      skipped.push({
        path,
        reason: 'cannot be opened (a link to nothing, a pipe, or a name that is not UTF-8) and was not read',
      })
  }
  for (const name of folders) {
    if (!isIgnored(name)) skipped.push({ path: `${folder}/${name}`, reason: 'is a folder and was not read' })
  }
  for (const file of files) {
    const name = nameIn(folder, file.path)
    if (isIgnored(name)) continue
    if (/\.parquet$/i.test(name)) found.push(file)
    else skipped.push({ path: file.path, reason: 'does not end in .parquet and was not read' })
  }
  if (found.length > 0) return { files: found, skipped }
  const others = [...folders, ...files.map(({ path }) => nameIn(folder, path))]
  const holds = others.length === 0 ? 'it is empty' : `it holds ${some(others)}`
  throw new MillraceError('no-input', `${folder}/  has no Parquet file: ${holds}. ${advice}`)
}

const advice = 'Wait until the snapshot is complete, or pass another with --snapshot-dt'

/** The error for a snapshot with a file that is not there whole. */
export function halfWritten(path: string, reason: string): MillraceError {
  return new MillraceError(
    'input-unreadable',
    `${JSON.stringify(path)}  ${reason}; the snapshot is half written. ${advice}`,
  )
}

/** The error for a snapshot without rows. */
export function emptySnapshot(folder: string, files: number): MillraceError {
  return new MillraceError(
    'no-input',
    `${folder}/  has no rows in ${files === 1 ? 'its one file' : `its ${files} files`}. ${advice}`,
  )
}

/** Names under which writers and copying tools keep a file that is not whole yet. */
function isUnfinished(name: string): boolean {
  return /\.parquet\.(_copying_|inprogress|partial|filepart|part|tmp|temp|crdownload)$|\.inprogress(\.|$)/i.test(name)
}

function nearestDate(date: string, dates: readonly string[]): string {
  const away = (other: string): number => Math.abs(Date.parse(other) - Date.parse(date))
  return [...dates].sort((a, b) => away(a) - away(b))[0] as string
}

function some(names: readonly string[]): string {
  const more = names.length > 5 ? ` and ${names.length - 5} more` : ''
  return `${names
    .slice(0, 5)
    .map((name) => JSON.stringify(name))
    .join(', ')}${more}`
}

function nameIn(folder: string, path: string): string {
  return path.slice(folder.length + 1)
}

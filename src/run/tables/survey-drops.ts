/** Looks at the folder of a table of drops: which files were not read before. */
import type { DropTable, IngestTask } from '../../define/ingest.ts'
import { isIgnored } from '../../formats/ignored-names.ts'
import { inspectParquet } from '../../formats/parquet.ts'
import type { Store, StoreEntry } from '../../store.ts'
import type { DataFile, UnreadableFile } from '../../types.ts'
import { type DropBookmark, definitionText, type ReadFile, shortHash } from './drop-bookmark.ts'

/** New files; `read` are all as the bookmark has them from then on, but for those that turn out to be refused. */
export type DropSurvey = {
  files: (DataFile | UnreadableFile)[]
  read: Map<string, ReadFile>
  /** The bookmark changes although nothing is read: a file has the content of another, or another time. */
  isTouched: boolean
}

/** Looks at a table's folder. A file of a known path, size and time is not opened. */
export async function surveyDrops(
  store: Store,
  task: IngestTask,
  table: string,
  bookmark: DropBookmark,
): Promise<DropSurvey> {
  const folders = await foldersOf(store, task, table)
  const entries: StoreEntry[] = []
  for (const folder of folders) entries.push(...(await parquetFiles(store, folder)))
  const sameDefinition = bookmark.definition === definitionText(task.from.tables[table] as DropTable)
  const known = bookmark.files.filter(({ isRefused }) => sameDefinition || !isRefused)
  const read = new Map(known.map((file) => [file.name, file]))
  const hashes = new Set(known.map(({ hash }) => hash))
  const scratch = new Uint8Array(4 * 2 ** 20)
  const survey: DropSurvey = { files: [], read, isTouched: false }
  for (const entry of entries) {
    const name = entry.path.slice(task.from.path.length + 1)
    const before = read.get(name)
    if (before?.bytes === entry.bytes && before.modifiedMs === entry.modifiedMs) continue
    const file = await inspectParquet(store, entry, scratch)
    const hash = shortHash(file.sha256)
    read.set(name, { name, bytes: entry.bytes, modifiedMs: entry.modifiedMs, hash, isRefused: false })
    survey.isTouched = true
    if (hashes.has(hash)) continue
    hashes.add(hash)
    survey.files.push(file)
  }
  return survey
}

/** A table's folder may be written in another case than its definition, by several writers in several. */
async function foldersOf(store: Store, { from }: IngestTask, table: string): Promise<string[]> {
  const { folders } = await store.list(from.path)
  return folders.filter((name) => name.toLowerCase() === table.toLowerCase()).map((name) => `${from.path}/${name}`)
}

async function parquetFiles(store: Store, folder: string): Promise<StoreEntry[]> {
  const { files, folders } = await store.list(folder)
  const own = files.filter(({ path }) => !isIgnored(path.slice(path.lastIndexOf('/') + 1)))
  const found = own.filter(({ path }) => /\.parquet$/i.test(path))
  for (const name of folders) if (!isIgnored(name)) found.push(...(await parquetFiles(store, `${folder}/${name}`)))
  return found
}

/** What the files of the offered tables say, where they lie below the root: codecs from Parquet footers, versions of Iceberg tables. */
import { parquetMetadata } from 'hyparquet'
import { MillraceError, messageOf } from '../errors.ts'
import type { ReadableStore, StoreEntry } from '../store.ts'
import type { TableFiles } from './lint.ts'
import type { OfferedTable } from './resources.ts'

/** Reads the footers of each table's newest partition. Tables elsewhere, such as on S3, are left out. Throws `input-unreadable`. */
export async function readTableFiles(store: ReadableStore, tables: readonly OfferedTable[]): Promise<TableFiles[]> {
  const all: TableFiles[] = []
  for (const table of tables) {
    if (table.location === '' || table.location.includes('://')) continue
    const codecs = new Set<string>()
    for (const entry of await parquetFiles(store, table.location))
      for (const codec of await codecsOf(store, entry)) codecs.add(codec)
    all.push({ table: table.name, codecs: [...codecs].sort(), icebergVersion: await icebergVersion(store, table) })
  }
  return all
}

async function parquetFiles(store: ReadableStore, folder: string): Promise<StoreEntry[]> {
  const { files, folders } = await store.list(folder)
  const isHidden = (name: string): boolean => /^[._]/.test(name)
  const below: StoreEntry[] = []
  for (const name of folders)
    if (!isHidden(name)) below.push(...(await parquetFiles(store, `${folder.replace(/\/+$/, '')}/${name}`)))
  return [...files.filter(({ path, bytes }) => bytes > 0 && !isHidden(path.slice(path.lastIndexOf('/') + 1))), ...below]
}

async function codecsOf(store: ReadableStore, { path, bytes }: StoreEntry): Promise<string[]> {
  try {
    const end = await store.readRange(path, bytes - 8, bytes)
    const footerBytes = new DataView(end.buffer, end.byteOffset, 4).getUint32(0, true) + 8
    const footer = await store.readRange(path, Math.max(0, bytes - footerBytes), bytes)
    const { row_groups } = parquetMetadata(footer.slice().buffer, { geoparquet: false })
    return row_groups.flatMap(({ columns }) => columns.flatMap(({ meta_data }) => meta_data?.codec ?? []))
  } catch (error) {
    if (error instanceof MillraceError) throw error
    const text = `${path}  is no Parquet file that can be read: ${messageOf(error)}`
    throw new MillraceError('input-unreadable', text, { cause: error })
  }
}

async function icebergVersion(store: ReadableStore, { parameters }: OfferedTable): Promise<number | null> {
  if (parameters.table_type?.toUpperCase() !== 'ICEBERG') return null
  const file = parameters.metadata_location
  if (file === undefined || file.includes('://') || (await store.kind(file)) !== 'file') return null
  const version: unknown = (JSON.parse(await store.readText(file)) as Record<string, unknown>)['format-version']
  return typeof version === 'number' ? version : null
}

/** Folders of data as they stand, also those that a commit has decided on and a killed run left staged. */
import { MillraceError, messageOf } from '../../errors.ts'
import { isIgnored } from '../../formats/ignored-names.ts'
import { readFooter } from '../../formats/parquet.ts'
import type { FileSchema } from '../../plan/glue-columns.ts'
import type { Store, StoreEntry } from '../../store.ts'
import type { Column, CommitRecord } from '../../types.ts'

/** What lies directly in a folder of data: names that are none of data are left out. `path` of a file is where it lies now. */
export type DataFolder = { files: StoreEntry[]; folders: string[] }
export type DataFolders = (folder: string) => Promise<DataFolder>

/** Looks through the given commits for folders that are still staged. */
export async function openDataFolders(store: Store, commits: readonly CommitRecord[]): Promise<DataFolders> {
  const staged = new Map<string, string>()
  for (const move of commits.flatMap(({ moves }) => moves)) {
    if (move.kind !== 'replace-folder' || move.staged === null) continue
    if ((await store.kind(move.staged)) !== 'missing') staged.set(move.target, move.staged)
  }
  const present = (folder: string): string => {
    const target = [...staged.keys()].find((one) => folder === one || folder.startsWith(`${one}/`))
    return target === undefined ? folder : `${staged.get(target)}${folder.slice(target.length)}`
  }
  return async (folder) => {
    const { files, folders } = await store.list(present(folder))
    const below = [...staged.keys()].filter((target) => target.startsWith(`${folder}/`))
    const pending = below.map((target) => target.slice(folder.length + 1).split('/')[0] as string)
    return {
      files: files.filter(({ path }) => !isIgnored(path.slice(path.lastIndexOf('/') + 1))),
      folders: [...new Set([...folders, ...pending])].filter((name) => !isIgnored(name)).sort(),
    }
  }
}

/** Whether a file calls itself Parquet. */
export function isParquetName({ path }: Pick<StoreEntry, 'path'>): boolean {
  return /\.parquet$/i.test(path)
}

/** Rows of files, and their distinct lists of columns, each with the first file that has it. */
export type Footers = { rows: number; bytes: number; schemas: FileSchema[] }

/** Reads the footers of files. Throws `input-unreadable` naming one that is not Parquet: whoever reads the table would fail at it. */
export async function readFooters(
  store: Store,
  files: readonly StoreEntry[],
  signal: AbortSignal,
  onFile: (file: StoreEntry, columns: Column[]) => void = () => {},
): Promise<Footers> {
  const schemas = new Map<string, FileSchema>()
  let rows = 0
  for (const file of files) {
    if (signal.aborted) throw new MillraceError('cancelled', 'stopped on request')
    const footer = await footerOf(store, file)
    rows += footer.rows
    const key = footer.columns.map(({ name, type }) => `${name}\0${type}`).join('\0')
    const known = schemas.get(key) ?? { where: file.path, columns: footer.columns }
    schemas.set(key, known)
    onFile(file, known.columns)
    await new Promise((resolve) => setImmediate(resolve)) // reads are synchronous: signals and heartbeats need their turn
  }
  return { rows, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0), schemas: [...schemas.values()] }
}

async function footerOf(store: Store, file: StoreEntry): Promise<{ rows: number; columns: Column[] }> {
  try {
    return await readFooter(store, file)
  } catch (error) {
    if (error instanceof MillraceError) throw error
    const text = `${file.path}  ${messageOf(error)}; expected only Parquet files in a table's folder`
    throw new MillraceError('input-unreadable', `${text}. Move it away and run again`, { cause: error })
  }
}

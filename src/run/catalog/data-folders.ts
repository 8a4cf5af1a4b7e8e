/** Folders of data as they stand, also those that a commit has decided on and a killed run left staged. */
import { MillraceError, messageOf } from '../../errors.ts'
import { isIgnored } from '../../formats/ignored-names.ts'
import { readFooter } from '../../formats/parquet.ts'
import { sharedColumns } from '../../formats/shared-columns.ts'
import type { FileSchema } from '../../plan/glue-columns.ts'
import type { Store, StoreEntry } from '../../store.ts'
import type { Column, CommitRecord } from '../../types.ts'
import { isFinished, latestCommits } from '../commits.ts'

/** What lies directly in a folder of data: names that are none of data are left out. `path` of a file is where it lies now. */
export type DataFolder = { files: StoreEntry[]; folders: string[] }
export type DataFolders = (folder: string) => Promise<DataFolder>

/** Looks through the given commits, the latest of their scopes, for folders that are still staged or still to be removed. */
export async function openDataFolders(store: Store, commits: readonly CommitRecord[]): Promise<DataFolders> {
  const { staged, removed } = await pendingFolders(store, commits)
  const present = (folder: string): string => {
    const target = [...staged.keys()].find((one) => isIn(folder, one))
    return target === undefined ? folder : `${staged.get(target)}${folder.slice(target.length)}`
  }
  const isRemoved = (folder: string): boolean => [...removed].some((one) => isIn(folder, one))
  return async (folder) => {
    if (isRemoved(folder)) return { files: [], folders: [] }
    const { files, folders } = await store.list(present(folder))
    const below = [...staged.keys()].filter((target) => target.startsWith(`${folder}/`))
    const pending = below.map((target) => target.slice(folder.length + 1).split('/')[0] as string)
    const names = [...new Set([...folders, ...pending])].filter((name) => !isIgnored(name))
    return {
      files: files.filter(({ path }) => !isIgnored(path.slice(path.lastIndexOf('/') + 1))),
      folders: names.filter((name) => !isRemoved(`${folder}/${name}`)).sort(),
    }
  }
}

/** As `openDataFolders`, of the commits below the top folders of these paths: each is read once. */
export async function openTopFolders(store: Store, paths: readonly string[]): Promise<DataFolders> {
  const commits: CommitRecord[] = []
  for (const top of new Set(paths.map((path) => path.split('/')[0] ?? ''))) {
    commits.push(...(await latestCommits(store, top)))
  }
  return await openDataFolders(store, commits)
}

/** What a kill left of moves: target → where it is staged, and the folders that are to go. */
async function pendingFolders(
  store: Store,
  commits: readonly CommitRecord[],
): Promise<{ staged: Map<string, string>; removed: Set<string> }> {
  const staged = new Map<string, string>()
  const removed = new Set<string>()
  for (const record of commits) {
    if (await isFinished(store, record)) continue
    for (const move of record.moves) {
      if (move.kind !== 'replace-folder') continue
      if (move.staged === null) removed.add(move.target)
      else if ((await store.kind(move.staged)) !== 'missing') staged.set(move.target, move.staged)
    }
  }
  return { staged, removed }
}

function isIn(folder: string, other: string): boolean {
  return folder === other || folder.startsWith(`${other}/`)
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
  const schemas = new Map<Column[], FileSchema>()
  const shared = sharedColumns()
  let rows = 0
  for (const file of files) {
    if (signal.aborted) throw new MillraceError('cancelled', 'stopped on request')
    const footer = await footerOf(store, file)
    rows += footer.rows
    const columns = shared(footer.columns)
    if (!schemas.has(columns)) schemas.set(columns, { where: file.path, columns })
    onFile(file, columns)
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

/** Looks for folders that hold tables, for their registration. */
import type { RegisterTablesTask } from '../../define/register-tables.ts'
import { MillraceError } from '../../errors.ts'
import type { FoundTable } from '../../plan/register-tables.ts'
import type { Store, StoreEntry } from '../../store.ts'
import { type DataFolders, isParquetName, openTopFolders, readFooters } from './data-folders.ts'
import { partitionsIn } from './find-partitions.ts'

export type LookContext = { store: Store; signal: AbortSignal; warn: (message: string) => Promise<void> }

const levelsMax = 2 // `split_part/infobase_attributes/<TABLE>/snapshot_dt=…/`
const metadataFolder = 'metadata'

/**
 * The tables below the paths of a task, in order of their folders. Throws `no-input` for a path without any, or without the file
 * that names the snapshot.
 */
export async function findTables(task: RegisterTablesTask, context: LookContext): Promise<FoundTable[]> {
  const found: FoundTable[] = []
  const folders = await openTopFolders(context.store, task.from)
  for (const path of task.from) {
    const here =
      task.layout === 'staged'
        ? await findStaged(task, path, folders, context)
        : await findPartitioned(task, path, folders, context)
    if (here.length === 0) throw nothingIn(task, path)
    found.push(...here)
  }
  return found
}

async function findStaged(
  task: RegisterTablesTask,
  path: string,
  list: DataFolders,
  context: LookContext,
): Promise<FoundTable[]> {
  const tables: { folder: string; files: StoreEntry[] }[] = []
  for (const name of (await list(path)).folders) {
    const folder = `${path}/${name}`
    const { files, folders } = name === metadataFolder ? { files: [], folders: [] } : await list(folder)
    if (files.some(isParquetName)) {
      for (const inner of folders)
        await context.warn(
          `${folder}/${inner}  lies in the folder of a table; Athena reads its files as rows of it too`,
        )
      tables.push({ folder, files })
    } else if (name !== metadataFolder) {
      await context.warn(`${folder}  has no Parquet files directly in it and was not registered`)
    }
  }
  if (tables.length === 0) return []
  const snapshot = await readSnapshot(task, path, list, context)
  const found: FoundTable[] = []
  for (const { folder, files } of tables) {
    const footers = await readFooters(context.store, files, context.signal)
    found.push({ folder, snapshot, files: files.length, ...footers })
  }
  return found
}

/** The snapshot that staged tables are of, as the step that wrote them says. */
async function readSnapshot(
  { column }: RegisterTablesTask,
  path: string,
  list: DataFolders,
  { store }: LookContext,
): Promise<string> {
  const file = `${path}/${metadataFolder}/${column}.txt`
  const entry = (await list(`${path}/${metadataFolder}`)).files.find((one) => one.path.endsWith(`/${column}.txt`))
  if (entry === undefined) {
    const text = `${file}  is missing; it says of which snapshot the tables beside it are`
    throw new MillraceError('no-input', `${text}. The step that splits a snapshot into ${path} writes it; run it again`)
  }
  const snapshot = (await store.readText(entry.path)).trim()
  if (/^[^\p{Cc}]{1,100}$/u.test(snapshot)) return snapshot
  const text = `${file}  has ${JSON.stringify(snapshot.slice(0, 40))}; expected one date such as 2025-01-15`
  throw new MillraceError('no-input', `${text}. The step that splits a snapshot into ${path} writes it; run it again`)
}

async function findPartitioned(
  task: RegisterTablesTask,
  path: string,
  list: DataFolders,
  context: LookContext,
): Promise<FoundTable[]> {
  const found: FoundTable[] = []
  const visit = async (folder: string, level: number): Promise<void> => {
    const { folders } = await list(folder)
    if (folders.some((name) => name.startsWith(`${task.column}=`))) {
      const table = await readPartitioned(task, folder, list, context)
      if (table !== null) found.push(table)
    } else if (level < levelsMax) {
      for (const name of folders) if (!name.includes('=')) await visit(`${folder}/${name}`, level + 1)
    }
  }
  await visit(path, 0)
  return found
}

/** The table of a folder with the columns of all its partitions, the newest first; null where no partition has data. */
async function readPartitioned(
  task: RegisterTablesTask,
  folder: string,
  list: DataFolders,
  { store, signal, warn }: LookContext,
): Promise<FoundTable | null> {
  // What is named wrongly is told by the repair, which would have added it.
  const { partitions } = await partitionsIn(folder, [task.column], list)
  const newestFirst = partitions.toReversed()
  if (newestFirst.length === 0) {
    await warn(`${folder}  has no partition with files and was not registered`)
    return null
  }
  const footers = await readFooters(
    store,
    newestFirst.flatMap(({ files }) => files),
    signal,
  )
  const files = newestFirst.reduce((sum, partition) => sum + partition.files.length, 0)
  return { folder, snapshot: newestFirst[0]?.values[0] ?? null, files, ...footers }
}

function nothingIn({ name, layout, column }: RegisterTablesTask, path: string): MillraceError {
  const expected =
    layout === 'staged'
      ? 'folders with Parquet files directly below it'
      : `folders with partitions ${column}=… at most ${levelsMax} levels below it`
  return new MillraceError(
    'no-input',
    `task ${name}  ${path} has no tables; expected ${expected}. Run the step that writes them first`,
  )
}

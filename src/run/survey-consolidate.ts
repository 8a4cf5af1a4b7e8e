/** Looks at what exists, so that planning can be a pure function of it. */
import { locateTable, readCatalog } from '../catalogs/local.ts'
import type { ConsolidateTask } from '../define/consolidate.ts'
import { dataPath, pathsOverlap } from '../define/dataset.ts'
import { MillraceError, messageOf } from '../errors.ts'
import { identityText } from '../formats/file-identity.ts'
import { isIgnored } from '../formats/ignored-names.ts'
import { inspectParquet, readFooter } from '../formats/parquet.ts'
import type { ConsolidateSurvey, DaySurvey, StandingPartition } from '../plan/consolidate.ts'
import { dayFolder, listDays, listLanded } from '../sources/dated-folder.ts'
import type { Store, StoreEntry } from '../store.ts'
import type { Column, DataFile, FileIdentity, PublishedPartition, UnreadableFile } from '../types.ts'
import { currentLocation, latestCommit, latestCommits } from './commits.ts'
import type { SurveyContext } from './task-context.ts'

const scratchBytes = 2 ** 20 // one buffer for all small files: thousands of them would keep the garbage collector busy
const breathEvery = 256 // files between two chances for signals and timers, reads being synchronous

/** Surveys a consolidation's source and target. */
export async function surveyConsolidate(task: ConsolidateTask, context: SurveyContext): Promise<ConsolidateSurvey> {
  const { store } = context
  const source = await sourcePath(task, context)
  if (task.from.day !== 'all') {
    const day = await surveyDay(task, source, task.from.day, context)
    const isEmpty = day.files.length + day.consumed.length === 0
    return { source, landedDays: isEmpty ? (await listDays(store, source)).days : [], days: [day] }
  }
  const { days: landedDays, notDays } = await listDays(store, source)
  for (const folder of notDays)
    await context.onWarning(`${folder}  is named like a day that does not exist and was not read`)
  const days: DaySurvey[] = []
  for (const day of landedDays) days.push(await surveyDay(task, source, day, context))
  return { source, landedDays, days }
}

async function sourcePath({ from, to }: ConsolidateTask, { store, external }: SurveyContext): Promise<string> {
  if (from.table === undefined) return from.path
  const located = locateTable(from.table, external, readCatalog(await latestCommits(store)))
  if (located === undefined) return from.path
  const path = dataPath(located)
  if (pathsOverlap(path, to.path)) {
    throw new MillraceError(
      'usage',
      `output path ${to.path} overlaps the source table at ${path}, which is only read. Choose another output path`,
    )
  }
  return path
}

async function surveyDay(
  task: ConsolidateTask,
  source: string,
  day: string,
  context: SurveyContext,
): Promise<DaySurvey> {
  const { store } = context
  const [year, month, date] = day.split('-')
  const target = `${task.to.path}/year=${year}/month=${month}/day=${date}`
  const { standing, bookmark } = await surveyStanding(target, context)
  const { files, skipped } = await listLanded(store, source, day)
  for (const { path, reason } of skipped) await context.onWarning(`${JSON.stringify(path)}  ${reason}`)
  const known = new Set(bookmark.map(identityText))
  const inspected = await inspectFiles(files, context)
  const isConsumed = (file: FileIdentity): boolean => known.has(identityText(file))
  return {
    day,
    folder: dayFolder(source, day),
    consumed: inspected.filter(isConsumed),
    files: inspected.filter((file) => !isConsumed(file)),
    standing,
  }
}

/** Hash, rows and columns of every file. */
async function inspectFiles(files: StoreEntry[], context: SurveyContext): Promise<(DataFile | UnreadableFile)[]> {
  const schemas = new Map<string, Column[]>()
  const inspected: (DataFile | UnreadableFile)[] = []
  const scratch = new Uint8Array(scratchBytes)
  for (const [index, entry] of files.entries()) {
    const file = await inspectParquet(context.store, entry, scratch)
    inspected.push('columns' in file ? { ...file, columns: shared(file.columns, schemas) } : file)
    if (index % breathEvery === 0) {
      context.onProgress(index, files.length)
      await new Promise((resolve) => setImmediate(resolve))
      if (context.signal.aborted) throw new MillraceError('cancelled', 'stopped on request')
    }
  }
  return inspected
}

/** Thousands of files have few schemas: equal ones become one value. */
function shared(columns: Column[], schemas: Map<string, Column[]>): Column[] {
  const key = columns.map(({ name, type }) => `${name}\0${type}`).join('\0')
  const found = schemas.get(key)
  if (found !== undefined) return found
  schemas.set(key, columns)
  return columns
}

/**
 * The partition as its last commit left it, checked against what lies there. A folder that is gone is built anew from the
 * landing zone; files that others put there are part of it.
 */
async function surveyStanding(
  target: string,
  context: SurveyContext,
): Promise<{ standing: StandingPartition; bookmark: FileIdentity[] }> {
  const { store } = context
  const commit = await latestCommit(store, target)
  const published = commit?.partitions.find(({ location }) => location === target)
  const folder = commit !== null && published !== undefined ? await currentLocation(store, commit, published) : target
  if (
    commit !== null &&
    published !== undefined &&
    published.files.length > 0 &&
    (await store.kind(folder)) === 'missing'
  ) {
    const rows = published.files.reduce((sum, file) => sum + file.rows, 0)
    await context.onWarning(
      `${target}  is gone with the ${rows} rows of commit ${commit.number}; the day is built anew from the landing zone`,
    )
    const standing = { commit: { ...commit, partitions: [], bookmark: [] }, files: [], isLost: true, hasAdopted: false }
    return { standing, bookmark: [] }
  }
  const files = await standingFiles(folder, published, context)
  const hasAdopted =
    (commit?.state.kind === 'consolidate' && commit.state.hasAdopted) || files.length > (published?.files.length ?? 0)
  return { standing: { commit, files, isLost: false, hasAdopted }, bookmark: commit?.bookmark ?? [] }
}

async function standingFiles(
  folder: string,
  published: PublishedPartition | undefined,
  { store }: SurveyContext,
): Promise<DataFile[]> {
  const { files: all, folders, unnamed } = await store.list(folder)
  const odd = [...folders.filter((name) => !isIgnored(name)), ...unnamed][0]
  if (odd !== undefined) {
    throw new MillraceError(
      'table-changed',
      `${folder}  holds ${JSON.stringify(odd)}, which is no Parquet file of this partition and would be lost. Move it away and run again`,
    )
  }
  const listed = all.filter(({ path }) => !isIgnored(path.slice(folder.length + 1)))
  const found = new Map(listed.map((entry) => [entry.path.slice(folder.length + 1), entry]))
  const files: DataFile[] = []
  for (const { name, rows, bytes } of published?.files ?? []) {
    const entry = found.get(name)
    if (entry?.bytes !== bytes) {
      const what = entry === undefined ? 'is missing' : `has ${entry.bytes} bytes`
      throw new MillraceError(
        'table-changed',
        `${folder}/${name}  ${what}; the last commit recorded ${bytes} bytes with ${rows} rows. Put the file back, or remove the whole folder to build the day anew from the landing zone`,
      )
    }
    files.push({ path: entry.path, bytes, sha256: '', rows, columns: published?.columns ?? [], nullColumns: [] })
    found.delete(name)
  }
  for (const entry of found.values()) files.push(await foreignFile(store, entry))
  return files
}

async function foreignFile(store: Store, entry: StoreEntry): Promise<DataFile> {
  try {
    return { ...entry, sha256: '', ...(await readFooter(store, entry)) }
  } catch (error) {
    if (error instanceof MillraceError) throw error
    throw new MillraceError(
      'table-changed',
      `${entry.path}  lies in the table but ${messageOf(error)}. Move it away and run again`,
      { cause: error },
    )
  }
}

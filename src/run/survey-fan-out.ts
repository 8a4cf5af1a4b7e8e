/** Looks at a snapshot, at its split spec, and at the tables that an earlier split left. */
import { type FanOutTask, splitTables } from '../define/fan-out.ts'
import { hasCode, MillraceError, messageOf } from '../errors.ts'
import { fileName } from '../formats/file-identity.ts'
import { isIgnored } from '../formats/ignored-names.ts'
import { hashFile, readFooter } from '../formats/parquet.ts'
import { sharedColumns } from '../formats/shared-columns.ts'
import type { SplitTable } from '../formats/split-spec.ts'
import {
  expiredFolders,
  type FanOutSurvey,
  isConsumed,
  type StandingFolder,
  snapshotText,
  splitQuarantine,
  splitScope,
  splitTargets,
} from '../plan/fan-out.ts'
import type { TwinTable } from '../plan/fan-out-views.ts'
import { gatherColumns, type SnapshotFile } from '../plan/split-columns.ts'
import {
  emptySnapshot,
  type FoundSnapshot,
  findSnapshot,
  halfWritten,
  listSnapshot,
} from '../sources/snapshot-folder.ts'
import type { Store, StoreEntry } from '../store.ts'
import type { CommitRecord, PublishedPartition } from '../types.ts'
import { currentLocation, latestCommits } from './commits.ts'
import { missingFiles } from './missing-files.ts'
import type { SurveyContext } from './task-context.ts'

/** Surveys a split. Throws what is wrong with the spec or the snapshot; nothing was written then. */
export async function surveyFanOut(pipeline: string, task: FanOutTask, context: SurveyContext): Promise<FanOutSurvey> {
  const { store, onWarning } = context
  const commits = await latestCommits(store, task.to.path)
  assertOwnTarget(task, commits)
  const tables = await readSpec(task, store)
  const snapshot = await findSnapshot(store, task.from.path, task.from.column, task.from.date)
  const { date } = snapshot
  const listed = await listSnapshot(store, snapshot)
  for (const { path, reason } of [...snapshot.skipped, ...listed.skipped]) {
    await onWarning(`${JSON.stringify(path)}  ${reason}`)
  }
  const commit = commits.find(({ scope }) => scope === splitScope(task, date)) ?? null
  const { files, columns } = await snapshotFiles(snapshot, listed.files, commit, context)
  const targets = splitTargets(task, date, tables)
  const text = snapshotText(task, date)
  const folders = [...targets, ...expiredFolders(task, commit, targets), splitQuarantine(pipeline, task, date)]
  const standing = await standingFolders(store, folders, commit, onWarning)
  if (text !== null) standing.set(text.target, await standingFolder(store, text.target))
  return {
    ...{ commit, date, files, columns, tables, standing },
    lost: await lostFolders(store, commit),
    isTold: text === null || (await isTold(text, context)),
    twins: await twinTables(task, files, store),
  }
}

/** Throws `table-changed` where other tables were published below the target, those of the other layout say: they would be replaced. */
function assertOwnTarget({ name, from, to }: FanOutTask, commits: readonly CommitRecord[]): void {
  const isOwn = (scope: string): boolean =>
    to.layout === 'staged' ? scope === to.path : scope.startsWith(`${to.path}/${from.column}=`)
  const other = commits.find(({ scope }) => !isOwn(scope))
  if (other === undefined) return
  const what = `${to.path}  holds what task ${other.task} published (${other.scope}), of another layout than that of ${name}`
  throw new MillraceError('table-changed', `${what}; it would be lost. Choose another target path`)
}

async function readSpec({ tables: spec }: FanOutTask, store: Store): Promise<SplitTable[] | null> {
  if (spec.kind === 'all-columns') return null
  if (spec.text !== null) return splitTables(spec, spec.text)
  if ((await store.kind(spec.file)) !== 'file') {
    throw new MillraceError(
      'no-input',
      `${spec.file}  the split spec is not below ${store.root}. Put it there, or name another with --csv-file`,
    )
  }
  return splitTables(spec, await store.readText(spec.file))
}

/** All footers are looked into before the first file is hashed: what is half written is known at once. */
async function snapshotFiles(
  { folder }: FoundSnapshot,
  entries: readonly StoreEntry[],
  commit: CommitRecord | null,
  { store, signal, onProgress }: SurveyContext,
): Promise<Pick<FanOutSurvey, 'files' | 'columns'>> {
  const gathered = gatherColumns()
  const shared = sharedColumns()
  const footers: Pick<SnapshotFile, 'rows' | 'columns'>[] = []
  for (const entry of entries) {
    if (signal.aborted) throw new MillraceError('cancelled', 'stopped on request')
    const footer = await footerOf(store, entry)
    gathered.add(entry.path, footer)
    footers.push({ rows: footer.rows, columns: shared(footer.columns) })
    await new Promise((resolve) => setImmediate(resolve)) // reads are synchronous: signals and heartbeats need their turn
  }
  if (footers.every(({ rows }) => rows === 0)) throw emptySnapshot(folder, entries.length)
  const known = new Map((commit?.bookmark ?? []).map((file) => [file.path, file]))
  const files: SnapshotFile[] = []
  for (const [index, { path, bytes, modifiedMs }] of entries.entries()) {
    if (signal.aborted) throw new MillraceError('cancelled', 'stopped on request')
    const before = known.get(path)
    const isSame = before?.bytes === bytes && before.modifiedMs === modifiedMs
    const sha256 = isSame ? before.sha256 : (await hashFile(store, { path, bytes, modifiedMs })).sha256
    files.push({ path, bytes, sha256, ...(footers[index] as (typeof footers)[number]), modifiedMs })
    onProgress(index + 1, entries.length)
  }
  return { files, columns: gathered.columns() }
}

async function footerOf(store: Store, entry: StoreEntry): ReturnType<typeof readFooter> {
  try {
    return await readFooter(store, entry)
  } catch (error) {
    if (error instanceof MillraceError) throw error
    const reason = messageOf(error)
    // Of such a file nothing more will come: it is as its writer wanted it.
    if (reason.startsWith('has two columns')) {
      throw new MillraceError(
        'usage',
        `${JSON.stringify(entry.path)}  ${reason}. Deliver the snapshot with one of them`,
        { cause: error },
      )
    }
    throw halfWritten(entry.path, reason)
  }
}

/** What lies in folders that may be replaced; a person is told of what no commit knows. */
async function standingFolders(
  store: Store,
  folders: readonly string[],
  commit: CommitRecord | null,
  onWarning: SurveyContext['onWarning'],
): Promise<Map<string, StandingFolder>> {
  const standing = new Map<string, StandingFolder>()
  for (const folder of folders) {
    const found = await standingFolder(store, folder)
    const published = commit?.partitions.find(({ location }) => location === folder)?.files ?? []
    const names = new Set(published.map(({ name }) => name))
    const others = found.files.filter((path) => !names.has(fileName(path)))
    if (others.length > 0) {
      await onWarning(
        `${folder}/  holds ${others.length} ${others.length === 1 ? 'file' : 'files'} that no commit of Millrace wrote, such as ${JSON.stringify(fileName(others[0] as string))}; a split replaces the whole folder`,
      )
    }
    standing.set(folder, found)
  }
  return standing
}

async function standingFolder(store: Store, folder: string): Promise<StandingFolder> {
  const { files, folders } = await store.list(folder)
  return { files: files.map(({ path }) => path).filter((path) => !isIgnored(fileName(path))), folders }
}

async function lostFolders(store: Store, commit: CommitRecord | null): Promise<Set<string>> {
  const lost = new Set<string>()
  if (commit === null) return lost
  for (const published of commit.partitions) {
    const folder = await currentLocation(store, commit, published)
    if ((await missingFiles(store, folder, published.files)).length > 0) lost.add(published.location)
  }
  return lost
}

/** Whether the text that tells the snapshot stands; a person is told of what lies beside it. */
async function isTold(
  { target, name, content }: NonNullable<ReturnType<typeof snapshotText>>,
  { store, onWarning }: SurveyContext,
): Promise<boolean> {
  const found = (await store.list(target)).files.map(({ path }) => fileName(path))
  const isThere = found.includes(name) && (await store.readText(`${target}/${name}`)) === content
  const other = found.find((file) => file !== name && !isIgnored(file))
  if (!isThere && other !== undefined) {
    await onWarning(
      `${target}/  holds ${JSON.stringify(other)}; the folder is replaced, for it tells the snapshot alone`,
    )
  }
  return isThere
}

/** The tables of the twin that were made of these files by this key, and that stand. */
async function twinTables(task: FanOutTask, files: readonly SnapshotFile[], store: Store): Promise<TwinTable[]> {
  if (task.twin === null) return []
  const found: TwinTable[] = []
  for (const commit of await latestCommits(store, task.twin)) {
    const { state, partitions } = commit
    if (state.kind !== 'fan-out' || state.key !== task.key || !isConsumed(commit, files)) continue
    for (const { location, codec, fileCount } of state.tables) {
      const published = partitions.find((other) => other.location === location)
      if (published === undefined) continue
      const folder = await wholeFolder(store, commit, published)
      if (folder !== null) found.push({ folder, files: published.files, columns: published.columns, codec, fileCount })
    }
  }
  return found
}

/** Where all files of a published folder lie now; null where they do not. */
async function wholeFolder(store: Store, commit: CommitRecord, published: PublishedPartition): Promise<string | null> {
  try {
    const folder = await currentLocation(store, commit, published)
    return (await missingFiles(store, folder, published.files)).length === 0 ? folder : null
  } catch (error) {
    // What cannot be looked at is written again.
    if (hasCode(error, 'storage')) return null
    throw error
  }
}

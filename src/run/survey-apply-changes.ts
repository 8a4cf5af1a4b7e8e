/** Looks at the changes that landed for a table, and at the table as it stands. */
import type { ApplyChangesTask } from '../define/apply-changes.ts'
import { type IcebergTable, isIcebergTable } from '../define/iceberg-tables.ts'
import { MillraceError } from '../errors.ts'
import { fileName } from '../formats/file-identity.ts'
import { isIgnored } from '../formats/ignored-names.ts'
import { type ApplySurvey, mergeAfter, statePath } from '../plan/apply-changes.ts'
import type { ChangeFile } from '../plan/apply-shape.ts'
import type { Store } from '../store.ts'
import type { CommitRecord, DataFile, PublishedPartition } from '../types.ts'
import { currentLocation, latestCommit, latestCommits } from './commits.ts'
import { missingFiles } from './missing-files.ts'
import { readMergedNumber } from './tables/merged-number.ts'
import type { SurveyContext } from './task-context.ts'

/** Surveys a table's source and target. Throws `no-input` when nothing ever landed for it. */
export async function surveyApplyChanges(task: ApplyChangesTask, context: SurveyContext): Promise<ApplySurvey> {
  const { store } = context
  const commit = await latestCommit(store, task.to.path)
  const { loads, changes, missing } = await landedFiles(task, store)
  if (loads.length + changes.length === 0 && commit === null) {
    throw new MillraceError(
      'no-input',
      `task ${task.name}  nothing landed for ${task.to.path}: no table at ${[task.from.loads, task.from.changes].filter(Boolean).join(' or ')}. Run the landing first`,
    )
  }
  const merged = isIcebergTable(task.to) ? await surveyMerged(store, commit, task.to) : null
  const standing = merged === null ? await partFiles(store, commit, task.to.path) : []
  const state = await partFiles(store, commit, statePath(task))
  const isLost = standing === null || state === null || merged?.isLost === true
  if (isLost) {
    await context.onWarning(
      `${task.to.path}  or what is remembered of it is gone; the table is made anew from all that landed`,
    )
  }
  const lostDates = await findLostDates(task, store, commit)
  const isPending = merged?.isPending ?? false
  return { commit, loads, changes, standing: standing ?? [], state: state ?? [], isPending, isLost, missing, lostDates }
}

/**
 * A table that is merged into, of which no file is read. It is lost when it is gone, though it was made. Throws `table-changed` where
 * a table stands that nobody made by these changes.
 */
async function surveyMerged(
  store: Store,
  commit: CommitRecord | null,
  { path, table }: IcebergTable,
): Promise<{ isPending: boolean; isLost: boolean }> {
  const merge = mergeAfter(commit)
  const number = await readMergedNumber(store, table)
  if (commit !== null && merge !== null) {
    const hasRows = commit.partitions.some(({ location, files }) => location === merge.folder && files.length > 0)
    const isThere = !hasRows || (await store.kind(merge.folder)) !== 'missing'
    const isFirst = merge.restarts || merge.number === 1
    return { isPending: number !== merge.number, isLost: number === null && !(isFirst && isThere) }
  }
  if (number === null) return { isPending: false, isLost: false }
  throw new MillraceError(
    'table-changed',
    `${path}  is a table that was not made by these changes; merging them would mix the two. Move it away, or name another table`,
  )
}

/** Everything that was published at the source's places, and the paths of what is no longer there. */
async function landedFiles(
  { from }: ApplyChangesTask,
  store: Store,
): Promise<Pick<ApplySurvey, 'loads' | 'changes' | 'missing'>> {
  const loads: DataFile[] = []
  const changes: ChangeFile[] = []
  const missing = new Set<string>()
  // The landing of a table keeps its full loads in the commits of its changes.
  for (const commit of await latestCommits(store, from.changes)) {
    for (const published of commit.partitions) {
      const isLoad = published.location === from.loads
      if (!isLoad && !`${published.location}/`.startsWith(`${from.changes}/`)) continue
      const folder = await currentLocation(store, commit, published)
      const files = published.files.map((file) => dataFile(`${folder}/${file.name}`, file, published))
      for (const { name } of await missingFiles(store, folder, published.files)) missing.add(`${folder}/${name}`)
      const date = published.partition[0]?.value ?? null
      if (isLoad) loads.push(...files)
      else changes.push(...files.map((file) => ({ ...file, date })))
    }
  }
  return { loads, changes, missing }
}

function dataFile(
  path: string,
  { rows, bytes }: PublishedPartition['files'][number],
  { columns }: PublishedPartition,
): DataFile {
  return { path, bytes, sha256: '', rows, columns, nullColumns: [] }
}

/** The files of a folder as the last commit left them; null when the folder is gone. Throws `table-changed` for anything else. */
async function partFiles(store: Store, commit: CommitRecord | null, location: string): Promise<DataFile[] | null> {
  const published = commit?.partitions.filter((partition) => partition.location === location) ?? []
  const folder =
    commit === null || published[0] === undefined ? location : await currentLocation(store, commit, published[0])
  const expected = new Map(published.flatMap((part) => part.files.map((file) => [file.name, { file, part }] as const)))
  const { files, folders, unnamed } = await store.list(folder)
  const found = new Map(
    files.filter(({ path }) => !isIgnored(fileName(path))).map((entry) => [fileName(entry.path), entry]),
  )
  if (expected.size > 0 && (await store.kind(folder)) === 'missing') return null
  const odd = [...found.keys(), ...folders, ...unnamed.map(fileName)].find(
    (other) => !expected.has(other) && !isIgnored(other),
  )
  if (odd !== undefined) {
    const what = commit === null ? 'no commit of Millrace wrote it' : 'it is none of the files of the last commit'
    throw new MillraceError(
      'table-changed',
      `${folder}  holds ${JSON.stringify(odd)}, and ${what}; it would be lost. Move it away and run again`,
    )
  }
  return [...expected].map(([own, { file, part }]) => {
    const entry = found.get(own)
    if (entry?.bytes === file.bytes) return dataFile(entry.path, file, part)
    const what = entry === undefined ? 'is missing' : `has ${entry.bytes} bytes`
    throw new MillraceError(
      'table-changed',
      `${folder}/${own}  ${what}; the last commit recorded ${file.bytes} bytes with ${file.rows} rows. Put the file back, or remove the whole folder to make the table anew from all that landed`,
    )
  })
}

async function findLostDates(
  { history }: ApplyChangesTask,
  store: Store,
  commit: CommitRecord | null,
): Promise<string[]> {
  const lost: string[] = []
  for (const { location, partition, files } of commit?.partitions ?? []) {
    const date = partition[0]?.value
    if (history === null || date === undefined || !location.startsWith(`${history.path}/`)) continue
    if ((await missingFiles(store, location, files)).length > 0) lost.push(date)
  }
  return lost
}

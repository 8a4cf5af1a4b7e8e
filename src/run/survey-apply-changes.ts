/** Looks at the changes that landed for a table, and at the table as it stands. */
import type { ApplyChangesTask } from '../define/apply-changes.ts'
import { MillraceError } from '../errors.ts'
import { isIgnored } from '../formats/ignored-names.ts'
import { type ApplySurvey, statePath } from '../plan/apply-changes.ts'
import type { ChangeFile } from '../plan/apply-shape.ts'
import type { CommitRecord, DataFile, PublishedPartition, Store } from '../types.ts'
import { currentLocation, latestCommit, latestCommits } from './commits.ts'
import type { SurveyContext } from './task-context.ts'

/** Surveys a table's source and target. Throws `no-input` when nothing ever landed for it. */
export async function surveyApplyChanges(task: ApplyChangesTask, context: SurveyContext): Promise<ApplySurvey> {
  const { store } = context
  const commit = await latestCommit(store, task.to.path)
  const { loads, changes } = await landedFiles(task, store)
  if (loads.length + changes.length === 0 && commit === null) {
    throw new MillraceError(
      'no-input',
      `task ${task.name}  nothing landed for ${task.to.path}: no table at ${[task.from.loads, task.from.changes].filter(Boolean).join(' or ')}. Run the landing first`,
    )
  }
  const standing = await partFiles(store, commit, task.to.path)
  const state = await partFiles(store, commit, statePath(task))
  const isLost = standing === null || state === null
  if (isLost) {
    await context.onWarning(
      `${task.to.path}  or what is remembered of it is gone; the table is made anew from all that landed`,
    )
  }
  const missing = await findMissing([...loads, ...changes], store)
  const lostDates = await findLostDates(task, store, commit)
  return { commit, loads, changes, standing: standing ?? [], state: state ?? [], isLost, missing, lostDates }
}

/** Everything that was published at the source's places. */
async function landedFiles(
  { from }: ApplyChangesTask,
  store: Store,
): Promise<{ loads: DataFile[]; changes: ChangeFile[] }> {
  const loads: DataFile[] = []
  const changes: ChangeFile[] = []
  // The landing of a table keeps its full loads in the commits of its changes.
  for (const commit of await latestCommits(store, from.changes)) {
    for (const published of commit.partitions) {
      const files = await sourceFiles(store, commit, published)
      if (published.location === from.loads) loads.push(...files)
      else if (`${published.location}/`.startsWith(`${from.changes}/`)) {
        const date = published.partition[0]?.value ?? null
        changes.push(...files.map((file) => ({ ...file, date })))
      }
    }
  }
  return { loads, changes }
}

async function sourceFiles(store: Store, commit: CommitRecord, published: PublishedPartition): Promise<DataFile[]> {
  const folder = await currentLocation(store, commit, published)
  return published.files.map((file) => dataFile(`${folder}/${file.name}`, file, published))
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
  const name = (path: string): string => path.slice(path.lastIndexOf('/') + 1)
  const found = new Map(files.filter(({ path }) => !isIgnored(name(path))).map((entry) => [name(entry.path), entry]))
  if (expected.size > 0 && (await store.kind(folder)) === 'missing') return null
  const odd = [...found.keys(), ...folders, ...unnamed.map(name)].find(
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

/** The landed files that are no longer there as they were published. */
async function findMissing(landed: readonly DataFile[], store: Store): Promise<Set<string>> {
  const missing = new Set<string>()
  const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/'))
  for (const folder of new Set(landed.map(({ path }) => folderOf(path)))) {
    const found = new Map((await store.list(folder)).files.map(({ path, bytes }) => [path, bytes]))
    for (const { path, bytes } of landed) if (folderOf(path) === folder && found.get(path) !== bytes) missing.add(path)
  }
  return missing
}

async function findLostDates(
  { history }: ApplyChangesTask,
  store: Store,
  commit: CommitRecord | null,
): Promise<string[]> {
  const lost: string[] = []
  for (const { location, partition, files } of commit?.partitions ?? []) {
    const date = partition[0]?.value
    if (history === null || date === undefined || !location.startsWith(`${history.path}/`) || files.length === 0)
      continue
    const found = new Map((await store.list(location)).files.map((entry) => [entry.path, entry.bytes]))
    if (files.some(({ name, bytes }) => found.get(`${location}/${name}`) !== bytes)) lost.push(date)
  }
  return lost
}

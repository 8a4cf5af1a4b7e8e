/**
 * Publishing. A publication is decided by one numbered file, the commit record; the moves that follow from it are rolled
 * forward by whoever comes next, never back. What was staged without a record is removed.
 */
import { MillraceError } from '../errors.ts'
import { fileName, folderOf } from '../formats/file-identity.ts'
import { groupBy } from '../iceberg/group-by.ts'
import type { ReadableStore, Store } from '../store.ts'
import type { CommitRecord, PublishedPartition, PublishMove } from '../types.ts'
import { foldCommits, type StoredCommit, storedCommit } from './commit-record.ts'
import { latestNumbered, numberedPath } from './numbered.ts'

const commitsFolder = '_millrace/commits'
/** Where runs stage: a folder for each pipeline, with one for each run. */
export const stagingFolder = '_millrace/staging'
const preparedName = 'prepared.json'
/** The folder of a run for what does not fit in memory. */
export const spillName = 'spill' // what is staged has a dot in its name

/** Where a task of a run stages: below its pipeline, so that what a dead run left is found under the pipeline's lock. */
export function stagingPath(pipeline: string, run: string, name: string): string {
  return `${stagingFolder}/${pipeline}/${run}/${name}`
}

/** Where the plans of a run put what does not fit in memory: beside what is staged, so that a kill leaves it where it is cleaned up. */
export function spillPath(pipeline: string, run: string): string {
  return `${stagingFolder}/${pipeline}/${run}/${spillName}`
}

/** The latest commit of a scope, or null. */
export async function latestCommit(store: ReadableStore, scope: string): Promise<CommitRecord | null> {
  return (await latestOf(store, scope))?.record ?? null
}

async function latestOf(store: ReadableStore, scope: string): Promise<{ record: CommitRecord; base: number } | null> {
  const latest = await latestNumbered<StoredCommit>(store, `${commitsFolder}/${scope}`)
  return latest === null ? null : { record: await whole(store, latest.value), base: latest.value.base }
}

/** A stored commit with all that the commits before it left. */
async function whole(store: ReadableStore, stored: StoredCommit): Promise<CommitRecord> {
  const chain: StoredCommit[] = []
  for (let number = stored.base; number < stored.number; number += 1) {
    chain.push(await readStored(store, stored.scope, number))
  }
  return foldCommits([...chain, stored])
}

async function readStored(store: ReadableStore, scope: string, number: number): Promise<StoredCommit> {
  return JSON.parse(await store.readText(numberedPath(`${commitsFolder}/${scope}`, number))) as StoredCommit
}

/** The latest commit of every scope at or below a path, in order of their names. */
export async function latestCommits(store: ReadableStore, below = ''): Promise<CommitRecord[]> {
  const commits: CommitRecord[] = []
  const walk = async (folder: string): Promise<void> => {
    const latest = await latestNumbered<StoredCommit>(store, folder)
    if (latest !== null) commits.push(await whole(store, latest.value))
    for (const name of (await store.list(folder)).folders) await walk(`${folder}/${name}`)
  }
  await walk(below === '' ? commitsFolder : `${commitsFolder}/${below}`)
  return commits
}

/**
 * Publishes what is staged: writes down what is prepared, decides by creating the record, then makes the moves.
 * Throws `conflict` when another commit has the number, the one before is not finished or the lock is lost (`assertHeld`),
 * `storage` and `exists` when a move could not be made; then nothing has changed.
 */
export async function commit(store: Store, record: CommitRecord, assertHeld: () => Promise<void>): Promise<void> {
  await assertFinished(store, record.scope)
  await checkMoves(store, record)
  await store.replace(
    `${record.staging}/${preparedName}`,
    `${JSON.stringify({ scope: record.scope, number: record.number })}\n`,
  )
  const stored = storedCommit(record, await latestOf(store, record.scope))
  await assertHeld()
  try {
    await store.createExclusive(recordPath(record), `${JSON.stringify(stored)}\n`)
  } catch (error) {
    if (!(error instanceof MillraceError && error.code === 'exists')) throw error
    throw new MillraceError(
      'conflict',
      `${record.scope}  commit ${record.number} was made by another run meanwhile. Run again`,
      { cause: error },
    )
  }
  await rollForward(store, record)
}

/**
 * Throws `conflict` while moves of a scope's latest commit may be left to make. So a commit is decided only when the one before
 * is finished, whichever pipeline made it: of a scope at most the latest is ever half made.
 */
export async function assertFinished(store: ReadableStore, scope: string): Promise<void> {
  const record = await latestCommit(store, scope)
  if (record === null || (await isFinished(store, record))) return
  const { number, run, pipeline } = record
  const text = `${scope}  commit ${number} by run ${run} of ${pipeline} is not finished yet`
  throw new MillraceError('conflict', `${text}. Run again: what a killed run left is then finished first`)
}

/** Whether all moves of a commit were made: what says that it was decided goes last. */
export async function isFinished(store: ReadableStore, { staging }: CommitRecord): Promise<boolean> {
  return (await store.kind(`${staging}/${preparedName}`)) === 'missing'
}

/** What is decided must be possible: everything staged is there and can be moved to where nothing is in its way. */
async function checkMoves(store: Store, { scope, moves }: CommitRecord): Promise<void> {
  const targets = new Set(moves.map(({ target }) => target))
  if (targets.size < moves.length) throw new MillraceError('storage', `${scope}  two outputs go to the same place`)
  for (const { kind, staged, target } of await withFolders(store, moves)) {
    if (staged === null) continue
    if ((await store.kind(staged)) === 'missing') {
      throw new MillraceError(
        'conflict',
        `${scope}  what was staged for it is gone; another run may have taken over. Run again`,
      )
    }
    if (kind === 'add-file' && (await store.kind(target)) !== 'missing') {
      throw new MillraceError('exists', `${target}  exists already. Move it away and run again`)
    }
    await store.prepareMove(staged, target)
  }
}

/** Makes the moves of a decided commit; each is made at most once, however often this is called. */
async function rollForward(store: Store, record: CommitRecord): Promise<void> {
  // A later commit was decided after all moves of this one: a removal would now take away what that one put there.
  const latest = await latestNumbered<StoredCommit>(store, `${commitsFolder}/${record.scope}`)
  const isReplaced = latest !== null && latest.number > record.number
  const moves = record.moves.filter(({ kind }) => kind === 'add-file' || !isReplaced)
  for (const move of await withFolders(store, moves)) await makeMove(store, move)
  await removeStaging(store, record.staging)
}

/** What says that it was decided goes last: a kill in between must not make it look undecided. */
async function removeStaging(store: Store, staging: string): Promise<void> {
  const { files, folders } = await store.list(staging)
  for (const name of folders) await store.remove(`${staging}/${name}`)
  for (const { path } of files) if (path !== `${staging}/${preparedName}`) await store.remove(path)
  await store.remove(staging)
}

type AddFile = PublishMove & { kind: 'add-file' }
type Move = PublishMove | { kind: 'add-folder'; staged: string; target: string }

/** A new partition: of files that were staged by themselves and go to a folder which is not there yet, the folder moves. */
async function withFolders(store: Store, moves: readonly PublishMove[]): Promise<Move[]> {
  const found: Move[] = moves.filter(({ kind }) => kind !== 'add-file')
  const replaced = new Set(found.map(({ target }) => target))
  const added = groupBy(
    moves.filter((move) => move.kind === 'add-file'),
    ({ target }) => folderOf(target),
  )
  const targets = new Set([...replaced, ...added.keys()])
  const above = new Set([...targets].flatMap(foldersAbove))
  for (const [target, group] of added) {
    const isAlone = !replaced.has(target) && !above.has(target) && !foldersAbove(target).some((one) => targets.has(one))
    const isNew = isAlone && (await store.kind(target)) === 'missing' && (await hasOnly(store, group))
    const staged = folderOf((group[0] as AddFile).staged)
    found.push(...(isNew ? [{ kind: 'add-folder' as const, staged, target }] : group))
  }
  return found
}

/** Whether one staged folder holds these files, under the names that they are to have, and nothing else. */
async function hasOnly(store: Store, moves: readonly AddFile[]): Promise<boolean> {
  const { files, folders, unnamed } = await store.list(folderOf((moves[0] as AddFile).staged))
  const kept = new Set(
    moves.filter(({ staged, target }) => fileName(staged) === fileName(target)).map(({ staged }) => staged),
  )
  const isSame = files.length === moves.length && files.every(({ path }) => kept.has(path))
  return isSame && folders.length + unnamed.length === 0
}

function foldersAbove(path: string): string[] {
  const names = path.split('/')
  return names.slice(1).map((_, at) => names.slice(0, at + 1).join('/'))
}

async function makeMove(store: Store, move: Move): Promise<void> {
  const isStaged = move.staged !== null && (await store.kind(move.staged)) !== 'missing'
  if (move.kind !== 'replace-folder') {
    if (isStaged) await store.move(move.staged, move.target)
    return
  }
  // Once the staged folder has moved, the target is the new one and stays.
  if (move.staged !== null && !isStaged) return
  if ((await store.kind(move.target)) !== 'missing' && (await store.kind(move.trash)) === 'missing') {
    await store.move(move.target, move.trash)
  }
  if (move.staged !== null) await store.move(move.staged, move.target)
}

/** Finishes a decided commit or removes what was staged without a decision; says what it did. */
export async function settle(store: Store, staging: string, run: string): Promise<string | null> {
  const record = await preparedRecord(store, staging)
  if (record === null) {
    const { files, folders } = await store.list(staging)
    await store.remove(staging)
    // Nothing but the folder: a run that had only begun, or one that had finished its commit and all but this.
    if (files.length + folders.length === 0) return null
    return `what the interrupted run ${run} had staged was removed; it had published nothing of it`
  }
  const pending = await isPending(store, record)
  await rollForward(store, record)
  return pending ? `commit ${record.number} of ${record.scope} by the interrupted run ${run} was finished` : null
}

/** The record that decided what is staged, or null when nothing was decided. */
async function preparedRecord(store: Store, staging: string): Promise<CommitRecord | null> {
  const path = `${staging}/${preparedName}`
  if ((await store.kind(path)) === 'missing') return null
  const { scope, number } = JSON.parse(await store.readText(path)) as { scope: string; number: number }
  const decided = numberedPath(`${commitsFolder}/${scope}`, number)
  if ((await store.kind(decided)) === 'missing') return null
  const stored = await readStored(store, scope, number)
  return stored.staging === staging ? await whole(store, stored) : null
}

async function isPending(store: Store, record: CommitRecord): Promise<boolean> {
  for (const move of record.moves) {
    if (move.staged !== null && (await store.kind(move.staged)) !== 'missing') return true
  }
  return false
}

/** Where the files of a published partition lie now: still staged when a kill came between the decision and the move. */
export async function currentLocation(
  store: Store,
  record: CommitRecord,
  partition: PublishedPartition,
): Promise<string> {
  const move = record.moves.find(({ kind, target }) => kind === 'replace-folder' && target === partition.location)
  if (move?.staged == null || (await store.kind(move.staged)) === 'missing') return partition.location
  return move.staged
}

function recordPath({ scope, number }: CommitRecord): string {
  return numberedPath(`${commitsFolder}/${scope}`, number)
}

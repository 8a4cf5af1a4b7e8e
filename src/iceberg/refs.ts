/** Branches, tags, and which snapshot a choice means. */
import { MillraceError } from '../errors.ts'
import { tableText } from './folder-catalog.ts'
import { ancestors } from './live-files.ts'
import { headOf, snapshotById } from './metadata.ts'
import type { Catalog, LoadedTable, Snapshot, SnapshotRef, TableIdentifier, TableMetadata } from './types.ts'

/** Which state of a table: a snapshot's id, a branch or tag, a moment of main's history; nothing: the newest of main. */
export type SnapshotChoice = { snapshot?: bigint; ref?: string; asOfMs?: number }

/** The snapshot chosen; null for a table without any. Throws `not-found`, and `usage` for more than one choice. */
export function snapshotAt(metadata: TableMetadata, choice: SnapshotChoice): Snapshot | null {
  const { snapshot, ref, asOfMs } = choice
  if ([snapshot, ref, asOfMs].filter((given) => given !== undefined).length > 1) {
    throw new MillraceError('usage', 'a snapshot, a ref or a moment can be chosen, not several of them')
  }
  if (snapshot !== undefined) return snapshotById(metadata, snapshot)
  if (asOfMs === undefined) return headOf(metadata, ref)
  const log = metadata['snapshot-log']
  const entry = log.findLast((candidate) => candidate['timestamp-ms'] <= asOfMs)
  if (entry !== undefined) return snapshotById(metadata, entry['snapshot-id'])
  const since = log[0] === undefined ? 'it has none' : `its history begins at ${isoText(log[0]['timestamp-ms'])}`
  throw new MillraceError('not-found', `${metadata.location}  there was no snapshot at ${isoText(asOfMs)}; ${since}`)
}

function isoText(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString()
}

/** Where a branch or tag begins, the newest of main by default, and how long expiry keeps what it reaches. */
export type RefOptions = {
  snapshot?: bigint
  minSnapshotsToKeep?: number
  maxSnapshotAgeMs?: number
  maxRefAgeMs?: number
}

/** Throws `exists`, and `not-found` for a table without snapshots. */
export async function createBranch(
  catalog: Catalog,
  table: TableIdentifier,
  name: string,
  options: RefOptions = {},
): Promise<LoadedTable> {
  return await createRef(catalog, table, name, 'branch', options)
}

/** Throws `exists`, and `not-found` for a table without snapshots. */
export async function createTag(
  catalog: Catalog,
  table: TableIdentifier,
  name: string,
  options: Pick<RefOptions, 'snapshot' | 'maxRefAgeMs'> = {},
): Promise<LoadedTable> {
  return await createRef(catalog, table, name, 'tag', options)
}

async function createRef(
  catalog: Catalog,
  table: TableIdentifier,
  name: string,
  type: SnapshotRef['type'],
  options: RefOptions,
): Promise<LoadedTable> {
  const { metadata } = await catalog.load(table)
  if (name === '') throw new MillraceError('usage', `a ${type} needs a name`)
  if (Object.hasOwn(metadata.refs, name)) {
    throw new MillraceError('exists', `${tableText(table)}  there is a ${metadata.refs[name]?.type} ${name} already`)
  }
  const id = options.snapshot ?? headOf(metadata)?.['snapshot-id']
  if (id === undefined) {
    throw new MillraceError(
      'not-found',
      `${tableText(table)}  has no snapshot yet that ${name} could stand at. Write to it first`,
    )
  }
  snapshotById(metadata, id)
  const ref: SnapshotRef = {
    'snapshot-id': id,
    type,
    ...(options.minSnapshotsToKeep === undefined ? {} : { 'min-snapshots-to-keep': options.minSnapshotsToKeep }),
    ...(options.maxSnapshotAgeMs === undefined ? {} : { 'max-snapshot-age-ms': options.maxSnapshotAgeMs }),
    ...(options.maxRefAgeMs === undefined ? {} : { 'max-ref-age-ms': options.maxRefAgeMs }),
  }
  return await catalog.commit(
    table,
    [
      { type: 'assert-table-uuid', uuid: metadata['table-uuid'] },
      { type: 'assert-ref-snapshot-id', ref: name, 'snapshot-id': null },
    ],
    [{ action: 'set-snapshot-ref', 'ref-name': name, ...ref }],
  )
}

/** Its snapshots stay until they expire. Throws `not-found`, and `usage` for main. */
export async function removeRef(catalog: Catalog, table: TableIdentifier, name: string): Promise<LoadedTable> {
  if (name === 'main') throw new MillraceError('usage', `${tableText(table)}  main cannot be removed`)
  const { metadata } = await catalog.load(table)
  const head = headOf(metadata, name)
  return await catalog.commit(
    table,
    [
      { type: 'assert-table-uuid', uuid: metadata['table-uuid'] },
      { type: 'assert-ref-snapshot-id', ref: name, 'snapshot-id': head?.['snapshot-id'] ?? null },
    ],
    [{ action: 'remove-snapshot-ref', 'ref-name': name }],
  )
}

/**
 * Sets a branch to a snapshot that goes back to where it stands: publishes what was staged or made on another branch. Throws
 * `conflict` when it does not go back there, unless forced, which is a rollback.
 */
export async function setRef(
  catalog: Catalog,
  table: TableIdentifier,
  branch: string,
  snapshot: bigint,
  { isForced = false }: { isForced?: boolean } = {},
): Promise<LoadedTable> {
  const { metadata } = await catalog.load(table)
  const head = headOf(metadata, branch)?.['snapshot-id'] ?? null
  snapshotById(metadata, snapshot)
  const ref = metadata.refs[branch]
  if (ref?.type === 'tag')
    throw new MillraceError('usage', `${tableText(table)}  ${branch} is a tag, which never moves`)
  const line = ancestors(metadata, snapshot).map((ancestor) => ancestor['snapshot-id'])
  if (!isForced && head !== null && !line.includes(head)) {
    throw new MillraceError(
      'conflict',
      `${tableText(table)}  ${branch} stands at snapshot ${head}, which ${snapshot} does not contain: another commit came first. Compute the change again`,
    )
  }
  return await catalog.commit(
    table,
    [
      { type: 'assert-table-uuid', uuid: metadata['table-uuid'] },
      { type: 'assert-ref-snapshot-id', ref: branch, 'snapshot-id': head },
    ],
    [{ action: 'set-snapshot-ref', 'ref-name': branch, ...ref, 'snapshot-id': snapshot, type: 'branch' }],
  )
}

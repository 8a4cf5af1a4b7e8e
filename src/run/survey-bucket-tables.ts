/** Looks at the tables to be bucketed, and brings the catalog in line with what was written. */
import { isDeepStrictEqual } from 'node:util'
import { type GlueCatalog, glueTableText, storageFolder } from '../catalogs/glue-catalog.ts'
import localGlueCatalog from '../catalogs/local-glue-catalog.ts'
import type { BucketTablesTask } from '../define/bucket-tables.ts'
import { hasCode, MillraceError } from '../errors.ts'
import { fileName } from '../formats/file-identity.ts'
import { isIgnored } from '../formats/ignored-names.ts'
import { inspectParquet } from '../formats/parquet.ts'
import {
  type BucketSource,
  type BucketSurvey,
  bucketedEntry,
  bucketSources,
  definitionOf,
  isMadeBy,
  planBucketTable,
} from '../plan/bucket-tables.ts'
import type { StoreEntry } from '../store.ts'
import type { CommitRecord, DataFile, PlanUnit } from '../types.ts'
import { ownTables } from './catalog/catalog-work.ts'
import { type DataFolders, openDataFolders } from './catalog/data-folders.ts'
import { latestCommit, latestCommits } from './commits.ts'
import { missingFiles } from './missing-files.ts'
import type { PlanningContext, SurveyContext } from './task-context.ts'

/** One unit for each table; all of them are checked here. Throws what `bucketSources` throws, and `not-found` without a database. */
export async function bucketUnits(
  task: BucketTablesTask,
  context: PlanningContext,
  survey: SurveyContext,
): Promise<PlanUnit[]> {
  const { from, to } = task
  const catalog = localGlueCatalog(context.store)
  if ((await catalog.getDatabase(from.database)) === null) {
    const names = (await catalog.getDatabases()).map(({ Name }) => Name).join(', ')
    throw new MillraceError(
      'not-found',
      `task ${task.name}  database ${from.database} is not in the catalog; there are: ${names === '' ? 'none' : names}. Register the tables first`,
    )
  }
  const tables = (await ownTables(catalog, from.database, from.prefix)).filter(
    ({ DatabaseName, Name }) => DatabaseName !== to.database || !isOutput(task, Name),
  )
  const sources = bucketSources(task, tables)
  const expected = new Set(tables.map(({ Name }) => `${to.prefix}${Name.slice(from.prefix.length)}`))
  for (const { Name, StorageDescriptor } of await catalog.getTables(to.database, to.prefix)) {
    if (expected.has(Name) || !storageFolder(StorageDescriptor).startsWith(`${to.path}/`)) continue
    const source = `${from.database}.${from.prefix}${Name.slice(to.prefix.length)}`
    await survey.onWarning(
      `${to.database}.${Name}  was bucketed from ${source}, which has gone; the table stays as it is`,
    )
  }
  const folders = await openDataFolders(context.store, await latestCommits(context.store))
  return sources.map((source) => bucketUnit(task, source, { context, survey, catalog, folders }))
}

/** Of two prefixes one of which begins with the other: whether a table is one that the task made. */
function isOutput({ from, to }: BucketTablesTask, name: string): boolean {
  return to.prefix.length > from.prefix.length && name.startsWith(to.prefix)
}

type Tools = { context: PlanningContext; survey: SurveyContext; catalog: GlueCatalog; folders: DataFolders }

function bucketUnit(task: BucketTablesTask, source: BucketSource, tools: Tools): PlanUnit {
  return {
    name: `${task.to.database}.${source.name}`,
    plan: async () => [planBucketTable(tools.context.pipeline, task, await surveyTable(task, source, tools))],
    prepare: async (assertHeld) => await hideBuckets(task, source, tools, assertHeld),
    finish: async (assertHeld) => await register(task, source, tools, assertHeld),
  }
}

async function surveyTable(
  task: BucketTablesTask,
  source: BucketSource,
  { folders, survey: context }: Tools,
): Promise<BucketSurvey> {
  const commit = await latestCommit(context.store, source.folder)
  const { files: entries } = await folders(storageFolder(source.entry.StorageDescriptor))
  const standing = await standingFiles(source, commit, context)
  const isKnown = isMadeBy(commit, definitionOf(task, source)) && areConsumed(entries, commit)
  // Files of the same path, size and time need not be read to be known.
  const files = isKnown && standing.isWhole ? null : await inspected(entries, source, context)
  return { source, commit, files, standing }
}

function areConsumed(entries: readonly StoreEntry[], { bookmark }: CommitRecord): boolean {
  const known = new Map(bookmark.map((file) => [file.path, file]))
  const isKnown = ({ path, bytes, modifiedMs }: StoreEntry): boolean =>
    known.get(path)?.bytes === bytes && known.get(path)?.modifiedMs === modifiedMs
  return entries.length === bookmark.length && entries.every(isKnown)
}

/** Throws `input-unreadable` for a file that is no Parquet: a table is written with all of its rows. */
async function inspected(
  entries: readonly StoreEntry[],
  { entry: table }: BucketSource,
  context: SurveyContext,
): Promise<(DataFile & { modifiedMs: number })[]> {
  const files: (DataFile & { modifiedMs: number })[] = []
  for (const [index, entry] of entries.entries()) {
    if (context.signal.aborted) throw new MillraceError('cancelled', 'stopped on request')
    const file = await inspectParquet(context.store, entry)
    if ('reason' in file) {
      const text = `${glueTableText(table)}  ${JSON.stringify(file.path)} ${file.reason}; nothing of the table was written`
      throw new MillraceError('input-unreadable', `${text}. Replace the file, or move it away, and run again`)
    }
    files.push({ ...file, modifiedMs: entry.modifiedMs })
    context.onProgress(index, entries.length)
    await new Promise((resolve) => setImmediate(resolve)) // reads are synchronous: signals and heartbeats need their turn
  }
  return files
}

/** What lies where the table is written. Throws `table-changed` for a file that no commit wrote: it would be lost. */
async function standingFiles(
  { folder }: BucketSource,
  commit: CommitRecord | null,
  { store }: SurveyContext,
): Promise<BucketSurvey['standing']> {
  const published = commit?.partitions.flatMap(({ files }) => files) ?? []
  const { files, folders } = await store.list(folder)
  const found = [...files.map(({ path }) => fileName(path)), ...folders].filter((name) => !isIgnored(name))
  const odd = found.find((name) => !published.some((file) => file.name === name))
  if (odd !== undefined) {
    const what = commit === null ? 'no commit of Millrace wrote it' : 'it is none of the files of the last commit'
    throw new MillraceError(
      'table-changed',
      `${folder}  holds ${JSON.stringify(odd)}, and ${what}; it would be lost. Move it away and run again`,
    )
  }
  const missing = await missingFiles(store, folder, published)
  return { files: found, isWhole: missing.length === 0 }
}

/**
 * Takes the buckets out of an entry that tells of others than are about to be written: whoever reads the table until it is
 * registered anew would look for a row in the wrong file.
 */
async function hideBuckets(
  task: BucketTablesTask,
  source: BucketSource,
  { catalog }: Tools,
  assertHeld: () => Promise<void>,
): Promise<void> {
  const before = await catalog.getTable(task.to.database, source.name)
  if (before === null) return
  const { StorageDescriptor: now } = bucketedEntry(task, source, [], before)
  const { NumberOfBuckets, BucketColumns, SortColumns, ...storage } = before.StorageDescriptor
  const isSameCount = NumberOfBuckets === now.NumberOfBuckets && isDeepStrictEqual(BucketColumns, now.BucketColumns)
  const isSame = isSameCount && before.Parameters.bucketing_version === String(task.to.version)
  if (isSame || BucketColumns.length === 0) return
  await assertHeld()
  const none = { NumberOfBuckets: -1, BucketColumns: [], SortColumns: [] } // as Glue has it of a table without buckets
  await catalog.updateTable({ ...before, StorageDescriptor: { ...storage, ...none } })
}

/** Brings the table's entry in the catalog in line with its last commit; it may have been made by a run that was killed since. */
async function register(
  task: BucketTablesTask,
  source: BucketSource,
  { catalog, context }: Tools,
  assertHeld: () => Promise<void>,
): Promise<void> {
  const { database } = task.to
  const commit = await latestCommit(context.store, source.folder)
  // Another pipeline may have written it otherwise meanwhile, and registers that.
  if (!isMadeBy(commit, definitionOf(task, source))) return
  const before = await catalog.getTable(database, source.name)
  const files = commit.partitions.flatMap((partition) => partition.files)
  const entry = bucketedEntry(task, source, files, before)
  if (before !== null && isDeepStrictEqual(entry, before)) return
  await assertHeld()
  if ((await catalog.getDatabase(database)) === null) {
    await catalog.createDatabase({ Name: database, Description: `made by ${task.name}` }).catch((error: unknown) => {
      if (!hasCode(error, 'exists')) throw error
    })
  }
  if (before === null) await catalog.createTable(entry)
  else await catalog.updateTable(entry)
  await context.write({
    type: 'catalog-changed',
    task: task.name,
    path: context.path,
    partition: glueTableText(entry),
    change: before === null ? 'created' : 'updated',
    columns: entry.StorageDescriptor.Columns.length,
    partitionsAdded: 0,
    partitionsRemoved: 0,
  })
}

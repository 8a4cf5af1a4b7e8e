/** Plans the bucketing of registered tables: which, whether they can be, and for each a Plan and its entry in the catalog. Pure. */
import {
  type GlueTable,
  glueName,
  glueTableText,
  isParquetStorage,
  parquetStorage,
  storageFolder,
} from '../catalogs/glue-catalog.ts'
import type { BucketTablesTask } from '../define/bucket-tables.ts'
import { dataPath, pathsOverlap } from '../define/dataset.ts'
import { didYouMean, MillraceError } from '../errors.ts'
import { identityOf, identityText } from '../formats/file-identity.ts'
import { bucketTypes, isBucketType } from '../formats/hive-bucket.ts'
import type { Column, CommitRecord, ConsumedFile, DataFile, Plan, Planned, PublishedFile } from '../types.ts'
import { planInput } from './plan-input.ts'

/** A table to be bucketed: its entry, its columns and those it is bucketed by, where it goes and what it is called there. */
export type BucketSource = { entry: GlueTable; columns: Column[]; by: string[]; folder: string; name: string }

/** What was found of a table: `files` is null where they are the ones of the last commit. */
export type BucketSurvey = {
  source: BucketSource
  commit: CommitRecord | null
  files: (DataFile & { modifiedMs: number })[] | null
  /** What lies in the target's folder, and whether it is what the last commit left. */
  standing: { files: string[]; isWhole: boolean }
}

/**
 * The tables a task is for, of those with the prefix. Throws, before anything is written, `not-found` for a name in `only` that is
 * none of them, `no-input` where there is none, and `usage` naming every table that cannot be bucketed and why.
 */
export function bucketSources(task: BucketTablesTask, tables: readonly GlueTable[]): BucketSource[] {
  const { from } = task
  const names = tables.map(({ Name }) => Name.slice(from.prefix.length))
  const wanted = from.only?.map((name) => {
    const lower = name.toLowerCase()
    // A table may be called ext_x, and be registered as ext_ext_x.
    const bare = [lower, lower.startsWith(from.prefix) ? lower.slice(from.prefix.length) : lower].find((one) =>
      names.includes(one),
    )
    if (bare !== undefined) return bare
    const near = didYouMean(lower.startsWith(from.prefix) ? lower.slice(from.prefix.length) : lower, names)
    const there = names.length === 0 ? 'there is none' : `there are ${names.join(', ')}`
    throw new MillraceError(
      'not-found',
      `task ${task.name}  ${name} is no table of ${from.database} with the prefix ${from.prefix}${near}; ${there}`,
    )
  })
  if (names.length === 0) {
    const text = `task ${task.name}  database ${from.database} has no table whose name begins with ${from.prefix}`
    throw new MillraceError('no-input', `${text}. Register the tables first`)
  }
  const chosen = tables.filter((_, at) => wanted === undefined || wanted.includes(names[at] as string))
  const sources: BucketSource[] = []
  const wrong: string[] = []
  for (const entry of chosen) {
    const source = sourceOf(task, entry)
    if (typeof source === 'string') wrong.push(`${glueTableText(entry)}  ${source}`)
    else sources.push(source)
  }
  if (wrong.length > 0) throw new MillraceError('usage', `${wrong.join('\n')}\nNothing was written`)
  return sources
}

/** A table's source, or why it cannot be bucketed. */
function sourceOf({ from, to }: BucketTablesTask, entry: GlueTable): BucketSource | string {
  const { StorageDescriptor: storage, PartitionKeys: keys } = entry
  const columns = storage.Columns.map(({ Name, Type }) => ({ name: Name, type: Type }))
  const names = columns.map(({ name }) => name)
  const by: string[] = []
  for (const wanted of to.by) {
    const column = columns.find(({ name }) => name.toLowerCase() === wanted.toLowerCase())
    if (column === undefined)
      return `has no column ${wanted} to be bucketed by (it has ${names.length})${didYouMean(wanted, names)}`
    if (!isBucketType(column.type))
      return `column ${column.name} is ${column.type}, which has no bucket; expected ${bucketTypes}`
    by.push(column.name)
  }
  if (keys.length > 0)
    return `is partitioned by ${keys.map(({ Name }) => Name).join(', ')}; a bucketed table has no partitions here`
  if (!isParquetStorage(storage)) return 'is not of Parquet files, as its SerDe tells'
  const bare = entry.Name.slice(from.prefix.length)
  const folder = dataPath(`${to.path}/${bare}`)
  if (pathsOverlap(folder, storageFolder(storage)))
    return `lies in ${storageFolder(storage)}, which overlaps ${folder}, where it would be written`
  // In Parquet all of these are text, and as string they have one hash on every engine.
  const kept = columns.map(({ name, type }) => ({ name, type: /^(var)?char\b/.test(type) ? 'string' : type }))
  return { entry, columns: kept, by, folder, name: glueName('table', `${to.prefix}${bare}`) }
}

/** Plans a table. What is written has all rows of its source, or nothing is published. */
export function planBucketTable(pipeline: string, task: BucketTablesTask, survey: BucketSurvey): Planned {
  const { source, commit, files, standing } = survey
  const { folder, columns, by, name } = source
  const { database, count, version, codec } = task.to
  const partition = `${database}.${name}`
  const definition = definitionOf(task, source)
  if (isMadeBy(commit, definition) && standing.isWhole && (files === null || hasSameFiles(files, commit.bookmark))) {
    const standingFiles = standing.files.length
    return { kind: 'unchanged', partition, consumed: commit.bookmark.length, standingFiles, commit }
  }
  const read = files ?? []
  const plan: Plan = {
    planVersion: 1,
    pipeline,
    task: task.name,
    partition,
    inputs: [planInput('source', columns, read, false)],
    views: [],
    metrics: [],
    outputs: [
      { name: 'table', view: 'source', columns, codec, fileCount: count, bucketed: { columns: by, count, version } },
    ],
    publish: {
      scope: folder,
      after: commit?.number ?? 0,
      steps: [
        { output: 'table', target: folder, mode: 'replace', table: { database, table: name }, partition: [], columns },
      ],
      counts: { rowsIn: [{ input: 'source' }], rowsOut: [{ output: 'table' }] },
      balances: [{ in: ['rowsIn'], out: ['rowsOut'] }],
      main: { output: 'table', target: folder },
      quarantine: null,
      bookmark: { restarts: true, added: read.map((file) => ({ ...identityOf(file), modifiedMs: file.modifiedMs })) },
      repeats: false,
      replaced: [{ folder, files: standing.files }],
      state: { kind: 'bucket-tables', definition },
      unreadable: null,
      mayBeDamaged: [],
      refusals: [],
    },
  }
  return { kind: 'plan', plan }
}

/** What a table is written by, as text; a table that was written by something else is written anew. */
export function definitionOf({ to }: BucketTablesTask, { columns, by }: BucketSource): string {
  const { count, version, codec } = to
  return JSON.stringify({ columns: columns.map(({ name, type }) => [name, type]), by, count, version, codec })
}

/** Whether a commit is of a table that this definition wrote. */
export function isMadeBy(commit: CommitRecord | null, definition: string): commit is CommitRecord {
  return commit?.state.kind === 'bucket-tables' && commit.state.definition === definition
}

function hasSameFiles(files: readonly DataFile[], consumed: readonly ConsumedFile[]): boolean {
  const before = new Set(consumed.map(identityText))
  return files.length === before.size && files.every((file) => before.has(identityText(file)))
}

/** The entry of a bucketed table of these files in the catalog, as Hive, Trino and Athena read it; `before` is what stands. */
export function bucketedEntry(
  task: BucketTablesTask,
  source: BucketSource,
  files: readonly PublishedFile[],
  before: GlueTable | null,
): GlueTable {
  const { database, count, version, codec } = task.to
  const { entry, columns, by, folder, name } = source
  const storage = parquetStorage(
    folder,
    columns.map(({ name: Name, type: Type }) => ({ Name, Type })),
  )
  const { transactional: _transactional, ...told } = entry.Parameters // Hive's own kind of table; none of ours
  const sum = (of: (file: PublishedFile) => number): string =>
    String(files.reduce((total, file) => total + of(file), 0))
  const parameters = {
    ...before?.Parameters,
    ...told,
    numFiles: String(files.length),
    numRows: sum(({ rows }) => rows),
    totalSize: sum(({ bytes }) => bytes),
    EXTERNAL: 'TRUE',
    classification: 'parquet',
    bucketing_version: String(version),
    'parquet.compression': codec.toUpperCase(),
  }
  return {
    DatabaseName: database,
    Name: name,
    ...(entry.Description === undefined ? {} : { Description: entry.Description }),
    TableType: 'EXTERNAL_TABLE',
    PartitionKeys: [],
    Parameters: Object.fromEntries(Object.entries(parameters).sort(([a], [b]) => (a < b ? -1 : 1))),
    StorageDescriptor: {
      ...storage,
      NumberOfBuckets: count,
      BucketColumns: by,
      SortColumns: by.map((Column) => ({ Column, SortOrder: 1 })),
    },
  }
}

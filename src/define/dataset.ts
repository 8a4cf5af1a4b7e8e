/** Where data comes from and goes to, as values. */
import { MillraceError } from '../errors.ts'
import { type Codec, codecs, type TableName } from '../types.ts'

/** A folder with one folder for each day below it: `<path>/YYYY/MM/DD/*.parquet`. */
export type DatedFolder = {
  path: string
  /** The catalog table over the folder; where it is registered, its location is used instead of `path`. */
  table?: TableName | undefined
  /** One day, `YYYY-MM-DD`, or every day there is. */
  day: string | 'all'
}

/** A Parquet table with one partition a day: `<path>/year=YYYY/month=MM/day=DD/*.parquet`. */
export type DayPartitions = {
  path: string
  /** The exact number of files of a partition. */
  files: number
  codec: Codec
}

/** Names a dated folder as a source. Throws `usage` for a path outside the root. */
export function datedFolder(path: string, options: Omit<DatedFolder, 'path'>): DatedFolder {
  return { path: dataPath(path), ...options }
}

/** Names a table of day partitions as a target. Throws `usage` for a path outside the root or in a folder of Millrace. */
export function dayPartitions(path: string, options: Omit<DayPartitions, 'path'>): DayPartitions {
  const { files, codec } = options
  if (!Number.isInteger(files) || files < 1) {
    throw new MillraceError(
      'usage',
      `dayPartitions(${JSON.stringify(path)})  files is ${files}; expected a whole number from 1`,
    )
  }
  if (!codecs.includes(codec)) {
    throw new MillraceError(
      'usage',
      `dayPartitions(${JSON.stringify(path)})  codec is ${codec}; expected one of ${codecs.join(', ')}`,
    )
  }
  if (path.split('/').some((segment) => segment.includes('='))) {
    throw new MillraceError(
      'usage',
      `path ${JSON.stringify(path)} is refused: a name with "=" is a partition of another table. Give the table's own folder`,
    )
  }
  return { path: dataPath(path), ...options }
}

/**
 * A path below the root where data may lie, without a slash at its end. Throws `usage` when it leaves the root, is empty
 * or has a name that begins with `_` or `.`, because such names are never data.
 */
export function dataPath(path: string): string {
  const segments = path.split('/').filter((segment) => segment !== '')
  const bad = segments.find((segment) => /^[._]/.test(segment) || hasControlCharacter(segment))
  const refuse = (why: string): never => {
    throw new MillraceError(
      'usage',
      `path ${JSON.stringify(path)} is refused: ${why}. Give a path below the storage root, such as consolidated/chargebacks`,
    )
  }
  if (path.startsWith('/')) refuse('it is absolute')
  if (/^[a-z][a-z0-9]*:\/\//i.test(path)) refuse('it is a URL')
  if (segments.length === 0) refuse('it names no folder')
  if (segments.includes('..')) refuse('it leaves the storage root')
  if (bad !== undefined)
    refuse(`${JSON.stringify(bad)} begins with "_" or "." or has a control character, so it can never be data`)
  return segments.join('/')
}

function hasControlCharacter(text: string): boolean {
  return [...text].some((char) => (char.codePointAt(0) ?? 0) < 0x20 || char === '\x7f')
}

/** The table that lies at a path: `consolidated/chargebacks` is table `chargebacks` of database `consolidated`; longer paths are joined with `_`. */
export function tableAt(path: string): TableName {
  const segments = path.split('/')
  const table = segments.at(-1) ?? path
  return { database: segments.slice(0, -1).join('_') || 'default', table }
}

/** Where a task sets aside what it cannot bring into a table. */
export function taskQuarantine(pipeline: string, task: { name: string }, table: string): string {
  return `quarantine/${pipeline}/${task.name}/${table}`
}

/** True when two paths below the root are the same or one lies in the other. */
export function pathsOverlap(left: string, right: string): boolean {
  return `${left}/`.startsWith(`${right}/`) || `${right}/`.startsWith(`${left}/`)
}

/**
 * A folder that AWS DMS writes to, `<path>/<TABLE>/`: full loads `LOAD00000001.parquet` and changes
 * `YYYYMMDD-HHMMSSmmm.parquet`. Source: AWS DMS, "Using Amazon S3 as a target".
 */
export type DmsFolder = {
  path: string
  /** The tables to read; other folders are left alone, with a warning. */
  tables: readonly string[]
  /** The column that says what a change is. */
  operation: string
  /** The column with the time at which a change was committed. */
  commitTime: string
}

/**
 * Landed changes: `<path>/<TABLE>/<partitionColumn>=YYYY-MM-DD/` for changes, `<path>/<TABLE>-LOAD/` for full loads. A row
 * has its source's columns and `dart_source_file`, `dart_source_row` (from 0), `dart_sequence_time` and `dart_sequence_rank`.
 */
export type ChangeDatasets = { path: string; partitionColumn: string; codec: Codec; fileBytesTarget: number }

/**
 * A table of changes that Millrace published, and that of full loads beside it, whose rows are all images; and how its rows
 * are read, as the options of the same names of the task that applies them.
 */
export type ChangeSource = {
  changes: string
  loads: string | null
  operation?: string
  sequenceBy?: string[]
  changedAt?: string
  leaveOut?: string[]
}

/** A Parquet table in one folder; its files have about `fileBytesTarget` bytes. */
export type ParquetTable = { path: string; codec: Codec; fileBytesTarget: number }

/**
 * Every change, one partition a date; the partitions after `after` are kept, those up to it are removed. A row has the table's
 * columns, the operation, and of the columns that the table leaves out those of `columns`.
 */
export type ChangeHistory = { path: string; partitionColumn: string; after: string; columns: string[]; codec: Codec }

const fileBytesTarget = 2 ** 30 // the landing zone's contract: parts near 1 GiB

/** The helper columns of landed changes, in order. */
export const landedColumns = [
  { name: 'dart_source_file', type: 'string' },
  { name: 'dart_source_row', type: 'bigint' },
  { name: 'dart_sequence_time', type: 'timestamp' },
  { name: 'dart_sequence_rank', type: 'bigint' },
] as const

/** What DMS calls the columns that it adds, unless it is told other names. */
const dmsColumns = { operation: 'Op', commitTime: 'dms_commit_ts' }

/** Names a DMS folder as a source. Throws `usage` for a path outside the root. */
export function dmsFolder(
  path: string,
  options: Pick<DmsFolder, 'tables'> & Partial<Pick<DmsFolder, 'operation' | 'commitTime'>>,
): DmsFolder {
  return { path: dataPath(path), ...dmsColumns, ...options }
}

/** Names landed changes as a target. Throws `usage` for a path outside the root. */
export function changeDatasets(path: string, options: Partial<Omit<ChangeDatasets, 'path'>> = {}): ChangeDatasets {
  return { path: dataPath(path), partitionColumn: 'dart_filedate', codec: 'snappy', fileBytesTarget, ...options }
}

/** The landed changes of a table as the source of another task, in the order that DMS wrote them. */
export function landedChanges(
  { path }: Pick<ChangeDatasets, 'path'>,
  table: string,
  { operation, commitTime }: Pick<DmsFolder, 'operation' | 'commitTime'> = dmsColumns,
): ChangeSource {
  return {
    changes: `${path}/${table}`,
    loads: `${path}/${table}-LOAD`,
    operation,
    sequenceBy: ['dart_sequence_time', 'dart_sequence_rank', commitTime, 'dart_source_row'],
    changedAt: commitTime,
    leaveOut: [commitTime, ...landedColumns.map(({ name }) => name)],
  }
}

/** Names a Parquet table as a target. Throws `usage` for a path outside the root. */
export function parquetTable(path: string, options: Partial<Omit<ParquetTable, 'path'>> = {}): ParquetTable {
  return { path: dataPath(path), codec: 'snappy', fileBytesTarget, ...options }
}

/**
 * Names a table of all changes. `_cdc` may be a folder of its path, as the one name with `_` that is data. Throws `usage` for
 * a path outside the root.
 */
export function changeHistory(
  path: string,
  options: Pick<ChangeHistory, 'after'> & Partial<Omit<ChangeHistory, 'path' | 'after'>>,
): ChangeHistory {
  const marker = '/_cdc/'
  dataPath(path.replace(marker, '/'))
  return {
    path: path.split('/').filter(Boolean).join('/'),
    partitionColumn: 'dart_filedate',
    columns: [],
    codec: 'snappy',
    ...options,
  }
}

/** Snapshots of a wide table, and the narrow tables they are split into, as values. */
import { MillraceError } from '../errors.ts'
import { isSnapshotDate } from '../sources/snapshot-folder.ts'
import { type Codec, codecs, type PartitionValue, type TableName } from '../types.ts'
import { dataPath, tableAt } from './dataset.ts'

/** A folder with one folder for each snapshot: `<path>/<column>=YYYY-MM-DD/*.parquet`. */
export type Snapshots = {
  path: string
  column: string
  /** The snapshot of a date, `YYYY-MM-DD`; null for the newest. */
  date: string | null
}

/** Tables that have one snapshot only: `<path>/<TABLE>/`, and `<path>/metadata/<column>.txt` with its date. */
export type StagedTables = { layout: 'staged'; path: string; codec: Codec }

/**
 * Tables with a partition for each snapshot: `<path>/<TABLE>/<column>=<date>/`. `inOwnFolder`: there is one table, and its
 * partitions lie in `<path>/` itself.
 */
export type PartitionedTables = { layout: 'partitioned'; path: string; codec: Codec; inOwnFolder: boolean }

/** Names snapshots as a source. Throws `usage` for a path outside the root and a date that is none. */
export function snapshots(
  path: string,
  options: Partial<Pick<Snapshots, 'column'>> & Pick<Snapshots, 'date'>,
): Snapshots {
  const { column = 'snapshot_dt', date } = options
  if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(column)) {
    throw new MillraceError(
      'usage',
      `snapshots(${JSON.stringify(path)})  column is ${JSON.stringify(column)}; expected a plain word`,
    )
  }
  if (date !== null && !isSnapshotDate(date)) {
    throw new MillraceError(
      'usage',
      `snapshots(${JSON.stringify(path)})  date is ${JSON.stringify(date)}; expected a day that exists as YYYY-MM-DD`,
    )
  }
  return { path: dataPath(path), column, date }
}

/** Names tables of one snapshot as a target. Throws `usage` for a path outside the root. */
export function stagedTables(path: string, options: Partial<Pick<StagedTables, 'codec'>> = {}): StagedTables {
  return { layout: 'staged', path: dataPath(path), codec: codecOf(path, options.codec) }
}

/** Names partitioned tables as a target. Throws `usage` for a path outside the root. */
export function partitionedTables(
  path: string,
  options: Partial<Pick<PartitionedTables, 'codec' | 'inOwnFolder'>> = {},
): PartitionedTables {
  const { inOwnFolder = false } = options
  return { layout: 'partitioned', path: dataPath(path), codec: codecOf(path, options.codec), inOwnFolder }
}

/** Where the files of a table lie that was split from a snapshot, and what a catalog calls the table. */
export function splitTarget(
  to: StagedTables | PartitionedTables,
  column: string,
  date: string,
  name: string,
): { target: string; table: TableName; partition: PartitionValue[] } {
  const folder = to.layout === 'partitioned' && to.inOwnFolder ? to.path : `${to.path}/${name}`
  const table = tableAt(folder)
  if (to.layout === 'staged') return { target: folder, table, partition: [] }
  return { target: `${folder}/${column}=${date}`, table, partition: [{ column, value: date }] }
}

function codecOf(path: string, codec: Codec = 'snappy'): Codec {
  if (codecs.includes(codec)) return codec
  throw new MillraceError(
    'usage',
    `tables at ${JSON.stringify(path)}  codec is ${codec}; expected one of ${codecs.join(', ')}`,
  )
}

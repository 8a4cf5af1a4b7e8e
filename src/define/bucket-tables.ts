/** The task that writes tables of the root's Glue-shaped catalog once more, in Hive's buckets, for engines that prune and join by them. */
import { glueName } from '../catalogs/glue-catalog.ts'
import { MillraceError } from '../errors.ts'
import type { BucketingVersion } from '../formats/hive-bucket.ts'
import { type Codec, codecs } from '../types.ts'
import { dataPath } from './dataset.ts'

/** Tables of a catalog's database, by the beginning of their names; `only` names some of them, with or without it, in any case. */
export type RegisteredTables = { database: string; prefix: string; only: string[] | null }

/** Bucketed tables: the files of each lie in `<path>/<table>/`, and `<prefix><table>` of the database is its entry in the catalog. */
export type BucketedTables = {
  path: string
  database: string
  prefix: string
  /** The columns whose values tell the bucket, in order. */
  by: string[]
  count: number
  /** `bucketing_version`: 1 is what Trino writes, and what a table has that says nothing. */
  version: BucketingVersion
  codec: Codec
}

export type BucketTablesTask = {
  kind: 'bucket-tables'
  name: string
  /** The name of the job on AWS. */
  jobName?: string | undefined
  from: RegisteredTables
  to: BucketedTables
}

const countMax = 100_000 // more files than any table is read from in good time; a file's name has room for 999,999

/** Names registered tables as a source. Throws `usage` for names that no catalog has, and for a choice of none. */
export function registeredTables(
  database: string,
  { prefix, only }: Pick<RegisteredTables, 'prefix'> & Partial<Pick<RegisteredTables, 'only'>>,
): RegisteredTables {
  glueName('database', database)
  glueName('table', `${prefix}x`)
  const names = only?.map((name) => name.trim()).filter((name) => name !== '') ?? null
  if (names?.length === 0) {
    throw new MillraceError(
      'usage',
      `registeredTables(${database})  only names no table; give null for all of ${prefix}*`,
    )
  }
  return { database, prefix, only: names }
}

/** Names bucketed tables as a target. Throws `usage`. */
export function bucketedTables(
  path: string,
  options: Pick<BucketedTables, 'database' | 'prefix' | 'by' | 'count'> &
    Partial<Pick<BucketedTables, 'version' | 'codec'>>,
): BucketedTables {
  const tables: BucketedTables = { version: 1, codec: 'snappy', ...options, path: dataPath(path) }
  const { by, count, version, codec } = tables
  const refuse = (what: string): never => {
    throw new MillraceError('usage', `bucketedTables(${JSON.stringify(path)})  ${what}`)
  }
  glueName('database', tables.database)
  glueName('table', `${tables.prefix}x`)
  if (by.length === 0) refuse('by is empty; name the column that joins are made by')
  if (new Set(by.map((name) => name.toLowerCase())).size < by.length)
    refuse(`by names a column twice: ${by.join(', ')}`)
  if (!Number.isInteger(count) || count < 1 || count > countMax)
    refuse(`count is ${count}; expected a whole number from 1 to ${countMax}`)
  if (version !== 1 && version !== 2) refuse(`version is ${version}; expected 1 or 2`)
  if (!codecs.includes(codec)) refuse(`codec is ${codec}; expected one of ${codecs.join(', ')}`)
  return tables
}

/** Defines a bucketing. Throws `usage` when the tables would be written over the entries that they are read from. */
export function bucketTables(name: string, options: Omit<BucketTablesTask, 'kind' | 'name'>): BucketTablesTask {
  const { from, to } = options
  if (from.database === to.database && from.prefix === to.prefix) {
    throw new MillraceError(
      'usage',
      `task ${name}  reads and registers ${to.database}.${to.prefix}*; give the bucketed tables another prefix`,
    )
  }
  return { kind: 'bucket-tables', name, ...options }
}

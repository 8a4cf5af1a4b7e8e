/** The task that registers folders of Parquet files as external tables of the root's Glue-shaped catalog. */
import { glueName } from '../catalogs/glue-catalog.ts'
import { MillraceError } from '../errors.ts'
import { dataPath } from './dataset.ts'

export type RegisterTablesTask = {
  kind: 'register-tables'
  name: string
  /** The name of the job on AWS. */
  jobName?: string | undefined
  /** Paths below the root, each with the folders of several tables. */
  from: string[]
  /**
   * `staged`: every folder with Parquet files directly below a path is a table; the snapshot they are of is told by
   * `<path>/metadata/<column>.txt`. `partitioned`: a folder with folders `<column>=<value>` is a table: the path itself or one
   * at most two levels below it.
   */
  layout: 'staged' | 'partitioned'
  /** The column that names the snapshot. */
  column: string
  database: string
  /** What the names of the tables begin with, before those of their folders. */
  prefix: string
  /** A table with more columns becomes several, `_a`, `_b`, …, each with the key; null: none does. */
  columnsMax: number | null
  key: string
}

/** Defines a registration. Throws `usage`. */
export function registerTables(
  name: string,
  options: Pick<RegisterTablesTask, 'from' | 'layout' | 'database' | 'prefix' | 'key' | 'jobName'> & {
    columnsMax?: number | undefined
    column?: string | undefined
  },
): RegisterTablesTask {
  const { from, layout, database, prefix, columnsMax = null, key, column = 'snapshot_dt', jobName } = options
  const refuse = (what: string): never => {
    throw new MillraceError('usage', `task ${name}  ${what}`)
  }
  if (from.length === 0) refuse('from is empty; name at least one path')
  if (columnsMax !== null && (!Number.isInteger(columnsMax) || columnsMax < 2))
    refuse(`columnsMax is ${columnsMax}; expected a whole number from 2, for the key and one column more`)
  if (!/^[a-z_][a-z0-9_]*$/.test(column))
    refuse(`column ${JSON.stringify(column)} is refused; expected a name such as snapshot_dt`)
  glueName('database', database)
  glueName('table', `${prefix}x`)
  return {
    ...{
      kind: 'register-tables',
      name,
      jobName,
      from: from.map(dataPath),
      layout,
      column,
      database,
      prefix,
      columnsMax,
    },
    key: key.toLowerCase(),
  }
}

/** The task that brings drops of Parquet files into Iceberg tables: each file once, of every key the newest row. */

import { MillraceError, messageOf } from '../errors.ts'
import { parseType } from '../formats/column-types.ts'
import type { Column } from '../types.ts'
import type { OnBadValue } from './apply-changes.ts'
import { dataPath } from './dataset.ts'
import { columnNames, type IcebergTables, spanMs } from './iceberg-tables.ts'
import type { OnBadFile } from './land.ts'

/** A table of drops. A file must have all of `columns`, the key and the time of change among them; others that arrive are added. */
export type DropTable = { key: string[]; columns: Column[] }

/** Folders `<path>/<table>/` of Parquet files, each written once. */
export type ParquetDrops = {
  path: string
  tables: Record<string, DropTable>
  /** The column with the time of a row's last change; of a key's rows the greatest stands. */
  newestBy: string
  /** How far before the newest time so far rows of new files are compared in full. */
  overlapMs: number
}

export type IngestTask = {
  kind: 'ingest'
  name: string
  /** The name of the job on AWS. */
  jobName?: string | undefined
  from: ParquetDrops
  to: IcebergTables
  tablesAtOnce: number
  onBadFile: OnBadFile
  onBadValue: OnBadValue
}

/** Names drops as a source. Throws `usage` for a path outside the root, a type that is none, and a key that is not declared. */
export function parquetDrops(
  path: string,
  options: {
    tables: Record<string, { key: string[]; columns: Record<string, string> | readonly Column[] }>
    newestBy: string
    overlap: string
  },
): ParquetDrops {
  const where = `parquetDrops(${JSON.stringify(path)})`
  const tables = Object.entries(options.tables).map(([table, { key, columns }]): [string, DropTable] => [
    table,
    checked(`${where}, table ${table}`, key, listed(columns), options.newestBy),
  ])
  if (tables.length === 0) throw new MillraceError('usage', `${where}  names no table`)
  const overlapMs = spanMs(where, 'overlap', options.overlap)
  return { path: dataPath(path), tables: Object.fromEntries(tables), newestBy: options.newestBy, overlapMs }
}

function listed(columns: Record<string, string> | readonly Column[]): Column[] {
  if (Array.isArray(columns)) return [...columns]
  return Object.entries(columns).map(([name, type]) => ({ name, type }))
}

function checked(where: string, key: string[], columns: Column[], newestBy: string): DropTable {
  const names = columns.map(({ name }) => name)
  columnNames(where, 'key', key)
  columnNames(where, 'columns', names)
  for (const name of [...key, newestBy]) {
    if (!names.includes(name))
      throw new MillraceError('usage', `${where}  column ${name} is not declared (${names.join(', ')})`)
  }
  for (const { name, type } of columns) {
    try {
      parseType(type)
    } catch (error) {
      throw new MillraceError('usage', `${where}  column ${name}: ${messageOf(error)}`)
    }
  }
  return { key, columns }
}

/** Defines an ingest. Throws `usage` where no table may be read at a time. */
export function ingest(
  name: string,
  options: Pick<IngestTask, 'from' | 'to' | 'jobName'> &
    Partial<Pick<IngestTask, 'tablesAtOnce' | 'onBadFile' | 'onBadValue'>>,
): IngestTask {
  const task: IngestTask = {
    ...{ kind: 'ingest', name, tablesAtOnce: 4, onBadFile: 'quarantine', onBadValue: 'quarantine' },
    ...options,
  }
  if (!Number.isInteger(task.tablesAtOnce) || task.tablesAtOnce < 1)
    throw new MillraceError(
      'usage',
      `task ${name}  tablesAtOnce is ${task.tablesAtOnce}; expected a whole number from 1`,
    )
  return task
}

/** Plans a registration: which tables the catalog is to have of what was found, and what is to change for that. Pure. */
import {
  type GlueColumn,
  type GlueTable,
  glueName,
  glueTableText,
  parquetStorage,
  storageFolder,
} from '../catalogs/glue-catalog.ts'
import type { RegisterTablesTask } from '../define/register-tables.ts'
import { MillraceError, nearest } from '../errors.ts'
import { type FileSchema, tableColumns } from './glue-columns.ts'

/** A folder that holds a table: what its files say, and the snapshot it is of. */
export type FoundTable = {
  folder: string
  snapshot: string | null
  files: number
  rows: number
  bytes: number
  schemas: FileSchema[]
}

/** What is to be done with one table; nothing where it stands as it should. `why` says what differs, for people. */
export type TableDecision =
  | { kind: 'create' | 'update' | 'unchanged'; table: GlueTable; found: FoundTable; why: string }
  | { kind: 'delete'; table: GlueTable; why: string }

/**
 * Decides for every table found, in order of names, and for those that stand for nothing any more: their folder below one of the paths
 * is gone, or was split into fewer. `standing` are the tables of the database with the prefix. Throws `usage` and `storage` naming
 * what cannot be registered; nothing is decided then.
 */
export function planRegisterTables(
  task: RegisterTablesTask,
  found: readonly FoundTable[],
  standing: readonly GlueTable[],
): TableDecision[] {
  const wanted = new Map<string, { table: GlueTable; found: FoundTable }>()
  for (const one of found) {
    for (const table of tablesOf(task, one)) {
      const twin = wanted.get(table.Name)
      if (twin !== undefined) throw clash(table.Name, twin.found.folder, one.folder)
      wanted.set(table.Name, { table, found: one })
    }
  }
  const decisions: TableDecision[] = []
  for (const { table, found: one } of wanted.values()) {
    const before = standing.find(({ Name }) => Name === table.Name)
    if (before === undefined) {
      decisions.push({ kind: 'create', table, found: one, why: 'it is new' })
      continue
    }
    // What others keep with a table stays.
    const after = { ...table, Parameters: sorted({ ...before.Parameters, ...table.Parameters }) }
    const why = differences(before, after)
    decisions.push({ kind: why === '' ? 'unchanged' : 'update', table: after, found: one, why })
  }
  for (const table of standing) {
    const why = wanted.has(table.Name) ? null : goneBecause(task, table, found)
    if (why !== null) decisions.push({ kind: 'delete', table, why })
  }
  return decisions.sort((a, b) => (a.table.Name < b.table.Name ? -1 : 1))
}

/** The tables a folder becomes: one, or several of at most `columnsMax` columns, each with the key first. */
function tablesOf(task: RegisterTablesTask, found: FoundTable): GlueTable[] {
  const { columnsMax, key, layout, column } = task
  const name = `${task.prefix}${folderName(found.folder).toLowerCase()}`
  const columns = tableColumns(found.schemas)
  const partitioned = columns.find(({ Name }) => layout === 'partitioned' && Name === column)
  if (partitioned !== undefined) {
    const where = found.schemas.find(({ columns: own }) => own.some((one) => one.name.toLowerCase() === column))?.where
    const text = `${where}  has a column ${column}, which is the partition column of table ${name} too`
    throw new MillraceError('storage', `${text}. Leave it out of the files: its value is in the folder's name`)
  }
  if (columnsMax === null || columns.length <= columnsMax) return [glueTable(task, name, columns, found)]
  const first = columns.find(({ Name }) => Name === key)
  if (first === undefined) throw noKey(task, found.folder, columns)
  const others = columns.filter(({ Name }) => Name !== key)
  const tables: GlueTable[] = []
  for (let start = 0; start < others.length; start += columnsMax - 1) {
    const part = [first, ...others.slice(start, start + columnsMax - 1)]
    tables.push(glueTable(task, `${name}_${letters(tables.length)}`, part, found))
  }
  return tables
}

function glueTable(task: RegisterTablesTask, name: string, columns: GlueColumn[], found: FoundTable): GlueTable {
  const { snapshot, folder } = found
  const isPartitioned = task.layout === 'partitioned'
  // Hive's own names of a table's figures; those of a partitioned one are with its partitions.
  const figures = { numFiles: String(found.files), numRows: String(found.rows), totalSize: String(found.bytes) }
  return {
    DatabaseName: task.database,
    Name: glueName('table', name),
    ...(snapshot === null ? {} : { Description: `${task.column}=${snapshot}` }),
    TableType: 'EXTERNAL_TABLE',
    PartitionKeys: isPartitioned ? [{ Name: task.column, Type: 'string' }] : [],
    Parameters: sorted({
      EXTERNAL: 'TRUE',
      classification: 'parquet',
      ...(isPartitioned ? {} : figures),
      ...(snapshot === null ? {} : { [task.column]: snapshot }),
    }),
    StorageDescriptor: parquetStorage(folder, columns),
  }
}

/** `a` … `z`, `aa`, `ab` …: of the table at a position, from 0. */
export function letters(position: number): string {
  const last = String.fromCharCode('a'.charCodeAt(0) + (position % 26))
  return position < 26 ? last : letters(Math.floor(position / 26) - 1) + last
}

/** What differs between a table as it stands and as it should be; empty where nothing does. */
function differences(before: GlueTable, after: GlueTable): string {
  const what: string[] = []
  const columns = (table: GlueTable): GlueColumn[] => table.StorageDescriptor.Columns
  const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)
  if (!same(columns(before), columns(after)))
    what.push(`${columns(after).length} columns instead of ${columns(before).length}, or others`)
  if (!same(before.PartitionKeys, after.PartitionKeys)) what.push('other partition columns')
  if (storageFolder(before.StorageDescriptor) !== storageFolder(after.StorageDescriptor))
    what.push(`location ${storageFolder(after.StorageDescriptor)}`)
  if (before.Description !== after.Description)
    what.push(`${after.Description ?? 'no snapshot'} instead of ${before.Description ?? 'none'}`)
  if (what.length === 0 && !same(sorted(before.Parameters), after.Parameters)) what.push('other figures')
  if (what.length === 0 && !same({ ...before, Parameters: after.Parameters }, after)) what.push('other properties')
  return what.join(', ')
}

/** Why a table stands for nothing that these paths hold, or null where it does or is none of theirs. */
function goneBecause(task: RegisterTablesTask, table: GlueTable, found: readonly FoundTable[]): string | null {
  const folder = storageFolder(table.StorageDescriptor)
  if (!task.from.some((path) => folder === path || folder.startsWith(`${path}/`))) return null
  const source = found.find((one) => one.folder === folder)
  if (source === undefined) return `${folder} has no data any more`
  const name = `${task.prefix}${folderName(folder).toLowerCase()}`
  const isPart = table.Name === name || /^_[a-z]+$/.test(table.Name.slice(name.length))
  return table.Name.startsWith(name) && isPart ? `${folder} is registered in other tables now` : null
}

function clash(name: string, first: string, second: string): MillraceError {
  return new MillraceError(
    'storage',
    first === second
      ? `${first}  would be registered twice as table ${name}. Name each path once in from`
      : `${first} and ${second}  would both be table ${name}: names are kept in lower case, and a table with too many columns gets _a, _b, … at its end. Rename one of the folders`,
  )
}

function noKey({ key, columnsMax }: RegisterTablesTask, folder: string, columns: GlueColumn[]): MillraceError {
  const names = columns.map(({ Name }) => Name)
  const near = nearest(key, names)
  const text = `${folder}  has ${columns.length} columns, more than ${columnsMax}, and cannot be split: none is the key ${key}`
  return new MillraceError('storage', `${text}${near === undefined ? '' : `; nearest: ${near}`}`)
}

function folderName(folder: string): string {
  return folder.slice(folder.lastIndexOf('/') + 1)
}

function sorted(parameters: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(parameters).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** What a decision does, for people. */
export function decisionText(decision: TableDecision): string {
  const { kind, table, why } = decision
  if (kind === 'delete') return `delete the table from the catalog: ${why}`
  const { Columns } = table.StorageDescriptor
  const columns = `${Columns.length} ${Columns.length === 1 ? 'column' : 'columns'}`
  const keys = table.PartitionKeys.map(({ Name }) => Name).join(', ')
  const what = `${columns}${keys === '' ? '' : ` by ${keys}`} at ${storageFolder(table.StorageDescriptor)}`
  if (kind === 'unchanged') return `${glueTableText(table)} is registered so: ${what}`
  return kind === 'create' ? `register ${what}` : `register anew ${what}: ${why}`
}

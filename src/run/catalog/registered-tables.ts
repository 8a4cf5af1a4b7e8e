/** The tables of a root's Glue-shaped catalog as people ask for them: what each has, and its rows by name. */
import { type GlueTable, storageFolder } from '../../catalogs/glue-catalog.ts'
import localGlueCatalog from '../../catalogs/local-glue-catalog.ts'
import type { QueryTable } from '../../engines/duckdb/query.ts'
import { hasCode } from '../../errors.ts'
import { fileName } from '../../formats/file-identity.ts'
import { isSameSize } from '../../plan/repair-partitions.ts'
import type { Store, StoreEntry } from '../../store.ts'
import type { Column, CommitRecord, PublishedFile, TableName } from '../../types.ts'
import { type DataFolders, openDataFolders, readFooters } from './data-folders.ts'

/** A table of the catalog; `rows` is null where a file cannot be read, `partitions` where it is not partitioned. */
export type RegisteredTable = {
  name: TableName
  format: 'parquet'
  location: string
  comment: string | null
  columns: Column[]
  partitionColumns: Column[]
  partitions: number | null
  buckets: number | null
  files: number
  rows: number | null
  bytes: number
}

/** A folder with rows of a table: of one of its partitions, or all. */
type Part = { values: string[]; folder: string; parameters: Record<string, string> }

/** Every table of the catalog, in order of names. */
export async function listRegisteredTables(store: Store, commits: readonly CommitRecord[]): Promise<RegisteredTable[]> {
  const list = await openDataFolders(store, commits)
  const published = new Map(
    commits.flatMap(({ partitions }) => partitions).map(({ location, files }) => [location, files]),
  )
  const tables: RegisteredTable[] = []
  for (const table of await everyTable(store)) tables.push(await describe(table, { store, list, published }))
  return tables
}

type Looking = { store: Store; list: DataFolders; published: ReadonlyMap<string, PublishedFile[]> }

async function describe(table: GlueTable, looking: Looking): Promise<RegisteredTable> {
  const parts = await partsOf(table, looking.store)
  const sum = { files: 0, rows: 0 as number | null, bytes: 0 }
  for (const part of parts) {
    const { files } = await looking.list(part.folder)
    const rows = await rowsOf(part, files, looking)
    sum.files += files.length
    sum.bytes += files.reduce((bytes, file) => bytes + file.bytes, 0)
    sum.rows = sum.rows === null || rows === null ? null : sum.rows + rows
  }
  const { StorageDescriptor: storage, PartitionKeys: keys } = table
  return {
    ...{ name: nameOf(table), format: 'parquet', location: storageFolder(storage), comment: table.Description ?? null },
    columns: columnsOf(storage.Columns),
    partitionColumns: columnsOf(keys),
    partitions: keys.length === 0 ? null : parts.length,
    buckets: storage.BucketColumns.length === 0 ? null : storage.NumberOfBuckets,
    ...sum,
  }
}

/** As the commit or the catalog says where that is of these very files, else as their footers do. */
async function rowsOf(part: Part, files: StoreEntry[], { store, published }: Looking): Promise<number | null> {
  const committed = new Map(published.get(part.folder)?.map((file) => [file.name, file]))
  const isCommitted = ({ path, bytes }: StoreEntry): boolean => committed.get(fileName(path))?.bytes === bytes
  if (files.length === committed.size && files.every(isCommitted))
    return [...committed.values()].reduce((sum, { rows }) => sum + rows, 0)
  const { numRows } = part.parameters
  if (numRows !== undefined && isSameSize(part.parameters, files)) return Number(numRows)
  try {
    return (await readFooters(store, files, new AbortController().signal)).rows
  } catch (error) {
    if (hasCode(error, 'input-unreadable')) return null
    throw error
  }
}

/** Those tables of the catalog whose names are in a query, with their files as they lie now. */
export async function namedTables(
  store: Store,
  commits: readonly CommitRecord[],
  sql: string,
  signal: AbortSignal,
): Promise<QueryTable[]> {
  const text = sql.toLowerCase()
  const isNamed = ({ Name }: GlueTable): boolean => text.includes(Name) || text.includes(Name.replaceAll('"', '""'))
  const chosen = (await everyTable(store)).filter(isNamed)
  if (chosen.length === 0) return []
  const list = await openDataFolders(store, commits)
  const tables: QueryTable[] = []
  for (const table of chosen) {
    const partitions: QueryTable['partitions'] = []
    for (const { values, folder } of await partsOf(table, store)) {
      const keys = table.PartitionKeys.map(({ Name }, index) => ({ column: Name, value: values[index] ?? '' }))
      const byColumns = new Map<Column[], string[]>()
      await readFooters(store, (await list(folder)).files, signal, ({ path }, columns) => {
        byColumns.set(columns, [...(byColumns.get(columns) ?? []), store.locate(path)])
      })
      for (const [columns, paths] of byColumns) partitions.push({ values: keys, columns, paths })
    }
    const columns = columnsOf(table.StorageDescriptor.Columns)
    tables.push({ name: nameOf(table), columns, partitionColumns: columnsOf(table.PartitionKeys), partitions })
  }
  return tables
}

async function everyTable(store: Store): Promise<GlueTable[]> {
  const catalog = localGlueCatalog(store)
  const tables: GlueTable[] = []
  for (const { Name } of await catalog.getDatabases()) tables.push(...(await catalog.getTables(Name)))
  return tables
}

async function partsOf(table: GlueTable, store: Store): Promise<Part[]> {
  if (table.PartitionKeys.length === 0)
    return [{ values: [], folder: storageFolder(table.StorageDescriptor), parameters: table.Parameters }]
  const partitions = await localGlueCatalog(store).getPartitions(table.DatabaseName, table.Name)
  return partitions.map(({ Values, StorageDescriptor, Parameters = {} }) => ({
    values: Values,
    folder: storageFolder(StorageDescriptor),
    parameters: Parameters,
  }))
}

function nameOf({ DatabaseName, Name }: GlueTable): TableName {
  return { database: DatabaseName, table: Name }
}

function columnsOf(columns: GlueTable['PartitionKeys']): Column[] {
  return columns.map(({ Name, Type }) => ({ name: Name, type: Type }))
}

/**
 * The Glue-shaped catalog of a root: `_millrace/catalog/<database>/database.json` and, for each table with its partitions,
 * `_millrace/catalog/<database>/tables/<table>.json`. A file is replaced at once and only when its content changes.
 */
import { MillraceError, messageOf } from '../errors.ts'
import type { Store } from '../store.ts'
import {
  type GlueCatalog,
  type GlueDatabase,
  type GluePartition,
  type GluePartitionError,
  type GlueTable,
  glueName,
  glueTableText,
} from './glue-catalog.ts'

/** Where the catalog lies below the root. */
export const glueCatalogFolder = '_millrace/catalog'

type TableFile = { Table: GlueTable; Partitions: GluePartition[] }
type CatalogStore = Pick<Store, 'kind' | 'list' | 'readText' | 'createExclusive' | 'replace' | 'remove'>

/**
 * Opens the catalog of a root. Changes of one table follow each other within one catalog; runs are kept apart by the lock
 * of their pipeline. Throws `storage`, naming the file, for a file that is no table.
 */
export default function localGlueCatalog(store: CatalogStore): GlueCatalog {
  const changes = new Map<string, Promise<unknown>>()
  const readTable = async (database: string, name: string): Promise<TableFile | null> => {
    const file = tablePath(database, name)
    const text = await readOf(store, file)
    return text === null ? null : tableOf(file, text, database, name)
  }
  const standing = async (database: string, name: string): Promise<TableFile> => {
    const table = await readTable(database, name)
    if (table !== null) return table
    const there = (await tableNames(store, database)).slice(0, 20).join(', ')
    const text = `table ${database}.${name} is not in the catalog`
    throw new MillraceError('not-found', `${text}; there are: ${there === '' ? 'none' : there}`)
  }
  const inTurn = async <T>(file: string, act: () => Promise<T>): Promise<T> => {
    const turn = (changes.get(file) ?? Promise.resolve()).then(act, act)
    changes.set(file, turn)
    try {
      return await turn
    } finally {
      if (changes.get(file) === turn) changes.delete(file)
    }
  }
  const change = async <T>(database: string, name: string, act: (table: TableFile) => T): Promise<T> =>
    await inTurn(tablePath(database, name), async () => {
      const table = await standing(database, name)
      const before = fileText(table)
      const result = act(table)
      table.Partitions.sort((a, b) => compareValues(a.Values, b.Values))
      const after = fileText(table)
      if (after !== before) await store.replace(tablePath(database, name), after)
      return result
    })
  const getDatabase = async (name: string): Promise<GlueDatabase | null> => {
    const file = databasePath(name)
    const text = await readOf(store, file)
    return text === null ? null : databaseOf(file, text, name)
  }
  return {
    getDatabases: async () => {
      const databases: GlueDatabase[] = []
      for (const name of (await store.list(glueCatalogFolder)).folders.sort(compareText)) {
        const database = await getDatabase(name)
        if (database !== null) databases.push(database)
      }
      return databases
    },
    getDatabase,
    createDatabase: async (database) => {
      const file = databasePath(database.Name)
      await created(`database ${database.Name}`, async () => await store.createExclusive(file, fileText(database)))
    },
    getTable: async (database, name) => (await readTable(database, name))?.Table ?? null,
    getTables: async (database, prefix = '') => {
      const tables: GlueTable[] = []
      for (const name of await tableNames(store, database)) {
        const table = name.startsWith(prefix) ? await readTable(database, name) : null
        if (table !== null) tables.push(table.Table)
      }
      return tables
    },
    createTable: async (table) => {
      const { DatabaseName, Name } = table
      if ((await getDatabase(DatabaseName)) === null)
        throw new MillraceError('not-found', `database ${DatabaseName} is not in the catalog`)
      const content = fileText({ Table: table, Partitions: [] })
      const file = tablePath(DatabaseName, Name)
      await created(`table ${glueTableText(table)}`, async () => await store.createExclusive(file, content))
    },
    updateTable: async (table) =>
      await change(table.DatabaseName, table.Name, (standing) => {
        standing.Table = table
      }),
    deleteTable: async (database, name) =>
      await inTurn(tablePath(database, name), async () => {
        await standing(database, name)
        await store.remove(tablePath(database, name))
      }),
    getPartitions: async (database, table) => (await standing(database, table)).Partitions,
    createPartitions: async (database, name, partitions) =>
      await change(database, name, (table) => {
        const errors: GluePartitionError[] = []
        for (const partition of partitions) {
          checkValues(table.Table, partition.Values)
          if (find(table, partition.Values) === undefined) table.Partitions.push(partition)
          else errors.push(partitionError('AlreadyExistsException', partition.Values))
        }
        return errors
      }),
    updatePartitions: async (database, name, partitions) =>
      await change(database, name, (table) => {
        const errors: GluePartitionError[] = []
        for (const partition of partitions) {
          const standing = find(table, partition.Values)
          if (standing === undefined) errors.push(partitionError('EntityNotFoundException', partition.Values))
          else table.Partitions[table.Partitions.indexOf(standing)] = partition
        }
        return errors
      }),
    deletePartitions: async (database, name, values) =>
      await change(database, name, (table) => {
        const errors: GluePartitionError[] = []
        for (const one of values) {
          const standing = find(table, one)
          if (standing === undefined) errors.push(partitionError('EntityNotFoundException', one))
          else table.Partitions = table.Partitions.filter((partition) => partition !== standing)
        }
        return errors
      }),
  }
}

function databasePath(name: string): string {
  return `${glueCatalogFolder}/${glueName('database', name)}/database.json`
}

function tablePath(database: string, name: string): string {
  return `${glueCatalogFolder}/${glueName('database', database)}/tables/${glueName('table', name)}.json`
}

async function tableNames(store: CatalogStore, database: string): Promise<string[]> {
  const { files } = await store.list(`${glueCatalogFolder}/${glueName('database', database)}/tables`)
  const names = files.map(({ path }) => path.slice(path.lastIndexOf('/') + 1))
  return names
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -'.json'.length))
    .sort(compareText)
}

async function readOf(store: CatalogStore, file: string): Promise<string | null> {
  return (await store.kind(file)) === 'file' ? await store.readText(file) : null
}

async function created(what: string, act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'exists') throw error
    throw new MillraceError('exists', `${what} is in the catalog already`, { cause: error })
  }
}

function tableOf(file: string, text: string, database: string, name: string): TableFile {
  const content = parsed(file, 'a table', text)
  const { Table: table, Partitions: partitions } = content as Partial<TableFile>
  const fits =
    table?.DatabaseName === database &&
    table.Name === name &&
    isRecord(table.Parameters) &&
    areColumns(table.PartitionKeys) &&
    isStorage(table.StorageDescriptor) &&
    Array.isArray(partitions) &&
    partitions.every((partition) => Array.isArray(partition?.Values) && isStorage(partition.StorageDescriptor))
  if (!fits) throw damaged(file, 'a table', `it does not describe ${database}.${name} and its partitions`)
  return { Table: table, Partitions: partitions }
}

function databaseOf(file: string, text: string, name: string): GlueDatabase {
  const content = parsed(file, 'a database', text) as Partial<GlueDatabase>
  if (content.Name !== name) throw damaged(file, 'a database', `it does not describe ${name}`)
  return { ...content, Name: name }
}

function parsed(file: string, what: string, text: string): Record<string, unknown> {
  let content: unknown
  try {
    content = JSON.parse(text)
  } catch (error) {
    throw damaged(file, what, messageOf(error), error)
  }
  if (isRecord(content)) return content
  throw damaged(file, what, 'it is no JSON object')
}

function damaged(file: string, what: string, why: string, cause?: unknown): MillraceError {
  const text = `${file}  is damaged: ${why}; expected ${what} of the catalog`
  return new MillraceError('storage', `${text}. Move the file away and run the task that registers it again`, { cause })
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function areColumns(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every((column) => isRecord(column) && typeof column.Name === 'string' && typeof column.Type === 'string')
  )
}

function isStorage(value: unknown): boolean {
  return (
    isRecord(value) &&
    typeof value.Location === 'string' &&
    areColumns(value.Columns) &&
    isRecord(value.SerdeInfo) &&
    typeof value.NumberOfBuckets === 'number' &&
    Array.isArray(value.BucketColumns)
  )
}

function find({ Partitions }: TableFile, values: readonly string[]): GluePartition | undefined {
  return Partitions.find((partition) => compareValues(partition.Values, values) === 0)
}

function checkValues(table: GlueTable, values: readonly string[]): void {
  if (values.length === table.PartitionKeys.length) return
  const keys = table.PartitionKeys.map(({ Name }) => Name).join(', ')
  throw new MillraceError(
    'usage',
    `table ${glueTableText(table)}  a partition of ${values.length} values (${values.join(', ')}) is refused: its partition columns are ${keys === '' ? 'none' : keys}`,
  )
}

function partitionError(
  ErrorCode: GluePartitionError['ErrorDetail']['ErrorCode'],
  values: readonly string[],
): GluePartitionError {
  const what = ErrorCode === 'AlreadyExistsException' ? 'exists already' : 'does not exist'
  const ErrorMessage = `partition (${values.join(', ')}) ${what}`
  return { PartitionValues: [...values], ErrorDetail: { ErrorCode, ErrorMessage } }
}

function fileText(content: TableFile | GlueDatabase): string {
  return `${JSON.stringify(content, null, 2)}\n`
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function compareValues(a: readonly string[], b: readonly string[]): number {
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const order = compareText(a[index] ?? '', b[index] ?? '')
    if (order !== 0) return order
  }
  return 0
}

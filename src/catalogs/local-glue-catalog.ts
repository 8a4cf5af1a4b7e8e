/**
 * The Glue-shaped catalog of a root: `_millrace/catalog/<database>/database.json` and, for each table with its partitions,
 * `_millrace/catalog/<database>/tables/<table>.json`. A file is replaced at once and only when its content changes.
 */
import { MillraceError } from '../errors.ts'
import type { Store } from '../store.ts'
import { storageError } from '../stores/folder.ts'
import lockFolder from '../stores/folder-lock.ts'
import {
  type GlueCatalog,
  type GlueDatabase,
  type GluePartition,
  type GluePartitionError,
  type GlueTable,
  glueName,
  glueTableText,
} from './glue-catalog.ts'
import { databaseOf, fileText, type TableFile, tableOf } from './local-glue-catalog/files.ts'

/** Where the catalog lies below the root. */
export const glueCatalogFolder = '_millrace/catalog'

/** Below it a folder for each database, whose lock whoever changes one of its tables has for the moment that takes. */
const locksFolder = '_millrace/locks/catalog'

type CatalogStore = Pick<Store, 'locate' | 'kind' | 'list' | 'readText' | 'createExclusive' | 'replace' | 'remove'>

/**
 * Opens the catalog of a root. Changes of one database's tables follow each other, in this process and between several: none is
 * lost. Throws `storage`, naming the file, for a file that is no table.
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
  /** One after the other here, so that only the first of them waits for other processes. */
  const alone = async <T>(database: string, act: () => Promise<T>): Promise<T> => {
    const locked = async (): Promise<T> => {
      const folder = `${locksFolder}/${glueName('database', database)}`
      const lock = lockFolder(store.locate(folder), { what: `database ${database} of the catalog` })
      const release = await lock.catch((error: unknown) => {
        throw storageError(folder, error)
      })
      return await act().finally(release)
    }
    const turn = (changes.get(database) ?? Promise.resolve()).then(locked, locked)
    changes.set(database, turn)
    try {
      return await turn
    } finally {
      if (changes.get(database) === turn) changes.delete(database)
    }
  }
  const change = async <T>(database: string, name: string, act: (table: TableFile) => T): Promise<T> =>
    await alone(database, async () => {
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
      await alone(database, async () => {
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
    const text = `${what} is in the catalog already; another run may have made it meanwhile. Run again`
    throw new MillraceError('exists', text, { cause: error })
  }
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

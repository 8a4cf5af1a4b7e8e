/**
 * A catalog in the shape of AWS Glue's API: its structures in its own spelling, and what a catalog of that shape does. Members:
 * `local-glue-catalog.ts`. Glue's developer guide, "Catalog objects API".
 */
import { MillraceError } from '../errors.ts'

export type GlueDatabase = { Name: string; Description?: string; Parameters?: Record<string, string> }
export type GlueColumn = { Name: string; Type: string; Comment?: string }
export type GlueStorage = {
  Columns: GlueColumn[]
  /** A folder, with `/` at its end: below the root for a local catalog, so that a root can be moved; a URI on S3. */
  Location: string
  InputFormat: string
  OutputFormat: string
  Compressed?: boolean
  /** −1 where the table is not bucketed. */
  NumberOfBuckets: number
  BucketColumns: string[]
  /** 1 ascending, 0 descending. */
  SortColumns: { Column: string; SortOrder: 0 | 1 }[]
  SerdeInfo: { SerializationLibrary: string; Parameters: Record<string, string> }
  Parameters?: Record<string, string>
}
export type GlueTable = {
  DatabaseName: string
  Name: string
  Description?: string
  TableType: 'EXTERNAL_TABLE'
  PartitionKeys: GlueColumn[]
  Parameters: Record<string, string>
  StorageDescriptor: GlueStorage
}
export type GluePartition = {
  /** In the order of the table's `PartitionKeys`. */
  Values: string[]
  StorageDescriptor: GlueStorage
  Parameters?: Record<string, string>
}

/** What a batch could not do for one partition; the others are done. */
export type GluePartitionError = {
  PartitionValues: string[]
  ErrorDetail: { ErrorCode: 'AlreadyExistsException' | 'EntityNotFoundException'; ErrorMessage: string }
}

/**
 * Tables of databases. What is read and missing is null, or nothing of a list; what is changed and missing throws `not-found`,
 * what is created and there throws `exists`. Batches of partitions do what they can and give an error for each of the others.
 * Listings come in order of names and of values. A table keeps its partitions when it is updated, and loses them when it is deleted.
 */
export type GlueCatalog = {
  getDatabases(): Promise<GlueDatabase[]>
  getDatabase(name: string): Promise<GlueDatabase | null>
  createDatabase(database: GlueDatabase): Promise<void>
  getTable(database: string, name: string): Promise<GlueTable | null>
  /** Those whose names begin with `prefix`; none where there is no such database. */
  getTables(database: string, prefix?: string): Promise<GlueTable[]>
  createTable(table: GlueTable): Promise<void>
  updateTable(table: GlueTable): Promise<void>
  deleteTable(database: string, name: string): Promise<void>
  getPartitions(database: string, table: string): Promise<GluePartition[]>
  createPartitions(database: string, table: string, partitions: readonly GluePartition[]): Promise<GluePartitionError[]>
  updatePartitions(database: string, table: string, partitions: readonly GluePartition[]): Promise<GluePartitionError[]>
  deletePartitions(
    database: string,
    table: string,
    values: readonly (readonly string[])[],
  ): Promise<GluePartitionError[]>
}

// Of Hive 0.13 and later; Athena, Spark, Trino and Clean Rooms know a Parquet table by them.
const parquetInput = 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat'
const parquetOutput = 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat'
const parquetSerde = 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'

/** Parquet files in a folder, in no buckets; columns in Hive's types. */
export function parquetStorage(location: string, columns: readonly GlueColumn[]): GlueStorage {
  return {
    Columns: [...columns],
    Location: location.endsWith('/') ? location : `${location}/`,
    InputFormat: parquetInput,
    OutputFormat: parquetOutput,
    Compressed: false, // of text files, in Hive's sense: Parquet compresses its own pages
    NumberOfBuckets: -1,
    BucketColumns: [],
    SortColumns: [],
    SerdeInfo: { SerializationLibrary: parquetSerde, Parameters: { 'serialization.format': '1' } },
  }
}

/** Whether a storage descriptor says Parquet. */
export function isParquetStorage({ SerdeInfo }: GlueStorage): boolean {
  return SerdeInfo.SerializationLibrary === parquetSerde
}

/** The folder of a storage descriptor, without a slash at its end. */
export function storageFolder({ Location }: GlueStorage): string {
  return Location.replace(/\/+$/, '')
}

/**
 * A column type as Hive writes it: an instant is a `timestamp` (both are UTC), what is only ever null is text. Null for a type that Hive
 * has not: a time of day, and what no engine here keeps. Declared as another type, Athena and Trino could not read its files.
 */
export function hiveType(type: string): string | null {
  if (type.includes('unsupported(')) return null
  let isKnown = true
  // A word before a colon, or in backticks, is the name of a struct's field.
  const text = type.replaceAll(/`(?:[^`]|``)*`|\w+(?=:)|\w+/g, (word, at: number) => {
    if (word.startsWith('`') || type[at + word.length] === ':') return word
    if (word === 'time') isKnown = false
    return word === 'timestamptz' ? 'timestamp' : word === 'null' ? 'string' : word
  })
  return isKnown ? text : null
}

const nameBytesMax = 250 // Glue: 255; a file system takes 255 bytes in a name, with ".json"

/**
 * The name of a database or table, checked: what Glue takes, in lower case. Whatever else stands in it, such as a quote, is part of
 * the name: it is quoted in SQL. Throws `usage`.
 */
export function glueName(kind: 'database' | 'table', name: string): string {
  const why =
    name === ''
      ? 'it is empty'
      : Buffer.byteLength(name) > nameBytesMax
        ? `it has more than ${nameBytesMax} bytes`
        : name !== name.toLowerCase()
          ? 'Glue keeps names in lower case'
          : name.startsWith('.') || /[/\\\p{Cc}\p{Cs}\u2028\u2029]|^\s|\s$/u.test(name)
            ? 'a dot or space at its start, "/", "\\" and control characters are not allowed'
            : null
  if (why === null) return name
  throw new MillraceError(
    'usage',
    `${kind} ${JSON.stringify(name)} is refused: ${why}; expected a name such as omc_flywheel_dev or part_ibe_01_a`,
  )
}

/** `database.table`, as messages name it. */
export function glueTableText({ DatabaseName, Name }: Pick<GlueTable, 'DatabaseName' | 'Name'>): string {
  return `${DatabaseName}.${Name}`
}

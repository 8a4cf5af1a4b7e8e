/** The files of the catalog: a database, or a table with its partitions, as JSON. */
import { MillraceError, messageOf } from '../../errors.ts'
import type { GlueDatabase, GluePartition, GlueTable } from '../glue-catalog.ts'

/** What a table's file holds. */
export type TableFile = { Table: GlueTable; Partitions: GluePartition[] }

/** A table or a database as the text of its file. */
export function fileText(content: TableFile | GlueDatabase): string {
  return `${JSON.stringify(content, null, 2)}\n`
}

/** The content of a table's file. Throws `storage`, naming the file, for what does not describe that table. */
export function tableOf(file: string, text: string, database: string, name: string): TableFile {
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

/** The content of a database's file. Throws as `tableOf` does. */
export function databaseOf(file: string, text: string, name: string): GlueDatabase {
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

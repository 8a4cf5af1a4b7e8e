/** The part of AWS Glue's catalog that clean rooms need, over a catalog in Glue's shape. */
import type { GlueCatalog, GlueTable } from '../../catalogs/glue-catalog.ts'
import { hasCode } from '../../errors.ts'
import type { Json } from '../../types.ts'
import { type Call, type Item, page, ServiceFailure } from './state.ts'

type GlueOperation = (catalog: GlueCatalog, call: Call) => Promise<Item>

/** Operations by their name in the header `X-Amz-Target`. */
export const glueOperations: Record<string, GlueOperation> = {
  GetTables: async (catalog, call) => {
    const database = await databaseOf(catalog, call)
    const tables = await catalog.getTables(database)
    const { items, nextToken } = page(tables, call, text(call, 'MaxResults'), text(call, 'NextToken'))
    return { TableList: items as unknown as Json, ...(nextToken === undefined ? {} : { NextToken: nextToken }) }
  },
  GetPartitions: async (catalog, call) => {
    const database = await databaseOf(catalog, call)
    const table = String(call.body.TableName)
    if ((await catalog.getTable(database, table)) === null) throw missing(`table ${database}.${table}`)
    const partitions = await catalog.getPartitions(database, table)
    const { items, nextToken } = page(partitions, call, text(call, 'MaxResults'), text(call, 'NextToken'))
    const answered = items.map((partition) => ({ ...partition, DatabaseName: database, TableName: table }))
    return { Partitions: answered as unknown as Json, ...(nextToken === undefined ? {} : { NextToken: nextToken }) }
  },
  CreateTable: async (catalog, call) => {
    const table = await tableOf(catalog, call)
    await translated(`table ${table.Name}`, () => catalog.createTable(table))
    return {}
  },
  UpdateTable: async (catalog, call) => {
    const table = await tableOf(catalog, call)
    await translated(`table ${table.Name}`, () => catalog.updateTable(table))
    return {}
  },
  DeleteTable: async (catalog, call) => {
    const database = await databaseOf(catalog, call)
    const name = String(call.body.Name)
    await translated(`table ${name}`, () => catalog.deleteTable(database, name))
    return {}
  },
}

function text({ body }: Call, name: string): string | undefined {
  return body[name] === undefined || body[name] === null ? undefined : String(body[name])
}

function missing(what: string): ServiceFailure {
  return new ServiceFailure('EntityNotFoundException', 400, `${what} not found`)
}

async function databaseOf(catalog: GlueCatalog, { body }: Call): Promise<string> {
  const name = String(body.DatabaseName)
  if ((await catalog.getDatabase(name)) === null) throw missing(`database ${name}`)
  return name
}

async function tableOf(catalog: GlueCatalog, call: Call): Promise<GlueTable> {
  const DatabaseName = await databaseOf(catalog, call)
  const input = call.body.TableInput as unknown as Omit<GlueTable, 'DatabaseName'>
  const { PartitionKeys = [], Parameters = {}, ...rest } = input
  return { DatabaseName, ...rest, PartitionKeys, Parameters }
}

/** The catalog's errors as the service's. */
async function translated(what: string, act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } catch (error) {
    if (hasCode(error, 'exists')) throw new ServiceFailure('AlreadyExistsException', 400, `${what} already exists`)
    if (hasCode(error, 'not-found')) throw missing(what)
    if (hasCode(error, 'usage')) throw new ServiceFailure('InvalidInputException', 400, error.message)
    throw error
  }
}

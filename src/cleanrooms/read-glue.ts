/** The tables of the catalog that are offered, and their `_er` tables, through the Glue client. */
import type { Partition, Table } from '@aws-sdk/client-glue'
import type { CleanRoomsAccount } from './account.ts'
import type { CleanRoomsEnvironment } from './definition.ts'
import { everyPage } from './every-page.ts'
import type { Fields, ObservedResource, OfferedTable } from './resources.ts'

/** Tables whose names begin with the prefix, and `_er` tables: those that have the mark. A name alone makes none, real tables end so too. */
export async function readGlue(
  { glue }: CleanRoomsAccount,
  { database }: CleanRoomsEnvironment,
  prefix: string,
): Promise<{ tables: OfferedTable[]; realTables: string[]; resources: ObservedResource[] }> {
  const all = await everyPage(`tables of ${database}`, async (nextToken) => {
    const page = await glue.getTables({
      DatabaseName: database,
      ...(nextToken === undefined ? {} : { NextToken: nextToken }),
    })
    return { items: page.TableList, nextToken: page.NextToken }
  })
  const isEr = ({ Parameters }: Table): boolean => Parameters?.er_of !== undefined
  const real = all.filter((table) => !isEr(table))
  const tables: OfferedTable[] = []
  for (const table of real) if (table.Name?.startsWith(prefix)) tables.push(await offeredTable(glue, database, table))
  tables.sort((a, b) => (a.name < b.name ? -1 : 1))
  return {
    tables,
    realTables: real.map(({ Name }) => Name as string),
    resources: all.filter(isEr).map((table) => erTable(database, table)),
  }
}

async function offeredTable(glue: CleanRoomsAccount['glue'], database: string, table: Table): Promise<OfferedTable> {
  const name = table.Name as string
  const storage = table.StorageDescriptor
  const partitionColumns = columnsOf(table.PartitionKeys)
  const newest = partitionColumns.length === 0 ? null : await newestPartition(glue, database, name)
  const values = partitionColumns.map(({ Name }, index) => `${Name}=${newest?.Values?.[index]}`)
  return {
    name,
    columns: columnsOf(storage?.Columns),
    partitionColumns,
    location: newest?.StorageDescriptor?.Location ?? storage?.Location ?? '',
    snapshot: newest === null ? null : values.join('/'),
    inputFormat: storage?.InputFormat ?? '',
    outputFormat: storage?.OutputFormat ?? '',
    serializationLibrary: storage?.SerdeInfo?.SerializationLibrary ?? '',
    serdeParameters: storage?.SerdeInfo?.Parameters ?? {},
    parameters: table.Parameters ?? {},
  }
}

async function newestPartition(
  glue: CleanRoomsAccount['glue'],
  database: string,
  table: string,
): Promise<Partition | null> {
  const all = await everyPage(`partitions of ${table}`, async (nextToken) => {
    const page = await glue.getPartitions({
      DatabaseName: database,
      TableName: table,
      ExcludeColumnSchema: true,
      ...(nextToken === undefined ? {} : { NextToken: nextToken }),
    })
    return { items: page.Partitions, nextToken: page.NextToken }
  })
  const key = ({ Values }: Partition): string => (Values ?? []).join('\u0000')
  return all.reduce<Partition | null>((best, each) => (best === null || key(each) > key(best) ? each : best), null)
}

/** Only what a definition says of it: Glue adds parameters of its own. */
function erTable(database: string, table: Table): ObservedResource {
  const storage = table.StorageDescriptor
  const parameters = table.Parameters ?? {}
  const fields: Fields = {
    database,
    description: table.Description ?? null,
    columns: columnsOf(storage?.Columns).map(({ Name, Type }) => ({ Name, Type })),
    partitionKeys: columnsOf(table.PartitionKeys).map(({ Name, Type }) => ({ Name, Type })),
    location: storage?.Location ?? '',
    inputFormat: storage?.InputFormat ?? '',
    outputFormat: storage?.OutputFormat ?? '',
    serializationLibrary: storage?.SerdeInfo?.SerializationLibrary ?? '',
    serdeParameters: storage?.SerdeInfo?.Parameters ?? {},
    parameters: Object.fromEntries(
      ['classification', 'er_of'].flatMap((name) => (parameters[name] === undefined ? [] : [[name, parameters[name]]])),
    ),
  }
  const createdMs = table.CreateTime?.getTime() ?? 0
  return { kind: 'er-table', name: table.Name as string, id: `${database}.${table.Name}`, createdMs, fields }
}

function columnsOf(columns: Table['PartitionKeys']): { Name: string; Type: string }[] {
  return (columns ?? []).map(({ Name, Type }) => ({ Name: Name as string, Type: Type ?? '' }))
}

/** What a clean room is made of: one kind, one name, the fields that are compared. */
import type { GlueColumn } from '../catalogs/glue-catalog.ts'
import type { Json } from '../types.ts'

/** In the order in which they are made; removed in the reverse. */
export const resourceKinds = [
  'er-table',
  'configured-table',
  'analysis-rule',
  'association',
  'association-rule',
  'schema-mapping',
  'id-namespace',
] as const

export type ResourceKind = (typeof resourceKinds)[number]
export type Fields = { [name: string]: Json }
export type ResourceName = { kind: ResourceKind; name: string }

/**
 * A resource as it should be, or is. Members of `fields` keep the service's spelling; a reference to another resource is its name, for
 * identifiers are the account's. A rule has the name of what it belongs to.
 */
export type Resource = ResourceName & { fields: Fields }

/** What a rule belongs to, whose name and identifier it has. */
export const ruleOwners: Partial<Record<ResourceKind, ResourceKind>> = {
  'analysis-rule': 'configured-table',
  'association-rule': 'association',
}

/**
 * `id`: what the service knows it by, of a rule its parent's. `createdMs` tells twins of one name apart. `tableId`: of an association,
 * its configured table.
 */
export type ObservedResource = Resource & { id: string; createdMs: number; tableId?: string }

/** A table of the catalog that the definition offers, with where its newest partition lies. */
export type OfferedTable = {
  name: string
  columns: GlueColumn[]
  partitionColumns: GlueColumn[]
  /** Of the newest partition; of the table where it has none. */
  location: string
  snapshot: string | null
  inputFormat: string
  outputFormat: string
  serializationLibrary: string
  serdeParameters: Record<string, string>
  parameters: Record<string, string>
}

/** Everything a plan is made from. `duplicates` are further resources of a name that stands in `resources`. */
export type ObservedAccount = {
  tables: OfferedTable[]
  /** Names of all tables of the database but `_er` tables, whatever their prefix. */
  realTables: string[]
  resources: ObservedResource[]
  duplicates: ObservedResource[]
}

/** A key for maps: kind and name. */
export function resourceKey({ kind, name }: ResourceName): string {
  return `${kind} ${name}`
}

/** The table of the catalog behind a configured table; null for one of another kind of source. */
export function glueReference({ tableReference }: Fields): { databaseName: string; tableName: string } | null {
  const reference = (tableReference ?? null) as { glue?: { databaseName: string; tableName: string } } | null
  return reference?.glue ?? null
}

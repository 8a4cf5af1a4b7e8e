/** From a definition and the tables of the catalog to the resources there should be: pure. */
import type { Json } from '../types.ts'
import {
  type AnalysisRule,
  type CleanRooms,
  type CleanRoomsEnvironment,
  cleanRoomsEnvironment,
  fillName,
  fitsPattern,
} from './definition.ts'
import { idNamespaces, schemaMapping } from './entity-resolution.ts'
import { cleanRoomsLimits } from './limits.ts'
import { type OfferedTable, type Resource, resourceKey } from './resources.ts'

/** Every resource of an environment, in the order in which they are made. */
export function desiredResources(definition: CleanRooms, env: string, tables: readonly OfferedTable[]): Resource[] {
  const environment = cleanRoomsEnvironment(definition, env)
  const offered = tables.filter(({ name }) => isOffered(definition, name))
  const all = [
    ...offered.flatMap((table) => cleanRoomResources(definition, environment, env, table)),
    ...offered.flatMap((table) => entityResolutionResources(definition, environment, env, table)),
    ...idNamespaces(definition, environment, env, offered),
  ]
  const literal = new Map(environment.resources.map((resource) => [resourceKey(resource), resource as Resource]))
  const left = new Set(environment.without.map(resourceKey))
  const kept = all.filter((resource) => !literal.has(resourceKey(resource)) && !left.has(resourceKey(resource)))
  return [...kept, ...literal.values()]
}

/** Whether the definition offers a table of the catalog. */
export function isOffered({ tables }: CleanRooms, name: string): boolean {
  return name.startsWith(tables.prefix) && !tables.except.some((pattern) => fitsPattern(pattern, name))
}

function cleanRoomResources(
  definition: CleanRooms,
  environment: CleanRoomsEnvironment,
  env: string,
  table: OfferedTable,
): Resource[] {
  const given = definition.overrides[table.name] ?? {}
  const standard = definition.configuredTable
  const name = fillName(standard.name, { table: table.name, env })
  const rule = given.analysisRule === undefined ? standard.analysisRule : given.analysisRule
  const allowed = allowedColumns(given.allowedColumns ?? standard.allowedColumns, table)
  const description = given.description ?? standard.description
  const analysisMethod = given.analysisMethod ?? standard.analysisMethod
  const resources: Resource[] = [
    {
      kind: 'configured-table',
      name,
      fields: {
        ...(description === undefined ? {} : { description: fillName(description, { table: table.name, env }) }),
        tableReference: { glue: { databaseName: environment.database, tableName: table.name } },
        allowedColumns: allowed,
        analysisMethod,
        ...(analysisMethod === 'MULTIPLE' ? { selectedAnalysisMethods: ['DIRECT_QUERY', 'DIRECT_JOB'] } : {}),
      },
    },
  ]
  if (rule !== null) resources.push({ kind: 'analysis-rule', name, fields: ruleFields(rule, allowed) })
  if (definition.association === null) return resources
  const { association } = definition
  const associationName = fillName(association.name, { table: table.name, env })
  resources.push({
    kind: 'association',
    name: associationName,
    fields: {
      ...(association.description === undefined
        ? {}
        : { description: fillName(association.description, { table: table.name, env }) }),
      configuredTable: name,
      roleArn: environment.role,
    },
  })
  if (association.resultReceivers !== undefined && rule !== null) {
    const policy = { [policyName[rule.type]]: { allowedResultReceivers: association.resultReceivers } }
    resources.push({ kind: 'association-rule', name: associationName, fields: { type: rule.type, policy } })
  }
  return resources
}

const policyName = { CUSTOM: 'custom', LIST: 'list', AGGREGATION: 'aggregation' } as const

/** Partition columns come last and only while they fit: no column of the data is left out for one. */
function allowedColumns(given: 'all' | string[], table: OfferedTable): string[] {
  if (given !== 'all') return given
  const data = table.columns.map(({ Name }) => Name)
  const room = Math.max(0, cleanRoomsLimits.allowedColumns - data.length)
  return [...data, ...table.partitionColumns.slice(0, room).map(({ Name }) => Name)]
}

function ruleFields({ type, ...policy }: AnalysisRule, allowed: readonly string[]): Resource['fields'] {
  const given = policy as { [name: string]: Json }
  const joins = Array.isArray(given.joinColumns) ? given.joinColumns : []
  const every = allowed.filter((column) => !joins.includes(column))
  const expand = (value: Json): Json =>
    Array.isArray(value) ? [...new Set(value.flatMap((item) => (item === '*' ? every : [item])))] : value
  const expanded = Object.entries(given)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => [key, key.endsWith('Columns') ? expand(value) : value])
  return { type, policy: { [policyName[type]]: Object.fromEntries(expanded) } }
}

/** The table that Entity Resolution reads: one snapshot, in which a unique ID occurs once, and the columns of its mapping alone. */
function entityResolutionResources(
  definition: CleanRooms,
  environment: CleanRoomsEnvironment,
  env: string,
  table: OfferedTable,
): Resource[] {
  const rules = definition.entityResolution
  if (rules === null) return []
  const mapped = schemaMapping(rules, table)
  const names = new Set(mapped.map(({ fieldName }) => fieldName))
  const erTable: Resource = {
    kind: 'er-table',
    name: fillName(rules.tableName, { table: table.name, env }),
    fields: {
      database: environment.database,
      description: `${table.name} for Entity Resolution${table.snapshot === null ? '' : `, ${table.snapshot}`}`,
      columns: table.columns.filter(({ Name }) => names.has(Name)).map(({ Name, Type }) => ({ Name, Type })),
      partitionKeys: [],
      location: table.location,
      inputFormat: table.inputFormat,
      outputFormat: table.outputFormat,
      serializationLibrary: table.serializationLibrary,
      serdeParameters: table.serdeParameters,
      parameters: { classification: 'parquet', er_of: table.name },
    },
  }
  if (mapped.length < 2) return [erTable] // the service asks for a unique ID and at least one more
  const fields = { description: `${table.name}, for Entity Resolution`, mappedInputFields: mapped }
  const name = fillName(rules.schemaName, { table: table.name, env })
  return [erTable, { kind: 'schema-mapping', name, fields }]
}

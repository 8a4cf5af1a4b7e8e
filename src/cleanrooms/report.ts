/** The report over an account and its catalog: one JSON file and two CSV files. */
import type { CleanRooms, CleanRoomsEnvironment } from './definition.ts'
import { isOffered } from './desired.ts'
import { fieldsOf } from './entity-resolution.ts'
import type { Finding } from './finding.ts'
import { type Fields, glueReference, type ObservedAccount } from './resources.ts'

export type TableLine = {
  table_name: string
  /** `MISSING`: no configured table; `NO_RULE`, `NOT_ASSOCIATED`: that is missing; `ACTIVE`: none of it. */
  status: 'MISSING' | 'NO_RULE' | 'NOT_ASSOCIATED' | 'ACTIVE'
  associations: string[]
  analysis_providers: string[]
  /** Associated, with a rule that lets every provider of the definition ask, and nothing that lint calls an error. */
  ready_for_analysis: boolean
}
export type IdentityLine = {
  id_namespace: string
  schema_mapping: string
  unique_id: string
  input_field: string
  match_key: string
}
export type CleanRoomsReport = {
  generated_at: string
  definition: string
  environment: string
  account: string
  region: string
  database: string
  collaboration: string
  membership: string
  summary: {
    tables: number
    configured: number
    associated: number
    ready_for_analysis: number
    schema_mappings: number
    id_namespaces: number
  }
  tables: TableLine[]
  identity_resolution: IdentityLine[]
  /** What lint calls an error. */
  errors: Finding[]
}

/** What an account offers, table by table of the catalog, and how identities are resolved; `findings` are those of lint. */
export function reportOf(
  definition: CleanRooms,
  env: string,
  environment: CleanRoomsEnvironment,
  observed: ObservedAccount,
  now: Date,
  findings: readonly Finding[] = [],
): CleanRoomsReport {
  const errors = findings.filter(({ level }) => level === 'error')
  const tables = observed.tables
    .filter(({ name }) => isOffered(definition, name))
    .map(({ name }) => tableLine(definition, environment, observed, name, errors))
  const count = (kind: string): number => observed.resources.filter((resource) => resource.kind === kind).length
  const { account, region, database, collaboration, membership } = environment
  return {
    generated_at: now.toISOString(),
    definition: definition.name,
    environment: env,
    ...{ account, region, database, collaboration, membership },
    summary: {
      tables: tables.length,
      configured: tables.filter(({ status }) => status !== 'MISSING').length,
      associated: tables.filter(({ associations }) => associations.length > 0).length,
      ready_for_analysis: tables.filter((table) => table.ready_for_analysis).length,
      schema_mappings: count('schema-mapping'),
      id_namespaces: count('id-namespace'),
    },
    tables,
    identity_resolution: identityLines(observed),
    errors,
  }
}

function tableLine(
  definition: CleanRooms,
  environment: CleanRoomsEnvironment,
  { resources }: ObservedAccount,
  table: string,
  errors: readonly Finding[],
): TableLine {
  const configured = resources.filter(({ kind, fields }) => {
    const reference = glueReference(fields)
    const isOf = reference?.tableName === table && reference.databaseName === environment.database
    return kind === 'configured-table' && isOf
  })
  const names = configured.map(({ name }) => name)
  const rules = resources.filter(({ kind, name }) => kind === 'analysis-rule' && names.includes(name))
  const associations = resources
    .filter(({ kind, fields }) => kind === 'association' && names.includes(String(fields.configuredTable)))
    .map(({ name }) => name)
    .sort()
  const policies = rules.map(({ fields }) => Object.values(fields.policy as Fields)[0] as Fields)
  const providers = [
    ...new Set(policies.flatMap((policy) => (policy.allowedAnalysisProviders ?? []) as string[])),
  ].sort()
  const isCustom = rules.some(({ fields }) => fields.type === 'CUSTOM')
  const mayAsk = !isCustom || definition.analysisProviders.every((provider) => providers.includes(provider))
  const places = [`table ${table}`, ...names.flatMap((name) => [`configured-table ${name}`, `analysis-rule ${name}`])]
  const isSound = !errors.some(({ where }) => places.includes(where))
  const status =
    configured.length === 0
      ? 'MISSING'
      : rules.length === 0
        ? 'NO_RULE'
        : associations.length === 0
          ? 'NOT_ASSOCIATED'
          : 'ACTIVE'
  return {
    table_name: table,
    status,
    associations,
    analysis_providers: providers,
    ready_for_analysis: status === 'ACTIVE' && mayAsk && isSound,
  }
}

/** A line for each input field of each schema mapping in each ID namespace; a mapping in none, and a namespace of none, have lines too. */
function identityLines({ resources }: ObservedAccount): IdentityLine[] {
  const namespaces = resources.filter(({ kind }) => kind === 'id-namespace').sort(byName)
  const mappings = resources.filter(({ kind }) => kind === 'schema-mapping').sort(byName)
  const used = new Set<string>()
  const linesOf = (namespace: string, schema: string): IdentityLine[] => {
    used.add(schema)
    const mapping = mappings.find(({ name }) => name === schema)
    const fields = mapping === undefined ? [] : fieldsOf(mapping)
    const unique = fields.find(({ type }) => type === 'UNIQUE_ID')?.fieldName ?? ''
    const inputs = fields.filter(({ type }) => type !== 'UNIQUE_ID')
    const head = { id_namespace: namespace, schema_mapping: schema, unique_id: unique }
    if (inputs.length === 0) return [{ ...head, input_field: '', match_key: '' }]
    return inputs.map(({ fieldName, matchKey }) => ({ ...head, input_field: fieldName, match_key: matchKey ?? '' }))
  }
  const inNamespaces = namespaces.flatMap(({ name, fields }) => {
    const sources = (fields.inputSourceConfig ?? []) as { schemaName?: string }[]
    if (sources.length === 0)
      return [{ id_namespace: name, schema_mapping: '', unique_id: '', input_field: '', match_key: '' }]
    return sources.flatMap(({ schemaName }) => linesOf(name, schemaName ?? ''))
  })
  return [...inNamespaces, ...mappings.filter(({ name }) => !used.has(name)).flatMap(({ name }) => linesOf('', name))]
}

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}

/** The files of a report below the root, named after its moment in UTC. */
export function reportFiles(report: CleanRoomsReport): { path: string; content: string }[] {
  const [date, time] = report.generated_at.slice(0, 19).replaceAll(/[-:]/g, '').split('T')
  const path = `cleanrooms-reports/ACX_Cleanroom_Report_${date}_${time}`
  const tableColumns = ['table_name', 'status', 'associations', 'analysis_providers', 'ready_for_analysis'] as const
  const identityColumns = ['id_namespace', 'schema_mapping', 'unique_id', 'input_field', 'match_key'] as const
  return [
    { path: `${path}.json`, content: `${JSON.stringify(report, null, 2)}\n` },
    { path: `${path}_Tables.csv`, content: csv(tableColumns, report.tables) },
    { path: `${path}_IdentityResolution.csv`, content: csv(identityColumns, report.identity_resolution) },
  ]
}

/** RFC 4180: CRLF, quotes where a comma, a quote or a line end needs them; several values of one cell with `;` between. */
function csv<Column extends string>(
  columns: readonly Column[],
  lines: readonly Record<Column, string | boolean | string[]>[],
): string {
  const cell = (value: string | boolean | string[]): string => {
    const text = Array.isArray(value) ? value.join(';') : String(value)
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  }
  const rows = lines.map((line) => columns.map((column) => cell(line[column])).join(','))
  return [columns.join(','), ...rows].map((row) => `${row}\r\n`).join('')
}

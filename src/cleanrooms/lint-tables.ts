/** Lint of configured tables and their analysis rules. */
import type { CleanRooms } from './definition.ts'
import { error, type Finding, listed, sources, warning } from './finding.ts'
import { cleanRoomsLimits } from './limits.ts'
import type { Fields, OfferedTable, Resource } from './resources.ts'

const columnPattern = /^[a-z0-9_](([a-z0-9_ ]+-)*([a-z0-9_ ]+))?$/
const glueTablePattern = /^[a-zA-Z0-9_](([a-zA-Z0-9_ ]+-)*([a-zA-Z0-9_ ]+))?$/

/** Columns and names of a configured table. */
export function tableFindings({ name, fields }: Resource, tables: readonly OfferedTable[]): Finding[] {
  const where = `configured-table ${name}`
  const columns = (fields.allowedColumns ?? []) as string[]
  const reference = (fields.tableReference as { glue?: { tableName: string } }).glue
  const table = tables.find((each) => each.name === reference?.tableName)
  const findings: Finding[] = []
  const most = cleanRoomsLimits.allowedColumns
  if (columns.length > most)
    findings.push(
      error(
        'allowed-columns',
        where,
        `allows ${columns.length} columns, ${most} are taken; register the table in parts of at most ${most} columns, or name allowedColumns in an override`,
        sources.quotas,
      ),
    )
  if (columns.length === 0)
    findings.push(error('allowed-columns', where, 'allows no column, at least one is needed', sources.model))
  const strange = columns.filter((column) => !columnPattern.test(column) || column.length > 127)
  if (strange.length > 0)
    findings.push(
      error(
        'column-name',
        where,
        `names that are not taken: ${listed(strange)}; letters in lower case, digits, "_", at most 127 characters`,
        sources.model,
      ),
    )
  if (reference !== undefined && (!glueTablePattern.test(reference.tableName) || reference.tableName.length > 128))
    findings.push(
      error(
        'table-name',
        where,
        `the name of the Glue table ${JSON.stringify(reference.tableName)} is not taken`,
        sources.model,
      ),
    )
  if (table === undefined) return findings
  const there = [...table.columns, ...table.partitionColumns].map(({ Name }) => Name)
  const absent = columns.filter((column) => !there.includes(column))
  if (absent.length > 0)
    findings.push(
      error('missing-column', where, `allows columns that ${table.name} has not: ${listed(absent)}`, sources.model),
    )
  const left = table.partitionColumns.filter(({ Name }) => !columns.includes(Name)).map(({ Name }) => Name)
  if (left.length > 0 && columns.length >= most)
    findings.push(
      warning(
        'partition-column',
        where,
        `partition column ${left.join(', ')} is left out: ${columns.length} columns of the data leave no room among ${most}`,
        sources.quotas,
      ),
    )
  return findings
}

/** Rules that are missing, too large, or name what they must not. */
export function ruleFindings(definition: CleanRooms, desired: readonly Resource[]): Finding[] {
  const rules = new Map(desired.filter(({ kind }) => kind === 'analysis-rule').map((rule) => [rule.name, rule]))
  const tables = desired.filter(({ kind }) => kind === 'configured-table')
  const missing = tables
    .filter(({ name }) => !rules.has(name))
    .map(({ name }) =>
      error(
        'missing-rule',
        `configured-table ${name}`,
        'has no analysis rule: it can be associated but not queried',
        sources.rules,
      ),
    )
  const known = new Map(tables.map(({ name, fields }) => [name, (fields.allowedColumns ?? []) as string[]]))
  return [...missing, ...[...rules.values()].flatMap((rule) => oneRule(definition, rule, known.get(rule.name) ?? []))]
}

function oneRule(definition: CleanRooms, { name, fields }: Resource, allowed: readonly string[]): Finding[] {
  const where = `analysis-rule ${name}`
  const findings: Finding[] = []
  const bytes = new TextEncoder().encode(JSON.stringify({ v1: fields.policy })).length
  if (bytes > cleanRoomsLimits.analysisRuleBytes)
    findings.push(
      error(
        'rule-size',
        where,
        `is ${bytes} bytes of JSON, ${cleanRoomsLimits.analysisRuleBytes} are taken`,
        sources.quotas,
      ),
    )
  const policy = Object.values(fields.policy as Fields)[0] as Fields
  const aggregates = ((policy.aggregateColumns ?? []) as { columnNames: string[] }[]).flatMap(
    ({ columnNames }) => columnNames,
  )
  const lists = ['joinColumns', 'listColumns', 'dimensionColumns', 'disallowedOutputColumns']
  const named = [...lists.flatMap((list) => (policy[list] ?? []) as string[]), ...aggregates]
  const strange = [...new Set(named.filter((column) => !allowed.includes(column)))]
  if (strange.length > 0)
    findings.push(
      error('rule-column', where, `names columns that the table does not allow: ${listed(strange)}`, sources.rules),
    )
  if (fields.type !== 'CUSTOM') return findings
  const providers = (policy.allowedAnalysisProviders ?? []) as string[]
  if (((policy.allowedAnalyses ?? []) as string[]).includes('ANY_QUERY') && providers.length === 0)
    findings.push(
      error('missing-providers', where, 'allows ANY_QUERY and names no allowedAnalysisProviders', sources.custom),
    )
  const absent = definition.analysisProviders.filter((provider) => !providers.includes(provider))
  if (absent.length > 0 && providers.length > 0)
    findings.push(
      error(
        'missing-providers',
        where,
        `does not let the analysis provider ${absent.join(', ')} ask`,
        'analysisProviders of the definition',
      ),
    )
  return findings
}

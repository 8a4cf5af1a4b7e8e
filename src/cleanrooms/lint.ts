/** What the services would refuse or make useless, before they are asked: pure. Every rule names its source. */
import { type CleanRooms, cleanRoomsEnvironment } from './definition.ts'
import { error, type Finding, listed, sources, warning } from './finding.ts'
import { cleanRoomsLimits } from './limits.ts'
import { mappingFindings, namespaceFindings } from './lint-entity-resolution.ts'
import { ruleFindings, tableFindings } from './lint-tables.ts'
import type { OfferedTable, Resource } from './resources.ts'

/** What only the files say: compression codecs of the files of a table's newest partition, and the version of an Iceberg table. */
export type TableFiles = { table: string; codecs: string[]; icebergVersion: number | null }

const codecsTaken = ['SNAPPY', 'GZIP', 'UNCOMPRESSED']
const namePatterns: Partial<Record<Resource['kind'], { pattern: RegExp; lengthMax: number }>> = {
  'configured-table': { pattern: /\S/u, lengthMax: 100 },
  association: { pattern: /^[a-zA-Z0-9_](([a-zA-Z0-9_ ]+-)*([a-zA-Z0-9_ ]+))?$/, lengthMax: 128 },
  'schema-mapping': { pattern: /^[a-zA-Z_0-9-]+$/, lengthMax: 255 },
  'id-namespace': { pattern: /^[a-zA-Z_0-9-]+$/, lengthMax: 255 },
}
/** Everything that is wrong, errors first. */
export function lintCleanRooms(
  definition: CleanRooms,
  env: string,
  desired: readonly Resource[],
  tables: readonly OfferedTable[],
  files: readonly TableFiles[] = [],
): Finding[] {
  cleanRoomsEnvironment(definition, env)
  const findings = [
    ...desired.flatMap(nameFindings),
    ...desired.filter(({ kind }) => kind === 'configured-table').flatMap((each) => tableFindings(each, tables)),
    ...ruleFindings(definition, desired),
    ...queryFindings(desired),
    ...mappingFindings(definition, desired, tables),
    ...namespaceFindings(desired),
    ...files.flatMap(fileFindings),
  ]
  return findings.sort((a, b) => (a.level === b.level ? 0 : a.level === 'error' ? -1 : 1))
}

function nameFindings({ kind, name }: Resource): Finding[] {
  const rule = namePatterns[kind]
  if (rule === undefined || (rule.pattern.test(name) && name.length <= rule.lengthMax)) return []
  const why =
    name.length > rule.lengthMax
      ? `has ${name.length} characters, ${rule.lengthMax} are taken`
      : `does not fit ${rule.pattern.source}`
  return [error('name', `${kind} ${name}`, `the name ${why}`, sources.model)]
}

function queryFindings(desired: readonly Resource[]): Finding[] {
  const associated = desired.filter(({ kind }) => kind === 'association').length
  const configured = desired.filter(({ kind }) => kind === 'configured-table').length
  const types = new Map<string, string[]>()
  for (const { kind, name, fields } of desired)
    if (kind === 'analysis-rule') types.set(String(fields.type), [...(types.get(String(fields.type)) ?? []), name])
  const findings: Finding[] = []
  const { tablesInQuery, configuredTables } = cleanRoomsLimits
  if (associated > tablesInQuery)
    findings.push(
      warning(
        'tables-in-query',
        'collaboration',
        `${associated} tables are associated, one query takes at most ${tablesInQuery}`,
        sources.quotas,
      ),
    )
  if (configured > configuredTables)
    findings.push(
      error(
        'configured-tables',
        'account',
        `${configured} configured tables, an account has at most ${configuredTables} unless AWS raises it`,
        sources.quotas,
      ),
    )
  if (types.size > 1) {
    const parts = [...types].map(([type, names]) => `${type}: ${listed(names)}`)
    findings.push(
      warning(
        'mixed-rules',
        'collaboration',
        `tables of different rule types cannot be used in one query (${parts.join('; ')})`,
        sources.rules,
      ),
    )
  }
  return findings
}

function fileFindings({ table, codecs, icebergVersion }: TableFiles): Finding[] {
  const refused = codecs.filter((codec) => !codecsTaken.includes(codec))
  return [
    ...(refused.length > 0
      ? [
          error(
            'codec',
            `table ${table}`,
            `files compressed with ${refused.join(', ')}; Clean Rooms reads GZIP and Snappy`,
            icebergVersion === null ? sources.formats : sources.iceberg,
          ),
        ]
      : []),
    ...(icebergVersion !== null && icebergVersion > 2
      ? [
          error(
            'iceberg-version',
            `table ${table}`,
            `is an Iceberg table of version ${icebergVersion}; Clean Rooms reads versions 1 and 2`,
            sources.iceberg,
          ),
        ]
      : []),
  ]
}

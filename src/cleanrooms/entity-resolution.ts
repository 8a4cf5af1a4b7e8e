/** Schema mappings and ID namespaces from column names: pure. */
import {
  type CleanRooms,
  type CleanRoomsEnvironment,
  type EntityResolution,
  fillName,
  fitsPattern,
} from './definition.ts'
import { entityResolutionLimits } from './limits.ts'
import type { OfferedTable, Resource } from './resources.ts'

/** One of the service's SchemaInputAttribute. */
export type MappedField = {
  fieldName: string
  type: string
  matchKey?: string
  groupName?: string
  subType?: string
  hashed?: boolean
}

/**
 * The fields of a table's schema mapping: the unique ID, then the columns that a rule fits, in the table's order. A table without
 * any gets its first other column, unmatched, for the service asks for two fields. A member of a group occurs once: a second
 * column of its type is left out.
 */
export function schemaMapping(rules: EntityResolution, table: OfferedTable): MappedField[] {
  const names = table.columns.map(({ Name }) => Name)
  const unique = names.find((name) => name.toLowerCase() === rules.uniqueId.toLowerCase())
  if (unique === undefined) return []
  const others = names.filter((name) => name !== unique)
  const taken = new Set<string>()
  const matched: MappedField[] = []
  for (const name of others) {
    const field = fieldOf(rules, name)
    if (field === undefined) continue
    const member = field.groupName === undefined ? name : `${field.groupName} ${field.type} ${field.matchKey}`
    if (taken.has(member)) continue
    taken.add(member)
    matched.push(field)
  }
  const unmatched = others.slice(0, 1).map((fieldName) => ({ fieldName, type: 'STRING' }))
  const fields = matched.length > 0 ? matched : unmatched
  return [{ fieldName: unique, type: 'UNIQUE_ID' }, ...fields.slice(0, rules.fieldsMax - 1)]
}

function fieldOf({ inputFields }: EntityResolution, name: string): MappedField | undefined {
  const rule = inputFields.find(({ columns }) => columns.some((pattern) => fitsPattern(pattern, name)))
  if (rule === undefined) return undefined
  const { columns: _, ...field } = rule
  return {
    fieldName: name,
    ...(Object.fromEntries(Object.entries(field).filter(([, value]) => value !== undefined)) as typeof field),
  } as MappedField
}

/** The ARN of a table, as an ID namespace names its inputs. */
export function glueTableArn({ account, region, database }: CleanRoomsEnvironment, table: string): string {
  return `arn:aws:glue:${region}:${account}:table/${database}/${table}`
}

/** The ID namespaces over the schema mappings that have match keys; one that would have too many inputs goes on in `<name>-2`. */
export function idNamespaces(
  definition: CleanRooms,
  environment: CleanRoomsEnvironment,
  env: string,
  tables: readonly OfferedTable[],
): Resource[] {
  const rules = definition.entityResolution
  if (rules === null) return []
  const inputsOfAll = tables
    .map(({ name, ...table }) => ({ name, keys: matchKeys(schemaMapping(rules, { name, ...table })) }))
    .filter(({ keys }) => keys.length > 0)
  return rules.idNamespaces.flatMap((namespace) => {
    const inputs = inputsOfAll.filter(({ name }) => namespace.tables.some((pattern) => fitsPattern(pattern, name)))
    const name = fillName(namespace.name, { env })
    return chunks(inputs, entityResolutionLimits.namespaceInputs).map((some, index): Resource => {
      const keys = [...new Set(some.flatMap((input) => input.keys))].sort()
      return {
        kind: 'id-namespace',
        name: index === 0 ? name : `${name}-${index + 1}`,
        fields: {
          ...(namespace.description === undefined ? {} : { description: fillName(namespace.description, { env }) }),
          type: namespace.type,
          inputSourceConfig: some.map(({ name: table }) => ({
            inputSourceARN: glueTableArn(environment, fillName(rules.tableName, { table, env })),
            schemaName: fillName(rules.schemaName, { table, env }),
          })),
          idMappingWorkflowProperties: [
            {
              idMappingType: 'RULE_BASED',
              ruleBasedProperties: {
                rules: keys.map((key) => ({ ruleName: key, matchingKeys: [key] })),
                ruleDefinitionTypes: [namespace.type],
                attributeMatchingModel: namespace.attributeMatchingModel,
                recordMatchingModels: namespace.recordMatchingModels,
              },
            },
          ],
          roleArn: environment.entityResolutionRole,
        },
      }
    })
  })
}

/** The mapped fields of a schema mapping. */
export function fieldsOf({ fields }: Resource): MappedField[] {
  return (fields.mappedInputFields ?? []) as MappedField[]
}

function matchKeys(fields: readonly MappedField[]): string[] {
  return fields.flatMap(({ matchKey }) => matchKey ?? [])
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  const parts: T[][] = []
  for (let at = 0; at < items.length; at += size) parts.push(items.slice(at, at + size))
  return parts
}

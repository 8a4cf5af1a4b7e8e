/**
 * From an existing account to a definition of it: pure. What most resources have in common becomes the definition's rule, what differs
 * is listed to the letter, so that a plan with the result is empty.
 */
import type { Json } from '../types.ts'
import {
  type AnalysisRule,
  type CleanRooms,
  type CleanRoomsEnvironment,
  cleanRoomsEnvironment,
  defineCleanRooms,
} from './definition.ts'
import { desiredResources } from './desired.ts'
import { differencesOf } from './differences.ts'
import {
  type Fields,
  glueReference,
  type ObservedAccount,
  type ObservedResource,
  type Resource,
  resourceKey,
} from './resources.ts'

/** `base` gives what no account says: identifiers, the tables' prefix, the rules for input fields. */
export function discoverDefinition(base: CleanRooms, env: string, observed: ObservedAccount): CleanRooms {
  const environment = cleanRoomsEnvironment(base, env)
  const of = (kind: Resource['kind']): ObservedResource[] => observed.resources.filter((each) => each.kind === kind)
  const tableOf = new Map(of('configured-table').map((each) => [each.name, glueTable(each, environment)]))
  const configuredName = commonTemplate(of('configured-table').map((each) => [each.name, tableOf.get(each.name)]))
  const associations = of('association')
  const associationName = commonTemplate(
    associations.map(({ name, fields }) => [name, tableOf.get(String(fields.configuredTable))]),
  )
  const rule = commonest(of('analysis-rule').map(({ fields }) => fields))
  const definition = defineCleanRooms({
    ...base,
    environments: {
      [env]: {
        ...environment,
        role: commonest(associations.map(({ fields }) => fields.roleArn as string)) ?? environment.role,
        resources: [],
        without: [],
      },
    },
    configuredTable: {
      name: configuredName ?? base.configuredTable.name,
      description: commonDescription(of('configured-table'), tableOf),
      analysisRule: rule === undefined ? base.configuredTable.analysisRule : ruleOf(rule),
      allowedColumns: 'all',
      analysisMethod: commonest(of('configured-table').map(({ fields }) => fields.analysisMethod as 'DIRECT_QUERY')),
    },
    overrides: {},
    association: {
      ...(base.association ?? {}),
      name: associationName ?? base.association?.name ?? '{table}',
      oldNames: [],
      description: commonDescription(
        associations,
        new Map(associations.map(({ name, fields }) => [name, tableOf.get(String(fields.configuredTable))])),
      ),
    },
  })
  return withLetters(definition, env, observed)
}

/** Lists what the rules would make otherwise than it is, and what they would make and is not. */
function withLetters(definition: CleanRooms, env: string, observed: ObservedAccount): CleanRooms {
  const environment = cleanRoomsEnvironment(definition, env)
  const made = new Map(desiredResources(definition, env, observed.tables).map((each) => [resourceKey(each), each]))
  const there = new Set(observed.resources.map(resourceKey))
  const resources = observed.resources
    .filter((each) => {
      const own = made.get(resourceKey(each))
      return own === undefined || differencesOf(each.fields, own.fields, environment).length > 0
    })
    .map(({ kind, name, fields }) => ({ kind, name, fields }))
  const without = [...made.values()]
    .filter((each) => !there.has(resourceKey(each)))
    .map(({ kind, name }) => ({ kind, name }))
  return { ...definition, environments: { [env]: { ...environment, resources, without } } }
}

function glueTable({ fields }: ObservedResource, { database }: CleanRoomsEnvironment): string | undefined {
  const reference = glueReference(fields)
  return reference?.databaseName === database ? reference.tableName : undefined
}

/** `part_a`, `part_b` of the tables `part_a`, `part_b`: `{table}`. */
function commonTemplate(names: readonly [name: string, table: string | undefined][]): string | undefined {
  return commonest(
    names.flatMap(([name, table]) =>
      table !== undefined && name.includes(table) ? [name.replace(table, '{table}')] : [],
    ),
  )
}

function commonDescription(
  resources: readonly ObservedResource[],
  tables: ReadonlyMap<string, string | undefined>,
): string | undefined {
  const texts = resources.flatMap(({ name, fields }) => {
    const table = tables.get(name)
    if (typeof fields.description !== 'string' || fields.description === '' || table === undefined) return []
    return [fields.description.replaceAll(table, '{table}')]
  })
  return texts.length * 2 > resources.length ? commonest(texts) : undefined
}

function ruleOf(fields: Fields): AnalysisRule {
  return { type: fields.type, ...(Object.values(fields.policy as Fields)[0] as Fields) } as AnalysisRule
}

/** What most of them are; the first of several as many. */
function commonest<T extends Json>(values: readonly T[]): T | undefined {
  const counts = new Map<string, { value: T; count: number }>()
  for (const value of values) {
    const seen = counts.get(JSON.stringify(value)) ?? { value, count: 0 }
    counts.set(JSON.stringify(value), { value, count: seen.count + 1 })
  }
  return [...counts.values()].sort((a, b) => b.count - a.count)[0]?.value
}

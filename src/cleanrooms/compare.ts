/** What differs between the resources there should be and those there are, and the steps that mend it: pure. */
import type { Json } from '../types.ts'
import { type CleanRooms, fillName } from './definition.ts'
import {
  type Fields,
  type ObservedAccount,
  type ObservedResource,
  type Resource,
  type ResourceKind,
  resourceKey,
  resourceKinds,
} from './resources.ts'

export type Difference = { field: string; before: Json; after: Json }
export type Change = {
  /** `replace`: removed and made anew, for the service cannot change it. `rename`: the new one made, then the old removed. */
  action: 'create' | 'update' | 'replace' | 'rename' | 'delete'
  kind: ResourceKind
  name: string
  oldName?: string
  differences: Difference[]
  before: ObservedResource | null
  after: Resource | null
}
export type Unmanaged = { kind: ResourceKind; name: string; id: string; why: string }
export type Comparison = { changes: Change[]; unmanaged: Unmanaged[] }

/** Fields that the service's update operations do not take. */
const immutable: Partial<Record<ResourceKind, string[]>> = {
  'analysis-rule': ['type'],
  association: ['configuredTable'],
  'association-rule': ['type'],
  'id-namespace': ['type'],
}

/** The changes in the order in which they are made, and what the definition does not name. With `prune` what bears its names goes. */
export function compareResources(
  definition: CleanRooms,
  env: string,
  desired: readonly Resource[],
  observed: ObservedAccount,
  prune: boolean,
): Comparison {
  const there = new Map(observed.resources.map((resource) => [resourceKey(resource), resource]))
  const wanted = new Set(desired.map(resourceKey))
  const renamed = new Map<string, ObservedResource>()
  const changes = desired.flatMap((resource): Change[] => {
    const before = there.get(resourceKey(resource))
    const old =
      resource.kind === 'association' ? oldAssociation(definition, env, resource, observed, wanted) : undefined
    if (old !== undefined) renamed.set(resourceKey(old), old)
    if (before === undefined && old !== undefined) return [renaming(resource, old)]
    const rest = old === undefined ? [] : [deletion(old)]
    if (before === undefined)
      return [
        {
          ...named(resource),
          action: 'create',
          differences: differencesOf({}, resource.fields),
          before: null,
          after: resource,
        },
        ...rest,
      ]
    const differences = differencesOf(before.fields, resource.fields)
    if (differences.length === 0) return rest
    const isReplaced = differences.some(({ field }) =>
      immutable[resource.kind]?.includes(field.split('.')[0] as string),
    )
    return [
      { ...named(resource), action: isReplaced ? 'replace' : 'update', differences, before, after: resource },
      ...rest,
    ]
  })
  const gone = new Set([...renamed.values()].map(({ name }) => `association-rule ${name}`))
  const others = [...observed.resources, ...observed.duplicates].filter(
    (resource) =>
      observed.duplicates.includes(resource) ||
      (!wanted.has(resourceKey(resource)) && !renamed.has(resourceKey(resource)) && !gone.has(resourceKey(resource))),
  )
  const pruned = others.filter(
    (resource) => isRuleOf(resource, wanted) || (prune && bearsOurName(definition, env, resource)),
  )
  const kept = others.filter((resource) => !pruned.includes(resource))
  const all = withReplacedRules([...changes, ...pruned.map(deletion)], desired, there)
  return { changes: inOrder(all), unmanaged: kept.map((resource) => unmanaged(resource, observed)) }
}

function renaming(after: Resource, before: ObservedResource): Change {
  return {
    ...named(after),
    action: 'rename',
    oldName: before.name,
    differences: [
      { field: 'name', before: before.name, after: after.name },
      ...differencesOf(before.fields, after.fields),
    ],
    before,
    after,
  }
}

function deletion(before: ObservedResource): Change {
  return { ...named(before), action: 'delete', differences: [], before, after: null }
}

function named({ kind, name }: Resource): { kind: ResourceKind; name: string } {
  return { kind, name }
}

function unmanaged(resource: ObservedResource, { duplicates }: ObservedAccount): Unmanaged {
  const why = duplicates.includes(resource) ? 'a further one of this name' : 'the definition does not name it'
  return { ...named(resource), id: resource.id, why }
}

/** The association of the same table that has an old name and is nothing the definition wants. */
function oldAssociation(
  definition: CleanRooms,
  env: string,
  { fields }: Resource,
  { resources }: ObservedAccount,
  wanted: ReadonlySet<string>,
): ObservedResource | undefined {
  const configured = resources.find(({ kind, name }) => kind === 'configured-table' && name === fields.configuredTable)
  const reference = (configured?.fields.tableReference ?? null) as { glue?: { tableName?: string } } | null
  const table = reference?.glue?.tableName
  if (table === undefined) return undefined
  const names = (definition.association?.oldNames ?? []).map((template) => fillName(template, { table, env }))
  return resources.find(
    (resource) =>
      resource.kind === 'association' &&
      names.includes(resource.name) &&
      resource.fields.configuredTable === fields.configuredTable &&
      !wanted.has(resourceKey(resource)),
  )
}

/** A rule where the definition wants none, on what it does want: that is a difference, nothing of somebody else's. */
function isRuleOf({ kind, name }: ObservedResource, wanted: ReadonlySet<string>): boolean {
  if (kind === 'analysis-rule') return wanted.has(`configured-table ${name}`)
  return kind === 'association-rule' && wanted.has(`association ${name}`)
}

/** An association that is made anew has lost its rule: the rule is made again too. */
function withReplacedRules(
  changes: readonly Change[],
  desired: readonly Resource[],
  there: ReadonlyMap<string, ObservedResource>,
): Change[] {
  const replaced = changes.filter(({ kind, action }) => kind === 'association' && action === 'replace')
  const anew = replaced.flatMap(({ name }): Change[] => {
    const after = desired.find((resource) => resource.kind === 'association-rule' && resource.name === name)
    const before = there.get(`association-rule ${name}`)
    if (after === undefined || before === undefined) return []
    return [{ kind: 'association-rule', name, action: 'create', differences: [], before: null, after }]
  })
  const names = new Set(anew.map(({ name }) => name))
  return [...changes.filter(({ kind, name }) => kind !== 'association-rule' || !names.has(name)), ...anew]
}

/** Whether a name is one that the definition could have given: such are removed with --prune. */
function bearsOurName(definition: CleanRooms, env: string, { kind, name }: ObservedResource): boolean {
  const er = definition.entityResolution
  const table = `${definition.tables.prefix}\u0000`
  const fits = (template: string): boolean => {
    const [before, ...after] = fillName(template, { table, env }).split('\u0000')
    const end = after.join('')
    return (
      name.length > (before as string).length + end.length && name.startsWith(before as string) && name.endsWith(end)
    )
  }
  if (kind === 'er-table') return er !== null && fits(er.tableName)
  if (kind === 'schema-mapping') return er !== null && fits(er.schemaName)
  if (kind === 'configured-table' || kind === 'analysis-rule') return fits(definition.configuredTable.name)
  if (kind === 'association' || kind === 'association-rule')
    return (
      definition.association !== null && [definition.association.name, ...definition.association.oldNames].some(fits)
    )
  const names = (er?.idNamespaces ?? []).map((namespace) => fillName(namespace.name, { env }))
  return names.some((own) => name === own || (name.startsWith(`${own}-`) && /^\d+$/.test(name.slice(own.length + 1))))
}

/** What is made in the order of the kinds, what is only removed afterwards in the reverse: nothing goes that another still needs. */
function inOrder(changes: readonly Change[]): Change[] {
  const rank = ({ kind, action }: Change): number => {
    const index = resourceKinds.indexOf(kind)
    return action === 'delete' ? 2 * resourceKinds.length - index : index
  }
  return [...changes].sort((a, b) => rank(a) - rank(b))
}

/** Fields that differ, as paths; nothing, an empty text, an empty list and an empty object are the same. */
export function differencesOf(before: Fields, after: Fields, path = ''): Difference[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  return names.flatMap((name) => {
    const [a, b] = [canonical(name, before[name] ?? null), canonical(name, after[name] ?? null)]
    if (JSON.stringify(a) === JSON.stringify(b)) return []
    const field = `${path}${name}`
    if (isFields(a) && isFields(b)) return differencesOf(a, b, `${field}.`)
    return [{ field, before: a, after: b }]
  })
}

/** Lists whose order means something; all others are sets to the services, which give them back in an order of their own. */
const ordered = ['columns', 'partitionKeys']

function canonical(name: string, value: Json): Json {
  if (Array.isArray(value)) {
    const items = value.map((item) => canonical('', item))
    if (items.length === 0) return null
    return ordered.includes(name) ? items : items.sort((a, b) => compareText(JSON.stringify(a), JSON.stringify(b)))
  }
  if (!isFields(value)) return value === '' ? null : value
  // What the service does when it is not told, and says when it is asked.
  const said = Object.entries(value).filter(([key, item]) => key !== 'additionalAnalyses' || item !== 'NOT_ALLOWED')
  const members = said
    .map(([key, item]) => [key, canonical(key, item)] as const)
    .filter(([, item]) => item !== null)
    .sort(([a], [b]) => compareText(a, b))
  return members.length === 0 ? null : Object.fromEntries(members)
}

function isFields(value: Json): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

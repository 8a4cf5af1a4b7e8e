/** What differs between the resources there should be and those there are, and the steps that mend it: pure. */
import { type CleanRooms, type CleanRoomsEnvironment, cleanRoomsEnvironment, fillName } from './definition.ts'
import { type Difference, differencesOf } from './differences.ts'
import { ownNames } from './own-names.ts'
import {
  glueReference,
  type ObservedAccount,
  type ObservedResource,
  type Resource,
  type ResourceKind,
  resourceKey,
  resourceKinds,
  ruleOwners,
} from './resources.ts'

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
  const environment = cleanRoomsEnvironment(definition, env)
  const there = new Map(observed.resources.map((resource) => [resourceKey(resource), resource]))
  const wanted = new Set(desired.map(resourceKey))
  const renamed = new Map<string, ObservedResource>()
  const changes = desired.flatMap((resource): Change[] => {
    const before = there.get(resourceKey(resource))
    const old =
      resource.kind === 'association' ? oldAssociation(definition, env, resource, observed, wanted) : undefined
    if (old !== undefined) renamed.set(resourceKey(old), old)
    if (before === undefined && old !== undefined) return [renaming(resource, old, environment)]
    const rest = old === undefined ? [] : [deletion(old)]
    if (before === undefined)
      return [
        {
          ...named(resource),
          action: 'create',
          differences: differencesOf({}, resource.fields, environment),
          before: null,
          after: resource,
        },
        ...rest,
      ]
    const differences = differencesOf(before.fields, resource.fields, environment)
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
  const isOwn = ownNames(definition, env, observed)
  const mayGo = others.filter((resource) => isRuleOf(resource, wanted, there) || (prune && isOwn(resource)))
  const replaced = changes.filter(({ action }) => action === 'replace')
  const going = new Set([...renamed.values(), ...replaced, ...mayGo].map(resourceKey))
  const all = [...observed.resources, ...observed.duplicates]
  const needed = new Set(all.filter((resource) => !going.has(resourceKey(resource))).map(({ tableId }) => tableId))
  // A configured table that an association still uses stays, with its rule.
  const pruned = mayGo.filter((resource) => isRuleOf(resource, wanted, there) || !needed.has(resource.id))
  const kept = others.filter((resource) => !pruned.includes(resource))
  const steps = withReplacedRules([...changes, ...pruned.map(deletion)], desired, there)
  return { changes: inOrder(steps), unmanaged: kept.map((resource) => unmanaged(resource, observed)) }
}

function renaming(after: Resource, before: ObservedResource, environment: CleanRoomsEnvironment): Change {
  return {
    ...named(after),
    action: 'rename',
    oldName: before.name,
    differences: [
      { field: 'name', before: before.name, after: after.name },
      ...differencesOf(before.fields, after.fields, environment),
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
  const table = glueReference(configured?.fields ?? {})?.tableName
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
function isRuleOf(
  { kind, name, id }: ObservedResource,
  wanted: ReadonlySet<string>,
  there: ReadonlyMap<string, ObservedResource>,
): boolean {
  const owner = `${ruleOwners[kind]} ${name}`
  return wanted.has(owner) && there.get(owner)?.id === id
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

/** What is made in the order of the kinds, what is only removed afterwards in the reverse: nothing goes that another still needs. */
function inOrder(changes: readonly Change[]): Change[] {
  const rank = ({ kind, action }: Change): number => {
    const index = resourceKinds.indexOf(kind)
    return action === 'delete' ? 2 * resourceKinds.length - index : index
  }
  return [...changes].sort((a, b) => rank(a) - rank(b))
}

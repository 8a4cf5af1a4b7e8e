/** Which of several resources of one kind and name is the one that a name means: pure. */
import type { CleanRoomsEnvironment } from './definition.ts'
import {
  glueReference,
  type ObservedAccount,
  type ObservedResource,
  resourceKey,
  resourceKinds,
  ruleOwners,
} from './resources.ts'

/**
 * A configured table that the membership uses comes before one that it does not, then one of the environment's database, then the first
 * made. A rule counts where its owner does. An association of a table that does not count names it by its identifier.
 */
export function chooseOfEachName(
  all: readonly ObservedResource[],
  { database }: Pick<CleanRoomsEnvironment, 'database'>,
): Pick<ObservedAccount, 'resources' | 'duplicates'> {
  const used = new Set(all.map(({ tableId }) => tableId))
  const rank = ({ kind, id, fields }: ObservedResource): number => {
    if (kind !== 'configured-table' || used.has(id)) return 0
    return glueReference(fields)?.databaseName === database ? 1 : 2
  }
  const sorted = [...all].sort(
    (a, b) =>
      resourceKinds.indexOf(a.kind) - resourceKinds.indexOf(b.kind) ||
      rank(a) - rank(b) ||
      a.createdMs - b.createdMs ||
      (a.id < b.id ? -1 : 1),
  )
  const chosen = new Map<string, ObservedResource>()
  const duplicates: ObservedResource[] = []
  // Owners have an earlier kind than their rules.
  for (const resource of sorted) {
    const { kind, name, id } = resource
    const owner = ruleOwners[kind]
    const isOwned = owner === undefined || chosen.get(`${owner} ${name}`)?.id === id
    if (!isOwned || chosen.has(resourceKey(resource))) duplicates.push(resource)
    else chosen.set(resourceKey(resource), resource)
  }
  const names = new Map(
    [...chosen.values()].filter(({ kind }) => kind === 'configured-table').map(({ id, name }) => [id, name]),
  )
  const named = (resource: ObservedResource): ObservedResource => {
    const { tableId, fields } = resource
    return tableId === undefined
      ? resource
      : { ...resource, fields: { ...fields, configuredTable: names.get(tableId) ?? tableId } }
  }
  return { resources: [...chosen.values()].map(named), duplicates: duplicates.map(named) }
}

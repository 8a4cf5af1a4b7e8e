/**
 * Makes the changes of a plan, one request after the other, in an order in which each finds what it needs. What a failure leaves is a
 * smaller plan: plan again and go on. Nothing is remembered between.
 */
import { MillraceError, messageOf } from '../errors.ts'
import type { CleanRoomsAccount } from './account.ts'
import {
  analysisRuleMaker,
  associationMaker,
  associationRuleMaker,
  type ChangeContext,
  configuredTableMaker,
  type Maker,
} from './change-clean-rooms.ts'
import { erTableMaker, idNamespaceMaker, schemaMappingMaker } from './change-entity-resolution.ts'
import type { Change } from './compare.ts'
import { type CleanRooms, type CleanRoomsEnvironment, cleanRoomsEnvironment } from './definition.ts'
import { type CleanRoomsPlan, planCleanRooms } from './plan.ts'
import { type Fields, type ObservedAccount, type ObservedResource, type ResourceKind, ruleOwners } from './resources.ts'
import { isConflict, isMissing, serviceError } from './service-error.ts'

const makers: Record<ResourceKind, Maker> = {
  'er-table': erTableMaker,
  'configured-table': configuredTableMaker,
  'analysis-rule': analysisRuleMaker,
  association: associationMaker,
  'association-rule': associationRuleMaker,
  'schema-mapping': schemaMappingMaker,
  'id-namespace': idNamespaceMaker,
}

/**
 * Plans and makes the changes; gives those that were made. A request whose answer was lost is sent again by the SDK and then finds its
 * own work in the way: where a new plan has no such change any more, it goes on with that plan. Throws `service`.
 */
export async function applyCleanRooms(
  definition: CleanRooms,
  env: string,
  account: CleanRoomsAccount,
  options: { prune?: boolean; onChange?: (change: Change) => void } = {},
): Promise<CleanRoomsPlan & { made: Change[] }> {
  const environment = cleanRoomsEnvironment(definition, env)
  const made: Change[] = []
  const isMade = ({ action, kind, name, before }: Change): boolean =>
    made.some(
      (each) => each.action === action && each.kind === kind && each.name === name && each.before?.id === before?.id,
    )
  const onChange = (change: Change): void => {
    if (isMade(change)) return // a table that is changed twice is one change
    made.push(change)
    options.onChange?.(change)
  }
  let plan = await planCleanRooms(definition, env, account, options)
  for (;;) {
    try {
      await applyChanges(account, environment, plan.observed, plan.changes, onChange)
      return { ...plan, made }
    } catch (error) {
      const failed = plan.changes.find((change) => !isMade(change))
      if (failed === undefined || !(error instanceof Error) || !isConflict(error.cause)) throw error
      plan = await planCleanRooms(definition, env, account, options)
      const stands = plan.changes.some(({ kind, name }) => kind === failed.kind && name === failed.name)
      if (stands) throw error
      onChange(failed)
    }
  }
}

/** Makes the changes in their order. Throws `service` for the first that cannot be made; those before it stand. */
export async function applyChanges(
  account: CleanRoomsAccount,
  environment: CleanRoomsEnvironment,
  observed: ObservedAccount,
  changes: readonly Change[],
  onChange: (change: Change) => void = () => undefined,
): Promise<void> {
  const ids = new Map(observed.resources.map(({ kind, name, id }) => [`${kind} ${name}`, id]))
  const context = (kind: ResourceKind, name: string, id?: string): ChangeContext => ({
    ...{ account, environment },
    id: id ?? ids.get(`${ruleOwners[kind] ?? kind} ${name}`) ?? '',
    tableId: (table) => ids.get(`configured-table ${table}`) ?? table,
  })
  const create = async ({ kind, name, after }: Change): Promise<void> => {
    ids.set(`${kind} ${name}`, await makers[kind].create(context(kind, name), name, after?.fields ?? {}))
  }
  const remove = async ({ kind, before }: Change): Promise<void> => {
    if (before === null) return
    try {
      await makers[kind].remove(context(kind, before.name, before.id), before.name, before.fields)
    } catch (error) {
      if (!isMissing(error)) throw error // gone already is what was asked for
    }
  }
  const restore = async ({ name, fields }: ObservedResource): Promise<void> => {
    const id = await makers.association.create(context('association', name), name, fields)
    const rule = observed.resources.find((each) => each.kind === 'association-rule' && each.name === name)
    if (rule !== undefined) await makers[rule.kind].create(context(rule.kind, name, id), name, rule.fields)
  }
  const make = async (change: Change): Promise<void> => {
    const { action, kind, name, before, after } = change
    if (action === 'create') return await create(change)
    if (action === 'delete') return await remove(change)
    if (action === 'rename') return await rename(change, create, remove, restore)
    if (action === 'update') {
      await makers[kind].update(context(kind, name), name, after?.fields ?? {}, before?.fields ?? {})
      return
    }
    await remove(change)
    await create(change)
  }
  for (const change of columnsBothWays(changes)) {
    try {
      await make(change)
    } catch (error) {
      const stands = 'What was done before stands; run the same command again to go on'
      const told = serviceError(change.action, `${change.kind} ${change.name}`, error)
      if (told instanceof Error && told !== error) told.message = `${told.message}. ${stands}`
      throw told
    }
    onChange(change)
  }
}

/**
 * The new one first, so that queries find the table under one of its names; a service that takes only one at a time gets the old away
 * first. Where the new one cannot be made then either, something else stood in the way: the old one is made again.
 */
async function rename(
  change: Change,
  create: (change: Change) => Promise<void>,
  remove: (change: Change) => Promise<void>,
  restore: (before: ObservedResource) => Promise<void>,
) {
  try {
    await create(change)
  } catch (error) {
    if (!isConflict(error)) throw error
    await remove(change)
    await createOr(change, create, restore)
    return
  }
  await remove(change)
}

async function createOr(
  change: Change,
  create: (change: Change) => Promise<void>,
  restore: (before: ObservedResource) => Promise<void>,
) {
  const { before, name } = change
  try {
    await create(change)
  } catch (error) {
    if (before !== null)
      await restore(before).catch((second: unknown) => {
        const text = `association ${before.name}  was removed for ${name}, which could not be made: ${messageOf(error)}. It could not be made again as it was: ${messageOf(second)}. Run the same command again to go on`
        throw new MillraceError('service', text, { cause: error })
      })
    throw error
  }
}

/**
 * A rule may name only allowed columns. Where both change, a table that loses columns keeps them until its rule has changed: the
 * table is changed twice.
 */
function columnsBothWays(changes: readonly Change[]): Change[] {
  const rules = new Set(changes.filter(({ kind }) => kind === 'analysis-rule').map(({ name }) => name))
  const later: Change[] = []
  const first = changes.map((change) => {
    const { kind, action, name, before, after } = change
    if (kind !== 'configured-table' || action !== 'update' || !rules.has(name) || before === null || after === null)
      return change
    const [old, now] = [columnsOf(before.fields), columnsOf(after.fields)]
    if (old.every((column) => now.includes(column))) return change
    later.push(change)
    const both = { ...after, fields: { ...after.fields, allowedColumns: [...new Set([...now, ...old])] } }
    return { ...change, after: both }
  })
  const end = first.findLastIndex(({ kind }) => kind === 'analysis-rule')
  return later.length === 0 ? first : [...first.slice(0, end + 1), ...later, ...first.slice(end + 1)]
}

function columnsOf({ allowedColumns }: Fields): string[] {
  return (allowedColumns ?? []) as string[]
}

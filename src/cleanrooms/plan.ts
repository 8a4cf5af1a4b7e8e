/** What would change, from a definition and an account. */
import type { CleanRoomsAccount } from './account.ts'
import { type Comparison, compareResources } from './compare.ts'
import { type CleanRooms, cleanRoomsEnvironment, fillName } from './definition.ts'
import { desiredResources } from './desired.ts'
import { readAccount } from './read-account.ts'
import type { ObservedAccount, Resource } from './resources.ts'

export type CleanRoomsPlan = Comparison & { desired: Resource[]; observed: ObservedAccount }

/** Reads the account and compares. Throws `service`. */
export async function planCleanRooms(
  definition: CleanRooms,
  env: string,
  account: CleanRoomsAccount,
  { prune = false }: { prune?: boolean } = {},
): Promise<CleanRoomsPlan> {
  const observed = await observeAccount(definition, env, account)
  const desired = desiredResources(definition, env, observed.tables)
  return { ...compareResources(definition, env, desired, observed, prune), desired, observed }
}

/** Reads what a definition can name. Throws `service`. */
export async function observeAccount(
  definition: CleanRooms,
  env: string,
  account: CleanRoomsAccount,
): Promise<ObservedAccount> {
  const er = definition.entityResolution
  return await readAccount(account, cleanRoomsEnvironment(definition, env), {
    prefix: definition.tables.prefix,
    erName: (table) => (er === null ? null : fillName(er.tableName, { table })),
  })
}

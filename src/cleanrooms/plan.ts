/** What would change, from a definition and an account. */
import { MillraceError } from '../errors.ts'
import type { CleanRoomsAccount } from './account.ts'
import { type Comparison, compareResources } from './compare.ts'
import { type CleanRooms, cleanRoomsEnvironment } from './definition.ts'
import { desiredResources } from './desired.ts'
import { readAccount } from './read-account.ts'
import type { Fields, ObservedAccount, Resource } from './resources.ts'

export type CleanRoomsPlan = Comparison & { desired: Resource[]; observed: ObservedAccount }

/** Reads the account and compares. Throws `service`, and `conflict` where an `_er` table would have a real table's name. */
export async function planCleanRooms(
  definition: CleanRooms,
  env: string,
  account: CleanRoomsAccount,
  { prune = false }: { prune?: boolean } = {},
): Promise<CleanRoomsPlan> {
  const observed = await observeAccount(definition, env, account)
  const desired = desiredResources(definition, env, observed.tables)
  refuseTakenNames(desired, observed)
  return { ...compareResources(definition, env, desired, observed, prune), desired, observed }
}

/** Reads what a definition can name. Throws `service`. */
export async function observeAccount(
  definition: CleanRooms,
  env: string,
  account: CleanRoomsAccount,
): Promise<ObservedAccount> {
  return await readAccount(account, cleanRoomsEnvironment(definition, env), definition.tables.prefix)
}

/** A table without the mark is somebody's own: changed into an `_er` table it would be lost. */
function refuseTakenNames(desired: readonly Resource[], { realTables }: ObservedAccount): void {
  const taken = desired.find(({ kind, name }) => kind === 'er-table' && realTables.includes(name))
  if (taken === undefined) return
  const { name, fields } = taken
  const table = (fields.parameters as Fields | undefined)?.er_of
  throw new MillraceError(
    'conflict',
    `er-table ${name}  is to be made of ${table}, and database ${fields.database} has a table ${name} without the parameter er_of: a table of its own, left alone. Give entityResolution.tableName another form, or list one of the two in tables.except or the er-table in without`,
  )
}

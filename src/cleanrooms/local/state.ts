/** What the account in a folder remembers, in the services' own structures. */
import type { Json } from '../../types.ts'

export type Item = { [member: string]: Json }

/** Of one account and region. Configured tables carry their rule, associations theirs. Times are seconds, as on the wire. */
export type AccountState = {
  configuredTables: (Item & { id: string; name: string; rule: { type: string; policy: Item; time: number } | null })[]
  associations: (Item & {
    id: string
    name: string
    membershipId: string
    configuredTableId: string
    rule: { type: string; policy: Item; time: number } | null
  })[]
  schemaMappings: (Item & { schemaName: string })[]
  idNamespaces: (Item & { idNamespaceName: string })[]
}

/** An account with nothing in it. */
export function emptyState(): AccountState {
  return { configuredTables: [], associations: [], schemaMappings: [], idNamespaces: [] }
}

/** What a service answers in place of a result: an error of its model, with its status. */
export class ServiceFailure extends Error {
  readonly status: number
  readonly members: Item
  constructor(name: string, status: number, message: string, members: Item = {}) {
    super(message)
    this.name = name
    this.status = status
    this.members = members
  }
}

/** What an operation gets: the label values of its URI, its query, its body, and the account. */
export type Call = {
  labels: Record<string, string>
  query: Record<string, string>
  body: Item
  state: AccountState
  /** Seconds since 1970. */
  time: number
  newId: () => string
  account: string
  region: string
  membership: { id: string; collaboration: string }
  /** Entries of one page at most. */
  pageItemsMax: number
  /** One association of a table in a membership. */
  associatesOnce: boolean
  /** Configured tables of one name. */
  allowsTwins: boolean
}
export type Operation = (call: Call) => Item | Promise<Item>

/** One page of a list; the token is where the next begins. */
export function page<T>(items: readonly T[], call: Call, most: string | undefined, token: string | undefined) {
  const start = token === undefined ? 0 : Number(token)
  if (!Number.isInteger(start) || start < 0 || start > items.length)
    throw new ServiceFailure('ValidationException', 400, `nextToken ${token} is not valid`)
  const end = start + Math.min(call.pageItemsMax, Number(most ?? call.pageItemsMax))
  return { items: items.slice(start, end), nextToken: end < items.length ? String(end) : undefined }
}

/** A copy without the members named and without those that are undefined. */
export function without(item: Item, ...names: string[]): Item {
  return Object.fromEntries(
    Object.entries(item).filter(([name, value]) => value !== undefined && !names.includes(name)),
  )
}

/** Those members of a request that are there. */
export function given(body: Item, ...names: string[]): Item {
  return Object.fromEntries(names.flatMap((name) => (body[name] === undefined ? [] : [[name, body[name] as Json]])))
}

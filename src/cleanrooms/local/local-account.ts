/**
 * An account in a folder: the three services behind the real SDK clients, at the level of HTTP. Serialising, parsing, paging and
 * retrying are the SDK's own; only the network is not there. Kept in `_millrace/cleanrooms/account.json`; its Glue is the root's catalog.
 */
import { randomUUID } from 'node:crypto'
import type { GlueCatalog } from '../../catalogs/glue-catalog.ts'
import { MillraceError, messageOf } from '../../errors.ts'
import type { Store } from '../../store.ts'
import type { Answer, ServiceName, WireRequest, WireResponse } from '../account.ts'
import type { CleanRoomsEnvironment } from '../definition.ts'
import { membershipOperations } from './associations.ts'
import { configuredTableOperations } from './configured-tables.ts'
import { withDefaults } from './defaults.ts'
import { entityResolutionOperations } from './entity-resolution.ts'
import { glueOperations } from './glue.ts'
import { type AccountState, type Call, emptyState, type Item, type Operation, ServiceFailure } from './state.ts'

/** Where the account's state lies below the root. */
export const localAccountFile = '_millrace/cleanrooms/account.json'

export type LocalAccountOptions = {
  pageItemsMax?: number
  associatesOnce?: boolean
  allowsTwins?: boolean
  /** Answers say what the services do untold, and have their lists in another order. */
  echoesDefaults?: boolean
  now?: () => Date
}
type AccountStore = Pick<Store, 'kind' | 'readText' | 'replace'>

const pageItemsMaxDefault = 100

/** Answers for one account and region, whose membership is the environment's. Other accounts of the same file stay as they are. */
export function localAccount(
  store: AccountStore,
  catalog: GlueCatalog,
  environment: CleanRoomsEnvironment,
  options: LocalAccountOptions = {},
): Answer {
  const { account, region, membership, collaboration } = environment
  const key = `${account}/${region}`
  let turn: Promise<unknown> = Promise.resolve()
  const answer = async (service: ServiceName, request: WireRequest): Promise<WireResponse> => {
    const file = await readAccounts(store)
    const state = file[key] ?? emptyState()
    const before = JSON.stringify(state)
    const time = Math.floor((options.now?.() ?? new Date()).getTime() / 1000)
    const world = {
      ...{ state, time, account, region, newId: () => randomUUID() },
      membership: { id: membership, collaboration },
      pageItemsMax: options.pageItemsMax ?? pageItemsMaxDefault,
      associatesOnce: options.associatesOnce ?? false,
      allowsTwins: options.allowsTwins ?? false,
      echoesDefaults: options.echoesDefaults ?? false,
    }
    const response = await respond(service, request, catalog, world)
    if (JSON.stringify(state) !== before)
      await store.replace(localAccountFile, `${JSON.stringify({ ...file, [key]: state }, null, 2)}\n`)
    return response
  }
  // One after the other: each reads the state that the one before it left.
  return async (service, request) => {
    const next = turn.then(() => answer(service, request))
    turn = next.catch(() => undefined)
    return await next
  }
}

async function readAccounts(store: AccountStore): Promise<Record<string, AccountState>> {
  if ((await store.kind(localAccountFile)) !== 'file') return {}
  try {
    const accounts = JSON.parse(await store.readText(localAccountFile)) as Record<string, AccountState>
    // A person who takes a rule away takes its line away.
    for (const { configuredTables, associations } of Object.values(accounts))
      for (const owner of [...configuredTables, ...associations]) owner.rule ??= null
    return accounts
  } catch (error) {
    const text = `${localAccountFile}  is damaged: ${messageOf(error)}. Move it away; apply makes everything anew`
    throw new MillraceError('storage', text, { cause: error })
  }
}

type World = Omit<Call, 'labels' | 'query' | 'body'> & { echoesDefaults: boolean }

async function respond(
  service: ServiceName,
  request: WireRequest,
  catalog: GlueCatalog,
  world: World,
): Promise<WireResponse> {
  try {
    const query = Object.fromEntries(Object.entries(request.query ?? {}).map(([name, value]) => [name, String(value)]))
    const rest = { ...world, query, body: bodyOf(request) }
    if (service === 'glue') {
      const operation = glueOperations[targetOf(request)]
      if (operation === undefined) throw unknownOperation(request)
      return json(service, 200, await operation(catalog, { ...rest, labels: {} }))
    }
    const { labels, operation } = route(
      service === 'cleanrooms' ? [...membershipOperations, ...configuredTableOperations] : entityResolutionOperations,
      request,
    )
    const isBodyless = service === 'cleanrooms' && request.method === 'DELETE'
    const result = await operation({ ...rest, labels })
    const said = world.echoesDefaults ? withDefaults(result, world.region) : result
    return json(service, isBodyless ? 204 : 200, said)
  } catch (error) {
    if (!(error instanceof ServiceFailure)) throw error
    return failed(service, error)
  }
}

/** The answer of a service that failed, as it goes over the wire. */
export function failed(service: ServiceName, failure: ServiceFailure): WireResponse {
  const type = service === 'glue' ? { __type: failure.name } : {}
  const message = service === 'glue' ? { Message: failure.message } : { message: failure.message }
  const response = json(service, failure.status, { ...type, ...message, ...failure.members })
  return { ...response, headers: { ...response.headers, 'x-amzn-errortype': failure.name } }
}

function route(operations: readonly [string, string, Operation][], request: WireRequest) {
  const path = request.path.split('/')
  for (const [method, template, operation] of operations) {
    const parts = template.split('/')
    if (method !== request.method || parts.length !== path.length) continue
    const labels: Record<string, string> = {}
    const fits = parts.every((part, index) => {
      const value = decodeURIComponent(path[index] as string)
      if (!part.startsWith('{')) return part === value
      labels[part.slice(1, -1)] = value
      return true
    })
    if (fits) return { labels, operation }
  }
  throw unknownOperation(request)
}

function unknownOperation(request: WireRequest): MillraceError {
  const what = request.headers['x-amz-target'] ?? `${request.method} ${request.path}`
  return new MillraceError('service', `the local account does not know ${what}`)
}

function targetOf({ headers }: WireRequest): string {
  return (headers['x-amz-target'] ?? '').replace(/^AWSGlue\./, '')
}

function bodyOf({ body }: WireRequest): Item {
  if (body === undefined || body === null || body === '') return {}
  const text = body instanceof Uint8Array ? new TextDecoder().decode(body) : String(body)
  return JSON.parse(text) as Item
}

function json(service: ServiceName, statusCode: number, value: Item): WireResponse {
  const type = service === 'glue' ? 'application/x-amz-json-1.1' : 'application/json'
  const body = statusCode === 204 ? new Uint8Array() : new TextEncoder().encode(JSON.stringify(value))
  return { statusCode, headers: { 'content-type': type }, body }
}

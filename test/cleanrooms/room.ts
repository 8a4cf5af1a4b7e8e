/** A root with `part_` tables in its catalog, a definition over them, and an account whose every request is held against the models. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import { parquetStorage } from '../../src/catalogs/glue-catalog.ts'
import localGlueCatalog from '../../src/catalogs/local-glue-catalog.ts'
import { type Answer, openAccount, type WireRequest } from '../../src/cleanrooms/account.ts'
import { applyCleanRooms } from '../../src/cleanrooms/apply.ts'
import {
  type CleanRooms,
  type CleanRoomsOptions,
  cleanRoomsEnvironment,
  defineCleanRooms,
} from '../../src/cleanrooms/definition.ts'
import {
  failed,
  type LocalAccountOptions,
  localAccount,
  localAccountFile,
} from '../../src/cleanrooms/local/local-account.ts'
import { type AccountState, ServiceFailure } from '../../src/cleanrooms/local/state.ts'
import { planCleanRooms } from '../../src/cleanrooms/plan.ts'
import folderStore from '../../src/stores/folder.ts'
import { modelProblems, serviceModels } from './model.ts'

export const models = serviceModels()
export const providers = ['444444444444', '555555555555']
const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** A definition as the flywheel's, with every kind of resource. */
export const options: CleanRoomsOptions = {
  name: 'sample',
  environments: {
    dev: {
      account: '111111111111',
      region: 'us-east-1',
      database: 'omc_dev',
      collaboration: '11111111-1111-4111-8111-111111111111',
      membership: '22222222-2222-4222-8222-222222222222',
      role: 'arn:aws:iam::111111111111:role/clean-rooms',
      entityResolutionRole: 'arn:aws:iam::111111111111:role/entity-resolution',
    },
  },
  tables: { prefix: 'part_' },
  analysisProviders: providers,
  configuredTable: {
    description: '{table} in {env}',
    analysisRule: { type: 'CUSTOM', allowedAnalyses: ['ANY_QUERY'], allowedAnalysisProviders: providers },
  },
  association: { name: 'acx_{table}', oldNames: ['{table}'], resultReceivers: ['555555555555'] },
  entityResolution: {
    uniqueId: 'customer_user_id',
    inputFields: [
      { columns: ['email', '*_email'], type: 'EMAIL_ADDRESS', matchKey: 'email' },
      { columns: ['phone'], type: 'PHONE_NUMBER', matchKey: 'phone' },
    ],
    idNamespaces: [{ name: 'acx-{env}', type: 'SOURCE' }],
  },
}

export type Tables = Record<string, string[]>
export const threeTables: Tables = {
  part_addressable_ids: ['customer_user_id', 'email', 'work_email', 'phone'],
  part_ibe_01_a: ['customer_user_id', 'ibe1_a', 'ibe1_b'],
  part_ibe_02_a: ['customer_user_id', 'ibe2_a'],
}

export type Room = Awaited<ReturnType<typeof openRoom>>
type Intercept = (request: WireRequest, isMutating: boolean) => 'fail' | 'lose' | 'reset' | 'throttle' | 'answer'

/** A root of its own, removed after the test. */
export async function openRoom(tables: Tables = threeTables, account: LocalAccountOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-rooms-'))
  folders.push(folder)
  const store = folderStore(folder)
  const catalog = localGlueCatalog(store)
  await catalog.createDatabase({ Name: 'omc_dev' })
  for (const [name, columns] of Object.entries(tables)) await addTable(catalog, name, columns)
  const environment = cleanRoomsEnvironment(defineCleanRooms(options), 'dev')
  const requests: string[] = []
  const problems: string[] = []
  const open = async (intercept: Intercept = () => 'answer', attemptsMax = 1) => {
    const answer = localAccount(store, catalog, environment, account)
    const watched: Answer = async (service, request) => {
      const target = request.headers['x-amz-target']
      const isMutating = target === undefined ? request.method !== 'GET' : !target.startsWith('AWSGlue.Get')
      const what = intercept(request, isMutating)
      if (what === 'throttle')
        return failed(service, new ServiceFailure('ThrottlingException', service === 'glue' ? 400 : 429, 'slow down'))
      if (what === 'fail')
        return failed(service, new ServiceFailure('AccessDeniedException', service === 'glue' ? 400 : 403, 'not now'))
      const response = await answer(service, request)
      requests.push(target ?? `${request.method} ${request.path}`)
      if (models !== null) problems.push(...modelProblems(models, service, request, response))
      if (what === 'lose') throw new Error('the connection was lost')
      if (what === 'reset') throw Object.assign(new Error('the connection was reset'), { code: 'ECONNRESET' })
      return response
    }
    return await openAccount(environment, 'test', { answer: watched, attemptsMax })
  }
  return { folder, store, catalog, environment, requests, problems, open }
}

/** A partitioned table of text columns with the partitions given, oldest first. */
export async function addTable(
  catalog: ReturnType<typeof localGlueCatalog>,
  name: string,
  columns: readonly string[],
  snapshots = ['2025-01-15', '2025-02-15'],
): Promise<void> {
  const storage = parquetStorage(
    `split_part/${name}/`,
    columns.map((Name) => ({ Name, Type: 'string' })),
  )
  await catalog.createTable({
    DatabaseName: 'omc_dev',
    Name: name,
    TableType: 'EXTERNAL_TABLE',
    PartitionKeys: [{ Name: 'snapshot_dt', Type: 'string' }],
    Parameters: { classification: 'parquet' },
    StorageDescriptor: storage,
  })
  await catalog.createPartitions(
    'omc_dev',
    name,
    snapshots.map((date) => ({
      Values: [date],
      StorageDescriptor: { ...storage, Location: `split_part/${name}/snapshot_dt=${date}/` },
    })),
  )
}

/** The definition with some of its options otherwise. */
export function definitionWith(other: Partial<CleanRoomsOptions> = {}): CleanRooms {
  return defineCleanRooms({ ...options, ...other })
}

/** Plans and applies; gives what was changed, one line each. */
export async function apply(
  room: Room,
  definition: CleanRooms,
  { prune = false, account }: { prune?: boolean; account?: Awaited<ReturnType<Room['open']>> } = {},
): Promise<string[]> {
  const opened = account ?? (await room.open())
  const { made } = await applyCleanRooms(definition, 'dev', opened, { prune })
  return made.map(({ action, kind, name }) => `${action} ${kind} ${name}`)
}

/** The body of a request. */
export function textOf({ body }: WireRequest): string {
  return body instanceof Uint8Array ? new TextDecoder().decode(body) : String(body ?? '')
}

/** The identifier of what counts under a name. */
export async function idOf(room: Room, kind: string, name: string): Promise<string> {
  const { observed } = await planCleanRooms(definitionWith(), 'dev', await room.open())
  return observed.resources.find((each) => each.kind === kind && each.name === name)?.id as string
}

/** Changes the local account's file, as no request could. */
export async function changeState(room: Room, change: (state: AccountState) => void): Promise<void> {
  const file = JSON.parse(await room.store.readText(localAccountFile)) as Record<string, AccountState>
  change(file['111111111111/us-east-1'] as AccountState)
  await room.store.replace(localAccountFile, JSON.stringify(file))
}

/** What there is, without identifiers. */
export async function contents(room: Room, definition: CleanRooms): Promise<unknown> {
  const { observed } = await planCleanRooms(definition, 'dev', await room.open())
  const all = [...observed.resources, ...observed.duplicates].map(({ kind, name, fields }) => ({ kind, name, fields }))
  return all.sort((a, b) => (`${a.kind} ${a.name}` < `${b.kind} ${b.name}` ? -1 : 1))
}

/** The endpoints of the REST catalog: what each does with the catalog. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { hasCode } from '../errors.ts'
import { tableText } from './folder-catalog.ts'
import { localPath } from './local-files.ts'
import { newMetadata } from './metadata.ts'
import { RestError } from './rest-errors.ts'
import type {
  Catalog,
  LoadedTable,
  NewTable,
  PartitionField,
  PartitionSpec,
  Requirement,
  Schema,
  SortOrder,
  TableIdentifier,
  Update,
} from './types.ts'

/** A request taken apart; `segments` are those of the path after `v1`, `parameters` the parts in braces. */
export type RestRequest = {
  method: string
  segments: string[]
  query: URLSearchParams
  body: Record<string, unknown>
  parameters: Record<string, string>
}

/** An endpoint; its answer is JSON, or undefined for nothing. */
export type Route = {
  method: string
  path: string
  answer: (catalog: Catalog, request: RestRequest) => Promise<unknown>
}

const tablePath = 'namespaces/{namespace}/tables/{table}'

/** All endpoints; `GET config` tells clients of the others. */
export const routes: readonly Route[] = [
  { method: 'GET', path: 'config', answer: async () => ({ defaults: {}, overrides: {}, endpoints: endpoints() }) },
  {
    method: 'GET',
    path: 'namespaces',
    answer: async (catalog, { query }) => {
      // Namespaces have no namespaces in them.
      if (query.has('parent')) await requireNamespace(catalog, query.get('parent') as string)
      const names = query.has('parent') ? [] : await catalog.namespaces()
      return { namespaces: names.map((name) => [name]) }
    },
  },
  {
    method: 'POST',
    path: 'namespaces',
    answer: async (catalog, { body }) => {
      const namespace = namespaceOf(body.namespace)
      await catalog.createNamespace(namespace)
      return { namespace: [namespace], properties: {} }
    },
  },
  {
    method: 'GET',
    path: 'namespaces/{namespace}',
    answer: async (catalog, { parameters }) => {
      await requireNamespace(catalog, parameters.namespace as string)
      return { namespace: [parameters.namespace], properties: {} }
    },
  },
  {
    method: 'HEAD',
    path: 'namespaces/{namespace}',
    answer: (catalog, { parameters }) => requireNamespace(catalog, parameters.namespace as string),
  },
  {
    method: 'DELETE',
    path: 'namespaces/{namespace}',
    answer: async (catalog, { parameters }) => {
      const namespace = parameters.namespace as string
      await requireNamespace(catalog, namespace)
      if ((await catalog.tables(namespace)).length > 0) {
        throw new RestError(
          409,
          'NamespaceNotEmptyException',
          `namespace ${namespace} is not empty; drop its tables first`,
        )
      }
      await catalog.dropNamespace(namespace)
    },
  },
  {
    method: 'POST',
    path: 'namespaces/{namespace}/properties',
    answer: async (catalog, { parameters }) => {
      await requireNamespace(catalog, parameters.namespace as string)
      throw new RestError(406, 'UnsupportedOperationException', 'namespaces have no properties in this catalog')
    },
  },
  {
    method: 'GET',
    path: 'namespaces/{namespace}/tables',
    answer: async (catalog, { parameters }) => {
      await requireNamespace(catalog, parameters.namespace as string)
      const tables = await catalog.tables(parameters.namespace as string)
      return { identifiers: tables.map(({ namespace, name }) => ({ namespace: [namespace], name })) }
    },
  },
  { method: 'POST', path: 'namespaces/{namespace}/tables', answer: createTable },
  {
    method: 'GET',
    path: tablePath,
    answer: async (catalog, request) => loadResult(await catalog.load(named(catalog, request))),
  },
  {
    method: 'HEAD',
    path: tablePath,
    answer: async (catalog, request) => void (await catalog.load(named(catalog, request))),
  },
  {
    method: 'POST',
    path: tablePath,
    answer: async (catalog, request) => {
      const { requirements, updates } = changeOf(request.body)
      const { metadataLocation, metadata } = await catalog.commit(named(catalog, request), requirements, updates)
      return { 'metadata-location': metadataLocation, metadata }
    },
  },
  { method: 'DELETE', path: tablePath, answer: (catalog, request) => catalog.drop(named(catalog, request)) },
  // Reports of scans and commits: there is nobody to read them, and without it clients would complain.
  { method: 'POST', path: `${tablePath}/metrics`, answer: async () => undefined },
  { method: 'POST', path: 'transactions/commit', answer: commitTransaction },
  {
    method: 'POST',
    path: 'tables/rename',
    answer: async () => {
      throw new RestError(
        406,
        'UnsupportedOperationException',
        'tables cannot be renamed here: their files name their folder',
      )
    },
  },
]

function endpoints(): string[] {
  return routes.filter(({ path }) => path !== 'config').map(({ method, path }) => `${method} /v1/{prefix}/${path}`)
}

async function requireNamespace(catalog: Catalog, namespace: string): Promise<void> {
  const known = await catalog.namespaces()
  if (known.includes(namespace)) return
  const text = known.join(', ') || 'there are none'
  throw new RestError(404, 'NoSuchNamespaceException', `there is no namespace ${namespace} (${text})`)
}

/** A name that no table can have is one that is not there: Spark asks for `table.snapshots` in this way. */
function named(catalog: Catalog, { parameters }: RestRequest): TableIdentifier {
  const table = { namespace: parameters.namespace as string, name: parameters.table as string }
  try {
    catalog.location(table)
    return table
  } catch (error) {
    if (hasCode(error, 'usage')) throw new RestError(404, 'NoSuchTableException', error.message)
    throw error
  }
}

function namespaceOf(value: unknown): string {
  if (Array.isArray(value) && value.length === 1 && typeof value[0] === 'string') return value[0]
  throw badRequest('a namespace has exactly one level here')
}

function badRequest(message: string): RestError {
  return new RestError(400, 'BadRequestException', message)
}

function loadResult({ metadataLocation, metadata }: LoadedTable): unknown {
  return { 'metadata-location': metadataLocation, metadata, config: {} }
}

function changeOf({ requirements = [], updates = [] }: Record<string, unknown>): {
  requirements: Requirement[]
  updates: Update[]
} {
  if (Array.isArray(requirements) && Array.isArray(updates)) return { requirements, updates }
  throw badRequest('requirements and updates must be lists')
}

async function createTable(catalog: Catalog, { body, parameters }: RestRequest): Promise<unknown> {
  const { name, schema } = body
  const namespace = parameters.namespace as string
  await requireNamespace(catalog, namespace)
  if (typeof name !== 'string' || typeof schema !== 'object' || schema === null) {
    throw badRequest('a new table needs a name and a schema')
  }
  const table = { namespace, name }
  const definition: NewTable = {
    schema: schema as Schema,
    spec: ((body['partition-spec'] ?? {}) as Partial<PartitionSpec>).fields ?? ([] as PartitionField[]),
    sortOrder: ((body['write-order'] ?? {}) as Partial<SortOrder>).fields ?? [],
    properties: (body.properties ?? {}) as Record<string, string>,
  }
  checkVersion(definition)
  const location = catalog.location(table)
  if (typeof body.location === 'string' && localPath(body.location.replace(/(?<=.)\/+$/, '')) !== location) {
    throw badRequest(`the location ${body.location} is refused: in this catalog the table lies at ${location}`)
  }
  if (body['stage-create'] !== true) return loadResult(await catalog.create(table, definition))
  if ((await catalog.tables(namespace)).some((known) => known.name === name)) {
    throw new RestError(409, 'AlreadyExistsException', `table ${tableText(table)} exists already`)
  }
  // Nothing is stored: the client sends it all again with the commit that makes the table. It writes files before that,
  // and DuckDB makes no folder for them.
  for (const folder of ['metadata', 'data']) fs.mkdirSync(path.join(localPath(location), folder), { recursive: true })
  return { metadata: newMetadata(definition, location, Date.now()), config: {} }
}

/** Clients give the version as a property; it is none, but a part of the metadata. */
function checkVersion(definition: NewTable): void {
  const { 'format-version': version = '2', ...properties } = definition.properties ?? {}
  if (version !== '2') throw badRequest(`format version ${version} is refused; Millrace reads and writes version 2`)
  definition.properties = properties
}

/** Of one table only: a folder has no step that commits several at once, and half a transaction is none. */
async function commitTransaction(catalog: Catalog, { body }: RestRequest): Promise<void> {
  const changes = body['table-changes']
  if (!Array.isArray(changes) || changes.length === 0) throw badRequest('table-changes must be a list')
  if (changes.length > 1)
    throw badRequest('a transaction over several tables is refused; commit them one after the other')
  const change = changes[0] as Record<string, unknown>
  const identifier = change.identifier as { namespace?: unknown; name?: unknown } | undefined
  if (typeof identifier?.name !== 'string') throw badRequest('a change of a table needs its identifier')
  const { requirements, updates } = changeOf(change)
  await catalog.commit({ namespace: namespaceOf(identifier.namespace), name: identifier.name }, requirements, updates)
}

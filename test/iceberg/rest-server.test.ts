import * as fs from 'node:fs'
import * as path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FolderCatalog, folderCatalog } from '../../src/iceberg/folder-catalog.ts'
import { parseJson, writeJson } from '../../src/iceberg/json.ts'
import { type CatalogServer, serveCatalog } from '../../src/iceberg/rest-server.ts'
import { columns, temporaryFolder } from './lake.ts'

let catalog: FolderCatalog
let server: CatalogServer
const failures: unknown[] = []
beforeAll(async () => {
  catalog = folderCatalog(temporaryFolder())
  server = await serveCatalog(catalog, { port: 0, onError: (error) => failures.push(error) })
})
afterAll(() => server.close())

type Answer = {
  status: number
  body: Record<string, never> & { error?: { type: string; message: string; code: number } }
}

async function ask(method: string, at: string, body?: unknown): Promise<Answer> {
  const response = await fetch(`${server.url}/v1/${at}`, {
    method,
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : writeJson(body) }),
  })
  const text = await response.text()
  return { status: response.status, body: (text === '' ? {} : parseJson(text, at)) as Answer['body'] }
}

const schema = { type: 'struct', fields: columns({ id: 'long', name: 'string' }) }
const tables = 'namespaces/farm/tables'

describe('the REST catalog', () => {
  it('says which endpoints it has', async () => {
    const { status, body } = await ask('GET', 'config?warehouse=x')
    expect(status).toBe(200)
    expect(body.endpoints).toContain('POST /v1/{prefix}/namespaces/{namespace}/tables/{table}')
    expect(body.endpoints).toContain('POST /v1/{prefix}/transactions/commit')
  })

  it('makes, lists and drops namespaces', async () => {
    expect(await ask('POST', 'namespaces', { namespace: ['farm'] })).toMatchObject({
      status: 200,
      body: { namespace: ['farm'] },
    })
    expect(await ask('POST', 'namespaces', { namespace: ['farm'] })).toMatchObject({
      status: 409,
      body: { error: { type: 'AlreadyExistsException' } },
    })
    expect(await ask('POST', 'namespaces', { namespace: ['a', 'b'] })).toMatchObject({ status: 400 })
    expect(await ask('POST', 'namespaces', { namespace: ['../x'] })).toMatchObject({ status: 400 })
    expect((await ask('GET', 'namespaces')).body).toEqual({ namespaces: [['farm']] })
    expect((await ask('GET', 'namespaces?parent=farm')).body).toEqual({ namespaces: [] })
    expect(await ask('HEAD', 'namespaces/farm')).toMatchObject({ status: 204 })
    expect(await ask('HEAD', 'namespaces/none')).toMatchObject({ status: 404 })
    expect(await ask('GET', 'namespaces/none')).toMatchObject({
      status: 404,
      body: { error: { type: 'NoSuchNamespaceException', code: 404 } },
    })
    await ask('POST', 'namespaces', { namespace: ['gone'] })
    expect(await ask('DELETE', 'namespaces/gone')).toMatchObject({ status: 204 })
    expect(await ask('DELETE', 'namespaces/gone')).toMatchObject({ status: 404 })
  })

  it('creates tables, at once or staged, where the catalog keeps them', async () => {
    const created = await ask('POST', tables, { name: 'tracts', schema, properties: { a: 'b', 'format-version': '2' } })
    expect(created).toMatchObject({
      status: 200,
      body: {
        'metadata-location': path.join(catalog.folder, 'farm/tracts/metadata/v1.metadata.json'),
        metadata: { properties: { a: 'b' } },
      },
    })
    expect(await ask('POST', tables, { name: 'tracts', schema })).toMatchObject({
      status: 409,
      body: { error: { type: 'AlreadyExistsException' } },
    })
    expect(await ask('POST', tables, { name: 'x', schema, location: '/elsewhere' })).toMatchObject({ status: 400 })
    expect(await ask('POST', tables, { name: 'x', schema, properties: { 'format-version': '3' } })).toMatchObject({
      status: 400,
    })
    expect(await ask('POST', 'namespaces/none/tables', { name: 'x', schema })).toMatchObject({
      status: 404,
      body: { error: { type: 'NoSuchNamespaceException' } },
    })
    const staged = await ask('POST', tables, { name: 'later', schema, 'stage-create': true })
    expect(staged).toMatchObject({
      status: 200,
      body: { metadata: { location: path.join(catalog.folder, 'farm/later') } },
    })
    expect((await ask('GET', tables)).body).toEqual({ identifiers: [{ namespace: ['farm'], name: 'tracts' }] })
    const updates = [
      { action: 'assign-uuid', uuid: '5d0e0f0a-0000-4000-8000-000000000001' },
      { action: 'upgrade-format-version', 'format-version': 2 },
      { action: 'add-schema', schema: { ...schema, 'schema-id': 0 }, 'last-column-id': 2 },
      { action: 'set-current-schema', 'schema-id': -1 },
      { action: 'add-spec', spec: { 'spec-id': 0, fields: [] } },
      { action: 'set-default-spec', 'spec-id': -1 },
      { action: 'set-location', location: path.join(catalog.folder, 'farm/later') },
    ]
    const change = {
      identifier: { namespace: ['farm'], name: 'later' },
      requirements: [{ type: 'assert-create' }],
      updates,
    }
    expect(await ask('POST', 'transactions/commit', { 'table-changes': [change] })).toMatchObject({ status: 204 })
    expect(await ask('POST', `${tables}/later`, change)).toMatchObject({
      status: 409,
      body: { error: { type: 'AlreadyExistsException' } },
    })
    expect(await ask('POST', 'transactions/commit', { 'table-changes': [change, change] })).toMatchObject({
      status: 400,
    })
    expect(await ask('DELETE', `${tables}/later?purgeRequested=true`)).toMatchObject({ status: 204 })
  })

  it('commits with every digit of a snapshot id, and tells a lost race', async () => {
    const id = 2n ** 63n - 1n
    const snapshot = {
      'snapshot-id': id,
      'sequence-number': 1,
      'timestamp-ms': 5,
      summary: { operation: 'append' },
      'manifest-list': '/x.avro',
    }
    const body = {
      requirements: [{ type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': null }],
      updates: [
        { action: 'add-snapshot', snapshot },
        { action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': id },
      ],
    }
    expect(await ask('POST', `${tables}/tracts`, body)).toMatchObject({
      status: 200,
      body: { metadata: { 'current-snapshot-id': id } },
    })
    expect(await ask('POST', `${tables}/tracts`, body)).toMatchObject({
      status: 409,
      body: {
        error: {
          type: 'CommitFailedException',
          code: 409,
          message: expect.stringContaining(`the snapshot of main is ${id}, none was expected`),
        },
      },
    })
    expect((await ask('GET', `${tables}/tracts?snapshots=refs`)).body).toMatchObject({
      metadata: { snapshots: [snapshot] },
      config: {},
    })
    expect(await ask('HEAD', `${tables}/tracts`)).toMatchObject({ status: 204 })
    expect(await ask('GET', `${tables}/none`)).toMatchObject({
      status: 404,
      body: { error: { type: 'NoSuchTableException' } },
    })
    expect(await ask('POST', `${tables}/tracts/metrics`, { 'report-type': 'scan-report' })).toMatchObject({
      status: 204,
    })
  })

  it('does not have a table of a name that none can have, so that Spark looks for a metadata table', async () => {
    for (const [method, at] of [
      ['GET', 'namespaces/farm%1Ft/tables/snapshots'],
      ['HEAD', 'namespaces/farm/tables/a%20b'],
    ] as const) {
      expect(await ask(method, at)).toMatchObject({ status: 404 })
    }
    expect(await ask('GET', 'namespaces/farm%1Ft/tables/snapshots')).toMatchObject({
      body: { error: { type: 'NoSuchTableException' } },
    })
  })

  it('makes the folders of a staged table, which is none before its first commit', async () => {
    const { body } = await ask('POST', tables, { name: 'later', schema, 'stage-create': true })
    const location = (body.metadata as unknown as { location: string }).location
    expect(fs.readdirSync(location).sort()).toEqual(['data', 'metadata'])
    expect(await ask('HEAD', `${tables}/later`)).toMatchObject({ status: 404 })
    expect((await ask('GET', tables)).body.identifiers).not.toContainEqual({ namespace: ['farm'], name: 'later' })
  })

  it('refuses in its own words what it cannot do', async () => {
    expect(await ask('POST', 'tables/rename', {})).toMatchObject({
      status: 406,
      body: { error: { type: 'UnsupportedOperationException' } },
    })
    expect(await ask('POST', 'namespaces/farm/properties', {})).toMatchObject({ status: 406 })
    expect(await ask('DELETE', 'namespaces/farm')).toMatchObject({
      status: 409,
      body: { error: { type: 'NamespaceNotEmptyException' } },
    })
    expect(await ask('GET', 'views')).toMatchObject({
      status: 404,
      body: { error: { type: 'NoSuchEndpointException' } },
    })
    expect(await ask('POST', `${tables}/tracts`, '{"updates":')).toMatchObject({ status: 400 })
    expect(await ask('POST', `${tables}/tracts`, '[]')).toMatchObject({ status: 400 })
    expect(await ask('POST', `${tables}/tracts`, { updates: [{ action: 'nonsense' }] })).toMatchObject({
      status: 400,
      body: { error: { message: 'the update nonsense is not supported' } },
    })
    expect(await ask('GET', 'namespaces/%2e%2e%2fetc/tables')).toMatchObject({ status: 404 })
    expect(await ask('GET', 'namespaces/%zz')).toMatchObject({ status: 400 })
    expect((await fetch(`${server.url}/v2/config`)).status).toBe(404)
    const fromPage = { headers: { origin: 'https://example.org' } }
    expect((await fetch(`${server.url}/v1/namespaces`, fromPage)).status).toBe(403)
    expect(failures).toEqual([])
  })

  it('cannot listen where something else does', async () => {
    const port = Number(new URL(server.url).port)
    await expect(serveCatalog(catalog, { port })).rejects.toThrow(`127.0.0.1:${port} cannot be listened on`)
  })
})

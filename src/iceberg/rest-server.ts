/**
 * An Iceberg REST catalog over any other catalog, through which Spark, Trino, PyIceberg and DuckDB read and write the same
 * tables beside Millrace. It answers on this machine only and asks for no credentials.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hasCode, MillraceError, messageOf } from '../errors.ts'
import { parseJson, writeJson } from './json.ts'
import { RestError, restError } from './rest-errors.ts'
import { type RestRequest, routes } from './rest-routes.ts'
import type { Catalog } from './types.ts'

/** Where a catalog is served. `onError` hears of what is not a client's mistake. */
export type ServeOptions = { port?: number; host?: string; onError?: (error: unknown) => void }

/** A catalog that is being served, at `url`; `close` ends it once what has begun is answered. */
export type CatalogServer = { url: string; close(): Promise<void> }

const bodyBytesMax = 64 * 2 ** 20 // schemas and snapshots are small; more is a mistake

/** Serves a catalog. Throws `usage` when the port is taken. */
export async function serveCatalog(catalog: Catalog, options: ServeOptions = {}): Promise<CatalogServer> {
  const { port = 8181, host = '127.0.0.1', onError = () => {} } = options
  const server = createServer((request, response) => {
    void answer(catalog, request, response, onError)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        new MillraceError('usage', `${host}:${port} cannot be listened on: ${messageOf(error)}. Choose another port`, {
          cause: error,
        }),
      ),
    )
    server.listen(port, host, resolve)
  })
  const { port: bound } = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeIdleConnections()
      }),
  }
}

async function answer(
  catalog: Catalog,
  request: IncomingMessage,
  response: ServerResponse,
  onError: (error: unknown) => void,
): Promise<void> {
  try {
    const parsed = await parseRequest(request)
    const body = await dispatch(catalog, parsed)
    send(response, request, body === undefined ? 204 : 200, body)
  } catch (error) {
    const { status, body } = restError(error)
    if (status >= 500) onError(error)
    send(response, request, status, body)
  }
}

function send(response: ServerResponse, request: IncomingMessage, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(body === undefined || request.method === 'HEAD' ? undefined : writeJson(body))
}

async function dispatch(catalog: Catalog, request: RestRequest): Promise<unknown> {
  const { method, segments } = request
  for (const route of routes) {
    const parameters = route.method === method ? match(route.path, segments) : null
    if (parameters !== null) return await route.answer(catalog, { ...request, parameters })
  }
  throw new RestError(404, 'NoSuchEndpointException', `there is no ${method} /v1/${segments.join('/')} here`)
}

/** The values of the parts in braces. */
function match(path: string, segments: readonly string[]): Record<string, string> | null {
  const parts = path.split('/')
  if (parts.length !== segments.length) return null
  const parameters: Record<string, string> = {}
  for (const [index, part] of parts.entries()) {
    const segment = segments[index] as string
    if (part.startsWith('{')) parameters[part.slice(1, -1)] = segment
    else if (part !== segment) return null
  }
  return parameters
}

async function parseRequest(request: IncomingMessage): Promise<RestRequest> {
  // Whatever page is open in a browser can send requests to this machine; clients of a catalog name no origin.
  if (request.headers.origin !== undefined) {
    throw new RestError(403, 'ForbiddenException', `requests from web pages (${request.headers.origin}) are refused`)
  }
  const url = new URL(request.url ?? '/', 'http://localhost')
  const [version, ...segments] = url.pathname
    .split('/')
    .filter((segment) => segment !== '')
    .map(decoded)
  if (version !== 'v1')
    throw new RestError(404, 'NoSuchEndpointException', `there is no ${url.pathname} here; all begins with /v1`)
  const text = await readBody(request)
  const method = request.method ?? 'GET'
  return { method, segments, query: url.searchParams, body: text === '' ? {} : bodyOf(text), parameters: {} }
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw new RestError(400, 'BadRequestException', `${JSON.stringify(segment)} is no part of a path`)
  }
}

function bodyOf(text: string): Record<string, unknown> {
  const body = ((): unknown => {
    try {
      return parseJson(text, 'the request')
    } catch (error) {
      if (hasCode(error, 'input-unreadable')) throw new RestError(400, 'BadRequestException', error.message)
      throw error
    }
  })()
  if (body !== null && typeof body === 'object' && !Array.isArray(body)) return body as Record<string, unknown>
  throw new RestError(400, 'BadRequestException', 'the request is no JSON object')
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > bodyBytesMax)
      throw new RestError(413, 'BadRequestException', `the request is longer than ${bodyBytesMax} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

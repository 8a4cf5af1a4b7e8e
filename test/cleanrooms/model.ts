/** Requests and answers held against the services' own published models, which `scripts/service-models.sh` fetches. */
import * as fs from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import type { ServiceName, WireRequest, WireResponse } from '../../src/cleanrooms/account.ts'

type Reference = { shape: string; location?: string; locationName?: string }
type Shape = {
  type: string
  members?: Record<string, Reference>
  required?: string[]
  union?: boolean
  document?: boolean
  member?: Reference
  key?: Reference
  value?: Reference
  enum?: string[]
  pattern?: string
  min?: number
  max?: number
}
type Operation = {
  http: { method: string; requestUri: string; responseCode?: number }
  input?: Reference
  output?: Reference
  errors?: Reference[]
}
type Model = { operations: Record<string, Operation>; shapes: Record<string, Shape> }

const folder = fileURLToPath(new URL('../../.service-models', import.meta.url))

/** The models, or null where they have not been fetched. */
export function serviceModels(): Record<ServiceName, Model> | null {
  if (!fs.existsSync(`${folder}/version`)) return null
  const read = (name: string): Model =>
    JSON.parse(gunzipSync(fs.readFileSync(`${folder}/${name}.json.gz`)).toString()) as Model
  return { cleanrooms: read('cleanrooms'), entityresolution: read('entityresolution'), glue: read('glue') }
}

/** What of a request and its answer does not fit the model; the operation's name first. */
export function modelProblems(
  models: Record<ServiceName, Model>,
  service: ServiceName,
  request: WireRequest,
  response: WireResponse,
): string[] {
  const model = models[service]
  const found = operationOf(service, model, request)
  if (found === undefined) return [`${service}: no operation is ${request.method} ${request.path}`]
  const { name, operation, labels } = found
  const problems: string[] = []
  const say = (text: string): number => problems.push(`${name}: ${text}`)
  const body = parse(request.body)
  if (operation.input !== undefined) {
    const members = { ...body, ...labels, ...queryMembers(model, operation.input, request) }
    check(model, operation.input.shape, members, 'request', say)
    if (service !== 'glue')
      for (const member of Object.keys(body))
        if (model.shapes[operation.input.shape]?.members?.[member]?.location !== undefined)
          say(`${member} is no member of the body`)
  }
  const answer = parse(response.body)
  if (response.statusCode >= 300) {
    const error = (response.headers['x-amzn-errortype'] ?? '') as string
    const known = [...(operation.errors ?? []).map(({ shape }) => shape), 'ThrottlingException']
    if (!known.includes(error)) say(`${error} is none of its errors`)
    return problems
  }
  const expected = service === 'glue' ? 200 : (operation.http.responseCode ?? 200)
  if (response.statusCode !== expected) say(`answered with ${response.statusCode}, the model says ${expected}`)
  if (operation.output !== undefined) check(model, operation.output.shape, answer, 'response', say)
  return problems
}

function parse(body: unknown): Record<string, unknown> {
  const text = body instanceof Uint8Array ? new TextDecoder().decode(body) : String(body ?? '')
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
}

function operationOf(service: ServiceName, model: Model, request: WireRequest) {
  if (service === 'glue') {
    const name = (request.headers['x-amz-target'] ?? '').replace('AWSGlue.', '')
    const operation = model.operations[name]
    return operation === undefined ? undefined : { name, operation, labels: {} }
  }
  for (const [name, operation] of Object.entries(model.operations)) {
    if (operation.http.method !== request.method) continue
    const labels = labelsOf(operation.http.requestUri, request.path)
    if (labels !== null) return { name, operation, labels }
  }
  return undefined
}

function labelsOf(template: string, path: string): Record<string, string> | null {
  const [parts, given] = [template.split('/'), path.split('/')]
  if (parts.length !== given.length) return null
  const labels: Record<string, string> = {}
  for (const [index, part] of parts.entries()) {
    const value = decodeURIComponent(given[index] as string)
    if (part.startsWith('{')) labels[part.slice(1, -1)] = value
    else if (part !== value) return null
  }
  return labels
}

function queryMembers(model: Model, input: Reference, { query }: WireRequest): Record<string, unknown> {
  const members = Object.entries(model.shapes[input.shape]?.members ?? {})
  return Object.fromEntries(
    Object.entries(query ?? {}).map(([name, value]) => {
      const found = members.find(([, each]) => each.location === 'querystring' && each.locationName === name)
      const isNumber = found !== undefined && model.shapes[found[1].shape]?.type === 'integer'
      return [found?.[0] ?? `?${name}`, isNumber ? Number(value) : value]
    }),
  )
}

/** The model limits these ARNs to 100 characters, and their own pattern with two identifiers in it needs 142. */
const tooShortArns = ['ConfiguredTableAssociationArn']

function check(model: Model, name: string, value: unknown, at: string, say: (text: string) => unknown): void {
  const shape = model.shapes[name] as Shape
  if (value === null || value === undefined) {
    say(`${at} is ${value}`)
    return
  }
  if (shape.type === 'structure') {
    if (shape.document === true) return
    if (typeof value !== 'object' || Array.isArray(value)) return void say(`${at} is no structure`)
    const members = shape.members ?? {}
    const there = Object.keys(value)
    for (const member of shape.required ?? []) if (!there.includes(member)) say(`${at}.${member} is missing`)
    if (shape.union === true && there.length !== 1) say(`${at} is a union and has ${there.length} members`)
    for (const [member, item] of Object.entries(value)) {
      const reference = members[member]
      if (reference === undefined) say(`${at}.${member} is no member of ${name}`)
      else check(model, reference.shape, item, `${at}.${member}`, say)
    }
    return
  }
  if (shape.type === 'list') {
    if (!Array.isArray(value)) return void say(`${at} is no list`)
    size(shape, value.length, at, say)
    for (const [index, item] of value.entries())
      check(model, (shape.member as Reference).shape, item, `${at}[${index}]`, say)
    return
  }
  if (shape.type === 'map') {
    if (typeof value !== 'object' || Array.isArray(value)) return void say(`${at} is no map`)
    size(shape, Object.keys(value).length, at, say)
    for (const [key, item] of Object.entries(value)) {
      check(model, (shape.key as Reference).shape, key, `${at} key ${key}`, say)
      check(model, (shape.value as Reference).shape, item, `${at}.${key}`, say)
    }
    return
  }
  scalar(name, shape, value, at, say)
}

function scalar(name: string, shape: Shape, value: unknown, at: string, say: (text: string) => unknown): void {
  const kinds: Record<string, string> = { string: 'string', boolean: 'boolean' }
  const wanted = kinds[shape.type] ?? 'number'
  if (typeof value !== wanted) return void say(`${at} is ${JSON.stringify(value)}, no ${shape.type}`)
  if (typeof value === 'number' && shape.type !== 'timestamp') size(shape, value, at, say)
  if (typeof value !== 'string') return
  if (!tooShortArns.includes(name)) size(shape, value.length, at, say)
  if (shape.enum !== undefined && !shape.enum.includes(value)) say(`${at} ${value} is none of ${shape.enum.join(', ')}`)
  if (shape.pattern !== undefined && !expression(shape.pattern).test(value))
    say(`${at} ${JSON.stringify(value)} does not fit ${shape.pattern}`)
}

function size({ min, max }: Shape, value: number, at: string, say: (text: string) => unknown): void {
  if (min !== undefined && value < min) say(`${at} has ${value}, at least ${min} are needed`)
  if (max !== undefined && value > max) say(`${at} has ${value}, at most ${max} are taken`)
}

function expression(pattern: string): RegExp {
  try {
    return new RegExp(`^(?:${pattern})$`, 'u')
  } catch {
    return new RegExp(`^(?:${pattern})$`)
  }
}

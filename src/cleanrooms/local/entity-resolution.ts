/** AWS Entity Resolution in memory: schema mappings and ID namespaces, as its API reference describes them. */
import type { Json } from '../../types.ts'
import { type Call, given, type Item, type Operation, page, ServiceFailure, without } from './state.ts'

/** Operations by method and URI template. */
export const entityResolutionOperations: [method: string, template: string, Operation][] = [
  ['GET', '/schemas', listSchemas],
  ['POST', '/schemas', createSchema],
  ['GET', '/schemas/{name}', (call) => findSchema(call)],
  ['PUT', '/schemas/{name}', updateSchema],
  ['DELETE', '/schemas/{name}', deleteSchema],
  ['GET', '/idnamespaces', listNamespaces],
  ['POST', '/idnamespaces', createNamespace],
  ['GET', '/idnamespaces/{name}', (call) => findNamespace(call)],
  ['PUT', '/idnamespaces/{name}', updateNamespace],
  ['DELETE', '/idnamespaces/{name}', deleteNamespace],
]

function missing(what: string, name: string | undefined): ServiceFailure {
  return new ServiceFailure('ResourceNotFoundException', 404, `${what} ${name} was not found`)
}

function arn({ region, account }: Call, rest: string): string {
  return `arn:aws:entityresolution:${region}:${account}:${rest}`
}

function findSchema({ labels, state }: Call): Item {
  const schema = state.schemaMappings.find(({ schemaName }) => schemaName === labels.name)
  if (schema === undefined) throw missing('schema mapping', labels.name)
  return schema
}

function listSchemas(call: Call): Item {
  const { items, nextToken } = page(call.state.schemaMappings, call, call.query.maxResults, call.query.nextToken)
  const schemaList = items.map((schema) => without(schema, 'mappedInputFields', 'description', 'tags'))
  return without({ schemaList: schemaList as Json, nextToken: nextToken as Json })
}

function createSchema(call: Call): Item {
  const { body, state, time } = call
  const schemaName = String(body.schemaName)
  if (state.schemaMappings.some((schema) => schema.schemaName === schemaName))
    throw new ServiceFailure('ConflictException', 400, `schema mapping ${schemaName} exists already`)
  checkFields(body)
  const members = { description: '', ...given(body, 'description', 'mappedInputFields', 'tags') }
  const schemaArn = arn(call, `schemamapping/${schemaName}`)
  const schema = { ...members, schemaName, schemaArn, createdAt: time, updatedAt: time, hasWorkflows: false }
  state.schemaMappings.push(schema)
  return without(schema, 'createdAt', 'updatedAt', 'hasWorkflows', 'tags')
}

/** A unique ID and at least one more field. */
function checkFields({ mappedInputFields }: Item): void {
  const types = ((mappedInputFields ?? []) as { type: string }[]).map(({ type }) => type)
  if (types.length >= 2 && types.filter((type) => type === 'UNIQUE_ID').length === 1) return
  const text = 'a schema mapping needs one UNIQUE_ID and at least one more input field'
  throw new ServiceFailure('ValidationException', 400, text)
}

function updateSchema(call: Call): Item {
  const schema = findSchema(call)
  if (schema.hasWorkflows === true)
    throw new ServiceFailure('ConflictException', 400, `schema mapping ${call.labels.name} is used by a workflow`)
  checkFields(call.body)
  Object.assign(schema, given(call.body, 'description', 'mappedInputFields'), { updatedAt: call.time })
  return without(schema, 'createdAt', 'updatedAt', 'hasWorkflows', 'tags')
}

function deleteSchema(call: Call): Item {
  const schema = findSchema(call)
  if (schema.hasWorkflows === true)
    throw new ServiceFailure('ConflictException', 400, `schema mapping ${call.labels.name} is used by a workflow`)
  call.state.schemaMappings = call.state.schemaMappings.filter((each) => each !== schema)
  return { message: 'deleted' }
}

function findNamespace({ labels, state }: Call): Item {
  const namespace = state.idNamespaces.find(({ idNamespaceName }) => idNamespaceName === labels.name)
  if (namespace === undefined) throw missing('ID namespace', labels.name)
  return namespace
}

function listNamespaces(call: Call): Item {
  const { items, nextToken } = page(call.state.idNamespaces, call, call.query.maxResults, call.query.nextToken)
  const summaries = items.map((each) => {
    const properties = each.idMappingWorkflowProperties as { idMappingType: string }[] | undefined
    const types = properties?.map(({ idMappingType }) => ({ idMappingType }))
    const summary = without(each, 'inputSourceConfig', 'roleArn', 'tags', 'idMappingWorkflowProperties')
    return { ...summary, ...(types === undefined ? {} : { idMappingWorkflowProperties: types }) }
  })
  return without({ idNamespaceSummaries: summaries as Json, nextToken: nextToken as Json })
}

const namespaceMembers = ['description', 'inputSourceConfig', 'idMappingWorkflowProperties', 'roleArn', 'tags']

function createNamespace(call: Call): Item {
  const { body, state, time } = call
  const idNamespaceName = String(body.idNamespaceName)
  if (state.idNamespaces.some((each) => each.idNamespaceName === idNamespaceName))
    throw new ServiceFailure('ConflictException', 400, `ID namespace ${idNamespaceName} exists already`)
  checkInputs(call)
  const idNamespaceArn = arn(call, `idnamespace/${idNamespaceName}`)
  const identity = { idNamespaceName, idNamespaceArn, type: body.type as Json, createdAt: time, updatedAt: time }
  const namespace = { ...given(body, ...namespaceMembers), ...identity }
  state.idNamespaces.push(namespace)
  return namespace
}

/** A schema mapping that an input names must be there. */
function checkInputs({ body, state }: Call): void {
  for (const { schemaName } of (body.inputSourceConfig ?? []) as { schemaName?: string }[]) {
    if (schemaName === undefined || state.schemaMappings.some((schema) => schema.schemaName === schemaName)) continue
    throw new ServiceFailure('ValidationException', 400, `schema mapping ${schemaName} does not exist`)
  }
}

function updateNamespace(call: Call): Item {
  const namespace = findNamespace(call)
  checkInputs(call)
  Object.assign(namespace, given(call.body, ...namespaceMembers), { updatedAt: call.time })
  return without(namespace, 'tags')
}

function deleteNamespace(call: Call): Item {
  const namespace = findNamespace(call)
  call.state.idNamespaces = call.state.idNamespaces.filter((each) => each !== namespace)
  return { message: 'deleted' }
}

/** What there is in an account: every page of every listing, and each resource whole. */
import { limiter } from '../engines/limiter.ts'
import { MillraceError } from '../errors.ts'
import type { CleanRoomsAccount } from './account.ts'
import { chooseOfEachName } from './choose.ts'
import type { CleanRoomsEnvironment } from './definition.ts'
import { asked, everyPage } from './every-page.ts'
import { readGlue } from './read-glue.ts'
import type { Fields, ObservedAccount, ObservedResource } from './resources.ts'
import { isMissing, serviceError } from './service-error.ts'

const requestsAtOnce = 4 // an account may ask five times a second: more at once would only wait for throttling
const pageItems = { cleanRooms: 100, entityResolution: 25 } // the most the services give at once

/**
 * Reads what a definition can name: configured tables with rules, associations of the membership, schema mappings, ID namespaces, and
 * the catalog's tables. Throws `service`, and `usage` for a membership of another account.
 */
export async function readAccount(
  account: CleanRoomsAccount,
  environment: CleanRoomsEnvironment,
  prefix: string,
): Promise<ObservedAccount> {
  const turn = limiter()
  const each = async <From, To>(items: readonly From[], act: (item: From) => Promise<To>): Promise<To[]> =>
    await Promise.all(items.map((item) => turn(requestsAtOnce, () => act(item))))
  await checkMembership(account, environment)
  const glue = await readGlue(account, environment, prefix)
  const configured = (await each(await listConfiguredTables(account), (id) => readConfiguredTable(account, id))).flat()
  const associated = (
    await each(await listAssociations(account, environment), (id) => readAssociation(account, environment, id))
  ).flat()
  const schemas = (await each(await listSchemas(account), (name) => readSchema(account, name))).flat()
  const namespaces = (await each(await listNamespaces(account), (name) => readNamespace(account, name))).flat()
  const all = [...glue.resources, ...configured, ...associated, ...schemas, ...namespaces]
  return { tables: glue.tables, realTables: glue.realTables, ...chooseOfEachName(all, environment) }
}

/** The membership must be there, and of the account that the definition names: dev's definition must never change prod. */
async function checkMembership({ cleanRooms, where }: CleanRoomsAccount, environment: CleanRoomsEnvironment) {
  const read = asked('read', `membership ${environment.membership}`, () =>
    cleanRooms.getMembership({ membershipIdentifier: environment.membership }),
  )
  const { membership } = await read
  const owner = membership?.arn?.split(':')[4]
  if (owner === environment.account && membership?.collaborationId === environment.collaboration) return
  const found = `account ${owner}, collaboration ${membership?.collaborationId}`
  throw new MillraceError(
    'usage',
    `membership ${environment.membership}  belongs to ${found} (${where}), the definition says account ${environment.account}, collaboration ${environment.collaboration}. Choose the --env and the credentials that belong together`,
  )
}

/** Null for what went between the listing and this. */
async function whole<T>(what: string, ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask()
  } catch (error) {
    if (isMissing(error)) return null
    throw serviceError('read', what, error)
  }
}

async function listConfiguredTables({ cleanRooms }: CleanRoomsAccount): Promise<string[]> {
  const all = await everyPage('configured tables', async (nextToken) => {
    const page = await cleanRooms.listConfiguredTables({ maxResults: pageItems.cleanRooms, ...token(nextToken) })
    return { items: page.configuredTableSummaries, nextToken: page.nextToken }
  })
  return all.map(({ id }) => id as string)
}

async function readConfiguredTable({ cleanRooms }: CleanRoomsAccount, id: string): Promise<ObservedResource[]> {
  const answer = await whole(`configured table ${id}`, () =>
    cleanRooms.getConfiguredTable({ configuredTableIdentifier: id }),
  )
  const table = answer?.configuredTable
  if (table === undefined) return []
  const name = table.name as string
  const createdMs = table.createTime?.getTime() ?? 0
  const fields = plain({
    description: table.description,
    tableReference: table.tableReference,
    allowedColumns: table.allowedColumns,
    analysisMethod: table.analysisMethod,
    selectedAnalysisMethods: table.selectedAnalysisMethods,
  })
  const rules = (table.analysisRuleTypes ?? []).map(async (type): Promise<ObservedResource[]> => {
    const ruleAnswer = await whole(`analysis rule of ${name}`, () =>
      cleanRooms.getConfiguredTableAnalysisRule({ configuredTableIdentifier: id, analysisRuleType: type }),
    )
    const policy = ruleAnswer?.analysisRule?.policy?.v1
    if (policy === undefined) return []
    return [{ kind: 'analysis-rule', name, id, createdMs, fields: plain({ type, policy }) }]
  })
  return [{ kind: 'configured-table', name, id, createdMs, fields }, ...(await Promise.all(rules)).flat()]
}

async function listAssociations(
  { cleanRooms }: CleanRoomsAccount,
  { membership }: CleanRoomsEnvironment,
): Promise<string[]> {
  const all = await everyPage('associations', async (nextToken) => {
    const page = await cleanRooms.listConfiguredTableAssociations({
      membershipIdentifier: membership,
      maxResults: pageItems.cleanRooms,
      ...token(nextToken),
    })
    return { items: page.configuredTableAssociationSummaries, nextToken: page.nextToken }
  })
  return all.map(({ id }) => id as string)
}

async function readAssociation(
  { cleanRooms }: CleanRoomsAccount,
  { membership }: CleanRoomsEnvironment,
  id: string,
): Promise<ObservedResource[]> {
  const identifiers = { membershipIdentifier: membership, configuredTableAssociationIdentifier: id }
  const answer = await whole(`association ${id}`, () => cleanRooms.getConfiguredTableAssociation(identifiers))
  const association = answer?.configuredTableAssociation
  if (association === undefined) return []
  const name = association.name as string
  const createdMs = association.createTime?.getTime() ?? 0
  const tableId = association.configuredTableId as string
  const fields = plain({
    description: association.description,
    configuredTable: tableId,
    roleArn: association.roleArn,
  })
  const rules = (association.analysisRuleTypes ?? []).map(async (type): Promise<ObservedResource[]> => {
    const ruleAnswer = await whole(`analysis rule of association ${name}`, () =>
      cleanRooms.getConfiguredTableAssociationAnalysisRule({ ...identifiers, analysisRuleType: type }),
    )
    const policy = ruleAnswer?.analysisRule?.policy?.v1
    if (policy === undefined) return []
    return [{ kind: 'association-rule', name, id, createdMs, fields: plain({ type, policy }) }]
  })
  return [{ kind: 'association', name, id, createdMs, tableId, fields }, ...(await Promise.all(rules)).flat()]
}

async function listSchemas({ entityResolution }: CleanRoomsAccount): Promise<string[]> {
  const all = await everyPage('schema mappings', async (nextToken) => {
    const page = await entityResolution.listSchemaMappings({
      maxResults: pageItems.entityResolution,
      ...token(nextToken),
    })
    return { items: page.schemaList, nextToken: page.nextToken }
  })
  return all.map(({ schemaName }) => schemaName as string)
}

async function readSchema({ entityResolution }: CleanRoomsAccount, name: string): Promise<ObservedResource[]> {
  const schema = await whole(`schema mapping ${name}`, () => entityResolution.getSchemaMapping({ schemaName: name }))
  if (schema === null) return []
  const fields = plain({ description: schema.description, mappedInputFields: schema.mappedInputFields })
  return [{ kind: 'schema-mapping', name, id: name, createdMs: schema.createdAt?.getTime() ?? 0, fields }]
}

async function listNamespaces({ entityResolution }: CleanRoomsAccount): Promise<string[]> {
  const all = await everyPage('ID namespaces', async (nextToken) => {
    const page = await entityResolution.listIdNamespaces({
      maxResults: pageItems.entityResolution,
      ...token(nextToken),
    })
    return { items: page.idNamespaceSummaries, nextToken: page.nextToken }
  })
  return all.map(({ idNamespaceName }) => idNamespaceName as string)
}

async function readNamespace({ entityResolution }: CleanRoomsAccount, name: string): Promise<ObservedResource[]> {
  const space = await whole(`ID namespace ${name}`, () => entityResolution.getIdNamespace({ idNamespaceName: name }))
  if (space === null) return []
  const fields = plain({
    description: space.description,
    type: space.type,
    inputSourceConfig: space.inputSourceConfig,
    idMappingWorkflowProperties: space.idMappingWorkflowProperties,
    roleArn: space.roleArn,
  })
  return [{ kind: 'id-namespace', name, id: name, createdMs: space.createdAt?.getTime() ?? 0, fields }]
}

function token(nextToken: string | undefined): { nextToken?: string } {
  return nextToken === undefined ? {} : { nextToken }
}

/** What the SDK gives, as JSON: without members that are undefined. */
function plain(value: unknown): Fields {
  return JSON.parse(JSON.stringify(value)) as Fields
}

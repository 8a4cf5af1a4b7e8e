/** What the definition could have made, going by names and by the tables behind them: pure. Such is removed with --prune. */
import { type CleanRooms, cleanRoomsEnvironment, fillName } from './definition.ts'
import { glueTableArn } from './entity-resolution.ts'
import { glueReference, type ObservedAccount, type ObservedResource } from './resources.ts'

/**
 * Whether a resource bears a name that the definition could have given, in its environment: an account may have several environments
 * whose names are the same, so what reads tables of another database is another's.
 */
export function ownNames(
  definition: CleanRooms,
  env: string,
  { resources, duplicates }: ObservedAccount,
): (resource: ObservedResource) => boolean {
  const environment = cleanRoomsEnvironment(definition, env)
  const { association, configuredTable, entityResolution: er } = definition
  const all = [...resources, ...duplicates]
  const fits = (template: string, name: string): boolean => couldBe(definition.tables.prefix, template, env, name)
  const idsOf = (kind: string, isOwn: (resource: ObservedResource) => boolean): Set<string> =>
    new Set(all.filter((each) => each.kind === kind && isOwn(each)).map(({ id }) => id))
  const tables = idsOf(
    'configured-table',
    ({ name, fields }) =>
      fits(configuredTable.name, name) && glueReference(fields)?.databaseName === environment.database,
  )
  const associationNames = association === null ? [] : [association.name, ...association.oldNames]
  const associations = idsOf(
    'association',
    ({ name, tableId }) =>
      tableId !== undefined && tables.has(tableId) && associationNames.some((template) => fits(template, name)),
  )
  const isForeign = ({ inputSourceARN }: Input): boolean => !inputSourceARN.startsWith(glueTableArn(environment, ''))
  const foreignSchemas = new Set(
    all
      .flatMap(inputsOf)
      .filter(isForeign)
      .map(({ schemaName }) => schemaName),
  )
  const namespaces = (er?.idNamespaces ?? []).map(({ name }) => fillName(name, { env }))
  return (resource) => {
    const { kind, name, id } = resource
    if (kind === 'configured-table' || kind === 'analysis-rule') return tables.has(id)
    if (kind === 'association' || kind === 'association-rule') return associations.has(id)
    if (kind === 'er-table') return er !== null && fits(er.tableName, name)
    if (kind === 'schema-mapping') return er !== null && fits(er.schemaName, name) && !foreignSchemas.has(name)
    return namespaces.some((own) => isOf(own, name)) && !inputsOf(resource).some(isForeign)
  }
}

type Input = { inputSourceARN: string; schemaName?: string }

function inputsOf({ fields }: ObservedResource): Input[] {
  return (fields.inputSourceConfig ?? []) as Input[]
}

/** Whether a template gives the name for a table that begins with the prefix. */
function couldBe(prefix: string, template: string, env: string, name: string): boolean {
  const [before, ...after] = fillName(template, { table: `${prefix}\u0000`, env }).split('\u0000') as [string]
  const end = after.join('')
  return name.length > before.length + end.length && name.startsWith(before) && name.endsWith(end)
}

/** The ID namespace itself, or one in which it goes on. */
function isOf(namespace: string, name: string): boolean {
  return name === namespace || (name.startsWith(`${namespace}-`) && /^\d+$/.test(name.slice(namespace.length + 1)))
}

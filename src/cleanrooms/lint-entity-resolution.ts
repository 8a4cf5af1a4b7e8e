/** Lint of schema mappings, the tables they describe, and ID namespaces. */
import type { CleanRooms } from './definition.ts'
import { fieldsOf } from './entity-resolution.ts'
import { error, type Finding, listed, sources, warning } from './finding.ts'
import { entityResolutionLimits } from './limits.ts'
import type { Fields, OfferedTable, Resource } from './resources.ts'

/** Fields that a schema mapping may have. */
export function mappingFindings(
  definition: CleanRooms,
  desired: readonly Resource[],
  tables: readonly OfferedTable[],
): Finding[] {
  const er = definition.entityResolution
  if (er === null) return []
  const { mappedFields, mappedFieldsDocumented } = entityResolutionLimits
  const mapped = desired
    .filter(({ kind }) => kind === 'schema-mapping')
    .flatMap((mapping): Finding[] => {
      const where = `schema-mapping ${mapping.name}`
      const fields = fieldsOf(mapping)
      const strange = fields.map(({ fieldName }) => fieldName).filter((name) => !/^[a-zA-Z_0-9- ]{0,255}$/.test(name))
      const unique = fields.filter(({ type }) => type === 'UNIQUE_ID').length
      return [
        ...(fields.length > mappedFields
          ? [error('mapped-fields', where, `maps ${fields.length} fields, ${mappedFields} are taken`, sources.model)]
          : []),
        ...(fields.length > mappedFieldsDocumented && fields.length <= mappedFields
          ? [
              warning(
                'mapped-fields',
                where,
                `maps ${fields.length} fields; the documents speak of ${mappedFieldsDocumented}`,
                sources.erSchema,
              ),
            ]
          : []),
        ...(strange.length > 0
          ? [error('field-name', where, `names that are not taken: ${listed(strange)}`, sources.model)]
          : []),
        ...(unique === 1
          ? []
          : [error('unique-id', where, `has ${unique} fields of type UNIQUE_ID, one is needed`, sources.erQuotas)]),
      ]
    })
  const erTables = desired.filter(({ kind }) => kind === 'er-table')
  const alone = erTables.flatMap(({ name, fields }): Finding[] => {
    const columns = (fields.columns ?? []) as unknown[]
    const table = tables.find((each) => each.name === (fields.parameters as Fields | undefined)?.er_of)
    if (columns.length >= 2) return []
    const why =
      columns.length === 0 ? `${table?.name} has no column ${er.uniqueId}` : `${er.uniqueId} is its only column`
    return [
      warning(
        'mapped-fields',
        `er-table ${name}`,
        `${why}: there is no schema mapping, which needs a unique ID and another field`,
        sources.erQuotas,
      ),
    ]
  })
  return [...mapped, ...alone]
}

/** Inputs, rules and number of the ID namespaces. */
export function namespaceFindings(desired: readonly Resource[]): Finding[] {
  const namespaces = desired.filter(({ kind }) => kind === 'id-namespace')
  const most = entityResolutionLimits
  const findings = namespaces.flatMap(({ name, fields }): Finding[] => {
    const inputs = ((fields.inputSourceConfig ?? []) as unknown[]).length
    const properties = (fields.idMappingWorkflowProperties ?? []) as { ruleBasedProperties?: { rules?: unknown[] } }[]
    const rules = properties[0]?.ruleBasedProperties?.rules?.length ?? 0
    const where = `id-namespace ${name}`
    return [
      ...(inputs > most.namespaceInputs
        ? [
            error(
              'namespace-inputs',
              where,
              `has ${inputs} inputs, ${most.namespaceInputs} are taken`,
              sources.erQuotas,
            ),
          ]
        : []),
      ...(rules > most.namespaceRules
        ? [error('namespace-rules', where, `has ${rules} rules, ${most.namespaceRules} are taken`, sources.model)]
        : []),
    ]
  })
  if (namespaces.length > most.idNamespaces)
    findings.push(
      error(
        'id-namespaces',
        'account',
        `${namespaces.length} ID namespaces, an account has at most ${most.idNamespaces} unless AWS raises it`,
        sources.erQuotas,
      ),
    )
  return findings
}

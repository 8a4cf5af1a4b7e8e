/**
 * What the services take, each number with its source. A quota that AWS raises on request is still what an account has by default.
 */
export const cleanRoomsLimits = {
  /** Clean Rooms quotas: columns per configured table allowlist. */
  allowedColumns: 100,
  /** Clean Rooms quotas: configured tables per account. */
  configuredTables: 250,
  /** Clean Rooms quotas: configured tables per protected query. */
  tablesInQuery: 15,
  /** Clean Rooms quotas: maximum size of the JSON of an analysis rule, 100 kilobytes. */
  analysisRuleBytes: 100_000,
}

export const entityResolutionLimits = {
  /** Entity Resolution API reference: SchemaInputAttribute list of CreateSchemaMapping; the service model of 2026 says 60. */
  mappedFields: 60,
  mappedFieldsDocumented: 35,
  /** Entity Resolution quotas: data input, and IdNamespaceInputSource list of CreateIdNamespace. */
  namespaceInputs: 20,
  /** Entity Resolution quotas: ID namespaces per account and region. */
  idNamespaces: 10,
  /** CreateIdNamespace: rules of an ID namespace. */
  namespaceRules: 25,
}

/** Configured tables of Clean Rooms in memory, and their analysis rules. */
import type { Json } from '../../types.ts'
import { arn, conflict, deleteRule, findTable, invalid, ruleOf, ruleTypes, type Table } from './clean-rooms-parts.ts'
import { type Call, given, type Item, type Operation, page, without } from './state.ts'

/** Operations by method and URI template. */
export const configuredTableOperations: [method: string, template: string, Operation][] = [
  ['GET', '/configuredTables', listTables],
  ['POST', '/configuredTables', createTable],
  ['GET', '/configuredTables/{table}', (call) => ({ configuredTable: tableAnswer(call, findTable(call)) })],
  ['PATCH', '/configuredTables/{table}', updateTable],
  ['DELETE', '/configuredTables/{table}', deleteTable],
  ['POST', '/configuredTables/{table}/analysisRule', createTableRule],
  ['GET', '/configuredTables/{table}/analysisRule/{type}', (call) => ruleAnswer(call, findTable(call))],
  ['PATCH', '/configuredTables/{table}/analysisRule/{type}', updateTableRule],
  ['DELETE', '/configuredTables/{table}/analysisRule/{type}', (call) => deleteRule(call, findTable(call))],
]

function tableAnswer(call: Call, table: Table): Item {
  const stored = without(table, 'rule', 'tags')
  return {
    ...stored,
    arn: arn(call, `configuredtable/${table.id}`),
    tableType: 'GLUE',
    analysisRuleTypes: ruleTypes(table),
  }
}

function listTables(call: Call): Item {
  const { items, nextToken } = page(call.state.configuredTables, call, call.query.maxResults, call.query.nextToken)
  const summaries = items.map((table) =>
    without(tableAnswer(call, table), 'tableReference', 'allowedColumns', 'description'),
  )
  return without({ configuredTableSummaries: summaries, nextToken: nextToken as Json })
}

const tableMembers = ['description', 'tableReference', 'allowedColumns', 'analysisMethod', 'selectedAnalysisMethods']

/** At least two, where some are given. */
function checkMethods({ selectedAnalysisMethods }: Item): void {
  const methods = (selectedAnalysisMethods ?? []) as string[]
  if (methods.length === 1) throw invalid('selectedAnalysisMethods needs at least two analysis methods')
}

function createTable(call: Call): Item {
  const { body, state, time, newId } = call
  const twin = state.configuredTables.find(({ name }) => name === body.name)
  if (twin !== undefined && !call.allowsTwins)
    throw conflict(`a configured table ${body.name} exists already`, 'CONFIGURED_TABLE', twin.id)
  checkMethods(body)
  const members = given(body, ...tableMembers, 'tags')
  const table = { ...members, id: newId(), name: String(body.name), createTime: time, updateTime: time, rule: null }
  state.configuredTables.push(table)
  return { configuredTable: tableAnswer(call, table) }
}

function updateTable(call: Call): Item {
  const table = findTable(call)
  checkMethods(call.body)
  const members = given(call.body, 'name', ...tableMembers)
  const after = { ...table, ...members, updateTime: call.time }
  if (table.rule !== null) checkRule(after as Table, table.rule.type, table.rule.policy)
  Object.assign(table, after)
  return { configuredTable: tableAnswer(call, table) }
}

function deleteTable(call: Call): Item {
  const table = findTable(call)
  const user = call.state.associations.find(({ configuredTableId }) => configuredTableId === table.id)
  if (user !== undefined)
    throw conflict(
      `configured table ${table.name} is associated as ${user.name}`,
      'CONFIGURED_TABLE_ASSOCIATION',
      user.id,
      'SUBRESOURCES_EXIST',
    )
  call.state.configuredTables = call.state.configuredTables.filter(({ id }) => id !== table.id)
  return {}
}

/** What a rule names must be an allowed column; an open custom rule must say who may ask. */
function checkRule(table: Table, type: string, policy: Item): void {
  const version = (policy.v1 ?? {}) as Item
  const kind = { CUSTOM: 'custom', LIST: 'list', AGGREGATION: 'aggregation' }[type] ?? ''
  const rule = version[kind] as Item | undefined
  if (rule === undefined) throw invalid(`the policy of a rule of type ${type} has no ${kind}`)
  const allowed = (table.allowedColumns ?? []) as string[]
  const aggregates = ((rule.aggregateColumns ?? []) as { columnNames: string[] }[]).flatMap((each) => each.columnNames)
  const lists = ['joinColumns', 'listColumns', 'dimensionColumns', 'disallowedOutputColumns']
  const named = [...lists.flatMap((name) => (rule[name] ?? []) as string[]), ...aggregates]
  const strange = named.find((name) => !allowed.includes(name))
  if (strange !== undefined) throw invalid(`column ${strange} of the analysis rule is not an allowed column`)
  const analyses = (rule.allowedAnalyses ?? []) as string[]
  const providers = (rule.allowedAnalysisProviders ?? []) as string[]
  if (type === 'CUSTOM' && analyses.includes('ANY_QUERY') && providers.length === 0)
    throw invalid('allowedAnalysisProviders is required when allowedAnalyses is ANY_QUERY')
}

function createTableRule(call: Call): Item {
  const table = findTable(call)
  if (table.rule !== null) throw conflict(`${table.name} has an analysis rule already`, 'CONFIGURED_TABLE', table.id)
  const [type, policy] = [String(call.body.analysisRuleType), call.body.analysisRulePolicy as Item]
  checkRule(table, type, policy)
  table.rule = { type, policy, time: call.time }
  return ruleAnswer(call, table, type)
}

function updateTableRule(call: Call): Item {
  const table = findTable(call)
  const rule = ruleOf(call, table)
  checkRule(table, rule.type, call.body.analysisRulePolicy as Item)
  table.rule = { ...rule, policy: call.body.analysisRulePolicy as Item }
  return ruleAnswer(call, table)
}

function ruleAnswer(call: Call, table: Table, type = call.labels.type): Item {
  const rule = ruleOf(call, table, type)
  const configuredTableArn = arn(call, `configuredtable/${table.id}`)
  const times = { createTime: rule.time, updateTime: call.time }
  return {
    analysisRule: { configuredTableId: table.id, configuredTableArn, policy: rule.policy, type: rule.type, ...times },
  }
}

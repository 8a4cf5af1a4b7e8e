/** The membership of Clean Rooms in memory, and the associations of tables to it. */
import type { Json } from '../../types.ts'
import {
  type Association,
  arn,
  checkMembership,
  conflict,
  deleteRule,
  findTable,
  invalid,
  missing,
  ruleOf,
  ruleTypes,
} from './clean-rooms-parts.ts'
import { type Call, given, type Item, type Operation, page, without } from './state.ts'

/** Operations by method and URI template. */
export const membershipOperations: [method: string, template: string, Operation][] = [
  ['GET', '/memberships/{membership}', getMembership],
  ['GET', '/memberships/{membership}/configuredTableAssociations', listAssociations],
  ['POST', '/memberships/{membership}/configuredTableAssociations', createAssociation],
  ['GET', '/memberships/{membership}/configuredTableAssociations/{association}', getAssociation],
  ['PATCH', '/memberships/{membership}/configuredTableAssociations/{association}', updateAssociation],
  ['DELETE', '/memberships/{membership}/configuredTableAssociations/{association}', deleteAssociation],
  ['POST', '/memberships/{membership}/configuredTableAssociations/{association}/analysisRule', createAssociationRule],
  [
    'GET',
    '/memberships/{membership}/configuredTableAssociations/{association}/analysisRule/{type}',
    (call) => associationRuleAnswer(call, findAssociation(call)),
  ],
  [
    'PATCH',
    '/memberships/{membership}/configuredTableAssociations/{association}/analysisRule/{type}',
    updateAssociationRule,
  ],
  [
    'DELETE',
    '/memberships/{membership}/configuredTableAssociations/{association}/analysisRule/{type}',
    (call) => deleteRule(call, findAssociation(call)),
  ],
]

function getMembership(call: Call): Item {
  checkMembership(call)
  const { time, account, membership } = call
  const status = { status: 'ACTIVE', memberAbilities: [], queryLogStatus: 'DISABLED' }
  return {
    membership: {
      id: membership.id,
      arn: arn(call, `membership/${membership.id}`),
      collaborationArn: arn(call, `collaboration/${membership.collaboration}`),
      collaborationId: membership.collaboration,
      collaborationCreatorAccountId: account,
      collaborationCreatorDisplayName: 'local',
      collaborationName: 'local',
      createTime: time,
      updateTime: time,
      ...status,
      paymentConfiguration: { queryCompute: { isResponsible: false } },
    },
  }
}

function findAssociation(call: Call): Association {
  checkMembership(call)
  const { labels, state } = call
  const found = state.associations.find(
    ({ id, membershipId }) => id === labels.association && membershipId === labels.membership,
  )
  if (found === undefined) throw missing('CONFIGURED_TABLE_ASSOCIATION', labels.association ?? '')
  return found
}

function associationArns(call: Call, association: Association): Item {
  return {
    arn: arn(call, `configuredtableassociation/${association.membershipId}/${association.id}`),
    membershipArn: arn(call, `membership/${association.membershipId}`),
    analysisRuleTypes: ruleTypes(association),
  }
}

function associationAnswer(call: Call, association: Association): Item {
  const configuredTableArn = arn(call, `configuredtable/${association.configuredTableId}`)
  return { ...without(association, 'rule', 'tags'), ...associationArns(call, association), configuredTableArn }
}

function getAssociation(call: Call): Item {
  return { configuredTableAssociation: associationAnswer(call, findAssociation(call)) }
}

function listAssociations(call: Call): Item {
  checkMembership(call)
  const own = call.state.associations.filter(({ membershipId }) => membershipId === call.labels.membership)
  const { items, nextToken } = page(own, call, call.query.maxResults, call.query.nextToken)
  const summaries = items.map((each) => ({
    ...without(each, 'rule', 'tags', 'roleArn', 'description'),
    ...associationArns(call, each),
  }))
  return without({ configuredTableAssociationSummaries: summaries as Json, nextToken: nextToken as Json })
}

function createAssociation(call: Call): Item {
  checkMembership(call)
  const { body, state, time, newId, membership } = call
  const configuredTableId = String(body.configuredTableIdentifier)
  findTable({ ...call, labels: { table: configuredTableId } })
  const twin = state.associations.find(
    (each) =>
      each.membershipId === membership.id &&
      (each.name === body.name || (call.associatesOnce && each.configuredTableId === configuredTableId)),
  )
  if (twin !== undefined)
    throw conflict(`an association ${twin.name} exists already`, 'CONFIGURED_TABLE_ASSOCIATION', twin.id)
  const members = given(body, 'description', 'roleArn', 'tags')
  const times = { createTime: time, updateTime: time }
  const identity = { id: newId(), name: String(body.name), membershipId: membership.id, configuredTableId }
  const association = { ...members, ...identity, ...times, rule: null }
  state.associations.push(association)
  return { configuredTableAssociation: associationAnswer(call, association) }
}

function updateAssociation(call: Call): Item {
  const association = findAssociation(call)
  Object.assign(association, given(call.body, 'description', 'roleArn'), { updateTime: call.time })
  return { configuredTableAssociation: associationAnswer(call, association) }
}

function deleteAssociation(call: Call): Item {
  const association = findAssociation(call)
  call.state.associations = call.state.associations.filter(({ id }) => id !== association.id)
  return {}
}

function createAssociationRule(call: Call): Item {
  const association = findAssociation(call)
  if (association.rule !== null)
    throw conflict(`${association.name} has an analysis rule already`, 'CONFIGURED_TABLE_ASSOCIATION', association.id)
  const table = findTable({ ...call, labels: { table: association.configuredTableId } })
  const type = String(call.body.analysisRuleType)
  if (table.rule?.type !== type) throw invalid(`the configured table has no analysis rule of type ${type}`)
  association.rule = { type, policy: call.body.analysisRulePolicy as Item, time: call.time }
  return associationRuleAnswer(call, association, type)
}

function updateAssociationRule(call: Call): Item {
  const association = findAssociation(call)
  association.rule = { ...ruleOf(call, association), policy: call.body.analysisRulePolicy as Item }
  return associationRuleAnswer(call, association)
}

function associationRuleAnswer(call: Call, association: Association, type = call.labels.type): Item {
  const rule = ruleOf(call, association, type)
  const membershipIdentifier = association.membershipId
  const identity = {
    membershipIdentifier,
    configuredTableAssociationId: association.id,
    configuredTableAssociationArn: associationArns(call, association).arn as Json,
  }
  return {
    analysisRule: { ...identity, policy: rule.policy, type: rule.type, createTime: rule.time, updateTime: call.time },
  }
}

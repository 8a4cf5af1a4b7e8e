/** What the operations of Clean Rooms in memory share. */
import { type Call, type Item, ServiceFailure } from './state.ts'

export type Table = Call['state']['configuredTables'][number]
export type Association = Call['state']['associations'][number]

/** Nothing of this identifier. */
export function missing(resourceType: string, resourceId: string): ServiceFailure {
  const members = { resourceId, resourceType }
  return new ServiceFailure('ResourceNotFoundException', 404, `${resourceType} ${resourceId} was not found`, members)
}

/** Something stands in the way. */
export function conflict(
  message: string,
  resourceType: string,
  resourceId: string,
  reason = 'ALREADY_EXISTS',
): ServiceFailure {
  return new ServiceFailure('ConflictException', 409, message, { resourceId, resourceType, reason })
}

/** What is asked makes no sense. */
export function invalid(message: string): ServiceFailure {
  return new ServiceFailure('ValidationException', 400, message, { reason: 'INVALID_CONFIGURATION' })
}

/** An ARN of Clean Rooms. */
export function arn({ region, account }: Call, rest: string): string {
  return `arn:aws:cleanrooms:${region}:${account}:${rest}`
}

/** There is one membership. */
export function checkMembership({ labels, membership }: Call): void {
  if (labels.membership !== membership.id) throw missing('MEMBERSHIP', labels.membership ?? '')
}

/** The configured table that the URI names. */
export function findTable({ labels, state }: Call): Table {
  const table = state.configuredTables.find(({ id }) => id === labels.table)
  if (table === undefined) throw missing('CONFIGURED_TABLE', labels.table ?? '')
  return table
}

/** As listings give them. */
export function ruleTypes({ rule }: Table | Association): string[] {
  return rule === null ? [] : [rule.type]
}

/** The rule that the URI names. */
export function ruleOf({ labels }: Call, owner: Table | Association, type = labels.type) {
  if (owner.rule === null || owner.rule.type !== type)
    throw missing('CONFIGURED_TABLE', `${owner.id} analysis rule ${type}`)
  return owner.rule
}

/** Of a table and of an association. */
export function deleteRule(call: Call, owner: Table | Association): Item {
  ruleOf(call, owner)
  owner.rule = null
  return {}
}

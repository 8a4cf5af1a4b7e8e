/** Makes, changes and removes the resources of Clean Rooms, one request each. */
import type {
  AnalysisMethod,
  ConfiguredTableAnalysisRulePolicy,
  ConfiguredTableAnalysisRuleType,
  ConfiguredTableAssociationAnalysisRulePolicy,
  SelectedAnalysisMethod,
  TableReference,
} from '@aws-sdk/client-cleanrooms'
import type { CleanRoomsAccount } from './account.ts'
import type { CleanRoomsEnvironment } from './definition.ts'
import type { Fields } from './resources.ts'

/** `id`: what the resource, or what a rule belongs to, is known by; `tableId` finds a configured table by its name. */
export type ChangeContext = {
  account: CleanRoomsAccount
  environment: CleanRoomsEnvironment
  id: string
  tableId: (name: string) => string
}
/** Each gives the identifier of what it made or changed. */
export type Maker = {
  create: (context: ChangeContext, name: string, fields: Fields) => Promise<string>
  /** `before`: the fields that it has. */
  update: (context: ChangeContext, name: string, fields: Fields, before: Fields) => Promise<unknown>
  remove: (context: ChangeContext, name: string, fields: Fields) => Promise<unknown>
}

export const configuredTableMaker: Maker = {
  create: async ({ account }, name, fields) => {
    const answer = await account.cleanRooms.createConfiguredTable({ name, ...tableMembers(fields) })
    return answer.configuredTable?.id as string
  },
  update: async ({ account, id }, _, fields, before) =>
    await account.cleanRooms.updateConfiguredTable({
      configuredTableIdentifier: id,
      // The service keeps what it is not given, and takes no list of one method.
      ...(isSeveral(before) && !isSeveral(fields) ? { selectedAnalysisMethods: [] } : {}),
      ...tableMembers(fields),
      description: text(fields.description),
    }),
  remove: async ({ account, id }) => await account.cleanRooms.deleteConfiguredTable({ configuredTableIdentifier: id }),
}

export const analysisRuleMaker: Maker = {
  create: async ({ account, id }, _, fields) => {
    await account.cleanRooms.createConfiguredTableAnalysisRule(ruleMembers(id, fields))
    return id
  },
  update: async ({ account, id }, _, fields) =>
    await account.cleanRooms.updateConfiguredTableAnalysisRule(ruleMembers(id, fields)),
  remove: async ({ account, id }, _, fields) =>
    await account.cleanRooms.deleteConfiguredTableAnalysisRule({
      configuredTableIdentifier: id,
      analysisRuleType: fields.type as ConfiguredTableAnalysisRuleType,
    }),
}

export const associationMaker: Maker = {
  create: async ({ account, environment, tableId }, name, fields) => {
    const answer = await account.cleanRooms.createConfiguredTableAssociation({
      membershipIdentifier: environment.membership,
      name,
      configuredTableIdentifier: tableId(String(fields.configuredTable)),
      roleArn: text(fields.roleArn),
      ...(fields.description === undefined ? {} : { description: text(fields.description) }),
    })
    return answer.configuredTableAssociation?.id as string
  },
  update: async (context, _, fields) =>
    await context.account.cleanRooms.updateConfiguredTableAssociation({
      ...associationIdentifiers(context),
      description: text(fields.description),
      roleArn: text(fields.roleArn),
    }),
  remove: async (context) =>
    await context.account.cleanRooms.deleteConfiguredTableAssociation(associationIdentifiers(context)),
}

export const associationRuleMaker: Maker = {
  create: async (context, _, fields) => {
    await context.account.cleanRooms.createConfiguredTableAssociationAnalysisRule({
      ...associationIdentifiers(context),
      ...associationPolicy(fields),
    })
    return context.id
  },
  update: async (context, _, fields) =>
    await context.account.cleanRooms.updateConfiguredTableAssociationAnalysisRule({
      ...associationIdentifiers(context),
      ...associationPolicy(fields),
    }),
  remove: async (context, _, fields) =>
    await context.account.cleanRooms.deleteConfiguredTableAssociationAnalysisRule({
      ...associationIdentifiers(context),
      analysisRuleType: fields.type as ConfiguredTableAnalysisRuleType,
    }),
}

function tableMembers(fields: Fields) {
  return {
    tableReference: fields.tableReference as unknown as TableReference,
    allowedColumns: fields.allowedColumns as string[],
    analysisMethod: fields.analysisMethod as AnalysisMethod,
    ...(fields.selectedAnalysisMethods === undefined
      ? {}
      : { selectedAnalysisMethods: fields.selectedAnalysisMethods as SelectedAnalysisMethod[] }),
    ...(fields.description === undefined ? {} : { description: text(fields.description) }),
  }
}

function isSeveral({ selectedAnalysisMethods }: Fields): boolean {
  return Array.isArray(selectedAnalysisMethods) && selectedAnalysisMethods.length > 1
}

function ruleMembers(id: string, fields: Fields) {
  return {
    configuredTableIdentifier: id,
    analysisRuleType: fields.type as ConfiguredTableAnalysisRuleType,
    analysisRulePolicy: { v1: fields.policy } as unknown as ConfiguredTableAnalysisRulePolicy,
  }
}

function associationIdentifiers({ environment, id }: ChangeContext) {
  return { membershipIdentifier: environment.membership, configuredTableAssociationIdentifier: id }
}

function associationPolicy(fields: Fields) {
  return {
    analysisRuleType: fields.type as ConfiguredTableAnalysisRuleType,
    analysisRulePolicy: { v1: fields.policy } as unknown as ConfiguredTableAssociationAnalysisRulePolicy,
  }
}

/** A description that is taken away becomes an empty one: the services keep what they are not given. */
function text(value: unknown): string {
  return value === undefined || value === null ? '' : String(value)
}

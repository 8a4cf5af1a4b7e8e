/**
 * The definition of a clean room: which tables of the catalog are offered to AWS Clean Rooms and Entity Resolution, and how. One
 * definition serves every environment; names may hold `{table}` and `{env}`.
 */
import * as z from 'zod'
import { didYouMean, MillraceError } from '../errors.ts'
import { resourceKinds } from './resources.ts'

const uuid = z
  .string()
  .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'expected an identifier such as 0a1b2c3d-…')
const account = z.string().regex(/^\d{12}$/, 'expected the 12 digits of an AWS account')
const role = z.string().regex(/^arn:aws:iam::\d{12}:role\/[\w+=./@-]+$/, 'expected the ARN of a role')
const tableTemplate = z.string().refine((text) => text.includes('{table}'), 'expected {table} in it')
const columns = z.array(z.string()).min(1)

const resource = z.strictObject({
  kind: z.enum(resourceKinds),
  name: z.string(),
  fields: z.record(z.string(), z.json()),
})
const resourceName = resource.pick({ kind: true, name: true })
const markedResource = resource.refine(
  ({ kind, fields }) =>
    kind !== 'er-table' || typeof (fields.parameters as { er_of?: unknown } | null)?.er_of === 'string',
  { path: ['fields', 'parameters', 'er_of'], error: 'expected the name of the table that this one is made of' },
)

const environment = z.strictObject({
  /** The account that owns the tables. Nothing is done in another one. */
  account,
  region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'expected a region such as us-east-1'),
  /** The database of the catalog. */
  database: z.string().min(1),
  collaboration: uuid,
  /** The account's membership in the collaboration, which tables are associated to. */
  membership: uuid,
  /** What Clean Rooms reads the tables as. */
  role,
  /** What Entity Resolution reads the `_er` tables as. */
  entityResolutionRole: role,
  /** Resources to the letter; one takes the place of what the definition makes under its kind and name. */
  resources: z.array(markedResource).default([]),
  /** What the definition makes and this environment is without. */
  without: z.array(resourceName).default([]),
})

const additionalAnalyses = z.enum(['ALLOWED', 'REQUIRED', 'NOT_ALLOWED']).optional()
const operators = z.array(z.enum(['OR', 'AND'])).optional()
/** The service's own policies, `type` beside them; `'*'` in a list of columns is every allowed column that is no join column. */
const analysisRule = z.discriminatedUnion('type', [
  z.looseObject({
    type: z.literal('CUSTOM'),
    /** `ANY_QUERY`, `ANY_JOB`, or ARNs of analysis templates. */
    allowedAnalyses: z.array(z.string()),
    /** Accounts whose queries are allowed. */
    allowedAnalysisProviders: z.array(account).optional(),
    additionalAnalyses,
    disallowedOutputColumns: z.array(z.string()).optional(),
  }),
  z.looseObject({
    type: z.literal('LIST'),
    joinColumns: columns,
    listColumns: z.array(z.string()),
    allowedJoinOperators: operators,
    additionalAnalyses,
  }),
  z.looseObject({
    type: z.literal('AGGREGATION'),
    aggregateColumns: z.array(z.strictObject({ columnNames: columns, function: z.string() })).min(1),
    joinColumns: z.array(z.string()),
    dimensionColumns: z.array(z.string()),
    scalarFunctions: z.array(z.string()),
    outputConstraints: z
      .array(z.strictObject({ columnName: z.string(), minimum: z.number(), type: z.literal('COUNT_DISTINCT') }))
      .min(1),
    joinRequired: z.literal('QUERY_RUNNER').optional(),
    allowedJoinOperators: operators,
    additionalAnalyses,
  }),
])

const offer = {
  /** Null: the table is configured but cannot be queried. */
  analysisRule: analysisRule.nullable(),
  /** `all`: every column, then the partition columns while the service's limit allows them. */
  allowedColumns: z.union([z.literal('all'), columns]).default('all'),
  /** `MULTIPLE`: both of the others. */
  analysisMethod: z.enum(['DIRECT_QUERY', 'DIRECT_JOB', 'MULTIPLE']).default('DIRECT_QUERY'),
}

const association = z.strictObject({
  name: tableTemplate,
  /** Names that associations had before: apply makes the new one and removes the old. */
  oldNames: z.array(tableTemplate).default([]),
  description: z.string().optional(),
  /** Accounts that may receive results: makes an analysis rule of the association. */
  resultReceivers: z.array(account).optional(),
})

const inputField = z.strictObject({
  /** Names of columns, `*` for any text; the first rule that fits a column is taken. */
  columns,
  type: z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'expected a type such as EMAIL_ADDRESS'),
  matchKey: z.string().optional(),
  groupName: z.string().optional(),
  subType: z.string().optional(),
  hashed: z.boolean().optional(),
})

const entityResolution = z.strictObject({
  /** The column that identifies a record. */
  uniqueId: z.string(),
  /** The Glue table that Entity Resolution reads in place of a table. */
  tableName: tableTemplate.default('{table}_er'),
  schemaName: tableTemplate.default('{table}_er'),
  inputFields: z.array(inputField),
  /** Fields of one schema mapping, the unique ID included: the console and CloudFormation take 25. */
  fieldsMax: z.number().int().min(2).default(25),
  idNamespaces: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        description: z.string().optional(),
        type: z.enum(['SOURCE', 'TARGET']),
        /** Tables as the catalog names them, `*` for any text. Those without a match key have nothing to resolve and are left out. */
        tables: z.array(z.string()).default(['*']),
        attributeMatchingModel: z.enum(['ONE_TO_ONE', 'MANY_TO_MANY']).default('ONE_TO_ONE'),
        recordMatchingModels: z
          .array(z.enum(['ONE_SOURCE_TO_ONE_TARGET', 'MANY_SOURCE_TO_ONE_TARGET']))
          .default(['ONE_SOURCE_TO_ONE_TARGET']),
      }),
    )
    .default([]),
})

const cleanRooms = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'expected lower-case letters, digits and "-"'),
  environments: z.record(z.string(), environment),
  /** Which tables of the catalog are offered: every one whose name begins so. */
  tables: z.strictObject({ prefix: z.string().min(1), except: z.array(z.string()).default([]) }),
  configuredTable: z
    .strictObject({ name: tableTemplate.default('{table}'), description: z.string().optional(), ...offer })
    .required({ analysisRule: true }),
  /** What is otherwise for one table. */
  overrides: z.record(z.string(), z.strictObject({ description: z.string(), ...offer }).partial()).default({}),
  /** Accounts that every custom rule must let ask: lint and report hold the rules against them. */
  analysisProviders: z.array(account).default([]),
  association: association.nullable(),
  entityResolution: entityResolution.nullable(),
})

/** What `defineCleanRooms` takes. */
export type CleanRoomsOptions = z.input<typeof cleanRooms>
/** A checked definition. */
export type CleanRooms = z.output<typeof cleanRooms>
export type CleanRoomsEnvironment = z.output<typeof environment>
export type AnalysisRule = z.output<typeof analysisRule>
export type EntityResolution = z.output<typeof entityResolution>
export type IdNamespace = EntityResolution['idNamespaces'][number]

/** Checks a definition of clean rooms. Throws `usage`, naming what does not fit and where. */
export function defineCleanRooms(options: CleanRoomsOptions, file = 'defineCleanRooms'): CleanRooms {
  const parsed = cleanRooms.safeParse(options)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map((issue) => `  ${issue.path.join('.') || '(all of it)'}: ${issue.message}`)
  throw new MillraceError('usage', `${file}  is no definition of clean rooms:\n${problems.join('\n')}`)
}

/** The environment of a name. Throws `usage`, naming those there are. */
export function cleanRoomsEnvironment(definition: CleanRooms, env: string): CleanRoomsEnvironment {
  const found = Object.hasOwn(definition.environments, env) ? definition.environments[env] : undefined
  if (found !== undefined) return found
  const names = Object.keys(definition.environments)
  throw new MillraceError(
    'usage',
    `--env ${env}  clean rooms ${definition.name} has no such environment (${names.join(', ')})${didYouMean(env, names)}`,
  )
}

/** A name with its `{table}` and `{env}` filled in. */
export function fillName(template: string, values: { table?: string; env?: string }): string {
  return template.replaceAll(/\{(table|env)\}/g, (all, key: 'table' | 'env') => values[key] ?? all)
}

/** Whether a name fits a pattern in which `*` stands for any text. */
export function fitsPattern(pattern: string, name: string): boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
  return new RegExp(`^${parts.join('[^]*')}$`, 'i').test(name)
}

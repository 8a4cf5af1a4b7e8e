/** The environments CARS is deployed to, as files in `config/`, and the names of what is deployed there. */
import { didYouMean, MillraceError, z } from 'millrace'
import { parseJson } from './parse-json.ts'

/** The environments that ship with the system. */
export const environmentNames = ['dev', 'steam-dev', 'cert', 'prod'] as const

/** Text of a form; `expected` is what every error about it says. */
const text = (form: RegExp, expected: string) => z.string({ error: expected }).regex(form, { error: expected })
const whole = (min: number, max: number, expected: string) =>
  z.int({ error: expected }).min(min, expected).max(max, expected)
const bucket = text(/^[a-z\d][a-z\d.-]{1,61}[a-z\d]$/, 'a bucket such as "c108-dev-fpacfsa-landing-zone"')
const prefix = text(/^[\w-]+(\/[\w-]+)*$/, 'folders without "/" at the ends, such as "cars"')
const s3Path = text(/^s3:\/\/[a-z\d.-]{3,63}\/([\w.=-]+\/)*$/, 'a path such as "s3://fsa-dev-ops/temp/glue/"')
const role = text(
  /^arn:aws(-[a-z]+)*:iam::\d{12}:role\/[\w+=,.@/-]+$/,
  'a role such as "arn:aws:iam::111111111111:role/disc-fsa-dev-glue-servicerole"',
)
const connection = text(/^[\w-]{1,255}$/, 'a connection such as "FSA-PROD-PG-DART115"')
const connections = 'one or more connections: ["FSA-PROD-PG-DART115"]'
const workerTypes = ['G.1X', 'G.2X', 'G.4X', 'G.8X'] as const
const glueVersions = ['4.0', '5.0', '5.1'] as const

const schema = z.strictObject({
  // Lambda's names have 64 characters; the longest here leaves 12.
  deployEnv: text(/^[A-Za-z][A-Za-z\d-]{0,11}$/, 'a letter and up to 11 letters, digits and "-", such as "FPACDEV"'),
  account: text(/^\d{12}$/, '12 digits in quotes'),
  region: text(/^[a-z]{2}(-[a-z]+)+-\d$/, 'a region such as "us-east-1"'),
  landingBucket: bucket,
  finalBucket: bucket,
  artifactBucket: bucket,
  artifactPrefix: text(/^([\w-]+\/)+$/, 'folders with "/" at the end, such as "carsdm/"'),
  sourcePrefix: prefix,
  destinationPrefix: prefix,
  sparkUiLogsPath: s3Path,
  tempPath: s3Path,
  processControlConnections: z.array(connection, { error: connections }).min(1, connections),
  glueRole: role,
  lambdaRole: role,
  stepFunctionRole: role,
  workerType: z.enum(workerTypes, { error: `one of ${workerTypes.join(', ')}` }),
  workerCount: whole(2, 299, 'a whole number from 2 to 299'),
  autoScaling: z.boolean({ error: 'true or false' }),
  glueVersion: z.enum(glueVersions, { error: `one of ${glueVersions.join(', ')}, in quotes` }),
  timeoutMinutes: whole(1, 10_080, 'a whole number of minutes from 1 to 10080, seven days'),
})

/** Where and how CARS is deployed. */
export type CarsEnvironment = z.output<typeof schema>

/** Reads the file of an environment. Throws `usage` for one that is not there. */
export async function readEnvironment(name: string, read: (file: URL) => Promise<string>): Promise<CarsEnvironment> {
  if (!environmentNames.some((known) => known === name)) {
    const nearest = didYouMean(name, environmentNames)
    throw new MillraceError(
      'usage',
      `there is no environment ${JSON.stringify(name)}; expected one of ${environmentNames.join(', ')}${nearest}`,
    )
  }
  return parseEnvironment(name, await read(new URL(`./config/${name}.json`, import.meta.url)))
}

/** Reads the text of `config/<name>.json`. Throws `usage` naming the file and each key that is missing, unknown or wrong. */
export function parseEnvironment(name: string, json: string): CarsEnvironment {
  const file = `config/${name}.json`
  const value = parseJson(file, json)
  if (!(value instanceof Map))
    throw new MillraceError('usage', `${file}  expected an object: {"deployEnv": "FPACDEV", …}`)
  const parsed = schema.safeParse(Object.fromEntries(value))
  const issues = parsed.error?.issues ?? []
  const problems = issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' ? issue.keys.map(unknownKey) : [wrongValue(value, issue)],
  )
  if (parsed.success) problems.push(...foreignRoles(parsed.data))
  if (!parsed.success || problems.length > 0)
    throw new MillraceError('usage', problems.map((problem) => `${file}  ${problem}`).join('\n'))
  return parsed.data
}

function unknownKey(key: string): string {
  const keys = Object.keys(schema.shape)
  return `key ${JSON.stringify(key)} is not known${didYouMean(key, keys) || `; expected ${keys.join(', ')}`}`
}

function wrongValue(values: Map<string, unknown>, { path, message }: { path: PropertyKey[]; message: string }): string {
  const [key, item] = [String(path[0]), path[1]]
  if (!values.has(key)) return `key ${JSON.stringify(key)} is missing; expected ${message}`
  const value = values.get(key)
  const found = Array.isArray(value) && typeof item === 'number' ? value[item] : value
  const what = found instanceof Map ? 'an object' : JSON.stringify(found)
  return `key ${JSON.stringify(key)}: ${what} is refused; expected ${message}`
}

function foreignRoles(environment: CarsEnvironment): string[] {
  const roles = (['glueRole', 'lambdaRole', 'stepFunctionRole'] as const).filter(
    (key) => !environment[key].includes(`::${environment.account}:`),
  )
  return roles.map(
    (key) =>
      `key "${key}": ${JSON.stringify(environment[key])} is refused; expected a role of the account ${environment.account}`,
  )
}

/** `FSA-PROD-CARSDM-LandingFiles`. */
export function resourceName({ deployEnv }: CarsEnvironment, resource: string): string {
  return `FSA-${deployEnv}-CARSDM-${resource}`
}

/** `FSA-PROD-CARS-CRAWLER` of the Final zone, `FSA-PROD-CARS-cdc` of the CDC zone. */
export function crawlerName({ deployEnv }: CarsEnvironment, crawler: 'CARS-CRAWLER' | 'CARS-cdc'): string {
  return `FSA-${deployEnv}-${crawler}`
}

/** `FSA-PROD-CARSDM-Cars-S3Landing-to-S3Final-Raw-DM`. */
export function stateMachineName(environment: CarsEnvironment): string {
  return resourceName(environment, 'Cars-S3Landing-to-S3Final-Raw-DM')
}

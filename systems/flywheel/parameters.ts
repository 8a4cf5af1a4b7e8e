/** What both pipelines are asked for, and where things lie unless a step is told otherwise. */
import { isMissingFile, type LoadContext, MillraceError, z } from 'millrace'

/** In the parameters of the jobs this system comes from, a value that is not given. */
const none = '_NONE_'

export const key = 'customer_user_id'
const data = 'omc_cleanroom_data'

/** Folders and files below the root. */
export const places = {
  infobase: 'opus/infobase_attributes/raw_input',
  addressable: 'opus/addressable_ids/raw_input',
  addressableCompacted: `${data}/addressable/addressable_ids_compaction_cr`,
  staged: `${data}/split_cluster`,
  partitioned: `${data}/split_part`,
  bucketed: `${data}/cleanroom_tables/bucketed`,
  stagedSpec: `${data}/omc_flywheel_infobase_table_split_lowercase.csv`,
  partitionedSpec: `${data}/omc_flywheel_infobase_table_split_part.csv`,
  addressableSpec: `${data}/omc_flywheel_addressable_ids_table_split_part.csv`,
}

const optional = z.string().min(1).optional()

/** Parameters of both pipelines. `sourcePath`, `targetPath` and `csvFile` are those of one step, which `--only` names. */
export const shared = {
  snapshotDt: z.union([z.literal(none), z.iso.date()]).default(none),
  sourcePath: optional,
  targetPath: optional,
  csvFile: optional,
  database: optional,
  stagedDb: optional,
  tablePrefix: optional,
  resultsS3: optional, // of Athena on AWS, as the ones below
  workgroup: optional,
  awsRegion: optional,
}

export const bucketing = {
  finalDb: optional,
  s3Root: optional,
  maxCols: z.int().min(2).max(10_000).default(100),
  bucketCount: z.int().min(1).max(100_000).default(256),
  bucketCol: z.string().default(key),
  bucketingVersion: z.enum(['1', '2']).default('1'),
  bucketedBase: z.string().default(places.bucketed),
  tablesFilter: z.string().default(none),
  athenaWorkgroup: optional,
  athenaResultsS3: optional,
}

export const discovery = {
  maxConcurrency: z.int().min(1).max(25).default(5), // Athena's own limit of DDL queries at a time is 20 to 25
  pollIntervalSec: z.number().min(0.1).max(3600).default(2),
}

type Given = { sourcePath?: string | undefined; targetPath?: string | undefined; csvFile?: string | undefined }

/** What the steps need besides their parameters. */
export type Loaded = {
  /** `omc_flywheel_<env>`. */
  database: string
  /** The text of `--csv-file` where it is a file of the person who calls, null where it lies below the root. */
  csvText: string | null
  /** The parameters of one step, for the step that runs alone. */
  of: (step: string) => Given
}

type StepParameter = keyof Given
const flags: Record<StepParameter, string> = {
  sourcePath: '--source-path',
  targetPath: '--target-path',
  csvFile: '--csv-file',
}
const splitting: StepParameter[] = ['sourcePath', 'targetPath', 'csvFile']

/** Which of these parameters each step takes. */
const taken: Record<string, StepParameter[]> = {
  'infobase-split-and-bucket': splitting,
  'addressable-bucket': splitting,
  'register-staged-tables': [],
  'create-athena-bucketed-tables': [],
  'infobase-split-and-part': splitting,
  'addressable-split-and-part': splitting,
  'register-part-tables': ['sourcePath'],
  'prepare-part-tables': [],
}

/** Reads `--csv-file`. Throws `usage` for parameters of one step in a run of several, and for those that a step does not take. */
export async function load(given: Given, { env, only, read }: LoadContext): Promise<Loaded> {
  const named = splitting.filter((name) => given[name] !== undefined)
  const [first] = named
  if (first !== undefined && only === null) {
    throw new MillraceError('usage', `${flags[first]}  is a parameter of one step. Name the step as well, with --only`)
  }
  const takes = taken[only ?? ''] ?? splitting // a step that there is not is told as such
  const odd = named.find((name) => !takes.includes(name))
  if (odd !== undefined) {
    const text = takes.length === 0 ? 'none of these' : takes.map((name) => flags[name]).join(', ')
    const all = splitting.map((name) => flags[name]).join(', ')
    throw new MillraceError('usage', `${flags[odd]}  is no parameter of step ${only}; of ${all} it takes ${text}`)
  }
  const csvText = given.csvFile === undefined ? null : await readIfThere(given.csvFile, read)
  return { database: `omc_flywheel_${env}`, csvText, of: (step) => (step === only ? given : {}) }
}

/** Null where there is no such file: then it is one below the root. */
async function readIfThere(file: string, read: LoadContext['read']): Promise<string | null> {
  try {
    return await read(file)
  } catch (error) {
    if (isMissingFile(error)) return null
    throw error
  }
}

/** The date of `--snapshot-dt`; null: the newest. */
export function snapshotDate(snapshotDt: string): string | null {
  return snapshotDt === none ? null : snapshotDt
}

/** The names of `--tables-filter`; null: all. Throws `usage` where it names none. */
export function tablesNamed(filter: string): string[] | null {
  if (filter === none) return null
  const names = filter
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  if (names.length > 0) return names
  const text = `--tables-filter ${JSON.stringify(filter)} names no table`
  throw new MillraceError('usage', `${text}; expected names such as ibe_01,ibe_02, or ${none} for all`)
}

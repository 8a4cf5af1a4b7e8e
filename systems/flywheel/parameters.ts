/** What both pipelines are asked for, and where things lie unless a step is told otherwise. */
import { type LoadContext, MillraceError, z } from 'millrace'

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

/** Reads `--csv-file`. Throws `usage` for parameters of one step in a run of several. */
export async function load(given: Given, { env, only, read }: LoadContext): Promise<Loaded> {
  const { sourcePath, targetPath, csvFile } = given
  const named = Object.entries({ 'source-path': sourcePath, 'target-path': targetPath, 'csv-file': csvFile })
  const [first] = named.find(([, value]) => value !== undefined) ?? []
  if (first !== undefined && only === null) {
    throw new MillraceError('usage', `--${first}  is a parameter of one step. Name the step as well, with --only`)
  }
  const csvText = csvFile === undefined ? null : await read(csvFile).catch(() => null)
  return { database: `omc_flywheel_${env}`, csvText, of: (step) => (step === only ? given : {}) }
}

/** The date of `--snapshot-dt`; null: the newest. */
export function snapshotDate(snapshotDt: string): string | null {
  return snapshotDt === none ? null : snapshotDt
}

/** The names of `--tables-filter`; null: all. */
export function tablesNamed(filter: string): string[] | null {
  if (filter === none) return null
  return filter
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
}

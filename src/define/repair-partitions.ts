/** The task that brings the partitions of a catalog's tables in line with storage, as `MSCK REPAIR TABLE` does. */
import { glueName } from '../catalogs/glue-catalog.ts'
import { MillraceError } from '../errors.ts'

export type RepairPartitionsTask = {
  kind: 'repair-partitions'
  name: string
  /** The name of the job on AWS. */
  jobName?: string | undefined
  database: string
  /** Every table of the database whose name begins so is repaired. */
  prefix: string
  /** How many at a time. */
  tablesAtOnce: number
  /** On AWS, how often Athena is asked whether a query has ended; here storage is looked at directly. */
  pollIntervalMs: number
}

const tablesAtOnceMax = 25 // Athena's limit of DDL queries that are active in an account is 20 or 25, by region
const pollIntervalMsMin = 100 // Athena's API throttles who asks more often
const pollIntervalMsMax = 3_600_000

/** Defines a repair of partitions. Throws `usage`. */
export function repairPartitions(
  name: string,
  options: Pick<RepairPartitionsTask, 'database' | 'prefix' | 'jobName'> &
    Partial<Pick<RepairPartitionsTask, 'tablesAtOnce' | 'pollIntervalMs'>>,
): RepairPartitionsTask {
  const { database, prefix, jobName, tablesAtOnce = 5, pollIntervalMs = 2000 } = options
  const refuse = (what: string): never => {
    throw new MillraceError('usage', `task ${name}  ${what}`)
  }
  if (!Number.isInteger(tablesAtOnce) || tablesAtOnce < 1 || tablesAtOnce > tablesAtOnceMax)
    refuse(`tablesAtOnce is ${tablesAtOnce}; expected a whole number from 1 to ${tablesAtOnceMax}`)
  if (!(pollIntervalMs >= pollIntervalMsMin && pollIntervalMs <= pollIntervalMsMax))
    refuse(`pollIntervalMs is ${pollIntervalMs}; expected ${pollIntervalMsMin} to ${pollIntervalMsMax}`)
  glueName('database', database)
  glueName('table', `${prefix}x`)
  return { kind: 'repair-partitions', name, jobName, database, prefix, tablesAtOnce, pollIntervalMs }
}

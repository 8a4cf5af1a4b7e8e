/** The task that keeps Iceberg tables fast to read: small files compacted, old snapshots and orphan files removed. */
import { MillraceError } from '../errors.ts'
import { spanMs, tableName } from './iceberg-tables.ts'

export type MaintainTask = {
  kind: 'maintain'
  name: string
  /** The name of the job on AWS. */
  jobName?: string | undefined
  tables: string[] | 'all'
  compact: boolean
  snapshotsOlderThanMs: number
  /** So many of each table are kept however old they are; those that a sync has still to send always are. */
  keepSnapshots: number
  orphansOlderThanMs: number
}

/** Defines maintenance. Throws `usage`. */
export function maintain(
  name: string,
  options: Pick<MaintainTask, 'tables' | 'jobName'> &
    Partial<Pick<MaintainTask, 'compact' | 'keepSnapshots'>> & {
      snapshotsOlderThan?: string
      orphansOlderThan?: string
    },
): MaintainTask {
  const {
    tables,
    compact = true,
    keepSnapshots = 10,
    snapshotsOlderThan = '7 days',
    orphansOlderThan = '3 days',
  } = options
  const where = `task ${name}`
  if (tables !== 'all') for (const table of tables) tableName(table)
  if (!Number.isInteger(keepSnapshots) || keepSnapshots < 1)
    throw new MillraceError('usage', `${where}  keepSnapshots is ${keepSnapshots}; expected a whole number from 1`)
  return {
    ...{ kind: 'maintain', name, jobName: options.jobName, tables, compact, keepSnapshots },
    snapshotsOlderThanMs: spanMs(where, 'snapshotsOlderThan', snapshotsOlderThan),
    orphansOlderThanMs: spanMs(where, 'orphansOlderThan', orphansOlderThan),
  }
}

/** The task that copies tables of PostgreSQL into Iceberg, all as they stand at one moment. */
import type { IcebergTables } from './iceberg-tables.ts'
import type { PostgresTables } from './postgres.ts'

/**
 * What is read after the first time. `whole`: everything. `changed`: the rows that others than Millrace's own syncs wrote
 * since, and which are gone; for tables that Millrace writes too.
 */
export const laterReads = ['whole', 'changed'] as const
export type LaterRead = (typeof laterReads)[number]

export type CopyTablesTask = {
  kind: 'copy-tables'
  name: string
  /** The name of the job on AWS. */
  jobName?: string | undefined
  from: PostgresTables
  to: IcebergTables
  later: LaterRead
}

/** Defines a copy. */
export function copyTables(
  name: string,
  options: Pick<CopyTablesTask, 'from' | 'to' | 'jobName'> & Partial<Pick<CopyTablesTask, 'later'>>,
): CopyTablesTask {
  return { kind: 'copy-tables', name, later: 'changed', ...options }
}

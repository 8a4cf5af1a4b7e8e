/** What the merges changed goes back to PostgreSQL. */
import { type PostgresDatabase, postgresTable, type SyncChangesTask, type SyncConflicts, syncChanges } from 'millrace'
import { reporting, targets } from './tables.ts'

/** Both targets; `limitPercent`: refused when more of the rows that are there would change. */
export function syncTargets(
  database: PostgresDatabase,
  rules: { conflicts: SyncConflicts; limitPercent: number },
): SyncChangesTask {
  return syncChanges('cnsv-sync-iceberg-to-rds', {
    jobName: 'cnsv-sync-iceberg-to-rds',
    tables: Object.values(targets).map(({ name, key }) => ({
      from: `${reporting}.${name}`,
      to: postgresTable(database, `${reporting}.${name}`),
      key,
    })),
    ...rules,
  })
}

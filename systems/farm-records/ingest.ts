/** The three ingests: what SAP delivered, the reference tables, and what others changed in the targets. */
import {
  type CopyTablesTask,
  copyTables,
  type IngestTask,
  icebergTables,
  ingest,
  type PostgresDatabase,
  parquetDrops,
  postgresTables,
} from 'millrace'
import { layouts, referenceTables, reporting, sources, sssTables, targets } from './tables.ts'

/** Only files that were not read before; of every key the row with the greatest UPTIM. */
export function ingestSss(): IngestTask {
  return ingest('cnsv-ingest-sss-farmrecords', {
    jobName: 'cnsv-ingest-sss-farmrecords',
    from: parquetDrops('sss/raw', { tables: sssTables, newestBy: 'UPTIM', overlap: '1 day' }),
    to: icebergTables('sss', layouts(sssTables)),
  })
}

/** The reference tables: the first time whole, then the rows that changed, so that millions of others are not sent again. */
export function copyReferences(database: PostgresDatabase): CopyTablesTask {
  return copyTables('cnsv-ingest-pg-reference-tables', {
    jobName: 'cnsv-ingest-pg-reference-tables',
    from: postgresTables(database, reporting, sources(referenceTables)),
    to: icebergTables('farm_ref', layouts(referenceTables)),
    later: 'changed',
  })
}

/** The targets: the first time whole, then what was changed behind our back. */
export function copyTargets(database: PostgresDatabase): CopyTablesTask {
  const tables = Object.fromEntries(Object.values(targets).map((target) => [target.name, target]))
  return copyTables('cnsv-ingest-pg-cdc-targets', {
    jobName: 'cnsv-ingest-pg-cdc-targets',
    from: postgresTables(database, reporting, sources(tables)),
    to: icebergTables(reporting, layouts(tables)),
    later: 'changed',
  })
}

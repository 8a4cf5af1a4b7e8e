import { bucketedTables, bucketTables, type DataTask, definePipeline, registeredTables, registerTables } from 'millrace'
import cleanRooms from './clean-rooms.ts'
import { bucketing, key, type Loaded, load, places, shared, tablesNamed } from './parameters.ts'
import { addressableStaged, infobaseStaged } from './split.ts'

type Params = {
  snapshotDt: string
  database?: string | undefined
  stagedDb?: string | undefined
  finalDb?: string | undefined
  tablePrefix?: string | undefined
  s3Root?: string | undefined
  maxCols: number
  bucketCount: number
  bucketCol: string
  bucketingVersion: '1' | '2'
  bucketedBase: string
  tablesFilter: string
}

/** The steps of pipeline 1: staged tables, registered, then written once more as Hive-bucketed tables. */
export function bucketedSteps(params: Params, loaded: Loaded): DataTask[] {
  const { s3Root, tablePrefix = 'ext_', maxCols, bucketCount, bucketCol, bucketingVersion, bucketedBase } = params
  const staged = params.stagedDb ?? params.database ?? loaded.database
  return [
    infobaseStaged(params, loaded),
    addressableStaged(params, loaded),
    registerTables('register-staged-tables', {
      jobName: 'etl-omc-flywheel-{env}-register-staged-tables',
      from:
        s3Root === undefined
          ? ['infobase_attributes', 'addressable_ids'].map((name) => `${places.staged}/${name}`)
          : [s3Root],
      layout: 'staged',
      database: staged,
      prefix: tablePrefix,
      columnsMax: maxCols,
      key,
    }),
    bucketTables('create-athena-bucketed-tables', {
      jobName: 'etl-omc-flywheel-{env}-create-athena-bucketed-tables',
      from: registeredTables(staged, { prefix: tablePrefix, only: tablesNamed(params.tablesFilter) }),
      to: bucketedTables(bucketedBase, {
        database: params.finalDb ?? params.database ?? loaded.database,
        prefix: 'bucketed_',
        by: [bucketCol],
        count: bucketCount,
        version: bucketingVersion === '2' ? 2 : 1,
      }),
    }),
  ]
}

export default definePipeline({
  name: 'flywheel-bucketed',
  description: 'a very wide snapshot → narrow tables, registered, and Hive-bucketed for joins',
  params: { ...shared, ...bucketing },
  metrics: [
    'rows_read',
    'rows_quarantined',
    'tables_written',
    'tables_registered',
    'tables_bucketed',
    'duration_seconds',
  ],
  load,
  cleanRooms,
  tasks: bucketedSteps,
})

import { type DataTask, definePipeline, registerTables, repairPartitions } from 'millrace'
import cleanRooms from './clean-rooms.ts'
import { discovery, key, type Loaded, load, places, shared } from './parameters.ts'
import { addressablePartitioned, infobasePartitioned } from './split.ts'

type Params = {
  snapshotDt: string
  sourcePath?: string | undefined
  database?: string | undefined
  stagedDb?: string | undefined
  tablePrefix?: string | undefined
  maxConcurrency: number
  pollIntervalSec: number
}

/** The steps of pipeline 2: tables with a partition a snapshot, registered, then their partitions found. */
export function partitionedSteps(params: Params, loaded: Loaded): DataTask[] {
  const { tablePrefix: prefix = 'part_', maxConcurrency, pollIntervalSec } = params
  const database = params.stagedDb ?? params.database ?? loaded.database
  const { sourcePath = places.partitioned } = loaded.of('register-part-tables')
  return [
    infobasePartitioned(params, loaded),
    addressablePartitioned(params, loaded),
    registerTables('register-part-tables', {
      jobName: 'etl-omc-flywheel-{env}-register-part-tables',
      from: [sourcePath],
      layout: 'partitioned',
      database,
      prefix,
      key,
    }),
    repairPartitions('prepare-part-tables', {
      jobName: 'etl-omc-flywheel-{env}-prepare-part-tables',
      database,
      prefix,
      tablesAtOnce: maxConcurrency,
      pollIntervalMs: pollIntervalSec * 1000,
    }),
  ]
}

export default definePipeline({
  name: 'flywheel-partitioned',
  description: 'a very wide snapshot → narrow tables with a partition a snapshot, registered, their partitions found',
  params: { ...shared, ...discovery },
  metrics: [
    'rows_read',
    'rows_quarantined',
    'tables_written',
    'tables_registered',
    'partitions_added',
    'duration_seconds',
  ],
  load,
  cleanRooms,
  tasks: partitionedSteps,
})

import { definePipeline } from 'millrace'
import { bucketedSteps } from './bucketed.ts'
import cleanRooms from './clean-rooms.ts'
import { bucketing, discovery, load, shared } from './parameters.ts'
import { partitionedSteps } from './partitioned.ts'
import { sample } from './sample.ts'

// A prefix would be that of both pipelines' tables.
const { tablePrefix: _, ...both } = shared

export default definePipeline({
  name: 'flywheel',
  description: 'both flywheel pipelines: a very wide snapshot → bucketed and partitioned tables, registered',
  params: { ...both, ...bucketing, ...discovery },
  metrics: [
    ...['rows_read', 'rows_quarantined', 'tables_written', 'tables_registered', 'tables_bucketed', 'partitions_added'],
    'duration_seconds',
  ],
  load,
  cleanRooms,
  tasks: (params, loaded) => [...bucketedSteps(params, loaded), ...partitionedSteps(params, loaded)],
  sample,
})

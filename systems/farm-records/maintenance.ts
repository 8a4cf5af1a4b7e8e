import { definePipeline, every, maintain, step } from 'millrace'
import { referenceTables, reporting, sssTables, targets } from './tables.ts'

/** Beside the runs, at any time: readers and merges go on meanwhile. */
export default definePipeline({
  name: 'farm-records-maintenance',
  description: 'weekly: small files of the Iceberg tables made one, old snapshots and orphan files removed',
  schedule: every('7 days'),
  params: {},
  metrics: ['files_compacted', 'snapshots_expired', 'orphans_removed', 'duration_seconds'],
  tasks: () => [
    step(
      maintain('cnsv-maintain-farm-records', {
        jobName: 'cnsv-maintain-farm-records',
        tables: [
          ...Object.keys(sssTables).map((table) => `sss.${table}`),
          ...Object.keys(referenceTables).map((table) => `farm_ref.${table}`),
          ...Object.values(targets).map(({ name }) => `${reporting}.${name}`),
        ],
      }),
      { state: 'Maintenance', retry: [{ errors: ['States.ALL'], intervalSeconds: 1, maxAttempts: 3, backoffRate: 2 }] },
    ),
  ],
})

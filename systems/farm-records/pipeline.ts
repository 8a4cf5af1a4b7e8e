import { call, definePipeline, every, parallel, postgres, step, syncConflicts, z } from 'millrace'
import { checkAnomalies } from './anomaly.ts'
import { copyReferences, copyTargets, ingestSss } from './ingest.ts'
import { mergeProducers } from './merge.ts'
import { sample } from './sample.ts'
import { syncTargets } from './sync.ts'

const retry = [{ errors: ['States.ALL'], intervalSeconds: 1, maxAttempts: 3, backoffRate: 2 }]
const stateCodes = 'FSA codes of states, two digits each, such as 19,20'

export default definePipeline({
  name: 'farm-records',
  description: 'SAP extracts and PostgreSQL in Iceberg → who works which tract in which year, and back to PostgreSQL',
  schedule: every('1 day'),
  params: {
    fullLoad: z.boolean().default(false),
    states: z
      .string()
      .regex(/^\d{2}(,\d{2})*$/, { error: stateCodes })
      .optional(),
    syncConflicts: z.enum(syncConflicts).default('keep'),
    syncLimit: z.number().min(0).max(100).default(50),
    pgUrl: z.string().optional(),
  },
  secrets: ['pgUrl'],
  metrics: ['rows_ingested', 'rows_inserted', 'rows_updated', 'rows_synced', 'sync_conflicts', 'duration_seconds'],
  tasks: ({ fullLoad, states, syncConflicts: conflicts, syncLimit: limitPercent, pgUrl: url }) => {
    const database = postgres({ url })
    const rules = { fullLoad, states: states?.split(',') ?? [] }
    const merges = { tract: mergeProducers('tract', rules), farm: mergeProducers('farm', rules) }
    return [
      parallel('IngestParallel', {
        branches: [
          [step(ingestSss(), { state: 'IngestSSS', retry })],
          [step(copyReferences(database), { state: 'IngestPGRefs', retry })],
          [step(copyTargets(database), { state: 'IngestPGCDC', retry })],
        ],
      }),
      parallel('MergeParallel', {
        branches: [
          [step(merges.tract, { state: 'TransformAndMerge', retry })],
          [step(merges.farm, { state: 'TransformAndMergeFarms', retry })],
        ],
      }),
      step(syncTargets(database, { conflicts, limitPercent }), { state: 'SyncToRDS', retry }),
      call('check-anomalies', {
        state: 'CheckAnomalies',
        functionName: 'cnsv-farm-records-check-anomalies-{env}',
        run: checkAnomalies([merges.tract.name, merges.farm.name]),
        retry,
      }),
    ]
  },
  sample,
})

import {
  changeDatasets,
  choice,
  definePipeline,
  deleteRules,
  dmsFolder,
  fail,
  land,
  map,
  pass,
  step,
  withInput,
  z,
} from 'millrace'
import { readEnvironment, resourceName } from './environment.ts'
import { toFinalZone } from './final-zone.ts'
import { lambdas } from './lambdas.ts'
import { sample } from './sample.ts'
import { readTables, tableNamed } from './tables.ts'

const retry = [{ errors: ['Glue.ConcurrentRunsExceededException'], intervalSeconds: 30, maxAttempts: 10 }]
const job = { 'JobId.$': '$.JobId', 'SfName.$': '$.SfName', 'Target.$': '$.Target' }
const counts = ['rows_landed', 'records_processed', 'duplicates_removed', 'deletes_read', 'rows_quarantined']

export default definePipeline({
  name: 'carsdm',
  description: 'AWS DMS full load and CDC → a Final zone that loses nothing and a CDC zone that shows everything',
  params: {
    tablesFile: z.string().optional(),
    runDate: z.iso.date(),
    cdcRetentionDays: z.int().min(1).max(3650).default(10),
    deletes: z.enum(deleteRules).default('keep'),
    onBadValue: z.enum(['quarantine', 'fail']).default('quarantine'),
    onBadFile: z.enum(['quarantine', 'fail']).default('quarantine'),
    tableFormat: z.enum(['parquet', 'iceberg']).default('parquet'),
    pgUrl: z.string().optional(),
  },
  secrets: ['pgUrl'],
  defaults: (now) => ({ runDate: now.toISOString().slice(0, 10) }),
  metrics: ['tables_processed', 'files_quarantined', ...counts, 'duration_seconds'],
  load: async ({ tablesFile }, { env, read }) => ({
    environment: await readEnvironment(env, read),
    tables: await readTables(tablesFile, read),
  }),
  tasks: ({ onBadFile, pgUrl, ...rules }, { environment, tables }) => {
    const { startJob, publishErrors, incrementalTables, updateJob, crawlers } = lambdas(environment, tables, pgUrl)
    const datasets = changeDatasets(`landing/${environment.destinationPrefix}/Datasets`)
    const final = `final/${environment.destinationPrefix}`
    const { tableFormat } = rules
    return [
      startJob,
      pass('Landing', { result: { Payload: { failed: [] } }, resultPath: '$.landing' }),
      step(
        land('LandingFiles', {
          jobName: resourceName(environment, 'LandingFiles'),
          from: dmsFolder(`landing/${environment.sourcePrefix}/dbo`, { tables: tables.map(({ table }) => table) }),
          to: datasets,
          onBadFile,
        }),
        {
          needs: ['start-data-ppln-job', 'Landing'],
          retry,
          catch: [
            {
              errors: ['States.ALL'],
              resultPath: '$.error',
              steps: [publishErrors('publish-landing-errors', 'SNS Lambda LandingFiles', '$.landing')],
            },
          ],
        },
      ),
      incrementalTables(datasets.path, 'Cars-Raw-DM'),
      pass('CARS Tables', {
        needs: ['start-data-ppln-job', 'Landing', 'get-incremental-tables'],
        parameters: {
          'JobId.$': '$.job.Payload.JobId',
          'SfName.$': '$.job.Payload.SfName',
          Target: 'cars',
          'tables.$': '$.incremental.Payload.tables',
          'landing.$': '$.landing.Payload.failed',
        },
      }),
      map('Map', {
        needs: ['CARS Tables'],
        items: '$.tables',
        itemSelector: { ...job, 'table.$': '$$.Map.Item.Value' },
        maxConcurrency: 12,
        resultPath: '$.results',
        steps: [
          pass('Pass', { parameters: { ...job, 'table.$': '$.table' } }),
          withInput('Cars-Raw-DM', {
            state: 'MoveToFinalZone',
            needs: ['Pass'],
            jobName: resourceName(environment, 'Cars-Raw-DM'),
            bind: (input) => toFinalZone(tableNamed(tables, input), { ...rules, datasets, final }),
            retry,
            catch: [
              {
                errors: ['States.ALL'],
                resultPath: '$.error',
                steps: [
                  publishErrors('sns-publish-step-function-errors', 'SNS Lambda RAW DM', '$.sns'),
                  pass('Pass Error', {
                    parameters: { ...job, 'table.$': '$.table', status: 'Error', 'failed.$': '$.sns.Payload.failed' },
                  }),
                ],
              },
            ],
          }),
        ],
      }),
      updateJob,
      crawlers(final, tableFormat),
      choice('Any table failed', {
        choices: [
          {
            when: { Variable: '$.update.Payload.status', StringEquals: 'Error' },
            steps: [fail('Tables failed', { error: 'TablesFailed', causePath: '$.update.Payload.message' })],
          },
        ],
      }),
    ]
  },
  sample,
})

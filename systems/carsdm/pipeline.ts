import {
  applyChanges,
  call,
  changeDatasets,
  changeHistory,
  choice,
  crawl,
  crawlTables,
  definePipeline,
  deleteRules,
  dmsFolder,
  fail,
  land,
  landedChanges,
  landedColumns,
  map,
  parallel,
  parquetTable,
  pass,
  step,
  withInput,
  z,
} from 'millrace'
import { publishErrors, tablesWithWork } from './calls.ts'
import { crawlerName, readEnvironment, resourceName, stateMachineName } from './environment.ts'
import { jobControl } from './job-control.ts'
import { sample } from './sample.ts'
import { readTables, tableNamed } from './tables.ts'

const glueIsBusy = { errors: ['Glue.ConcurrentRunsExceededException'], intervalSeconds: 30, maxAttempts: 10 }
const lambdaIsBusy = {
  errors: ['Lambda.ServiceException', 'Lambda.TooManyRequestsException'],
  intervalSeconds: 2,
  maxAttempts: 6,
}
const place = { 'JobId.$': '$.JobId', 'SfName.$': '$.SfName', 'Target.$': '$.Target' }

export default definePipeline({
  name: 'carsdm',
  description: 'AWS DMS full load and CDC → a Final zone that loses nothing and a CDC zone that shows everything',
  params: {
    tablesFile: z.string().optional().describe('the tables: names, keys, types (default the twelve that ship)'),
    runDate: z.iso.date().describe('the CDC zone keeps the days before it (default today, UTC)'),
    cdcRetentionDays: z.int().min(1).max(3650).default(10).describe('days that the CDC zone keeps'),
    deletes: z.enum(deleteRules).default('keep').describe('what a delete does to the Final zone'),
    onBadValue: z.enum(['quarantine', 'fail']).default('quarantine').describe('a value that does not fit its type'),
    onBadFile: z.enum(['quarantine', 'fail']).default('quarantine').describe('a file that cannot be read'),
    tableFormat: z.enum(['parquet']).default('parquet').describe('how the Final zone is kept'),
    pgUrl: z.string().optional().describe('the process control database (default an embedded one)'),
  },
  secrets: ['pgUrl'],
  defaults: (now) => ({ runDate: now.toISOString().slice(0, 10) }),
  metrics: [
    'tables_processed',
    'files_quarantined',
    'rows_landed',
    'records_processed',
    'duplicates_removed',
    'deletes_read',
    'rows_quarantined',
    'duration_seconds',
  ],
  load: async ({ tablesFile }, { env, read }) => ({
    environment: await readEnvironment(env, read),
    tables: await readTables(tablesFile, read),
  }),
  tasks: ({ runDate, cdcRetentionDays, deletes, onBadValue, onBadFile, pgUrl }, { environment, tables }) => {
    const { sourcePrefix, destinationPrefix } = environment
    const datasets = changeDatasets(`landing/${destinationPrefix}/Datasets`)
    const final = `final/${destinationPrefix}`
    const control = jobControl(stateMachineName(environment), pgUrl)
    const lambda = (name: string) => ({ functionName: resourceName(environment, name), retry: [lambdaIsBusy] })
    const after = new Date(Date.parse(runDate) - cdcRetentionDays * 86_400_000).toISOString().slice(0, 10)

    return [
      call('start-data-ppln-job', {
        ...lambda('etl-workflow-start-data-ppln-job'),
        ...control.start,
        state: 'data_ppl_job_start',
        resultPath: '$.job',
      }),
      pass('Landing', { result: { Payload: { failed: [] } }, resultPath: '$.landing' }),
      step(
        land('LandingFiles', {
          jobName: resourceName(environment, 'LandingFiles'),
          from: dmsFolder(`landing/${sourcePrefix}/dbo`, { tables: tables.map(({ table }) => table) }),
          to: datasets,
          tablesAtOnce: 8,
          onBadFile,
        }),
        {
          retry: [glueIsBusy],
          catch: [
            {
              errors: ['States.ALL'],
              resultPath: '$.error',
              steps: [
                call('publish-landing-errors', {
                  ...lambda('RAW-DM-sns-publish-step-function-errors'),
                  ...publishErrors,
                  state: 'SNS Lambda LandingFiles',
                  resultPath: '$.landing',
                }),
              ],
            },
          ],
        },
      ),
      call('get-incremental-tables', {
        ...lambda('get-incremental-tables'),
        ...tablesWithWork(datasets.path, tables, 'Cars-Raw-DM'),
        state: 'GetIncrementalTableListFromS3',
        resultPath: '$.incremental',
      }),
      pass('CARS Tables', {
        parameters: {
          'JobId.$': '$.job.Payload.JobId',
          'SfName.$': '$.job.Payload.SfName',
          Target: 'cars',
          'tables.$': '$.incremental.Payload.tables',
          'landing.$': '$.landing.Payload.failed',
        },
      }),
      map('Map', {
        items: '$.tables',
        itemSelector: { ...place, 'table.$': '$$.Map.Item.Value' },
        maxConcurrency: 12,
        resultPath: '$.results',
        needs: ['get-incremental-tables', 'CARS Tables'],
        steps: [
          pass('Pass', { parameters: { ...place, 'table.$': '$.table' } }),
          withInput('Cars-Raw-DM', {
            state: 'MoveToFinalZone',
            jobName: resourceName(environment, 'Cars-Raw-DM'),
            bind: (input) => {
              const { table, columns, primaryKey } = tableNamed(tables, input)
              return applyChanges('Cars-Raw-DM', {
                from: landedChanges(datasets, table),
                columns,
                keys: primaryKey,
                sequenceBy: [
                  'dart_sequence_time',
                  'dart_sequence_rank',
                  'dms_commit_ts',
                  'dart_source_file',
                  'dart_source_row',
                ],
                changedAt: 'dms_commit_ts',
                leaveOut: ['dms_commit_ts', ...landedColumns.map(({ name }) => name)],
                deletes,
                onBadValue,
                to: parquetTable(`${final}/${table}`),
                history: changeHistory(`${final}/_cdc/${table}`, {
                  after,
                  columns: ['dms_commit_ts', 'dart_source_file', 'dart_source_row'],
                }),
              })
            },
            retry: [glueIsBusy],
            catch: [
              {
                errors: ['States.ALL'],
                resultPath: '$.error',
                steps: [
                  call('sns-publish-step-function-errors', {
                    ...lambda('RAW-DM-sns-publish-step-function-errors'),
                    ...publishErrors,
                    state: 'SNS Lambda RAW DM',
                    resultPath: '$.sns',
                  }),
                  pass('Pass Error', {
                    parameters: { ...place, 'table.$': '$.table', status: 'Error', 'failed.$': '$.sns.Payload.failed' },
                  }),
                ],
              },
            ],
          }),
        ],
      }),
      call('update-data-ppln-job', {
        ...lambda('RAW-DM-etl-workflow-update-data-ppln-job'),
        ...control.update,
        state: 'data_ppl_job_update RAW DM',
        resultPath: '$.update',
      }),
      parallel('RunBothCrawlers', {
        resultPath: null,
        branches: [
          [
            crawl('crawl-final', {
              state: 'CARS Final Zone Crawler',
              crawlerName: crawlerName(environment, 'CARS-CRAWLER'),
              run: (context) => crawlTables(context, final),
            }),
          ],
          [
            crawl('crawl-cdc', {
              state: 'CARS CDC Crawler',
              crawlerName: crawlerName(environment, 'CARS-cdc'),
              run: (context) => crawlTables(context, `${final}/_cdc`),
            }),
          ],
        ],
      }),
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

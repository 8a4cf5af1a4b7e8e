/** The functions and crawlers of the state machine as steps, with the names they have on AWS. */
import {
  type CallOptions,
  type CallStep,
  type CrawlOptions,
  call,
  crawl,
  crawlIcebergTables,
  crawlTables,
  type ParallelStep,
  parallel,
} from 'millrace'
import { publishErrors, tablesWithWork } from './calls.ts'
import { type CarsEnvironment, crawlerName, resourceName, stateMachineName } from './environment.ts'
import { icebergNamespace, type Zones } from './final-zone.ts'
import { jobControl } from './job-control.ts'
import type { CarsTable } from './tables.ts'

const retry = [
  { errors: ['Lambda.ServiceException', 'Lambda.TooManyRequestsException'], intervalSeconds: 2, maxAttempts: 6 },
]

/** `pgUrl` is the database of process control; undefined for the embedded one. */
export function lambdas(environment: CarsEnvironment, tables: readonly CarsTable[], pgUrl: string | undefined) {
  const control = jobControl(stateMachineName(environment), pgUrl)
  const lambda = (name: string, resource: string, options: Omit<CallOptions, 'functionName'>): CallStep =>
    call(name, { functionName: resourceName(environment, resource), retry, ...options })
  return {
    startJob: lambda('start-data-ppln-job', 'RAW-DM-etl-workflow-start-data-ppln-job', {
      ...control.start,
      state: 'data_ppl_job_start',
      resultPath: '$.job',
    }),
    incrementalTables: (datasets: string, task: string): CallStep =>
      lambda('get-incremental-tables', 'get-incremental-tables', {
        ...tablesWithWork(datasets, tables, task),
        state: 'GetIncrementalTableListFromS3',
        resultPath: '$.incremental',
      }),
    publishErrors: (name: string, state: string, resultPath: string): CallStep =>
      lambda(name, 'RAW-DM-sns-publish-step-function-errors', { ...publishErrors(tables), state, resultPath }),
    updateJob: lambda('update-data-ppln-job', 'RAW-DM-etl-workflow-update-data-ppln-job', {
      ...control.update,
      state: 'data_ppl_job_update RAW DM',
      resultPath: '$.update',
    }),
    crawlers: (final: string, tableFormat: Zones['tableFormat']): ParallelStep => {
      const crawler = (name: string, state: string, resource: 'CARS-CRAWLER' | 'CARS-cdc', run: CrawlOptions['run']) =>
        crawl(name, { state, crawlerName: crawlerName(environment, resource), run })
      const crawlFinal: CrawlOptions['run'] = (context) =>
        tableFormat === 'iceberg' ? crawlIcebergTables(context, icebergNamespace(final)) : crawlTables(context, final)
      return parallel('RunBothCrawlers', {
        resultPath: null,
        branches: [
          [crawler('crawl-final', `FSA-${environment.deployEnv}-CARS Final Zone Crawler`, 'CARS-CRAWLER', crawlFinal)],
          [
            crawler('crawl-cdc', `FSA-${environment.deployEnv}-CARS CDC Crawler`, 'CARS-cdc', (context) =>
              crawlTables(context, `${final}/_cdc`),
            ),
          ],
        ],
      })
    },
  }
}

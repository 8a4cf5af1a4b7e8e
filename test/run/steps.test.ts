/** Runs of every kind of step from start to end, on real roots with the real engine; and what a retry repeats. */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import {
  type Alert,
  call,
  choice,
  crawl,
  fail,
  type Json,
  map,
  type Pipeline,
  parallel,
  pass,
  type Step,
  step,
  withInput,
} from 'millrace'
import { afterAll, describe, expect, it } from 'vitest'
import type { RunState } from '../../src/events.ts'
import type { Clock } from '../../src/run/asl/types.ts'
import { retryRun, startRun } from '../../src/run/run.ts'
import { readEvents } from '../../src/run/run-log.ts'
import folderStore from '../../src/stores/folder.ts'
import { landTables, pathsIn, pipelineOf, runOptions, tableTask } from './lake.ts'

const home = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-steps-'))
afterAll(() => fs.rmSync(home, { recursive: true, force: true }))
let roots = 0
const newRoot = (): string => path.join(home, `root-${roots++}`)

const tables = Array.from({ length: 12 }, (_, index) => `T${String(index + 1).padStart(2, '0')}`)

type Told = { calls: string[]; ends: [string, Json][] }

/** Twelve tables at once; a table that fails is told, and fails the run only when all others are done. */
function twelve(told: Told): Pipeline {
  const note = async (name: string, output: Json = null): Promise<Json> => {
    told.calls.push(name)
    return output
  }
  return pipelineOf([
    step(tableTask('land'), { state: 'Landing Files' }),
    call('get-tables', {
      state: 'GetTables',
      needs: ['land'],
      functionName: 'X-{env}-get-tables',
      isReadOnly: true,
      run: () => note('get-tables', { tables, jobId: 7 }),
      resultSelector: { 'tables.$': '$.Payload.tables', 'jobId.$': '$.Payload.jobId' },
      onRunEnd: async (output, end) => void told.ends.push([end.status, output]),
    }),
    pass('Tables', { needs: ['get-tables'], parameters: { 'tables.$': '$.tables', target: 'test' } }),
    map('Map', {
      needs: ['Tables'],
      items: '$.tables',
      itemSelector: { 'table.$': '$$.Map.Item.Value', 'target.$': '$.target' },
      maxConcurrency: 12,
      resultPath: '$.results',
      steps: [
        pass('Pass'),
        withInput('consolidate-table', {
          state: 'MoveToFinalZone',
          bind: (input) => tableTask('consolidate-table', (input as { table: string }).table),
          catch: [
            {
              errors: ['States.ALL'],
              resultPath: '$.failure',
              steps: [
                call('publish-error', {
                  functionName: 'X-{env}-sns',
                  run: async (input, context) => {
                    const { table, failure } = input as { table: string; failure: { Error: string; Cause: string } }
                    const job = JSON.parse(failure.Cause) as Record<string, string>
                    const message = String(job.ErrorMessage)
                    await context.notify({ TableName: table, JobName: String(job.JobName), ErrorMessage: message })
                    return { job, error: failure.Error }
                  },
                  resultPath: null,
                }),
                pass('Error', { result: 'Error', resultPath: '$.status' }),
              ],
            },
          ],
        }),
      ],
    }),
    call('update-job', {
      functionName: 'X-{env}-update',
      run: () => note('update-job'),
      resultPath: null,
    }),
    parallel('RunBothCrawlers', {
      resultPath: null,
      branches: ['Final', 'CDC'].map((name) => [
        crawl(`crawl-${name}`, { crawlerName: `X-{env}-${name}`, run: () => note(name) }),
      ]),
    }),
    pass('Statuses', { parameters: { 'failed.$': '$.results[?(@.status)]' } }),
    choice('All done', {
      choices: [
        {
          when: { Variable: '$.failed[0]', IsPresent: true },
          steps: [fail('Failed', { error: 'TablesFailed', cause: 'some tables failed' })],
        },
      ],
    }),
  ])
}

const newTold = (): Told => ({ calls: [], ends: [] })
const statusOf = ({ maps }: RunState): Record<string, string> =>
  Object.fromEntries((maps[0]?.items ?? []).map(({ name, status }) => [name, status]))

describe('a Map with twelve items at once, one of which fails', () => {
  it('is done for the others, tells of the one, and a retry repeats only that and what comes after', async () => {
    const where = newRoot()
    const told = newTold()
    const alerts: Alert[] = []
    const notifiers = [{ name: 'list', notify: async (alert: Alert) => void alerts.push(alert) }]
    const options = runOptions(where, twelve(told), { notifiers })
    await landTables(where, ['land', ...tables.filter((table) => table !== 'T07')])

    const failed = await startRun(options, {})
    expect([failed.status, failed.error]).toEqual(['failed', 'some tables failed'])
    const expected = Object.fromEntries(tables.map((table) => [table, table === 'T07' ? 'caught' : 'succeeded']))
    expect(statusOf(failed)).toEqual(expected)
    expect(failed.metrics.records_processed).toBe(120)
    expect(told.calls).toEqual(['get-tables', 'update-job', 'Final', 'CDC'])
    expect(told.ends).toEqual([['failed', { tables, jobId: 7 }]])
    expect(alerts.map(({ status, details }) => [status, details?.TableName, details?.JobName])).toEqual([
      ['running', 'T07', 'stepped-test-consolidate-table'],
      ['failed', undefined, undefined],
    ])
    expect(alerts[0]?.details?.ErrorMessage).toContain('landing/T07')
    expect(fs.readdirSync(path.join(where, 'consolidated'))).toHaveLength(12)

    await landTables(where, ['T07'])
    const retried = await retryRun(options, failed.run)
    expect([retried.status, retried.error]).toEqual(['succeeded', null])
    expect(statusOf(retried)).toEqual(Object.fromEntries(tables.map((table) => [table, 'succeeded'])))
    expect(retried.metrics.records_processed).toBe(130)
    const events = await readEvents(folderStore(where), failed.run)
    expect(pathsIn(events, 'task-started', 2)).toEqual([
      'Map[6]/MoveToFinalZone',
      'RunBothCrawlers<0>/crawl-Final',
      'RunBothCrawlers<1>/crawl-CDC',
      'update-job',
    ])
    expect(told.ends.slice(1)).toEqual([['succeeded', { tables, jobId: 7 }]])
  }, 60_000)

  it('runs alone by --only, with what it needs, and fails for the item that its handler took', async () => {
    const where = newRoot()
    const told = newTold()
    await landTables(where, ['land', ...tables.slice(0, 11)])
    const pipeline = twelve(told)
    const run = await startRun(runOptions(where, pipeline, { only: 'consolidate-table' }), {})
    expect(run.status).toBe('failed')
    expect(run.error).toContain('landing/T12')
    expect(told.calls).toEqual(['get-tables'])
    expect(run.tasks.map(({ name }) => name).filter((name) => name === 'land')).toHaveLength(1)
    await landTables(where, ['T12'])
    const again = await retryRun(runOptions(where, pipeline), run.run)
    expect([again.status, again.only]).toEqual(['succeeded', 'consolidate-table'])
    await expect(startRun(runOptions(where, pipeline, { only: 'MoveToFinalZon' }), {})).rejects.toThrow(
      /is no task of stepped .*did you mean MoveToFinalZone\?/,
    )
  }, 60_000)

  it('has all twelve at once', async () => {
    let [running, most] = [0, 0]
    const all = new Promise<void>((resolve) => setTimeout(resolve, 100))
    const meet = async (): Promise<null> => {
      running += 1
      most = Math.max(most, running)
      await all
      running -= 1
      return null
    }
    const steps = [
      pass('Items', { result: tables }),
      map('Map', { maxConcurrency: 12, steps: [call('meet', { functionName: 'meet', run: meet })] }),
    ]
    const run = await startRun(runOptions(newRoot(), pipelineOf(steps)), {})
    expect([run.status, most]).toEqual(['succeeded', 12])
    expect(run.tasks.map(({ item }) => item).sort()).toEqual(tables)
  })
})

it('a cancelled Map starts no item any more, and the retry goes on with those that are not done', async () => {
  const stop = new AbortController()
  const log: Json[] = []
  const items = call('work', {
    functionName: 'work',
    run: (item, { signal }) => {
      log.push(item)
      if (item !== 'c' || stop.signal.aborted) return Promise.resolve(null)
      setTimeout(() => stop.abort(), 10)
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))))
    },
  })
  const steps = [pass('Items', { result: ['a', 'b', 'c', 'd'] }), map('Map', { maxConcurrency: 1, steps: [items] })]
  const options = runOptions(newRoot(), pipelineOf(steps))
  const cancelled = await startRun({ ...options, signal: stop.signal }, {})
  expect(cancelled.status).toBe('cancelled')
  expect(Object.values(statusOf(cancelled))).toEqual(['succeeded', 'succeeded', 'stopped', 'waiting'])
  const retried = await retryRun(options, cancelled.run)
  expect(retried.status).toBe('succeeded')
  expect(log).toEqual(['a', 'b', 'c', 'c', 'd'])
})

describe('what fails', () => {
  class Refused extends Error {
    override name = 'Refused'
  }
  const failing = (name: string, more: object = {}): Step =>
    call(name, {
      functionName: name,
      run: async () => {
        throw new Refused('no entry')
      },
      ...more,
    })

  it('goes to its handler, which goes on with what comes after the step', async () => {
    let seen: Json = null
    const steps = [
      failing('a', { catch: [{ errors: ['Refused'], resultPath: '$.failure', steps: [pass('handled')] }] }),
      call('b', { functionName: 'b', run: async (input) => (seen = input) }),
    ]
    const where = newRoot()
    const run = await startRun(runOptions(where, pipelineOf(steps)), {})
    expect(run.status).toBe('succeeded')
    expect(seen).toEqual({
      failure: { Error: 'Refused', Cause: '{"errorType":"Refused","errorMessage":"no entry","trace":[]}' },
    })
    const events = await readEvents(folderStore(where), run.run)
    expect(events.find(({ type }) => type === 'state-caught')).toMatchObject({
      ...{ path: 'a', state: 'a', name: 'Refused', error: 'no entry', next: 'handled' },
    })
    expect(pathsIn(events, 'state-exited', 1)).not.toContain('a')
  })

  it('without steps in its handler is passed over, also at the end', async () => {
    const run = await startRun(
      runOptions(newRoot(), pipelineOf([failing('a', { catch: [{ errors: ['States.ALL'], steps: [] }] })])),
      {},
    )
    expect(run.status).toBe('succeeded')
  })

  it('is tried again with back-off, then fails with its own words', async () => {
    const waits: number[] = []
    const clock: Clock = { now: () => 0, sleep: async (ms) => void waits.push(ms) }
    const retry = [{ errors: ['Refused'], intervalSeconds: 2, maxAttempts: 3, backoffRate: 3, maxDelaySeconds: 10 }]
    const run = await startRun(runOptions(newRoot(), pipelineOf([failing('a', { retry })]), { clock }), {})
    expect(waits).toEqual([2000, 6000, 10_000])
    expect([run.status, run.error]).toEqual(['failed', 'no entry'])
    expect(run.tasks).toMatchObject([{ name: 'a', status: 'failed', error: 'no entry' }])
  })

  it('is the same retry after a handler that could not help: nothing stale is reused', async () => {
    const log: string[] = []
    let fails = ['b', 'd']
    const note = (name: string, more: object = {}): Step =>
      call(name, {
        functionName: name,
        run: async () => {
          log.push(name)
          if (fails.includes(name)) throw new Refused(name)
          return name
        },
        resultPath: null,
        ...more,
      })
    const steps = [
      note('a'),
      note('b', { catch: [{ errors: ['States.ALL'], resultPath: null, steps: [note('b-failed')] }] }),
      note('c'),
      note('d'),
    ]
    const options = runOptions(newRoot(), pipelineOf(steps))
    const { run } = await startRun(options, {})
    expect(log.splice(0)).toEqual(['a', 'b', 'b-failed', 'c', 'd'])
    fails = ['c']
    expect((await retryRun(options, run)).error).toBe('c')
    expect(log.splice(0)).toEqual(['b', 'c'])
    fails = []
    expect((await retryRun(options, run)).status).toBe('succeeded')
    expect(log.splice(0)).toEqual(['c', 'd'])
  })

  it('in one branch stops the run, and the other branch stands in the retry', async () => {
    const log: string[] = []
    let isFailing = true
    const branch = (name: string): Step[] => [
      call(name, {
        functionName: name,
        run: async () => {
          log.push(name)
          if (name === 'left' && isFailing) {
            await new Promise((resolve) => setTimeout(resolve, 50))
            throw new Refused(name)
          }
          return null
        },
      }),
    ]
    const steps = [parallel('Both', { branches: [branch('left'), branch('right')] }), ...branch('after')]
    const options = runOptions(newRoot(), pipelineOf(steps))
    const failed = await startRun(options, {})
    expect([failed.status, failed.error]).toEqual(['failed', 'left'])
    isFailing = false
    expect((await retryRun(options, failed.run)).status).toBe('succeeded')
    expect(log).toEqual(['left', 'right', 'left', 'after'])
  })

  it('gives a data task the error of a job', async () => {
    let cause = ''
    const steps = [
      step(tableTask('missing'), {
        catch: [
          {
            errors: ['States.TaskFailed'],
            steps: [
              call('read', { functionName: 'r', run: async (input) => (cause = (input as { Cause: string }).Cause) }),
              fail('End', { causePath: '$.Payload' }),
            ],
          },
        ],
      }),
    ]
    const run = await startRun(runOptions(newRoot(), pipelineOf(steps)), {})
    const job = JSON.parse(cause)
    expect(job).toMatchObject({ JobName: 'stepped-test-missing', JobRunState: 'FAILED' })
    expect(job.ErrorMessage).toContain('landing/missing')
    expect(job.Arguments).toMatchObject({ '--TASK': 'missing', '--RUN': run.run })
    expect([run.status, run.error]).toEqual(['failed', cause])
  })
})

describe('a choice', () => {
  it.each([
    [1, ['one', 'after']],
    [2, ['two', 'after']],
    [3, ['after']],
  ])('for %d takes %j', async (value, expected) => {
    const log: string[] = []
    const note = (name: string): Step =>
      call(name, { functionName: name, run: async () => log.push(name), resultPath: null })
    const steps = [
      pass('Value', { result: { value } }),
      choice('Which', {
        choices: [
          { when: { Variable: '$.value', NumericEquals: 1 }, steps: [note('one')] },
          { when: { Variable: '$.value', NumericEquals: 2 }, steps: [note('two')] },
        ],
      }),
      note('after'),
    ]
    expect((await startRun(runOptions(newRoot(), pipelineOf(steps)), {})).status).toBe('succeeded')
    expect(log).toEqual(expected)
  })
})

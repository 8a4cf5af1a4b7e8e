/** What calls are given, what they close at a run's end, and definitions that read files. */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { type CallContext, call, definePipeline, type Json, map, type Pipeline, type Step, withInput } from 'millrace'
import { afterAll, describe, expect, it } from 'vitest'
import { MillraceError } from '../../src/errors.ts'
import { retryRun, startRun } from '../../src/run/run.ts'
import { landTables, pipelineOf, runOptions, tableTask } from './lake.ts'

const home = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-calls-'))
afterAll(() => fs.rmSync(home, { recursive: true, force: true }))
let roots = 0
const newRoot = (): string => path.join(home, `root-${roots++}`)

describe('onRunEnd', () => {
  const opening = (ends: unknown[], more: Step[], onRunEnd = async () => {}): Pipeline =>
    pipelineOf([
      call('open', {
        functionName: 'open',
        run: async () => ({ id: 3 }),
        onRunEnd: async (output, end, context: CallContext) => {
          ends.push([output, end, context.signal.aborted])
          await onRunEnd()
        },
      }),
      ...more,
    ])
  const bad = call('bad', { functionName: 'bad', run: async () => Promise.reject(new Error('it broke')) })

  it('is called once for each attempt, also where the call is reused', async () => {
    const ends: unknown[] = []
    const options = runOptions(newRoot(), opening(ends, [bad]))
    const { run } = await startRun(options, {})
    expect(ends).toEqual([[{ id: 3 }, { status: 'failed', error: 'it broke' }, false]])
    await retryRun(options, run)
    expect(ends).toHaveLength(2)
    await startRun(runOptions(newRoot(), opening(ends, [])), {})
    expect(ends.slice(2)).toEqual([[{ id: 3 }, { status: 'succeeded', error: null }, false]])
  })

  it('is called when the run is cancelled, with a signal that has not fired', async () => {
    const ends: unknown[] = []
    const stop = new AbortController()
    const wait = call('wait', {
      functionName: 'wait',
      run: (_, { signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(new MillraceError('cancelled', 'stopped')))
          setTimeout(() => stop.abort(), 10)
        }),
    })
    const run = await startRun(runOptions(newRoot(), opening(ends, [wait]), { signal: stop.signal }), {})
    expect(run.status).toBe('cancelled')
    expect(ends).toEqual([[{ id: 3 }, { status: 'cancelled', error: expect.any(String) }, false]])
  })

  it('that fails is a warning', async () => {
    const pipeline = opening([], [bad], () => Promise.reject(new Error('the database is gone')))
    const run = await startRun(runOptions(newRoot(), pipeline), {})
    expect([run.status, run.error]).toEqual(['failed', 'it broke'])
    expect(run.warnings).toEqual(['open could not close what it had opened: the database is gone'])
  })
})

describe('the context of a call', () => {
  it('knows work, dead runs, folders, and warns', async () => {
    const where = newRoot()
    await landTables(where, ['T01'])
    const seen: Json[] = []
    const asked: string[] = ['of another root']
    const look = call('look', {
      functionName: 'look',
      run: async (_, context) => {
        const has = async (table: string): Promise<boolean> => await context.hasWork('table', { table })
        seen.push([
          await has('T01'),
          await has('T02'),
          await context.deadRuns([...asked, context.run]),
          context.folder('process-control'),
        ])
        await expect(context.hasWork('tabel', {})).rejects.toThrow(/did you mean table\?/)
        expect(() => context.folder('runs')).toThrow(/is refused/)
        await context.warn('look out')
        return [{ table: 'T01' }]
      },
      outputPath: '$.Payload',
    })
    const bind = (input: Json) => tableTask('table', (input as { table: string }).table)
    const steps = [look, map('Map', { steps: [withInput('table', { bind })] })]
    const options = runOptions(where, pipelineOf(steps))
    const first = await startRun(options, {})
    asked.push(first.run)
    expect([first.status, first.warnings]).toEqual(['succeeded with warnings', ['look out']])
    const second = await startRun(options, {})
    expect(second.maps).toMatchObject([{ state: 'Map', items: [{ name: 'item 1', status: 'succeeded' }] }])
    const folder = path.join(where, '_millrace/process-control')
    // A table whose planning fails counts as work: its task will say why.
    expect(seen).toEqual([
      [true, true, [], folder],
      [false, true, [first.run], folder],
    ])
  })
})

describe('load', () => {
  const loading = definePipeline({
    name: 'loading',
    description: 'reads its tables from a file',
    params: {},
    metrics: [],
    load: async (_, { env, read }) => ({ env, names: JSON.parse(await read('tables.json')) as string[] }),
    tasks: (_, { env, names }) =>
      names.map((name) =>
        call(name, {
          functionName: `${env}-${name}`,
          run: async () => {
            if (name === 'bad') throw new Error('bad table')
            return null
          },
        }),
      ),
  })

  it('gives the steps what the files say, and a retry reads them again', async () => {
    let text = '["good", "bad"]'
    const options = runOptions(newRoot(), loading, { read: async () => text })
    const failed = await startRun(options, {})
    expect(failed.error).toBe('bad table')
    text = '["good", "mended"]'
    const retried = await retryRun(options, failed.run)
    expect(retried.tasks.map(({ name, status }) => [name, status])).toEqual([
      ['good', 'succeeded'],
      ['mended', 'succeeded'],
    ])
  })

  it('fails as wrong usage, and no run starts', async () => {
    const where = newRoot()
    const options = runOptions(where, loading, { read: async () => 'no JSON' })
    await expect(startRun(options, {})).rejects.toMatchObject({ code: 'usage', message: /^pipeline loading {2}.*JSON/ })
    expect(fs.readdirSync(where)).toEqual([])
  })
})

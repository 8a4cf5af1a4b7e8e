/** What no single case can show: order in time, concurrency, cancelling, going on after a failure, events. */
import { expect, test } from 'vitest'
import { AslError, StatesError } from '../../../src/run/asl/errors.ts'
import type { Clock, Invocation, StateEvent } from '../../../src/run/asl/types.ts'
import type { Json } from '../../../src/types.ts'
import { execute, lambda, pathsOf, testClock } from './harness.ts'

const task = (name: string, more: object = {}): object => ({ Type: 'Task', Resource: lambda(name), ...more })
const end = { End: true }
const one = (name: string, state: object): object => ({ StartAt: name, States: { [name]: state } })
const map = (inner: object, more: object = {}): object =>
  one('Map', { Type: 'Map', ItemProcessor: one('Do', inner), ...end, ...more })
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)
const sleepFor = (call: Invocation, clock: Clock, seconds: number): Promise<void> =>
  clock.sleep(seconds * 1000, call.signal)

test.each([
  [0, 12, 1],
  [undefined, 12, 1],
  [1, 1, 12],
  [5, 5, 3],
  [40, 12, 1],
])('MaxConcurrency %s: at most, and at some time, %d at once', async (limit, most, seconds) => {
  let running = 0
  let peak = 0
  const work = async (call: Invocation, clock: Clock): Promise<Json> => {
    running += 1
    peak = Math.max(peak, running)
    await sleepFor(call, clock, 1)
    running -= 1
    return call.parameters
  }
  const definition = map(task('do', end), limit === undefined ? {} : { MaxConcurrency: limit })
  const run = await execute(definition, numbers(12), work)
  expect(run.output).toEqual(numbers(12))
  expect(peak).toBe(most)
  expect(run.elapsedMs).toBe(seconds * 1000)
  expect(run.calls.map((call) => call.parameters)).toEqual(numbers(12))
})

test("a failed item stops the others, starts none, and its error is the Map's", async () => {
  const stopped: string[] = []
  const work = async (call: Invocation, clock: Clock): Promise<Json> => {
    call.signal.addEventListener('abort', () => stopped.push(call.path))
    await sleepFor(call, clock, call.parameters === 1 ? 1 : 9)
    throw new StatesError('Bad', `item ${call.parameters}`)
  }
  const run = await execute(map(task('do', end), { MaxConcurrency: 3 }), numbers(10), work)
  expect(run.failed).toMatchObject({ error: 'Bad', cause: 'item 1', path: 'Map[1]/Do' })
  expect(run.calls).toHaveLength(3)
  expect(stopped).toEqual(['Map[0]/Do', 'Map[2]/Do'])
  expect(run.elapsedMs).toBe(1000)
  expect(pathsOf(run.events, 'state-failed')).toEqual(['Map[1]/Do', 'Map'])
  expect(pathsOf(run.events, 'state-aborted').sort()).toEqual(['Map[0]/Do', 'Map[2]/Do'])
  expect(pathsOf(run.events, 'map-iteration-aborted').sort()).toEqual(['Map[0]', 'Map[2]'])
})

test('a state is over only when its stopped tasks are, or when they have been waited for long enough', async () => {
  const both = (seconds: number): Promise<{ elapsedMs: number }> => {
    const branches = [one('Bad', { Type: 'Fail', Error: 'E' }), one('Deaf', task('deaf', end))]
    const never = new AbortController().signal
    const work = async (_: Invocation, clock: Clock): Promise<Json> =>
      clock.sleep(seconds * 1000, never).then(() => null)
    return execute(one('Both', { Type: 'Parallel', Branches: branches, ...end }), {}, work, { settleMs: 20_000 })
  }
  expect((await both(4)).elapsedMs).toBe(4000)
  expect((await both(600)).elapsedMs).toBe(20_000)
})

test('a Parallel that is retried runs all its branches again, under other paths', async () => {
  let failures = 2
  const branches = [one('Fine', task('fine', end)), one('Bad', task('bad', end))]
  const definition = one('Both', { Type: 'Parallel', Branches: branches, Retry: [{ ErrorEquals: ['E'] }], ...end })
  const run = await execute(definition, {}, (call) => {
    if (call.resource === lambda('bad') && failures-- > 0) throw new StatesError('E', '')
    return call.path
  })
  expect(run.output).toEqual(['Both~3<0>/Fine', 'Both~3<1>/Bad'])
  expect(run.elapsedMs).toBe(3000)
  expect(new Set(run.calls.map((call) => call.path)).size).toBe(run.calls.length)
})

test('each attempt has its own timeout, and the time between is not in it', async () => {
  const retry = [{ ErrorEquals: ['States.Timeout'], IntervalSeconds: 30, MaxAttempts: 2 }]
  const definition = one('Slow', task('slow', { TimeoutSeconds: 5, Retry: retry, ...end }))
  const attempts: number[] = []
  const run = await execute(definition, {}, async (call, clock) => {
    attempts.push(call.attempt)
    await sleepFor(call, clock, call.attempt === 3 ? 4 : 9)
    return 'in time'
  })
  expect(run.output).toBe('in time')
  expect(attempts).toEqual([1, 2, 3])
  expect(run.elapsedMs).toBe((5 + 30 + 5 + 60 + 4) * 1000)
  expect(run.events.filter((event) => event.kind === 'state-retried')).toMatchObject([
    { path: 'Slow', attempt: 2, error: 'States.Timeout', cause: '', delayMs: 30_000 },
    { path: 'Slow', attempt: 3, error: 'States.Timeout', cause: '', delayMs: 60_000 },
  ])
})

test('cancelling stops what runs, starts nothing, catches nothing and rejects with the reason', async () => {
  const cancel = new AbortController()
  const time = testClock()
  const signals: AbortSignal[] = []
  const guards = { Retry: [{ ErrorEquals: ['States.ALL'] }], Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Caught' }] }
  const definition = {
    StartAt: 'Map',
    States: {
      Map: {
        Type: 'Map',
        ItemProcessor: one('Do', task('do', { ...guards, Catch: [], ...end })),
        MaxConcurrency: 2,
        ...guards,
        ...end,
      },
      Caught: { Type: 'Succeed' },
    },
  }
  const events: StateEvent[] = []
  const running = execute(
    definition,
    numbers(5),
    async (call, clock) => {
      signals.push(call.signal)
      await sleepFor(call, clock, 60)
      return null
    },
    { time, signal: cancel.signal, on: (event) => events.push(event) },
  )
  const reason = new Error('Ctrl-C')
  void time.clock.sleep(10_000, new AbortController().signal).then(() => cancel.abort(reason))
  await expect(running).rejects.toBe(reason)
  expect(signals.map((signal) => signal.reason)).toEqual([reason, reason])
  expect(time.elapsedMs()).toBe(10_000)
  expect(time.sleepers.size).toBe(0)
  expect(events.map((event) => event.kind)).not.toContain('state-caught')
  expect(pathsOf(events, 'state-aborted').sort()).toEqual(['Map', 'Map[0]/Do', 'Map[1]/Do'])
})

test('a cancelled run starts nothing', async () => {
  const signal = AbortSignal.abort(new Error('before'))
  await expect(execute(one('A', task('a', end)), {}, () => 1, { signal })).rejects.toThrow('before')
})

test("cancelling ends a Wait and a retry's delay", async () => {
  const retrying = one('Do', task('do', { Retry: [{ ErrorEquals: ['States.ALL'], IntervalSeconds: 500 }], ...end }))
  for (const definition of [one('W', { Type: 'Wait', Seconds: 500, ...end }), retrying]) {
    const cancel = new AbortController()
    const time = testClock()
    void time.clock.sleep(3000, new AbortController().signal).then(() => cancel.abort(new Error('stop')))
    const work = (): Json => {
      throw new Error('always')
    }
    await expect(execute(definition, {}, work, { time, signal: cancel.signal })).rejects.toThrow('stop')
    expect(time.elapsedMs()).toBe(3000)
  }
})

test('states that never wait leave room for the timeout', async () => {
  const definition = { ...one('Spin', { Type: 'Pass', Next: 'Spin' }), TimeoutSeconds: 1 }
  const States = {
    Spin: { Type: 'Pass', Next: 'Pick' },
    Pick: { Type: 'Choice', Choices: [{ Variable: '$', IsNull: true, Next: 'Stop' }], Default: 'Spin' },
    Stop: { Type: 'Succeed' },
  }
  // Real time, for the states here never leave it to a test clock to find nothing to do.
  const time = { ...testClock(), drive: <T>(work: Promise<T>): Promise<T> => work }
  const clock: Clock = { now: () => 0, sleep: () => new Promise((resolve) => setTimeout(resolve, 20)) }
  const run = await execute({ ...definition, States }, {}, () => null, { time, clock })
  expect(run.failed).toMatchObject({ error: 'States.Timeout', path: '' })
})

test('nothing retries or catches the timeout of the machine', async () => {
  const guards = { Retry: [{ ErrorEquals: ['States.ALL'] }], Catch: [{ ErrorEquals: ['States.Timeout'], Next: 'B' }] }
  const states = { A: task('a', { ...guards, ...end }), B: { Type: 'Succeed' } }
  const run = await execute({ StartAt: 'A', TimeoutSeconds: 5, States: states }, {}, async (call, clock) =>
    sleepFor(call, clock, 60).then(() => null),
  )
  expect(run.failed).toMatchObject({ error: 'States.Timeout', path: '' })
  expect(run.events.map((event) => event.kind)).toEqual(['state-entered', 'state-aborted'])
})

test('going on after a failure: recorded tasks are not run again, also within a Map; the others are', async () => {
  const definition = {
    StartAt: 'Load',
    States: {
      Load: task('load', {
        ResultSelector: { 'items.$': '$' },
        Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Late' }],
        Next: 'Map',
      }),
      Map: { Type: 'Map', ItemsPath: '$.items', ItemProcessor: one('Do', task('do', { Next: 'Then' })), Next: 'Late' },
      Late: { Type: 'Pass', ...end },
    },
  }
  const processor = definition.States.Map as unknown as { ItemProcessor: { States: { [name: string]: object } } }
  processor.ItemProcessor.States.Then = task('then', end)
  const works =
    (fails: boolean) =>
    (call: Invocation): Json => {
      if (call.resource === lambda('load')) return ['a', 'b', 'c']
      if (fails && call.path === 'Map[1]/Then') throw new StatesError('E', '')
      return `${call.parameters}+`
    }
  const exits = new Map<string, { output: Json; next?: string }>()
  const record = (event: StateEvent): void => {
    if (event.kind === 'state-exited')
      exits.set(
        event.path,
        event.next === undefined ? { output: event.output } : { output: event.output, next: event.next },
      )
  }
  const first = await execute({ ...definition }, {}, works(true), { on: record })
  expect(first.failed?.path).toBe('Map[1]/Then')
  const finished = [...exits.keys()].filter((path) => path !== 'Map')
  const second = await execute(definition, {}, works(false), { recorded: (path) => exits.get(path) })
  expect(second.output).toEqual(['a++', 'b++', 'c++'])
  expect(second.calls.map((call) => call.path).filter((path) => finished.includes(path))).toEqual([])
  expect(second.calls.map((call) => call.path)).toContain('Map[1]/Then')
  expect(pathsOf(second.events, 'state-reused')).toEqual(expect.arrayContaining(['Load', 'Map[1]/Do']))
})

test('what comes after a task that was run again is run again; iterations and branches beside it are not', async () => {
  const graph = (...names: string[]): object => ({
    StartAt: names[0],
    States: Object.fromEntries(
      names.map((name, index) => [name, task(name, names[index + 1] === undefined ? end : { Next: names[index + 1] })]),
    ),
  })
  const definition = {
    StartAt: 'Load',
    States: {
      Load: task('load', { Next: 'Map' }),
      Map: { Type: 'Map', ItemProcessor: graph('A', 'B'), MaxConcurrency: 1, Next: 'Both' },
      Both: { Type: 'Parallel', Branches: [graph('C'), graph('D')], Next: 'Last' },
      Last: task('last', end),
    },
  }
  const work = (call: Invocation): Json => (call.state === 'Load' ? [0, 1, 2] : 'new')
  const calls = async (unrecorded: string[]): Promise<string[]> => {
    const recorded = (path: string) =>
      unrecorded.includes(path) ? undefined : { output: path === 'Load' ? [0, 1, 2] : 'old', ...nextOf(path) }
    const nextOf = (path: string): { next?: string } =>
      path === 'Load' ? { next: 'Map' } : path.endsWith('/A') ? { next: 'B' } : {}
    return (await execute(definition, {}, work, { recorded })).calls.map((call) => call.path)
  }
  const after = ['Both<0>/C', 'Both<1>/D', 'Last']
  expect(await calls([])).toEqual([])
  expect(await calls(['Last'])).toEqual(['Last'])
  expect(await calls(['Both<1>/D'])).toEqual(['Both<1>/D', 'Last'])
  expect(await calls(['Map[1]/A'])).toEqual(['Map[1]/A', 'Map[1]/B', ...after])
  const items = [0, 1, 2].flatMap((index) => [`Map[${index}]/A`, `Map[${index}]/B`])
  expect(await calls(['Load'])).toEqual(['Load', ...items, ...after])
})

test('a recorded exit to a state that is gone is none', async () => {
  const run = await execute(one('A', task('a', end)), {}, () => 'new', {
    recorded: () => ({ output: 1, next: 'Gone' }),
  })
  expect([run.output, run.calls.length]).toEqual(['new', 1])
})

test('a recorded exit through a catcher is gone again', async () => {
  const definition = {
    StartAt: 'Load',
    States: {
      Load: task('load', { Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Late' }], ...end }),
      Late: { Type: 'Pass', ...end },
    },
  }
  const run = await execute(definition, {}, () => 'no', { recorded: () => ({ output: 'error', next: 'Late' }) })
  expect(run.calls).toEqual([])
  expect(pathsOf(run.events, 'state-entered')).toEqual(['Late'])
  expect(run.output).toBe('error')
})

test('events of a run, in order', async () => {
  const definition = {
    StartAt: 'Load',
    States: {
      Load: task('load', {
        Retry: [{ ErrorEquals: ['E'], MaxAttempts: 1 }],
        Catch: [{ ErrorEquals: ['E'], Next: 'Map' }],
        ...end,
      }),
      Map: {
        Type: 'Map',
        ItemsPath: '$$.Execution.Input',
        ItemProcessor: one('Item', { Type: 'Pass', ...end }),
        ...end,
      },
    },
  }
  const run = await execute(definition, [5], () => {
    throw new StatesError('E', 'why')
  })
  expect(run.events).toEqual([
    { kind: 'state-entered', path: 'Load', name: 'Load', type: 'Task', input: [5] },
    { kind: 'state-retried', path: 'Load', name: 'Load', attempt: 2, error: 'E', cause: 'why', delayMs: 1000 },
    { kind: 'state-caught', path: 'Load', name: 'Load', error: 'E', cause: 'why', next: 'Map' },
    { kind: 'state-exited', path: 'Load', name: 'Load', output: { Error: 'E', Cause: 'why' }, next: 'Map' },
    { kind: 'state-entered', path: 'Map', name: 'Map', type: 'Map', input: { Error: 'E', Cause: 'why' } },
    { kind: 'map-started', path: 'Map', name: 'Map', items: [5], limit: 1 },
    { kind: 'map-iteration-started', path: 'Map[0]', index: 0 },
    { kind: 'state-entered', path: 'Map[0]/Item', name: 'Item', type: 'Pass', input: 5 },
    { kind: 'state-exited', path: 'Map[0]/Item', name: 'Item', output: 5 },
    { kind: 'map-iteration-finished', path: 'Map[0]', index: 0, output: 5 },
    { kind: 'state-exited', path: 'Map', name: 'Map', output: [5] },
  ])
})

test('names with the letters of paths never make two visits look alike', async () => {
  const states = { 'a/b': { Type: 'Pass', Next: 'a#2' }, 'a#2': { Type: 'Pass', Next: 'a' }, a: { Type: 'Succeed' } }
  const run = await execute({ StartAt: 'a/b', States: states }, {}, () => null)
  expect(pathsOf(run.events, 'state-entered')).toEqual(['a%2Fb', 'a%232', 'a'])
})

test('what a task throws: an error name of its own, or States.TaskFailed with the message', async () => {
  const failing = (thrown: unknown) => () => {
    throw thrown
  }
  const run = (thrown: unknown) => execute(one('A', task('a', end)), {}, failing(thrown))
  expect((await run(Object.assign(new Error('m'), { errorName: 'Mine' }))).failed).toMatchObject({
    error: 'Mine',
    cause: 'm',
  })
  const plain = new TypeError('no')
  expect((await run(plain)).failed).toMatchObject({ error: 'States.TaskFailed', cause: 'no', origin: plain })
  expect((await run('text')).failed).toMatchObject({ error: 'States.TaskFailed', cause: 'text' })
})

test('what a task gives is JSON: undefined is null, a date its text', async () => {
  const values = [undefined, new Date(0)] as unknown as Json[]
  const outputs = values.map(async (value) => (await execute(one('A', task('a', end)), {}, () => value)).output)
  expect(await Promise.all(outputs)).toEqual([null, '1970-01-01T00:00:00.000Z'])
})

test('a task cannot change the data of the run', async () => {
  const definition = { StartAt: 'A', States: { A: task('a', { ResultPath: null, Next: 'B' }), B: { Type: 'Succeed' } } }
  const input = { list: [1] }
  const run = await execute(definition, input, (call) => {
    ;(call.parameters as typeof input).list.push(2)
    return null
  })
  expect(run.output).toEqual({ list: [1] })
})

test('256 KiB is the most that a state gives, and only its own name catches that', async () => {
  const big = 'x'.repeat(262_142)
  const guarded = (name: string): object => ({
    StartAt: 'A',
    States: {
      A: task('a', { Catch: [{ ErrorEquals: [name], Next: 'B' }], ...end }),
      B: { Type: 'Pass', Result: 'caught', ...end },
    },
  })
  expect((await execute(guarded('States.ALL'), {}, () => big)).output).toBe(big)
  expect((await execute(guarded('States.ALL'), {}, () => `${big}é`)).failed?.error).toBe('States.DataLimitExceeded')
  expect((await execute(guarded('States.DataLimitExceeded'), {}, () => `${big}é`)).output).toBe('caught')
})

test('an error of the listener is no error of the state', async () => {
  const guarded = {
    StartAt: 'A',
    States: { A: task('a', { Catch: [{ ErrorEquals: ['States.ALL'], Next: 'B' }], ...end }), B: { Type: 'Succeed' } },
  }
  const on = (event: StateEvent): void => {
    if (event.kind === 'state-exited') throw new RangeError('the disk is full')
  }
  await expect(execute(guarded, {}, () => 1, { on })).rejects.toThrow(RangeError)
})

test('nothing unchecked runs', async () => {
  await expect(execute({ StartAt: 'A', States: { A: { Type: 'Task', End: true } } }, {}, () => 1)).rejects.toThrow(
    AslError,
  )
})

test('many iterations warn about no listeners', async () => {
  const warnings: Error[] = []
  const note = (warning: Error): void => void warnings.push(warning)
  process.on('warning', note)
  await execute(map(task('do', end)), numbers(200), async (call, clock) => sleepFor(call, clock, 1).then(() => null))
  process.off('warning', note)
  expect(warnings).toEqual([])
})

/** What the steps of a pipeline compile to; asl-validator and the interpreter's own check accept every machine. */
import aslValidator from 'asl-validator'
import {
  call,
  choice,
  crawl,
  definePipeline,
  fail,
  type Json,
  map,
  parallel,
  pass,
  type Step,
  step,
  withInput,
} from 'millrace'
import { describe, expect, it } from 'vitest'
import { compileStateMachine } from '../../src/plan/state-machine.ts'
import { checkStateMachine } from '../../src/run/asl/check.ts'
import { tableTask } from '../run/lake.ts'

type Machine = { StartAt: string; States: Record<string, Record<string, Json>> }

function compile(steps: Step[]): Machine {
  const options = { name: 'steps', description: 'a machine', params: {}, metrics: [], tasks: () => steps }
  const pipeline = definePipeline(options)
  const definition = compileStateMachine(pipeline, pipeline.tasks({}, undefined), 'prod')
  checkStateMachine(definition)
  // The validator writes into what it is given.
  expect(aslValidator(structuredClone(definition)).errors).toEqual([])
  return definition as unknown as Machine
}

const work = (name: string, more: object = {}): Step =>
  call(name, { functionName: `X-{env}-${name}`, run: async () => null, ...more })
const anyError = (steps: Step[]): object => ({ catch: [{ errors: ['States.ALL'], resultPath: '$.failure', steps }] })

describe('each kind of step', () => {
  it('a data task hands on its input', () => {
    expect(compile([tableTask('load'), step(tableTask('more'), { state: 'More data', resultPath: '$.job' })])).toEqual({
      Comment: 'a machine',
      StartAt: 'load',
      States: {
        load: {
          Type: 'Task',
          Resource: 'arn:aws:states:::glue:startJobRun.sync',
          Parameters: {
            JobName: 'steps-prod-load',
            Arguments: {
              '--PIPELINE': 'steps',
              '--TASK': 'load',
              '--PARAMETERS.$': 'States.JsonToString($$.Execution.Input)',
              '--RUN.$': '$$.Execution.Name',
            },
          },
          ResultPath: null,
          Next: 'More data',
        },
        'More data': expect.objectContaining({ ResultPath: '$.job', End: true }),
      },
    })
  })

  it('a data task with an input gets it as an argument', () => {
    const { States } = compile([
      withInput('table', { jobName: 'J-{env}', bind: () => tableTask('table'), timeoutSeconds: 60, inputPath: '$.x' }),
    ])
    expect(States.table).toMatchObject({
      Parameters: { JobName: 'J-prod', Arguments: { '--INPUT.$': 'States.JsonToString($)', '--TASK': 'table' } },
      ...{ TimeoutSeconds: 60, InputPath: '$.x', ResultPath: null },
    })
  })

  it('a call invokes a function, with the whole input, a path or a template', () => {
    const { States } = compile([
      work('whole', { state: 'W', resultSelector: { 'tables.$': '$.Payload.tables' }, outputPath: '$' }),
      work('part', { payload: '$.part' }),
      work('made', { payload: { 'id.$': '$.id', fixed: 1 } }),
    ])
    expect(States.W).toEqual({
      ...{ Type: 'Task', Resource: 'arn:aws:states:::lambda:invoke', OutputPath: '$', Next: 'part' },
      Parameters: { FunctionName: 'X-prod-whole', 'Payload.$': '$' },
      ResultSelector: { 'tables.$': '$.Payload.tables' },
    })
    expect(States.part?.Parameters).toEqual({ FunctionName: 'X-prod-part', 'Payload.$': '$.part' })
    expect(States.made?.Parameters).toEqual({
      FunctionName: 'X-prod-made',
      Payload: { 'id.$': '$.id', fixed: 1 },
    })
  })

  it('a Map, a Parallel, crawlers and a Pass', () => {
    const { States } = compile([
      pass('Tables', { parameters: { 'tables.$': '$.tables' } }),
      map('Map', {
        ...{ items: '$.tables', itemSelector: { 'table.$': '$$.Map.Item.Value' }, maxConcurrency: 12 },
        steps: [pass('Pass'), work('inner')],
      }),
      parallel('Both', {
        branches: ['a', 'b'].map((name) => [crawl(name, { crawlerName: `C-{env}-${name}`, run: async () => null })]),
      }),
    ])
    expect(States.Map).toEqual({
      ...{ Type: 'Map', ItemsPath: '$.tables', MaxConcurrency: 12, Next: 'Both' },
      ItemSelector: { 'table.$': '$$.Map.Item.Value' },
      ItemProcessor: {
        ProcessorConfig: { Mode: 'INLINE' },
        StartAt: 'Pass',
        States: { Pass: { Type: 'Pass', Next: 'inner' }, inner: expect.objectContaining({ End: true }) },
      },
    })
    const branches = States.Both?.Branches as unknown as Machine[] | undefined
    expect(branches?.map(({ StartAt }) => StartAt)).toEqual(['a', 'b'])
    expect(branches?.[1]?.States.b).toEqual({
      ...{ Type: 'Task', Resource: 'arn:aws:states:::aws-sdk:glue:startCrawler', ResultPath: null, End: true },
      Parameters: { Name: 'C-prod-b' },
    })
  })

  it('retry and jitter', () => {
    const retry = [
      { errors: ['A'], intervalSeconds: 2, maxAttempts: 5, backoffRate: 1.5, maxDelaySeconds: 60, jitter: true },
      { errors: ['States.ALL'] },
    ]
    expect(compile([work('a', { retry })]).States.a?.Retry).toEqual([
      {
        ...{ ErrorEquals: ['A'], IntervalSeconds: 2, MaxAttempts: 5, BackoffRate: 1.5 },
        ...{ MaxDelaySeconds: 60, JitterStrategy: 'FULL' },
      },
      { ErrorEquals: ['States.ALL'] },
    ])
  })
})

describe('what lies beside the sequence', () => {
  const next = ({ States }: Machine, state: string): Json | undefined => States[state]?.Next ?? States[state]?.End

  it('a handler joins what comes after the step, and ends where that ends', () => {
    const machine = compile([
      work('a', anyError([work('told'), pass('noted')])),
      work('b', anyError([pass('last'), fail('Bad', { error: 'E', causePath: '$.failure.Cause' })])),
    ])
    expect(machine.States.a?.Catch).toEqual([{ ErrorEquals: ['States.ALL'], ResultPath: '$.failure', Next: 'told' }])
    expect(['a', 'told', 'noted', 'b', 'last'].map((state) => next(machine, state))).toEqual([
      ...['b', 'noted', 'b', true, 'Bad'],
    ])
    expect(machine.States.Bad).toEqual({ Type: 'Fail', Error: 'E', CausePath: '$.failure.Cause' })
  })

  it('a choice has a Default, whether or not something follows', () => {
    const choices = [
      { when: { Variable: '$.n', NumericEquals: 1 }, steps: [pass('one')] },
      { when: { Not: { Variable: '$.n', IsPresent: true } }, steps: [] },
    ]
    const followed = compile([choice('Which', { choices }), pass('after')])
    expect(followed.States.Which).toMatchObject({
      Choices: [{ Variable: '$.n', NumericEquals: 1, Next: 'one' }, { Next: 'after' }],
      Default: 'after',
    })
    expect(next(followed, 'one')).toBe('after')
    const last = compile([pass('Which done'), choice('Which', { choices, otherwise: [] })])
    expect(last.States.Which).toMatchObject({ Choices: [{}, { Next: 'Which done 2' }], Default: 'Which done 2' })
    expect(last.States['Which done 2']).toEqual({ Type: 'Succeed' })
    expect(next(last, 'one')).toBe(true)
    const within = compile([map('Map', { steps: [work('x', anyError([])), choice('Which', { choices })] })])
    expect(within.States.Map).toMatchObject({ ItemProcessor: { States: { 'Which done': {} } } })
  })

  it('choices within handlers within choices lead on', () => {
    const inner = choice('Inner', { choices: [{ when: { Variable: '$.a', IsNull: true }, steps: [] }] })
    const outer = choice('Outer', {
      choices: [{ when: { Variable: '$.b', IsNull: true }, steps: [work('w', anyError([inner]))] }],
      otherwise: [fail('No', { cause: 'no' })],
    })
    const machine = compile([outer, pass('end')])
    expect(machine.States.Inner).toMatchObject({ Choices: [{ Next: 'end' }], Default: 'end' })
    expect(machine.States.Outer?.Default).toBe('No')
  })

  it('a step that no way leads to is refused', () => {
    expect(() => compile([fail('End'), pass('after')])).toThrow(/no way leads here from End/)
  })
})

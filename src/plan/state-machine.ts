/** Compiles a pipeline to a state machine in Amazon States Language (JSONPath). Pure. */
import type { Pipeline } from '../define/pipeline.ts'
import type { CatchRule, RetryRule, Step } from '../define/steps.ts'
import { allSteps, asState, type StateStep, stateOf } from '../define/walk-steps.ts'
import type { Json } from '../types.ts'

type Fields = Record<string, Json>
type Graph = { StartAt: string; States: Record<string, Json> }

/** A state machine as JSON; the local runner interprets it, a deployment takes it as it is. */
export type StateMachineDefinition = Graph & { Comment: string }

type Compiler = { pipeline: Pipeline; env: string; names: Set<string> }

/** One state for each step, in order; a choice's branches and a handler's steps lie beside it and lead to what follows. */
export function compileStateMachine(pipeline: Pipeline, steps: Step[], env: string): StateMachineDefinition {
  const names = new Set(allSteps(steps).map(({ step }) => stateOf(step)))
  return { Comment: pipeline.description, ...compileGraph({ pipeline, env, names }, steps) }
}

/** The name of a task's job in an environment. */
export function jobName(pipeline: Pipeline, task: { name: string; jobName?: string | undefined }, env: string): string {
  return task.jobName === undefined ? `${pipeline.name}-${env}-${task.name}` : inEnvironment(task.jobName, env)
}

function inEnvironment(name: string, env: string): string {
  return name.replaceAll('{env}', env)
}

function compileGraph(compiler: Compiler, steps: Step[]): Graph {
  const states: Record<string, Json> = {}
  compileSequence(compiler, states, steps, null)
  return { StartAt: steps[0] === undefined ? '' : stateOf(steps[0]), States: states }
}

/** Adds the states of steps one after the other; the last leads to `after`, null for the end. */
function compileSequence(compiler: Compiler, states: Fields, steps: readonly Step[], after: string | null): void {
  for (const [index, step] of steps.entries()) {
    const following = steps[index + 1]
    compileStep(compiler, states, asState(step), following === undefined ? after : stateOf(following))
  }
}

function compileStep(compiler: Compiler, states: Fields, step: StateStep, after: string | null): void {
  const waiting: (readonly Step[])[] = []
  let end: string | null = null
  /** Where steps beside the sequence begin. Where nothing follows and there are none, the end needs a state. */
  const enter = (steps: readonly Step[]): string => {
    waiting.push(steps)
    if (steps[0] !== undefined) return stateOf(steps[0])
    end ??= after ?? endState(compiler, stateOf(step))
    return end
  }
  states[stateOf(step)] = stateFields(compiler, step, after, enter)
  for (const steps of waiting) compileSequence(compiler, states, steps, after)
  if (end !== null && end !== after) states[end] = { Type: 'Succeed' }
}

const nameLengthMax = 80 // States Language, "States"

function endState({ names }: Compiler, state: string): string {
  for (let count = 1; ; count += 1) {
    const suffix = count === 1 ? ' done' : ` done ${count}`
    const name = `${state.slice(0, nameLengthMax - suffix.length)}${suffix}`
    if (names.has(name)) continue
    names.add(name)
    return name
  }
}

type Enter = (steps: readonly Step[]) => string

function stateFields(compiler: Compiler, step: StateStep, after: string | null, enter: Enter): Fields {
  const transition: Fields = after === null ? { End: true } : { Next: after }
  switch (step.kind) {
    case 'data':
    case 'call':
    case 'crawl':
      return {
        ...{ Type: 'Task', ...workOf(compiler, step) },
        ...pathFields(step),
        // A job and a crawler hand on their input: what they answer says nothing of the data.
        ...resultFields(step.kind === 'call' || step.resultPath !== undefined ? step : { ...step, resultPath: null }),
        ...present({ TimeoutSeconds: step.timeoutSeconds }),
        ...guardFields(step, enter),
        ...transition,
      }
    case 'pass':
      return {
        ...{ Type: 'Pass', ...present({ Result: step.result, Parameters: step.parameters }) },
        ...{ ...pathFields(step), ...resultFields(step), ...transition },
      }
    case 'map':
      return {
        Type: 'Map',
        ...present({ ItemsPath: step.items, ItemSelector: step.itemSelector, MaxConcurrency: step.maxConcurrency }),
        ItemProcessor: { ProcessorConfig: { Mode: 'INLINE' }, ...compileGraph(compiler, step.steps) },
        ...{ ...pathFields(step), ...resultFields(step), ...guardFields(step, enter), ...transition },
      }
    case 'parallel':
      return {
        ...{ Type: 'Parallel', ...present({ Parameters: step.parameters }) },
        Branches: step.branches.map((branch) => compileGraph(compiler, branch)),
        ...{ ...pathFields(step), ...resultFields(step), ...guardFields(step, enter), ...transition },
      }
    case 'choice':
      return {
        Type: 'Choice',
        Choices: step.choices.map(({ when, steps }) => ({ ...(when as Fields), Next: enter(steps) })),
        Default: enter(step.otherwise ?? []),
        ...pathFields(step),
      }
    case 'fail':
      return { Type: 'Fail', ...present({ Error: step.error, Cause: step.cause, CausePath: step.causePath }) }
  }
}

/**
 * A job resolves the execution's parameters, the same here and on AWS; what it did is in the run's record, not in the
 * state's output.
 */
function workOf({ pipeline, env }: Compiler, step: StateStep & { kind: 'data' | 'call' | 'crawl' }): Fields {
  if (step.kind === 'crawl') {
    return {
      Resource: 'arn:aws:states:::aws-sdk:glue:startCrawler',
      Parameters: { Name: inEnvironment(step.crawlerName, env) },
    }
  }
  if (step.kind === 'call') {
    const payload = typeof step.payload === 'object' ? { Payload: step.payload } : { 'Payload.$': step.payload ?? '$' }
    return {
      Resource: 'arn:aws:states:::lambda:invoke',
      Parameters: { FunctionName: inEnvironment(step.functionName, env), ...payload },
    }
  }
  return {
    Resource: 'arn:aws:states:::glue:startJobRun.sync',
    Parameters: {
      JobName: jobName(pipeline, step, env),
      Arguments: {
        '--PIPELINE': pipeline.name,
        '--TASK': step.name,
        ...(step.task === null ? { '--INPUT.$': 'States.JsonToString($)' } : {}),
        '--PARAMETERS.$': 'States.JsonToString($$.Execution.Input)',
        '--RUN.$': '$$.Execution.Name',
      },
    },
  }
}

function pathFields(step: { inputPath?: string | null | undefined; outputPath?: string | null | undefined }): Fields {
  return present({ InputPath: step.inputPath, OutputPath: step.outputPath })
}

function resultFields(step: { resultPath?: string | null | undefined; resultSelector?: Fields | undefined }): Fields {
  return present({ ResultSelector: step.resultSelector, ResultPath: step.resultPath })
}

function guardFields(step: { retry?: RetryRule[] | undefined; catch?: CatchRule[] | undefined }, enter: Enter): Fields {
  return present({
    Retry: step.retry?.map((rule) =>
      present({
        ErrorEquals: rule.errors,
        IntervalSeconds: rule.intervalSeconds,
        MaxAttempts: rule.maxAttempts,
        BackoffRate: rule.backoffRate,
        MaxDelaySeconds: rule.maxDelaySeconds,
        JitterStrategy: rule.jitter === undefined ? undefined : rule.jitter ? 'FULL' : 'NONE',
      }),
    ),
    Catch: step.catch?.map((rule) =>
      present({ ErrorEquals: rule.errors, ResultPath: rule.resultPath, Next: enter(rule.steps) }),
    ),
  })
}

/** The fields that are given; null is a value. */
function present(fields: Record<string, Json | undefined>): Fields {
  return Object.fromEntries(Object.entries(fields).filter((entry): entry is [string, Json] => entry[1] !== undefined))
}

/** Does here what a Task of the state machine asks for, and answers as the service on AWS would. */
import { bindTask, type CallStep, type CrawlStep, type DataStep } from '../define/steps.ts'
import { findStep, type TaskStep } from '../define/walk-steps.ts'
import { assert, MillraceError, messageOf } from '../errors.ts'
import type { Json } from '../types.ts'
import { StatesError } from './asl/errors.ts'
import type { Invocation } from './asl/types.ts'
import type { Attempt } from './attempt.ts'
import { callContext } from './call-context.ts'
import { runDataTask } from './data-task.ts'
import { hasEarlier } from './later.ts'
import type { TaskContext } from './task-context.ts'

/** What a task did, for the record, and what its state gets of it. */
type Done = { output: Json; result: Json }
type Working = { attempt: Attempt; invocation: Invocation }
type GlueCall = { JobName: string; Arguments: Record<string, string> }
type LambdaCall = { FunctionName: string; Payload: Json }

/** The state's result. Writes the task's beginning and end. Throws a `StatesError` whose origin is what went wrong. */
export async function performStep(attempt: Attempt, invocation: Invocation): Promise<Json> {
  const step = findStep(attempt.steps, invocation.state)?.step as TaskStep | undefined
  assert(step !== undefined, `no step has the state ${invocation.state}`)
  const { path } = invocation
  const startedMs = performance.now()
  try {
    await attempt.write({ type: 'task-started', task: step.name, path })
    const { output, result } = await perform(step, { attempt, invocation })
    const seconds = (performance.now() - startedMs) / 1000
    await attempt.write({ type: 'task-finished', task: step.name, path, output, seconds })
    return result
  } catch (error) {
    await attempt.write({ type: 'task-failed', task: step.name, path, error: messageOf(error), code: codeOf(error) })
    throw step.kind === 'data' ? jobFailure(invocation, error) : functionFailure(error)
  }
}

async function perform(step: TaskStep, working: Working): Promise<Done> {
  if (step.kind === 'data') return await performJob(step, working)
  return step.kind === 'call' ? await performCall(step, working) : await performCrawl(step, working)
}

async function performJob(step: DataStep, { attempt, invocation }: Working): Promise<Done> {
  const { path, signal } = invocation
  const { JobName, Arguments } = invocation.parameters as GlueCall
  const task = bindTask(step, Arguments['--INPUT'] === undefined ? null : JSON.parse(Arguments['--INPUT']))
  const context: TaskContext = {
    ...attempt,
    pipeline: attempt.pipeline.name,
    path,
    hasEarlier: hasEarlier(attempt.steps, step),
    signal,
    onProgress: (progress) => attempt.onProgress(step.name, progress, path),
  }
  return { output: await runDataTask(task, context), result: { JobName, JobRunState: 'SUCCEEDED', Arguments } }
}

async function performCall(step: CallStep, { attempt, invocation }: Working): Promise<Done> {
  const { path, signal } = invocation
  const { Payload } = invocation.parameters as LambdaCall
  const output = asJson(await step.run(Payload, callContext(attempt, { task: step.name, path, signal })))
  return { output, result: { ExecutedVersion: '$LATEST', Payload: output, StatusCode: 200 } }
}

async function performCrawl(step: CrawlStep, { attempt, invocation }: Working): Promise<Done> {
  const { path, signal } = invocation
  const output = asJson(await step.run(callContext(attempt, { task: step.name, path, signal })))
  return { output, result: {} }
}

/** A function that gives nothing gives null. */
function asJson(value: Json | undefined): Json {
  return value === undefined ? null : value
}

/** As `glue:startJobRun.sync` fails: the cause is the job run as JSON. */
function jobFailure({ parameters }: Invocation, error: unknown): StatesError {
  const { JobName, Arguments } = parameters as GlueCall
  const run = { JobName, JobRunState: 'FAILED', ErrorMessage: messageOf(error), Arguments }
  return new StatesError('States.TaskFailed', JSON.stringify(run), error)
}

/** As a Lambda of Node.js fails: the error's name is the state's, the cause tells it as JSON. */
function functionFailure(error: unknown): StatesError {
  const errorType = error instanceof MillraceError ? error.errorName : error instanceof Error ? error.name : 'Error'
  return new StatesError(errorType, JSON.stringify({ errorType, errorMessage: messageOf(error), trace: [] }), error)
}

function codeOf(error: unknown): string {
  return error instanceof MillraceError ? error.code : 'unexpected'
}

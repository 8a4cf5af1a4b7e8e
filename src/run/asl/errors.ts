/** The three ways things go wrong: the definition, a state, the execution. */
import { MillraceError, messageOf } from '../../errors.ts'

/** One thing wrong in a definition. `where` is the place from the root: `States.Load.Retry[0].MaxAttempts`. */
export type AslProblem = { where: string; message: string }

/** A definition that cannot run here, with everything that is wrong with it. */
export class AslError extends MillraceError {
  readonly problems: readonly AslProblem[]
  constructor(problems: readonly AslProblem[]) {
    const lines = problems.map(({ where, message }) => `${where === '' ? 'state machine' : where}: ${message}`)
    super('usage', `the state machine cannot run here\n${lines.map((line) => `  ${line}`).join('\n')}`)
    this.name = 'AslError'
    this.problems = problems
  }
}

/** An error in the sense of the language: a name that Retry and Catch look for, and a cause for people. */
export class StatesError extends Error {
  readonly errorName: string
  override readonly cause: string
  /** What was thrown in the first place, when it was not this. */
  readonly origin: unknown
  constructor(errorName: string, cause: string, origin?: unknown) {
    super([errorName === '' ? 'an error without a name' : errorName, cause].filter((part) => part !== '').join(': '))
    this.name = 'StatesError'
    this.errorName = errorName
    this.cause = cause
    this.origin = origin
  }
}

/** The execution failed: `error` and `cause` as `DescribeExecution` gives them, `path` the visit they came from. */
export class ExecutionFailed extends Error {
  readonly error: string
  override readonly cause: string
  readonly path: string
  readonly origin: unknown
  constructor(failure: StatesError, path: string) {
    super(`${path === '' ? 'execution' : path} failed with ${failure.message}`)
    this.name = 'ExecutionFailed'
    this.error = failure.errorName
    this.cause = failure.cause
    this.path = path
    this.origin = failure.origin
  }
}

/** The data does not fit the definition. Ends the execution: nothing retries or catches it. */
export function runtimeError(cause: string): StatesError {
  return new StatesError('States.Runtime', cause)
}

/** What a task threw, as an error of the language. */
export function taskError(thrown: unknown): StatesError {
  if (thrown instanceof StatesError) return thrown
  const named = thrown instanceof Error && 'errorName' in thrown && typeof thrown.errorName === 'string'
  return new StatesError(named ? String(thrown.errorName) : 'States.TaskFailed', messageOf(thrown), thrown)
}

/** A state's final failure on its way up through branches, with the visit it came from. */
export class StateFailure extends Error {
  readonly failure: StatesError
  readonly path: string
  constructor(failure: StatesError, path: string) {
    super(failure.message)
    this.failure = failure
    this.path = path
  }
}

/** The failure in what was thrown while `path` was at work; anything that is none, a bug or an abort, is thrown again. */
export function failureOf(thrown: unknown, path: string): StateFailure {
  if (thrown instanceof StateFailure) return thrown
  if (thrown instanceof StatesError) return new StateFailure(thrown, path)
  throw thrown
}

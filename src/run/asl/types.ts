/**
 * A state machine in the Amazon States Language (JSONPath), as far as it can run here. Spelling is the language's own.
 * `checkStateMachine` is the only way from `unknown` to `StateMachine`: what it lets through has the meaning it has in
 * AWS Step Functions, anything else is refused there.
 */
import type { Condition } from '../../define/condition.ts'
import type { Json } from '../../types.ts'

export type { Comparison, ComparisonOperator, Condition } from '../../define/condition.ts'

/** A whole definition. States Language, "Structure of a State Machine". `TimeoutSeconds` is for the whole execution. */
export type StateMachine = StateGraph & {
  TimeoutSeconds?: number
  Version?: '1.0'
  QueryLanguage?: 'JSONPath'
}

/** States that run one after the other: the machine itself, a branch of a Parallel, the processor of a Map. */
export type StateGraph = { Comment?: string; StartAt: string; States: Record<string, State> }

export type State =
  | TaskState
  | ParallelState
  | MapState
  | PassState
  | ChoiceState
  | WaitState
  | SucceedState
  | FailState
export type StateType = State['Type']

/** What states share. A missing path is `$`; `null` stands for an empty object (InputPath, OutputPath). */
type Paths = { Comment?: string; QueryLanguage?: 'JSONPath'; InputPath?: string | null; OutputPath?: string | null }
/** Exactly one of the two is there. */
type Transition = { Next?: string; End?: true }
type Placed = { ResultPath?: string | null }
type Selected = Placed & { ResultSelector?: Template }
type Guarded = { Retry?: Retrier[]; Catch?: Catcher[] }

/** A payload template: JSON whose keys ending in `.$` hold a path or an intrinsic function. */
export type Template = { [key: string]: Json }

export type TaskState = Paths &
  Transition &
  Selected &
  Guarded & { Type: 'Task'; Resource: string; Parameters?: Template; TimeoutSeconds?: number }

export type ParallelState = Paths &
  Transition &
  Selected &
  Guarded & { Type: 'Parallel'; Branches: StateGraph[]; Parameters?: Template }

/** `Iterator` and `Parameters` are the older names of `ItemProcessor` and `ItemSelector`; one name of each is used. */
export type MapState = Paths &
  Transition &
  Selected &
  Guarded & {
    Type: 'Map'
    ItemProcessor?: StateGraph & { ProcessorConfig?: { Mode: 'INLINE' } }
    Iterator?: StateGraph
    ItemSelector?: Template
    Parameters?: Template
    ItemsPath?: string
    /** 0 or missing: no limit. */
    MaxConcurrency?: number
  }

export type PassState = Paths & Transition & Placed & { Type: 'Pass'; Result?: Json; Parameters?: Template }

export type ChoiceState = Paths & { Type: 'Choice'; Choices: ChoiceRule[]; Default?: string }
export type ChoiceRule = Condition & { Next: string; Comment?: string }
/** Every `ComparisonOperator`. */
export const comparisonOperators = [
  ...['StringEquals', 'StringLessThan', 'StringGreaterThan', 'StringLessThanEquals', 'StringGreaterThanEquals'],
  ...['NumericEquals', 'NumericLessThan', 'NumericGreaterThan', 'NumericLessThanEquals', 'NumericGreaterThanEquals'],
  ...['TimestampEquals', 'TimestampLessThan', 'TimestampGreaterThan'],
  ...['TimestampLessThanEquals', 'TimestampGreaterThanEquals', 'BooleanEquals', 'StringMatches'],
  ...['IsNull', 'IsPresent', 'IsNumeric', 'IsString', 'IsBoolean', 'IsTimestamp'],
].flatMap((name) => (name.startsWith('Is') || name === 'StringMatches' ? [name] : [name, `${name}Path`]))
/** Exactly one of the four ways to say how long. */
export type WaitState = Paths &
  Transition & { Type: 'Wait'; Seconds?: number; SecondsPath?: string; Timestamp?: string; TimestampPath?: string }

export type SucceedState = Paths & { Type: 'Succeed' }

/** `ErrorPath` and `CausePath` may be intrinsic functions too. */
export type FailState = {
  Type: 'Fail'
  Comment?: string
  QueryLanguage?: 'JSONPath'
  Error?: string
  ErrorPath?: string
  Cause?: string
  CausePath?: string
}

/** States Language, "Retrying after error". Missing: 1 second, 3 attempts, rate 2, no greatest delay, no jitter. */
export type Retrier = {
  ErrorEquals: string[]
  IntervalSeconds?: number
  /** Retries, the first try not counted; 0 means never. */
  MaxAttempts?: number
  BackoffRate?: number
  MaxDelaySeconds?: number
  JitterStrategy?: 'FULL' | 'NONE'
  Comment?: string
}

/** States Language, "Fallback states". */
export type Catcher = { ErrorEquals: string[]; Next: string; ResultPath?: string | null; Comment?: string }

/** The context object, `$$`: the fields a definition can ask for here. Developer guide, "Context object". */
export type Context = {
  Execution: { Id: string; Name: string; Input: Json; StartTime: string }
  StateMachine: { Id: string; Name: string }
  State: { Name: string; EnteredTime: string; RetryCount: number }
  Map?: { Item: { Index: number; Value: Json } }
}

/** One go at a Task. `attempt` is 1 for the first. `signal` fires on timeout, a failed sibling or a cancelled run. */
export type Invocation = {
  resource: string
  parameters: Json
  /** The name of the state. */
  state: string
  path: string
  attempt: number
  signal: AbortSignal
}

/** Time, given in so that tests need not wait. `sleep` rejects with the signal's reason when it fires. */
export type Clock = { now(): number; sleep(ms: number, signal: AbortSignal): Promise<void> }

/** How a state ended in an earlier run of the same execution; `next` where it went, missing when it was the end. */
export type RecordedExit = { output: Json; next?: string }

/**
 * What happens, as it happens. `path` names one visit of a state: `Load`, a second visit `Load#2`, an iteration
 * `Map[3]/Load`, a branch `Parallel<1>/Load` (both count from 0), and what a Map or Parallel does when it is itself
 * tried again `Map~2[3]/Load`. Letters with a meaning in paths are %-encoded in names.
 * After `state-caught` comes `state-exited`, with the error's output and the catcher's `next`.
 */
export type StateEvent =
  | { kind: 'state-entered'; path: string; name: string; type: StateType; input: Json }
  | { kind: 'state-exited'; path: string; name: string; output: Json; next?: string }
  /** A Task that was not run: its exit is the recorded one. Stands for entered and exited. */
  | { kind: 'state-reused'; path: string; name: string; output: Json; next?: string }
  /** `attempt` is the one that comes after `delayMs`: 2 for the first retry. */
  | {
      kind: 'state-retried'
      path: string
      name: string
      attempt: number
      error: string
      cause: string
      delayMs: number
    }
  | { kind: 'state-caught'; path: string; name: string; error: string; cause: string; next: string }
  | { kind: 'state-failed'; path: string; name: string; error: string; cause: string }
  /** Stopped from outside: a sibling failed, the machine timed out, the run was cancelled. */
  | { kind: 'state-aborted'; path: string; name: string }
  /** One attempt at a Map begins: `path` as in its iterations, `Map` or `Map~2`; `limit` iterations at a time. */
  | { kind: 'map-started'; path: string; name: string; items: Json[]; limit: number }
  /** `path` is the Map's with the index: `Map[3]`. */
  | { kind: 'map-iteration-started'; path: string; index: number }
  | { kind: 'map-iteration-finished'; path: string; index: number; output: Json }
  | { kind: 'map-iteration-failed'; path: string; index: number; error: string; cause: string }
  | { kind: 'map-iteration-aborted'; path: string; index: number }

/** What `interpret` needs from outside. */
export type InterpretOptions = {
  input: Json
  /** `startTime` is ISO 8601; it becomes `$$.Execution.StartTime` as it is. */
  execution: { id: string; name: string; startTime: string }
  stateMachineName: string
  /**
   * Does a Task's work. It must come to an end soon after `signal` fires. Fails with a `StatesError`, or with any error:
   * then its `errorName` or else `States.TaskFailed` is the error, its message the cause.
   */
  invoke(call: Invocation): Promise<Json | undefined>
  on(event: StateEvent): void
  /**
   * For going on where an earlier run failed: a Task visit with a recorded exit is not run again, as long as nothing
   * before it was. Iterations and branches do not come before each other, only before what follows their state.
   */
  recorded?(path: string): RecordedExit | undefined
  clock?: Clock
  /** In [0, 1). For jitter and States.MathRandom. */
  random?(): number
  /** Cancels: no state is started any more, running tasks are aborted, `interpret` rejects with the signal's reason. */
  signal?: AbortSignal
  /** How long a stopped task is waited for before its state goes on without it. Default 30 s. */
  settleMs?: number
}

/** Compiles a pipeline to a state machine in Amazon States Language. Pure. */
import type { Pipeline, Task } from '../define/pipeline.ts'
import type { Json } from '../types.ts'

/** A state machine as JSON; the local runner interprets it, a deployment takes it as it is. */
export type StateMachineDefinition = { Comment: string; StartAt: string; States: Record<string, Json> }

/**
 * One Task state for each task, in order, named as the task. A state hands on the execution's input whole, so that a job
 * resolves the same parameters here and on AWS; what it did is in the run's record, not in the state's output.
 */
export function compileStateMachine(pipeline: Pipeline, tasks: Task[], env: string): StateMachineDefinition {
  const states = tasks.map((task, index): [string, Json] => {
    const next = tasks[index + 1]
    const following: Record<string, Json> = next === undefined ? { End: true } : { Next: next.name }
    return [
      task.name,
      {
        Type: 'Task',
        Resource: 'arn:aws:states:::glue:startJobRun.sync',
        Parameters: {
          JobName: jobName(pipeline, task, env),
          Arguments: {
            '--PIPELINE': pipeline.name,
            '--TASK': task.name,
            '--PARAMETERS.$': 'States.JsonToString($$.Execution.Input)',
            '--RUN.$': '$$.Execution.Name',
          },
        },
        ResultPath: null,
        ...following,
      },
    ]
  })
  return { Comment: pipeline.description, StartAt: tasks[0]?.name ?? '', States: Object.fromEntries(states) }
}

/** The name of a task's job in an environment. */
export function jobName(pipeline: Pipeline, task: Task, env: string): string {
  return task.jobName?.replaceAll('{env}', env) ?? `${pipeline.name}-${env}-${task.name}`
}

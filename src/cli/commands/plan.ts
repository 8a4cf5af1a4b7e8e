/** `millrace plan` and `millrace asl`. */

import { compileStateMachine } from '../../plan/state-machine.ts'
import { planTask } from '../../run/data-task.ts'
import { chosenTasks, resolveParams } from '../../run/run.ts'
import { plannedText } from '../../show/plan.ts'
import type { Planned } from '../../types.ts'
import { type Command, engineFlags, environmentName, findPipeline, openStore, resources } from '../context.ts'
import { givenParams } from './run.ts'

type PlannedTask = { task: string; partitions: Planned[] }

export const planCommand: Command = {
  name: 'plan',
  usage: 'plan <pipeline> [--parameter value …]',
  summary: 'says what a run would do now; does nothing',
  takesParams: true,
  flags: [...engineFlags, { name: 'only', value: 'TASK', text: 'plans this task alone' }],
  run: async (context) => {
    const { environment, config, flags, data } = context
    const pipeline = await findPipeline(context.positionals[0], config, environment)
    const store = await openStore(context, true)
    const params = resolveParams(pipeline, givenParams(context, pipeline), environment.now())
    const tasks: PlannedTask[] = []
    for (const task of chosenTasks(pipeline, params, flags.get('only') ?? null)) {
      const partitions = await planTask(task, {
        store,
        external: config.tables ?? {},
        pipeline: pipeline.name,
        path: task.name,
        dryRun: true,
        ...resources(context),
        signal: environment.signal,
        write: async (event) => {
          if (event.type === 'warning') environment.stderr.write(`warning: ${event.message}\n`)
        },
        onProgress: () => {},
      })
      tasks.push({ task: task.name, partitions })
    }
    data({ pipeline: pipeline.name, params, tasks: tasks.map(taskJson) }, () =>
      tasks.map(({ task, partitions }) => plannedText(task, partitions)).join('\n\n'),
    )
    return 0
  },
}

function taskJson({ task, partitions }: PlannedTask): unknown {
  return {
    task,
    plans: partitions.flatMap((planned) => (planned.kind === 'plan' ? [planned.plan] : [])),
    unchanged: partitions.flatMap((planned) => (planned.kind === 'unchanged' ? [planned.partition] : [])),
  }
}

export const aslCommand: Command = {
  name: 'asl',
  usage: 'asl <pipeline> [--parameter value …]',
  summary: 'prints the state machine in Amazon States Language',
  takesParams: true,
  flags: [],
  run: async (context) => {
    const { environment, config } = context
    const pipeline = await findPipeline(context.positionals[0], config, environment)
    const params = resolveParams(pipeline, givenParams(context, pipeline), environment.now())
    const definition = compileStateMachine(pipeline, chosenTasks(pipeline, params, null), environmentName(context))
    environment.stdout.write(`${JSON.stringify(definition, null, context.isJson ? undefined : 2)}\n`)
    return 0
  },
}

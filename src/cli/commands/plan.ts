/** `millrace plan` and `millrace asl`. */
import type { Pipeline } from '../../define/pipeline.ts'
import type { Step } from '../../define/steps.ts'
import { compileStateMachine } from '../../plan/state-machine.ts'
import { checkStateMachine } from '../../run/asl/check.ts'
import { loadSteps } from '../../run/load-steps.ts'
import { type PlannedStep, planSteps } from '../../run/plan-steps.ts'
import { recordedParams, resolveParams } from '../../run/run.ts'
import { laterText, plannedText } from '../../show/plan.ts'
import type { Json, Planned, PlannedTable } from '../../types.ts'
import {
  type Command,
  type CommandContext,
  engineFlags,
  environmentName,
  findPipeline,
  openStore,
  resources,
} from '../context.ts'
import { definitionReader } from '../definition-reader.ts'
import { givenParams } from './run.ts'

export const planCommand: Command = {
  name: 'plan',
  usage: 'plan <pipeline> [--parameter value …]',
  summary: 'says what a run would do now; does nothing',
  takesParams: true,
  flags: [...engineFlags, { name: 'only', value: 'TASK', text: 'plans this task or state alone, with what it needs' }],
  run: async (context) => {
    const { environment, config, flags, data } = context
    const store = await openStore(context, true)
    const { pipeline, params, steps, everyStep } = await definitionOf(context, flags.get('only') ?? null)
    const planned = await planSteps({
      store,
      external: config.tables ?? {},
      pipeline,
      run: 'plan',
      env: environmentName(context),
      params,
      steps,
      everyStep,
      notifiers: [],
      dryRun: true,
      ...resources(context),
      signal: environment.signal,
      now: environment.now(),
      write: async (event) => {
        if (event.type === 'warning') environment.stderr.write(`warning: ${event.message}\n`)
      },
    })
    data({ pipeline: pipeline.name, params: recordedParams(pipeline, params), tasks: planned.map(plannedJson) }, () =>
      planned.map(plannedStepText).join('\n\n'),
    )
    return 0
  },
}

type Definition = { pipeline: Pipeline; params: Record<string, Json>; steps: Step[]; everyStep: Step[] }

async function definitionOf(context: CommandContext, only: string | null): Promise<Definition> {
  const { environment, config, positionals } = context
  const pipeline = await findPipeline(positionals[0], config, environment)
  const params = resolveParams(pipeline, givenParams(context, pipeline), environment.now())
  const read = definitionReader(environment.folder)
  return { pipeline, params, ...(await loadSteps(pipeline, params, { env: environmentName(context), read, only })) }
}

function plannedStepText(planned: PlannedStep): string {
  if (planned.kind === 'later') return laterText(planned.state, planned.why)
  return plannedText(planned.item === null ? planned.task : `${planned.task} ${planned.item}`, planned.partitions)
}

function plannedJson(planned: PlannedStep): unknown {
  if (planned.kind === 'later') return { state: planned.state, later: planned.why }
  const { task, item, partitions } = planned
  return {
    task,
    ...(item === null ? {} : { item }),
    plans: partitions.flatMap((planned) => (planned.kind === 'plan' || planned.kind === 'table' ? [planned.plan] : [])),
    unchanged: partitions.flatMap((planned) =>
      planned.kind === 'unchanged' || planned.kind === 'table-unchanged' ? [planned.partition] : [],
    ),
    ...laterOf(partitions),
  }
}

function laterOf(partitions: readonly (Planned | PlannedTable)[]): { later?: Record<string, string> } {
  const later = partitions.filter((planned) => planned.kind === 'table-later')
  return later.length === 0 ? {} : { later: Object.fromEntries(later.map(({ partition, why }) => [partition, why])) }
}

export const aslCommand: Command = {
  name: 'asl',
  usage: 'asl <pipeline> [--parameter value …]',
  summary: 'prints the state machine in Amazon States Language',
  takesParams: true,
  flags: [],
  run: async (context) => {
    const { environment } = context
    const { pipeline, steps } = await definitionOf(context, null)
    const definition = compileStateMachine(pipeline, steps, environmentName(context))
    checkStateMachine(definition)
    environment.stdout.write(`${JSON.stringify(definition, null, context.isJson ? undefined : 2)}\n`)
    return 0
  },
}

/** `millrace run` and `millrace retry`. */
import { parameterNamed, upperSnakeCase } from '../../define/params.ts'
import type { Pipeline } from '../../define/pipeline.ts'
import { MillraceError } from '../../errors.ts'
import type { RunState } from '../../events.ts'
import { type RunOptions, retryRun, startRun } from '../../run/run.ts'
import { readRun, readRuns } from '../../run/run-log.ts'
import { createDisplay, type Display, quietDisplay } from '../../show/live.ts'
import { plannedText } from '../../show/plan.ts'
import { metricsLine } from '../../show/run.ts'
import type { Store } from '../../store.ts'
import type { Plan, Planned, PlannedTable, TablePlan } from '../../types.ts'
import {
  type Command,
  type CommandContext,
  chooseEngine,
  engineFlags,
  environmentName,
  findPipeline,
  openStore,
  resources,
  waitMs,
} from '../context.ts'
import { definitionReader } from '../definition-reader.ts'

export const runCommand: Command = {
  name: 'run',
  usage: 'run <pipeline> [--parameter value …]',
  summary: 'runs a pipeline',
  takesParams: true,
  flags: [
    ...engineFlags,
    { name: 'only', value: 'TASK', text: 'runs this task or state alone, with what it needs' },
    { name: 'dry-run', value: null, text: 'does everything but write' },
  ],
  run: async (context) => {
    const pipeline = await findPipeline(context.positionals[0], context.config, context.environment)
    return await withOptions(context, pipeline, null, (options) => startRun(options, givenParams(context, pipeline)))
  },
}

export const retryCommand: Command = {
  name: 'retry',
  usage: 'retry [run]',
  summary: 'goes on where the last run failed',
  flags: engineFlags,
  run: async (context) => {
    const store = await openStore(context, true)
    const state = await runToRetry(store, context.positionals[0])
    const pipeline = await findPipeline(state.pipeline, context.config, context.environment)
    return await withOptions(context, pipeline, state, (options) =>
      retryRun(options, state.run, givenParams(context, pipeline)),
    )
  },
}

async function runToRetry(store: Store, named: string | undefined): Promise<RunState> {
  if (named !== undefined) return await readRun(store, named)
  const runs = await readRuns(store)
  const last = runs.find(({ status, dryRun }) => !dryRun && ['failed', 'interrupted', 'cancelled'].includes(status))
  if (last !== undefined) return last
  throw new MillraceError('not-found', `no run of ${store.root} failed; there is nothing to retry`)
}

/** A secret need not be on a command line, where others see it: `pgUrl` may be `MILLRACE_PG_URL`. */
function secretsOf({ secrets }: Pipeline, variables: Record<string, string | undefined>): Record<string, string> {
  const found = secrets.map((name): [string, string | undefined] => [
    name,
    variables[`MILLRACE_${upperSnakeCase(name)}`],
  ])
  return Object.fromEntries(found.filter((pair): pair is [string, string] => pair[1] !== undefined && pair[1] !== ''))
}

/** Parameters from the configuration and, before them, from the command line. */
export function givenParams(
  { config, environment, flags }: CommandContext,
  pipeline: Pipeline,
): Record<string, unknown> {
  const given: Record<string, unknown> = {
    ...secretsOf(pipeline, environment.variables),
    ...config.params?.[pipeline.name],
  }
  for (const [flag, value] of flags) {
    const name = parameterNamed(pipeline.schema, flag)
    if (name === undefined) continue
    given[name] = value
  }
  return given
}

async function withOptions(
  context: CommandContext,
  pipeline: Pipeline,
  retried: RunState | null,
  act: (options: RunOptions) => Promise<RunState>,
): Promise<number> {
  const { environment, config, flags, isQuiet } = context
  const { stderr, variables } = environment
  const display: Display = isQuiet
    ? quietDisplay
    : createDisplay({
        isTerminal: stderr.isTTY === true,
        hasColor: stderr.isTTY === true && !variables.NO_COLOR,
        columns: () => stderr.columns,
        write: (text) => stderr.write(text),
      })
  const plans: (Plan | TablePlan)[] = []
  const options: RunOptions = {
    store: await openStore(context, true),
    pipeline,
    engine: await chooseEngine(context, flags.get('engine') ?? retried?.engine),
    env: environmentName(context),
    dryRun: (flags.get('dry-run') ?? 'false').toLowerCase() === 'true',
    only: flags.get('only') ?? null,
    external: config.tables ?? {},
    notifiers: config.notifiers ?? [],
    ...resources(context),
    waitMs: waitMs(context),
    version: environment.version,
    signal: environment.signal,
    now: environment.now(),
    read: definitionReader(environment.folder),
    onPlan: (plan) => plans.push(plan),
    onEvent: display.event,
    onProgress: display.progress,
    onWait: (holder) => display.line(`waiting for run ${holder} to end`),
  }
  const state = await act(options).finally(display.end)
  return conclude(context, options.store.root, state, state.dryRun ? plans : [])
}

function conclude(
  { environment, isJson, isQuiet }: CommandContext,
  root: string,
  state: RunState,
  plans: (Plan | TablePlan)[],
): number {
  const { stdout, stderr } = environment
  const isDone = state.status.startsWith('succeeded')
  if (isJson) stdout.write(`${JSON.stringify(state.dryRun ? { ...state, plans } : state)}\n`)
  else if (!isQuiet) for (const plan of plans) stdout.write(`${plannedText(plan.task, [planned(plan)])}\n`)
  if (!isQuiet) stderr.write(`run ${state.run} ${state.status}\n`)
  if (state.status === 'succeeded with warnings') {
    stderr.write(`ALERT ${state.pipeline} ${state.run}: ${state.warnings.join(' | ')}\n`)
  }
  if (state.error !== null) stderr.write(`millrace: ${state.error}\n`)
  if (isDone && Object.keys(state.metrics).length > 0) {
    const output = isJson ? stderr : stdout
    output.write(`${metricsLine(state.metrics)}\n`)
  }
  if (isDone) return 0
  // Going on as before helps only where something else has changed meanwhile.
  const isLasting = state.tasks.some(({ code }) => ['no-input', 'usage', 'table-changed'].includes(code ?? ''))
  if (!state.dryRun && !isLasting)
    stderr.write(`go on with: ${environment.command} retry ${state.run} --root ${shellText(root)}\n`)
  return state.status === 'cancelled' ? 130 : 1
}

function planned(plan: Plan | TablePlan): Planned | PlannedTable {
  return 'reads' in plan ? { kind: 'table', partition: plan.partition, plan } : { kind: 'plan', plan }
}

/** Text as a shell takes it to the letter. */
function shellText(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

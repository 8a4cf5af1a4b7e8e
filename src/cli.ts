/** The command line: finds the command, reads its flags, runs it, turns errors into exit codes. */
import { loadConfig } from './cli/config.ts'
import { type Command, type CommandContext, commonFlags, type Environment, findPipeline } from './cli/context.ts'
import { type FlagSpec, parseLine } from './cli/flags.ts'
import { kebabCase, parameterKind, parameterNamed } from './define/params.ts'
import type { Pipeline } from './define/pipeline.ts'
import { didYouMean, hasCode, MillraceError } from './errors.ts'

export type { Environment, NamedPipeline } from './cli/context.ts'

/** Each command is loaded when it is asked for: help and version must not wait for an engine. */
const commands: Record<string, () => Promise<Command>> = {
  demo: async () => (await import('./cli/commands/sample.ts')).demoCommand,
  sample: async () => (await import('./cli/commands/sample.ts')).sampleCommand,
  run: async () => (await import('./cli/commands/run.ts')).runCommand,
  plan: async () => (await import('./cli/commands/plan.ts')).planCommand,
  retry: async () => (await import('./cli/commands/run.ts')).retryCommand,
  list: async () => (await import('./cli/commands/look.ts')).listCommand,
  runs: async () => (await import('./cli/commands/look.ts')).runsCommand,
  show: async () => (await import('./cli/commands/look.ts')).showCommand,
  tables: async () => (await import('./cli/commands/look.ts')).tablesCommand,
  sql: async () => (await import('./cli/commands/look.ts')).sqlCommand,
  catalog: async () => (await import('./cli/commands/catalog.ts')).catalogCommand,
  cleanrooms: async () => (await import('./cli/commands/cleanrooms.ts')).cleanroomsCommand,
  asl: async () => (await import('./cli/commands/plan.ts')).aslCommand,
  doctor: async () => (await import('./cli/commands/doctor.ts')).doctorCommand,
}

/** Runs one command line. Gives the exit code: 0 done, 1 the run or a check failed, 2 wrong usage, 130 stopped. */
export async function main(args: readonly string[], environment: Environment): Promise<number> {
  try {
    return await dispatch(args, environment)
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    environment.stderr.write(`millrace: ${error.message}\n`)
    if (hasCode(error, 'cancelled')) return 130
    return hasCode(error, 'usage') ? 2 : 1
  }
}

async function dispatch(args: readonly string[], environment: Environment): Promise<number> {
  const [name, ...rest] = commandFirst(args)
  if (name === '--version' || name === '-v') {
    environment.stdout.write(`${environment.version}\n`)
    return 0
  }
  if (name === undefined || ['help', '--help', '-h'].includes(name)) {
    environment.stdout.write(`${await overview()}\n`)
    return name === undefined ? 2 : 0
  }
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (load === undefined) {
    const names = Object.keys(commands)
    throw new MillraceError('usage', `there is no command ${name} (${names.join(', ')})${didYouMean(name, names)}`)
  }
  const command = await load()
  return await runCommand(command, rest, environment)
}

/** Options of every command may stand before it. */
function commandFirst(args: readonly string[]): readonly string[] {
  if (args[0] === undefined || !args[0].startsWith('--') || ['--help', '--version'].includes(args[0])) return args
  const command = firstPositional(args, commonFlags)
  if (command === undefined) return args
  const at = args.indexOf(command)
  return [command, ...args.slice(0, at), ...args.slice(at + 1)]
}

async function runCommand(command: Command, args: string[], environment: Environment): Promise<number> {
  const isHelp = args.some((arg) => arg === '--help' || arg === '-h')
  const config = await loadConfig(
    flagValue(args, 'config') ?? (environment.variables.MILLRACE_CONFIG || undefined),
    environment.folder,
  )
  const named = firstPositional(args, [...commonFlags, ...command.flags, { name: 'help', value: null, text: '' }])
  const pipeline =
    command.takesParams && (!isHelp || named !== undefined) ? await findPipeline(named, config, environment) : null
  if (isHelp) {
    environment.stdout.write(`${helpText(command, pipeline)}\n`)
    return 0
  }
  const specs = [...commonFlags, ...command.flags]
  const known = [...specs.map(({ name }) => name), ...Object.keys(pipeline?.schema.shape ?? {}).map(kebabCase)]
  const { positionals, flags } = parseLine(
    args,
    (name) => kindOf(name, specs, pipeline),
    known,
    (name) => canonicalName(name, specs, pipeline),
  )
  const positionalsMax = command.usage.match(/<|\[(?!-)|"[^"]*"/g)?.length ?? 0
  if (positionals.length > positionalsMax)
    throw new MillraceError(
      'usage',
      `what is ${JSON.stringify(positionals[positionalsMax])}? Usage: millrace ${command.usage}`,
    )
  const isJson = flags.get('json') === 'true'
  const context: CommandContext = {
    environment,
    config,
    positionals,
    flags,
    isJson,
    isQuiet: flags.get('quiet') === 'true',
    data: (value, text) => environment.stdout.write(`${isJson ? JSON.stringify(value) : text()}\n`),
  }
  return await command.run(context)
}

/** The configuration is needed before the flags are known: its pipelines bring parameters. */
function flagValue(args: readonly string[], name: string): string | undefined {
  const inline = args.find((arg) => arg.startsWith(`--${name}=`))
  if (inline !== undefined) return inline.slice(name.length + 3)
  const at = args.indexOf(`--${name}`)
  return at === -1 ? undefined : args[at + 1]
}

/** Flags of commands that are arguments of Glue jobs, too. */
const glueFlags = new Map<string, { name: string; kind: 'value' | 'boolean' }>([
  ['DRY_RUN', { name: 'dry-run', kind: 'boolean' }],
  ['ENV', { name: 'env', kind: 'value' }],
])

function kindOf(name: string, specs: readonly FlagSpec[], pipeline: Pipeline | null): 'value' | 'boolean' | undefined {
  const spec = specs.find((candidate) => candidate.name === name)
  if (spec !== undefined) return spec.value === null ? 'boolean' : 'value'
  if (pipeline === null) return undefined
  const glue = glueFlags.get(name)
  if (glue !== undefined) return glue.kind
  const parameter = parameterNamed(pipeline.schema, name)
  if (parameter === undefined) return undefined
  return parameterKind(pipeline.schema, parameter) === 'boolean' ? 'boolean' : 'value'
}

/** `PARTITION_DATE` and `partition-date` are one flag. */
function canonicalName(name: string, specs: readonly FlagSpec[], pipeline: Pipeline | null): string {
  if (pipeline === null || specs.some((spec) => spec.name === name)) return name
  const glue = glueFlags.get(name)
  if (glue !== undefined) return glue.name
  const parameter = parameterNamed(pipeline.schema, name)
  return parameter === undefined ? name : kebabCase(parameter)
}

/** The first argument that is neither a flag nor the value of one: the pipeline brings flags of its own. */
function firstPositional(args: readonly string[], specs: readonly FlagSpec[]): string | undefined {
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] as string
    if (!arg.startsWith('-')) return arg
    const isBoolean = specs.some(({ name, value }) => `--${name}` === arg && value === null)
    if (!arg.includes('=') && !isBoolean && !args[at + 1]?.startsWith('--')) at += 1
  }
  return undefined
}

async function overview(): Promise<string> {
  const lines = [
    'millrace: lakehouse pipelines that run in seconds on one machine',
    '',
    'usage: millrace <command> [options]',
    '',
  ]
  const loaded = await Promise.all(Object.values(commands).map((load) => load()))
  const width = Math.max(...loaded.map(({ usage }) => usage.length))
  for (const { usage, summary } of loaded) lines.push(`  ${usage.padEnd(width)}  ${summary}`)
  return [...lines, '', 'options of every command:', flagLines(commonFlags)].join('\n')
}

function helpText(command: Command, pipeline: Pipeline | null): string {
  const parts = [
    `usage: millrace ${command.usage}`,
    '',
    command.summary,
    '',
    flagLines([...command.flags, ...commonFlags]),
  ]
  if (pipeline !== null) {
    const params = Object.keys(pipeline.schema.shape).map((name) => ({
      name: kebabCase(name),
      value: parameterKind(pipeline.schema, name).toUpperCase(),
      text: '',
    }))
    parts.push('', `parameters of ${pipeline.name}:`, flagLines(params))
  }
  return parts.join('\n')
}

function flagLines(flags: readonly FlagSpec[]): string {
  const heads = flags.map(({ name, value }) => `--${name}${value === null ? '' : ` ${value}`}`)
  const width = Math.max(...heads.map((head) => head.length))
  return flags.map(({ text }, index) => `  ${(heads[index] ?? '').padEnd(width)}  ${text}`.trimEnd()).join('\n')
}

/** What every command works with: streams, flags, configuration, the root. */
import * as fs from 'node:fs'
import { availableParallelism, tmpdir, totalmem } from 'node:os'
import * as path from 'node:path'
import type { Config } from '../define/config.ts'
import type { Pipeline } from '../define/pipeline.ts'
import { didYouMean, MillraceError } from '../errors.ts'
import type { Store } from '../store.ts'
import type { Engine } from '../types.ts'
import { loadModule } from './config.ts'
import { type FlagSpec, parseDuration, parseMemory } from './flags.ts'

/** A pipeline that can be named on the command line. `demo`: flags that the demonstration runs it with. */
export type NamedPipeline = {
  name: string
  description: string
  load: () => Promise<Pipeline>
  demo?: Record<string, string>
}

/** The world outside, passed in so that nothing below reads it on its own. */
export type Environment = {
  systems: readonly NamedPipeline[]
  version: string
  /** What a person types to start this program. */
  command: string
  folder: string
  variables: Record<string, string | undefined>
  stdout: { write: (text: string) => unknown; isTTY?: boolean }
  stderr: { write: (text: string) => unknown; isTTY?: boolean; columns?: number }
  signal: AbortSignal
  now: () => Date
}

export type CommandContext = {
  environment: Environment
  config: Config
  positionals: string[]
  flags: Map<string, string>
  isJson: boolean
  isQuiet: boolean
  /** Writes data: text with a line end, or one JSON value. */
  data: (value: unknown, text: () => string) => void
}

export type Command = {
  name: string
  usage: string
  summary: string
  flags: FlagSpec[]
  /** True where a pipeline's parameters are flags too. */
  takesParams?: boolean
  /** Gives the exit code. */
  run: (context: CommandContext) => Promise<number>
}

export const commonFlags: FlagSpec[] = [
  { name: 'root', value: 'DIR', text: 'the storage root (default ./lake)' },
  { name: 'env', value: 'ENV', text: 'the environment (default dev)' },
  { name: 'config', value: 'FILE', text: 'the configuration (default ./millrace.config.ts)' },
  { name: 'json', value: null, text: 'one JSON value on standard output' },
  { name: 'quiet', value: null, text: 'no progress on standard error' },
]

export const engineFlags: FlagSpec[] = [
  { name: 'engine', value: 'NAME', text: 'duckdb (default) or spark' },
  { name: 'memory', value: 'SIZE', text: 'such as 2GB; larger work spills to disk (default 60 % of the machine)' },
  { name: 'threads', value: 'N', text: 'threads of the engine (default all cores)' },
  { name: 'wait', value: 'TIME', text: 'how long to wait for the lock of another run (default 60s)' },
]

/** Opens the storage root. Throws `usage` when it must exist and does not, or is no folder. */
export async function openStore({ flags, config, environment }: CommandContext, mustExist: boolean): Promise<Store> {
  const root = flags.get('root') ?? (environment.variables.MILLRACE_ROOT || config.root || 'lake')
  if (root === '' || flags.get('root') === '') throw new MillraceError('usage', '--root is empty; give a folder')
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(root)) {
    throw new MillraceError('usage', `--root ${root}  this version stores in folders only; give a folder`)
  }
  const absolute = path.resolve(environment.folder, root)
  const stat = fs.statSync(absolute, { throwIfNoEntry: false })
  if (stat !== undefined && !stat.isDirectory())
    throw new MillraceError('usage', `--root ${root}  is a file; give a folder`)
  if (stat === undefined && mustExist) {
    throw new MillraceError(
      'usage',
      `--root ${root}  there is no such folder (looked at ${absolute}). Give the folder that has landing/, or make one with millrace sample`,
    )
  }
  const { default: folderStore } = await import('../stores/folder.ts')
  return folderStore(absolute)
}

/** The engine asked for. Throws `usage` for one that does not exist. */
export async function chooseEngine({ flags, config }: CommandContext, name?: string): Promise<Engine> {
  const engine = name ?? flags.get('engine') ?? config.engine ?? 'duckdb'
  if (engine === 'duckdb') return (await import('../engines/duckdb.ts')).default()
  if (engine === 'spark') {
    const { default: sparkEngine } = await import('../engines/spark.ts')
    return sparkEngine(config.python === undefined ? {} : { python: config.python })
  }
  throw new MillraceError(
    'usage',
    `--engine ${engine} is refused: expected duckdb or spark${didYouMean(engine, ['duckdb', 'spark'])}`,
  )
}

/** Bytes of memory and number of threads for the engine. Throws `usage`. */
export function resources({ flags, config }: CommandContext): { memoryBytes: number; threads: number } {
  const text = flags.get('threads') ?? String(config.threads ?? availableParallelism())
  const threads = Number(text)
  if (!Number.isInteger(threads) || threads < 1 || threads > 1024) {
    throw new MillraceError('usage', `--threads ${text} is refused: expected a whole number from 1 to 1024`)
  }
  return { memoryBytes: parseMemory(flags.get('memory') ?? config.memory ?? '60%', totalmem()), threads }
}

/** A folder for what does not fit in memory, gone afterwards. Two processes must never spill into the same one. */
export async function withSpill<T>(act: (spill: string) => Promise<T>): Promise<T> {
  const folder = fs.mkdtempSync(path.join(tmpdir(), 'millrace-spill-'))
  try {
    return await act(folder)
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

/** Milliseconds to wait for a lock. */
export function waitMs({ flags }: CommandContext): number {
  return parseDuration('wait', flags.get('wait') ?? '60s')
}

/** The environment's name. Throws `usage` for what could not be part of a resource's name. */
export function environmentName({ flags, config }: CommandContext): string {
  const env = flags.get('env') ?? config.env ?? 'dev'
  if (!/^[A-Za-z][A-Za-z0-9-]{0,30}$/.test(env))
    throw new MillraceError('usage', `--env ${env} is refused: expected letters, digits and "-"`)
  return env
}

/** Every pipeline there is: those that ship with Millrace and the project's own. */
export function allPipelines(config: Config, systems: readonly NamedPipeline[]): NamedPipeline[] {
  const own = (config.pipelines ?? []).map((pipeline) => ({
    name: pipeline.name,
    description: pipeline.description,
    load: async () => pipeline,
  }))
  return [...own, ...systems.filter(({ name }) => !own.some((pipeline) => pipeline.name === name))]
}

/** The pipeline of a name or of a file whose default export it is. Throws `usage` naming the nearest. */
export async function findPipeline(
  name: string | undefined,
  config: Config,
  environment: Pick<Environment, 'systems' | 'folder'>,
): Promise<Pipeline> {
  const pipelines = allPipelines(config, environment.systems)
  const names = pipelines.map((pipeline) => pipeline.name)
  if (name === undefined) throw new MillraceError('usage', `which pipeline? There are ${names.join(', ')}`)
  const found = pipelines.find((pipeline) => pipeline.name === name)
  if (found !== undefined) return await found.load()
  if (/\.(ts|js|mjs)$/.test(name)) return (await loadModule(path.resolve(environment.folder, name))) as Pipeline
  throw new MillraceError('usage', `there is no pipeline ${name} (${names.join(', ')})${didYouMean(name, names)}`)
}

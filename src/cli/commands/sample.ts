/** `millrace sample` and `millrace demo`. */
import type { Pipeline } from '../../define/pipeline.ts'
import { MillraceError } from '../../errors.ts'
import { createDisplay, quietDisplay } from '../../show/live.ts'
import { count, duration, plural } from '../../show/text.ts'
import type { Store } from '../../types.ts'
import {
  type Command,
  type CommandContext,
  engineFlags,
  findPipeline,
  openStore,
  resources,
  withSpill,
} from '../context.ts'
import { tablesCommand } from './look.ts'
import { runCommand } from './run.ts'

const sampleRows = 50_000
const rowsMax = 1_000_000_000

const sampleFlags = [
  { name: 'rows', value: 'N', text: `rows to make (default ${count(sampleRows)})` },
  { name: 'seed', value: 'N', text: 'another seed makes other data (default 1)' },
]

export const sampleCommand: Command = {
  name: 'sample',
  usage: 'sample <pipeline> [--rows N]',
  summary: 'writes realistic input for a pipeline below the root',
  flags: [...sampleFlags, ...engineFlags.filter(({ name }) => ['memory', 'threads'].includes(name))],
  run: async (context) => {
    const pipeline = await findPipeline(context.positionals[0], context.config, context.environment)
    const store = await openStore(context, false)
    const made = await makeSample(context, pipeline, store)
    context.data(
      made,
      () =>
        `${plural(made.files, 'file')} with ${plural(made.rows, 'row')} written below ${store.root}\nnext: ${context.environment.command} run ${pipeline.name} --root ${store.root}`,
    )
    return 0
  },
}

async function makeSample(
  context: CommandContext,
  pipeline: Pipeline,
  store: Store,
): Promise<{ pipeline: string; rows: number; files: number }> {
  if (pipeline.sample === null) throw new MillraceError('usage', `pipeline ${pipeline.name} has no sample`)
  const rows = wholeNumber(context, 'rows', sampleRows, rowsMax)
  const seed = wholeNumber(context, 'seed', 1, Number.MAX_SAFE_INTEGER)
  const { stderr } = context.environment
  const display = context.isQuiet
    ? quietDisplay
    : createDisplay({ isTerminal: stderr.isTTY === true, hasColor: false, write: (text) => stderr.write(text) })
  const { writeSample } = await import('../../engines/duckdb/sample-writer.ts')
  const { signal, now } = context.environment
  const sample = pipeline.sample({ rows, now: now(), seed })
  const onFile = (done: number, total: number): void =>
    display.progress(`sample ${pipeline.name}`, { phase: 'write', percent: (100 * done) / total })
  const files = await withSpill((spill) =>
    writeSample(sample, store.locate, { ...resources(context), spill, signal }, onFile),
  ).finally(display.end)
  return { pipeline: pipeline.name, rows, files }
}

function wholeNumber({ flags }: CommandContext, flag: string, fallback: number, most: number): number {
  const text = flags.get(flag) ?? String(fallback)
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > most) {
    throw new MillraceError('usage', `--${flag} ${text} is refused: expected a whole number from 1 to ${count(most)}`)
  }
  return value
}

export const demoCommand: Command = {
  name: 'demo',
  usage: 'demo',
  summary: 'makes sample data for every system, runs them all and shows what came out',
  flags: [...sampleFlags, ...engineFlags],
  run: async (context) => {
    const { environment } = context
    const { stdout } = environment
    const flags = new Map([...context.flags, ['root', context.flags.get('root') ?? 'millrace-demo']])
    const own: CommandContext = { ...context, flags }
    const startedMs = performance.now()
    for (const { name } of environment.systems) {
      const pipeline = await findPipeline(name, {}, environment)
      const store = await openStore(own, false)
      const made = await makeSample(own, pipeline, store)
      stdout.write(
        `\n── ${name}: ${pipeline.description}\n${count(made.rows)} sample rows in ${plural(made.files, 'file')}\n`,
      )
      const code = await runCommand.run({ ...own, positionals: [name], isJson: false, flags: runFlags(flags) })
      if (code !== 0) return code
    }
    stdout.write('\n── what came out\n')
    await tablesCommand.run({ ...own, isJson: false, data: (_, text) => stdout.write(`${text()}\n`) })
    stdout.write(
      `\n${nextSteps(environment.command, flags.get('root') as string)}\nall of it took ${duration((performance.now() - startedMs) / 1000)}\n`,
    )
    return 0
  },
}

function runFlags(flags: Map<string, string>): Map<string, string> {
  return new Map([...flags].filter(([name]) => name !== 'rows' && name !== 'seed'))
}

function nextSteps(command: string, root: string): string {
  return [
    '── what to try next',
    `${command} show --root ${root}                     # the last run: tasks, checks, warnings`,
    `${command} run chargebacks --root ${root}          # again: nothing new, nothing changes`,
    `${command} run chargebacks --root ${root} --output-file-count 3   # the same day in three files`,
    `${command} sql --root ${root} "select status, count(*) n, sum(amount) total from chargebacks group by 1 order by 1"`,
    `${command} plan chargebacks --root ${root}         # what a run would do now`,
    `${command} run carsdm --root ${root} --deletes flag   # the Final zone made anew with is_deleted and deleted_at`,
    `${command} sql --root ${root} "select Op, count(*) n from final_cars__cdc.FIELD group by 1 order by 1"`,
  ].join('\n')
}

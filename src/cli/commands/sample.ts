/** `millrace sample` and `millrace demo`. */
import * as fs from 'node:fs'
import { join } from 'node:path'
import type { Pipeline, SampleCopy, SamplePostgres } from '../../define/pipeline.ts'
import { MillraceError } from '../../errors.ts'
import { createDisplay, quietDisplay } from '../../show/live.ts'
import { count, duration, plural } from '../../show/text.ts'
import type { Store } from '../../store.ts'
import {
  type Command,
  type CommandContext,
  engineFlags,
  findPipeline,
  openStore,
  resources,
  withSpill,
} from '../context.ts'
import { showTables } from './look.ts'
import { givenParams, runCommand } from './run.ts'

const sampleRows = 50_000
const rowsMax = 1_000_000_000
const sampleColumns = 160
const columnsMax = 10_000
const tablesShown = 5 // of a kind

const sampleFlags = [
  { name: 'rows', value: 'N', text: `rows to make (default ${count(sampleRows)})` },
  {
    name: 'columns',
    value: 'N',
    text: `columns of a wide table, for pipelines that have one (default ${sampleColumns})`,
  },
  { name: 'seed', value: 'N', text: 'another seed makes other data (default 1)' },
  { name: 'drop', value: 'N', text: 'the Nth delivery, from 0, for pipelines that are fed again and again' },
]

export const sampleCommand: Command = {
  name: 'sample',
  usage: 'sample <pipeline> [--rows N]',
  summary: 'writes realistic input for a pipeline below the root',
  takesParams: true,
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
  const columns = wholeNumber(context, 'columns', sampleColumns, columnsMax, 30)
  const seed = wholeNumber(context, 'seed', 1, Number.MAX_SAFE_INTEGER)
  const drop = wholeNumber(context, 'drop', 0, 100_000, 0)
  const { stderr } = context.environment
  const display = context.isQuiet
    ? quietDisplay
    : createDisplay({ isTerminal: stderr.isTTY === true, hasColor: false, write: (text) => stderr.write(text) })
  const { writeSample } = await import('../../engines/duckdb/sample-writer.ts')
  const { signal, now } = context.environment
  const sample = pipeline.sample({ rows, columns, now: now(), seed, drop, params: givenParams(context, pipeline) })
  const onFile = (done: number, total: number): void =>
    display.progress(`sample ${pipeline.name}`, { phase: 'write', percent: (100 * done) / total })
  const written = await withSpill(async (spill) => {
    const copies = (sample.postgres?.copies ?? []).map((copy, index) => ({
      ...copy,
      folder: join(spill, `rows-${index}`),
    }))
    const made = await writeSample(
      { ...sample, copies },
      store.locate,
      { ...resources(context), spill, signal },
      onFile,
    )
    if (sample.postgres !== undefined) await loadSample(sample.postgres, copies, store)
    return made
  }).finally(display.end)
  return { pipeline: pipeline.name, ...written }
}

async function loadSample(
  { database, before, after = [] }: SamplePostgres,
  copies: (SampleCopy & { folder: string })[],
  store: Store,
): Promise<void> {
  const { default: loadRows } = await import('../../sinks/postgres/load-rows.ts')
  const { newPostgresConnection } = await import('../../run/tables/postgres-connection.ts')
  const rows = copies.map(({ folder, ...copy }) => ({ ...copy, files: csvFiles(folder) }))
  await loadRows(newPostgresConnection(database, store), { before, copies: rows, after })
}

function csvFiles(folder: string): string[] {
  return fs
    .readdirSync(folder)
    .sort()
    .map((name) => join(folder, name))
}

function wholeNumber({ flags }: CommandContext, flag: string, fallback: number, most: number, least = 1): number {
  const text = flags.get(flag) ?? String(fallback)
  const value = Number(text)
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new MillraceError(
      'usage',
      `--${flag} ${text} is refused: expected a whole number from ${least} to ${count(most)}`,
    )
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
    for (const { name, demo = {} } of environment.systems) {
      const pipeline = await findPipeline(name, {}, environment)
      if (pipeline.sample === null) continue
      const store = await openStore(own, false)
      const made = await makeSample(own, pipeline, store)
      stdout.write(
        `\n── ${name}: ${pipeline.description}\n${count(made.rows)} rows in ${plural(made.files, 'file')} for a sample\n`,
      )
      const given = new Map([...runFlags(flags), ...Object.entries(demo)])
      const isQuiet = own.isQuiet || given.has('quiet')
      const code = await runCommand.run({ ...own, positionals: [name], isJson: false, isQuiet, flags: given })
      if (code !== 0) return code
    }
    stdout.write('\n── what came out\n')
    const shown = { ...own, isJson: false, data: (_: unknown, text: () => string) => void stdout.write(`${text()}\n`) }
    await showTables(shown, tablesShown)
    const code = await cleanRoomsDemo(shown)
    stdout.write(
      `\n${nextSteps(environment.command, flags.get('root') as string)}\nall of it took ${duration((performance.now() - startedMs) / 1000)}\n`,
    )
    if (code !== 0) return code
    return 0
  },
}

/** Offers the tables that are registered in the clean rooms of an account below the root, and reports on them. */
async function cleanRoomsDemo(context: CommandContext): Promise<number> {
  const { stdout } = context.environment
  const { cleanroomsCommand } = await import('./cleanrooms.ts')
  stdout.write('\n── clean rooms of an account below the root: apply, then the report\n')
  const own: CommandContext = {
    ...context,
    isQuiet: true,
    flags: new Map([['root', context.flags.get('root') as string]]),
  }
  const lastLine: CommandContext['data'] = (_, text) => void stdout.write(`${text().split('\n').at(-1)}\n`)
  const code = await cleanroomsCommand.run({ ...own, positionals: ['apply'], data: lastLine })
  return code === 0 ? await cleanroomsCommand.run({ ...own, positionals: ['report'] }) : code
}

function runFlags(flags: Map<string, string>): Map<string, string> {
  return new Map([...flags].filter(([name]) => !['rows', 'columns', 'seed', 'drop'].includes(name)))
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
    `${command} sample farm-records --root ${root} --drop 1   # the next delivery, and what it changes:`,
    `${command} run farm-records --root ${root}`,
    `${command} sql --root ${root} "select state_fsa_code, count(*) n from farm_records_reporting.tract_producer_year group by 1 order by 1"`,
    `${command} run farm-records-maintenance --root ${root}`,
    `${command} run flywheel-bucketed --root ${root} --only create-athena-bucketed-tables   # in 256 buckets`,
    `${command} sql --root ${root} "select snapshot_dt, count(*) n from omc_flywheel_dev.part_ibe_01_a group by 1"`,
    `${command} cleanrooms plan --root ${root}          # nothing differs; try verify, lint, discover`,
  ].join('\n')
}

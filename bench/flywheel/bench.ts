/** Flywheel, measured: a wide snapshot split into its tables, and those tables written in buckets. */
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { keptRoot, linkFolder, warm } from '../landing.ts'
import { type Contender, measure } from '../measure.ts'
import { millraceCommand, script, sparkPython, sparkVersions } from '../programs.ts'
import { conditions, table } from '../report.ts'
import type { Bench, BenchOptions, BenchResult } from '../run.ts'
import { type Answer, answerOf, compared } from './answer.ts'

const sizes = { rows: 1_000_000, files: 1, columns: 600 }
const spec = 'omc_cleanroom_data/omc_flywheel_infobase_table_split_part.csv'
const split = 'omc_cleanroom_data/split_part/infobase_attributes'
const staged = 'omc_cleanroom_data/split_cluster/infobase_attributes'
const bucketed = 'omc_cleanroom_data/cleanroom_tables/bucketed'

export const bench: Bench = {
  speed: { ...sizes, run: speed },
  buckets: { ...sizes, run: buckets },
}

async function speed(options: BenchOptions): Promise<BenchResult> {
  const python = sparkPython(options)
  const root = await snapshotRoot(options)
  const source = newestSnapshot(root)
  const job = (name: string, command: (own: string) => string[]): Contender<Answer> => ({
    name,
    prepare: (own) => {
      linkFolder(root, own)
      return command(own)
    },
    answer: (own) => answerOf(path.join(own, split)),
  })
  const given = (own: string): string[] => [path.join(own, source), path.join(own, spec), path.join(own, split)]
  const contenders = [
    ...(options.millrace
      ? [job('Millrace', (own) => step('flywheel-partitioned', 'infobase-split-and-part', own))]
      : []),
    job('DuckDB by hand', (own) => [process.execPath, script('flywheel/duckdb-by-hand.mjs'), ...given(own)]),
    ...(python === null
      ? []
      : [job('PySpark local[*]', (own) => [python, script('flywheel/pyspark_job.py'), ...given(own)])]),
  ]
  const measured = await measure(contenders, { ...options, folder: path.join(options.folder, 'runs-flywheel') })
  const notes = compared(measured, measured[0]?.answers[0] as Answer)
  return {
    isWhole: options.millrace && python !== null,
    text: `${amounts(options)} → 26 tables, one partition each; median of ${options.runs}, each a new process.\n${conditions(sparkVersions(python))}\n\n${table(measured, notes)}`,
  }
}

async function buckets(options: BenchOptions): Promise<BenchResult> {
  const wide = await snapshotRoot(options)
  const root = await keptRoot(options.folder, `flywheel-staged-${options.rows}-${options.columns}`, async (made) => {
    linkFolder(wide, made)
    for (const name of ['infobase-split-and-bucket', 'register-staged-tables']) {
      const [program, ...args] = step('flywheel-bucketed', name, made)
      const own = name.startsWith('register') ? ['--s3-root', staged] : []
      execFileSync(program as string, [...args, ...own], { stdio: ['ignore', 'ignore', 'inherit'] })
    }
  })
  warm(path.join(root, staged))
  const contenders: Contender<Answer>[] = [
    {
      name: 'Millrace, 256 buckets',
      prepare: (own) => {
        linkFolder(root, own)
        return step('flywheel-bucketed', 'create-athena-bucketed-tables', own)
      },
      answer: (own) => answerOf(path.join(own, bucketed)),
    },
    {
      name: 'DuckDB, plain copy, one file a table',
      prepare: (own) => {
        linkFolder(root, own)
        return [process.execPath, script('flywheel/plain-copy.mjs'), path.join(own, staged), path.join(own, bucketed)]
      },
      answer: (own) => answerOf(path.join(own, bucketed)),
    },
  ]
  const measured = await measure(contenders, { ...options, folder: path.join(options.folder, 'runs-flywheel') })
  const notes = compared(measured, measured[0]?.answers[0] as Answer)
  return {
    isWhole: options.millrace,
    text: `The 26 tables of ${amounts(options)}, all of them; median of ${options.runs}, each a new process.\n${conditions([])}\n\n${table(measured, notes)}`,
  }
}

function step(pipeline: string, name: string, root: string): string[] {
  return millraceCommand(['run', pipeline, '--only', name, '--root', root, '--quiet'])
}

async function snapshotRoot({ folder, rows, columns, log }: BenchOptions): Promise<string> {
  log(`snapshot: ${rows} rows × ${columns} columns`)
  const root = await keptRoot(folder, `flywheel-${rows}-${columns}`, async (made) => {
    fs.mkdirSync(made, { recursive: true })
    const size = ['--rows', `${rows}`, '--columns', `${columns}`]
    const [program, ...args] = millraceCommand(['sample', 'flywheel', ...size, '--root', made, '--quiet'])
    execFileSync(program as string, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  })
  warm(path.join(root, newestSnapshot(root)))
  return root
}

function newestSnapshot(root: string): string {
  const folder = 'opus/infobase_attributes/raw_input'
  return `${folder}/${fs.readdirSync(path.join(root, folder)).sort().at(-1)}`
}

function amounts({ rows, columns }: BenchOptions): string {
  return `${rows.toLocaleString('en-US')} rows × ${columns.toLocaleString('en-US')} columns`
}

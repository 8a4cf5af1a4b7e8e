/** The carsdm job, measured: LOAD and ten days beside others, and one further day on the standing tables. */
import * as path from 'node:path'
import { warm } from '../landing.ts'
import { type Contender, type Measured, measure, median } from '../measure.ts'
import { sparkPython, sparkVersions } from '../programs.ts'
import { conditions, table } from '../report.ts'
import type { Bench, BenchOptions, BenchResult } from '../run.ts'
import { type Answer, checkLanded, compared } from './answer.ts'
import { firstRun, furtherRun, intoIceberg, type Job, jobs, pyspark } from './contenders.ts'
import { firstKeptDay, furtherRunDate, type Landing, makeLanding, runDate, tableDefinitions } from './landing.ts'

const sizes = { rows: 1_000_000, files: 1, changes: 100_000 }

export const bench: Bench = {
  speed: { ...sizes, run: speed },
  increment: { ...sizes, run: increment },
  // All tables together have a million rows, and `scale` times as many.
  scale: { ...sizes, rows: 125_000, run: scale },
}

async function speed(options: BenchOptions): Promise<BenchResult> {
  const python = sparkPython(options)
  const landing = await landingOf(options)
  const own = [...ownJobs(options), ...(python === null ? [] : [pyspark(python)])]
  const measured = await measureAll(
    own.map((job) => firstRun(job, landing)),
    options,
  )
  const notes = await compare(measured, [landing.first], runDate)
  return {
    isWhole: options.millrace && python !== null,
    text: `${amounts(options)} and ten days of ${changes(options)}; median of ${options.runs}, each a new process.\n${conditions(sparkVersions(python))}\n\n${table(measured, notes)}`,
  }
}

async function increment(options: BenchOptions): Promise<BenchResult> {
  const landing = await landingOf(options)
  const measured = await measureAll(
    ownJobs(options).map((job) => furtherRun(job, landing)),
    options,
  )
  const notes = await compare(measured, [landing.first, landing.further], furtherRunDate)
  return {
    isWhole: options.millrace,
    text: `A further day of ${changes(options)} on ${amounts(options)} and ten days; median of ${options.runs}, each a new process.\n${conditions([])}\n\n${table(measured, notes)}`,
  }
}

/** A further day of the same changes on tables, and on tables that are `scale` times as large. */
async function scale(options: BenchOptions): Promise<BenchResult> {
  const lines: string[] = []
  const firsts = new Map<string, number>()
  for (const rows of [options.rows, options.rows * options.scale]) {
    const sized = { ...options, rows }
    const landing = await landingOf(sized)
    const measured = await measureAll(
      [jobs.millrace, intoIceberg].map((job) => furtherRun(job, landing)),
      sized,
    )
    await compare(measured, [landing.first, landing.further], furtherRunDate)
    for (const { name, seconds } of measured) {
      const middle = median(seconds)
      const ratio = middle / (firsts.get(name) ?? middle)
      firsts.set(name, firsts.get(name) ?? middle)
      const each = seconds.map((one) => one.toFixed(2)).join(', ')
      const total = (rows * tableDefinitions().length).toLocaleString('en-US')
      lines.push(
        `| ${name === intoIceberg.name ? 'Iceberg' : 'Parquet'} | ${total} | ${middle.toFixed(2)} | ${ratio.toFixed(2)} × | ${each} |`,
      )
    }
  }
  const head = '| Final | rows of all tables | seconds | ratio | each run |\n| --- | --- | --- | --- | --- |'
  return {
    isWhole: options.millrace,
    text: `A further day of ${changes(options)}; median of ${options.runs}, each a new process, same rows in both.\n${conditions([])}\n\n${head}\n${lines.join('\n')}`,
  }
}

function ownJobs({ millrace }: BenchOptions): Job[] {
  return millrace ? [jobs.millrace, jobs.duckdb] : [jobs.duckdb]
}

async function measureAll(contenders: Contender<Answer>[], options: BenchOptions): Promise<Measured<Answer>[]> {
  return measure(contenders, { ...options, folder: path.join(options.folder, 'runs-carsdm') })
}

async function landingOf({ folder, rows, files, changes: changesPerDay, log }: BenchOptions): Promise<Landing> {
  log(`landing zone: ${rows} rows a table, ${changesPerDay} changes a day`)
  const landing = await makeLanding(folder, { rows, loadFiles: files, changesPerDay })
  warm(landing.first)
  warm(landing.further)
  return landing
}

function amounts({ rows }: BenchOptions): string {
  return `${tableDefinitions().length} tables of ${rows.toLocaleString('en-US')} rows`
}

function changes({ changes: perDay }: BenchOptions): string {
  return `${perDay.toLocaleString('en-US')} changes over all tables`
}

/** Every answer of every run is held against the first, and that against what landed. */
async function compare(measured: Measured<Answer>[], roots: string[], date: string): Promise<string[]> {
  const right = measured[0]?.answers[0] as Answer
  await checkLanded(right, roots, tableDefinitions(), firstKeptDay(date))
  return measured.map(({ name, answers }) => answers.map((answer) => compared(name, answer, right)).at(-1) ?? '')
}

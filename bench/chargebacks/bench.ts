/** The chargebacks job, measured: its speed beside others, and its memory on a large day. */
import * as path from 'node:path'
import { warm } from '../landing.ts'
import { type Measured, measure } from '../measure.ts'
import { sparkPython, sparkVersions } from '../programs.ts'
import { conditions, gigabytes, table } from '../report.ts'
import type { Bench, BenchOptions, BenchResult } from '../run.ts'
import { type Answer, compared, landedKeys } from './answer.ts'
import { duckdbScript, fileCount, millrace, pyspark } from './contenders.ts'
import { type Landing, makeLanding } from './landing.ts'

const memoryGiven = '2GB'

export const bench: Bench = {
  speed: { rows: 1_250_000, files: 2_000, run: speed },
  memory: { rows: 5_000_000, files: 20_000, run: memory },
}

async function speed(options: BenchOptions): Promise<BenchResult> {
  const python = sparkPython(options)
  const landing = await landingOf(options)
  const contenders = [
    ...(options.millrace ? [millrace(landing)] : []),
    duckdbScript('DuckDB, tuned by hand', 'duckdb-by-hand.mjs', landing),
    duckdbScript('DuckDB, the obvious way', 'duckdb-obvious.mjs', landing),
    ...(python === null ? [] : [pyspark(python, landing)]),
  ]
  const measured = await measure(contenders, { ...options, folder: path.join(options.folder, 'runs') })
  const head = `${amounts(options)} to ${fileCount} snappy files; median of ${options.runs}, each a new process.`
  return {
    isWhole: options.millrace && python !== null,
    text: `${head}\n${conditions(sparkVersions(python))}\n\n${await compare(measured, landing)}`,
  }
}

async function memory(options: BenchOptions): Promise<BenchResult> {
  const landing = await landingOf(options)
  const contender = millrace(landing, ['--memory', memoryGiven])
  const measured = await measure([contender], { ...options, folder: path.join(options.folder, 'runs') })
  const peak = measured[0]?.peakBytes ?? null
  if (peak !== null) options.log(`peak ${gigabytes(peak)} of ${memoryGiven}`)
  return {
    isWhole: true,
    text: `${amounts(options)} to ${fileCount} files.\n${conditions([])}\n\n${await compare(measured, landing)}`,
  }
}

async function landingOf({ folder, rows, files, log }: BenchOptions): Promise<Landing> {
  log(`landing zone: ${rows} rows in ${files} files`)
  const landing = await makeLanding(folder, rows, files)
  warm(landing.folder)
  return landing
}

function amounts({ rows, files }: BenchOptions): string {
  return `${rows.toLocaleString('en-US')} rows in ${files.toLocaleString('en-US')} landed files`
}

/** Every answer of every run is held against the first, which is Millrace's unless it is left out, and that against the ids that landed. */
async function compare(measured: Measured<Answer>[], landing: Landing): Promise<string> {
  const right = measured[0]?.answers[0] as Answer
  const landed = await landedKeys(landing.folder)
  if (right.rows !== landed.rows || right.keyHash !== landed.keyHash || right.files !== fileCount || right.spread > 1) {
    throw new Error(
      `${measured[0]?.name} gives a wrong answer: ${JSON.stringify(right)}\nexpected ${JSON.stringify(landed)}`,
    )
  }
  const notes = measured.map(({ name, answers }) => answers.map((answer) => compared(name, answer, right)).at(-1) ?? '')
  return table(measured, notes)
}

/** The farm-records pipeline, measured: an increment of 2 % changed and 1 % new rows on a first load, PostgreSQL included. */
import * as path from 'node:path'
import { type Contender, type Measured, measure, median } from '../measure.ts'
import { sparkPython, sparkVersions } from '../programs.ts'
import { conditions, table } from '../report.ts'
import type { Bench, BenchOptions, BenchResult } from '../run.ts'
import { type Answer, compared } from './answer.ts'
import { type Base, makeBase } from './base.ts'
import { byHand, exportIngested, hasJar, millrace, postgresVersion, pyspark, type TaskSeconds } from './contenders.ts'

export const bench: Bench = {
  speed: { rows: 5_000_000, files: 1, run: speed },
  scale: { rows: 500_000, files: 1, run: scale },
}

const merges = ['cnsv-tract-producer-year-merge', 'cnsv-farm-producer-year-merge']

async function speed(options: BenchOptions): Promise<BenchResult> {
  const { folder, rows, log } = options
  const python = hasJar(log) ? sparkPython(options) : null
  const base = await makeBase({ folder, rows, dropRows: rows, log })
  const tables = path.join(path.dirname(base.root), 'tables')
  try {
    await exportIngested(base, tables)
    const seconds: TaskSeconds = []
    const contenders = [millrace(base, tables, seconds), byHand(tables)]
    if (python !== null) contenders.push(pyspark(python, base, tables))
    const measured = await measureAll(contenders, base, options)
    const notes = compareAll(measured)
    const [ours, hand] = [median(seconds.map((one) => sumOf(one, merges))), median(measured[1]?.seconds ?? [])]
    return {
      isWhole: options.millrace && python !== null,
      text: [
        `First run of ${count(rows)} producers' years: ${base.firstSeconds.toFixed(1)} s. Then an increment of 2 % changed and 1 % new rows; median of ${options.runs}, each a new process on tables and a database as the first run left them (${base.database}).`,
        conditions([...sparkVersions(python), ...postgresVersion()]),
        '',
        table(measured, notes),
        '',
        `Of Millrace's run both merges took ${ours.toFixed(2)} s: ${(ours / hand).toFixed(2)} × the script that only merges, start-up of its process counted. Tasks: ${tasksText(seconds)}.`,
      ].join('\n'),
    }
  } finally {
    await base.close()
  }
}

const rowsOfAllCounties = 480_000 // fewer rows are a sample of fewer counties, with other codes

/** The same change on a base, and on one `scale` times as large. */
async function scale(options: BenchOptions): Promise<BenchResult> {
  const { folder, rows, scale: factor, log } = options
  if (rows < rowsOfAllCounties)
    log(`below ${rowsOfAllCounties} rows the drop moves counties of the larger load, which is no small change`)
  const found: { rows: number; seconds: number[]; tasks: TaskSeconds; changed: number }[] = []
  for (const size of [rows, rows * factor]) {
    const base = await makeBase({ folder, rows: size, dropRows: rows, log })
    const tables = path.join(path.dirname(base.root), 'tables')
    try {
      await exportIngested(base, tables)
      const tasks: TaskSeconds = []
      const [measured] = await measureAll([millrace(base, tables, tasks)], base, options)
      const answer = measured?.answers[0] ?? {}
      const changed = Object.values(answer).reduce((sum, one) => sum + one.rows, 0)
      found.push({ rows: size, seconds: measured?.seconds ?? [], tasks, changed })
    } finally {
      await base.close()
    }
  }
  const first = median(found[0]?.seconds ?? [])
  const lines = found.map(({ rows: size, seconds, tasks, changed }) => {
    const middle = median(seconds)
    return `| ${count(size)} | ${count(changed)} | ${middle.toFixed(2)} | ${(middle / first).toFixed(2)} × | ${seconds.map((one) => one.toFixed(2)).join(', ')} | ${tasksText(tasks)} |`
  })
  return {
    isWhole: options.millrace,
    text: [
      `The increment of ${count(rows)} producers' years on a load of that size and on one ${factor} times as large; median of ${options.runs}.`,
      conditions(postgresVersion()),
      '',
      "| producers' years | changed rows | seconds | ratio | each run | tasks |",
      '| --- | --- | --- | --- | --- | --- |',
      ...lines,
    ].join('\n'),
  }
}

/** Every run finds the tables and the database as the first run left them. */
async function measureAll(
  contenders: Contender<Answer>[],
  base: Base,
  options: BenchOptions,
): Promise<Measured<Answer>[]> {
  const restoring = contenders.map(
    (contender): Contender<Answer> => ({
      ...contender,
      prepare: async (folder) => {
        await base.restore()
        return await contender.prepare(folder)
      },
    }),
  )
  return await measure(restoring, { ...options, folder: path.join(options.folder, 'runs-farm-records') })
}

/** Every answer of every run is held against the first. */
function compareAll(measured: Measured<Answer>[]): string[] {
  const right = measured[0]?.answers[0] as Answer
  return measured.map(({ name, answers }) => answers.map((answer) => compared(name, answer, right)).at(-1) ?? '')
}

const count = (value: number): string => value.toLocaleString('en-US')
const sumOf = (seconds: Record<string, number>, names: string[]): number =>
  names.reduce((sum, name) => sum + (seconds[name] ?? 0), 0)

function tasksText(runs: TaskSeconds): string {
  const names = Object.keys(runs[0] ?? {})
  return names
    .map((name) => `${name.replace(/^cnsv-/, '')} ${median(runs.map((one) => one[name] ?? 0)).toFixed(2)} s`)
    .join(', ')
}

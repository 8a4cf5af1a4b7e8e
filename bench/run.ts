/**
 * Measures a system and keeps the figures in bench/README.md.
 *   npx jiti bench/run.ts chargebacks [--memory] [--rows N --files N] [--runs N] [--no-spark] [--no-millrace] [--folder DIR]
 *   npx jiti bench/run.ts farm-records [--scale 10] [--rows N] [--runs N] [--no-spark]
 *   npx jiti bench/run.ts flywheel [--buckets] [--rows N --columns N] [--runs N] [--no-spark] [--no-millrace] [--folder DIR]
 *   npx jiti bench/run.ts carsdm [--increment | --scale 10] [--rows N --changes N] [--runs N] [--no-spark] [--no-millrace] [--folder DIR]
 * Only a whole run at the sizes of the contract changes bench/README.md; every other one just prints.
 */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { parseArgs } from 'node:util'
import { updateReadme } from './report.ts'

const runsLeast = 3 // of which the median is kept

export type BenchOptions = {
  rows: number
  files: number
  /** Changes a day over all tables, of systems that take changes. */
  changes: number
  /** Of a wide table. */
  columns: number
  runs: number
  /** How many times as large the larger load is, of systems whose cost is to follow the change. */
  scale: number
  spark: boolean
  /** Without Millrace the others are compared with each other. */
  millrace: boolean
  /** Landing zones are kept here for the next time; what contenders write is removed. */
  folder: string
  log: (line: string) => void
}

/** Markdown, and whether every contender took part. */
export type BenchResult = { text: string; isWhole: boolean }

export type Scenario = {
  rows: number
  files: number
  changes?: number
  columns?: number
  run: (options: BenchOptions) => Promise<BenchResult>
}

/** A system's scenarios, with the sizes of its contract. */
export type Bench = { speed: Scenario; memory?: Scenario; increment?: Scenario; scale?: Scenario; buckets?: Scenario }

const benches: Record<string, () => Promise<{ bench: Bench }>> = {
  chargebacks: () => import('./chargebacks/bench.ts'),
  carsdm: () => import('./carsdm/bench.ts'),
  'farm-records': () => import('./farm-records/bench.ts'),
  flywheel: () => import('./flywheel/bench.ts'),
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      memory: { type: 'boolean', default: false },
      increment: { type: 'boolean', default: false },
      buckets: { type: 'boolean', default: false },
      scale: { type: 'string' },
      rows: { type: 'string' },
      files: { type: 'string' },
      changes: { type: 'string' },
      columns: { type: 'string' },
      runs: { type: 'string' },
      'no-spark': { type: 'boolean', default: false },
      'no-millrace': { type: 'boolean', default: false },
      folder: { type: 'string', default: path.join(os.tmpdir(), 'millrace-bench') },
    },
  })
  const [name = ''] = positionals
  const load = benches[name]
  if (load === undefined) throw new Error(`which system? There are ${Object.keys(benches).join(', ')}`)
  const kinds = (['memory', 'increment', 'scale', 'buckets'] as const).filter((one) => values[one])
  if (kinds.length > 1) throw new Error(`--${kinds.join(' and --')} are two benches`)
  const [kind = 'speed'] = kinds
  const { bench } = await load()
  const scenario = bench[kind]
  if (scenario === undefined) throw new Error(`${name} has no --${kind}; it has ${Object.keys(bench).join(', ')}`)
  if (values.changes !== undefined && scenario.changes === undefined) throw new Error(`${name} takes no --changes`)
  if (values.columns !== undefined && scenario.columns === undefined) throw new Error(`${name} takes no --columns`)
  const options: BenchOptions = {
    rows: wholeNumber('rows', values.rows, scenario.rows),
    files: wholeNumber('files', values.files, filesFor(values.rows, scenario)),
    changes: wholeNumber('changes', values.changes, scenario.changes ?? 1),
    columns: wholeNumber('columns', values.columns, scenario.columns ?? 1),
    runs: wholeNumber('runs', values.runs, values.memory ? 1 : runsLeast),
    scale: wholeNumber('scale', values.scale, 10),
    spark: !values['no-spark'],
    millrace: !values['no-millrace'],
    folder: path.resolve(values.folder),
    log: (line) => process.stderr.write(`${line}\n`),
  }
  fs.mkdirSync(options.folder, { recursive: true })
  const { text, isWhole } = await scenario.run(options)
  process.stdout.write(`${text}\n`)
  const isContract = (['rows', 'files', 'changes', 'columns'] as const).every(
    (size) => options[size] === (scenario[size] ?? 1),
  )
  if (isContract && isWhole && (values.memory || options.runs >= runsLeast)) updateReadme(`${name} ${kind}`, text)
  else options.log('bench/README.md stays as it is: this was not a whole run at the sizes of the contract')
}

/** As many rows a file as the contract has. */
function filesFor(rows: string | undefined, scenario: Scenario): number {
  return rows === undefined ? scenario.files : Math.max(1, Math.ceil((Number(rows) * scenario.files) / scenario.rows))
}

function wholeNumber(flag: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new Error(`--${flag} ${text} is refused: expected a whole number from 1`)
}

await main()

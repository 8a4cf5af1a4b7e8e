/** Writes what was measured as Markdown. */
import * as fs from 'node:fs'
import { createRequire } from 'node:module'
import * as os from 'node:os'
import { type Measured, median } from './measure.ts'

const readme = new URL('./README.md', import.meta.url)
const require = createRequire(import.meta.url)

/** A row for each contender; ratios are those of the medians, to the first. */
export function table<Answer>(measured: Measured<Answer>[], answers: string[]): string {
  const first = median(measured[0]?.seconds ?? [])
  const rows = measured.map(({ name, seconds, cpuSeconds, peakBytes }, index) => {
    const runs = seconds.map((value) => value.toFixed(2)).join(', ')
    const peak = peakBytes === null ? 'unknown' : gigabytes(peakBytes)
    const middle = median(seconds)
    return [name, middle.toFixed(2), ratio(middle / first), runs, median(cpuSeconds).toFixed(2), peak, answers[index]]
  })
  const head = ['contender', 'seconds', 'ratio', 'each run', 'processor seconds', 'peak memory', 'answer']
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

function ratio(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 1)} ×`
}

/** Bytes in GB of 10^9. */
export function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`
}

/** When and on what it was measured: nothing that names a machine or a person. */
export function conditions(others: string[]): string {
  const { version } = require('../package.json') as { version: string }
  const duckdb = (require('@duckdb/node-api/package.json') as { version: string }).version
  const versions = [`Millrace ${version}`, `Node ${process.versions.node}`, `@duckdb/node-api ${duckdb}`, ...others]
  const machine = `${os.availableParallelism()} cores, ${Math.round(os.totalmem() / 2 ** 30)} GiB of memory`
  return `Measured on ${new Date().toISOString().slice(0, 10)}, ${machine}; ${versions.join(', ')}.`
}

/** Replaces what stands between a section's two marks in bench/README.md. Throws when the marks are gone. */
export function updateReadme(section: string, text: string): void {
  const [begin, end] = [`<!-- ${section}: begin -->`, `<!-- ${section}: end -->`]
  const content = fs.readFileSync(readme, 'utf8')
  const [start, stop] = [content.indexOf(begin), content.indexOf(end)]
  if (start < 0 || stop < start) throw new Error(`bench/README.md  has no ${begin} … ${end}; put the two marks back`)
  fs.writeFileSync(readme, `${content.slice(0, start + begin.length)}\n${text}\n${content.slice(stop)}`)
}

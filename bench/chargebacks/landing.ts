/** Makes the landing zone that the contenders read: the system's own sample, in as many files as asked for. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { sample } from '../../systems/chargebacks/sample.ts'
import { keptRoot, type ParquetFile, writeFiles } from '../landing.ts'

export type Landing = { root: string; day: string; folder: string }

const zone = 'landing/chargebacks'
/** Makes a root with one landed day, or finds the one that an earlier bench made. */
export async function makeLanding(home: string, rows: number, fileCount: number): Promise<Landing> {
  const name = `chargebacks-${rows}-rows-${fileCount}-files`
  return find(await keptRoot(home, name, (root) => write(root, rows, fileCount)))
}

async function write(root: string, rows: number, fileCount: number): Promise<void> {
  const { prepare, files, raw } = sample({ rows, now: new Date(), seed: 1, columns: 160, drop: 0, params: {} })
  const folder = path.join(root, path.dirname(files[0]?.path ?? zone))
  fs.mkdirSync(folder, { recursive: true })
  for (const { path: relative, content } of raw) fs.writeFileSync(path.join(root, relative), content)
  const parts = Array.from({ length: fileCount }, (_, index): ParquetFile => {
    const [start, end] = [index, index + 1].map((place) => Math.floor((place * rows) / fileCount))
    const target = path.join(folder, `flink-${String(index).padStart(5, '0')}.parquet`)
    const sql = `SELECT ${columnsOf(index)} FROM chargebacks WHERE n >= ${start} AND n < ${end}`
    return { target, sql, how: 'COMPRESSION snappy' }
  })
  await writeFiles(prepare, parts)
}

/** As in the sample: one file in ten without `updated_at`, one in ten with a column more. */
function columnsOf(index: number): string {
  if (index % 10 === 3) return '* EXCLUDE (n, updated_at, risk_score)'
  return index % 10 === 7 ? '* EXCLUDE (n)' : '* EXCLUDE (n, risk_score)'
}

function find(root: string): Landing {
  let folder = path.join(root, zone)
  const parts: string[] = []
  for (let depth = 0; depth < 3; depth += 1) {
    const [name] = fs.readdirSync(folder)
    if (name === undefined) throw new Error(`${folder}  is empty; remove ${root} and run again`)
    parts.push(name)
    folder = path.join(folder, name)
  }
  return { root, day: parts.join('-'), folder }
}

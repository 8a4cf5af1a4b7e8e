/** Makes the landing zone that the contenders read: the system's own sample, in as many files as asked for. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { sample } from '../../systems/chargebacks/sample.ts'

export type Landing = { root: string; day: string; folder: string }

const zone = 'landing/chargebacks'
const writers = 2

/** Makes a root with one landed day, or finds the one that an earlier bench made. */
export async function makeLanding(home: string, rows: number, fileCount: number): Promise<Landing> {
  const root = path.join(home, `chargebacks-${rows}-rows-${fileCount}-files`)
  if (!fs.existsSync(root)) {
    fs.rmSync(`${root}.partial`, { recursive: true, force: true })
    await write(`${root}.partial`, rows, fileCount)
    fs.renameSync(`${root}.partial`, root)
  }
  return find(root)
}

/** Reads every file once, so that no contender pays for the disk. */
export function warm({ folder }: Landing): void {
  for (const name of fs.readdirSync(folder)) fs.readFileSync(path.join(folder, name))
}

async function write(root: string, rows: number, fileCount: number): Promise<void> {
  const { prepare, files, raw } = sample({ rows, now: new Date(), seed: 1 })
  const folder = path.join(root, path.dirname(files[0]?.path ?? zone))
  fs.mkdirSync(folder, { recursive: true })
  for (const { path: relative, content } of raw) fs.writeFileSync(path.join(root, relative), content)
  const instance = await DuckDBInstance.create(':memory:')
  const owner = await instance.connect()
  for (const sql of prepare) await owner.run(sql)
  let next = 0
  const work = async (): Promise<void> => {
    const connection = await instance.connect()
    while (next < fileCount) {
      const index = next
      next += 1
      const [start, end] = [index, index + 1].map((place) => Math.floor((place * rows) / fileCount))
      const target = path.join(folder, `flink-${String(index).padStart(5, '0')}.parquet`)
      await connection.run(`
        COPY (SELECT ${columnsOf(index)} FROM chargebacks WHERE n >= ${start} AND n < ${end})
        TO '${target.replaceAll("'", "''")}' (FORMAT parquet, COMPRESSION snappy)`)
    }
    connection.closeSync()
  }
  await Promise.all(Array.from({ length: writers }, work))
  owner.closeSync()
  instance.closeSync()
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

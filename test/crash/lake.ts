/** Landing zones in batches, as files land over a day, and what a root holds once they are consolidated. */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { quoteText } from '../../src/engines/portable.ts'
import { systemCode } from '../../src/errors.ts'
import { foldCommits, type StoredCommit } from '../../src/run/commit-record.ts'
import type { CommitRecord } from '../../src/types.ts'
import { millrace } from '../cli.ts'

/** Files that land together: name → where its content lies. */
export type Batch = Map<string, string>
export type Landing = { day: string; batches: Batch[] }

/**
 * Makes a day in four batches out of two samples, the second with other versions of the first's chargebacks: the later
 * batches replace rows of the earlier ones. Each sample has a file that cannot be read and rows without an id.
 */
export async function makeLanding(home: string, rows: number): Promise<Landing> {
  const batches: Batch[] = []
  let day = ''
  for (const seed of [1, 2]) {
    const root = path.join(home, `sample-${seed}`)
    const { code, stderr } = await millrace([
      'sample',
      'chargebacks',
      '--root',
      root,
      '--rows',
      `${rows / 2}`,
      '--seed',
      `${seed}`,
    ])
    if (code !== 0) throw new Error(stderr)
    const files = fs
      .readdirSync(path.join(root, 'landing'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.parquet'))
      .map(({ name, parentPath }) => ({ name: `${seed}-${name}`, from: path.join(parentPath, name) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
    day ||= path
      .relative(path.join(root, 'landing/chargebacks'), path.dirname(files[0]?.from ?? ''))
      .replaceAll('/', '-')
    const half = Math.ceil(files.length / 2)
    for (const part of [files.slice(0, half), files.slice(half)]) {
      batches.push(new Map(part.map(({ name, from }) => [name, from])))
    }
  }
  return { day, batches }
}

/** Lets a batch land below a root. */
export function land(root: string, { day, batches }: Landing, batch: number): void {
  const folder = path.join(root, 'landing/chargebacks', day.replaceAll('-', '/'))
  fs.mkdirSync(folder, { recursive: true })
  for (const [name, from] of batches[batch] ?? []) fs.copyFileSync(from, path.join(folder, name))
}

/** Where a day lies, below the root. */
export function dayFolders(day: string): { target: string; quarantine: string; commits: string } {
  const [year, month, date] = day.split('-')
  const partition = `year=${year}/month=${month}/day=${date}`
  return {
    target: `consolidated/chargebacks/${partition}`,
    quarantine: `quarantine/chargebacks/${partition}`,
    commits: `_millrace/commits/consolidated/chargebacks/${partition}`,
  }
}

/** What a day's table holds, without regard to files and order: the same for every way to the same answer. */
export type Answer = {
  rows: number
  /** Hash over the sorted rows. */
  hash: string
  quarantinedRows: number
  quarantinedHash: string
  /** Path and reason of every unreadable file listed, once for each time it is listed. */
  unreadable: string[]
}

/** Reads the answer out of the folders alone, with DuckDB; the catalog and the records are not asked. */
export async function readAnswer(root: string, day: string): Promise<Answer> {
  const { target, quarantine } = dayFolders(day)
  const kept = await hashRows(filesIn(root, target))
  const rejected = await hashRows(filesIn(root, quarantine).filter((file) => file.endsWith('.parquet')))
  const lists = filesIn(root, quarantine).filter((file) => file.endsWith('.jsonl'))
  const unreadable = lists.flatMap((file) => fs.readFileSync(file, 'utf8').trimEnd().split('\n'))
  return {
    rows: kept.rows,
    hash: kept.hash,
    quarantinedRows: rejected.rows,
    quarantinedHash: rejected.hash,
    unreadable: unreadable
      .map((line) => JSON.parse(line) as { path: string; reason: string })
      .map((file) => `${file.path} ${file.reason}`)
      .sort(),
  }
}

/** Absolute paths of what lies in a folder, in order of their names; none where it is missing. */
export function filesIn(root: string, folder: string): string[] {
  const absolute = path.join(root, folder)
  try {
    return fs.readdirSync(absolute).map((name) => path.join(absolute, name))
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}

async function hashRows(files: string[]): Promise<{ rows: number; hash: string }> {
  if (files.length === 0) return { rows: 0, hash: '' }
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const connection = await instance.connect()
  try {
    const list = files.map(quoteText).join(', ')
    const reader = await connection.runAndReadAll(
      `SELECT CAST(t AS VARCHAR) AS line FROM read_parquet([${list}], hive_partitioning = false, union_by_name = true) t`,
    )
    const lines = reader.getRows().map(([line]) => String(line))
    return { rows: lines.length, hash: createHash('sha256').update(lines.sort().join('\n')).digest('hex') }
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** The commits of a day, oldest first. */
export function commitsOf(root: string, day: string): CommitRecord[] {
  const stored = filesIn(root, dayFolders(day).commits)
    .filter((file) => /\/\d{8}\.json$/.test(file))
    .map((file) => JSON.parse(fs.readFileSync(file, 'utf8')) as StoredCommit)
  return stored.map(({ base, number }) =>
    foldCommits(stored.filter((one) => one.number >= base && one.number <= number)),
  )
}

/** The runs of a root with the types of their events, in order of their names. */
export function runsOf(root: string): { run: string; events: { type: string; at: string }[] }[] {
  return filesIn(root, '_millrace/runs').map((folder) => ({
    run: path.basename(folder),
    events: filesIn(folder, 'events').flatMap((file) => parseLines(fs.readFileSync(file, 'utf8'))),
  }))
}

/** A kill may leave the last line unfinished. */
function parseLines(text: string): { type: string; at: string }[] {
  const whole = text.split('\n').slice(0, -1)
  return whole.map((line) => JSON.parse(line) as { type: string; at: string })
}

/** Files below a root that have no place there: half-written ones, staged ones, and whatever else nobody reads. */
export function strayFiles(root: string, day: string): string[] {
  const { target, quarantine, commits } = dayFolders(day)
  const places = [
    /^landing\//,
    new RegExp(`^${target}/part-\\d{5}-chargebacks-[-\\w]+\\.parquet$`),
    new RegExp(`^${quarantine}/(part-\\d{5}|files)-chargebacks-[-\\w]+\\.(parquet|jsonl)$`),
    new RegExp(`^${commits}/\\d{8}\\.json$`),
    /^_millrace\/locks\/chargebacks\/\d{8}\.json$/,
    /^_millrace\/runs\/chargebacks-[-\w]+\/(events\/\d{4}\.jsonl|plans\/[-.\w]+\.json)$/,
  ]
  return fs
    .readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    .filter((file) => !places.some((place) => place.test(file)))
}

/** Folders of runs left in staging: they hold nothing any more, but a person would wonder. */
export function stagedRuns(root: string): string[] {
  return filesIn(root, '_millrace/staging').flatMap((folder) => filesIn(folder, ''))
}

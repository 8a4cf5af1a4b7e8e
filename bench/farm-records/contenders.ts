/** Who does the increment: Millrace whole, its merges by hand in DuckDB, and PySpark with Iceberg. */
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'
import { filesBelow } from '../landing.ts'
import type { Contender } from '../measure.ts'
import { script } from '../programs.ts'
import { type Answer, answerOfFolder, answerOfRoot, checkPostgres, exportTables } from './answer.ts'
import type { Base } from './base.ts'

const ingests = ['cnsv-ingest-sss-farmrecords', 'cnsv-ingest-pg-reference-tables', 'cnsv-ingest-pg-cdc-targets']
const jar = fileURLToPath(new URL('../../.venv-spark/jars/iceberg-spark-runtime-3.5_2.12-1.10.1.jar', import.meta.url))

/** Seconds of every task of Millrace's runs. */
export type TaskSeconds = Record<string, number>[]

/** The tables once the drop is ingested, which is where the merges begin. */
export async function exportIngested(base: Base, folder: string): Promise<void> {
  await base.restore()
  for (const task of ingests) base.millrace(['run', 'farm-records', '--only', task, '--quiet'])
  await exportTables(base.root, folder)
}

/** The whole run. */
export function millrace(base: Base, before: string, seconds: TaskSeconds): Contender<Answer> {
  return {
    name: 'Millrace',
    prepare: () => base.command(['run', 'farm-records']),
    answer: async (folder) => {
      seconds.push(taskSeconds(base.root))
      const answer = await answerOfRoot(base.root, before, folder)
      await checkPostgres(folder, base.query)
      return answer
    },
  }
}

/** Both merges, from plain Parquet to plain Parquet. */
export function byHand(before: string): Contender<Answer> {
  return {
    name: 'DuckDB, both merges by hand',
    prepare: (folder) => [process.execPath, script('farm-records/duckdb-by-hand.mjs'), before, folder],
    answer: answerOfFolder,
  }
}

/** The drop and both merges in Spark, on the tables that Millrace's first run made; neither reads nor writes PostgreSQL. */
export function pyspark(python: string, base: Base, before: string): Contender<Answer> {
  const drop = path.join(path.dirname(base.root), 'drop')
  return {
    name: 'PySpark local[*] with Iceberg, without PostgreSQL',
    prepare: () => {
      // Reference tables as the drop has them are there for it.
      for (const task of ingests.slice(1)) base.millrace(['run', 'farm-records', '--only', task, '--quiet'])
      fs.rmSync(drop, { recursive: true, force: true })
      const raw = path.join(base.root, 'sss/raw')
      for (const file of filesBelow(raw).filter((name) => path.basename(name).startsWith('drop-0001'))) {
        const target = path.join(drop, path.relative(raw, file))
        fs.mkdirSync(path.dirname(target), { recursive: true })
        fs.linkSync(file, target)
      }
      return [python, script('farm-records/pyspark_job.py'), path.join(base.root, 'iceberg'), drop, jar]
    },
    answer: (folder) => answerOfRoot(base.root, before, folder),
  }
}

/** Whether Spark can take part, which is said where it cannot. */
export function hasJar(log: (line: string) => void): boolean {
  if (fs.existsSync(jar)) return true
  log(`PySpark is left out: ${path.basename(jar)} is missing; run sh scripts/interop-tools.sh to have it`)
  return false
}

function taskSeconds(root: string): Record<string, number> {
  const runs = path.join(root, '_millrace/runs')
  const newest = path.join(runs, fs.readdirSync(runs).sort().at(-1) as string, 'events')
  const lines = filesBelow(newest).flatMap((file) => fs.readFileSync(file, 'utf8').trimEnd().split('\n'))
  const events = lines.map((line) => JSON.parse(line)).filter(({ type }) => type === 'task-finished')
  return Object.fromEntries(events.map(({ task, seconds }) => [task, seconds]))
}

/** For the conditions of a measurement. */
export function postgresVersion(): string[] {
  try {
    return [
      execFileSync('postgres', ['--version'], { encoding: 'utf8' }).replace(
        /^postgres \(PostgreSQL\) (\S+).*/s,
        'PostgreSQL $1',
      ),
    ]
  } catch {
    return []
  }
}

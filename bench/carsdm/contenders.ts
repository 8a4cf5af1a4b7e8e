/** Who does the carsdm job: Millrace and those it is compared with, all with the same folders below their root. */
import { execFileSync } from 'node:child_process'
import { linkFolder } from '../landing.ts'
import type { Contender } from '../measure.ts'
import { millraceCommand, script } from '../programs.ts'
import { type Answer, answerOf } from './answer.ts'
import { furtherRunDate, type Landing, runDate, tableDefinitions, tablesFile } from './landing.ts'

/** A name, and the command that brings a root to a run date. */
export type Job = { name: string; command: (root: string, date: string) => string[] }

/** The jobs of the contract. */
export const jobs = {
  millrace: {
    name: 'Millrace',
    command: (root, date) =>
      millraceCommand(['run', 'carsdm', '--root', root, '--tables-file', tablesFile, '--run-date', date]),
  },
  duckdb: {
    name: 'DuckDB, tuned by hand',
    command: (root, date) => [process.execPath, script('carsdm/duckdb-by-hand.mjs'), root, tablesFile, date],
  },
} satisfies Record<string, Job>

/** The same with Final as Iceberg tables, into which changes are merged. */
export const intoIceberg: Job = {
  name: 'Millrace, Iceberg',
  command: (root, date) => [...jobs.millrace.command(root, date), '--table-format', 'iceberg'],
}

/** The seed's two Glue jobs; they know no further day. */
export function pyspark(python: string): Job {
  return {
    name: 'PySpark local[*]',
    command: (root, date) => [python, script('carsdm/pyspark_job.py'), root, tablesFile, date],
  }
}

/** LOAD and ten days into an empty root. */
export function firstRun({ name, command }: Job, landing: Landing): Contender<Answer> {
  return {
    name,
    prepare: (root) => {
      linkFolder(landing.first, root)
      return command(root, runDate)
    },
    answer: (root) => answerOf(root, tableDefinitions()),
  }
}

/** One more day, on tables that the same job made untimed. */
export function furtherRun({ name, command }: Job, landing: Landing): Contender<Answer> {
  return {
    name,
    prepare: (root) => {
      linkFolder(landing.first, root)
      const [program, ...args] = command(root, runDate)
      execFileSync(program as string, args, { stdio: ['ignore', 'ignore', 'inherit'] })
      linkFolder(landing.further, root)
      return command(root, furtherRunDate)
    },
    answer: (root) => answerOf(root, tableDefinitions()),
  }
}

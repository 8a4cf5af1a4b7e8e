/** Who does the chargebacks job: Millrace and those it is compared with. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import type { Contender } from '../measure.ts'
import { millraceCommand, script } from '../programs.ts'
import { type Answer, answerOf } from './answer.ts'
import type { Landing } from './landing.ts'

export const fileCount = 10 // the default of OUTPUT_FILE_COUNT

/** Millrace on a root of its own whose landing zone is the common one: it plans from nothing each time. */
export function millrace(landing: Landing, flags: string[] = []): Contender<Answer> {
  const partition = landing.day.replace(/^(\d+)-(\d+)-(\d+)$/, 'year=$1/month=$2/day=$3')
  return {
    name: ['Millrace', ...flags].join(' '),
    prepare: (folder) => {
      fs.symlinkSync(path.join(landing.root, 'landing'), path.join(folder, 'landing'))
      const options = ['--root', folder, '--partition-date', landing.day, ...flags]
      return millraceCommand(['run', 'chargebacks', ...options])
    },
    answer: (folder) =>
      answerOf(
        path.join(folder, 'consolidated/chargebacks', partition),
        path.join(folder, 'quarantine/chargebacks', partition),
      ),
  }
}

/** A script in one process that takes the landed day, the output, the quarantine and the number of files. */
export function duckdbScript(name: string, file: string, landing: Landing): Contender<Answer> {
  return {
    name,
    prepare: (folder) => [
      process.execPath,
      script(`chargebacks/${file}`),
      landing.folder,
      path.join(folder, 'output'),
      path.join(folder, 'quarantine'),
      String(fileCount),
    ],
    answer: (folder) => answerOf(path.join(folder, 'output'), path.join(folder, 'quarantine')),
  }
}

/** The seed's Glue job; it keeps no quarantine. */
export function pyspark(python: string, landing: Landing): Contender<Answer> {
  return {
    name: 'PySpark local[*]',
    prepare: (folder) => [
      python,
      script('chargebacks/pyspark_job.py'),
      landing.folder,
      path.join(folder, 'output'),
      String(fileCount),
    ],
    answer: (folder) => answerOf(path.join(folder, 'output'), null),
  }
}

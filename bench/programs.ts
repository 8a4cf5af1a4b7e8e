/** The programs that contenders run. */
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'

const project = fileURLToPath(new URL('..', import.meta.url))

/** Millrace as a command: a program and its arguments. */
export function millraceCommand(args: string[]): string[] {
  return [process.execPath, path.join(project, 'bin/millrace.js'), ...args]
}

/** Where a script of bench/ lies, say `chargebacks/pyspark_job.py`. */
export function script(name: string): string {
  return path.join(project, 'bench', name)
}

/** The Python that scripts/spark-venv.sh makes, or null when it is not wanted or not there, which is said. */
export function sparkPython({ spark, log }: { spark: boolean; log: (line: string) => void }): string | null {
  if (!spark) return null
  const python = path.join(project, '.venv-spark/bin/python')
  if (fs.existsSync(python)) return python
  log('PySpark is left out: run sh scripts/spark-venv.sh to have it')
  return null
}

/** For the conditions of a measurement. */
export function sparkVersions(python: string | null): string[] {
  if (python === null) return []
  const version = execFileSync(python, ['-c', 'import pyspark; print(pyspark.__version__)'], { encoding: 'utf8' })
  return [`PySpark ${version.trim()}`]
}

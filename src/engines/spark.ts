/** The Spark engine: hands plans to `spark/runner.py`, the same file that runs on AWS Glue and EMR Serverless. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ErrorCode, hasCode, MillraceError, systemCode } from '../errors.ts'
import type { Engine, EngineContext, Plan, PlanInput, Staged } from '../types.ts'
import { limiter } from './limiter.ts'
import { type Runner, startRunner } from './spark/runner.ts'

const script = fileURLToPath(new URL('./spark/runner.py', import.meta.url))
const functions = fileURLToPath(new URL('./portable-functions.json', import.meta.url))
const packageFolder = fileURLToPath(new URL('../..', import.meta.url))

const javaMin = 8
const javaMax = 22 // later ones lack what Hadoop 3.3 asks of the security manager
const checkTimeoutMs = 60_000 // a first import of PySpark from a cold disk takes several seconds

export type SparkOptions = {
  /** The Python that has PySpark; without it `.venv-spark` of the package, then `python3` on the PATH. */
  python?: string
  /** Spark's master; `local[threads]` by default. */
  master?: string
}

/** Spark as it is on this machine: paths of Python and Java, and the version of PySpark. */
export type SparkFound = { python: string; pyspark: string; java: string }

/** What Spark lacks on this machine, and the command that mends it. */
export type SparkMissing = { missing: string; mend: string }

/** Makes the engine. Nothing is looked for before the first plan; that throws `missing-tool` where Spark is not here. */
export default function sparkEngine(options: SparkOptions = {}): Engine {
  // Starting Spark takes seconds: one works for the plans of a run, one after the other, with all the memory given.
  const turns = limiter()
  const { ask, close } = keepRunner(options)
  return {
    name: 'spark',
    async execute(plan: Plan, context: EngineContext): Promise<Staged> {
      const { inputs, views, metrics, outputs } = plan
      // A plan may do no more than set files aside: no reason to wait for a JVM.
      if (inputs.length + views.length + metrics.length + outputs.length === 0) {
        return { files: [], rows: {}, superseded: {}, metrics: {} }
      }
      return (await turns(1, () => ask('execute', plan, context))) as Staged
    },
    async probe({ files }: PlanInput, context: EngineContext): Promise<{ path: string; reason: string }[]> {
      if (files.length === 0) return []
      const result = await turns(1, () => ask('probe', files, context))
      return (result as { unreadable: { path: string; reason: string }[] }).unreadable
    },
    close: () => turns(1, close),
  }
}

/** Looks for a Python with PySpark 3.5 and for Java; says what is missing first. Starts Python, not Spark. */
export async function findSpark(options: SparkOptions = {}): Promise<SparkFound | SparkMissing> {
  const venv = path.join(packageFolder, '.venv-spark', 'bin', 'python')
  const candidates = options.python === undefined ? [...(existsSync(venv) ? [venv] : []), 'python3'] : [options.python]
  let missing: SparkMissing | undefined
  for (const candidate of candidates) {
    // A path is resolved now: the runner starts in another folder. A bare name is for the PATH.
    const found = await check(candidate.includes('/') ? path.resolve(candidate) : candidate)
    if ('python' in found) return found
    missing ??= found
  }
  return missing ?? { missing: 'Python', mend: mendPython() }
}

type Check = { python: string; pyspark: string | null; java: string | null; javaVersion: number | null }

async function check(python: string): Promise<SparkFound | SparkMissing> {
  let parts: Check
  try {
    parts = JSON.parse(await outputOf(python, [script, '--check'])) as Check
  } catch (error) {
    const why = systemCode(error) === 'ENOENT' ? 'is not on this machine' : 'cannot run the Spark runner'
    return { missing: `Python 3.8 or later: ${python} ${why}`, mend: mendPython() }
  }
  const { pyspark, java, javaVersion } = parts
  if (pyspark === null) return { missing: `PySpark 3.5: ${python} has none`, mend: mendPyspark(python) }
  if (!pyspark.startsWith('3.5.')) {
    return { missing: `PySpark 3.5: ${python} has ${pyspark}`, mend: mendPyspark(python) }
  }
  if (java === null || javaVersion === null) return { missing: 'Java 17: none is here', mend: mendJava() }
  if (javaVersion < javaMin || javaVersion > javaMax) {
    return {
      missing: `Java 17: ${java} is Java ${javaVersion}, Spark 3.5 takes ${javaMin} to ${javaMax}`,
      mend: mendJava(),
    }
  }
  return { python, pyspark, java }
}

function outputOf(command: string, args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { timeout: checkTimeoutMs }, (error, stdout) => {
      if (error === null) resolve(stdout)
      else reject(error)
    })
  })
}

function mendPython(): string {
  return process.platform === 'darwin' ? 'brew install python' : 'apt-get install python3 python3-venv'
}

function mendJava(): string {
  return process.platform === 'darwin' ? 'brew install openjdk@17' : 'apt-get install openjdk-17-jre-headless'
}

function mendPyspark(python: string): string {
  const script = path.join(packageFolder, 'scripts', 'spark-venv.sh')
  return existsSync(script) ? `sh ${script}` : `${python} -m pip install pyspark==3.5.6`
}

/** `detail` is all that Spark said. */
type RunnerError = { error: { code: ErrorCode; message: string; detail: string } }

/** Gives the result of what is asked. Throws what the runner says is wrong. */
type Ask = (work: 'execute' | 'probe', plan: unknown, context: EngineContext) => Promise<unknown>

/** Keeps one runner for as long as plans ask for the same root, spill folder, threads and memory. */
function keepRunner(options: SparkOptions): { ask: Ask; close(): Promise<void> } {
  let kept: { runner: Runner; key: string } | null = null
  const close = async (): Promise<void> => {
    const runner = kept?.runner
    kept = null
    await runner?.end()
  }
  const runnerFor = async (context: EngineContext): Promise<Runner> => {
    const key = JSON.stringify([context.root, context.spill, context.threads, context.memoryBytes])
    if (kept?.key === key && kept.runner.isRunning()) return kept.runner
    await close()
    const runner = await newRunner(options, context)
    kept = { runner, key }
    return runner
  }
  const ask: Ask = async (work, plan, context) => {
    stopIfAsked(context.signal)
    const runner = await runnerFor(context)
    try {
      stopIfAsked(context.signal) // starting took its time
      const result = (await runner.ask(work, plan, context)) as object
      if (!('error' in result)) return result
      const { code, message, detail } = (result as RunnerError).error
      throw new MillraceError(code, message, { cause: new Error(detail) })
    } catch (error) {
      // Where Spark failed it may not be what it was, such as one whose memory ran out.
      if (!hasCode(error, 'input-unreadable')) await close()
      stopIfAsked(context.signal)
      throw error
    }
  }
  return { ask, close }
}

async function newRunner(options: SparkOptions, context: EngineContext): Promise<Runner> {
  const spark = await findSpark(options)
  if ('missing' in spark) {
    throw new MillraceError('missing-tool', `Spark cannot run here. Missing: ${spark.missing}. Run: ${spark.mend}`)
  }
  const { root, spill, threads, memoryBytes } = context
  // With `=`, a value that begins with a dash is still a value.
  const args = [
    script,
    '--serve',
    `--root=${root}`,
    `--functions=${functions}`,
    `--master=${options.master ?? `local[${threads}]`}`,
    `--threads=${threads}`,
    `--memory-bytes=${memoryBytes}`,
  ]
  await fs.mkdir(spill, { recursive: true })
  return startRunner(spark.python, args, await fs.mkdtemp(path.join(spill, 'spark-')))
}

function stopIfAsked(signal: AbortSignal): void {
  if (signal.aborted) throw new MillraceError('cancelled', 'stopped on request')
}

/** The Spark engine: hands a plan to `spark/runner.py`, the same file that runs on AWS Glue and EMR Serverless. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type ErrorCode, MillraceError, systemCode } from '../errors.ts'
import type { Engine, EngineContext, Plan, PlanInput, Progress, Staged } from '../types.ts'
import { limiter } from './limiter.ts'

const runner = fileURLToPath(new URL('./spark/runner.py', import.meta.url))
const functions = fileURLToPath(new URL('./portable-functions.json', import.meta.url))
const packageFolder = fileURLToPath(new URL('../..', import.meta.url))

const javaMin = 8
const javaMax = 22 // later ones lack what Hadoop 3.3 asks of the security manager
const checkTimeoutMs = 60_000 // a first import of PySpark from a cold disk takes several seconds
const graceMs = 5_000 // for the JVM to remove its spill files, and again for the system to clear the dead away
const errorLinesMax = 12
const errorBytesMax = 16_384

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
  // Each plan has a Spark of its own, which takes all the memory given.
  const turns = limiter()
  return {
    name: 'spark',
    async execute(plan: Plan, context: EngineContext): Promise<Staged> {
      const { inputs, views, metrics, outputs } = plan
      // A plan may do no more than set files aside: no reason to wait for a JVM.
      if (inputs.length + views.length + metrics.length + outputs.length === 0) {
        return { files: [], rows: {}, superseded: {}, metrics: {} }
      }
      const staging = context.staging === null ? [] : [`--staging=${context.staging}`]
      return (await turns(1, () => runRunner(options, context, plan, staging))) as Staged
    },
    async probe({ files }: PlanInput, context: EngineContext): Promise<{ path: string; reason: string }[]> {
      if (files.length === 0) return []
      const result = await turns(1, () => runRunner(options, context, files, ['--probe']))
      return (result as { unreadable: { path: string; reason: string }[] }).unreadable
    },
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
    parts = JSON.parse(await outputOf(python, [runner, '--check'])) as Check
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

/** Runs the runner on a plan or a list of files and gives its result. Throws what the runner says is wrong. */
async function runRunner(
  options: SparkOptions,
  context: EngineContext,
  plan: unknown,
  extra: string[],
): Promise<unknown> {
  stopIfAsked(context.signal)
  const spark = await findSpark(options)
  if ('missing' in spark) {
    throw new MillraceError('missing-tool', `Spark cannot run here. Missing: ${spark.missing}. Run: ${spark.mend}`)
  }
  await fs.mkdir(context.spill, { recursive: true })
  const folder = await fs.mkdtemp(path.join(context.spill, 'spark-'))
  try {
    const files = { plan: path.join(folder, 'plan.json'), result: path.join(folder, 'result.json') }
    await fs.writeFile(files.plan, JSON.stringify(plan))
    const args = [...runnerArguments(options, context, files), ...extra]
    const end = await runGroup(spark.python, args, folder, context)
    const text = await fs.readFile(files.result, 'utf8').catch(() => null)
    if (text === null) throw new MillraceError('engine', `Spark ended early (${end.how}): ${end.lastLines}`)
    const result = JSON.parse(text) as object
    if (!('error' in result)) return result
    const { code, message, detail } = (result as RunnerError).error
    throw new MillraceError(code, message, { cause: new Error(detail) })
  } finally {
    await fs.rm(folder, { recursive: true, force: true })
  }
}

function runnerArguments(
  options: SparkOptions,
  context: EngineContext,
  files: { plan: string; result: string },
): string[] {
  // With `=`, a value that begins with a dash is still a value.
  return [
    runner,
    `--plan=${files.plan}`,
    `--result=${files.result}`,
    `--root=${context.root}`,
    `--file-suffix=${context.fileSuffix}`,
    `--functions=${functions}`,
    `--master=${options.master ?? `local[${context.threads}]`}`,
    `--threads=${context.threads}`,
    `--memory-bytes=${context.memoryBytes}`,
    '--with-parent',
  ]
}

function stopIfAsked(signal: AbortSignal): void {
  if (signal.aborted) throw new MillraceError('cancelled', 'stopped on request')
}

/** Runs Python and the JVM it starts as one process group; a request to stop ends them all, and is waited for. */
async function runGroup(
  python: string,
  args: string[],
  folder: string,
  context: EngineContext,
): Promise<{ how: string; lastLines: string }> {
  const child = spawn(python, args, { cwd: folder, detached: true, stdio: ['pipe', 'pipe', 'pipe'] })
  let errorText = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errorText = (errorText + text).slice(-errorBytesMax)
  })
  child.stdin.on('error', () => {}) // it is there only to close when this process ends
  createInterface({ input: child.stdout }).on('line', (line) => reportProgress(line, context.onProgress))
  const ended = new Promise<string>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(signal === null ? `exit ${code}` : signal))
  })
  let stopping: Promise<void> | undefined
  const stop = (): void => {
    stopping ??= endGroup(child)
  }
  context.signal.addEventListener('abort', stop, { once: true })
  try {
    const how = await ended
    await stopping
    stopIfAsked(context.signal)
    return { how, lastLines: errorText.trim().split('\n').slice(-errorLinesMax).join('\n') }
  } finally {
    context.signal.removeEventListener('abort', stop)
  }
}

/** Lines that are not progress come from Spark itself and say nothing to a person. */
function reportProgress(line: string, onProgress: (progress: Progress) => void): void {
  if (!line.startsWith('{"phase"')) return
  onProgress(JSON.parse(line) as Progress)
}

/** Ends the group and waits until none of it is left; a container without an init keeps the dead, so not for ever. */
async function endGroup(child: ChildProcess): Promise<void> {
  const started = Date.now()
  signalGroup(child, 'SIGTERM')
  for (let elapsed = 0; elapsed < 2 * graceMs; elapsed = Date.now() - started) {
    await sleep(50)
    if (!signalGroup(child, elapsed < graceMs ? 0 : 'SIGKILL')) return
  }
}

/** False when no process of the group is left. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals | 0): boolean {
  if (child.pid === undefined) return false
  try {
    process.kill(-child.pid, signal)
    return true
  } catch (error) {
    if (systemCode(error) === 'ESRCH') return false
    throw error
  }
}

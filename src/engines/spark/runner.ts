/** The process in which Spark executes plans, one after the other. */
import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import * as fs from 'node:fs/promises'
import type { Socket } from 'node:net'
import * as path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { MillraceError, systemCode } from '../../errors.ts'
import type { EngineContext, Progress } from '../../types.ts'

const graceMs = 5_000 // for the JVM to remove its spill files, and again for the system to clear the dead away
const errorLinesMax = 12
const errorBytesMax = 16_384

export type Runner = {
  /**
   * Has a plan executed, or the files of an input probed, and gives the result; one at a time. A request to stop ends the
   * runner. Throws `engine` where it ended before the result.
   */
  ask(work: 'execute' | 'probe', plan: unknown, context: EngineContext): Promise<unknown>
  isRunning(): boolean
  /** Ends Python and the JVM, and removes the folder. */
  end(): Promise<void>
}

/**
 * Starts the runner in its own process group, working in `folder`. While it has nothing to do it does not keep this process
 * alive, and it ends with it.
 */
export function startRunner(python: string, args: string[], folder: string): Runner {
  const child = spawn(python, args, { cwd: folder, detached: true, stdio: ['pipe', 'pipe', 'pipe'] })
  let errorText = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errorText = (errorText + text).slice(-errorBytesMax)
  })
  child.stdin.on('error', () => {}) // that it ended is told by `ended`
  let how: string | null = null
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      how ??= error.message
      resolve()
    })
    child.once('exit', (code, signal) => {
      how ??= signal ?? `exit ${code}`
    })
    child.once('close', () => resolve())
  })
  let onLine = (_: string): void => {}
  createInterface({ input: child.stdout }).on('line', (line) => onLine(line))
  keepAlive(child, false)

  let ending: Promise<void> | undefined
  const end = (): Promise<void> => {
    ending ??= endGroup(child).then(() => fs.rm(folder, { recursive: true, force: true }))
    return ending
  }
  let asked = 0
  const ask: Runner['ask'] = async (work, plan, { staging, fileSuffix, signal, onProgress }) => {
    asked += 1
    const files = { plan: path.join(folder, `plan-${asked}.json`), result: path.join(folder, `result-${asked}.json`) }
    const done = new Promise<void>((resolve) => {
      onLine = (line) => (line === '{"done": true}' ? resolve() : reportProgress(line, onProgress))
    })
    const stop = (): void => void end()
    signal.addEventListener('abort', stop, { once: true })
    keepAlive(child, true)
    try {
      errorText = ''
      await fs.writeFile(files.plan, JSON.stringify(plan))
      child.stdin.write(`${JSON.stringify({ ...files, probe: work === 'probe', staging, file_suffix: fileSuffix })}\n`)
      await Promise.race([done, ended])
      await ending
      const text = await fs.readFile(files.result, 'utf8').catch(() => null)
      const lastLines = errorText.trim().split('\n').slice(-errorLinesMax).join('\n')
      if (text === null) throw new MillraceError('engine', `Spark ended early (${how}): ${lastLines}`)
      for (const file of Object.values(files)) await fs.rm(file)
      return JSON.parse(text) as unknown
    } finally {
      signal.removeEventListener('abort', stop)
      keepAlive(child, false)
    }
  }
  return { ask, isRunning: () => how === null && ending === undefined, end }
}

/** Whether a child and its pipes keep this process alive. */
function keepAlive(child: ChildProcessWithoutNullStreams, isWanted: boolean): void {
  const pipes = [child.stdin, child.stdout, child.stderr] as unknown as Socket[]
  for (const part of [child, ...pipes]) {
    if (isWanted) part.ref()
    else part.unref()
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

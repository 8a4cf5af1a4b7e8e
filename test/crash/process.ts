/** Starts the command line in process groups of their own, so that they can be killed whole. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'

const repository = fileURLToPath(new URL('../..', import.meta.url))

/** Groups started and not seen to end: a test that fails must not leave a stopped process behind. */
const running = new Set<number>()

export type Exit = { code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string }

export type Started = {
  pid: number
  /** When it was started, in milliseconds since 1970. */
  startedMs: number
  exited: Promise<Exit>
  isRunning(): boolean
  stderr(): string
  /** Signals the whole group; false when it was gone already. */
  kill(signal: NodeJS.Signals): boolean
}

/** Starts `millrace` with arguments. */
export function startMillrace(args: readonly string[]): Started {
  return startNode([path.join(repository, 'bin/millrace.js'), ...args])
}

/** Starts Node with arguments, as the leader of a process group. */
export function startNode(args: readonly string[]): Started {
  const startedMs = Date.now()
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('MILLRACE_')))
  const child = spawn(process.execPath, args, { cwd: tmpdir(), env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const [stdout, stderr] = [gather(child.stdout), gather(child.stderr)]
  const { pid } = child
  if (pid === undefined) throw new Error('Node could not be started')
  running.add(pid)
  return {
    pid,
    startedMs,
    exited: new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code, signal) => {
        running.delete(pid)
        resolve({ code, signal, stdout: stdout(), stderr: stderr() })
      })
    }),
    isRunning: () => child.exitCode === null && child.signalCode === null,
    stderr,
    kill: (signal) => signalGroup(pid, signal),
  }
}

function gather(stream: ChildProcess['stdout']): () => string {
  let text = ''
  stream?.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  return () => text
}

function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(-pid, signal)
  } catch {
    return false
  }
}

/** Kills what is still running; to be called at the end of every file that starts something. */
export function endStarted(): void {
  for (const pid of running) signalGroup(pid, 'SIGKILL')
}

/** Waits until a condition holds; an error that says what was waited for after `timeoutMs`. */
export async function until(what: string, holds: () => boolean, timeoutMs = 30_000): Promise<void> {
  const end = Date.now() + timeoutMs
  while (!holds()) {
    if (Date.now() > end) throw new Error(`waited ${timeoutMs / 1000} s in vain until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

/** The number of a process that has ended. */
export function deadProcess(): number {
  return spawnSync(process.execPath, ['--version']).pid
}

/** An empty folder; in memory where there is such a place, for these tests write and sync much and nothing need last. */
export function makeFolder(name: string): string {
  const base = fs.existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
  return fs.mkdtempSync(path.join(base, `crash-${name}-`))
}

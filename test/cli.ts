/** The built command line; built first when `src/` or `systems/` is newer than `dist/`. */
import { spawn, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

export type Ended = { code: number; stdout: string; stderr: string }
export type StartOptions = {
  /** The working folder; the system's temporary one by default, where no configuration lies. */
  folder?: string
  variables?: Record<string, string>
  /** The user and group the process runs as; only root can choose. */
  user?: number
}

const project = fileURLToPath(new URL('..', import.meta.url))
const lockWaitMs = 120_000 // a build takes seconds; a lock older than that was left by a killed one
let isBuilt = false

/**
 * Runs a command and gives what it said and its exit code: in this process, since starting Node, DuckDB and the embedded
 * PostgreSQL anew for each of some thousand commands would be most of what the suite does; in one of its own where it is to
 * have another working folder or user.
 */
export async function millrace(args: readonly string[], options: StartOptions = {}): Promise<Ended> {
  build()
  const isApart = options.folder !== undefined || options.user !== undefined
  return isApart ? await millraceProcess(args, options) : await millraceHere(args, options.variables ?? {})
}

async function millraceHere(args: readonly string[], own: Record<string, string>): Promise<Ended> {
  const { main } = (await import(dist('cli.js'))) as typeof import('../src/cli.ts')
  const { systems } = (await import(dist('systems/index.js'))) as typeof import('../systems/index.ts')
  const stdout: string[] = []
  const stderr: string[] = []
  const code = await main(args, {
    systems,
    version: 'test',
    command: 'node bin/millrace.js',
    folder: tmpdir(),
    variables: { ...variables(), ...own },
    stdout: { write: (text) => stdout.push(text) },
    stderr: { write: (text) => stderr.push(text) },
    signal: new AbortController().signal,
    now: () => new Date(),
  })
  return { code, stdout: stdout.join(''), stderr: stderr.join('') }
}

/** Runs `node bin/millrace.js` with arguments, as a person does, and gives what it said and its exit code. */
async function millraceProcess(args: readonly string[], options: StartOptions): Promise<Ended> {
  const child = spawn(process.execPath, [path.join(project, 'bin/millrace.js'), ...args], {
    cwd: options.folder ?? tmpdir(),
    env: { ...variables(), ...options.variables },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.user === undefined ? {} : { uid: options.user, gid: options.user }),
  })
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)]
  const code = await new Promise<number>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status, signal) => {
      if (status === null) reject(new Error(`millrace ${args.join(' ')} was ended by ${signal}: ${stderr.join('')}`))
      else resolve(status)
    })
  })
  return { code, stdout: stdout.join(''), stderr: stderr.join('') }
}

function variables(): NodeJS.ProcessEnv {
  const { MILLRACE_ROOT: _root, MILLRACE_CONFIG: _config, ...inherited } = process.env
  return { ...inherited, NO_COLOR: '1' }
}

function dist(file: string): string {
  return pathToFileURL(path.join(project, 'dist', file)).href
}

function collect(stream: NodeJS.ReadableStream): string[] {
  const parts: string[] = []
  stream.setEncoding('utf8').on('data', (part: string) => parts.push(part))
  return parts
}

/** Builds when needed; of several test workers, one builds and the others wait for it. */
function build(): void {
  if (isBuilt) return
  const lock = path.join(tmpdir(), `millrace-build-${process.getuid?.() ?? ''}.lock`)
  for (let holds = false; !holds; ) {
    try {
      fs.mkdirSync(lock)
      holds = true
    } catch {
      const age = Date.now() - (fs.statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
      if (age > lockWaitMs) fs.rmSync(lock, { recursive: true, force: true })
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
    }
  }
  try {
    const built = fs.statSync(path.join(project, 'dist/systems/index.js'), { throwIfNoEntry: false })?.mtimeMs ?? 0
    if (Math.max(newest('src'), newest('systems')) > built) {
      const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/build.js'], {
        cwd: project,
        encoding: 'utf8',
      })
      if (status !== 0) throw new Error(`the build failed:\n${stdout}${stderr}`)
    }
    isBuilt = true
  } finally {
    fs.rmSync(lock, { recursive: true, force: true })
  }
}

function newest(folder: string): number {
  const entries = fs.readdirSync(path.join(project, folder), { recursive: true, withFileTypes: true })
  return Math.max(...entries.filter((entry) => entry.isFile()).map((entry) => modified(entry)))
}

function modified({ parentPath, name }: fs.Dirent): number {
  return fs.statSync(path.join(parentPath, name), { throwIfNoEntry: false })?.mtimeMs ?? 0
}

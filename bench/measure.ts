/** Times commands side by side: in turns, each run in a folder of its own, from spawn to exit, with the memory it took. */
import { spawn, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as path from 'node:path'

const memoryEveryMs = 100 // the kernel keeps each process's peak, so a sample misses only what rises in the last one
const errorLines = 15
const touchedBytes = 3 * 2 ** 30

export type Contender<Answer> = {
  name: string
  /** Lays out an empty folder and gives the command to time: a program and its arguments. */
  prepare: (folder: string) => string[] | Promise<string[]>
  /** Looks at what the command left in the folder; not timed. */
  answer: (folder: string) => Promise<Answer>
}

export type Measured<Answer> = {
  name: string
  seconds: number[]
  /** Processor time of the runs, over all threads: what a busy machine changes least. */
  cpuSeconds: number[]
  /** The greatest resident memory of the runs; null where there is no /proc. */
  peakBytes: number | null
  answers: Answer[]
}

export type MeasureOptions = {
  runs: number
  /** Everything is written below it, and removed at the end. */
  folder: string
  log: (line: string) => void
}

/**
 * Runs every contender once, then all of them again beginning with the next, so that what else the machine does hits all alike.
 * Throws when one fails.
 */
export async function measure<Answer>(
  contenders: Contender<Answer>[],
  { runs, folder, log }: MeasureOptions,
): Promise<Measured<Answer>[]> {
  const measured = contenders.map(
    ({ name }): Measured<Answer> => ({ name, seconds: [], cpuSeconds: [], peakBytes: null, answers: [] }),
  )
  fs.rmSync(folder, { recursive: true, force: true })
  for (let run = 1; run <= runs; run += 1) {
    for (const turn of contenders.keys()) {
      const index = (turn + run - 1) % contenders.length
      const contender = contenders[index] as Contender<Answer>
      const own = path.join(folder, `run-${run}-${index}`)
      fs.mkdirSync(own, { recursive: true })
      const command = await contender.prepare(own)
      spawnSync('sync') // what the run before wrote is not to be this run's work
      touchMemory()
      const { seconds, cpuSeconds, peakBytes } = await timed(command, `${own}.log`)
      const sum = measured[index] as Measured<Answer>
      sum.seconds.push(seconds)
      sum.cpuSeconds.push(cpuSeconds)
      sum.peakBytes = peakBytes === null ? null : Math.max(sum.peakBytes ?? 0, peakBytes)
      sum.answers.push(await contender.answer(own))
      emptyFiles(own)
      log(`run ${run} of ${runs}: ${contender.name} ${seconds.toFixed(2)} s, processor ${cpuSeconds.toFixed(2)} s`)
    }
  }
  fs.rmSync(folder, { recursive: true })
  return measured
}

/**
 * Gives back the room of what a run wrote, but not its files: for minutes after thousands of them were removed, ext4 takes up to
 * 0.8 ms to make one, which the next run would pay for. What was landed has a second name elsewhere, and stays.
 */
function emptyFiles(folder: string): void {
  for (const entry of fs.readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name)
    if (entry.isFile() && fs.statSync(file).nlink === 1) fs.truncateSync(file)
  }
}

/**
 * Memory that a virtual machine has not used for seconds is its host's: 3 GiB of it took 8 s to be had again, and 1.3 s where
 * another process had it just before. Whoever comes first is not to pay for that.
 */
function touchMemory(): void {
  spawnSync(process.execPath, ['-e', `Buffer.alloc(${touchedBytes}, 1)`])
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  return ((sorted[Math.ceil(middle) - 1] as number) + (sorted[Math.floor(middle)] as number)) / 2
}

type Timing = { seconds: number; cpuSeconds: number; peakBytes: number | null }

async function timed([program, ...args]: string[], logPath: string): Promise<Timing> {
  const output = fs.openSync(logPath, 'w')
  const cpuBefore = childrenCpuSeconds()
  const startedMs = performance.now()
  const child = spawn(program as string, args, { stdio: ['ignore', output, output] })
  fs.closeSync(output)
  let peakBytes: number | null = null
  let cpuSeconds = 0
  const sample = (): void => {
    const tree = processTree(child.pid as number)
    const bytes = tree.reduce((sum, pid) => sum + peakOf(pid), 0)
    if (bytes > 0) peakBytes = Math.max(peakBytes ?? 0, bytes)
    cpuSeconds = Math.max(cpuSeconds, cpuOf(tree))
  }
  const timer = setInterval(sample, memoryEveryMs)
  try {
    const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('exit', resolve))
    const seconds = (performance.now() - startedMs) / 1000
    if (code !== 0) throw new Error(`${[program, ...args].join(' ')}  exit ${code}\n${lastLines(logPath)}`)
    // A process that its parent did not wait for (Spark's) is in the samples only.
    return { seconds, cpuSeconds: Math.max(cpuSeconds, childrenCpuSeconds() - cpuBefore), peakBytes }
  } finally {
    clearInterval(timer)
  }
}

function lastLines(logPath: string): string {
  return fs.readFileSync(logPath, 'utf8').trimEnd().split('\n').slice(-errorLines).join('\n')
}

function processTree(pid: number): number[] {
  const threads = attempt(() => fs.readdirSync(`/proc/${pid}/task`), [])
  const children = threads.flatMap((thread) =>
    attempt(() => fs.readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8'), '')
      .split(' ')
      .filter((text) => text !== '')
      .map(Number),
  )
  return [pid, ...children.flatMap(processTree)]
}

function peakOf(pid: number): number {
  const status = attempt(() => fs.readFileSync(`/proc/${pid}/status`, 'utf8'), '')
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024
}

function cpuOf(pids: number[]): number {
  return pids.reduce((sum, pid) => sum + ticks(`/proc/${pid}/stat`, [13, 14]), 0) / 100
}

/** Of the processes that ended and were waited for. */
function childrenCpuSeconds(): number {
  return ticks('/proc/self/stat', [15, 16]) / 100 // Linux tells user space of 100 ticks a second
}

/** Fields of proc(5)'s stat, counted from 0; the second may contain spaces and ends with the last bracket. */
function ticks(file: string, fields: number[]): number {
  const text = attempt(() => fs.readFileSync(file, 'utf8'), '')
  const values = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return fields.reduce((sum, field) => sum + Number(values[field - 2] ?? 0), 0)
}

/** Processes end while one looks at them. */
function attempt<T>(act: () => T, otherwise: T): T {
  try {
    return act()
  } catch {
    return otherwise
  }
}

/** A Python process that answers one request after the other over its standard streams (drivers/lines.py). */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export type Driver = {
  /** Sends a request; throws what the other side said went wrong. Requests are answered in their order. */
  ask<T = unknown>(operation: string, values: Record<string, unknown>): Promise<T>
  close(): Promise<void>
}

/** What a driver gives for a query, in canonical text. */
export type Rows = { columns: string[]; rows: unknown[][] }

type Waiting = { resolve(value: unknown): void; reject(error: Error): void }

const errorBytesMax = 20_000

/** Starts a driver of `drivers/` and waits until it can be asked. */
export async function startDriver(python: string, file: string, args: string[], folder: string): Promise<Driver> {
  const path = fileURLToPath(new URL(`./drivers/${file}`, import.meta.url))
  const child = spawn(python, ['-B', path, ...args], {
    cwd: folder,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: environment(),
  })
  const waiting = new Map<number, Waiting>()
  let said = ''
  let count = 0
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-errorBytesMax)
  })
  const ended = endOf(child)
  const ready = new Promise<unknown>((resolve, reject) => waiting.set(-1, { resolve, reject }))
  createInterface(child.stdout).on('line', (line) => {
    const answer = JSON.parse(line) as { id?: number; result?: unknown; error?: string; trace?: string }
    const id = answer.id ?? -1
    const asked = waiting.get(id)
    waiting.delete(id)
    if (answer.error === undefined) asked?.resolve(answer.result)
    else asked?.reject(new Error(`${file}: ${answer.error}`, { cause: answer.trace }))
  })
  void ended.then((how) => {
    for (const asked of waiting.values()) asked.reject(new Error(`${file} ended (${how}): ${said}`))
    waiting.clear()
  })
  await ready
  return {
    ask: <T>(operation: string, values: Record<string, unknown>) =>
      new Promise<T>((resolve, reject) => {
        const id = count++
        waiting.set(id, { resolve: resolve as (value: unknown) => void, reject })
        child.stdin.write(`${JSON.stringify({ id, do: operation, ...values })}\n`)
      }),
    close: async () => {
      child.stdin.end()
      await ended
    },
  }
}

/** Settings of this machine's own Spark or PyIceberg would change what is compared. */
function environment(): NodeJS.ProcessEnv {
  const isOwn = (name: string): boolean => /^(SPARK_|PYSPARK_|PYICEBERG_|AWS_)/.test(name)
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isOwn(name)))
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message))
    child.on('close', (status, signal) => resolve(String(signal ?? status)))
  })
}

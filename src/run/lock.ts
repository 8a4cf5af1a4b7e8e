/** One run of a pipeline at a time on one root. */
import { hasCode, MillraceError } from '../errors.ts'
import type { ProcessIdentity } from '../events.ts'
import { isAlive, thisProcess } from '../process.ts'
import type { Store } from '../store.ts'
import { latestNumbered, listNumbers, numberedPath } from './numbered.ts'

type LockFile = { run: string; process: ProcessIdentity; heartbeatAt: string; isReleased: boolean }

export type Lock = {
  release(): Promise<void>
  /** Throws `conflict` when another run has taken the lock over. */
  assertHeld(): Promise<void>
}

const heartbeatEveryMs = 10_000
const heartbeatMissedMs = 60_000 // six heartbeats: then a holder on another machine counts as dead
const lookAgainMs = 200

/**
 * Takes the lock of a pipeline for a run, waiting up to `waitMs` for its holder. The lock of a process that is gone is
 * taken over. Throws `locked` naming the holder's run, `cancelled` when the signal fires.
 */
export async function takeLock(
  store: Store,
  pipeline: string,
  run: string,
  options: { waitMs: number; signal: AbortSignal; onWait?: (holder: string) => void },
): Promise<Lock> {
  const folder = `_millrace/locks/${pipeline}`
  const until = Date.now() + options.waitMs
  let isTold = false
  for (;;) {
    if (options.signal.aborted) throw new MillraceError('cancelled', 'stopped while waiting for the lock')
    const latest = await latestNumbered<LockFile>(store, folder)
    if (latest === null || isFree(latest.value)) {
      const number = (latest?.number ?? 0) + 1
      if (await tryTake(store, folder, number, run)) return hold(store, folder, number, run)
      continue
    }
    if (Date.now() >= until) throw heldBy(pipeline, latest.value, options.waitMs)
    if (!isTold) options.onWait?.(latest.value.run)
    isTold = true
    await new Promise((resolve) => setTimeout(resolve, lookAgainMs))
  }
}

/** The run that holds the lock of a pipeline now, or null. */
export async function lockHolder(store: Store, pipeline: string): Promise<string | null> {
  const latest = await latestNumbered<LockFile>(store, `_millrace/locks/${pipeline}`)
  return latest === null || isFree(latest.value) ? null : latest.value.run
}

function isFree(lock: LockFile): boolean {
  if (lock.isReleased) return true
  return !(isAlive(lock.process) ?? Date.now() - Date.parse(lock.heartbeatAt) < heartbeatMissedMs)
}

function heldBy(pipeline: string, { run, process }: LockFile, waitMs: number): MillraceError {
  return new MillraceError(
    'locked',
    `pipeline ${pipeline} is being run by ${run} (process ${process.pid} on ${process.host}); waited ${Math.round(waitMs / 1000)} s. Wait for it, or pass a longer --wait`,
  )
}

async function tryTake(store: Store, folder: string, number: number, run: string): Promise<boolean> {
  try {
    await store.createExclusive(numberedPath(folder, number), content(run, false))
    // Since this number was chosen others may have come and gone, and taken away the number itself: the greatest holds.
    if ((await listNumbers(store, folder)).at(-1) === number) return true
    await store.remove(numberedPath(folder, number))
    return false
  } catch (error) {
    if (hasCode(error, 'exists')) return false
    throw error
  }
}

function content(run: string, isReleased: boolean): string {
  const lock: LockFile = { run, process: thisProcess(), heartbeatAt: new Date().toISOString(), isReleased }
  return `${JSON.stringify(lock)}\n`
}

/**
 * The released file stays: were the numbers to start anew, someone who saw the old ones could take a lock that is held.
 */
async function hold(store: Store, folder: string, number: number, run: string): Promise<Lock> {
  for (const older of await listNumbers(store, folder)) {
    if (older < number) await store.remove(numberedPath(folder, older))
  }
  const path = numberedPath(folder, number)
  const timer = setInterval(() => void store.replace(path, content(run, false)).catch(() => {}), heartbeatEveryMs)
  timer.unref()
  return {
    assertHeld: async () => {
      if ((await listNumbers(store, folder)).at(-1) === number) return
      throw new MillraceError(
        'conflict',
        `${folder}  another run has taken the lock over, for this one seemed dead. Run again`,
      )
    },
    release: async () => {
      clearInterval(timer)
      await store.replace(path, content(run, true))
    },
  }
}

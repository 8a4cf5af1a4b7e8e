/**
 * One process at a time in a folder, in the order in which they came. As with all that changes in Millrace, the state is the
 * file with the greatest number and the next one is created exclusively: of two that find the lock of a dead process, one takes it.
 */
import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { MillraceError, systemCode } from '../errors.ts'
import type { ProcessIdentity } from '../events.ts'
import { isAlive, thisProcess } from '../process.ts'

type Holder = ProcessIdentity & { isReleased: boolean }

const lookAgainMs = 20
const waitMsDefault = 60_000 // a first start takes 5 s, a busy machine makes it several times that
const foreignMs = 60_000 // the lock of another machine, whose processes cannot be seen; it is held for seconds

/**
 * Takes the lock of a folder, which is made, waiting for its holder; gives what releases it. Throws `locked` naming the holder and
 * what it uses.
 */
export default async function lockFolder(
  folder: string,
  { what, waitMs = waitMsDefault }: { what: string; waitMs?: number | undefined },
): Promise<() => void> {
  fs.mkdirSync(folder, { recursive: true })
  let ticket: string | null = null
  try {
    for (const until = Date.now() + waitMs; ; ) {
      const latest = latestOf(folder)
      const isTurn = !othersWait(folder, ticket)
      if (isTurn && (latest === null || isFree(latest))) {
        const number = (latest?.number ?? 0) + 1
        if (tryTake(folder, number)) return () => release(folder, number)
        continue
      }
      if (Date.now() > until) {
        const by = latest === null ? 'another process' : `process ${latest.holder.pid} on ${latest.holder.host}`
        const message = `${folder}  ${by} uses ${what}; waited ${waitMs / 1000} s. Wait for its end`
        throw new MillraceError('locked', message)
      }
      ticket ??= queueUp(folder, until)
      await new Promise((resolve) => setTimeout(resolve, lookAgainMs))
    }
  } finally {
    if (ticket !== null) fs.rmSync(path.join(folder, ticket), { force: true })
  }
}

/** Who waits, and until when (in ms since 1970): one that is stopped keeps nobody longer than that. */
type Waiting = ProcessIdentity & { until: number }

/** The names of tickets are in the order in which they were drawn: otherwise who takes the lock again and again starves others. */
function queueUp(folder: string, until: number): string {
  const ticket = `waiting-${String(Date.now()).padStart(15, '0')}.${randomBytes(6).toString('hex')}.json`
  for (;;)
    try {
      fs.renameSync(writeDraft<Waiting>(folder, { ...thisProcess(), until }), path.join(folder, ticket))
      return ticket
    } catch (error) {
      // Who took the lock meanwhile took the draft away as if its writer had been killed.
      if (systemCode(error) !== 'ENOENT') throw error
    }
}

/** Whether someone has waited for longer; the tickets of processes that are gone are removed. */
function othersWait(folder: string, own: string | null): boolean {
  const tickets = fs.readdirSync(folder).filter((name) => name.startsWith('waiting-'))
  return tickets.some((ticket) => {
    if (own !== null && ticket >= own) return false
    const file = path.join(folder, ticket)
    const waiting = readIfThere<Waiting>(file)?.content
    if (waiting === undefined) return false
    if (Date.now() <= waiting.until && isAlive(waiting) !== false) return true
    fs.rmSync(file, { force: true })
    return false
  })
}

type Latest = { number: number; holder: Holder; writtenMs: number }

function numbersIn(folder: string): number[] {
  const names = fs.readdirSync(folder).filter((name) => /^lock-\d{8}\.json$/.test(name))
  return names.map((name) => Number(name.slice(5, 13))).sort((a, b) => a - b)
}

function pathOf(folder: string, number: number): string {
  return path.join(folder, `lock-${String(number).padStart(8, '0')}.json`)
}

function latestOf(folder: string): Latest | null {
  for (;;) {
    const number = numbersIn(folder).at(-1)
    if (number === undefined) return null
    const found = readIfThere<Holder>(pathOf(folder, number))
    // Where it is not there, a later one has come meanwhile, whose writer took this one away.
    if (found !== null) return { number, holder: found.content, writtenMs: found.writtenMs }
  }
}

function readIfThere<Content>(file: string): { content: Content; writtenMs: number } | null {
  try {
    return { content: JSON.parse(fs.readFileSync(file, 'utf8')), writtenMs: fs.statSync(file).mtimeMs }
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
    return null
  }
}

function isFree({ holder, writtenMs }: Latest): boolean {
  if (holder.isReleased) return true
  const alive = isAlive(holder)
  return alive === undefined ? Date.now() - writtenMs > foreignMs : !alive
}

/** A draft and a hard link: the file appears with all of its content, or not at all. */
function tryTake(folder: string, number: number): boolean {
  const draft = writeDraft<Holder>(folder, { ...thisProcess(), isReleased: false })
  try {
    fs.linkSync(draft, pathOf(folder, number))
  } catch (error) {
    // ENOENT: another took the lock, and the draft away as if its writer had been killed.
    if (['EEXIST', 'ENOENT'].includes(systemCode(error) ?? '')) return false
    throw error
  } finally {
    fs.rmSync(draft, { force: true })
  }
  // Since this number was chosen others may have come and gone, and taken away the number itself: the greatest holds.
  const numbers = numbersIn(folder)
  const isTaken = numbers.at(-1) === number
  const needless = (isTaken ? numbers.slice(0, -1) : [number]).map((other) => pathOf(folder, other))
  for (const file of [...needless, ...(isTaken ? draftsIn(folder) : [])]) fs.rmSync(file, { force: true })
  return isTaken
}

function draftsIn(folder: string): string[] {
  const names = fs.readdirSync(folder).filter((name) => name.startsWith('lock-draft-'))
  return names.map((name) => path.join(folder, name))
}

/** The released file stays: were the numbers to start anew, someone who saw the old ones could take a lock that is held. */
function release(folder: string, number: number): void {
  try {
    fs.renameSync(writeDraft<Holder>(folder, { ...thisProcess(), isReleased: true }), pathOf(folder, number))
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error // taken over meanwhile, from another machine
  }
}

function writeDraft<Content>(folder: string, content: Content): string {
  const draft = path.join(folder, `lock-draft-${process.pid}.${randomBytes(6).toString('hex')}`)
  fs.writeFileSync(draft, `${JSON.stringify(content)}\n`, { flag: 'wx' })
  return draft
}

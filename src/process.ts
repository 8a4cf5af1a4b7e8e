/** Tells whether a process that wrote something is still alive. */
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { systemCode } from './errors.ts'
import type { ProcessIdentity } from './events.ts'

/** This process. */
export function thisProcess(): ProcessIdentity {
  return { pid: process.pid, host: hostname(), started: startOf(process.pid) }
}

/**
 * True while the process runs; undefined for one of another machine, which cannot be seen from here.
 * A process number is given again after a while: the start time tells the new holder from the old.
 */
export function isAlive(identity: ProcessIdentity): boolean | undefined {
  if (identity.host !== hostname()) return undefined
  try {
    process.kill(identity.pid, 0)
  } catch (error) {
    if (systemCode(error) === 'ESRCH') return false
  }
  const started = startOf(identity.pid)
  return started === '' || identity.started === '' || started === identity.started
}

/** Start of a process in clock ticks since boot (proc(5), field 22 of stat); empty where there is no /proc. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // A killed process that nobody waited for is still listed, as a zombie.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? 'ended' : (fields[19] ?? '')
  } catch {
    return ''
  }
}

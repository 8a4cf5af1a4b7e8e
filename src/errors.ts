/**
 * Errors of the world, each with a code from one union; a mistake of ours is an assertion and has no code.
 * A message says where, what was found, what was expected, what exists and what to do.
 */

export type ErrorCode =
  /** Wrong command line, parameter or configuration. Exit 2. */
  | 'usage'
  /** Nothing to read where input was expected. */
  | 'no-input'
  /** The storage root or a path below it cannot be used. */
  | 'storage'
  /** There is no room left for writing. */
  | 'disk-full'
  /** A file exists already that was to be created. */
  | 'exists'
  /** A listed input file cannot be read as what it should be. */
  | 'input-unreadable'
  /** What a table holds is not what its last commit recorded. */
  | 'table-changed'
  /** A value does not fit its declared type, and the definition says that this stops the task. */
  | 'bad-value'
  /** Some units of a task failed, the others are done; the message has a line for each. */
  | 'units-failed'
  /** Rows in are not rows out + duplicates + quarantined. */
  | 'balance'
  /** Another commit was made since the plan. */
  | 'conflict'
  /** More would change than the definition allows. */
  | 'limit'
  /** Another run holds the lock. */
  | 'locked'
  /** The work does not fit in the memory given, even with spilling. */
  | 'memory'
  /** The engine could not do what the plan says. */
  | 'engine'
  /** Part of an engine or tool is not on this machine. */
  | 'missing-tool'
  /** The run was asked to stop. */
  | 'cancelled'
  /** A service of the cloud refused what it was asked, or could not do it. */
  | 'service'
  /** A run, pipeline, task or table that is not there. */
  | 'not-found'

/** An error with a code; `cause` is what the world said. */
export class MillraceError extends Error {
  readonly code: ErrorCode
  /** How Retry and Catch of a state machine know it: `Millrace.DiskFull`. */
  readonly errorName: string
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'MillraceError'
    this.code = code
    this.errorName = `Millrace.${code.replaceAll(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase())}`
  }
}

/** True for a MillraceError with one of the codes. */
export function hasCode(error: unknown, ...codes: ErrorCode[]): error is MillraceError {
  return error instanceof MillraceError && codes.includes(error.code)
}

/** A message for a person, from anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The code that Node gives an error of the operating system, such as `ENOENT`. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** Whether a file could not be read because there is none of its name; every other reason is not this. */
export function isMissingFile(error: unknown): boolean {
  return systemCode(error) === 'ENOENT' || (error instanceof MillraceError && systemCode(error.cause) === 'ENOENT')
}

/** Our own mistake: stops the program. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`)
}

/** Marks a place that the types say is never reached. */
export function unreachable(value: never): never {
  throw new Error(`assertion failed: unexpected ${JSON.stringify(value)}`)
}

/** The candidate a person most likely meant: least edits, at most a third of the letters; undefined when none is near. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const wanted = fold(word)
  let best: { candidate: string; edits: number } | undefined
  for (const candidate of candidates) {
    const edits = editDistance(wanted, fold(candidate))
    if (best === undefined || edits < best.edits) best = { candidate, edits }
  }
  if (best === undefined || best.edits > Math.max(2, Math.floor(wanted.length / 3))) return undefined
  return best.candidate
}

/** `; did you mean x?`, or nothing when no candidate is near. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const candidate = nearest(word, candidates)
  return candidate === undefined ? '' : `; did you mean ${candidate}?`
}

function fold(word: string): string {
  return word.toLowerCase().replaceAll(/[-_ ]/g, '')
}

/** Levenshtein's distance, one row of the table at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const replace = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replace, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

/** Reads a command line into positionals and flags. */
import { didYouMean, MillraceError } from '../errors.ts'

export type FlagSpec = { name: string; value: string | null; text: string }
export type ParsedLine = { positionals: string[]; flags: Map<string, string> }

/**
 * Splits arguments; flags are known by their canonical names, however they are spelled. `kindOf` tells what a flag's name takes: `value`, `boolean`, or undefined when there is no such flag.
 * A boolean may be followed by true or false, or be written `--no-name`. Throws `usage` naming the nearest flag.
 */
export function parseLine(
  args: readonly string[],
  kindOf: (name: string) => 'value' | 'boolean' | undefined,
  known: readonly string[],
  canonical: (name: string) => string = (name) => name,
): ParsedLine {
  const line: ParsedLine = { positionals: [], flags: new Map() }
  const rest = [...args]
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === '--') {
      line.positionals.push(...rest)
      break
    }
    if (!arg.startsWith('--')) {
      if (/^-[A-Za-z]/.test(arg)) throw unknownFlag(arg, known)
      line.positionals.push(arg)
      continue
    }
    const [name, inline] = splitFlag(arg)
    const [spelling, value] = readFlag(name, inline, rest, kindOf, known)
    const flag = canonical(spelling)
    if (line.flags.has(flag)) throw new MillraceError('usage', `--${flag} is given twice`)
    line.flags.set(flag, value)
  }
  return line
}

function splitFlag(arg: string): [string, string | undefined] {
  const equals = arg.indexOf('=')
  return equals === -1 ? [arg.slice(2), undefined] : [arg.slice(2, equals), arg.slice(equals + 1)]
}

function readFlag(
  name: string,
  inline: string | undefined,
  rest: string[],
  kindOf: (name: string) => 'value' | 'boolean' | undefined,
  known: readonly string[],
): [string, string] {
  const kind = kindOf(name)
  if (kind === undefined) {
    const positive = name.startsWith('no-') ? name.slice(3) : ''
    if (inline === undefined && kindOf(positive) === 'boolean') return [positive, 'false']
    throw unknownFlag(`--${name}`, known)
  }
  if (inline !== undefined) {
    if (kind === 'boolean' && !/^(true|false)$/i.test(inline)) {
      throw new MillraceError(
        'usage',
        `--${name}  ${JSON.stringify(inline)} is refused: expected a boolean, true or false`,
      )
    }
    return [name, inline]
  }
  if (kind === 'boolean') return [name, /^(true|false)$/i.test(rest[0] ?? '') ? (rest.shift() as string) : 'true']
  const value = rest.shift()
  if (value === undefined || value.startsWith('--')) throw new MillraceError('usage', `--${name} needs a value`)
  return [name, value]
}

function unknownFlag(flag: string, known: readonly string[]): MillraceError {
  const near = didYouMean(flag.replace(/^-+/, ''), known).replace('mean ', 'mean --')
  return new MillraceError(
    'usage',
    `there is no flag ${flag}${near || `; the flags are ${known.map((name) => `--${name}`).join(', ')}`}`,
  )
}

/** Bytes of `2GB`, `512MB`, `1.5GiB`, or a share of the machine's memory such as `60%`. Throws `usage`. */
export function parseMemory(text: string, machineBytes: number): number {
  const match = /^(\d+(?:\.\d+)?)\s*(%|[KMGT]i?B?|B)?$/i.exec(text.trim())
  const unit = match?.[2]?.toUpperCase() ?? 'B'
  const factors: Record<string, number> = { B: 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 }
  const bytes = Number(match?.[1]) * (unit === '%' ? machineBytes / 100 : (factors[unit[0] as string] ?? Number.NaN))
  if (Number.isNaN(bytes) || bytes < 2 ** 28) {
    throw new MillraceError('usage', `--memory ${text} is refused: expected at least 256MB, such as 2GB or 60%`)
  }
  return Math.floor(bytes)
}

/** Milliseconds of `60s`, `5m`, `500ms` or a bare number of seconds. Throws `usage`. */
export function parseDuration(flag: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text.trim())
  const factors: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
  if (match === null)
    throw new MillraceError('usage', `--${flag} ${text} is refused: expected a time such as 60s or 5m`)
  return Number(match[1]) * (factors[match[2] ?? 's'] as number)
}

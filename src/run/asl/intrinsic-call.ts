/** The text of an intrinsic function call, read and checked. States Language, "Intrinsic Functions". */
import { didYouMean } from '../../errors.ts'
import { type Path, PathError, parsePath } from './json-path.ts'

/** A call and its arguments. `raw` of a text keeps the escapes: States.Format tells `{}` from `\{\}`. */
export type Call = { kind: 'call'; text: string; name: IntrinsicName; arguments: Argument[] }
export type Argument =
  | Call
  | { kind: 'path'; path: Path }
  | { kind: 'text'; value: string; raw: string }
  | { kind: 'literal'; value: number | boolean | null }

/** The functions and how many arguments they take. Developer guide, "Intrinsic functions for JSONPath states". */
export const intrinsicArity = {
  'States.Format': [1, Number.POSITIVE_INFINITY],
  'States.StringToJson': [1, 1],
  'States.JsonToString': [1, 1],
  'States.Array': [0, Number.POSITIVE_INFINITY],
  'States.ArrayPartition': [2, 2],
  'States.ArrayContains': [2, 2],
  'States.ArrayRange': [3, 3],
  'States.ArrayGetItem': [2, 2],
  'States.ArrayLength': [1, 1],
  'States.ArrayUnique': [1, 1],
  'States.Base64Encode': [1, 1],
  'States.Base64Decode': [1, 1],
  'States.Hash': [2, 2],
  'States.JsonMerge': [3, 3],
  'States.MathRandom': [2, 2],
  'States.MathAdd': [2, 2],
  'States.StringSplit': [2, 2],
  'States.UUID': [0, 0],
} as const satisfies { [name: string]: readonly [least: number, most: number] }
export type IntrinsicName = keyof typeof intrinsicArity
const intrinsicNames = Object.keys(intrinsicArity) as IntrinsicName[]

/** A call that cannot be read, or that is refused. */
export class CallError extends Error {}

/** Reads a whole call. Throws `CallError`, and `PathError` for a path within. */
export function parseCall(text: string): Call {
  const [call, end] = callAt(text, skipSpace(text, 0), 1)
  if (skipSpace(text, end) !== text.length)
    throw new CallError(`${text}: unexpected ${JSON.stringify(text.slice(end))}`)
  checkCall(call)
  return call
}

type At<T> = [value: T, end: number]
const nestingMax = 10 // developer guide: up to 10 intrinsic functions within a field

function callAt(text: string, start: number, depth: number): At<Call> {
  if (depth > nestingMax) throw new CallError(`${text}: functions are nested more than ${nestingMax} deep`)
  const head = /^([A-Za-z][A-Za-z0-9.]*)\s*\(/.exec(text.slice(start))
  if (head?.[1] === undefined)
    throw new CallError(`${text}: a path or an intrinsic function is expected at ${JSON.stringify(text.slice(start))}`)
  const name = knownName(head[1])
  const found: Argument[] = []
  let at = skipSpace(text, start + head[0].length)
  while (text[at] !== ')') {
    const [argument, end] = argumentAt(text, at, depth)
    found.push(argument)
    at = skipSpace(text, end)
    if (text[at] === ')') break
    if (text[at] !== ',') throw new CallError(`${text}: ',' or ')' is expected at ${JSON.stringify(text.slice(at))}`)
    at = skipSpace(text, at + 1)
    if (text[at] === ')') throw new CallError(`${text}: an argument is missing after ','`)
  }
  return [{ kind: 'call', text: text.slice(start, at + 1), name, arguments: found }, at + 1]
}

function knownName(name: string): IntrinsicName {
  const known = intrinsicNames.find((candidate) => candidate === name)
  if (known === undefined) {
    const wanted = name.startsWith('States.') ? name : `States.${name}`
    throw new CallError(`${name} is not an intrinsic function${didYouMean(wanted, intrinsicNames)}`)
  }
  return known
}

function argumentAt(text: string, at: number, depth: number): At<Argument> {
  if (text[at] === "'") return textAt(text, at)
  if (text[at] === '$') return pathAt(text, at)
  const literal = /^(?:-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?=[\s,)])/.exec(text.slice(at))?.[0]
  if (literal !== undefined) return [{ kind: 'literal', value: JSON.parse(literal) }, at + literal.length]
  return callAt(text, at, depth + 1)
}

function textAt(text: string, at: number): At<Argument> {
  const found = /^'((?:[^'\\]|\\[\s\S])*)'/.exec(text.slice(at))
  if (found?.[1] === undefined)
    throw new CallError(`${text}: the text beginning at ${JSON.stringify(text.slice(at))} has no end`)
  const raw = found[1]
  const wrong = /\\[^'{}\\]/.exec(raw.replaceAll('\\\\', ''))
  if (wrong !== null) throw new CallError(`${text}: ${wrong[0]} is not an escape; there are \\' \\{ \\} and \\\\`)
  return [{ kind: 'text', value: unescaped(raw), raw }, at + found[0].length]
}

/** The text without its escapes. */
export function unescaped(raw: string): string {
  return raw.replaceAll(/\\(['{}\\])/g, '$1')
}

/** A path ends at a comma, blank or closing parenthesis that is not within its brackets. */
function pathAt(text: string, at: number): At<Argument> {
  const found = /^(?:\[(?:'[^']*'|"[^"]*"|[^\]'"])*\]|[^\s,)[])*/.exec(text.slice(at))?.[0] ?? ''
  return [{ kind: 'path', path: parsePath(found) }, at + found.length]
}

function skipSpace(text: string, at: number): number {
  return at + (/^\s*/.exec(text.slice(at))?.[0].length ?? 0)
}

/** What can be known before the call has data. */
function checkCall(call: Call): void {
  const [least, most] = intrinsicArity[call.name]
  const count = call.arguments.length
  if (call.name === 'States.MathRandom' && count === 3) {
    throw new CallError(`${call.text}: a seed is not supported; Step Functions' numbers for a seed are not known`)
  }
  if (count < least || count > most) {
    const expected = most === Number.POSITIVE_INFINITY ? `${least} or more` : String(least)
    throw new CallError(`${call.text}: ${call.name} takes ${expected} arguments, found ${count}`)
  }
  if (call.name === 'States.JsonMerge') checkShallow(call)
  if (call.name === 'States.Format') checkTemplate(call)
  for (const argument of call.arguments) if (argument.kind === 'call') checkCall(argument)
}

function checkShallow(call: Call): void {
  const mode = call.arguments[2]
  if (mode?.kind === 'literal' && mode.value === false) return
  throw new CallError(`${call.text}: the third argument must be false; Step Functions merges shallowly only`)
}

function checkTemplate(call: Call): void {
  const [template, ...values] = call.arguments
  if (template?.kind === 'path' || template?.kind === 'call') return
  if (template?.kind !== 'text') throw new CallError(`${call.text}: the first argument must be a text`)
  const holes = templateParts(template.raw).length - 1
  if (holes !== values.length) throw new CallError(`${call.text}: ${holes} places {} for ${values.length} values`)
}

/** A template of States.Format cut at its `{}`, escapes undone. Throws `CallError` for a brace that is neither. */
export function templateParts(raw: string): string[] {
  const parts = raw.split(/(?<=(?<!\\)(?:\\\\)*)\{\}/)
  const lone = parts.find((part) => /[{}]/.test(part.replaceAll(/\\[\s\S]/g, '')))
  if (lone !== undefined) throw new CallError(`'${raw}': write braces that are no place for a value as \\{ and \\}`)
  return parts.map(unescaped)
}

/** What a payload template's `.$` field holds. Throws `CallError` or `PathError`. */
export function parseExpression(text: string): { kind: 'path'; path: Path } | Call {
  return text.startsWith('$') ? { kind: 'path', path: parsePath(text) } : parseCall(text)
}

/** The message, when a text could not be read as a path or a call; anything else is thrown again. */
export function readingProblem(thrown: unknown): string {
  if (thrown instanceof CallError || thrown instanceof PathError) return thrown.message
  throw thrown
}

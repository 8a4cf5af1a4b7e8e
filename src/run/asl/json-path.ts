/**
 * Paths of the States Language ("Paths", "Reference Paths"; developer guide, "Using JSONPath paths"): the text and what
 * it means. Where Step Functions' JSONPath (Jayway's) has a meaning of its own that nobody documents, the path is refused:
 * never a wrong answer. Reading is in json-path-read.ts.
 */

/** One step down from a node. `indices` and `slice` bounds below zero count from the end. */
export type Step =
  | { kind: 'key'; name: string }
  | { kind: 'indices'; indices: number[] }
  | { kind: 'slice'; start: number | undefined; end: number | undefined }
  | { kind: 'all' }
  /** All nodes below, the node itself first, that have the key; with no name, all children of all nodes. */
  | { kind: 'deep'; name: string | undefined }
  | { kind: 'filter'; test: FilterTest }

/** `[?(@.path)]` or `[?(@.path op literal)]`. */
export type FilterTest = { keys: string[]; operator?: FilterOperator; literal?: string | number | boolean | null }
export type FilterOperator = '==' | '<' | '<=' | '>' | '>='

/** `definite`: it names one node at most, so what is read is that node and not a list. */
export type Path = { text: string; root: '$' | '$$'; steps: Step[]; definite: boolean }

/** A text that is not a path, or one that is refused. The message says which and why. */
export class PathError extends Error {}

/** Reads a path. Throws `PathError`. */
export function parsePath(text: string): Path {
  const root = text.startsWith('$$') ? '$$' : '$'
  if (!text.startsWith('$')) throw new PathError(`a path begins with $, found ${JSON.stringify(text)}`)
  const steps: Step[] = []
  let rest = text.slice(root.length)
  while (rest !== '') {
    const [step, length] = parseStep(rest, text)
    steps.push(step)
    rest = rest.slice(length)
  }
  checkDeep(steps, text)
  return { text, root, steps, definite: steps.every(isDefinite) }
}

/** Reads a reference path: one that names exactly one node. Throws `PathError`. */
export function parseReferencePath(text: string): Path {
  const path = parsePath(text)
  if (!path.definite)
    throw new PathError(`${text} can name several nodes; a reference path of fields and indices is expected`)
  return path
}

// A letter, digit, _ or - of any script: anything else has a meaning in paths and is written ['so'].
const bareKey = /^[\p{L}\p{N}\p{M}_-]+/u
const quotedKey = /^\[\s*(?:'([^'\\]*)'|"([^"\\]*)")\s*\]/
const indexList = /^\[\s*(-?\d+(?:\s*,\s*-?\d+)*)\s*\]/
const sliceBounds = /^\[\s*(-?\d+)?\s*:\s*(-?\d+)?\s*\]/
const wildcard = /^(?:\[\s*\*\s*\]|\.\*)/
const filter =
  /^\[\s*\?\(\s*@((?:\.[\p{L}\p{N}\p{M}_-]+)+)\s*(?:(==|<=|>=|<|>)\s*('[^'\\]*'|-?\d+(?:\.\d+)?|true|false|null)\s*)?\)\s*\]/u

function parseStep(rest: string, text: string): [step: Step, length: number] {
  if (rest.startsWith('..')) return parseDeep(rest, text)
  const all = wildcard.exec(rest)
  if (all !== null) return [{ kind: 'all' }, all[0].length]
  if (rest.startsWith('.')) {
    const name = bareKey.exec(rest.slice(1))?.[0]
    if (name === undefined)
      throw refused(text, rest, "a field name is expected after '.'; write unusual names as ['name']")
    return [{ kind: 'key', name }, name.length + 1]
  }
  return parseBracket(rest, text)
}

function parseBracket(rest: string, text: string): [step: Step, length: number] {
  const key = quotedKey.exec(rest)
  if (key !== null) return [{ kind: 'key', name: key[1] ?? key[2] ?? '' }, key[0].length]
  const list = indexList.exec(rest)
  if (list?.[1] !== undefined) return [{ kind: 'indices', indices: list[1].split(',').map(Number) }, list[0].length]
  const slice = sliceBounds.exec(rest)
  if (slice !== null) return [parseSlice(slice[1], slice[2], text), slice[0].length]
  const test = filter.exec(rest)
  if (test !== null) return [parseFilter(test[1] ?? '', test[2], test[3]), test[0].length]
  throw refused(
    text,
    rest,
    "supported are .name, ['name'], [n], [n,m], [from:to], [*], ..name and [?(@.name == literal)]",
  )
}

function parseSlice(from: string | undefined, to: string | undefined, text: string): Step {
  const start = from === undefined ? undefined : Number(from)
  const end = to === undefined ? undefined : Number(to)
  if (start === undefined && end === undefined) throw new PathError(`${text}: a slice needs a bound; all items are [*]`)
  // Jayway counts such bounds from different ends without meeting: [1:-1] is empty there, not "all but first and last".
  const mixed = start !== undefined && end !== undefined && start < 0 !== end < 0
  if (mixed) throw new PathError(`${text}: a slice with one bound from the start and one from the end is not supported`)
  return { kind: 'slice', start, end }
}

function parseFilter(keys: string, operator: string | undefined, literal: string | undefined): Step {
  const test: FilterTest = { keys: keys.slice(1).split('.') }
  if (operator === undefined || literal === undefined) return { kind: 'filter', test }
  const value = literal.startsWith("'") ? literal.slice(1, -1) : JSON.parse(literal)
  return { kind: 'filter', test: { ...test, operator: operator as FilterOperator, literal: value } }
}

function parseDeep(rest: string, text: string): [step: Step, length: number] {
  const all = /^\.\.(?:\*|\[\s*\*\s*\])/.exec(rest)
  if (all !== null) return [{ kind: 'deep', name: undefined }, all[0].length]
  const quoted = quotedKey.exec(rest.slice(2))
  if (quoted !== null) return [{ kind: 'deep', name: quoted[1] ?? quoted[2] ?? '' }, quoted[0].length + 2]
  const name = bareKey.exec(rest.slice(2))?.[0]
  if (name === undefined) throw refused(text, rest, 'only ..name and ..* are supported')
  return [{ kind: 'deep', name }, name.length + 2]
}

/** Jayway walks `..*` and then goes on from grandchildren of arrays: nobody means that, so it must be the last step. */
function checkDeep(steps: Step[], text: string): void {
  const early = steps.slice(0, -1).some((step) => step.kind === 'deep' && step.name === undefined)
  if (early) throw new PathError(`${text}: ..* is supported only at the end of a path`)
}

function isDefinite(step: Step): boolean {
  return step.kind === 'key' || (step.kind === 'indices' && step.indices.length === 1)
}

function refused(text: string, rest: string, hint: string): PathError {
  return new PathError(`${text}: not supported from ${JSON.stringify(rest)} on; ${hint}`)
}

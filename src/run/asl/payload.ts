/**
 * What goes into a state's work and what comes out. Developer guide, "Processing input and output":
 * InputPath, Parameters, (work), ResultSelector, ResultPath, OutputPath, in this order.
 */
import type { Json } from '../../types.ts'
import { runtimeError, StatesError } from './errors.ts'
import { parseExpression } from './intrinsic-call.ts'
import { evaluateCall } from './intrinsics.ts'
import { type Path, parsePath } from './json-path.ts'
import { isObject, type Roots, readPath, writePath } from './json-path-read.ts'
import type { Template } from './types.ts'

/** Chance, for States.MathRandom. */
export type Random = () => number

/** InputPath or OutputPath. A path that leads nowhere is `States.Runtime`. */
export function applyPath(field: string, text: string | null | undefined, roots: Roots): Json {
  if (text === undefined) return roots.input
  if (text === null) return {}
  return readField(field, text, roots)
}

/** The node at the path of `field`. Throws `States.Runtime` when there is none. */
export function readField(field: string, text: string, roots: Roots): Json {
  const path = parsePath(text)
  const value = readPath(path, roots)
  // A list of nothing because its root is missing is an error here, though not in a template.
  if (value === undefined || readPath(definitePart(path), roots) === undefined) {
    throw runtimeError(`${field} ${text} is not in the ${path.root === '$' ? 'input' : 'context object'}`)
  }
  return value
}

function definitePart(path: Path): Path {
  const end = path.steps.findIndex(
    (step) => step.kind !== 'key' && !(step.kind === 'indices' && step.indices.length === 1),
  )
  return end < 0 ? path : { ...path, steps: path.steps.slice(0, end), definite: true }
}

/** Parameters, ItemSelector or ResultSelector. States Language, "Payload Template". */
export function applyTemplate(template: Template, roots: Roots, random: Random): Json {
  return applyNode(template, roots, random)
}

function applyNode(node: Json, roots: Roots, random: Random): Json {
  if (Array.isArray(node)) return node.map((item) => applyNode(item, roots, random))
  if (!isObject(node)) return node
  const entries = Object.entries(node).map(([key, value]): [string, Json] =>
    key.endsWith('.$')
      ? [key.slice(0, -2), applyExpression(key, String(value), roots, random)]
      : [key, applyNode(value, roots, random)],
  )
  return Object.fromEntries(entries)
}

/** A path or a call, as in a template's `.$` field. */
export function applyExpression(field: string, text: string, roots: Roots, random: Random): Json {
  const expression = parseExpression(text)
  if (expression.kind === 'call') return evaluateCall(expression, roots, random)
  if (expression.path.root === '$' && roots.input === null)
    throw runtimeError(`${field} ${text}: a path needs an input, found null`)
  const value = readPath(expression.path, roots)
  if (value === undefined) throw runtimeError(`${field} ${text} is not in ${preview(roots.input)}`)
  return value
}

const previewLength = 200 // enough to recognise the input, little enough for one line of a log

function preview(value: Json): string {
  const text = JSON.stringify(value)
  return text.length <= previewLength ? text : `${text.slice(0, previewLength)}…`
}

/** ResultPath: the result placed into the state's input as it came in. `null` drops the result. */
export function placeResult(text: string | null | undefined, input: Json, result: Json): Json {
  if (text === null) return input
  return writePath(parsePath(text ?? '$'), input, result)
}

export const payloadBytesMax = 262_144 // Step Functions quota: 256 KiB of UTF-8 for what goes into or out of a state

/** The value, copied, if Step Functions would carry it. Throws `States.DataLimitExceeded`. */
export function carried(what: string, value: Json): Json {
  const text = JSON.stringify(value)
  const bytes = Buffer.byteLength(text, 'utf8')
  if (bytes > payloadBytesMax) {
    const cause = `${what} has ${bytes} bytes; ${payloadBytesMax} is the most that Step Functions carries`
    throw new StatesError('States.DataLimitExceeded', cause)
  }
  return JSON.parse(text)
}

/** Reading a path's nodes, and writing through a reference path. */
import type { Json } from '../../types.ts'
import { runtimeError, StatesError } from './errors.ts'
import type { FilterTest, Path, Step } from './json-path.ts'

type JsonObject = { [key: string]: Json }

/** What `$` and `$$` stand for. */
export type Roots = { input: Json; context: Json }

/**
 * What the path names: the node of a definite path, undefined when there is none; the list of nodes of any other.
 * An index or slice of something that is no list names nothing in a definite path and in the midst of a list, but is an
 * error right below the root's fields, as in Step Functions: throws `States.Runtime`.
 */
export function readPath(path: Path, roots: Roots): Json | undefined {
  let nodes: Json[] = [path.root === '$' ? roots.input : roots.context]
  let definite = true
  for (const step of path.steps) {
    if (definite) checkShape(step, nodes[0], path.text)
    nodes = nodes.flatMap((node) => follow(step, node))
    definite &&= step.kind === 'key' || (step.kind === 'indices' && step.indices.length === 1)
  }
  return path.definite ? nodes[0] : nodes
}

/** Step Functions fails here rather than finding nothing: better an error than a list that is empty by mistake. */
function checkShape(step: Step, node: Json | undefined, text: string): void {
  if (node === undefined || Array.isArray(node)) return
  const needsList = step.kind === 'slice' || (step.kind === 'indices' && step.indices.length > 1)
  const needsNodes = step.kind === 'filter' && !isObject(node)
  if (needsList || needsNodes) throw runtimeError(`${text} asks for a list but meets ${kindOf(node)}`)
}

function follow(step: Step, node: Json): Json[] {
  switch (step.kind) {
    case 'key':
      return isObject(node) && Object.hasOwn(node, step.name) ? [node[step.name] as Json] : []
    case 'indices':
      return Array.isArray(node) ? step.indices.flatMap((index) => itemAt(node, index)) : []
    case 'slice':
      return Array.isArray(node) ? node.slice(step.start ?? 0, step.end) : []
    case 'all':
      return children(node)
    case 'deep':
      return deep(node, step.name)
    case 'filter':
      return (Array.isArray(node) ? node : [node]).filter((item) => passes(step.test, item))
  }
}

function itemAt(list: Json[], index: number): Json[] {
  const item = list.at(index)
  return item === undefined ? [] : [item]
}

function children(node: Json): Json[] {
  if (Array.isArray(node)) return node
  return isObject(node) ? Object.values(node) : []
}

function deep(node: Json, name: string | undefined): Json[] {
  const here = name === undefined ? children(node) : follow({ kind: 'key', name }, node)
  return [...here, ...children(node).flatMap((child) => deep(child, name))]
}

/** Developer guide, "Reference paths": `@` matches objects only. */
function passes(test: FilterTest, item: Json): boolean {
  if (!isObject(item)) return false
  let value: Json | undefined = item
  for (const name of test.keys) value = value === undefined ? undefined : follow({ kind: 'key', name }, value)[0]
  if (value === undefined) return false
  const { operator, literal } = test
  if (operator === undefined || literal === undefined) return true
  return compares(value, operator, literal)
}

function compares(value: Json, operator: string, literal: string | number | boolean | null): boolean {
  const types = new Set([typeof value, typeof literal])
  // Jayway takes '1' and 1 for equal and orders neither: whoever wrote this did not expect either.
  const crossed = types.has('number') && types.has('string')
  if (crossed)
    throw runtimeError(
      `a filter compares ${JSON.stringify(value)} with ${JSON.stringify(literal)}: a number with a text`,
    )
  if (operator === '==') return value === literal
  if (typeof value === 'number' && typeof literal === 'number') return ordered(value, operator, literal)
  if (typeof value === 'string' && typeof literal === 'string') return ordered(value, operator, literal)
  return false
}

function ordered<T extends number | string>(a: T, operator: string, b: T): boolean {
  if (operator === '<') return a < b
  if (operator === '<=') return a <= b
  return operator === '>' ? a > b : a >= b
}

/**
 * `base` with `value` at the reference path; `base` itself is left alone. Fields that are missing are made; an index must
 * exist. States Language, "ResultPath". Throws `States.ResultPathMatchFailure` where something else is in the way.
 */
export function writePath(path: Path, base: Json, value: Json): Json {
  return path.steps.length === 0 ? value : writeSteps(path.steps, base, value, path.text)
}

function writeSteps(steps: Step[], base: Json | undefined, value: Json, text: string): Json {
  const [step, ...rest] = steps
  if (step === undefined) return value
  if (step.kind === 'key' && (base === undefined || isObject(base))) {
    const below = base !== undefined && Object.hasOwn(base, step.name) ? base[step.name] : undefined
    return withKey(base ?? {}, step.name, writeSteps(rest, below, value, text))
  }
  const index = step.kind === 'indices' ? step.indices[0] : undefined
  if (index !== undefined && Array.isArray(base)) {
    const at = index < 0 ? base.length + index : index
    if (at in base) return base.with(at, writeSteps(rest, base[at], value, text))
  }
  const found = base === undefined ? 'nothing' : kindOf(base)
  throw new StatesError('States.ResultPathMatchFailure', `${text} cannot be written: there is ${found} on its way`)
}

/** Not by spread alone: a field named `__proto__` is data too. */
function withKey(base: JsonObject, name: string, value: Json): JsonObject {
  const copy = { ...base }
  Object.defineProperty(copy, name, { value, enumerable: true, configurable: true, writable: true })
  return copy
}

/** True for what JSON calls an object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A value's kind, for messages. */
export function kindOf(value: Json): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return `a list of ${value.length}`
  return typeof value === 'object' ? 'an object' : `the ${typeof value} ${JSON.stringify(value)}`
}

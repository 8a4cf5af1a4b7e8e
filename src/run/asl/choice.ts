/** Choice rules. States Language, "Choice State"; developer guide, "Choice workflow state". */
import { assert } from '../../errors.ts'
import type { Json } from '../../types.ts'
import { runtimeError, StatesError } from './errors.ts'
import { parsePath } from './json-path.ts'
import { kindOf, type Roots, readPath } from './json-path-read.ts'
import { instantOf } from './timestamp.ts'
import {
  type ChoiceState,
  type Comparison,
  type ComparisonOperator,
  type Condition,
  comparisonOperators,
} from './types.ts'

/** The state to go to. Throws `States.NoChoiceMatched` when no rule holds and there is no Default. */
export function chooseNext(state: ChoiceState, roots: Roots): string {
  const rule = state.Choices.find((choice) => holds(choice, roots))
  const next = rule?.Next ?? state.Default
  if (next === undefined) throw new StatesError('States.NoChoiceMatched', 'no rule holds and there is no Default')
  return next
}

/** True if the condition holds. And and Or stop at the first part that decides, so IsPresent can guard what follows. */
export function holds(condition: Condition, roots: Roots): boolean {
  if (condition.And !== undefined) return condition.And.every((part) => holds(part, roots))
  if (condition.Or !== undefined) return condition.Or.some((part) => holds(part, roots))
  if (condition.Not !== undefined) return !holds(condition.Not, roots)
  const operator = operatorOf(condition)
  const value = readPath(parsePath(condition.Variable ?? '$'), roots)
  if (operator === 'IsPresent') return (value !== undefined) === condition.IsPresent
  if (value === undefined) throw runtimeError(`Variable ${condition.Variable} is not in the input`)
  return compare(operator, value, operand(operator, condition, roots))
}

/** The comparison operator of a condition with a Variable. */
export function operatorOf(condition: Condition): ComparisonOperator {
  const operator = comparisonOperators.find((name) => Object.hasOwn(condition, name))
  assert(operator !== undefined, 'a checked condition has an operator')
  return operator as ComparisonOperator
}

function operand(operator: ComparisonOperator, condition: Condition, roots: Roots): Json {
  const given = condition[operator] ?? null
  if (!operator.endsWith('Path')) return given
  const value = readPath(parsePath(String(given)), roots)
  if (value === undefined) throw runtimeError(`${operator} ${given} is not in the input`)
  const type = operator.replace(/(?:Equals|LessThan|GreaterThan)(?:Equals)?Path$/, '')
  if (!isOfType[type]?.(value)) throw runtimeError(`${operator} ${given} leads to ${kindOf(value)}`)
  return value
}

const isOfType: { [type: string]: (value: Json) => boolean } = {
  Null: (value) => value === null,
  String: (value) => typeof value === 'string',
  Numeric: (value) => typeof value === 'number',
  Boolean: (value) => typeof value === 'boolean',
  Timestamp: (value) => instantOf(value) !== undefined,
}

/** A value of another type than the operator's compares as false, whatever the operator. */
function compare(operator: ComparisonOperator, value: Json, given: Json): boolean {
  if (operator.startsWith('Is')) return isOfType[operator.slice(2)]?.(value) === given
  if (operator === 'StringMatches') return typeof value === 'string' && matches(value, String(given))
  const [, type, comparison] = /^(String|Numeric|Boolean|Timestamp)(.*?)(?:Path)?$/.exec(operator) ?? []
  if (type === undefined || !isOfType[type]?.(value)) return false
  const [a, b] = type === 'Timestamp' ? [instantOf(value), instantOf(given)] : [value, given]
  return order(comparison as Comparison, a as string, b as string)
}

/** Texts by their UTF-16 units, as Java compares them; both sides are of one type. */
function order<T extends string | number | bigint>(comparison: Comparison, a: T, b: T): boolean {
  switch (comparison) {
    case 'Equals':
      return a === b
    case 'LessThan':
      return a < b
    case 'GreaterThan':
      return a > b
    case 'LessThanEquals':
      return a <= b
    case 'GreaterThanEquals':
      return a >= b
  }
}

/** The literal texts between the `*` of a StringMatches pattern; `\*` and `\\` stand for the letters themselves. */
export function patternParts(pattern: string): string[] {
  const parts = ['']
  for (const piece of pattern.match(/\\[\s\S]|[\s\S]/g) ?? []) {
    if (piece === '*') parts.push('')
    else parts[parts.length - 1] += piece.length === 2 && piece.startsWith('\\') ? piece.slice(1) : piece
  }
  return parts
}

/** Takes each part at its first place: linear, where a regular expression with many `*` is not. */
function matches(text: string, pattern: string): boolean {
  const parts = patternParts(pattern)
  const first = parts.shift() ?? ''
  const last = parts.pop()
  if (last === undefined) return text === first
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false
  let at = first.length
  const end = text.length - last.length
  for (const part of parts) {
    const found = text.indexOf(part, at)
    if (found < 0 || found + part.length > end) return false
    at = found + part.length
  }
  return true
}

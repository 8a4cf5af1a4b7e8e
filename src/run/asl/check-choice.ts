/** Checks of the rules of a Choice. */
import { didYouMean } from '../../errors.ts'
import { referencePath } from './check-path.ts'
import {
  anyText,
  type Check,
  checkFields,
  describe,
  type Fields,
  list,
  oneOf,
  type Place,
  report,
  text,
} from './check-report.ts'
import { isObject } from './json-path-read.ts'
import { instantOf } from './timestamp.ts'
import { comparisonOperators } from './types.ts'

/** A rule of a Choice state: a condition with the state to go to. */
export const choiceRule: Check = (value, place) => {
  checkCondition(value, place, { Next: text, Comment: anyText })
  if (isObject(value) && !Object.hasOwn(value, 'Next')) report(place, 'field Next is missing')
}

const condition: Check = (value, place) => checkCondition(value, place, {})

function checkCondition(value: unknown, place: Place, more: Fields): void {
  if (isObject(value)) checkParts(value, place, more)
  else report(place, `an object is expected, found ${describe(value)}`)
}

function checkParts(value: object, place: Place, more: Fields): void {
  const operators = Object.keys(value).filter((name) => comparisonOperators.includes(name))
  const ways = Object.keys(value).filter((name) => ['And', 'Or', 'Not', 'Variable'].includes(name))
  if (ways.length !== 1) report(place, wrongWays(value, ways))
  else if (ways[0] !== 'Variable') {
    checkFields(value, place, { ...more, And: list(condition), Or: list(condition), Not: condition })
  } else {
    checkFields(value, place, { ...more, Variable: referencePath, ...operands })
    const count = operators.length
    if (count !== 1) report(place, `one comparison operator is expected beside Variable, found ${count}`)
  }
}

function wrongWays(value: object, ways: string[]): string {
  const near = Object.keys(value)
    .map((name) => didYouMean(name, ['And', 'Or', 'Not', 'Variable']))
    .join('')
  return `one of And, Or, Not and Variable is expected, found ${ways.length === 0 ? `none${near}` : ways.join(', ')}`
}

const number: Check = (value, place) => {
  if (typeof value !== 'number') report(place, `a number is expected, found ${describe(value)}`)
}

/** An instant as RFC 3339 writes it. */
export const timestamp: Check = (value, place) => {
  if (instantOf(value) === undefined) {
    report(place, `a timestamp such as 2025-01-15T08:00:00Z is expected, found ${describe(value)}`)
  }
}

/** `\` stands before `*` or another `\`, nothing else. */
const pattern: Check = (value, place) => {
  anyText(value, place)
  const wrong = typeof value === 'string' ? /\\(?:[^*]|$)/.exec(value.replaceAll('\\\\', '')) : null
  if (wrong !== null) report(place, `${wrong[0]} is not an escape; there are \\* and \\\\`)
}

function operandOf(operator: string): Check {
  if (operator.startsWith('Is')) return oneOf(true, false)
  if (operator.endsWith('Path')) return referencePath
  if (operator === 'StringMatches') return pattern
  if (operator.startsWith('String')) return anyText
  if (operator.startsWith('Numeric')) return number
  return operator.startsWith('Boolean') ? oneOf(true, false) : timestamp
}

const operands: Fields = Object.fromEntries(comparisonOperators.map((operator) => [operator, operandOf(operator)]))

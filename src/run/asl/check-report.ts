/** Where a check is, and what it found. */
import { didYouMean } from '../../errors.ts'
import type { AslProblem } from './errors.ts'
import { isObject } from './json-path-read.ts'
import type { StateType } from './types.ts'

/** A place in the definition. `type` is the state's around it; `inMap` says that `$$.Map` is there. */
export type Place = { where: string; type?: StateType; inMap: boolean; problems: AslProblem[]; names: Set<string> }

/** Checks one value; what is wrong is reported at the place. */
export type Check = (value: unknown, place: Place) => void

/** Fields with their checks. */
export type Fields = { [name: string]: Check }

/** Notes a problem. */
export function report(place: Place, message: string): void {
  place.problems.push({ where: place.where, message })
}

/** The place of a field or, for a number, of an item. */
export function within(place: Place, step: string | number, change: Partial<Place> = {}): Place {
  const tail = typeof step === 'number' ? `[${step}]` : place.where === '' ? step : `.${step}`
  return { ...place, ...change, where: `${place.where}${tail}` }
}

// What the language or Step Functions has, and this interpreter has not: named so that nobody looks for a typing error.
const unsupportedFields = [
  ...['Arguments', 'Output', 'Assign', 'Items', 'Condition', 'Credentials', 'HeartbeatSeconds', 'HeartbeatSecondsPath'],
  ...[
    'TimeoutSecondsPath',
    'MaxConcurrencyPath',
    'ItemReader',
    'ItemBatcher',
    'ResultWriter',
    'Label',
    'ExecutionType',
  ],
  ...[
    'ToleratedFailureCount',
    'ToleratedFailureCountPath',
    'ToleratedFailurePercentage',
    'ToleratedFailurePercentagePath',
  ],
]

/** Checks every field of an object: each must be known, the required ones there. False if the value is no object. */
export function checkFields(value: unknown, place: Place, fields: Fields, required: string[] = []): boolean {
  if (!isObject(value)) {
    report(place, `an object is expected, found ${describe(value)}`)
    return false
  }
  for (const [name, field] of Object.entries(value)) {
    const check = Object.hasOwn(fields, name) ? fields[name] : undefined
    if (check === undefined) report(within(place, name), unknownField(name, Object.keys(fields), place.type))
    else check(field, within(place, name))
  }
  for (const name of required) if (!Object.hasOwn(value, name)) report(place, `field ${name} is missing`)
  return true
}

function unknownField(name: string, known: string[], type: StateType | undefined): string {
  const of = type === undefined ? '' : ` in a ${type} state`
  if (unsupportedFields.includes(name)) return `field ${name} is not supported${of}`
  return `field ${name} is not known${of}${didYouMean(name, known)}`
}

/** A found value, for messages. */
export function describe(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length <= 60 ? text : `${text.slice(0, 60)}…`
}

/** A text; an empty one is not. */
export const text: Check = (value, place) => {
  if (typeof value !== 'string' || value === '') report(place, `a text is expected, found ${describe(value)}`)
}

/** A text that may be empty. */
export const anyText: Check = (value, place) => {
  if (typeof value !== 'string') report(place, `a text is expected, found ${describe(value)}`)
}

/** Anything. */
export const anything: Check = () => {}

/** One of a few values. */
export function oneOf(...values: unknown[]): Check {
  return (value, place) => {
    if (!values.includes(value))
      report(place, `${values.map(describe).join(' or ')} is expected, found ${describe(value)}`)
  }
}

/** A whole number within bounds, both inclusive. */
export function integer(least: number, most: number): Check {
  return (value, place) => {
    const fits = typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
    if (!fits) report(place, `a whole number from ${least} to ${most} is expected, found ${describe(value)}`)
  }
}

/** A list with at least one item, each checked. */
export function list(item: Check): Check {
  return (value, place) => {
    if (!Array.isArray(value) || value.length === 0) {
      return report(place, `a list with an item is expected, found ${describe(value)}`)
    }
    for (const [index, found] of value.entries()) item(found, within(place, index))
  }
}

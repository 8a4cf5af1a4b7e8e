/** Checks of paths, payload templates and calls of intrinsic functions. */
import { didYouMean } from '../../errors.ts'
import { type Check, describe, type Place, report, within } from './check-report.ts'
import { type Argument, parseExpression, readingProblem } from './intrinsic-call.ts'
import { type Path, parsePath, parseReferencePath } from './json-path.ts'
import { isObject } from './json-path-read.ts'

/** A path. */
export const path: Check = (value, place) => readPathText(value, place, parsePath)

/** A path, or null. */
export const pathOrNull: Check = (value, place) => {
  if (value !== null) path(value, place)
}

/** A path that names one node. */
export const referencePath: Check = (value, place) => readPathText(value, place, parseReferencePath)

/** Where a result goes: a reference path into the input, or null. */
export const resultPath: Check = (value, place) => {
  if (value === null) return
  readPathText(value, place, (text) => {
    const read = parseReferencePath(text)
    if (read.root === '$$') report(place, `${text}: the context object cannot be written`)
    const counted = read.steps.some((step) => step.kind === 'indices' && step.indices.some((index) => index < 0))
    if (counted) report(place, `${text}: a place to write to has no negative index`)
    return read
  })
}

/** A payload template: an object whose `.$` fields are paths or calls. */
export const template: Check = (value, place) => {
  if (isObject(value)) checkTemplateNode(value, place)
  else report(place, `an object is expected, found ${describe(value)}`)
}

function checkTemplateNode(node: unknown, place: Place): void {
  if (Array.isArray(node)) for (const [index, item] of node.entries()) checkTemplateNode(item, within(place, index))
  if (!isObject(node)) return
  for (const [key, value] of Object.entries(node)) {
    if (!key.endsWith('.$')) checkTemplateNode(value, within(place, key))
    else {
      expression(value, within(place, key))
      if (Object.hasOwn(node, key.slice(0, -2)))
        report(within(place, key), `there is a field ${key.slice(0, -2)} beside it`)
    }
  }
}

/** A path or a call of an intrinsic function. */
export const expression: Check = (value, place) => {
  if (typeof value !== 'string')
    return report(place, `a path or an intrinsic function is expected, found ${describe(value)}`)
  try {
    checkArgument(parseExpression(value), place)
  } catch (thrown) {
    report(place, readingProblem(thrown))
  }
}

// Developer guide, "Fail workflow state": the functions that give a text.
const textFunctions = [
  ...['States.Format', 'States.JsonToString', 'States.ArrayGetItem', 'States.Base64Encode', 'States.Base64Decode'],
  ...['States.Hash', 'States.UUID'],
]

/** A Fail state's ErrorPath or CausePath. */
export const textExpression: Check = (value, place) => {
  if (typeof value === 'string' && value.startsWith('$')) return referencePath(value, place)
  const name = typeof value === 'string' ? value.slice(0, value.indexOf('(')) : ''
  if (name.startsWith('States.') && !textFunctions.includes(name)) {
    report(place, `${name} cannot be used here; one of ${textFunctions.join(', ')} can`)
  } else expression(value, place)
}

function checkArgument(argument: Argument, place: Place): void {
  if (argument.kind === 'path') checkContextPath(argument.path, place)
  if (argument.kind === 'call') for (const inner of argument.arguments) checkArgument(inner, place)
}

function readPathText(value: unknown, place: Place, parse: (text: string) => Path): void {
  if (typeof value !== 'string') {
    report(place, `a path is expected, found ${describe(value)}`)
    return
  }
  try {
    checkContextPath(parse(value), place)
  } catch (thrown) {
    report(place, readingProblem(thrown))
  }
}

const contextFields = [
  ...[
    'Execution.Id',
    'Execution.Name',
    'Execution.Input',
    'Execution.StartTime',
    'StateMachine.Id',
    'StateMachine.Name',
  ],
  ...['State.Name', 'State.EnteredTime', 'State.RetryCount', 'Map.Item.Index', 'Map.Item.Value'],
]

/** Whole parts of the context object are refused: Step Functions has more in them than is known here. */
function checkContextPath(path: Path, place: Place): void {
  if (path.root === '$') return
  const names = path.steps.map((step) => (step.kind === 'key' ? step.name : '')).slice(0, 3)
  const asked = [names.slice(0, 2).join('.'), names.join('.')]
  const field = contextFields.find((name) => asked.includes(name))
  if (field === undefined) {
    const known = contextFields.map((name) => `$$.${name}`)
    report(place, `${path.text} is not supported${didYouMean(path.text, known)}; there are ${known.join(', ')}`)
    return
  }
  if (field.startsWith('Map.') && !place.inMap) report(place, `${path.text} is there only within a Map`)
  // Step Functions leaves it out of the other states' context.
  const retried = place.type === 'Task' || place.type === 'Parallel' || place.type === 'Map'
  if (field !== 'State.RetryCount' || retried) return
  report(place, `${path.text} is there only in Task, Parallel and Map states`)
}

/** Which fields each type of state has, and what is in them. Developer guide, "Workflow states". */
import { didYouMean } from '../../errors.ts'
import { choiceRule, timestamp } from './check-choice.ts'
import { catching, retry } from './check-guards.ts'
import { pathOrNull, referencePath, resultPath, template, textExpression } from './check-path.ts'
import {
  anyText,
  anything,
  type Check,
  checkFields,
  describe,
  type Fields,
  integer,
  list,
  oneOf,
  type Place,
  report,
  text,
} from './check-report.ts'
import { isObject } from './json-path-read.ts'
import type { StateType } from './types.ts'

const secondsMax = 99_999_999 // developer guide, "Task" and "Wait workflow state"

const common: Fields = { Type: anything, Comment: anyText, QueryLanguage: oneOf('JSONPath') }
const paths: Fields = { InputPath: pathOrNull, OutputPath: pathOrNull }
const transition: Fields = { Next: text, End: oneOf(true) }
const result: Fields = { ResultSelector: template, ResultPath: resultPath }
const guarded: Fields = { Retry: retry, Catch: catching }

type StateRules = { fields: Fields; required: string[]; oneOf?: string[][]; atMostOne?: string[][] }

/** What each type of state may have. `graph` and `processor` check the states within. */
function rulesOf(graph: Check, processor: Check): { [Type in StateType]: StateRules } {
  const ends = ['Next', 'End']
  const working = { ...common, ...paths, ...transition, ...result, ...guarded }
  const inItem: Check = (value, place) => template(value, { ...place, inMap: true })
  return {
    Task: {
      fields: { ...working, Resource: text, Parameters: template, TimeoutSeconds: integer(1, secondsMax) },
      required: ['Resource'],
      oneOf: [ends],
    },
    Parallel: {
      fields: { ...working, Branches: list(graph), Parameters: template },
      required: ['Branches'],
      oneOf: [ends],
    },
    Map: {
      fields: {
        ...{
          ...working,
          ItemProcessor: processor,
          Iterator: (value, place) => graph(value, { ...place, inMap: true }),
        },
        ...{
          ItemSelector: inItem,
          Parameters: inItem,
          ItemsPath: referencePath,
          MaxConcurrency: integer(0, 1_000_000),
        },
      },
      required: [],
      oneOf: [ends, ['ItemProcessor', 'Iterator']],
      atMostOne: [['ItemSelector', 'Parameters']],
    },
    Pass: {
      fields: { ...common, ...paths, ...transition, Result: anything, Parameters: template, ResultPath: resultPath },
      required: [],
      oneOf: [ends],
    },
    Choice: { fields: { ...common, ...paths, Choices: list(choiceRule), Default: text }, required: ['Choices'] },
    Wait: {
      fields: {
        ...{ ...common, ...paths, ...transition, Seconds: integer(0, secondsMax), SecondsPath: referencePath },
        ...{ Timestamp: timestamp, TimestampPath: referencePath },
      },
      required: [],
      oneOf: [ends, ['Seconds', 'SecondsPath', 'Timestamp', 'TimestampPath']],
    },
    Succeed: { fields: { ...common, ...paths }, required: [] },
    Fail: {
      fields: { ...common, Error: anyText, Cause: anyText, ErrorPath: textExpression, CausePath: textExpression },
      required: [],
      atMostOne: [
        ['Error', 'ErrorPath'],
        ['Cause', 'CausePath'],
      ],
    },
  }
}

/** Makes the check of one state, from the checks of the states within it. */
export function stateCheck(graph: Check, processor: Check): Check {
  const rules = rulesOf(graph, processor)
  const types = Object.keys(rules)
  return (value, place) => {
    if (!isObject(value)) return report(place, `an object is expected, found ${describe(value)}`)
    const type = types.find((name) => name === value.Type) as StateType | undefined
    if (type !== undefined) return checkRules(value, { ...place, type }, rules[type])
    const near = typeof value.Type === 'string' ? didYouMean(value.Type, types) : ''
    report(place, `Type must be one of ${types.join(', ')}, found ${describe(value.Type)}${near}`)
  }
}

function checkRules(state: object, place: Place, rules: StateRules): void {
  checkFields(state, place, rules.fields, rules.required)
  for (const names of rules.oneOf ?? []) {
    const found = names.filter((name) => Object.hasOwn(state, name))
    if (found.length !== 1) report(place, `one of ${names.join(', ')} is expected, found ${found.join(', ') || 'none'}`)
  }
  for (const names of rules.atMostOne ?? []) {
    if (names.every((name) => Object.hasOwn(state, name))) report(place, `${names.join(' and ')} exclude each other`)
  }
}

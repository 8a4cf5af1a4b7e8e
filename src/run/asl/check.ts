/**
 * The walk over a definition that refuses up front whatever this interpreter would do otherwise than Step Functions,
 * or not at all. Nothing is ignored: a field is known and has the language's meaning, or it is an error.
 */
import { didYouMean } from '../../errors.ts'
import {
  anyText,
  type Check,
  checkFields,
  type Fields,
  integer,
  oneOf,
  type Place,
  report,
  text,
  within,
} from './check-report.ts'
import { stateCheck } from './check-state.ts'
import { AslError, type AslProblem } from './errors.ts'
import { isObject } from './json-path-read.ts'
import type { StateMachine } from './types.ts'

const stateNameLengthMax = 80 // States Language, "States"
const timeoutSecondsMax = 99_999_999

/** The definition, checked. Throws `AslError` with everything that is wrong, each with its place and the nearest name. */
export function checkStateMachine(definition: unknown): StateMachine {
  const problems: AslProblem[] = []
  const place: Place = { where: '', inMap: false, problems, names: new Set() }
  const fields = {
    TimeoutSeconds: integer(1, timeoutSecondsMax),
    Version: oneOf('1.0'),
    QueryLanguage: oneOf('JSONPath'),
  }
  checkGraph(definition, place, fields)
  if (problems.length > 0) throw new AslError(problems)
  return definition as StateMachine
}

const graph: Check = (value, place) => checkGraph(value, leaveState(place), {})

const processor: Check = (value, place) =>
  checkGraph(value, leaveState({ ...place, inMap: true }), { ProcessorConfig: processorConfig })

const processorConfig: Check = (value, place) => checkFields(value, place, { Mode: oneOf('INLINE') }, ['Mode'])

const state = stateCheck(graph, processor)

function leaveState({ type: _, ...place }: Place): Place {
  return place
}

function checkGraph(value: unknown, place: Place, more: Fields): void {
  const fields = { Comment: anyText, StartAt: text, States: states, ...more }
  if (!checkFields(value, place, fields, ['StartAt', 'States']) || !isObject(value) || !isObject(value.States)) return
  checkTransitions(value.StartAt, value.States, place)
}

const states: Check = (value, place) => {
  if (!isObject(value) || Object.keys(value).length === 0) return report(place, 'an object with a state is expected')
  for (const [name, found] of Object.entries(value)) {
    const at = within(place, name)
    // Step Functions wants names unique within the whole machine, branches and processors included.
    if (place.names.has(name)) report(at, 'there is another state of this name')
    place.names.add(name)
    if (name.length > stateNameLengthMax) report(at, `a name has at most ${stateNameLengthMax} letters`)
    state(found, at)
  }
}

/** Every state named exists, every state is reached, and an end is among them. */
function checkTransitions(startAt: unknown, found: { [name: string]: unknown }, place: Place): void {
  const names = Object.keys(found)
  const below = within(place, 'States')
  const exists = (name: string, from: Place): boolean => {
    if (names.includes(name)) return true
    report(from, `there is no state ${JSON.stringify(name)} here${didYouMean(name, names)}`)
    return false
  }
  const reached = new Set<string>()
  const waiting = typeof startAt === 'string' && exists(startAt, within(place, 'StartAt')) ? [startAt] : []
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (reached.has(name)) continue
    reached.add(name)
    for (const [target, from] of targetsOf(found[name], within(below, name)))
      if (exists(target, from)) waiting.push(target)
  }
  if (reached.size === 0) return
  for (const name of names) if (!reached.has(name)) report(within(below, name), `no way leads here from ${startAt}`)
  if (![...reached].some((name) => isEnd(found[name])))
    report(below, 'no state ends this: End, Succeed or Fail is missing')
}

function isEnd(value: unknown): boolean {
  return isObject(value) && (value.End === true || value.Type === 'Succeed' || value.Type === 'Fail')
}

/** Where a state can go, with the place that says so. The state may be anything: its own check speaks about that. */
function targetsOf(value: unknown, place: Place): [target: string, place: Place][] {
  if (!isObject(value)) return []
  const own = [
    [value.Next, within(place, 'Next')],
    [value.Default, within(place, 'Default')],
  ] as [unknown, Place][]
  const listed = ['Choices', 'Catch'].flatMap((field) =>
    (Array.isArray(value[field]) ? value[field] : []).map((item, index): [unknown, Place] => [
      isObject(item) ? item.Next : undefined,
      within(within(within(place, field), index), 'Next'),
    ]),
  )
  return [...own, ...listed].filter((pair): pair is [string, Place] => typeof pair[0] === 'string')
}

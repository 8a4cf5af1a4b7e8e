/** Checks of Retry and Catch. */
import { didYouMean } from '../../errors.ts'
import { resultPath } from './check-path.ts'
import {
  anyText,
  type Check,
  checkFields,
  describe,
  integer,
  list,
  oneOf,
  type Place,
  report,
  text,
  within,
} from './check-report.ts'
import { isObject } from './json-path-read.ts'

// Developer guide, "Error names".
const statesErrors = [
  ...['States.ALL', 'States.BranchFailed', 'States.DataLimitExceeded', 'States.ExceedToleratedFailureThreshold'],
  ...['States.HeartbeatTimeout', 'States.Http.Socket', 'States.IntrinsicFailure', 'States.ItemReaderFailed'],
  ...['States.NoChoiceMatched', 'States.ParameterPathFailure', 'States.Permissions', 'States.QueryEvaluationError'],
  ...[
    'States.ResultPathMatchFailure',
    'States.ResultWriterFailed',
    'States.Runtime',
    'States.TaskFailed',
    'States.Timeout',
  ],
]

const errorName: Check = (value, place) => {
  text(value, place)
  const unknown = typeof value === 'string' && /^States?\./.test(value) && !statesErrors.includes(value)
  if (unknown) report(place, `${value} is not an error of Step Functions${didYouMean(value, statesErrors)}`)
}

const errorEquals: Check = (value, place) => {
  list(errorName)(value, place)
  if (Array.isArray(value) && value.includes('States.ALL') && value.length > 1)
    report(place, 'States.ALL must be alone')
}

const intervalSecondsMax = 99_999_999 // developer guide, "Retrying after an error"
const maxDelaySecondsMax = 31_622_399 // less than 31622400, a year

const backoffRate: Check = (value, place) => {
  if (typeof value !== 'number' || !(value >= 1)) report(place, `a number from 1 is expected, found ${describe(value)}`)
}

const retrier: Check = (value, place) => {
  const fields = {
    ErrorEquals: errorEquals,
    IntervalSeconds: integer(1, intervalSecondsMax),
    MaxAttempts: integer(0, intervalSecondsMax),
    BackoffRate: backoffRate,
    MaxDelaySeconds: integer(1, maxDelaySecondsMax),
    JitterStrategy: oneOf('FULL', 'NONE'),
    Comment: anyText,
  }
  checkFields(value, place, fields, ['ErrorEquals'])
}

const catcher: Check = (value, place) => {
  const fields = { ErrorEquals: errorEquals, Next: text, ResultPath: resultPath, Comment: anyText }
  checkFields(value, place, fields, ['ErrorEquals', 'Next'])
}

/** Retriers, tried in order; States.ALL only in the last. An empty list is none. */
export const retry: Check = (value, place) => guards(value, place, retrier)

/** Catchers, tried in order; States.ALL only in the last. An empty list is none. */
export const catching: Check = (value, place) => guards(value, place, catcher)

function guards(value: unknown, place: Place, check: Check): void {
  if (!Array.isArray(value)) {
    report(place, `a list is expected, found ${describe(value)}`)
    return
  }
  for (const [index, guard] of value.entries()) {
    check(guard, within(place, index))
    const all = isObject(guard) && Array.isArray(guard.ErrorEquals) && guard.ErrorEquals.includes('States.ALL')
    if (all && index < value.length - 1) report(within(place, index), 'States.ALL must be in the last one')
  }
}

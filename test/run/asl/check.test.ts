/** Refusals: each names the place, says what is wrong, and offers the nearest known name. */
import { expect, test } from 'vitest'
import { checkStateMachine } from '../../../src/run/asl/check.ts'
import { AslError } from '../../../src/run/asl/errors.ts'
import { lambda } from './harness.ts'

const problemsOf = (definition: unknown): string[] => {
  try {
    checkStateMachine(definition)
    return []
  } catch (thrown) {
    if (thrown instanceof AslError) return thrown.problems.map(({ where, message }) => `${where}: ${message}`)
    throw thrown
  }
}
const one = (state: object): object => ({ StartAt: 'A', States: { A: state } })
const task = { Type: 'Task', Resource: lambda('a'), End: true }
const succeed = { Type: 'Succeed' }
const inner = { StartAt: 'I', States: { I: succeed } }
const choice = (rule: object): object => ({
  StartAt: 'A',
  States: { A: { Type: 'Choice', Choices: [{ Next: 'B', ...rule }] }, B: succeed },
})

test.each([
  ['no object', 5, ': an object is expected, found 5'],
  ['no StartAt', { States: { A: succeed } }, 'StartAt is missing'],
  ['no States', { StartAt: 'A' }, 'States is missing'],
  ['no state', { StartAt: 'A', States: {} }, 'an object with a state'],
  [
    'StartAt nowhere',
    { StartAt: 'Laod', States: { Load: succeed } },
    'StartAt: there is no state "Laod" here; did you mean Load?',
  ],
  ['unknown top field', { ...inner, Timeout: 5 }, 'Timeout: field Timeout is not known'],
  ['JSONata', { ...inner, QueryLanguage: 'JSONata' }, 'QueryLanguage: "JSONPath" is expected'],
  ['version', { ...inner, Version: '2.0' }, 'Version: "1.0" is expected'],
  ['machine timeout', { ...inner, TimeoutSeconds: 0 }, 'TimeoutSeconds: a whole number from 1'],
  ['unknown type', one({ Type: 'Taks', End: true }), 'States.A: Type must be one of'],
  ['unknown type, nearest', one({ Type: 'Taks', End: true }), 'did you mean Task?'],
  [
    'unknown field',
    one({ ...task, Retrry: [] }),
    'States.A.Retrry: field Retrry is not known in a Task state; did you mean Retry?',
  ],
  [
    'unsupported field',
    one({ ...task, HeartbeatSeconds: 5 }),
    'States.A.HeartbeatSeconds: field HeartbeatSeconds is not supported in a Task state',
  ],
  ['unsupported field', one({ ...task, Assign: {} }), 'Assign is not supported'],
  ['unsupported field', one({ ...task, TimeoutSecondsPath: '$.t' }), 'TimeoutSecondsPath is not supported'],
  ['no Resource', one({ Type: 'Task', End: true }), 'States.A: field Resource is missing'],
  ['Next and End', one({ ...task, Next: 'A' }), 'one of Next, End is expected, found Next, End'],
  ['no Next or End', one({ Type: 'Pass' }), 'one of Next, End is expected, found none'],
  ['End false', one({ Type: 'Pass', End: false }), 'States.A.End: true is expected, found false'],
  [
    'Next nowhere',
    { StartAt: 'A', States: { A: { Type: 'Pass', Next: 'Stpo' }, Stop: succeed } },
    'States.A.Next: there is no state "Stpo" here; did you mean Stop?',
  ],
  [
    'Catch nowhere',
    one({ ...task, Catch: [{ ErrorEquals: ['E'], Next: 'X' }] }),
    'States.A.Catch[0].Next: there is no state "X"',
  ],
  ['unreachable', { StartAt: 'A', States: { A: succeed, B: succeed } }, 'States.B: no way leads here from A'],
  ['no end', one({ Type: 'Pass', Next: 'A' }), 'States: no state ends this'],
  ['long name', { StartAt: 'x'.repeat(81), States: { ['x'.repeat(81)]: succeed } }, 'at most 80 letters'],
  [
    'name twice',
    one({ Type: 'Parallel', Branches: [{ StartAt: 'A', States: { A: succeed } }], End: true }),
    'another state of this name',
  ],
  ['no Choices', one({ Type: 'Choice', Choices: [] }), 'States.A.Choices: a list with an item is expected'],
  [
    'Choice with End',
    {
      StartAt: 'A',
      States: {
        A: { Type: 'Choice', Choices: [{ Variable: '$', IsPresent: true, Next: 'B' }], End: true },
        B: succeed,
      },
    },
    'End is not known in a Choice state',
  ],
  [
    'two operators',
    choice({ Variable: '$', IsNull: true, IsString: true }),
    'one comparison operator is expected beside Variable, found 2',
  ],
  [
    'operator',
    choice({ Variable: '$', StringEqual: 'a' }),
    'States.A.Choices[0].StringEqual: field StringEqual is not known in a Choice state; did you mean StringEquals?',
  ],
  [
    'operand',
    choice({ Variable: '$', NumericEquals: '1' }),
    'Choices[0].NumericEquals: a number is expected, found "1"',
  ],
  ['operand', choice({ Variable: '$', TimestampEquals: '2025-01-15' }), 'a timestamp such as'],
  ['operand', choice({ Variable: '$', BooleanEquals: 'true' }), 'true or false is expected'],
  ['operand path', choice({ Variable: '$', StringEqualsPath: 'a' }), 'a path begins with $'],
  ['pattern', choice({ Variable: '$', StringMatches: 'a\\d' }), '\\d is not an escape'],
  ['pattern', choice({ Variable: '$', StringMatches: 'a\\' }), 'is not an escape'],
  ['variable', choice({ Variable: '$.a[*]', IsNull: true }), 'can name several nodes'],
  ['no variable', choice({ StringEquals: 'a' }), 'one of And, Or, Not and Variable is expected, found none'],
  [
    'nested Next',
    choice({ Not: { Variable: '$', IsNull: true, Next: 'B' } }),
    'Choices[0].Not.Next: field Next is not known',
  ],
  ['empty And', choice({ And: [] }), 'And: a list with an item is expected'],
  [
    'rule without Next',
    {
      StartAt: 'A',
      States: { A: { Type: 'Choice', Choices: [{ Variable: '$', IsNull: true }], Default: 'B' }, B: succeed },
    },
    'Choices[0]: field Next is missing',
  ],
  [
    'retrier field',
    one({ ...task, Retry: [{ ErrorEquals: ['E'], MaxAttemps: 2 }] }),
    'Retry[0].MaxAttemps: field MaxAttemps is not known in a Task state; did you mean MaxAttempts?',
  ],
  ['no ErrorEquals', one({ ...task, Retry: [{}] }), 'Retry[0]: field ErrorEquals is missing'],
  ['BackoffRate', one({ ...task, Retry: [{ ErrorEquals: ['E'], BackoffRate: 0.5 }] }), 'BackoffRate: a number from 1'],
  [
    'IntervalSeconds',
    one({ ...task, Retry: [{ ErrorEquals: ['E'], IntervalSeconds: 0 }] }),
    'IntervalSeconds: a whole number from 1',
  ],
  [
    'JitterStrategy',
    one({ ...task, Retry: [{ ErrorEquals: ['E'], JitterStrategy: 'HALF' }] }),
    '"FULL" or "NONE" is expected',
  ],
  [
    'States.ALL first',
    one({ ...task, Retry: [{ ErrorEquals: ['States.ALL'] }, { ErrorEquals: ['E'] }] }),
    'Retry[0]: States.ALL must be in the last one',
  ],
  [
    'States.ALL with others',
    one({ ...task, Retry: [{ ErrorEquals: ['States.ALL', 'E'] }] }),
    'States.ALL must be alone',
  ],
  [
    'error name',
    one({ ...task, Retry: [{ ErrorEquals: ['States.Timout'] }] }),
    'States.Timout is not an error of Step Functions; did you mean States.Timeout?',
  ],
  ['Retry on a Pass', one({ Type: 'Pass', End: true, Retry: [] }), 'Retry is not known in a Pass state'],
  ['TimeoutSeconds', one({ ...task, TimeoutSeconds: 1.5 }), 'TimeoutSeconds: a whole number'],
  ['InputPath', one({ ...task, InputPath: 'States.Array()' }), 'InputPath: a path begins with $'],
  ['ResultPath', one({ ...task, ResultPath: '$.a[*]' }), 'ResultPath: $.a[*] can name several nodes'],
  ['ResultPath', one({ ...task, ResultPath: '$$.a' }), 'ResultPath: $$.a: the context object cannot be written'],
  ['ResultPath', one({ ...task, ResultPath: '$.a[-1]' }), 'no negative index'],
  [
    'template',
    one({ ...task, Parameters: { a: [{ 'b.$': 'plain' }] } }),
    'Parameters.a[0].b.$: plain: a path or an intrinsic function is expected',
  ],
  ['template', one({ ...task, Parameters: { 'b.$': 5 } }), 'found 5'],
  ['template', one({ ...task, Parameters: 'x' }), 'Parameters: an object is expected'],
  ['template field twice', one({ ...task, Parameters: { a: 1, 'a.$': '$' } }), 'there is a field a beside it'],
  [
    'function',
    one({ ...task, Parameters: { 'a.$': 'States.Arry()' } }),
    'States.Arry is not an intrinsic function; did you mean States.Array?',
  ],
  [
    'context field',
    one({ ...task, Parameters: { 'a.$': '$$.Execution.RoleArn' } }),
    '$$.Execution.RoleArn is not supported',
  ],
  [
    'context field in a function',
    one({ ...task, Parameters: { 'a.$': 'States.Array($$.Task.Token)' } }),
    '$$.Task.Token is not supported',
  ],
  ['whole context', one({ ...task, Parameters: { 'a.$': '$$' } }), '$$ is not supported'],
  ['Map context outside', one({ ...task, Parameters: { 'a.$': '$$.Map.Item.Value' } }), 'only within a Map'],
  [
    'RetryCount in Pass',
    one({ Type: 'Pass', Parameters: { 'a.$': '$$.State.RetryCount' }, End: true }),
    'only in Task, Parallel and Map',
  ],
  ['no processor', one({ Type: 'Map', End: true }), 'one of ItemProcessor, Iterator is expected, found none'],
  [
    'two processors',
    one({ Type: 'Map', ItemProcessor: inner, Iterator: { StartAt: 'J', States: { J: succeed } }, End: true }),
    'found ItemProcessor, Iterator',
  ],
  [
    'distributed',
    one({
      Type: 'Map',
      ItemProcessor: { ...inner, ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' } },
      End: true,
    }),
    'ProcessorConfig.Mode: "INLINE" is expected',
  ],
  [
    'distributed',
    one({ Type: 'Map', ItemProcessor: inner, ItemReader: {}, End: true }),
    'ItemReader is not supported in a Map state',
  ],
  [
    'both selectors',
    one({ Type: 'Map', ItemProcessor: inner, ItemSelector: {}, Parameters: {}, End: true }),
    'ItemSelector and Parameters exclude each other',
  ],
  [
    'MaxConcurrency',
    one({ Type: 'Map', ItemProcessor: inner, MaxConcurrency: -1, End: true }),
    'MaxConcurrency: a whole number from 0',
  ],
  [
    'ItemsPath',
    one({ Type: 'Map', ItemProcessor: inner, ItemsPath: '$.a[*]', End: true }),
    'ItemsPath: $.a[*] can name several nodes',
  ],
  [
    'machine field in a branch',
    one({ Type: 'Parallel', Branches: [{ ...inner, TimeoutSeconds: 5 }], End: true }),
    'Branches[0].TimeoutSeconds: field TimeoutSeconds is not known',
  ],
  [
    'within a branch',
    one({ Type: 'Parallel', Branches: [{ StartAt: 'I', States: { I: { Type: 'Pass', Ende: true } } }], End: true }),
    'States.A.Branches[0].States.I.Ende: field Ende is not known in a Pass state; did you mean End?',
  ],
  [
    'a branch cannot leave',
    {
      StartAt: 'A',
      States: {
        A: { Type: 'Parallel', Branches: [{ StartAt: 'I', States: { I: { Type: 'Pass', Next: 'B' } } }], Next: 'B' },
        B: succeed,
      },
    },
    'Branches[0].States.I.Next: there is no state "B" here',
  ],
  ['no Branches', one({ Type: 'Parallel', Branches: [], End: true }), 'Branches: a list with an item is expected'],
  [
    'Wait without time',
    one({ Type: 'Wait', End: true }),
    'one of Seconds, SecondsPath, Timestamp, TimestampPath is expected, found none',
  ],
  ['Wait with two', one({ Type: 'Wait', Seconds: 1, SecondsPath: '$', End: true }), 'found Seconds, SecondsPath'],
  ['Wait Timestamp', one({ Type: 'Wait', Timestamp: 'tomorrow', End: true }), 'Timestamp: a timestamp such as'],
  ['Fail with both', one({ Type: 'Fail', Error: 'E', ErrorPath: '$.e' }), 'Error and ErrorPath exclude each other'],
  ['Fail with Next', one({ Type: 'Fail', Next: 'A' }), 'Next is not known in a Fail state'],
  [
    'Fail with a list function',
    one({ Type: 'Fail', CausePath: 'States.Array(1)' }),
    'States.Array cannot be used here',
  ],
])('%s', (_name, definition, message) => {
  expect(problemsOf(definition).join('\n')).toContain(message)
})

test('everything that is wrong is said at once', () => {
  const definition = {
    StartAt: 'A',
    States: { A: { ...task, Retrry: [], InputPath: 'x' }, B: { Type: 'Pass', End: true, Foo: 1 } },
  }
  expect(problemsOf(definition)).toHaveLength(4)
  expect(() => checkStateMachine(definition)).toThrow(
    /cannot run here\n {2}States\.A\.Retrry: .*\n {2}States\.A\.InputPath/,
  )
})

test('names of JavaScript are nothing special', () => {
  expect(problemsOf({ StartAt: 'constructor', States: { A: succeed } })[0]).toContain('no state "constructor"')
  expect(problemsOf(one({ ...succeed, toString: 1 }))[0]).toContain('field toString is not known')
  expect(problemsOf(JSON.parse('{"StartAt":"__proto__","States":{"__proto__":{"Type":"Succeed"}}}'))).toEqual([])
})

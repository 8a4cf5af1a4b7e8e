/** What pipelines may not say, and what --only leaves of one. */
import { call, choice, definePipeline, fail, map, parallel, pass, type Step, step, withInput } from 'millrace'
import { describe, expect, it } from 'vitest'
import { chooseSteps } from '../../src/define/choose-steps.ts'
import { bindTask, type DataStep } from '../../src/define/steps.ts'
import { allSteps, stateOf } from '../../src/define/walk-steps.ts'
import { tableTask } from '../run/lake.ts'

const work = (name: string, more: object = {}): Step =>
  call(name, { functionName: name, run: async () => null, ...more })
const tasksOf = (steps: Step[]): Step[] =>
  definePipeline({ name: 'p', description: '', params: {}, metrics: [], tasks: () => steps }).tasks({}, undefined)

describe('a pipeline is refused', () => {
  it.each<[string, Step[], RegExp]>([
    [
      'two tasks of a name',
      [tableTask('a'), tableTask('a')],
      /p {2}two steps are named "a" \(a data task and a data task\)/,
    ],
    [
      'a state named as a step deep within',
      [
        map('Map', { steps: [work('x', { catch: [{ errors: ['E'], steps: [pass('Late')] }] })] }),
        work('y', { state: 'Late' }),
      ],
      /two steps are named "Late" \(a pass and a call with the state "Late"\)/,
    ],
    ['a task name with blanks', [work('a b')], /task name "a b" is refused: .*state: '…'/],
    ['a state name that is too long', [pass('x'.repeat(81))], /state name "x+" is refused: expected 1 to 80/],
    ['a state name with a line end', [work('a', { state: 'a\nb' })], /state name "a\\nb" is refused/],
    ['a need that is no step', [work('load'), work('a', { needs: ['laod'] })], /a needs "laod", .*did you mean load\?/],
  ])('for %s', (_, steps, message) => {
    expect(() => tasksOf(steps)).toThrow(message)
  })

  it('for a Map, branch or choice without steps, and a task bound under another name', () => {
    expect(() => map('M', { steps: [] })).toThrow(/map M has no step/)
    expect(() => parallel('P', { branches: [[pass('a')], []] })).toThrow(/parallel P, branch 1 has no step/)
    expect(() => choice('C', { choices: [] })).toThrow(/choice C has no condition/)
    const bound = withInput('a', { bind: () => tableTask('b') })
    expect(() => bindTask(bound, null)).toThrow(/task a {2}bind gave a task named b/)
  })
})

describe('--only', () => {
  const steps: Step[] = [
    step(tableTask('land'), { state: 'Landing' }),
    work('find', { needs: ['land'] }),
    pass('Tables', { needs: ['find'] }),
    work('unrelated'),
    map('Map', {
      needs: ['Tables'],
      steps: [
        pass('Pass'),
        withInput('table', {
          state: 'Move',
          needs: ['Pass'],
          bind: () => tableTask('table'),
          catch: [{ errors: ['States.ALL'], steps: [work('tell')] }],
        }),
        work('after-table'),
      ],
    }),
    parallel('Both', { branches: [[work('left')], [work('right')]] }),
    choice('Bad?', {
      choices: [{ when: { Variable: '$', IsNull: true }, steps: [fail('Bad')] }],
      otherwise: [work('good')],
    }),
  ]
  const states = (only: string | null): string[] =>
    allSteps(chooseSteps('p', tasksOf(steps), only)).map((placed) => stateOf(placed.step))

  it.each([
    ['land', ['Landing']],
    ['Landing', ['Landing']],
    ['find', ['Landing', 'find']],
    ['table', ['Landing', 'find', 'Tables', 'Map', 'Pass', 'Move', 'tell']],
    ['tell', ['Landing', 'find', 'Tables', 'Map', 'tell']],
    ['right', ['right']],
    ['Both', ['Both', 'left', 'right']],
    ['good', ['good']],
  ])('%s leaves %j', (only, expected) => {
    expect(states(only)).toEqual(expected)
  })

  it('null leaves everything; an unknown name is refused with the nearest', () => {
    expect(states(null)).toHaveLength(15)
    expect(() => states('after-tabel')).toThrow(
      /--only after-tabel is no task of p \(land, Landing, .*\); did you mean after-table\?/,
    )
  })

  it('a task that is bound knows it', () => {
    const [land] = tasksOf(steps) as [DataStep]
    expect(bindTask(land, null)).toEqual(tableTask('land'))
  })
})

/** What of earlier attempts still stands. */
import { expect, it } from 'vitest'
import type { Event, RunEvent } from '../../src/events.ts'
import { recordedExits } from '../../src/run/recorded-exits.ts'

/** `+a` starts a task, `a` exits it, `!a` is caught. */
function standing(log: string): string[] {
  const events = log.split(' ').map((text): RunEvent => {
    const path = text.replace(/^[+!]/, '')
    const event: Event = text.startsWith('+')
      ? { type: 'task-started', task: 't', path }
      : text.startsWith('!')
        ? { type: 'state-caught', path, state: 's', name: 'E', error: '', next: 'x' }
        : { type: 'state-exited', path, output: null, next: null }
    return { at: '', run: '', ...event }
  })
  return [...recordedExits(events).keys()]
}

it.each([
  ['a sequence stands', '+a a +b b', ['a', 'b']],
  ['a task that was caught does not', '+a a +b !b +c c', ['a', 'c']],
  ['what came after a task that was begun again is void', '+a a +b b +c c +a a', ['a']],
  ['also when that did not end', '+a a +b b +a', []],
  ['what was run after it stands again', '+a !a +b b +c +a a +b b', ['a', 'b']],
  ['a later failure voids nothing before it', '+a !a +b b +c +a a +b b +c', ['a', 'b']],
  ['an iteration does not void its siblings', '+M[0]/a M[0]/a +M[1]/a +M[2]/a M[2]/a +M[1]/a', ['M[0]/a', 'M[2]/a']],
  ['but what follows the Map', '+M[0]/a M[0]/a +M[1]/a !M[1]/a M +z z +M[1]/a M[1]/a', ['M[0]/a', 'M[1]/a']],
  ['nor does a branch', '+P<0>/a +P<1>/a P<1>/a +P<0>/a P<0>/a +z z', ['P<1>/a', 'P<0>/a', 'z']],
  ['a task before the Map voids all of it', '+a a +M[0]/a M[0]/a M +a', []],
  ['iterations of an inner Map too', '+M[0]/a +M[0]/N[0]/b M[0]/N[0]/b +M[1]/c M[1]/c +M[0]/a', ['M[1]/c']],
])('%s', (_, log, expected) => {
  expect(standing(log)).toEqual(expected)
})

/**
 * Each folder of cases/ is a machine, its input and what Step Functions makes of it. `tasks.json` scripts the tasks: per
 * function the outcomes of its calls in order. asl-validator, which is not ours, must accept every definition.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import aslValidator from 'asl-validator'
import { describe, expect, test } from 'vitest'
import { StatesError } from '../../../src/run/asl/errors.ts'
import type { Invocation } from '../../../src/run/asl/types.ts'
import type { Json } from '../../../src/types.ts'
import { execute, pathsOf } from './harness.ts'

type Outcome = { output?: Json; error?: string; cause?: string; throws?: string; seconds?: number }
type Expected = {
  output?: Json
  error?: string
  cause?: string
  /** The visit that failed. */
  at?: string
  /** Every visit, in order of entry. */
  path?: string[]
  /** The tasks' parameters, in order. */
  calls?: Json[]
  seconds?: number
}

const root = path.join(import.meta.dirname, 'cases')

describe.each(fs.readdirSync(root))('%s', (name) => {
  const read = (file: string): unknown => JSON.parse(fs.readFileSync(path.join(root, name, `${file}.json`), 'utf8'))
  const definition = read('definition')

  test('is a definition that asl-validator accepts', () => {
    expect(aslValidator(definition).errors).toEqual([])
  })

  test('runs as expected', async () => {
    const script = fs.existsSync(path.join(root, name, 'tasks.json'))
      ? (read('tasks') as { [task: string]: Outcome[] })
      : {}
    const run = await execute(definition, read('input') as Json, async (call, clock) => {
      const outcome = script[functionOf(call)]?.shift()
      if (outcome === undefined) throw new Error(`a call too many: ${call.resource}`)
      if (outcome.seconds !== undefined) await clock.sleep(outcome.seconds * 1000, call.signal)
      if (outcome.error !== undefined) throw new StatesError(outcome.error, outcome.cause ?? '')
      if (outcome.throws !== undefined) throw new Error(outcome.throws)
      return outcome.output ?? null
    })
    const seen = {
      output: run.output,
      error: run.failed?.error,
      cause: run.failed?.cause,
      at: run.failed?.path,
      path: pathsOf(run.events, 'state-entered'),
      calls: run.calls.map((call) => call.parameters),
      seconds: run.elapsedMs / 1000,
    }
    const expected = expectedOf(name, seen)
    expect(seen).toMatchObject(expected)
    // An outcome the case does not name did not happen.
    expect([seen.output === undefined, seen.error === undefined]).toEqual([
      !('output' in expected),
      !('error' in expected),
    ])
    expect(run.sleepers).toBe(0)
  })
})

function functionOf(call: Invocation): string {
  return call.resource.slice(call.resource.lastIndexOf(':') + 1)
}

function expectedOf(name: string, seen: object): Expected {
  const file = path.join(root, name, 'expected.json')
  if (!fs.existsSync(file) && process.env.CI === undefined) fs.writeFileSync(file, `${JSON.stringify(seen, null, 2)}\n`)
  return JSON.parse(fs.readFileSync(file, 'utf8'))
}

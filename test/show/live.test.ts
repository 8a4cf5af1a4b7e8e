/** What a person sees while a run with a Map goes on: the line that is rewritten, and the lines that stay. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Event, foldRun, type RunEvent } from '../../src/events.ts'
import { createDisplay, type Display } from '../../src/show/live.ts'
import { runText } from '../../src/show/run.ts'

const at = '2025-11-03T06:00:00.000Z'
const kept = (event: Event): RunEvent => ({ at, run: 'r', ...event })
const started = kept({
  ...{ type: 'run-started', pipeline: 'p', attempt: 1, params: {}, env: 'dev', engine: 'duckdb', dryRun: false },
  ...{ only: null, process: { pid: 1, host: 'h', started: '' }, version: '0' },
})
const path = (index: number): string => `Map[${index}]/Move`
const task = (index: number): { task: string; path: string } => ({ task: 'table', path: path(index) })
const events: RunEvent[] = [
  started,
  kept({ type: 'map-started', path: 'Map', state: 'Map', items: ['FIELD', 'CROP', 'COUNTY'], maxConcurrency: 2 }),
  kept({ type: 'task-started', ...task(0) }),
  kept({ type: 'task-started', ...task(1) }),
  kept({ type: 'task-retried', ...task(1), attempt: 2, error: 'the disk is full', delayMs: 2000 }),
  kept({ type: 'task-finished', ...task(0), output: {}, seconds: 1.5 }),
  kept({ type: 'item-finished', path: 'Map[0]', index: 0, outcome: 'succeeded', error: null }),
  kept({ type: 'task-started', ...task(2) }),
]
const failing: RunEvent[] = [
  kept({ type: 'task-failed', ...task(1), error: 'no files', code: 'no-input' }),
  kept({
    type: 'state-caught',
    path: path(1),
    state: 'Move',
    name: 'States.TaskFailed',
    error: 'no files',
    next: 'Tell',
  }),
  kept({ type: 'alert-sent', notifier: 'log', error: null, details: { TableName: 'CROP', ErrorMessage: 'no\nfiles' } }),
  kept({ type: 'item-finished', path: 'Map[1]', index: 1, outcome: 'caught', error: 'no files' }),
  kept({ type: 'item-finished', path: 'Map[2]', index: 2, outcome: 'failed', error: 'it broke' }),
]

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function show(isTerminal: boolean, columns: number, act: (display: Display) => void): string {
  const written: string[] = []
  const screen = {
    isTerminal,
    hasColor: false,
    columns: () => columns,
    write: (text: string) => void written.push(text),
  }
  const display = createDisplay(screen)
  act(display)
  display.end()
  return written.join('')
}

function work(display: Display): void {
  for (const event of events) display.event(event)
  display.progress('table', { phase: 'read', percent: 40 }, path(1))
  display.progress('table', { phase: 'write', percent: 80 }, path(2))
  vi.advanceTimersByTime(200)
}

const lastLine = (text: string): string | undefined =>
  text
    .split('\r\u001b[2K')
    .filter((line) => line !== '')
    .at(-1)

describe('on a terminal', () => {
  it('one line has the Map and each item at work', () => {
    expect(lastLine(show(true, 100, work))).toMatch(/^Map 1 of 3 · CROP read 40 % · COUNTY write 80 % {2}\d+\.\d s$/)
  })

  it('the line is cut to the width, the seconds stay', () => {
    const line = lastLine(show(true, 32, work)) ?? ''
    expect(line).toMatch(/^Map 1 of 3 · CROP read.*… {2}\d+\.\d s$/)
    expect(line.length).toBe(31)
  })

  it('a task alone is shown as ever, and one without a run too', () => {
    const alone = (display: Display): void => {
      display.progress('sample x', { phase: 'write', percent: 50 })
      vi.advanceTimersByTime(200)
    }
    expect(lastLine(show(true, 80, alone))).toMatch(/^sample x {2}write 50 % {2}\d+\.\d s$/)
  })
})

it('in a pipe there is a line for what is done, failed, caught and tried again, each with its item', () => {
  const text = show(false, 80, (display) => {
    work(display)
    for (const event of failing) display.event(event)
  })
  expect(text.trimEnd().split('\n')).toEqual([
    'run r',
    'Map  3 items, 2 at a time',
    'table CROP  tries again in 2.0 s: the disk is full',
    'table FIELD  done in 1.5 s',
    'table CROP  failed',
    'Move CROP  goes on with Tell: no files',
    'alert: TableName=CROP ErrorMessage=no\\nfiles',
    'Map COUNTY  failed: it broke',
  ])
})

it('show tells each item, and names tasks by theirs', () => {
  const state = foldRun([...events, ...failing])
  const text = state === null ? '' : runText(state)
  expect(text).toContain(`map Map: 1 of 3 items succeeded
  item    status     seconds  error
  ──────  ─────────  ───────  ────────
  FIELD   succeeded  1.5
  CROP    caught              no files
  COUNTY  failed              it broke`)
  expect(text).toContain('task table CROP: failed\n  no files')
  // A new attempt goes on from what succeeded.
  const again = foldRun([...events, ...failing, { ...started, attempt: 2 } as RunEvent])
  expect(again?.maps[0]?.items.map(({ status }) => status)).toEqual(['succeeded', 'waiting', 'waiting'])
})

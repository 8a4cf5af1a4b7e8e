/** Progress on standard error: on a terminal one line that is rewritten, in a pipe plain lines. */
import { styleText } from 'node:util'
import { foldEvent, itemNameOf, type MapState, type RunEvent, type RunState } from '../events.ts'
import type { Progress } from '../types.ts'
import { eventLine } from './run.ts'
import { cutTo, duration, oneLine } from './text.ts'

/** `columns` is the terminal's width now; undefined where it has none. */
export type Screen = {
  isTerminal: boolean
  hasColor: boolean
  columns?: () => number | undefined
  write: (text: string) => void
}

export type Display = {
  event: (event: RunEvent) => void
  /** `path` tells tasks of one name apart. */
  progress: (task: string, progress: Progress, path?: string) => void
  line: (text: string) => void
  end: () => void
}

/** Tasks at work, by path, with what they last said of themselves. */
type Working = Map<string, { task: string; progress: Progress | null }>

const clearLine = '\r\u001b[2K'
const redrawEveryMs = 100

/** A display that says nothing. */
export const quietDisplay: Display = { event: () => {}, progress: () => {}, line: () => {}, end: () => {} }

/** Shows events as lines; on a terminal, what is at work, with phase, per cent and seconds, below them. */
export function createDisplay(screen: Screen): Display {
  const startedMs = performance.now()
  let state: RunState | null = null
  const working: Working = new Map()
  let drawnMs = 0
  const draw = (): void => {
    const text = screen.isTerminal ? workText(working, state?.maps ?? []) : ''
    if (text === '') return
    const seconds = `  ${duration((performance.now() - startedMs) / 1000)}`
    // A line as wide as the terminal would be continued on the next one, and that one is not cleared.
    const width = (screen.columns?.() ?? 80) - 1 - seconds.length
    screen.write(`${clearLine}${cutTo(text, width)}${seconds}`)
    drawnMs = performance.now()
  }
  // The seconds go on while an engine has nothing to say.
  const timer = setInterval(draw, redrawEveryMs)
  timer.unref()
  const line = (text: string): void => {
    screen.write(`${screen.isTerminal ? clearLine : ''}${text}\n`)
    draw()
  }
  return {
    line,
    event: (event) => {
      state = foldEvent(state, event)
      if (event.type === 'task-started') working.set(event.path, { task: event.task, progress: null })
      if (event.type === 'task-finished' || event.type === 'task-failed') working.delete(event.path)
      const text = eventLine(event, state?.maps)
      if (text !== null) line(colored(text, event, screen))
    },
    progress: (task, progress, path = task) => {
      working.set(path, { task, progress })
      if (performance.now() - drawnMs >= redrawEveryMs) draw()
    },
    end: () => {
      clearInterval(timer)
      working.clear()
      if (screen.isTerminal) screen.write(clearLine)
    },
  }
}

/** `Map 5 of 12 · FIELD read 40 % · CROP write 80 %`; nothing while no task is at work. */
function workText(working: Working, maps: readonly MapState[]): string {
  const counts = maps
    .filter(({ items }) => items.some(({ status }) => status === 'running'))
    .map(({ state, path, items }) => {
      const done = items.filter(({ status }) => !['waiting', 'running'].includes(status)).length
      return `${subjectOf(state, path, maps)} ${done} of ${items.length}`
    })
  const isAlone = working.size === 1 && counts.length === 0
  const tasks = [...working].map(([path, { task, progress }]) => {
    const subject = itemNameOf(maps, path) === null ? task : oneLine(itemNameOf(maps, path))
    if (progress === null) return { text: subject, isMoving: false }
    const percent = Math.max(0, Math.min(100, progress.percent)).toFixed(0)
    return { text: `${subject}${isAlone ? '  ' : ' '}${progress.phase} ${percent} %`, isMoving: true }
  })
  // What moves comes first: the line may be cut.
  const ordered = [...tasks.filter(({ isMoving }) => isMoving), ...tasks.filter(({ isMoving }) => !isMoving)]
  return working.size === 0 ? '' : [...counts, ...ordered.map(({ text }) => text)].join(' · ')
}

function subjectOf(name: string, path: string, maps: readonly MapState[]): string {
  const item = itemNameOf(maps, path)
  return item === null ? name : `${name} ${oneLine(item)}`
}

function colored(text: string, event: RunEvent, screen: Screen): string {
  if (!screen.hasColor) return text
  if (['warning', 'recovered', 'task-retried', 'state-caught', 'alert-sent'].includes(event.type))
    return styleText('yellow', text, { validateStream: false })
  if (event.type === 'task-failed' || event.type === 'item-finished')
    return styleText('red', text, { validateStream: false })
  return text
}

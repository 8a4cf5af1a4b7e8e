/** Progress on standard error: on a terminal one line that is rewritten, in a pipe plain lines. */
import { styleText } from 'node:util'
import type { RunEvent } from '../events.ts'
import type { Progress } from '../types.ts'
import { eventLine } from './run.ts'
import { duration } from './text.ts'

export type Screen = { isTerminal: boolean; hasColor: boolean; write: (text: string) => void }

export type Display = {
  event: (event: RunEvent) => void
  progress: (task: string, progress: Progress) => void
  line: (text: string) => void
  end: () => void
}

const clearLine = '\r\u001b[2K'
const redrawEveryMs = 100

/** A display that says nothing. */
export const quietDisplay: Display = { event: () => {}, progress: () => {}, line: () => {}, end: () => {} }

/** Shows events as lines; on a terminal, the running task's phase, per cent and seconds below them. */
export function createDisplay(screen: Screen): Display {
  const startedMs = performance.now()
  let current: { task: string; progress: Progress } | null = null
  let drawnMs = 0
  const draw = (): void => {
    if (!screen.isTerminal || current === null) return
    const { task, progress } = current
    const seconds = duration((performance.now() - startedMs) / 1000)
    screen.write(
      `${clearLine}${task}  ${progress.phase} ${Math.max(0, Math.min(100, progress.percent)).toFixed(0)} %  ${seconds}`,
    )
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
      if (event.type === 'task-finished' || event.type === 'task-failed') current = null
      const text = eventLine(event)
      if (text !== null) line(colored(text, event, screen))
    },
    progress: (task, progress) => {
      current = { task, progress }
      if (performance.now() - drawnMs >= redrawEveryMs) draw()
    },
    end: () => {
      clearInterval(timer)
      current = null
      if (screen.isTerminal) screen.write(clearLine)
    },
  }
}

function colored(text: string, event: RunEvent, screen: Screen): string {
  if (!screen.hasColor) return text
  if (event.type === 'warning' || event.type === 'recovered')
    return styleText('yellow', text, { validateStream: false })
  if (event.type === 'task-failed') return styleText('red', text, { validateStream: false })
  return text
}

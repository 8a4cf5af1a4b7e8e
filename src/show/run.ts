/** A run as text. */
import { unreachable } from '../errors.ts'
import {
  itemNameOf,
  type MapState,
  type PartitionState,
  type RunEvent,
  type RunState,
  type TaskState,
} from '../events.ts'
import type { CommitCounts, TableCounts } from '../types.ts'
import { bytes, count, duration, oneLine, plural, table } from './text.ts'

/**
 * The line an event gives while the run goes on, with the Maps so far; null for events that say nothing new to a person.
 * A task of a Map's item is named with the item.
 */
export function eventLine(event: RunEvent, maps: readonly MapState[] = []): string | null {
  const subject = 'path' in event ? subjectOf(event, maps) : ''
  switch (event.type) {
    case 'run-started':
      return `run ${event.run}${event.attempt > 1 ? `, attempt ${event.attempt}` : ''}${event.dryRun ? ', dry run: nothing is written' : ''}`
    case 'recovered':
      return `mended: ${event.message}`
    case 'task-planned': {
      if (event.what !== undefined) return `${subject}  ${event.partition}: ${event.what}`
      const standing =
        event.standingFiles === 0
          ? ''
          : `, with ${plural(event.standingFiles, 'standing file')} (${plural(event.standingRows, 'row')})`
      return `${subject}  ${event.partition}: ${plural(event.files, 'new file')}, ${plural(event.rows, 'row')}, ${bytes(event.bytes)}${standing}`
    }
    case 'published':
      return `${subject}  ${event.partition}: ${event.dryRun ? 'would publish' : 'published'} ${countsText(event.counts)} in ${plural(event.files, 'file')}${historyText(event.counts)}`
    case 'table-changed':
      return `${subject}  ${event.partition}: ${changesText(event.counts)}${event.snapshot === null ? '' : `, snapshot ${event.snapshot}`}`
    case 'unchanged':
      if (event.why !== undefined) return `${subject}  ${event.partition}: ${event.why}; nothing changed`
      return `${subject}  ${event.partition}: no new files (${count(event.consumed)} consumed before); nothing changed`
    case 'task-finished':
      return `${subject}  done in ${duration(event.seconds)}`
    case 'task-failed':
      return `${subject}  failed`
    case 'warning':
      return `warning: ${event.message}`
    case 'task-retried':
      return `${subject}  tries again in ${duration(event.delayMs / 1000)}: ${event.error}`
    case 'map-started':
      return `${subject}  ${itemsText(event.items.length, event.maxConcurrency)}`
    case 'item-finished':
      return event.outcome === 'failed' ? `${subject}  failed: ${event.error}` : null
    case 'state-caught':
      return `${subject}  goes on with ${event.next}: ${event.error}`
    case 'alert-sent':
      if (event.error !== null) return `warning: the alert was not sent by ${event.notifier}: ${event.error}`
      return event.notifier === 'log' && event.details !== undefined ? `alert: ${detailsText(event.details)}` : null
    case 'task-started':
    case 'checked':
    case 'catalog-changed': // its plan was told, and nothing can differ
    case 'state-exited':
    case 'run-finished':
      return null
    default:
      return unreachable(event)
  }
}

function itemsText(items: number, atOnce: number): string {
  if (items === 0) return 'no items'
  return `${plural(items, 'item')}${atOnce < items ? `, ${count(atOnce)} at a time` : ''}`
}

function detailsText(details: Record<string, string>): string {
  return Object.entries(details)
    .map(([name, value]) => `${name}=${oneLine(value)}`)
    .join(' ')
}

function subjectOf(event: RunEvent & { path: string }, maps: readonly MapState[]): string {
  const name = 'task' in event ? event.task : 'state' in event ? event.state : mapOf(maps, event.path)?.state
  const item = itemNameOf(maps, event.path)
  return [name, item === null ? undefined : oneLine(item)].filter((part) => part !== undefined).join(' ')
}

function mapOf(maps: readonly MapState[], item: string): MapState | undefined {
  return maps.find(({ items }) => items.some(({ path }) => path === item))
}

function countsText(counts: CommitCounts): string {
  const more = (name: 'deletes' | 'removed', what: string): string =>
    counts[name] === undefined || counts[name] === 0 ? '' : ` + ${count(counts[name])} ${what}`
  if (counts.tables !== undefined) {
    const each = `${plural(counts.tables, 'table')} of ${plural(counts.rowsIn - counts.quarantined, 'row')}`
    return `${plural(counts.rowsIn, 'row')} as ${each} + ${count(counts.quarantined)} quarantined`
  }
  const standing = counts.rowsStanding === 0 ? '' : ` + ${count(counts.rowsStanding)} standing`
  const outcome = `${plural(counts.rowsOut, 'row')} + ${count(counts.duplicates)} duplicates${more('deletes', 'deletes')}${more('removed', 'taken out')} + ${count(counts.quarantined)} quarantined`
  return `${count(counts.rowsIn)} new${standing} = ${outcome}`
}

/** What was counted; what is none is not said, but for the rows read. */
function changesText(counts: TableCounts): string {
  const { rowsIn, inserted, updated, deleted, unchanged, superseded, quarantined } = counts
  const rows = { inserted, updated, deleted, unchanged, superseded, quarantined, 'in conflict': counts.conflicts ?? 0 }
  const others = {
    'files compacted': rowsIn === 0 ? (counts.files ?? 0) : 0,
    'snapshots expired': counts.snapshotsExpired ?? 0,
    'orphan files removed': counts.orphansRemoved ?? 0,
  }
  const parts = Object.entries({ ...rows, ...others }).filter(([, value]) => value > 0)
  const text = parts.map(([what, value]) => `${count(value)} ${what}`).join(', ')
  return rowsIn === 0 && text !== '' ? text : `${plural(rowsIn, 'row')}${text === '' ? ', none changed' : `: ${text}`}`
}

/** The changes that a history got, beside what went into the table. */
function historyText({ changesOut = 0 }: CommitCounts): string {
  return changesOut === 0 ? '' : `; ${plural(changesOut, 'change')} to the history`
}

/** The line that log queries look for: `METRICS: name=value, …`. */
export function metricsLine(metrics: Record<string, number>): string {
  const pairs = Object.entries(metrics).map(
    ([name, value]) => `${name}=${name === 'duration_seconds' ? value.toFixed(2) : value}`,
  )
  return `METRICS: ${pairs.join(', ')}`
}

/** What there is to know of one run. */
export function runText(run: RunState): string {
  const parts = [
    `run       ${run.run}`,
    `pipeline  ${run.pipeline}${run.dryRun ? ' (dry run)' : ''}, engine ${run.engine}, env ${run.env}`,
    `status    ${run.status}${run.attempts > 1 ? ` at attempt ${run.attempts}` : ''}`,
    `started   ${run.startedAt}${run.seconds === null ? '' : `, took ${duration(run.seconds)}`}`,
    `params    ${Object.entries(run.params)
      .map(([name, value]) => `${name}=${String(value)}`)
      .join(' ')}`,
  ]
  if (run.error !== null) parts.push(`error     ${run.error}`)
  for (const sentence of run.mended) parts.push(`mended    ${sentence}`)
  for (const warning of run.warnings) parts.push(`warning   ${warning}`)
  for (const map of run.maps) parts.push('', ...mapText(run, map))
  for (const task of run.tasks) {
    parts.push(
      '',
      `task ${taskName(task)}: ${task.status}${task.seconds === null ? '' : ` in ${duration(task.seconds)}`}`,
    )
    if (task.error !== null) parts.push(`  ${task.error}`)
    const changed = task.partitions.filter(({ changes }) => changes !== undefined)
    const entries = task.partitions.filter(({ entry }) => entry !== undefined)
    const others = task.partitions.filter(({ changes, entry }) => changes === undefined && entry === undefined)
    if (changed.length > 0) parts.push(indent(changesTable(changed)))
    if (entries.length > 0) parts.push(indent(entriesTable(entries)))
    if (others.length > 0) parts.push(indent(partitionsTable(others)))
    const checks = task.partitions.flatMap(({ partition, checks }) =>
      Object.entries(checks).map(([name, value]) => [partition, name, value]),
    )
    if (checks.length > 0) parts.push('', indent(table(['partition', 'check', 'rows'], checks)))
  }
  if (Object.keys(run.metrics).length > 0) parts.push('', metricsLine(run.metrics))
  return parts.join('\n')
}

function taskName({ name, item }: Pick<TaskState, 'name' | 'item'>): string {
  return item === null ? name : `${name} ${oneLine(item)}`
}

/** Its items, one a line, with the seconds their tasks took. */
function mapText(run: RunState, { state, path, items }: MapState): string[] {
  const done = items.filter(({ status }) => status === 'succeeded').length
  const around = itemNameOf(run.maps, path)
  const head = `map ${taskName({ name: state, item: around })}: ${done} of ${plural(items.length, 'item')} succeeded`
  if (items.length === 0) return [head]
  const rows = items.map((item) => {
    const tasks = run.tasks.filter((task) => task.path.startsWith(`${item.path}/`))
    const seconds = tasks.reduce((sum, task) => sum + (task.seconds ?? 0), 0)
    return [item.name, item.status, seconds === 0 ? '' : seconds.toFixed(1), item.error ?? '']
  })
  return [head, indent(table(['item', 'status', 'seconds', 'error'], rows))]
}

function partitionsTable(partitions: PartitionState[]): string {
  const head = [
    'partition',
    'outcome',
    'files read',
    'rows in',
    'standing',
    'rows out',
    'duplicates',
    'quarantined',
    'files',
  ]
  return table(
    head,
    partitions.map(({ partition, outcome, files, rows, counts, outputFiles }) => [
      partition,
      outcome,
      files,
      counts?.rowsIn ?? rows,
      counts?.rowsStanding ?? 0,
      counts?.rowsOut ?? 0,
      counts?.duplicates ?? 0,
      counts?.quarantined ?? 0,
      outputFiles,
    ]),
  )
}

function changesTable(partitions: PartitionState[]): string {
  const names = ['inserted', 'updated', 'deleted', 'unchanged', 'superseded', 'quarantined', 'conflicts'] as const
  return table(
    ['table', 'rows in', ...names, 'snapshot'],
    partitions.map(({ partition, changes, snapshot }) => [
      partition,
      changes?.rowsIn ?? 0,
      ...names.map((name) => changes?.[name] ?? 0),
      snapshot ?? 'none',
    ]),
  )
}

function entriesTable(partitions: PartitionState[]): string {
  return table(
    ['table', 'entry', 'columns', 'partitions added', 'partitions removed'],
    partitions.map(({ partition, entry }) => [
      partition,
      entry?.change ?? '',
      entry?.columns ?? 0,
      entry?.partitionsAdded ?? 0,
      entry?.partitionsRemoved ?? 0,
    ]),
  )
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '  ')
}

/** All runs, one a line. */
export function runsText(runs: readonly RunState[]): string {
  if (runs.length === 0) return 'no runs yet'
  return table(
    ['run', 'status', 'started', 'seconds', 'attempts'],
    runs.map(({ run, status, startedAt, seconds, attempts }) => [
      run,
      status,
      startedAt,
      seconds === null ? '' : seconds.toFixed(1),
      attempts,
    ]),
  )
}

/** Plans the split of a snapshot: one plan, and one commit, for all tables. Pure. */
import { taskQuarantine } from '../define/dataset.ts'
import type { FanOutTask } from '../define/fan-out.ts'
import { splitTarget } from '../define/snapshots.ts'
import { MillraceError } from '../errors.ts'
import { identityText } from '../formats/file-identity.ts'
import type { SplitTable } from '../formats/split-spec.ts'
import type { Column, CommitRecord, FileIdentity, Plan, Planned, PlanOutput, PublishStep } from '../types.ts'
import {
  keyCheck,
  outputName,
  partitionChecks,
  rejectedView,
  type SplitTarget,
  type TwinTable,
  tableOutput,
  tableView,
} from './fan-out-views.ts'
import { fileCountPerGigabyte } from './file-count.ts'
import { planInput } from './plan-input.ts'
import { type NarrowTable, narrowTables, type SnapshotColumn, type SnapshotFile } from './split-columns.ts'

/** What was found of a snapshot and of the tables that are to be made of it. */
export type FanOutSurvey = {
  commit: CommitRecord | null
  date: string
  files: SnapshotFile[]
  /** The tables of the spec; null when there is one with every column. */
  tables: SplitTable[] | null
  /** All columns of the snapshot, and their compressed bytes. */
  columns: SnapshotColumn[]
  /** Every folder that may be replaced, with what lies in it. */
  standing: ReadonlyMap<string, StandingFolder>
  /** Published folders whose files are not all there. */
  lost: ReadonlySet<string>
  /** The text that tells the snapshot is there; always true where there is none. */
  isTold: boolean
  /** Tables that another split made of the same snapshot files, with the same key. */
  twins: TwinTable[]
}

/** The data files of a folder, and the folders in it, which no split has made. */
export type StandingFolder = { files: string[]; folders: string[] }

/** The folders of a task's tables, in the order of the spec. */
export function splitTargets(task: FanOutTask, date: string, tables: readonly { name: string }[] | null): string[] {
  const names = task.tables.kind === 'all-columns' ? [task.tables.table] : (tables ?? []).map(({ name }) => name)
  return names.map((name) => splitTarget(task.to, task.from.column, date, name).target)
}

/**
 * What the commits of a split are numbered by: staged tables are replaced all together, partitioned ones those of one snapshot.
 */
export function splitScope({ from, to }: FanOutTask, date: string): string {
  return to.layout === 'staged' ? to.path : `${to.path}/${from.column}=${date}`
}

/** The text that tells which snapshot staged tables are of; null where partitions do. */
export function snapshotText(
  { from, to }: FanOutTask,
  date: string,
): { target: string; name: string; content: string } | null {
  if (to.layout !== 'staged') return null
  return { target: `${to.path}/metadata`, name: `${from.column}.txt`, content: `${date}\n` }
}

/** Where the rows of a snapshot without a key go: below the whole path of the target, for two may end in the same name. */
export function splitQuarantine(pipeline: string, task: FanOutTask, date: string): string {
  return `${taskQuarantine(pipeline, task, task.to.path)}/${task.from.column}=${date}`
}

/** Folders of the last commit that are no table of this one; in partitions, what is not written stays. */
export function expiredFolders({ to }: FanOutTask, commit: CommitRecord | null, targets: readonly string[]): string[] {
  if (to.layout !== 'staged' || commit?.state.kind !== 'fan-out') return []
  const locations = commit.partitions.map(({ location }) => location)
  return locations.filter((location) => location.startsWith(`${to.path}/`) && !targets.includes(location))
}

/**
 * Plans a split. Throws `usage` that names the line where spec and snapshot do not fit, `table-changed` for a folder that would be
 * lost with the one that it lies in.
 */
export function planFanOut(pipeline: string, task: FanOutTask, survey: FanOutSurvey): Planned {
  const { commit, date, files, columns } = survey
  const targets = narrowTables(task, survey.tables, { date, columns }).map((table) => targetOf(task, date, table))
  const isWhole = hasQuarantine(pipeline, task, survey)
  const written = targets.filter((target) => !isWhole || !isKept(task, survey, target))
  const expired = expiredFolders(
    task,
    commit,
    targets.map(({ step }) => step.target),
  )
  const partition = `${task.from.column}=${date}`
  if (written.length + expired.length === 0 && survey.isTold) {
    const locations = new Set(targets.map(({ step }) => step.target))
    const own = (commit?.partitions ?? []).filter(({ location }) => locations.has(location))
    const standingFiles = own.reduce((sum, entry) => sum + entry.files.length, 0)
    return { kind: 'unchanged', partition, consumed: files.length, standingFiles, commit }
  }
  const input = planInput('snapshot', columns.map(columnOf), files, false)
  const outputs = written.map((target) => tableOutput(task, target, survey.twins))
  const rejected: PlanOutput = {
    name: 'rejected',
    view: 'rejected',
    columns: input.columns,
    codec: task.to.codec,
    fileCount: 1,
  }
  const isAnew = written.length > 0
  const folder = splitQuarantine(pipeline, task, date)
  const text = survey.isTold ? null : snapshotText(task, date)
  const checks = isAnew ? [keyCheck(task, date), ...partitionChecks(task, date, columns)] : []
  const replaced = [
    ...written.map(({ step }) => step.target),
    ...(isAnew ? [folder] : []),
    ...expired,
    ...(text === null ? [] : [text.target]),
  ]
  const plan: Plan = {
    ...{ planVersion: 1, pipeline, task: task.name, partition },
    inputs: isAnew ? [input] : [],
    views: isAnew ? [...written.map((target) => tableView(task, target)), rejectedView(task, columns)] : [],
    metrics: checks.map(({ metric }) => metric),
    outputs: isAnew ? [...outputs, rejected] : [],
    publish: {
      scope: splitScope(task, date),
      after: commit?.number ?? 0,
      steps: [
        ...written.map(
          ({ name, columns, step }): PublishStep => ({ ...step, output: outputName(name), mode: 'replace', columns }),
        ),
        ...(isAnew ? [rejectedStep(task, folder, input.columns, date)] : []),
        ...expired.map(removal),
      ],
      counts: {
        rowsIn: isAnew ? [{ input: 'snapshot' }] : [],
        rowsOut: outputs.map(({ name }) => ({ output: name })),
        quarantined: isAnew ? [{ output: 'rejected' }] : [],
      },
      balances: [],
      sums: written.map(({ name, step }) => ({
        of: step.target,
        in: [{ input: 'snapshot' }],
        out: [{ output: outputName(name) }, { output: 'rejected' }],
      })),
      tables: written.length,
      texts: text === null ? [] : [text],
      main: { output: outputs[0]?.name ?? '', target: task.to.path },
      quarantine: isAnew ? { output: 'rejected', target: folder } : null,
      bookmark: {
        restarts: true,
        added: files.map(({ path, bytes, sha256, modifiedMs }) => ({ path, bytes, sha256, modifiedMs })),
      },
      repeats: false,
      replaced: replaced.map((target) => replacedFolder(target, survey.standing.get(target))),
      state: {
        kind: 'fan-out',
        snapshot: date,
        key: task.key,
        tables: targets.map(({ step, fileCount }) => ({ location: step.target, codec: task.to.codec, fileCount })),
      },
      unreadable: null,
      mayBeDamaged: isAnew ? ['snapshot'] : [],
      refusals: checks.map(({ refusal }) => refusal),
    },
  }
  return { kind: 'plan', plan }
}

/** True when these files are what was consumed last, whatever their order. */
export function isConsumed(commit: CommitRecord, files: readonly FileIdentity[]): boolean {
  const consumed = new Set(commit.bookmark.map(identityText))
  return consumed.size === files.length && files.every((file) => consumed.has(identityText(file)))
}

function targetOf(task: FanOutTask, date: string, { name, columns }: NarrowTable): SplitTarget {
  const bytes = columns.reduce((sum, column) => sum + column.bytes, 0)
  return {
    name,
    columns: columns.map(columnOf),
    fileCount: fileCountPerGigabyte(bytes, task),
    step: splitTarget(task.to, task.from.column, date, name),
  }
}

/** Throws `table-changed` for a folder in one that is replaced. */
function replacedFolder(
  folder: string,
  { files, folders: [odd] }: StandingFolder = { files: [], folders: [] },
): { folder: string; files: string[] } {
  if (odd === undefined) return { folder, files }
  const text = `${folder}/${odd}/  is a folder that no commit of Millrace wrote, and would be lost with ${folder}/, which is replaced`
  throw new MillraceError('table-changed', `${text}. Move it away and run again`)
}

function columnOf({ name, type }: Column): Column {
  return { name, type }
}

/** Whether the rows that this task, or the one of the last commit, has set aside are still there. */
function hasQuarantine(pipeline: string, task: FanOutTask, { commit, date, lost }: FanOutSurvey): boolean {
  const others = commit === null ? [] : [splitQuarantine(commit.pipeline, { ...task, name: commit.task }, date)]
  return ![splitQuarantine(pipeline, task, date), ...others].some((folder) => lost.has(folder))
}

/** Whether a table stands as it would be written. */
function isKept(
  task: FanOutTask,
  { commit, date, files, lost }: FanOutSurvey,
  { step, columns, fileCount }: SplitTarget,
): boolean {
  if (commit?.state.kind !== 'fan-out' || lost.has(step.target)) return false
  const { snapshot, key, tables } = commit.state
  if (snapshot !== date || key !== task.key || !isConsumed(commit, files)) return false
  const made = tables.find(({ location }) => location === step.target)
  const published = commit.partitions.find(({ location }) => location === step.target)
  if (made?.codec !== task.to.codec || made.fileCount !== fileCount) return false
  return JSON.stringify(published?.columns) === JSON.stringify(columns)
}

function rejectedStep({ from }: FanOutTask, folder: string, columns: Column[], date: string): PublishStep {
  const [, ...names] = folder.split('/').slice(0, -1)
  // A column of the same name in the files stands for the partition's.
  const isColumn = columns.some(({ name }) => name === from.column.toLowerCase())
  return {
    ...{ output: 'rejected', target: folder, mode: 'replace', columns },
    table: { database: 'quarantine', table: names.join('_') },
    partition: isColumn ? [] : [{ column: from.column, value: date }],
  }
}

function removal(target: string, index: number): PublishStep {
  return { output: `expired_${index}`, target, mode: 'remove', table: null, partition: [], columns: [] }
}

/** Plans the application of changes to one table: from what landed and what stands to a Plan. Pure. */
import { type ApplyChangesTask, ownColumns } from '../define/apply-changes.ts'
import { parquetTable, tableAt, taskQuarantine } from '../define/dataset.ts'
import { isIcebergTable } from '../define/iceberg-tables.ts'
import { MillraceError } from '../errors.ts'
import { unionColumns } from '../formats/column-types.ts'
import { identityOf, identityText } from '../formats/file-identity.ts'
import type {
  Column,
  CommitRecord,
  DataFile,
  FileIdentity,
  PendingMerge,
  Plan,
  PlanInput,
  Planned,
  PlanOutput,
  PublishStep,
  RowCount,
  TableName,
} from '../types.ts'
import { applyViews } from './apply-changes-views.ts'
import {
  type ApplyShape,
  type ChangeFile,
  type ChangeInput,
  historyColumns,
  type Merging,
  rejectedColumns,
  stateColumns,
  tableOutputColumns,
} from './apply-shape.ts'
import { fileCountFor } from './file-count.ts'
import { planInput } from './plan-input.ts'

const stateFilesMax = 100 // each run adds one to the state of a table that is merged into

/** What was found: everything that landed, and the table with its state as they stand. */
export type ApplySurvey = {
  commit: CommitRecord | null
  loads: DataFile[]
  changes: ChangeFile[]
  standing: DataFile[]
  state: DataFile[]
  /** The last commit has rows that are yet to be merged into the table. */
  isPending: boolean
  /** The table or its state is gone: it is made anew from all that landed. */
  isLost: boolean
  /** Landed files, by path, that are no longer there. */
  missing: ReadonlySet<string>
  /** Dates whose files in the history are not all there, although the last commit left files in it. */
  lostDates: string[]
}

/** What of it is to be done. */
type Work = {
  /** The table is made anew: its definition changed, or it is lost. */
  restarts: boolean
  loads: DataFile[]
  /** New changes of dates that the history keeps, and of others. */
  changes: ChangeFile[]
  past: ChangeFile[]
  /** Changes that the table has, and the history lacks. */
  restored: ChangeFile[]
  /** Folders of the history that are no longer kept. */
  expired: string[]
  /** The paths whose changes the history has afterwards. */
  history: string[]
}

/** Plans a table. Throws `table-changed` when it would have to be made anew and what landed is no longer all there. */
export function planApplyChanges(pipeline: string, task: ApplyChangesTask, survey: ApplySurvey): Planned {
  const { table } = tableAt(task.to.path)
  const work = workOf(task, survey)
  const isRewritten = work.restarts || work.loads.length + work.changes.length + work.past.length > 0
  if (!isRewritten && work.restored.length + work.expired.length === 0) {
    const { commit, standing, isPending } = survey
    const consumed = commit?.bookmark.length ?? 0
    return { kind: 'unchanged', partition: table, consumed, standingFiles: standing.length, commit, isPending }
  }
  const shape = shapeOf(task, survey, work, isRewritten)
  const inputs = inputsOf(shape)
  const outputs = outputsOf(task, shape)
  const quarantine = taskQuarantine(pipeline, task, table)
  const after = survey.commit?.number ?? 0
  const added = [...work.loads, ...work.changes, ...work.past]
  const merge = pendingMerge(task, shape, survey)
  const plan: Plan = {
    ...{ planVersion: 1 as const, pipeline, task: task.name, partition: table, inputs, outputs },
    ...applyViews(shape),
    publish: {
      ...{ scope: task.to.path, after },
      steps: [...steps(task, shape, survey, quarantine), ...expiredSteps(work)],
      counts: {
        rowsIn: namesOf(shape, 'loads', 'changes', 'past'),
        rowsStanding: [{ input: 'standing' }, { metric: ['quality', 'rows_standing'] }],
        rowsOut: [{ output: 'table' }, { metric: ['quality', 'rows_kept'] }],
        duplicates: [{ superseded: 'newest_images' }],
        quarantined: [{ output: 'rejected' }],
        deletes: [{ metric: ['quality', 'deletes'] }],
        removed: [{ metric: ['quality', 'rows_removed'] }],
        changesIn: namesOf(shape, 'changes', 'restored'),
        changesOut: [{ output: 'history' }],
        changesQuarantined: [{ metric: ['quality', 'changes_quarantined'] }],
      },
      balances: [
        { in: ['rowsIn', 'rowsStanding'], out: ['rowsOut', 'duplicates', 'deletes', 'removed', 'quarantined'] },
        ...(task.history === null
          ? []
          : [{ in: ['changesIn' as const], out: ['changesOut' as const, 'changesQuarantined' as const] }]),
      ],
      main: { output: 'table', target: tableFolder(task) },
      quarantine: { output: 'rejected', target: quarantine },
      bookmark: { restarts: work.restarts, added: added.map(identityOf) },
      repeats: false,
      replaced:
        isRewritten && !isIcebergTable(task.to)
          ? [{ folder: task.to.path, files: survey.standing.map(({ path }) => path) }]
          : [],
      state: { kind: 'apply-changes', definition: definitionText(task), history: work.history, ...merge },
      unreadable: null,
      mayBeDamaged: [],
      refusals: task.onBadValue === 'quarantine' ? [] : [badValues(table)],
    },
  }
  return { kind: 'plan', plan }
}

function badValues(table: string): Plan['publish']['refusals'][number] {
  const what = 'rows have a value that does not fit its declared type'
  const advice = 'Correct the declared type, or run with --on-bad-value quarantine to see the rows'
  return { metric: ['quality', 'bad_values'], message: `${table}  {n} ${what}; nothing was published. ${advice}` }
}

/** What a table is made by; a table that was made by something else is made anew. */
function definitionText(task: ApplyChangesTask): string {
  const { columns, keys, sequenceBy, operation, changedAt, leaveOut, deletes, scdType } = task
  const declared = columns.map(({ name, type }) => [name, type])
  return JSON.stringify({ declared, keys, sequenceBy, operation, changedAt, leaveOut, deletes, scdType })
}

function workOf(task: ApplyChangesTask, survey: ApplySurvey): Work {
  const { commit, loads, changes, isLost } = survey
  const state = commit?.state.kind === 'apply-changes' ? commit.state : null
  const isOther = isLost || state?.definition !== definitionText(task)
  const restarts = commit !== null && (isOther || hasOtherTypes(task, survey))
  const consumed = new Set(restarts ? [] : commit?.bookmark.map(identityText))
  const lost = new Set(survey.lostDates)
  const shown = new Set(restarts ? [] : state?.history)
  const isNew = (file: FileIdentity): boolean => !consumed.has(identityText(file))
  const { history } = task
  const isKept = ({ date }: ChangeFile): boolean => history !== null && (date === null || date > history.after)
  const kept = changes.filter(isKept)
  if (restarts) checkLanded(task, survey)
  const work = {
    restarts,
    loads: loads.filter(isNew),
    changes: kept.filter(isNew),
    past: changes.filter((file) => isNew(file) && !isKept(file)),
    restored: kept.filter((file) => !isNew(file) && (!shown.has(file.path) || lost.has(file.date ?? ''))),
    expired: expiredFolders(task, commit, new Set(restarts ? kept.map(({ date }) => date) : []), restarts),
    history: kept.map(({ path }) => path),
  }
  checkThere(task, survey, [...work.loads, ...work.changes, ...work.past, ...work.restored])
  return work
}

/** What is to be read must be there: nobody else has it. */
function checkThere({ to }: ApplyChangesTask, { missing }: ApplySurvey, files: readonly DataFile[]): void {
  const gone = files.filter(({ path }) => missing.has(path))
  const [first] = gone
  if (first === undefined) return
  const rows = gone.reduce((sum, file) => sum + file.rows, 0)
  throw new MillraceError(
    'table-changed',
    `${to.path}  ${gone.length} of the landed files that it is made from are gone with ${rows} rows, such as ${first.path}. Put them back; what landed is not landed again`,
  )
}

/**
 * Whether a column that was added, or that only the history has, arrives with a type that those standing do not have: the files
 * of a table must agree, and a number that becomes text is to be the text that its file gave.
 */
function hasOtherTypes(task: ApplyChangesTask, { commit, loads, changes }: ApplySurvey): boolean {
  const everLanded = unionOf([...loads, ...changes])
  const columns = tableColumns(task, everLanded)
  const types = new Map(
    historyColumns({ task, columns, everLanded }).map(({ name, type }) => [name.toLowerCase(), type]),
  )
  const isOther = ({ name, type }: Column): boolean => (types.get(name.toLowerCase()) ?? type) !== type
  const own = [tableFolder(task), ...(task.history === null ? [] : [`${task.history.path}/`])]
  const published =
    commit?.partitions.filter(({ location }) => own.some((path) => `${location}/`.startsWith(path))) ?? []
  const state = new Map(stateColumns({ task, columns, everLanded }).map(({ name, type }) => [name, type]))
  const remembered = commit?.partitions.filter(({ location }) => location === statePath(task)) ?? []
  return (
    published.some((partition) => partition.columns.some(isOther)) ||
    // What is compared as text now was remembered as a number, say.
    remembered.some((part) => part.columns.some(({ name, type }) => state.get(name) !== type))
  )
}

/** A table that is made anew needs everything that it was made from. */
function checkLanded({ to }: ApplyChangesTask, { commit, loads, changes }: ApplySurvey): void {
  const landed = new Set([...loads, ...changes].map(identityText))
  const missing = commit?.bookmark.filter((file) => !landed.has(identityText(file))) ?? []
  const [first] = missing
  if (first === undefined) return
  throw new MillraceError(
    'table-changed',
    `${to.path}  has to be made anew, because its definition changed or its files are gone, but ${missing.length} of the landed files that it was made from are no longer there, such as ${first.path}. Put them back, or go back to the definition it was made by`,
  )
}

/** Folders of the history with a date that is not kept; when everything is made anew, also those that are not replaced. */
function expiredFolders(
  { history }: ApplyChangesTask,
  commit: CommitRecord | null,
  replaced: ReadonlySet<string | null>,
  restarts: boolean,
): string[] {
  const locations = (commit?.partitions ?? []).flatMap(({ location, partition }) => {
    const date = partition[0]?.value
    if (history === null || date === undefined || !location.startsWith(`${history.path}/`)) return []
    return date <= history.after || (restarts && !replaced.has(date)) ? [location] : []
  })
  return [...new Set(locations)]
}

function shapeOf(task: ApplyChangesTask, survey: ApplySurvey, work: Work, isRewritten: boolean): ApplyShape {
  const everLanded = unionOf([...survey.loads, ...survey.changes])
  const standing = work.restarts || !isRewritten ? [] : survey.standing
  return {
    ...{ task, isRewritten, restarts: work.restarts, merging: mergingOf(task, survey, work) },
    columns: tableColumns(task, everLanded),
    everLanded,
    inputs: changeInputs(work),
    standing,
    state: work.restarts || !isRewritten ? [] : survey.state,
    dates: [...new Set([...work.changes, ...work.restored].map(({ date }) => date ?? ''))].sort(),
  }
}

/** How a table that is merged into stands; null for one that is written anew. */
function mergingOf(task: ApplyChangesTask, { commit, state }: ApplySurvey, { restarts }: Work): Merging | null {
  if (!isIcebergTable(task.to)) return null
  const [first, ...added] = state
  const rowsAdded = added.reduce((sum, { rows }) => sum + rows, 0)
  // As much is written anew as was added since: what a run costs goes by its changes, on average.
  const isGathered = first !== undefined && (rowsAdded > first.rows || added.length >= stateFilesMax)
  return restarts ? { rows: 0, isGathered: false } : { rows: commit?.counts.rowsOut ?? 0, isGathered }
}

/** The merge that follows a commit, whether or not it is made; null for a table that takes none. */
export function mergeAfter(commit: CommitRecord | null): PendingMerge | null {
  return commit?.state.kind === 'apply-changes' ? (commit.state.merge ?? null) : null
}

/** What is to be merged once the plan is published; the last merge stays known where it is only the history that is written. */
function pendingMerge(task: ApplyChangesTask, shape: ApplyShape, { commit }: ApplySurvey): { merge?: PendingMerge } {
  if (!isIcebergTable(task.to)) return {}
  const last = mergeAfter(commit)
  if (!shape.isRewritten) return last === null ? {} : { merge: last }
  const { restarts } = shape
  const columns = tableOutputColumns({ ...shape, merging: null })
  const number = (last?.number ?? 0) + 1
  return { merge: { number, folder: tableFolder(task), columns, keys: task.keys, restarts } }
}

function namesOf({ inputs }: ApplyShape, ...kinds: ChangeInput['kind'][]): RowCount[] {
  return inputs.filter(({ kind }) => kinds.includes(kind)).map(({ name }) => ({ input: name }))
}

/** The files of each kind, those with the same columns together. */
function changeInputs(work: Work): ChangeInput[] {
  const inputs: ChangeInput[] = []
  for (const kind of ['loads', 'changes', 'past', 'restored'] as const) {
    const groups = new Map<string, ChangeFile[]>()
    for (const file of work[kind]) {
      const key = JSON.stringify(file.columns)
      groups.set(key, [...(groups.get(key) ?? []), 'date' in file ? file : { ...file, date: null }])
    }
    for (const [index, files] of [...groups.values()].entries()) {
      const name = index === 0 ? kind : `${kind}_${index + 1}`
      inputs.push({ name, number: inputs.length, kind, landed: files[0]?.columns ?? [], files })
    }
  }
  return inputs
}

function unionOf(files: readonly DataFile[]): Column[] {
  return unionColumns(files.map(({ columns }) => columns))
}

/** The declared columns, those that were added by name, and the table's own. */
function tableColumns(task: ApplyChangesTask, everLanded: readonly Column[]): Column[] {
  const declared = task.columns
  const others = [task.operation, ...task.leaveOut, ...declared.map(({ name }) => name)]
  const known = new Set(others.map((name) => name.toLowerCase()))
  const added = everLanded.filter(({ name }) => !known.has(name.toLowerCase()))
  const own = ownColumns(task)
  const taken = added.find(({ name }) => own.some((column) => column.name === name.toLowerCase()))
  if (taken !== undefined) {
    throw new MillraceError(
      'usage',
      `${task.to.path}  column ${taken.name} arrived, which is a name that the table keeps for itself with these rules for deletes and versions`,
    )
  }
  return [...declared, ...added.sort((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1))]
}

function inputsOf(shape: ApplyShape): PlanInput[] {
  const { inputs, standing, state, task, columns } = shape
  const changes = inputs.map(({ name, landed, files }) => planInput(name, landed, files, true))
  const table = planInput('standing', [...columns, ...ownColumns(task)], standing, true)
  const remembered = planInput('state', stateColumns(shape), state, false)
  return [...changes, table, remembered].filter(({ files }) => files.length > 0)
}

function outputsOf(task: ApplyChangesTask, shape: ApplyShape): PlanOutput[] {
  const to = isIcebergTable(task.to) ? parquetTable(task.to.path) : task.to
  const { codec } = to
  const read = [
    ...shape.standing,
    ...shape.inputs.filter(({ kind }) => kind !== 'restored').flatMap(({ files }) => files),
  ]
  const fileCount = fileCountFor(read, to)
  const output = (name: string, columns: Column[], more: Partial<PlanOutput> = {}): PlanOutput => ({
    ...{ name, view: name, columns, codec, fileCount: 1 },
    ...more,
  })
  const split = { by: '$date', values: shape.dates }
  const history =
    shape.dates.length === 0
      ? []
      : [output('history', historyColumns(shape), { codec: task.history?.codec ?? codec, split })]
  if (!shape.isRewritten) return history
  return [
    output('table', tableOutputColumns(shape), { fileCount }),
    output('new_state', stateColumns(shape)),
    output('rejected', rejectedColumns(shape)),
    ...history,
  ]
}

function steps(task: ApplyChangesTask, shape: ApplyShape, survey: ApplySurvey, quarantine: string): PublishStep[] {
  const { history, scdType } = task
  const added = shape.restarts ? 'replace' : 'append'
  const whole = (output: string, target: string, columns: Column[], mode: PublishStep['mode']): PublishStep => ({
    ...{ output, target, mode, columns, partition: [] },
    table: target.startsWith('_') ? null : output === 'rejected' ? rejectedTable(target) : tableAt(target),
  })
  const dates = shape.dates.map((date): PublishStep => {
    const { path, partitionColumn } = history as NonNullable<typeof history>
    return {
      output: 'history',
      part: date,
      target: `${path}/${partitionColumn}=${date}`,
      mode: survey.lostDates.includes(date) ? 'replace' : added,
      table: tableAt(path),
      partition: [{ column: partitionColumn, value: date }],
      columns: historyColumns(shape),
    }
  })
  if (!shape.isRewritten) return dates
  const isAdded = scdType === 2 || (shape.merging !== null && !shape.merging.isGathered)
  return [
    whole('table', tableFolder(task), tableOutputColumns(shape), 'replace'),
    // Of every image and delete one row: it is added to. Of the newest only: it is replaced.
    whole('new_state', statePath(task), stateColumns(shape), isAdded ? added : 'replace'),
    whole('rejected', quarantine, rejectedColumns(shape), added),
    ...dates,
  ]
}

/** `quarantine_<pipeline>.<table>`, whatever the name of the task between them. */
function rejectedTable(target: string): TableName {
  const segments = target.split('/')
  return { database: segments.slice(0, 2).join('_'), table: segments.at(-1) ?? target }
}

/** Where the table's output goes: the table's own folder, or where a merge takes it from. */
function tableFolder(task: ApplyChangesTask): string {
  return isIcebergTable(task.to) ? `_millrace/merges/${task.to.path}` : task.to.path
}

/** Where the sequence of every key's newest image and delete is remembered, beside no data that anybody reads. */
export function statePath({ to }: ApplyChangesTask): string {
  return `_millrace/sequences/${to.path}`
}

function expiredSteps({ expired }: Work): PublishStep[] {
  return expired.map((target, index) => ({
    ...{ output: `expired_${index}`, target, mode: 'remove', table: null, partition: [], columns: [] },
  }))
}

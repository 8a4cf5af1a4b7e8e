/** Runs a data task: survey, plan, execute, check, publish; one partition after the other. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConsolidateTask } from '../define/consolidate.ts'
import { hasCode, MillraceError } from '../errors.ts'
import type { Event } from '../events.ts'
import { planConsolidate } from '../plan/consolidate.ts'
import { isIgnored } from '../sources/dated-folder.ts'
import type {
  CommitCounts,
  CommitRecord,
  Engine,
  EngineContext,
  Plan,
  Planned,
  Progress,
  Staged,
  Store,
} from '../types.ts'
import { commit, latestCommit, settle, stagingPath } from './commits.ts'
import { publicationOf } from './publication.ts'
import { runPath } from './run-log.ts'
import { surveyConsolidate } from './survey.ts'

export type TaskContext = {
  store: Store
  engine: Engine
  external: Record<string, string>
  pipeline: string
  run: string
  /** The visit of the state that this is: it names what is staged, so that tasks side by side keep apart. */
  path: string
  attempt: number
  dryRun: boolean
  assertHeld: () => Promise<void>
  memoryBytes: number
  threads: number
  signal: AbortSignal
  write: (event: Event) => Promise<unknown>
  onProgress: (progress: Progress) => void
  /** Sees each plan just before it is executed. */
  onPlan: (plan: Plan) => void
}

/** What a task did, summed over its partitions. */
export type TaskResult = {
  records_processed: number
  duplicates_removed: number
  rows_quarantined: number
  output_files: number
}

/** Plans a task as it would run now; nothing is written. */
export async function planTask(
  task: ConsolidateTask,
  context: Omit<TaskContext, 'engine' | 'run' | 'attempt' | 'onPlan' | 'assertHeld'>,
): Promise<Planned[]> {
  const survey = await surveyConsolidate(task, {
    store: context.store,
    external: context.external,
    signal: context.signal,
    onProgress: (done, total) => context.onProgress({ phase: 'survey', percent: (100 * done) / total }),
    onWarning: async (message) =>
      void (await context.write({ type: 'warning', task: task.name, path: context.path, message })),
  })
  return planConsolidate(context.pipeline, task, survey)
}

/** Runs a task. Throws what stopped it; partitions published before that stay published. */
export async function runDataTask(task: ConsolidateTask, context: TaskContext): Promise<TaskResult> {
  const result: TaskResult = { records_processed: 0, duplicates_removed: 0, rows_quarantined: 0, output_files: 0 }
  const add = (counts: CommitCounts, files: number): void => {
    result.records_processed += counts.rowsIn
    result.duplicates_removed += counts.duplicates
    result.rows_quarantined += counts.quarantined
    result.output_files += files
  }
  for (const planned of await planTask(task, context)) {
    if (planned.kind === 'plan') {
      const { counts, files } = await runPlan(planned.plan, context)
      add(counts, files)
      continue
    }
    const { partition, consumed, standingFiles, commit: last } = planned
    if (last?.run === context.run && !context.dryRun) {
      // An attempt of this run published it and was stopped before it could say so: the figures are this run's.
      await announcePublished(task.name, partition, last, standingFiles, context)
      add(last.counts, standingFiles)
      continue
    }
    await context.write({ type: 'unchanged', task: task.name, path: context.path, partition, consumed, standingFiles })
    result.output_files += standingFiles
  }
  return result
}

/** Executes one plan and publishes it; in a dry run it is executed and counted. */
async function runPlan(
  plan: Plan,
  context: TaskContext,
  unreadable = 0,
): Promise<{ counts: CommitCounts; files: number }> {
  const { store, run, attempt } = context
  const name = `${context.path.replaceAll(/[^\w-]+/g, '.')}.${plan.partition}.${attempt}${unreadable === 0 ? '' : `.${unreadable}`}`
  const staging = stagingPath(plan.pipeline, run, name)
  await announce(plan, name, context)
  try {
    const staged = await execute(plan, staging, context)
    const previous = await latestCommit(store, plan.publish.scope)
    const publication = await publicationOf(plan, staged, {
      store,
      run,
      attempt,
      staging,
      previous,
      dryRun: context.dryRun,
      signal: context.signal,
    })
    await report(plan, staged, publication, context)
    if (!context.dryRun) {
      await checkTarget(plan, context)
      await commit(store, publication, context.assertHeld)
    }
    await announcePublished(plan.task, plan.partition, publication, keptFiles(plan, publication), context)
    return { counts: publication.counts, files: keptFiles(plan, publication) }
  } catch (error) {
    // Room is made at once, for the disk may be full; a commit that was decided is finished, never dropped.
    if (!context.dryRun) await settle(store, staging, run).catch(() => null)
    const smaller = await withoutUnreadable(plan, error, context)
    if (smaller === null) throw error
    return await runPlan(smaller, context, smaller.publish.unreadable?.files.length)
  }
}

async function announce(plan: Plan, name: string, context: TaskContext): Promise<void> {
  const { store, run, path: state, dryRun, write, onPlan } = context
  onPlan(plan)
  const path = dryRun ? null : `${runPath(run)}/plans/${name}.json`
  if (path !== null) await store.replace(path, `${JSON.stringify(plan)}\n`)
  const { balance } = plan.publish
  const [landing, standing] = [inputTotals(plan, balance.rowsIn), inputTotals(plan, balance.rowsStanding)]
  await write({
    type: 'task-planned',
    task: plan.task,
    path: state,
    partition: plan.partition,
    plan: path,
    ...landing,
    standingFiles: standing.files,
    standingRows: standing.rows,
  })
}

function inputTotals(plan: Plan, name: string): { files: number; rows: number; bytes: number } {
  const files = plan.inputs.find((input) => input.name === name)?.files ?? []
  return {
    files: files.length,
    rows: files.reduce((sum, file) => sum + file.rows, 0),
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
  }
}

async function execute(plan: Plan, staging: string, context: TaskContext): Promise<Staged> {
  const { store, dryRun } = context
  if (!dryRun) await store.makeFolder(staging)
  if (plan.outputs.length === 0) return { files: [], rows: {}, superseded: {}, metrics: {} }
  return await withSpill(staging, context, (own) => context.engine.execute(plan, own))
}

/**
 * What does not fit in memory goes beside what is staged, so that a kill leaves it where it is cleaned up; a dry run, which
 * writes nothing below the root, gets a temporary folder.
 */
async function withSpill<T>(
  staging: string,
  context: TaskContext,
  act: (own: EngineContext) => Promise<T>,
): Promise<T> {
  if (!context.dryRun) return await act(engineContext(staging, context.store.locate(`${staging}/spill`), context))
  const spill = mkdtempSync(join(tmpdir(), 'millrace-spill-'))
  try {
    // A folder of that name below it: engines make their own, and tell by it whether something was spilled.
    return await act(engineContext(staging, join(spill, 'spill'), context))
  } finally {
    rmSync(spill, { recursive: true, force: true })
  }
}

function engineContext(staging: string, spill: string, context: TaskContext): EngineContext {
  const { store, run, attempt, dryRun, memoryBytes, threads, signal, onProgress } = context
  return {
    root: store.locate(''),
    staging: dryRun ? null : store.locate(staging),
    fileSuffix: attempt === 1 ? run : `${run}-${attempt}`,
    spill,
    memoryBytes,
    threads,
    signal,
    onProgress,
  }
}

/**
 * A file whose footer is sound may still have damaged pages: then each file is read alone, and the plan is made again
 * without those that cannot be read. Null when the error has another reason.
 */
async function withoutUnreadable(plan: Plan, error: unknown, context: TaskContext): Promise<Plan | null> {
  if (!hasCode(error, 'engine', 'input-unreadable')) return null
  const landing = plan.inputs.find(({ name }) => name === plan.publish.balance.rowsIn)
  if (landing === undefined) return null
  const probed = await withSpill('', { ...context, dryRun: true }, (own) => context.engine.probe(landing, own))
  if (probed.length === 0) return null
  for (const { path } of probed) {
    if ((await context.store.kind(path)) !== 'missing') continue
    throw new MillraceError('storage', `${JSON.stringify(path)}  was removed while the run was reading it. Run again`, {
      cause: error,
    })
  }
  const reasons = new Map(probed.map(({ path, reason }) => [path, reason]))
  const bad = landing.files.filter(({ path }) => reasons.has(path))
  const files = bad.map(({ path, bytes, sha256 }) => ({ path, bytes, sha256, reason: reasons.get(path) ?? '' }))
  const target =
    plan.publish.steps.find(({ output }) => output === plan.publish.balance.quarantined)?.target ?? plan.publish.scope
  return {
    ...plan,
    inputs: plan.inputs.map((input) =>
      input === landing ? { ...input, files: input.files.filter(({ path }) => !reasons.has(path)) } : input,
    ),
    publish: { ...plan.publish, unreadable: { target, files: [...(plan.publish.unreadable?.files ?? []), ...files] } },
  }
}

async function report(
  plan: Plan,
  staged: Staged,
  publication: CommitRecord,
  { write, path: state }: TaskContext,
): Promise<void> {
  const { task, partition } = plan
  const { counts } = publication
  const quality = { ...staged.metrics.quality, duplicates: counts.duplicates, rows_quarantined: counts.quarantined }
  await write({
    type: 'checked',
    task,
    path: state,
    partition,
    metrics: { ...quality, files_unreadable: counts.filesUnreadable },
  })
  for (const { path, reason } of plan.publish.unreadable?.files ?? []) {
    await write({
      type: 'warning',
      task,
      path: state,
      message: `${JSON.stringify(path)}  ${reason}; listed in quarantine, the file stays where it is`,
    })
  }
  if (counts.quarantined > 0) {
    const target = plan.publish.steps.find(({ output }) => output === plan.publish.balance.quarantined)?.target ?? ''
    await write({
      type: 'warning',
      task,
      path: state,
      message: `${counts.quarantined} of the rows of ${partition} went to ${target}`,
    })
  }
}

/** What the target holds must be what was planned from: a file that came meanwhile would be replaced unread. */
async function checkTarget({ publish }: Plan, { store }: TaskContext): Promise<void> {
  if (publish.standing === null) return
  const { files } = await store.list(publish.scope)
  const names = files.map(({ path }) => path.slice(path.lastIndexOf('/') + 1)).filter((name) => !isIgnored(name))
  const planned = publish.standing.map((path) => path.slice(path.lastIndexOf('/') + 1))
  if (names.sort().join('\0') === planned.sort().join('\0')) return
  throw new MillraceError(
    'conflict',
    `${publish.scope}  was changed by somebody else while the run was working. Run again`,
  )
}

async function announcePublished(
  task: string,
  partition: string,
  publication: CommitRecord,
  fileCount: number,
  context: TaskContext,
): Promise<void> {
  const files = publication.partitions.find(({ location }) => location === publication.scope)?.files ?? []
  await context.write({
    type: 'published',
    task,
    path: context.path,
    partition,
    scope: publication.scope,
    number: publication.number,
    dryRun: context.dryRun,
    files: fileCount,
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    counts: publication.counts,
  })
}

/** In a dry run nothing is written, and the number of files is what it would be. */
function keptFiles(plan: Plan, publication: CommitRecord): number {
  const output = plan.outputs.find(({ name }) => name === plan.publish.balance.rowsOut)
  if (output !== undefined) return Math.min(output.fileCount, publication.counts.rowsOut)
  return publication.partitions.find(({ location }) => location === plan.publish.scope)?.files.length ?? 0
}

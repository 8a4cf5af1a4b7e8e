/** Runs one plan: executed by an engine, checked, published. */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assert, hasCode, MillraceError } from '../errors.ts'
import { fileName } from '../formats/file-identity.ts'
import { isIgnored } from '../formats/ignored-names.ts'
import type { CommitCounts, CommitRecord, EngineContext, Plan, PlanUnit, Staged } from '../types.ts'
import { assertFinished, commit, latestCommit, settle, spillPath, stagingPath } from './commits.ts'
import { withLinked, withoutLinked } from './linked-outputs.ts'
import { inputsOf, publicationOf } from './publication.ts'
import { runPath } from './run-log.ts'
import type { TaskContext } from './task-context.ts'

/**
 * Executes a plan and publishes it; in a dry run it is executed and counted. Where files turn out to be damaged that may be,
 * the unit is planned again without them.
 */
export async function runPlan(
  plan: Plan,
  unit: PlanUnit,
  context: TaskContext,
  damaged: ReadonlyMap<string, string> = new Map(),
): Promise<{ counts: CommitCounts; files: number }> {
  const { store, run, attempt } = context
  const again = damaged.size === 0 ? '' : `.${damaged.size}`
  const name = `${nameOf(context.path)}.${nameOf(plan.partition)}.${attempt}${again}`
  const staging = stagingPath(plan.pipeline, run, name)
  await announce(plan, name, context)
  try {
    // Known before the work is done, not only after it.
    if (!context.dryRun) await assertFinished(store, plan.publish.scope)
    const staged = await execute(plan, staging, context)
    const publication = await publicationOf(plan, staged, {
      ...{ store, run, attempt, staging, dryRun: context.dryRun, signal: context.signal },
      previous: await latestCommit(store, plan.publish.scope),
    })
    await report(plan, staged, publication, context)
    if (!context.dryRun) {
      await checkReplaced(plan, context)
      await commit(store, publication, context.assertHeld)
    }
    const files = mainFiles(plan, staged, publication)
    await announcePublished(plan.task, plan.partition, publication, files, context)
    return { counts: publication.counts, files: files.count }
  } catch (error) {
    // Room is made at once, for the disk may be full; a commit that was decided is finished, never dropped.
    if (!context.dryRun) await settle(store, staging, run).catch(() => null)
    const found = await findDamaged(plan, error, context)
    if (found.size === 0) throw error
    const all = new Map([...damaged, ...found])
    const plans = (await unit.plan(all)).flatMap((planned) => (planned.kind === 'plan' ? [planned.plan] : []))
    const smaller = plans.find(({ partition }) => partition === plan.partition)
    if (smaller === undefined) throw error
    return await runPlan(smaller, unit, context, all)
  }
}

const nameLengthMax = 80 // of two such in the name of a file, which has 255 bytes

/** Text as part of a file's name, two texts never the same. */
function nameOf(text: string): string {
  const name = encodeURIComponent(text).replaceAll(/[^\w%-]/g, (char) => `%${char.charCodeAt(0).toString(16)}`)
  if (name.length <= nameLengthMax) return name
  return `${name.slice(0, nameLengthMax - 17)}~${createHash('sha256').update(text).digest('hex').slice(0, 16)}`
}

async function announce(plan: Plan, name: string, context: TaskContext): Promise<void> {
  const { store, run, path: state, dryRun, write, onPlan } = context
  onPlan(plan)
  const path = dryRun ? null : `${runPath(run)}/plans/${name}.json`
  if (path !== null) await store.replace(path, `${JSON.stringify(plan)}\n`)
  const standing = totals(plan, inputsOf(plan, 'rowsStanding'))
  await write({
    type: 'task-planned',
    task: plan.task,
    path: state,
    partition: plan.partition,
    plan: path,
    ...totals(plan, inputsOf(plan, 'rowsIn')),
    standingFiles: standing.files,
    standingRows: standing.rows,
  })
}

function totals(plan: Plan, inputs: string[]): { files: number; rows: number; bytes: number } {
  const files = plan.inputs.filter(({ name }) => inputs.includes(name)).flatMap((input) => input.files)
  return {
    files: files.length,
    rows: files.reduce((sum, file) => sum + file.rows, 0),
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
  }
}

async function execute(plan: Plan, staging: string, context: TaskContext): Promise<Staged> {
  const { store, dryRun } = context
  if (!dryRun) {
    assert((await store.kind(staging)) === 'missing', `two plans of a run stage in ${staging}`)
    await store.makeFolder(staging)
  }
  const asked = withoutLinked(plan)
  const staged =
    asked.outputs.length === 0
      ? { files: [], rows: {}, superseded: {}, metrics: {} }
      : await withSpill(staging, context, (own) => context.engine.execute(asked, own))
  return await withLinked(plan, staged, store, dryRun ? null : staging)
}

/** A dry run, which writes nothing below the root, spills into a temporary folder. */
async function withSpill<T>(
  staging: string,
  context: TaskContext,
  act: (own: EngineContext) => Promise<T>,
): Promise<T> {
  if (!context.dryRun) {
    return await act(engineContext(staging, context.store.locate(spillPath(context.pipeline, context.run)), context))
  }
  const spill = mkdtempSync(join(tmpdir(), 'millrace-spill-'))
  try {
    // A folder of that name below it: engines make their own, and tell by it whether something was spilled.
    return await act(engineContext(staging, join(spill, 'spill'), context))
  } finally {
    await context.engine.close?.()
    rmSync(spill, { recursive: true, force: true })
  }
}

function engineContext(staging: string, spill: string, context: TaskContext): EngineContext {
  const { store, run, attempt, dryRun, memoryBytes, threads, plansToCome, signal, onProgress } = context
  return {
    root: store.locate(''),
    staging: dryRun ? null : store.locate(staging),
    fileSuffix: attempt === 1 ? run : `${run}-${attempt}`,
    spill,
    memoryBytes,
    threads,
    plansToCome,
    signal,
    onProgress,
  }
}

/**
 * A file whose footer is sound may still have damaged pages: when an engine fails, each file of the inputs that may have
 * such files is read alone. Gives path → reason; nothing when the error has another reason.
 */
async function findDamaged(plan: Plan, error: unknown, context: TaskContext): Promise<Map<string, string>> {
  const damaged = new Map<string, string>()
  if (!hasCode(error, 'engine', 'input-unreadable')) return damaged
  for (const input of plan.inputs.filter(({ name }) => plan.publish.mayBeDamaged.includes(name))) {
    const probed = await withSpill('', { ...context, dryRun: true }, (own) => context.engine.probe(input, own))
    for (const { path, reason } of probed) damaged.set(path, reason)
  }
  for (const path of damaged.keys()) {
    if ((await context.store.kind(path)) !== 'missing') continue
    throw new MillraceError('storage', `${JSON.stringify(path)}  was removed while the run was reading it. Run again`, {
      cause: error,
    })
  }
  return damaged
}

async function report(plan: Plan, staged: Staged, publication: CommitRecord, context: TaskContext): Promise<void> {
  const { task, partition, publish } = plan
  const { counts } = publication
  const path = context.path
  const quality = { ...staged.metrics.quality, duplicates: counts.duplicates, rows_quarantined: counts.quarantined }
  const metrics = { ...quality, files_unreadable: counts.filesUnreadable }
  await context.write({ type: 'checked', task, path, partition, metrics })
  for (const file of publish.unreadable?.files ?? []) {
    const message = `${JSON.stringify(file.path)}  ${file.reason}; listed in quarantine, the file stays where it is`
    await context.write({ type: 'warning', task, path, message })
  }
  if (counts.quarantined > 0) {
    const message = `${counts.quarantined} of the rows of ${partition} went to ${publish.quarantine?.target}`
    await context.write({ type: 'warning', task, path, message })
  }
}

/** What a folder that is replaced holds must be what was planned from: a file that came meanwhile would go unread, a folder with it. */
async function checkReplaced({ publish }: Plan, { store }: TaskContext): Promise<void> {
  for (const { folder, files } of publish.replaced) {
    const listed = await store.list(folder)
    const found = [...listed.files.map(({ path }) => fileName(path)), ...listed.folders].filter(
      (name) => !isIgnored(name),
    )
    if (found.sort().join('\0') === files.map(fileName).sort().join('\0')) continue
    throw new MillraceError('conflict', `${folder}  was changed by somebody else while the run was working. Run again`)
  }
}

/** Says what a commit published. */
export async function announcePublished(
  task: string,
  partition: string,
  publication: CommitRecord,
  files: { count: number; bytes: number },
  context: Pick<TaskContext, 'path' | 'dryRun' | 'write'>,
): Promise<void> {
  await context.write({
    type: 'published',
    task,
    path: context.path,
    partition,
    scope: publication.scope,
    number: publication.number,
    dryRun: context.dryRun,
    files: files.count,
    bytes: files.bytes,
    counts: publication.counts,
  })
}

/**
 * The files that the task is for: of a table that is written anew all that it has, of one that is added to those that came. In
 * a dry run nothing is written, and their number is what it would be.
 */
function mainFiles(
  { outputs, publish }: Plan,
  staged: Staged,
  publication: CommitRecord,
): { count: number; bytes: number } {
  const { output, target } = publish.main
  const own = outputs.find(({ name }) => name === output)
  const bytes = (files: readonly { bytes: number }[]): number => files.reduce((sum, file) => sum + file.bytes, 0)
  if (own === undefined) {
    const files = publication.partitions.find(({ location }) => location === target)?.files ?? []
    return { count: files.length, bytes: bytes(files) }
  }
  // A landing or a split has several outputs, and all of them are what it is for.
  const isMany = publish.state.kind === 'land' || publish.state.kind === 'fan-out'
  const mine = isMany ? outputs.filter(({ name }) => name !== publish.quarantine?.output) : [own]
  const written = staged.files.filter((file) => mine.some(({ name }) => name === file.output))
  if (written.length > 0) return { count: written.length, bytes: bytes(written) }
  const planned = mine.map(({ name, split, fileCount }) =>
    Math.min(split?.values.length ?? fileCount, staged.rows[name] ?? 0),
  )
  return { count: planned.reduce((sum, files) => sum + files, 0), bytes: 0 }
}

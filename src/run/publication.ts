/** Makes of a plan and what an engine staged the record that publishes it, and checks the balance first. */
import { assert, MillraceError } from '../errors.ts'
import { identityText } from '../formats/file-identity.ts'
import type {
  CommitCounts,
  CommitRecord,
  Plan,
  PublishedPartition,
  PublishMove,
  PublishStep,
  Staged,
  StagedFile,
  Store,
} from '../types.ts'

export type PublicationContext = {
  store: Store
  run: string
  attempt: number
  staging: string
  previous: CommitRecord | null
  dryRun: boolean
  signal: AbortSignal
}

const filesAtOnce = 8 // made durable side by side; between two such groups is a chance to stop

/**
 * Gives the commit record of a plan whose outputs are staged; the staged files are durable then.
 * Throws `balance` when rows in are not rows out, `conflict` when another commit was made since the plan.
 */
export async function publicationOf(plan: Plan, staged: Staged, context: PublicationContext): Promise<CommitRecord> {
  const { previous, staging } = context
  if ((previous?.number ?? 0) !== plan.publish.after) {
    throw new MillraceError(
      'conflict',
      `${plan.publish.scope}  was changed by run ${previous?.run} since this run planned. Run again`,
    )
  }
  const read = countsOf(plan, staged)
  checkBalance(plan, staged, read, context.dryRun)
  const counts = plan.publish.repeats && previous !== null ? newOf(plan, read, previous) : read
  if (!context.dryRun) await makeDurable(staged, context)
  const list = await stageUnreadable(plan, context)
  return {
    commitVersion: 1,
    scope: plan.publish.scope,
    number: plan.publish.after + 1,
    run: context.run,
    pipeline: plan.pipeline,
    task: plan.task,
    committedAt: new Date().toISOString(),
    staging,
    moves: [...plan.publish.steps.flatMap((step) => moves(step, staged, staging)), ...list],
    partitions: partitions(plan, staged, previous),
    bookmark: plan.publish.bookmark,
    ...plan.publish.layout,
    hasAdopted: plan.publish.hasAdopted,
    counts,
  }
}

/** Files first, then the folders that name them. */
async function makeDurable(staged: Staged, { store, staging, signal }: PublicationContext): Promise<void> {
  const paths = staged.files.map(({ path }) => `${staging}/${path}`)
  for (let start = 0; start < paths.length; start += filesAtOnce) {
    await Promise.all(paths.slice(start, start + filesAtOnce).map((path) => store.sync(path)))
    if (signal.aborted) throw new MillraceError('cancelled', 'stopped on request')
  }
  for (const folder of new Set(paths.map((path) => path.slice(0, path.lastIndexOf('/'))))) await store.sync(folder)
}

/** Rows in come from the footers of the listed files, rows out from those of the files written. */
function countsOf(plan: Plan, staged: Staged): CommitCounts {
  const rowsOf = (input: string): number =>
    plan.inputs.find(({ name }) => name === input)?.files.reduce((sum, { rows }) => sum + rows, 0) ?? 0
  const { balance, unreadable } = plan.publish
  const duplicates = Object.values(staged.superseded).reduce((sum, count) => sum + count, 0)
  return {
    rowsIn: rowsOf(balance.rowsIn),
    rowsStanding: rowsOf(balance.rowsStanding),
    rowsOut: staged.rows[balance.rowsOut] ?? 0,
    duplicates,
    quarantined: staged.rows[balance.quarantined] ?? 0,
    filesUnreadable: unreadable?.files.length ?? 0,
  }
}

/** Of a day that was read from its start once more, what is new since the commit before; the balance holds for it too. */
function newOf(plan: Plan, read: CommitCounts, previous: CommitRecord): CommitCounts {
  const { balance, steps, bookmark } = plan.publish
  const consumed = new Set(previous.bookmark.map(identityText))
  const files = plan.inputs.find(({ name }) => name === balance.rowsIn)?.files ?? []
  const again = files.filter((file) => consumed.has(identityText(file)))
  const rowsAgain = again.reduce((sum, { rows }) => sum + rows, 0)
  const rowsBefore = (output: string): number => {
    const target = steps.find((step) => step.output === output)?.target
    const files = previous.partitions.filter(({ location }) => location === target).flatMap((entry) => entry.files)
    return files.reduce((sum, { rows }) => sum + rows, 0)
  }
  const rowsStanding = rowsBefore(balance.rowsOut)
  const quarantinedBefore = rowsBefore(balance.quarantined)
  const duplicates = read.duplicates - (rowsAgain - rowsStanding - quarantinedBefore)
  assert(duplicates >= 0 && read.rowsIn >= rowsAgain, 'a day that is read once more has all the rows it had')
  return {
    rowsIn: read.rowsIn - rowsAgain,
    rowsStanding,
    rowsOut: read.rowsOut,
    duplicates,
    quarantined: read.quarantined - quarantinedBefore,
    filesUnreadable: bookmark.length - previous.bookmark.length - (files.length - again.length),
  }
}

function checkBalance(plan: Plan, staged: Staged, counts: CommitCounts, dryRun: boolean): void {
  const { rowsIn, rowsStanding, rowsOut, duplicates, quarantined } = counts
  const sides = `${rowsIn} new + ${rowsStanding} standing ≠ ${rowsOut} out + ${duplicates} duplicates + ${quarantined} quarantined`
  if (rowsIn + rowsStanding !== rowsOut + duplicates + quarantined) {
    throw new MillraceError('balance', `${plan.publish.scope}  rows do not balance: ${sides}. Nothing was published`)
  }
  if (dryRun) return
  for (const [output, rows] of Object.entries(staged.rows)) {
    const written = staged.files.filter((file) => file.output === output).reduce((sum, file) => sum + file.rows, 0)
    if (written !== rows) {
      throw new MillraceError(
        'balance',
        `${plan.publish.scope}  ${output} has ${rows} rows, but its files have ${written}. Nothing was published`,
      )
    }
  }
}

function moves(step: PublishStep, staged: Staged, staging: string): PublishMove[] {
  const files = staged.files.filter(({ output }) => output === step.output)
  if (step.mode === 'append') {
    return files.map(({ path }) => ({
      kind: 'add-file',
      staged: `${staging}/${path}`,
      target: `${step.target}/${nameOf(path)}`,
    }))
  }
  const folder = files.length === 0 ? null : `${staging}/${step.output}`
  return [{ kind: 'replace-folder', staged: folder, target: step.target, trash: `${staging}/trash/${step.output}` }]
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** Unreadable files are listed one a line, as JSON: path, bytes, sha256, reason, run. */
async function stageUnreadable(
  plan: Plan,
  { store, run, attempt, staging, dryRun }: PublicationContext,
): Promise<PublishMove[]> {
  const { unreadable } = plan.publish
  if (unreadable === null || dryRun) return []
  const name = `files-${run}${attempt === 1 ? '' : `-${attempt}`}.jsonl`
  const lines = unreadable.files.map((file) => `${JSON.stringify({ ...file, run })}\n`)
  await store.replace(`${staging}/unreadable/${name}`, lines.join(''))
  return [{ kind: 'add-file', staged: `${staging}/unreadable/${name}`, target: `${unreadable.target}/${name}` }]
}

/**
 * The partitions as they are after the commit: replaced, added to, or as the commit before left them. Files that were added
 * with other columns stand as an entry of their own, with the same location.
 */
function partitions(plan: Plan, staged: Staged, previous: CommitRecord | null): PublishedPartition[] {
  const after = [...(previous?.partitions ?? [])]
  for (const { output, mode, target, table, partition, columns } of plan.publish.steps) {
    const files = staged.files.filter((file) => file.output === output).map(publishedFile)
    const isSame = (other: PublishedPartition): boolean =>
      other.location === target && JSON.stringify(other.columns) === JSON.stringify(columns)
    if (mode === 'replace') {
      const kept = after.filter(({ location }) => location !== target)
      after.splice(0, after.length, ...kept, { table, columns, partition, location: target, files })
    } else if (files.length > 0 || !after.some(({ location }) => location === target)) {
      const at = after.findIndex(isSame)
      const before = after[at]
      if (before === undefined) after.push({ table, columns, partition, location: target, files })
      else after[at] = { ...before, files: [...before.files, ...files] }
    }
  }
  return after
}

function publishedFile({ path, rows, bytes }: StagedFile): { name: string; rows: number; bytes: number } {
  return { name: nameOf(path), rows, bytes }
}

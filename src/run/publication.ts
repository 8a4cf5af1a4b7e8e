/** Makes of a plan and what an engine staged the record that publishes it, and checks the balance first. */
import { assert, MillraceError } from '../errors.ts'
import { fileName, folderOf, identityText } from '../formats/file-identity.ts'
import type { Store } from '../store.ts'
import type {
  CommitCounts,
  CommitRecord,
  ConsumedFile,
  Plan,
  PublishedPartition,
  PublishMove,
  PublishStep,
  RowCount,
  Staged,
  StagedFile,
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
  checkRefusals(plan, staged)
  const counts = plan.publish.repeats && previous !== null ? newOf(plan, read, previous) : read
  if (!context.dryRun) await makeDurable(staged, context)
  const list = [...(await stageTexts(plan, context)), ...(await stageUnreadable(plan, context))]
  return {
    commitVersion: 1,
    scope: plan.publish.scope,
    number: plan.publish.after + 1,
    run: context.run,
    pipeline: plan.pipeline,
    task: plan.task,
    committedAt: new Date().toISOString(),
    staging,
    moves: [...plan.publish.steps.flatMap((step) => moves(step, staged, staging, plan)), ...list],
    partitions: partitions(plan, staged, previous),
    bookmark: bookmarkAfter(plan, previous),
    state: plan.publish.state,
    counts,
  }
}

/** Files first, then the folders that name them. What lies there must be what the engine said that it wrote. */
async function makeDurable(staged: Staged, { store, staging, signal }: PublicationContext): Promise<void> {
  const written = new Map(staged.files.map(({ path, bytes }) => [`${staging}/${path}`, bytes]))
  const folders = new Set([...written.keys()].map(folderOf))
  for (const folder of folders) {
    for (const { path, bytes } of (await store.list(folder)).files) {
      assert(written.get(path) === bytes, `${path} has ${bytes} bytes, the engine wrote ${written.get(path)}`)
    }
  }
  const paths = staged.files.map(({ path }) => `${staging}/${path}`)
  for (let start = 0; start < paths.length; start += filesAtOnce) {
    await Promise.all(paths.slice(start, start + filesAtOnce).map((path) => store.sync(path)))
    if (signal.aborted) throw new MillraceError('cancelled', 'stopped on request')
  }
  for (const folder of new Set(paths.map(folderOf))) await store.sync(folder)
}

/** Every file consumed so far, and by this plan; a file that was refused before and is read now takes its place. */
function bookmarkAfter({ publish: { bookmark } }: Plan, previous: CommitRecord | null): ConsumedFile[] {
  const now = new Set(bookmark.added.map(identityText))
  const before = bookmark.restarts ? [] : (previous?.bookmark ?? [])
  return [...before.filter((file) => !now.has(identityText(file))), ...bookmark.added]
}

/** Counts nothing twice over: rows read come from footers, rows written from the files, the others from the engine. */
function countsOf(plan: Plan, staged: Staged): CommitCounts {
  const { counts, unreadable } = plan.publish
  const sum = (terms: RowCount[]): number => terms.reduce((total, term) => total + rowCount(term, plan, staged), 0)
  const counted = Object.fromEntries(Object.entries(counts).map(([name, terms]) => [name, sum(terms)]))
  const none = { rowsIn: 0, rowsStanding: 0, rowsOut: 0, duplicates: 0, quarantined: 0 }
  const tables = plan.publish.tables === undefined ? {} : { tables: plan.publish.tables }
  return { ...none, ...counted, filesUnreadable: unreadable?.files.length ?? 0, ...tables }
}

function rowCount(term: RowCount, plan: Plan, staged: Staged): number {
  if ('output' in term) return staged.rows[term.output] ?? 0
  if ('superseded' in term) return staged.superseded[term.superseded] ?? 0
  if ('metric' in term) return staged.metrics[term.metric[0]]?.[term.metric[1]] ?? 0
  return plan.inputs.find(({ name }) => name === term.input)?.files.reduce((sum, { rows }) => sum + rows, 0) ?? 0
}

function checkRefusals(plan: Plan, staged: Staged): void {
  for (const { metric, message } of plan.publish.refusals) {
    const found = rowCount({ metric }, plan, staged)
    if (found !== 0) throw new MillraceError('bad-value', message.replaceAll('{n}', String(found)))
  }
}

/** Of a day that was read from its start once more, what is new since the commit before; the balance holds for it too. */
function newOf(plan: Plan, read: CommitCounts, previous: CommitRecord): CommitCounts {
  const { main, quarantine, steps, bookmark } = plan.publish
  const consumed = new Set(previous.bookmark.map(identityText))
  const isRead = new Set(inputsOf(plan, 'rowsIn'))
  const files = plan.inputs.filter(({ name }) => isRead.has(name)).flatMap((input) => input.files)
  const again = files.filter((file) => consumed.has(identityText(file)))
  const rowsAgain = again.reduce((sum, { rows }) => sum + rows, 0)
  const rowsBefore = (output: string): number => {
    const target = steps.find((step) => step.output === output)?.target
    const files = previous.partitions.filter(({ location }) => location === target).flatMap((entry) => entry.files)
    return files.reduce((sum, { rows }) => sum + rows, 0)
  }
  const rowsStanding = rowsBefore(main.output)
  const quarantinedBefore = quarantine === null ? 0 : rowsBefore(quarantine.output)
  const duplicates = read.duplicates - (rowsAgain - rowsStanding - quarantinedBefore)
  assert(duplicates >= 0 && read.rowsIn >= rowsAgain, 'a day that is read once more has all the rows it had')
  return {
    ...read,
    rowsIn: read.rowsIn - rowsAgain,
    rowsStanding,
    rowsOut: read.rowsOut,
    duplicates,
    quarantined: read.quarantined - quarantinedBefore,
    filesUnreadable: bookmark.added.length - previous.bookmark.length - (files.length - again.length),
  }
}

/** The inputs whose rows a count is made of. */
export function inputsOf({ publish }: Plan, count: keyof CommitCounts): string[] {
  return (publish.counts[count] ?? []).flatMap((term) => ('input' in term ? [term.input] : []))
}

function checkBalance(plan: Plan, staged: Staged, counts: CommitCounts, dryRun: boolean): void {
  for (const balance of plan.publish.balances) {
    const sum = (names: (keyof CommitCounts)[]): number => names.reduce((total, name) => total + (counts[name] ?? 0), 0)
    if (sum(balance.in) === sum(balance.out)) continue
    const [left, right] = [balance.in, balance.out].map((names) =>
      names.map((name) => `${counts[name] ?? 0} ${name}`).join(' + '),
    )
    throw new MillraceError(
      'balance',
      `${plan.publish.scope}  rows do not balance: ${left} ≠ ${right}. Nothing was published`,
    )
  }
  checkSums(plan, staged)
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

function checkSums(plan: Plan, staged: Staged): void {
  const text = (terms: RowCount[]): string =>
    terms.map((term) => `${rowCount(term, plan, staged)} of ${Object.values(term).flat().join('.')}`).join(' + ')
  for (const sum of plan.publish.sums ?? []) {
    const [left, right] = [sum.in, sum.out].map((terms) =>
      terms.reduce((total, term) => total + rowCount(term, plan, staged), 0),
    )
    if (left === right) continue
    throw new MillraceError(
      'balance',
      `${sum.of}  rows do not balance: ${text(sum.in)} ≠ ${text(sum.out)}. Nothing was published`,
    )
  }
}

/** The files of a step: of a split output those of its part. */
function filesOf({ output, part }: PublishStep, staged: Staged, plan: Plan): StagedFile[] {
  const own = staged.files.filter((file) => file.output === output)
  if (part === undefined) return own
  const index = plan.outputs.find(({ name }) => name === output)?.split?.values.indexOf(part)
  return own.filter((file) => file.part === index)
}

function moves(step: PublishStep, staged: Staged, staging: string, plan: Plan): PublishMove[] {
  if (step.mode === 'remove') {
    return [{ kind: 'replace-folder', staged: null, target: step.target, trash: `${staging}/trash/${step.output}` }]
  }
  const files = filesOf(step, staged, plan)
  if (step.mode === 'append') {
    return files.map(({ path }) => ({
      kind: 'add-file',
      staged: `${staging}/${path}`,
      target: `${step.target}/${fileName(path)}`,
    }))
  }
  const [first] = files
  const folder = first === undefined ? null : folderOf(`${staging}/${first.path}`)
  const trash = `${staging}/trash/${step.output}${step.part === undefined ? '' : `/part-${encodeURIComponent(step.part)}`}`
  return [{ kind: 'replace-folder', staged: folder, target: step.target, trash }]
}

async function stageTexts(plan: Plan, { store, staging, dryRun }: PublicationContext): Promise<PublishMove[]> {
  if (dryRun) return []
  const moves: PublishMove[] = []
  for (const [index, { target, name, content }] of (plan.publish.texts ?? []).entries()) {
    const staged = `${staging}/texts/${index}`
    await store.replace(`${staged}/${name}`, content)
    moves.push({ kind: 'replace-folder', staged, target, trash: `${staging}/trash/texts-${index}` })
  }
  return moves
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
  for (const step of plan.publish.steps) {
    const { mode, target, table, partition, columns } = step
    const files = filesOf(step, staged, plan).map(publishedFile)
    const isSame = (other: PublishedPartition): boolean =>
      other.location === target && JSON.stringify(other.columns) === JSON.stringify(columns)
    if (mode !== 'append') {
      const kept = after.filter(({ location }) => location !== target)
      const made = mode === 'remove' ? [] : [{ table, columns, partition, location: target, files }]
      after.splice(0, after.length, ...kept, ...made)
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
  return { name: fileName(path), rows, bytes }
}

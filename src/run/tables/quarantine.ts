/** Where work on tables puts what it cannot bring in: rows as Parquet, files as a list. */
import { taskQuarantine } from '../../define/dataset.ts'
import { quoteText } from '../../engines/portable.ts'
import type { UnreadableFile } from '../../types.ts'
import type { TableContext } from './table-work.ts'
import type { Workspace } from './workspace.ts'

/** Lists files in quarantine, one a line, as JSON; each is a warning. The files stay where they are. */
export async function quarantineFiles(
  context: TableContext,
  task: { name: string },
  table: string,
  files: readonly UnreadableFile[],
): Promise<void> {
  if (files.length === 0) return
  const target = `${taskQuarantine(context.pipeline, task, table)}/files-${context.run}.jsonl`
  const lines = files.map((file) => `${JSON.stringify({ ...file, run: context.run })}\n`)
  await context.store.replace(target, lines.join(''))
  for (const { path, reason } of files)
    await context.warn(`${JSON.stringify(path)}  ${reason}; listed in quarantine, the file stays where it is`)
}

/** Writes the rows of each query to a file of its own in quarantine, under a name that another attempt of the run replaces. */
export async function quarantineRows(
  context: TableContext,
  task: { name: string },
  table: string,
  { session }: Workspace,
  queries: readonly string[],
  what: string,
): Promise<void> {
  const { store, run, lease } = context
  const folder = taskQuarantine(context.pipeline, task, table)
  for (const [index, sql] of queries.entries()) {
    const [row] = await session.rows(`SELECT count(*) AS n FROM (${sql})`)
    if (Number(row?.n) === 0) continue
    const staged = `${lease.scratch}/${lease.unique()}.parquet`
    await session.run(`COPY (${sql}) TO ${quoteText(staged)} (FORMAT parquet, COMPRESSION snappy)`)
    const root = store.locate('')
    const target = `${folder}/rows-${run}${index === 0 ? '' : `-${index}`}.parquet`
    await store.remove(target)
    await store.move(staged.slice(root.length).replace(/^\/+/, ''), target)
  }
  await context.warn(`${what} of ${table} went to ${folder}`)
}

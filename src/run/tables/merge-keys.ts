/** The keys of a merge that changed inputs can touch: what a merge must compute again, and no more. */
import type { MergeIntoTask } from '../../define/merge-into.ts'
import { quoteName } from '../../engines/portable.ts'
import type { Table } from '../../iceberg/table.ts'
import { filtersLeft, joinChain, linksOf, onlyAdding } from '../../plan/join-chain.ts'
import { joinedInner, keysOf, restrictedInput } from '../../plan/merge-into.ts'
import { type ChangedInput, inputQuery, keepChanges, type MergeInput } from './merge-inputs.ts'
import type { Stretch } from './merge-record.ts'
import { type ChainRows, type CutTable, cutTable, narrowChain, reachFirst } from './narrow-chain.ts'
import { tableRead } from './target-table.ts'
import type { Workspace } from './workspace.ts'

const helpers = ['_change_type', '_change_ordinal', '_commit_snapshot_id']
const before = `_change_type IN ('DELETE', 'UPDATE_BEFORE')`

/** For SQL: an input's changed rows, as they were and are, all rows it has or had, and those that it had. */
type Parts = { rows: string; all: string; before: string }

/**
 * Makes a table of the keys, or says why all must be computed. A row of the result that changed came of a changed row of an input,
 * then or now: so each changed input is looked at by its changed rows alone, the others with all rows that they have and had.
 */
export async function touchedKeys(
  task: MergeIntoTask,
  inputs: readonly MergeInput[],
  changed: readonly ChangedInput[],
  target: { table: Table; stretches: readonly Stretch[] },
  workspace: Workspace,
): Promise<{ keys: string } | { why: string }> {
  const parts = await changedParts(task, changed, workspace)
  if ('why' in parts) return parts
  for (const input of inputs)
    await workspace.define(input.name, parts.of.get(input.name)?.all ?? (await inputQuery(task, input)))
  const reached = await keysByReach(task, inputs, parts.of, workspace)
  const selects = reached === null ? await keysByInput(task, parts.of, workspace) : reached
  if ('why' in selects) return selects
  if (target.stretches.length > 0) {
    const keys = task.on.map(quoteName)
    const columns = [...keys, '_change_type']
    const kept = await keepChanges(workspace, target.table, target.stretches, columns)
    if (kept === null) return { why: `the history of ${task.into} is gone` }
    const many = await tooMany(task, task.into, target.table, kept, workspace)
    if (many !== null) return { why: many }
    selects.push(`SELECT ${keys.join(', ')} FROM memory.main.${kept}`)
  }
  return { keys: await workspace.keep('keys', `SELECT DISTINCT * FROM (${selects.join(' UNION ALL ')})`) }
}

async function changedParts(
  task: MergeIntoTask,
  changed: readonly ChangedInput[],
  workspace: Workspace,
): Promise<{ of: Map<string, Parts> } | { why: string }> {
  const of = new Map<string, Parts>()
  for (const { input, stretches } of changed) {
    const kept = await keepChanges(workspace, input.table, stretches, null)
    if (kept === null) return { why: `the history of ${input.name} is gone` }
    const many = await tooMany(task, input.name, input.table, kept, workspace)
    if (many !== null) return { why: many }
    const columns = `* EXCLUDE (${helpers.join(', ')})`
    const where = task.prune[input.name] === undefined ? 'true' : `(${task.prune[input.name]})`
    const had = `SELECT ${columns} FROM memory.main.${kept} WHERE ${before} AND ${where}`
    of.set(input.name, {
      rows: `SELECT ${columns} FROM memory.main.${kept} WHERE ${where}`,
      all: `${await inputQuery(task, input)} UNION ALL BY NAME ${had}`,
      before: had,
    })
  }
  return { of }
}

/**
 * Of a chain of joins: which rows of its first table the changed rows reach, and which keys those lead to. Only the tables between are
 * read for the one, and the whole chain once for the other. Null for a query of another form.
 */
async function keysByReach(
  task: MergeIntoTask,
  inputs: readonly MergeInput[],
  parts: ReadonlyMap<string, Parts>,
  workspace: Workspace,
): Promise<string[] | { why: string } | null> {
  const chain = joinChain(task.using.sql)
  const first = inputs.find(({ name }) => name === chain?.[0]?.table)
  if (chain === null || first === undefined) return null
  if (chain.some(({ table }) => !inputs.some(({ name }) => name === table))) return null
  if (filtersLeft(task.using.sql, chain)) return { why: 'its condition looks at a table that is joined from the left' }
  const { schema } = first.table
  const ids = schema['identifier-field-ids'] ?? []
  const columns = schema.fields.filter(({ id }) => ids.includes(id)).map(({ name }) => name)
  if (columns.length === 0 || parts.size === 0) return parts.size === 0 ? [] : null
  const links = linksOf(chain)
  const chainRows = rowsOfInputs(task, inputs, parts)
  const changed = new Map([...parts].map(([name, { rows }]) => [name, rows]))
  const reaching = await reachFirst(chain, links, changed, columns, chainRows, workspace)
  if (reaching === null) return null
  const list = columns.map(quoteName).join(', ')
  const reached = await workspace.share(`SELECT DISTINCT ${list} FROM (${reaching})`)
  const many = await tooManyReached(first.name, first.table, reached, workspace)
  if (many !== null) return { why: many }
  const values = `memory.main.${reached}`
  const all = await chainRows.read(
    first.name,
    columns.map((column) => ({ column, values })),
  )
  const rows = await workspace.share(restrictedInput(all, columns, values))
  await workspace.define(first.name, `SELECT * FROM memory.main.${rows}`)
  // No key comes of them, so that they need not be read to find keys.
  const adding = onlyAdding(chain)
  for (const input of inputs.filter(({ name }) => adding.includes(name)))
    await workspace.define(input.name, `SELECT * FROM (${await inputQuery(task, input)}) WHERE false`)
  const others = links.filter(({ table, other }) => !adding.includes(table.table) && !adding.includes(other.table))
  const cut = await cutTable(`memory.main.${rows}`, chainRows.count(first.name), workspace)
  await narrowChain(others, new Map([[first.name, cut]]), chainRows, workspace)
  return [`SELECT * FROM memory.main.${await workspace.keep('reached_keys', keysOf(task, task.using.sql))}`]
}

/** Of any other query: it is run for each changed input, whose changed rows alone are there. */
async function keysByInput(
  task: MergeIntoTask,
  parts: ReadonlyMap<string, Parts>,
  workspace: Workspace,
): Promise<string[] | { why: string }> {
  const selects: string[] = []
  for (const [name, part] of parts) {
    const sql = joinedInner(task.using.sql, name)
    if (sql === null) return { why: `the query names ${name} more than once` }
    await workspace.define(name, part.rows)
    selects.push(`SELECT * FROM memory.main.${await workspace.keep(`keys_${selects.length}`, keysOf(task, sql))}`)
    await workspace.define(name, part.all)
  }
  return selects
}

const reachedPercentMax = 50 // beyond it the chain is nearly run whole to find keys, and then again for them

/** Where much has changed, computing everything once is less work than finding out what it touches. */
async function tooMany(
  task: MergeIntoTask,
  name: string,
  table: Table,
  kept: string,
  workspace: Workspace,
): Promise<string | null> {
  const limit = task.incremental?.limitPercent ?? 0
  const share = await shareOf(table, `memory.main.${kept} WHERE _change_type <> 'UPDATE_BEFORE'`, workspace)
  return share.percent > limit ? `${share.text} rows of ${name} changed, more than ${limit} %` : null
}

async function tooManyReached(
  name: string,
  table: Table,
  reached: string,
  workspace: Workspace,
): Promise<string | null> {
  const share = await shareOf(table, `memory.main.${reached}`, workspace)
  return share.percent > reachedPercentMax ? `${share.text} rows of ${name} are concerned` : null
}

/** The inputs as a chain's tables, with the rows that they had. */
function rowsOfInputs(
  task: MergeIntoTask,
  inputs: readonly MergeInput[],
  parts: ReadonlyMap<string, Parts>,
): ChainRows {
  const byName = new Map(inputs.map((input) => [input.name, input]))
  const of = (name: string): MergeInput => byName.get(name) as MergeInput
  return {
    count: (name) => tableRead(of(name).table).rows,
    read: async (name, among) => {
      const now = await inputQuery(task, of(name), among)
      const part = parts.get(name)
      return part === undefined ? now : `${now} UNION ALL BY NAME ${part.before}`
    },
  }
}

async function shareOf(table: Table, from: string, { session }: Workspace): Promise<{ percent: number; text: string }> {
  const [row] = await session.rows(`SELECT count(*) AS n FROM ${from}`)
  const [some, rows] = [Number(row?.n), tableRead(table).rows]
  return { percent: some === 0 ? 0 : (100 * some) / Math.max(1, rows), text: `${some} of ${rows}` }
}

/** Makes the inputs stand for their rows now; with keys, those that say how are cut to rows that may have one of them. */
export async function defineInputs(
  task: MergeIntoTask,
  inputs: readonly MergeInput[],
  keys: string | null,
  workspace: Workspace,
): Promise<void> {
  const cut = new Map<string, CutTable>()
  const rows = rowsOfInputs(task, inputs, new Map())
  for (const [index, input] of inputs.entries()) {
    const columns = task.incremental?.restrict[input.name]
    if (keys === null || columns === undefined) {
      await workspace.define(input.name, await inputQuery(task, input))
      continue
    }
    const values = `memory.main.${keys}`
    const query = await inputQuery(
      task,
      input,
      columns.map((column) => ({ column, values })),
    )
    // Kept, so that the planner of the join knows how few they are.
    const kept = await workspace.keep(`input_${index}`, restrictedInput(query, columns, `memory.main.${keys}`))
    await workspace.define(input.name, `SELECT * FROM memory.main.${kept}`)
    cut.set(input.name, await cutTable(`memory.main.${kept}`, rows.count(input.name), workspace))
  }
  const chain = joinChain(task.using.sql)
  if (chain === null || !chain.every(({ table }) => inputs.some(({ name }) => name === table))) return
  await narrowChain(linksOf(chain), cut, rows, workspace)
}

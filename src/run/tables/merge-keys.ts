/** The keys of a merge that changed inputs can touch: what a merge must compute again, and no more. */
import type { MergeIntoTask } from '../../define/merge-into.ts'
import { quoteName } from '../../engines/portable.ts'
import type { Table } from '../../iceberg/table.ts'
import {
  type ChainedTable,
  filtersLeft,
  type JoinChain,
  joinChain,
  linksOf,
  onlyAdding,
  wayTo,
} from '../../plan/join-chain.ts'
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

/** A table of the keys; `isDefined`: the inputs stand for their rows now already, cut to those that may have one of the keys. */
type Touched = { keys: string; isDefined: boolean }

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
): Promise<Touched | { why: string }> {
  const parts = await changedParts(task, changed, workspace)
  if ('why' in parts) return parts
  const ofTarget = await keysOfTarget(task, target, workspace)
  if (ofTarget !== null && 'why' in ofTarget) return ofTarget
  const others = ofTarget === null ? [] : [ofTarget.select]
  for (const input of inputs)
    await workspace.define(input.name, parts.of.get(input.name)?.all ?? (await inputQuery(task, input)))
  const reached = await keysByReach(task, inputs, parts.of, others, workspace)
  const found = reached ?? (await keysByInput(task, parts.of, workspace))
  if ('why' in found) return found
  const selects = [...found.selects, ...others]
  const keys = await workspace.keep('keys', `SELECT DISTINCT * FROM (${selects.join(' UNION ALL ')})`)
  return { keys, isDefined: found.isDefined }
}

/** The keys of rows of the target that others changed; null where there are none. */
async function keysOfTarget(
  task: MergeIntoTask,
  { table, stretches }: { table: Table; stretches: readonly Stretch[] },
  workspace: Workspace,
): Promise<{ select: string } | { why: string } | null> {
  if (stretches.length === 0) return null
  const keys = task.on.map(quoteName)
  const kept = await keepChanges(workspace, table, stretches, [...keys, '_change_type'])
  if (kept === null) return { why: `the history of ${task.into} is gone` }
  const many = await tooMany(task, task.into, table, kept, workspace)
  return many === null ? { select: `SELECT ${keys.join(', ')} FROM memory.main.${kept}` } : { why: many }
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

type Selects = { selects: string[]; isDefined: boolean }

/**
 * Of a chain of joins: which rows of its first table the changed rows reach, and which keys those lead to. All other tables are cut to
 * what may have one of these keys, once for finding them and for computing their rows. Null for a query of another form.
 */
async function keysByReach(
  task: MergeIntoTask,
  inputs: readonly MergeInput[],
  parts: ReadonlyMap<string, Parts>,
  others: readonly string[],
  workspace: Workspace,
): Promise<Selects | { why: string } | null> {
  const chain = joinChain(task.using.sql)
  const first = inputs.find(({ name }) => name === chain?.[0]?.table)
  if (chain === null || first === undefined) return null
  if (chain.some(({ table }) => !inputs.some(({ name }) => name === table))) return null
  if (filtersLeft(task.using.sql, chain)) return { why: 'its condition looks at a table that is joined from the left' }
  if (parts.size === 0) return { selects: [], isDefined: false }
  const { schema } = first.table
  const ids = schema['identifier-field-ids'] ?? []
  const columns = schema.fields.filter(({ id }) => ids.includes(id)).map(({ name }) => name)
  if (columns.length === 0) return null
  const links = linksOf(chain)
  const rows = rowsOfInputs(task, inputs, parts)
  const changed = new Map([...parts].map(([name, part]) => [name, part.rows]))
  const reaching = await reachFirst(chain, links, changed, columns, rows, workspace)
  if (reaching === null) return null
  const list = columns.map(quoteName).join(', ')
  const reached = await workspace.share(`SELECT DISTINCT ${list} FROM (${reaching})`)
  const many = await tooManyReached(first.name, first.table, reached, workspace)
  if (many !== null) return { why: many }
  const cut = await restrictTable(first.name, columns, `memory.main.${reached}`, rows, workspace)
  const start = new Map([[first.name, cut]])
  const byKeys = await cutByKeys(task, chain, start, others, rows, workspace)
  // No key comes of them, so that they need not be read to find keys.
  const adding = onlyAdding(chain)
  const leading = links.filter(({ table, other }) => !adding.includes(table.table) && !adding.includes(other.table))
  const tables = byKeys ?? (await narrowChain(leading, start, rows, workspace))
  await defineCut(new Map([...tables, ...start]), parts, 'all', workspace)
  for (const input of inputs.filter(({ name }) => adding.includes(name)))
    await workspace.define(input.name, `SELECT * FROM (${await inputQuery(task, input)}) WHERE false`)
  const keys = await workspace.keep('reached_keys', keysOf(task, task.using.sql))
  if (byKeys !== null) {
    for (const input of inputs) await workspace.define(input.name, await inputQuery(task, input))
    await defineCut(byKeys, parts, 'now', workspace)
  }
  return { selects: [`SELECT * FROM memory.main.${keys}`], isDefined: byKeys !== null }
}

/**
 * Cuts a chain to the rows that have a key of those that rows of its first table lead to, by the table with columns of the key that is
 * found with the least reading: first that one, by the tables between, then all others by it. Null where there is none.
 */
async function cutByKeys(
  task: MergeIntoTask,
  chain: JoinChain,
  start: ReadonlyMap<string, CutTable>,
  others: readonly string[],
  rows: ChainRows,
  workspace: Workspace,
): Promise<Map<string, CutTable> | null> {
  const first = chain[0] as ChainedTable
  const ways = chain
    .filter(({ table, isLeft }) => !isLeft && task.incremental?.restrict[table] !== undefined)
    .map((table) => ({ table, way: table === first ? [] : [...wayTo(chain, table, rows.count), table] }))
  const costOf = (way: readonly ChainedTable[]): number => way.reduce((sum, { table }) => sum + rows.count(table), 0)
  const [best] = ways.sort((a, b) => costOf(a.way) - costOf(b.way))
  if (best === undefined) return null
  const links = linksOf(chain)
  const between = links.filter(({ table, other }) =>
    [table, other].every((one) => one === first || best.way.includes(one)),
  )
  const found = (await narrowChain(between, start, rows, workspace)).get(best.table.table)
  if (found === undefined) return null
  const columns = task.incremental?.restrict[best.table.table] ?? []
  const list = columns.map(quoteName).join(', ')
  const selects = [`SELECT ${list} FROM ${found.from}`, ...others.map((select) => `SELECT ${list} FROM (${select})`)]
  const values = `memory.main.${await workspace.share(`SELECT DISTINCT * FROM (${selects.join(' UNION ALL ')})`)}`
  const cut = await restrictTable(best.table.table, columns, values, rows, workspace)
  return await narrowChain(links, new Map([[best.table.table, cut]]), rows, workspace)
}

/** The rows of a table whose columns are those of a row of `values`. */
async function restrictTable(
  name: string,
  columns: readonly string[],
  values: string,
  rows: ChainRows,
  workspace: Workspace,
): Promise<CutTable> {
  const query = await rows.read(
    name,
    columns.map((column) => ({ column, values })),
  )
  const kept = await workspace.share(restrictedInput(query, columns, values))
  return await cutTable(`memory.main.${kept}`, rows.count(name), workspace)
}

/** Makes inputs stand for the rows that they are cut to: all that they have and had, or those that they have now. */
async function defineCut(
  tables: ReadonlyMap<string, CutTable>,
  parts: ReadonlyMap<string, Parts>,
  which: 'all' | 'now',
  workspace: Workspace,
): Promise<void> {
  for (const [name, { from }] of tables) {
    if (!parts.has(name)) await workspace.define(name, `SELECT * FROM ${from}`)
    else {
      const where = which === 'now' ? ` WHERE NOT ${had}` : ''
      await workspace.define(name, `SELECT * EXCLUDE (${had}) FROM ${from}${where}`)
    }
  }
}

/** Of any other query: it is run for each changed input, whose changed rows alone are there. */
async function keysByInput(
  task: MergeIntoTask,
  parts: ReadonlyMap<string, Parts>,
  workspace: Workspace,
): Promise<Selects | { why: string }> {
  const selects: string[] = []
  for (const [name, part] of parts) {
    const sql = joinedInner(task.using.sql, name)
    if (sql === null) return { why: `the query names ${name} more than once` }
    await workspace.define(name, part.rows)
    selects.push(`SELECT * FROM memory.main.${await workspace.keep(`keys_${selects.length}`, keysOf(task, sql))}`)
    await workspace.define(name, part.all)
  }
  return { selects, isDefined: false }
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

const had = quoteName('$had')

/** The inputs as a chain's tables; where there are rows that one had, they are among them, and `$had` tells them. */
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
      if (part === undefined) return now
      return `SELECT *, false AS ${had} FROM (${now}) UNION ALL BY NAME SELECT *, true AS ${had} FROM (${part.before})`
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
  await defineCut(await narrowChain(linksOf(chain), cut, rows, workspace), new Map(), 'now', workspace)
}

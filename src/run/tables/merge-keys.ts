/** The keys of a merge that changed inputs can touch: what a merge must compute again, and no more. */
import type { MergeIntoTask } from '../../define/merge-into.ts'
import { quoteName } from '../../engines/portable.ts'
import type { Table } from '../../iceberg/table.ts'
import {
  type ChainedTable,
  filtersLeft,
  type JoinChain,
  joinChain,
  type Link,
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

/** For SQL: an input's changed rows, as they were and are, and those as they were alone. */
type Parts = { rows: string; before: string }

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
  const rows = rowsOfInputs(task, inputs, parts.of)
  const reached = await keysByReach(task, inputs, parts.of, others, rows, workspace)
  const found = reached ?? (await keysByInput(task, inputs, parts.of, rows, workspace))
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
    of.set(input.name, {
      rows: `SELECT ${columns} FROM memory.main.${kept} WHERE ${where}`,
      before: `SELECT ${columns} FROM memory.main.${kept} WHERE ${before} AND ${where}`,
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
  rows: InputRows,
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
  const changed = new Map([...parts].map(([name, part]) => [name, part.rows]))
  const reaching = await reachFirst(chain, links, changed, columns, rows, workspace)
  if (reaching === null) return null
  const list = columns.map(quoteName).join(', ')
  const reached = await workspace.share(`SELECT DISTINCT ${list} FROM (${reaching})`)
  const many = await tooManyReached(first.name, first.table, reached, workspace)
  if (many !== null) return { why: many }
  const cut = await restrictTable(first.name, columns, `memory.main.${reached}`, rows, workspace)
  const start = new Map([[first.name, cut]])
  const byKeys = await cutByKeys(task, { chain, links, rows }, start, others, workspace)
  // No key comes of them, so that they need not be read to find keys.
  const adding = onlyAdding(chain)
  const leading = links.filter(({ table, other }) => !adding.includes(table.table) && !adding.includes(other.table))
  const tables = byKeys ?? (await narrowChain(leading, start, rows, workspace))
  const names = inputs.map(({ name }) => name)
  const needed = names.filter((name) => !adding.includes(name))
  await defineRows(needed, rows, new Map([...tables, ...start]), 'all', workspace)
  for (const input of inputs.filter(({ name }) => adding.includes(name)))
    await workspace.define(input.name, `SELECT * FROM (${await inputQuery(task, input)}) WHERE false`)
  const keys = await workspace.keep('reached_keys', keysOf(task, task.using.sql))
  if (byKeys !== null) await defineRows(names, rows, byKeys, 'now', workspace)
  return { selects: [`SELECT * FROM memory.main.${keys}`], isDefined: byKeys !== null }
}

/**
 * Cuts a chain to the rows that have a key of those that rows of its first table lead to, by the table with columns of the key that is
 * found with the least reading: first that one, by the tables between, then all others by it. Null where there is none.
 */
async function cutByKeys(
  task: MergeIntoTask,
  { chain, links, rows }: { chain: JoinChain; links: readonly Link[]; rows: InputRows },
  start: ReadonlyMap<string, CutTable>,
  others: readonly string[],
  workspace: Workspace,
): Promise<Map<string, CutTable> | null> {
  const first = chain[0] as ChainedTable
  const ways = chain
    .filter(({ table, isLeft }) => !isLeft && task.incremental?.restrict[table] !== undefined)
    .map((table) => ({ table, way: table === first ? [] : [...wayTo(chain, table, rows.count), table] }))
  const costOf = (way: readonly ChainedTable[]): number => way.reduce((sum, { table }) => sum + rows.count(table), 0)
  const [best] = ways.sort((a, b) => costOf(a.way) - costOf(b.way))
  if (best === undefined) return null
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

/** Makes inputs stand for all rows that they have and had, or for those that they have now: where they are cut, for those that are left. */
async function defineRows(
  names: readonly string[],
  rows: InputRows,
  cut: ReadonlyMap<string, CutTable>,
  which: 'all' | 'now',
  workspace: Workspace,
): Promise<void> {
  for (const name of names) {
    const from = cut.get(name)?.from ?? `(${await rows.read(name, [])})`
    const columns = rows.hadOthers(name) ? `* EXCLUDE (${had})` : '*'
    const where = rows.hadOthers(name) && which === 'now' ? ` WHERE NOT ${had}` : ''
    await workspace.define(name, `SELECT ${columns} FROM ${from}${where}`)
  }
}

/** Of any other query: it is run for each changed input, whose changed rows alone are there. */
async function keysByInput(
  task: MergeIntoTask,
  inputs: readonly MergeInput[],
  parts: ReadonlyMap<string, Parts>,
  rows: InputRows,
  workspace: Workspace,
): Promise<Selects | { why: string }> {
  const names = inputs.map(({ name }) => name)
  const whole = new Map<string, CutTable>()
  await defineRows(names, rows, whole, 'all', workspace)
  const selects: string[] = []
  for (const [name, part] of parts) {
    const sql = joinedInner(task.using.sql, name)
    if (sql === null) return { why: `the query names ${name} more than once` }
    await workspace.define(name, part.rows)
    selects.push(`SELECT * FROM memory.main.${await workspace.keep(`keys_${selects.length}`, keysOf(task, sql))}`)
    await defineRows([name], rows, whole, 'all', workspace)
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

/** Where an input `hadOthers`, these are among its rows, and `$had` tells them. */
type InputRows = ChainRows & { hadOthers(name: string): boolean }

function rowsOfInputs(
  task: MergeIntoTask,
  inputs: readonly MergeInput[],
  parts: ReadonlyMap<string, Parts>,
): InputRows {
  const byName = new Map(inputs.map((input) => [input.name, input]))
  const of = (name: string): MergeInput => byName.get(name) as MergeInput
  return {
    hadOthers: (name) => parts.has(name),
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
  const rows = rowsOfInputs(task, inputs, new Map())
  const cut = new Map<string, CutTable>()
  for (const { name } of keys === null ? [] : inputs) {
    const columns = task.incremental?.restrict[name]
    if (columns !== undefined) cut.set(name, await restrictTable(name, columns, `memory.main.${keys}`, rows, workspace))
  }
  const names = inputs.map(({ name }) => name)
  const chain = joinChain(task.using.sql)
  const isOfInputs = chain?.every(({ table }) => names.includes(table)) === true
  const tables = isOfInputs ? await narrowChain(linksOf(chain), cut, rows, workspace) : cut
  await defineRows(names, rows, tables, 'now', workspace)
}

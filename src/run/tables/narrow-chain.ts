/**
 * Cuts the tables of a join chain to the rows that a few of them can be joined to, one table after the other: each is read once, only
 * the files that can have one of the keys known by then, and the join is of small tables whose size its planner knows.
 */
import { quoteName } from '../../engines/portable.ts'
import type { ScanOptions } from '../../iceberg/table.ts'
import {
  type ChainedTable,
  type EqualColumns,
  type JoinChain,
  type Link,
  linkColumns,
  wayTo,
} from '../../plan/join-chain.ts'
import type { Workspace } from './workspace.ts'

const shareMax = 0.5 // of a table's rows: by so many of them, others are hardly cut

/** The tables of a chain: how many rows one has, and the query of its rows, files without certain values left out. */
export type ChainRows = {
  count(table: string): number
  read(table: string, among: NonNullable<ScanOptions['among']>): Promise<string>
}

/** A table that holds the rows that one of a chain is cut to, as a name for SQL, and how large a share of all they are. */
export type CutTable = { from: string; share: number }

/**
 * Cuts all tables that links lead to, beginning with those of `start`, which are cut already; gives these and those. The rows of the
 * chain's joins stay the same: what is left out is joined to nothing that is left.
 */
export async function narrowChain(
  links: readonly Link[],
  start: ReadonlyMap<string, CutTable>,
  rows: ChainRows,
  workspace: Workspace,
): Promise<Map<string, CutTable>> {
  const done = new Map(start)
  for (;;) {
    const open = links
      .flatMap((link) => {
        const forwards = { cut: link.table, by: link.other, on: link.on, equal: turned(link) }
        // A row that is joined from the left takes none away by not being there.
        const backwards = { cut: link.other, by: link.table, on: link.on, equal: link.equal }
        return link.table.isLeft ? [forwards] : [forwards, backwards]
      })
      .flatMap((step) => {
        const by = done.get(step.by.table)
        return by === undefined || by.share > shareMax || done.has(step.cut.table) ? [] : [{ ...step, ...by }]
      })
    const [next] = open.sort((a, b) => a.share - b.share)
    if (next === undefined) return done
    const steps = open.filter(({ cut }) => cut === next.cut)
    done.set(next.cut.table, await keepJoined(next.cut, ['*'], steps, rows, workspace))
  }
}

/**
 * The rows of the chain's first table that changed rows lead to, as a query: from each table to one before it that its rows are joined
 * to, the one of which this concerns the smaller share with the fewer tables on the way. `changed` are queries by table, `key` the
 * columns that are wanted. Null where no link leads on.
 */
export async function reachFirst(
  chain: JoinChain,
  links: readonly Link[],
  changed: ReadonlyMap<string, string>,
  key: readonly string[],
  rows: ChainRows,
  workspace: Workspace,
): Promise<string | null> {
  const touched = new Map([...changed].map(([table, query]) => [table, [query]]))
  for (const by of [...chain.slice(1)].reverse()) {
    const queries = touched.get(by.table)
    if (queries === undefined) continue
    const from = `memory.main.${await workspace.share(queries.join(' UNION ALL BY NAME '))}`
    const found: { other: string; from: string; cost: number }[] = []
    for (const { other, on, equal } of links.filter((link) => link.table === by)) {
      const wanted = other === chain[0] ? key : linkColumns(links, other)
      const columns = wanted.map(quoteName)
      const cut = await keepJoined(other, columns, [{ by, from, on, equal }], rows, workspace)
      const tablesLeft = 1 + wayTo(chain, other, rows.count).length
      found.push({ other: other.table, from: cut.from, cost: cut.share * tablesLeft })
    }
    const [best] = found.sort((a, b) => a.cost - b.cost)
    if (best === undefined) return null
    touched.set(best.other, [...(touched.get(best.other) ?? []), `SELECT * FROM ${best.from}`])
  }
  return (touched.get((chain[0] as ChainedTable).table) ?? []).join(' UNION ALL BY NAME ')
}

/** The rows `from` which a table is cut by, and the columns of it (`otherColumn`) and of them that are equal. */
type Step = { by: ChainedTable; from: string; on: string; equal: EqualColumns[] }

/** Makes a table of the rows that each step has a row for. */
async function keepJoined(
  cut: ChainedTable,
  columns: readonly string[],
  steps: readonly Step[],
  rows: ChainRows,
  workspace: Workspace,
): Promise<CutTable> {
  const among = steps.flatMap(({ from, equal }) =>
    equal.map(({ column, otherColumn }) => ({
      column: otherColumn,
      values: `(SELECT ${quoteName(column)} AS ${quoteName(otherColumn)} FROM ${from})`,
    })),
  )
  const joins = steps.map(({ by, from, on }) => `SEMI JOIN ${from} ${by.alias} ON ${on}`)
  const query = await rows.read(cut.table, among)
  const list = columns.map((column) => `${cut.alias}.${column}`).join(', ')
  const kept = await workspace.share(`SELECT ${list} FROM (${query}) ${cut.alias} ${joins.join(' ')}`)
  return cutTable(`memory.main.${kept}`, rows.count(cut.table), workspace)
}

/** A table with some of so many rows. */
export async function cutTable(from: string, all: number, { session }: Workspace): Promise<CutTable> {
  const [row] = await session.rows(`SELECT count(*) AS n FROM ${from}`)
  return { from, share: Number(row?.n) / Math.max(1, all) }
}

function turned({ equal }: Link): EqualColumns[] {
  return equal.map(({ column, otherColumn }) => ({ column: otherColumn, otherColumn: column }))
}

/** Sends what changed in Iceberg tables to tables of PostgreSQL. */
import * as path from 'node:path'
import type { SyncChangesTask, SyncTable } from '../../define/sync-changes.ts'
import { writeCsv } from '../../engines/duckdb/csv.ts'
import { type Limiter, limiter } from '../../engines/limiter.ts'
import { quoteName } from '../../engines/portable.ts'
import { assert, MillraceError } from '../../errors.ts'
import type { Table } from '../../iceberg/table.ts'
import { type AppliedChanges, type ChangesToApply, openSyncTarget, type SyncTarget } from '../../sinks/postgres.ts'
import type { PlannedTable, TableChange } from '../../types.ts'
import { headId, snapshotsAfter } from './merge-record.ts'
import { postgresConnection } from './postgres-connection.ts'
import { placeText, readCopyRecord, readSyncRecord, syncProperty } from './postgres-record.ts'
import type { TableContext, TableUnit, TableWork } from './table-work.ts'
import { noCounts } from './table-work.ts'
import { existingTable, tableRead } from './target-table.ts'
import { isCopy } from './waiting-changes.ts'
import { openWorkspace } from './workspace.ts'

const tablesAtOnce = 2 // a server works on each in a process of its own; the embedded one takes them one after the other

/** One unit for each table. */
export async function openSyncChanges(task: SyncChangesTask, context: TableContext): Promise<TableWork> {
  // What is to be sent is found with all threads for one table after the other: PostgreSQL has the first while the next is looked at.
  const turns = limiter()
  return {
    units: task.tables.map((table) => syncUnit(task, table, turns, context)),
    atOnce: tablesAtOnce,
    close: async () => {},
  }
}

function syncUnit(task: SyncChangesTask, sync: SyncTable, turns: Limiter, context: TableContext): TableUnit {
  const partition = `${sync.to.schema}.${sync.to.table}`
  const place = placeText(sync.to.database, sync.to)
  let source: Table | null = null
  return {
    name: partition,
    plan: async (): Promise<PlannedTable> => {
      source = await existingTable(context.lease.warehouse, sync.from)
      if (source === null) {
        const why = `there is no table ${sync.from} yet; it is planned when a task before it has made it`
        return { kind: 'table-later', partition, why }
      }
      const record = readSyncRecord(source)
      const after = record?.target === place ? record.snapshot : null
      const chain = snapshotsAfter(source, after)
      // What copies brought is there, and compaction changes no rows: nothing need be opened to know that nothing is to be sent.
      const waiting = chain?.filter((snapshot) => !isCopy(snapshot) && snapshot.summary.operation !== 'replace')
      if (waiting?.length === 0) {
        const why = `nothing of ${sync.from} waits to be sent`
        return { kind: 'table-unchanged', partition, why, done: null }
      }
      const since = after === null ? 'the first snapshot' : `snapshot ${after}`
      return {
        kind: 'table',
        partition,
        plan: {
          ...{ planVersion: 1, pipeline: context.pipeline, task: task.name, partition },
          reads: [tableRead(source)],
          steps: [
            {
              what: `find what changed in ${sync.from} after ${since}${waiting === undefined ? '' : `, in ${waiting.length} of its snapshots`}`,
              sql: null,
            },
            {
              what: `delete, update and insert by ${sync.key.join(', ')} in one transaction; conflicts: ${task.conflicts}`,
              sql: null,
            },
          ],
          unreadable: [],
        },
      }
    },
    change: async () => {
      assert(source !== null, `${partition} is changed as it was planned`)
      return await send(task, sync, { source, place, turns }, context)
    },
  }
}

async function send(
  task: SyncChangesTask,
  sync: SyncTable,
  { source, place, turns }: { source: Table; place: string; turns: Limiter },
  context: TableContext,
): Promise<TableChange> {
  const to = headId(source)
  assert(to !== null, 'a table without a snapshot has nothing to send')
  const [target, found] = await turns(1, async () => {
    const opened = await openSyncTarget(postgresConnection(sync.to.database, context.store), sync.to)
    try {
      return [opened, await findChanges(task, sync, source, to, opened, context)] as const
    } catch (error) {
      await opened.close()
      throw error
    }
  })
  try {
    const copied = readCopyRecord(source)
    const { conflicts, limitPercent } = task
    const seen = copied?.source === place ? copied.position : null
    const rules = { key: sync.key, run: context.run, conflicts, limitPercent, seen }
    const applied = found === null ? null : await target.apply({ ...found.changes, ...rules })
    await source.setProperties({ [syncProperty]: JSON.stringify({ target: place, snapshot: to }) })
    if (found === null || applied === null) return { snapshot: to, counts: noCounts }
    await report(task, target, applied, context)
    const { inserted, updated, deleted } = applied
    const kept = task.conflicts === 'keep' ? applied.conflicts : 0
    const unchanged = Math.max(0, found.rows - inserted - updated - deleted - kept)
    const counts = { ...noCounts, inserted, updated, deleted, unchanged, rowsIn: found.rows }
    return { snapshot: to, counts: { ...counts, conflicts: applied.conflicts } }
  } finally {
    await target.close()
  }
}

type Found = { changes: Pick<ChangesToApply, 'files' | 'columns' | 'changeSet'>; rows: number }

/** What the target has not yet, as files; null where it has everything. */
async function findChanges(
  task: SyncChangesTask,
  sync: SyncTable,
  source: Table,
  to: string,
  target: SyncTarget,
  context: TableContext,
): Promise<Found | null> {
  const uuid = source.metadata['table-uuid']
  const from = await target.lastSynced(uuid)
  if (from === to) return null
  const chain = snapshotsAfter(source, from)
  if (chain === null)
    throw new MillraceError(
      'table-changed',
      `${sync.from}  its history since snapshot ${from}, which ${target.table.schema}.${target.table.table} has, is gone. Remove the rows of this table from millrace.synced_changes and run with conflicts: overwrite to send everything`,
    )
  const columns = target.columns(source.schema.fields.map(({ name }) => name))
  const names = columns.map(({ name }) => name)
  for (const key of sync.key)
    if (!names.includes(key))
      throw new MillraceError(
        'not-found',
        `task ${task.name}  key ${key} is no column that can be synced (${names.join(', ')})`,
      )
  const copies = chain.filter(isCopy).map((snapshot) => snapshot['snapshot-id'])
  const span = { ...(from === null ? {} : { from: BigInt(from) }), to: BigInt(to) }
  const workspace = await openWorkspace(context.lease)
  try {
    const changes = await source.changes({ ...span, key: sync.key, before: 'key' })
    const sending = await workspace.keep('sending', sendingQuery(changes.sql, sync.key, names, copies))
    const [row] = await workspace.session.rows(`SELECT count(*) AS n FROM ${sending}`)
    const folder = path.join(context.lease.scratch, context.lease.unique())
    // In the order of the key, PostgreSQL finds neighbours on the same pages of its index.
    const [list, order] = [names, sync.key].map((some) => some.map(quoteName).join(', '))
    const query = `SELECT "$change", ${list} FROM ${sending} ORDER BY ${order}`
    const files = await writeCsv(workspace.session, query, folder)
    return { changes: { files, columns, changeSet: { table: uuid, from, to } }, rows: Number(row?.n) }
  } finally {
    await workspace.close()
  }
}

/**
 * One change of each key: its last, unless a copy brought it, for then PostgreSQL has that row. The kind says what PostgreSQL has to
 * do: a row that it had when Iceberg last saw it is `U`.
 */
function sendingQuery(
  changes: string,
  key: readonly string[],
  names: readonly string[],
  copies: readonly bigint[],
): string {
  const keys = key.map(quoteName).join(', ')
  const isCopied = copies.length === 0 ? 'false' : `_commit_snapshot_id IN (${copies.join(', ')})`
  const after = `_change_type IN ('INSERT', 'UPDATE_AFTER')`
  // Of a row that went and came in one snapshot, what is there afterwards is the last.
  const order = `_change_ordinal DESC, ${after} DESC`
  return `SELECT CASE WHEN _change_type = 'DELETE' THEN 'D' WHEN "$was" THEN 'U' ELSE 'I' END AS "$change", ${names.map(quoteName).join(', ')}
    FROM (SELECT *, ${isCopied} AS "$copied",
        coalesce(
          arg_max(${after}, 2 * _change_ordinal + CAST(${after} AS INT)) FILTER (${isCopied}) OVER k,
          first(_change_type IN ('DELETE', 'UPDATE_AFTER')) OVER (PARTITION BY ${keys} ORDER BY _change_ordinal, ${after})) AS "$was",
        row_number() OVER (PARTITION BY ${keys} ORDER BY ${order}) AS "$last"
      FROM ${changes} WINDOW k AS (PARTITION BY ${keys}))
    WHERE "$last" = 1 AND NOT "$copied"`
}

async function report(
  task: SyncChangesTask,
  { table }: SyncTarget,
  { conflicts, examples }: AppliedChanges,
  context: TableContext,
): Promise<void> {
  if (conflicts === 0) return
  const what = task.conflicts === 'keep' ? 'stay as they are' : 'were overwritten'
  await context.warn(
    `${table.schema}.${table.table}  ${conflicts} rows that somebody else changed in PostgreSQL since they were read ${what}, such as ${examples.join('; ')}`,
  )
}

/** Keeps Iceberg tables fast to read: compacts small files, expires old snapshots, removes orphan files. */
import type { MaintainTask } from '../../define/maintain.ts'
import type { Table } from '../../iceberg/table.ts'
import type { PlannedTable, TableChange } from '../../types.ts'
import { headId, readRecords } from './merge-record.ts'
import { copyProperty, readSyncRecord } from './postgres-record.ts'
import { commitMark, noCounts, type TableContext, type TableUnit, type TableWork } from './table-work.ts'
import { existingTable, tableRead } from './target-table.ts'
import { isCopy } from './waiting-changes.ts'

/** One unit for each table, one after the other. */
export async function openMaintain(task: MaintainTask, context: TableContext): Promise<TableWork> {
  const { warehouse } = context.lease
  const names = task.tables === 'all' ? await warehouse.tables() : task.tables
  return { units: names.map((name) => maintainUnit(task, name, context)), atOnce: 1, close: async () => {} }
}

function maintainUnit(task: MaintainTask, name: string, context: TableContext): TableUnit {
  const { warehouse } = context.lease
  return {
    name,
    plan: async (): Promise<PlannedTable> => {
      const table = await existingTable(warehouse, name)
      if (table === null)
        return { kind: 'table-unchanged', partition: name, why: 'there is no such table yet', done: null }
      const kept = Math.max(task.keepSnapshots, await neededSnapshots(table, context))
      return {
        kind: 'table',
        partition: name,
        plan: {
          ...{ planVersion: 1, pipeline: context.pipeline, task: task.name, partition: name },
          reads: [tableRead(table)],
          steps: [
            ...(task.compact
              ? [{ what: 'compact small files and apply deletes, where that gains something', sql: null }]
              : []),
            {
              what: `expire snapshots older than ${days(task.snapshotsOlderThanMs)}, all but the last ${kept}`,
              sql: null,
            },
            {
              what: `remove files that no metadata names and that are older than ${days(task.orphansOlderThanMs)}`,
              sql: null,
            },
          ],
          unreadable: [],
        },
      }
    },
    change: async () => await maintainTable(task, name, context),
  }
}

function days(ms: number): string {
  const value = ms / 86_400_000
  return `${Number.isInteger(value) ? value : value.toFixed(2)} days`
}

async function maintainTable(task: MaintainTask, name: string, context: TableContext): Promise<TableChange> {
  const table = await context.lease.warehouse.table(name)
  const summary = commitMark(task, context)
  const compacted = task.compact ? await table.compact({ summary }) : null
  const now = Date.now()
  const retainLast = Math.max(task.keepSnapshots, await neededSnapshots(table, context))
  const expired = await table.expireSnapshots({ olderThanMs: now - task.snapshotsOlderThanMs, retainLast })
  const orphans = await table.removeOrphans({ olderThanMs: now - task.orphansOlderThanMs })
  const isCompacted = compacted !== null && compacted.snapshot !== null
  return {
    snapshot: isCompacted ? headId(table) : null,
    counts: {
      ...noCounts,
      files: isCompacted ? Math.max(0, compacted.filesBefore - compacted.filesAfter) + compacted.deleteFilesRemoved : 0,
      snapshotsExpired: expired.snapshots.length,
      orphansRemoved: orphans.length,
    },
  }
}

/**
 * How many snapshots, from the newest, must stay: those whose changes a table of PostgreSQL has still to get, and those that merges
 * go on from.
 */
async function neededSnapshots(table: Table, { lease }: TableContext): Promise<number> {
  const line = lineOf(table)
  const distance = (id: string | null | undefined): number => (id == null ? 0 : line.indexOf(id) + 1)
  const record = readSyncRecord(table)
  const isSentNever = record === null && table.metadata.properties[copyProperty] !== undefined
  const hasOwn = table.metadata.snapshots.some((snapshot) => !isCopy(snapshot))
  let needed = isSentNever && hasOwn ? line.length : distance(record?.snapshot)
  for (const name of await lease.warehouse.tables()) {
    const records = readRecords(await lease.warehouse.table(name))
    for (const one of records)
      needed = Math.max(needed, distance(one.inputs[table.name]), name === table.name ? distance(one.base) : 0)
  }
  return needed
}

/** The newest snapshot and its ancestors, as far as they are known. */
function lineOf(table: Table): string[] {
  const byId = new Map(table.metadata.snapshots.map((snapshot) => [snapshot['snapshot-id'], snapshot]))
  const line: string[] = []
  for (let at = table.snapshot() ?? undefined; at !== undefined; ) {
    line.push(String(at['snapshot-id']))
    const parent: bigint | undefined = at['parent-snapshot-id']
    at = parent === undefined ? undefined : byId.get(parent)
  }
  return line
}

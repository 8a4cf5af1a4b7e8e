/** Changes of an Iceberg table that a table of PostgreSQL has still to get: those that no copy from there made. */
import { quoteName } from '../../engines/portable.ts'
import type { Table } from '../../iceberg/table.ts'
import type { Snapshot } from '../../iceberg/types.ts'
import { keepChanges } from './merge-inputs.ts'
import { knownSnapshotsAfter, type Stretch, stretchesOf } from './merge-record.ts'
import { readSyncRecord } from './postgres-record.ts'
import type { Workspace } from './workspace.ts'

/** What a copy brought is in PostgreSQL already. */
export function isCopy({ summary }: Snapshot): boolean {
  return summary['millrace.kind'] === 'copy-tables'
}

/** Maintenance keeps what waits, so that what is no more known was sent. */
function waitingStretches(table: Table): Stretch[] {
  const known = new Set(table.metadata.snapshots.map((snapshot) => snapshot['snapshot-id']))
  const chain = knownSnapshotsAfter(table, readSyncRecord(table)?.snapshot ?? null)
  return stretchesOf(chain, isCopy).filter(({ from }) => from === null || known.has(from))
}

/** Whether anything waits. */
export function isWaiting(table: Table): boolean {
  return waitingStretches(table).length > 0
}

/** A table of the keys of the rows that wait, as a name for SQL; null where nothing does. */
export async function waitingKeys(table: Table, key: readonly string[], workspace: Workspace): Promise<string | null> {
  const stretches = waitingStretches(table)
  if (stretches.length === 0) return null
  const kept = await keepChanges(workspace, table, stretches, key.map(quoteName))
  return kept === null ? null : `memory.main.${kept}`
}

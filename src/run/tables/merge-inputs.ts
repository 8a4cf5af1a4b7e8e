/** The inputs of a merge at the snapshots that were chosen, and what changed in them since the merge before. */
import type { MergeIntoTask } from '../../define/merge-into.ts'
import { hasCode } from '../../errors.ts'
import type { ScanOptions, Table } from '../../iceberg/table.ts'
import { foreignStretches, headId, type MergeRecord, type Stretch } from './merge-record.ts'
import type { Workspace } from './workspace.ts'

export type MergeInput = { name: string; table: Table; snapshot: string | null }

/** An input that changed: where, and a table of its rows as they were before and are after. */
export type ChangedInput = { input: MergeInput; stretches: Stretch[] }

/** The inputs as they are now: one choice for the whole merge. */
export function chooseInputs(names: readonly string[], tables: readonly Table[]): MergeInput[] {
  return names.map((name, index) => {
    const table = tables[index] as Table
    return { name, table, snapshot: headId(table) }
  })
}

/** The rows of an input that the merge may read; files without certain values may be left out. */
export async function inputQuery(
  { prune }: MergeIntoTask,
  { name, table, snapshot }: MergeInput,
  among: NonNullable<ScanOptions['among']> = [],
): Promise<string> {
  const where = prune[name]
  const at = snapshot === null ? {} : { snapshot: BigInt(snapshot) }
  const scan = await table.scanSql({ ...at, among, ...(where === undefined ? {} : { where }) })
  return `SELECT * FROM ${scan}${where === undefined ? '' : ` WHERE ${where}`}`
}

/** The inputs that changed since a record; null where the history of one is gone. */
export function changedInputs(inputs: readonly MergeInput[], record: MergeRecord): ChangedInput[] | null {
  const changed: ChangedInput[] = []
  for (const input of inputs) {
    const before = record.inputs[input.name]
    if (before === undefined) return null
    if (before === input.snapshot) continue
    const stretches = foreignStretches(input.table, before, () => false)
    if (stretches === null) return null
    if (stretches.length > 0) changed.push({ input, stretches })
  }
  return changed
}

/** Makes a table of the rows that changed in stretches of a table's history, before and after, with `_change_type`. Null where the history is gone. */
export async function keepChanges(
  workspace: Workspace,
  table: Table,
  stretches: readonly Stretch[],
  columns: readonly string[] | null,
): Promise<string | null> {
  try {
    const selects: string[] = []
    for (const { from, to } of stretches) {
      const changes = await table.changes({ ...(from === null ? {} : { from }), to })
      selects.push(`SELECT ${columns === null ? '*' : columns.join(', ')} FROM ${changes.sql}`)
    }
    return await workspace.share(selects.join(' UNION ALL BY NAME '))
  } catch (error) {
    // Files of snapshots that have expired meanwhile.
    if (hasCode(error, 'usage', 'not-found', 'input-unreadable')) return null
    throw error
  }
}

/** The task that brings a table's landed changes into the Final zone and the CDC zone. */
import { type ApplyChangesTask, applyChanges, changeHistory, icebergTable, landedChanges, parquetTable } from 'millrace'
import type { CarsTable } from './tables.ts'

const dayMs = 86_400_000

/** What the pipeline's parameters and environment say of every table. */
export type Zones = Pick<ApplyChangesTask, 'deletes' | 'onBadValue'> & {
  datasets: { path: string }
  final: string
  runDate: string
  cdcRetentionDays: number
  tableFormat: 'parquet' | 'iceberg'
}

/** The namespace of the Iceberg tables that stand for the Final zone at a path: `final/cars` is `final_cars`. */
export function icebergNamespace(final: string): string {
  return final.replaceAll('/', '_')
}

/** The task of one table. */
export function toFinalZone({ table, columns, primaryKey }: CarsTable, zones: Zones): ApplyChangesTask {
  const after = new Date(Date.parse(zones.runDate) - zones.cdcRetentionDays * dayMs).toISOString().slice(0, 10)
  const shown = ['dms_commit_ts', 'dart_source_file', 'dart_source_row']
  return applyChanges('Cars-Raw-DM', {
    from: landedChanges(zones.datasets, table),
    columns,
    keys: primaryKey,
    deletes: zones.deletes,
    onBadValue: zones.onBadValue,
    to:
      zones.tableFormat === 'iceberg'
        ? icebergTable(`${icebergNamespace(zones.final)}.${table}`)
        : parquetTable(`${zones.final}/${table}`),
    history: changeHistory(`${zones.final}/_cdc/${table}`, { after, columns: shown }),
  })
}

/** Tables as text. */
import { bytes, table } from './text.ts'

/** A table of a root: `snapshots` is null where it is no Iceberg table, `snapshot` where it has none yet. */
export type ShownTable = {
  name: string
  format: 'parquet' | 'iceberg'
  partitions: number | null
  files: number
  rows: number
  bytes: number
  columns: number
  snapshots: number | null
  snapshot: string | null
}

/** Tables, one a line. */
export function tablesText(tables: readonly ShownTable[]): string {
  if (tables.length === 0) return 'no tables yet'
  const isIceberg = tables.some(({ format }) => format === 'iceberg')
  const head = [
    'table',
    'partitions',
    'files',
    'rows',
    'size',
    'columns',
    ...(isIceberg ? ['snapshots', 'newest snapshot'] : []),
  ]
  return table(
    head,
    tables.map((one) => [
      ...[one.name, one.partitions ?? '', one.files, one.rows, bytes(one.bytes), one.columns],
      ...(isIceberg ? [one.snapshots ?? '', one.snapshot ?? ''] : []),
    ]),
  )
}

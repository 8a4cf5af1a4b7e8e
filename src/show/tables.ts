/** Tables as text. */
import { bytes, table } from './text.ts'

/** A table of a root: `snapshots` is null where it is no Iceberg table, `snapshot` where it has none yet. */
export type ShownTable = {
  name: string
  format: 'parquet' | `parquet, ${number} buckets` | 'iceberg'
  /** It is an entry of the catalog, which may say more than a commit does. */
  isRegistered?: true
  partitions: number | null
  files: number
  /** Null where they cannot be counted. */
  rows: number | null
  bytes: number
  columns: number
  snapshots: number | null
  snapshot: string | null
}

/** Tables, one a line. */
export function tablesText(tables: readonly ShownTable[]): string {
  if (tables.length === 0) return 'no tables yet'
  const isIceberg = tables.some(({ format }) => format === 'iceberg')
  const hasFormat = tables.some(({ isRegistered }) => isRegistered)
  const head = [
    'table',
    ...(hasFormat ? ['format'] : []),
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
      ...[one.name, ...(hasFormat ? [one.format] : []), one.partitions ?? ''],
      ...[one.files, one.rows ?? 'unreadable', bytes(one.bytes), one.columns],
      ...(isIceberg ? [one.snapshots ?? '', one.snapshot ?? ''] : []),
    ]),
  )
}

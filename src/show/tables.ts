/** Tables as text. */
import { bytes, plural, table } from './text.ts'

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

/** Tables, one a line; of a kind with more than `perKind` of them the first, and how many more there are. */
export function tablesText(all: readonly ShownTable[], perKind = Number.POSITIVE_INFINITY): string {
  if (all.length === 0) return 'no tables yet'
  const seen = new Map<string, number>()
  const tables = all.filter(({ name }) => {
    const before = seen.get(kindOf(name)) ?? 0
    seen.set(kindOf(name), before + 1)
    return before < perKind
  })
  const more = all.length - tables.length
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
  const text = table(
    head,
    tables.map((one) => [
      ...[one.name, ...(hasFormat ? [one.format] : []), one.partitions ?? ''],
      ...[one.files, one.rows ?? 'unreadable', bytes(one.bytes), one.columns],
      ...(isIceberg ? [one.snapshots ?? '', one.snapshot ?? ''] : []),
    ]),
  )
  return more === 0 ? text : `${text}\n… and ${plural(more, 'more table')}`
}

/** Tables of one database are of one kind, and those whose names begin alike, `ext_`, `part_`, …, of one of their own. */
function kindOf(name: string): string {
  return name.replace(/\.([a-z]+_)?.*$/, '.$1')
}

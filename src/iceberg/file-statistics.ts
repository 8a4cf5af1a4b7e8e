/** What a manifest says of a data file, from the statistics that DuckDB gives of every file it has written. */
import { MillraceError } from '../errors.ts'
import { type Leaf, leavesByPath, statisticValue } from './column-types.ts'
import { currentSchema, defaultSortOrder } from './metadata.ts'
import type { DataFile, PartitionValue, TableMetadata } from './types.ts'
import { boundLength, lowerBound, upperBound } from './values.ts'

/** A row that COPY gives with RETURN_STATS; maps come as lists of entries. */
export type WrittenFile = {
  filename: string
  count: bigint
  file_size_bytes: bigint
  column_statistics: Map<string, Map<string, string>>
  partition_keys: Map<string, string>
}

/** One file's row of COPY … RETURN_STATS. */
export function writtenFile(row: Record<string, unknown>): WrittenFile {
  const statistics = entriesOf(row.column_statistics).map(([path, values]) => [path, textMap(values)] as const)
  return {
    filename: String(row.filename),
    count: BigInt(row.count as bigint),
    file_size_bytes: BigInt(row.file_size_bytes as bigint),
    column_statistics: new Map(statistics),
    partition_keys: textMap(row.partition_keys),
  }
}

function textMap(value: unknown): Map<string, string> {
  return new Map(entriesOf(value).map(([key, text]) => [key, String(text)]))
}

function entriesOf(value: unknown): [string, unknown][] {
  if (value === null || value === undefined) return []
  const { entries } = value as { entries: readonly { key: unknown; value: unknown }[] }
  return entries.map((entry) => [String(entry.key), entry.value])
}

const columnsWithBounds = 100 // as Iceberg's own writers infer; thousands of columns would make manifests slow

/** A field that is described; `bounds`: how much of a value's text or bytes a bound keeps, 0 where there are none. */
export type DescribedField = Leaf & { bounds: number }

/**
 * Which fields are described, by the path that DuckDB gives them, as the table's properties `write.metadata.metrics.default` and
 * `write.metadata.metrics.column.<name>` say. Throws `usage` for a mode that there is not.
 */
export function describedFields(metadata: TableMetadata): Map<string, DescribedField> {
  const schema = currentSchema(metadata)
  const { properties } = metadata
  const prefix = 'write.metadata.metrics'
  const byDefault = properties[`${prefix}.default`]
  const limit =
    byDefault === undefined
      ? Number(properties[`${prefix}.max-inferred-column-defaults`] ?? columnsWithBounds)
      : Number.POSITIVE_INFINITY
  const always = new Set([
    ...(schema['identifier-field-ids'] ?? []),
    ...defaultSortOrder(metadata).fields.map((field) => field['source-id']),
    ...metadata['partition-specs'].flatMap(({ fields }) => fields.map((field) => field['source-id'])),
  ])
  const described = new Map<string, DescribedField>()
  for (const [index, [path, leaf]] of [...leavesByPath(schema.fields)].entries()) {
    const own = properties[`${prefix}.column.${leaf.name}`]
    const inferred = index < limit || always.has(leaf.id) ? (byDefault ?? `truncate(${boundLength})`) : 'none'
    const bounds = boundsOf(own ?? inferred)
    if (bounds !== null) described.set(path, { ...leaf, bounds })
  }
  return described
}

/** What a mode of Iceberg's metrics keeps of a bound; null where the column is not described at all. */
function boundsOf(mode: string): number | null {
  const length = /^truncate\((\d+)\)$/i.exec(mode)?.[1]
  if (Number(length) > 0) return Number(length)
  const found = { none: null, counts: 0, full: Number.POSITIVE_INFINITY }[mode.toLowerCase()]
  if (found !== undefined) return found
  throw new MillraceError(
    'usage',
    `a property write.metadata.metrics.* of the table is ${JSON.stringify(mode)}; it is none, counts, truncate(length) or full`,
  )
}

export type Statistics = Pick<
  DataFile,
  'column_sizes' | 'value_counts' | 'null_value_counts' | 'nan_value_counts' | 'lower_bounds' | 'upper_bounds'
>

/** Counts and bounds by field id. */
export function statisticsOf(file: WrittenFile, leaves: ReadonlyMap<string, DescribedField>): Statistics {
  const maps = {
    column_sizes: new Map<number, number>(),
    value_counts: new Map<number, number>(),
    null_value_counts: new Map<number, number>(),
    nan_value_counts: new Map<number, number>(),
    lower_bounds: new Map<number, Uint8Array>(),
    upper_bounds: new Map<number, Uint8Array>(),
  }
  for (const [path, found] of file.column_statistics) {
    const leaf = leaves.get(path)
    if (leaf === undefined) continue
    const number = (name: string): number => Number(found.get(name) ?? 0)
    maps.column_sizes.set(leaf.id, number('column_size_bytes'))
    maps.value_counts.set(leaf.id, number('num_values'))
    maps.null_value_counts.set(leaf.id, number('null_count'))
    if (found.get('has_nan') === 'false') maps.nan_value_counts.set(leaf.id, 0)
    // NaN is in no bounds and DuckDB does not count it: then nothing is said.
    if (leaf.isRepeated || leaf.bounds === 0 || found.get('has_nan') === 'true') continue
    const [low, high] = [boundValue(leaf.type, found.get('min'), -0), boundValue(leaf.type, found.get('max'), 0)]
    const lower = low === null ? null : lowerBound(leaf.type, low, leaf.bounds)
    const upper = high === null ? null : upperBound(leaf.type, high, leaf.bounds)
    if (lower !== null) maps.lower_bounds.set(leaf.id, lower)
    if (upper !== null) maps.upper_bounds.set(leaf.id, upper)
  }
  return maps
}

/** Of both zeros, a lower bound is the negative one, an upper bound the positive one. */
function boundValue(type: string, text: string | undefined, zero: number): PartitionValue {
  if (text === undefined) return null
  const value = statisticValue(type, text)
  return value === 0 && (type === 'float' || type === 'double') ? zero : value
}

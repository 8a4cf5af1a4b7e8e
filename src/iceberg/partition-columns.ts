/** The partition of rows, as text by which DuckDB splits them, and back. */
import { quoteName } from '../engines/portable.ts'
import { MillraceError } from '../errors.ts'
import { expressionOf, leavesByPath, statisticValue } from './column-types.ts'
import type { WrittenFile } from './file-statistics.ts'
import { defaultSpec } from './metadata.ts'
import type { Writing } from './parquet-copy.ts'
import { applyTransform, partitionTypes, transformSql } from './transforms.ts'
import type { PartitionValue, Schema, TableMetadata } from './types.ts'
import { parsePartitionText } from './values.ts'

/** The name of the column for a partition field. */
export const partColumn = (index: number): string => `$part${index}`
const nullPart = 'n'
const textPart = 't'
const hashPart = 'h'
const partCharactersMax = 60 // they name a folder, in which each may take nine bytes

/** A column for each partition field: its value as text that may name a folder, long ones as a hash. */
export function partitionColumns({ metadata, schema }: Writing): string[] {
  return defaultSpec(metadata).fields.map((field, index) => {
    const source = expressionOf(schema, field['source-id'])
    if (source === undefined) return `'${nullPart}' AS ${quoteName(partColumn(index))}` // void, of a column that was dropped
    const text = transformSql(field.transform, source.type, source.sql)
    const short = `CASE WHEN length(${text}) <= ${partCharactersMax} THEN '${textPart}' || ${text} ELSE '${hashPart}' || md5(${text}) END`
    return `CASE WHEN ${text} IS NULL THEN '${nullPart}' ELSE ${short} END AS ${quoteName(partColumn(index))}`
  })
}

/** The value of a partition field in a written file. */
export function partitionValue(
  file: WrittenFile,
  metadata: TableMetadata,
  schema: Schema,
  index: number,
): PartitionValue {
  const spec = defaultSpec(metadata)
  const field = spec.fields[index] as (typeof spec.fields)[number]
  const text = file.partition_keys.get(partColumn(index)) ?? nullPart
  if (text === nullPart) return null
  if (text.startsWith(textPart)) {
    return parsePartitionText(partitionTypes(spec, [schema])[index] ?? 'string', text.slice(textPart.length))
  }
  // A long text: all rows of the file have one value, so that of its lower bound is theirs.
  const [found] = [...leavesByPath(schema.fields)].filter(([, leaf]) => leaf.id === field['source-id'])
  const [leafPath, leaf] = found ?? []
  const minimum = file.column_statistics.get(leafPath ?? '')?.get('min')
  if (leaf === undefined || minimum === undefined) {
    throw new MillraceError(
      'engine',
      `the value of the partition field ${field.name} is too long for DuckDB's statistics`,
    )
  }
  return applyTransform(field.transform, leaf.type, statisticValue(leaf.type, minimum))
}

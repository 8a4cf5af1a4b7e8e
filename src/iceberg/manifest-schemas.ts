/** The Avro schemas of manifests and manifest lists, with the field ids that readers go by. */
import type { AvroComplex, AvroField, AvroSchema } from './avro.ts'
import { decimalOf, fixedLength } from './schema.ts'
import type { FieldType, PartitionSpec } from './types.ts'

function required(id: number, name: string, type: AvroSchema): AvroField {
  return { name, type, 'field-id': id }
}

function optional(id: number, name: string, type: AvroSchema): AvroField {
  return { name, type: ['null', type], default: null, 'field-id': id }
}

function record(name: string, fields: AvroField[]): AvroComplex {
  return { type: 'record', name, fields }
}

function listOf(id: number, items: AvroSchema): AvroComplex {
  return { type: 'array', items, 'element-id': id }
}

/** Avro's own maps have text as keys, so Iceberg keeps maps of ids as arrays of pairs. */
function mapOf(keyId: number, valueId: number, type: AvroSchema): AvroComplex {
  const pair = record(`k${keyId}_v${valueId}`, [required(keyId, 'key', 'int'), required(valueId, 'value', type)])
  return { type: 'array', logicalType: 'map', items: pair }
}

/** A manifest list of format version 2. */
export const manifestListSchema: AvroSchema = record('manifest_file', [
  required(500, 'manifest_path', 'string'),
  required(501, 'manifest_length', 'long'),
  required(502, 'partition_spec_id', 'int'),
  required(517, 'content', 'int'),
  required(515, 'sequence_number', 'long'),
  required(516, 'min_sequence_number', 'long'),
  required(503, 'added_snapshot_id', 'long'),
  required(504, 'added_files_count', 'int'),
  required(505, 'existing_files_count', 'int'),
  required(506, 'deleted_files_count', 'int'),
  required(512, 'added_rows_count', 'long'),
  required(513, 'existing_rows_count', 'long'),
  required(514, 'deleted_rows_count', 'long'),
  optional(
    507,
    'partitions',
    listOf(
      508,
      record('r508', [
        required(509, 'contains_null', 'boolean'),
        optional(518, 'contains_nan', 'boolean'),
        optional(510, 'lower_bound', 'bytes'),
        optional(511, 'upper_bound', 'bytes'),
      ]),
    ),
  ),
])

/** A manifest of format version 2; `types` are the results of the specification's transforms. */
export function manifestSchema(spec: PartitionSpec, types: readonly FieldType[]): AvroSchema {
  const partition = spec.fields.map((field, index) => ({
    ...optional(field['field-id'], avroName(field.name), partitionType(types[index] ?? 'string', field['field-id'])),
    ...(avroName(field.name) === field.name ? {} : { 'iceberg-field-name': field.name }),
  }))
  return record('manifest_entry', [
    required(0, 'status', 'int'),
    optional(1, 'snapshot_id', 'long'),
    optional(3, 'sequence_number', 'long'),
    optional(4, 'file_sequence_number', 'long'),
    required(2, 'data_file', record('r2', dataFileFields(partition))),
  ])
}

function dataFileFields(partition: AvroField[]): AvroField[] {
  return [
    required(134, 'content', 'int'),
    required(100, 'file_path', 'string'),
    required(101, 'file_format', 'string'),
    required(102, 'partition', record('r102', partition)),
    required(103, 'record_count', 'long'),
    required(104, 'file_size_in_bytes', 'long'),
    optional(108, 'column_sizes', mapOf(117, 118, 'long')),
    optional(109, 'value_counts', mapOf(119, 120, 'long')),
    optional(110, 'null_value_counts', mapOf(121, 122, 'long')),
    optional(137, 'nan_value_counts', mapOf(138, 139, 'long')),
    optional(125, 'lower_bounds', mapOf(126, 127, 'bytes')),
    optional(128, 'upper_bounds', mapOf(129, 130, 'bytes')),
    optional(131, 'key_metadata', 'bytes'),
    optional(132, 'split_offsets', listOf(133, 'long')),
    optional(135, 'equality_ids', listOf(136, 'int')),
    optional(140, 'sort_order_id', 'int'),
    optional(143, 'referenced_data_file', 'string'),
  ]
}

/** Field id → the name it has here, for manifests of older writers that called some of them otherwise. */
export const fieldNames: ReadonlyMap<number, string> = new Map(
  [manifestListSchema, manifestSchema({ 'spec-id': 0, fields: [] }, [])].flatMap((schema) => [...namesIn(schema)]),
)

function* namesIn(schema: AvroSchema | undefined): Iterable<[number, string]> {
  if (schema === undefined || typeof schema === 'string') return
  if (Array.isArray(schema)) {
    for (const branch of schema) yield* namesIn(branch)
    return
  }
  for (const field of schema.fields ?? []) {
    if (field['field-id'] !== undefined) yield [field['field-id'], field.name]
    yield* namesIn(field.type)
  }
  yield* namesIn(schema.items)
}

/** How a partition's value is kept. `id` makes the names of its fixed types unique: Avro allows each name once. */
function partitionType(type: FieldType, id: number): AvroSchema {
  const decimal = decimalOf(type)
  if (decimal !== undefined) {
    const { precision, scale } = decimal
    return {
      type: 'fixed',
      name: `decimal_${precision}_${scale}_${id}`,
      size: decimalBytes(precision),
      logicalType: 'decimal',
      precision,
      scale,
    }
  }
  const length = fixedLength(type)
  if (length !== undefined) return { type: 'fixed', name: `fixed_${length}_${id}`, size: length }
  switch (type) {
    case 'date':
      return { type: 'int', logicalType: 'date' }
    case 'time':
      return { type: 'long', logicalType: 'time-micros' }
    case 'timestamp':
      return { type: 'long', logicalType: 'timestamp-micros', 'adjust-to-utc': false }
    case 'timestamptz':
      return { type: 'long', logicalType: 'timestamp-micros', 'adjust-to-utc': true }
    case 'uuid':
      return { type: 'fixed', name: `uuid_${id}`, size: 16, logicalType: 'uuid' }
    case 'binary':
      return 'bytes'
    default:
      return type as string
  }
}

/** Bytes that hold every decimal of a precision. */
export function decimalBytes(precision: number): number {
  let bytes = 1
  while (10n ** BigInt(precision) > 2n ** BigInt(8 * bytes - 1)) bytes += 1
  return bytes
}

/** A name that Avro allows, made as Iceberg's own writers make it. */
export function avroName(name: string): string {
  return [...name]
    .map((char, index) => {
      if (/[A-Za-z_]/.test(char)) return char
      if (/\d/.test(char)) return index === 0 ? `_${char}` : char
      return `_x${(char.codePointAt(0) as number).toString(16).toUpperCase()}`
    })
    .join('')
}

/** Manifests and manifest lists: which files a snapshot has. Both never change once written. */
import { assert, MillraceError } from '../errors.ts'
import { type AvroField, decodeAvro, encodeAvro } from './avro.ts'
import { FileCache } from './file-cache.ts'
import { writeJson } from './json.ts'
import { readBytes, writeNew } from './local-files.ts'
import { avroName, decimalBytes, fieldNames, manifestListSchema, manifestSchema } from './manifest-schemas.ts'
import { decimalOf } from './schema.ts'
import { partitionTypes } from './transforms.ts'
import type {
  DataFile,
  FieldType,
  LiveFile,
  ManifestFile,
  PartitionSpec,
  PartitionSummary,
  PartitionValue,
  Schema,
  Snapshot,
  TableMetadata,
} from './types.ts'
import { bytesInteger, compareValues, encodeValue, integerBytes, uuidBytes, uuidText, type Value } from './values.ts'

/** What a manifest says of a file. */
export const entryStatus = { existing: 0, added: 1, deleted: 2 } as const

/** A file in a manifest; what it inherits is filled in. `snapshot_id`: the snapshot that added or deleted it. */
export type ManifestEntry = { status: 0 | 1 | 2; snapshot_id: bigint; file: LiveFile }

type Row = Record<string, unknown>

// Statistics of columns are what weighs: 500,000 of them take about 100 MB.
const entries = new FileCache<readonly ManifestEntry[]>(500_000)
const lists = new FileCache<readonly ManifestFile[]>(50_000)

function statisticsCount(list: readonly ManifestEntry[]): number {
  return list.reduce((sum, { file }) => sum + 5 + 5 * (file.value_counts?.size ?? file.lower_bounds?.size ?? 0), 1)
}

// ------------------------------------------------------------------------------------------------------------ reading

/** The manifests of a snapshot. Throws `input-unreadable` naming the list. */
export function readManifestList(snapshot: Snapshot): readonly ManifestFile[] {
  const path = snapshot['manifest-list']
  const what = `manifest list of snapshot ${snapshot['snapshot-id']}`
  return lists.get(
    path,
    '',
    (list) => list.length,
    () => readRows(path, what).map((row) => checked(path, what, () => manifestFile(row))),
  )
}

/** The files of a manifest, those that it says are deleted too. Throws `input-unreadable` naming it. */
export function readManifest(
  manifest: ManifestFile,
  metadata: Pick<TableMetadata, 'schemas' | 'partition-specs'>,
): readonly ManifestEntry[] {
  const { manifest_path: path, partition_spec_id: specId } = manifest
  const spec = metadata['partition-specs'].find((candidate) => candidate['spec-id'] === specId)
  if (spec === undefined) {
    const known = metadata['partition-specs'].map((candidate) => candidate['spec-id']).join(', ')
    throw new MillraceError(
      'input-unreadable',
      `${path}  this manifest follows partition spec ${specId}, which the table does not have (${known})`,
    )
  }
  const types = partitionTypes(spec, metadata.schemas)
  return entries.get(
    path,
    `${writeJson(types)} ${manifest.sequence_number} ${manifest.added_snapshot_id}`,
    statisticsCount,
    () => readRows(path, 'manifest').map((row) => checked(path, 'manifest', () => entry(row, manifest, spec, types))),
  )
}

function readRows(path: string, what: string): Row[] {
  return decodeAvro(readBytes(path, what), `${path}  this ${what}`, keyOf).rows
}

/** Fields are known by their ids, whatever a writer called them; those of a partition by nothing else. */
function keyOf(field: AvroField): string {
  const id = field['field-id']
  if (id === undefined) return field.name
  return fieldNames.get(id) ?? (id >= 1000 ? `#${id}` : field.name)
}

function checked<T>(path: string, what: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof MillraceError) throw error
    throw new MillraceError(
      'input-unreadable',
      `${path}  this ${what} has not the fields that Iceberg's specification asks for: ${(error as Error).message}`,
      { cause: error },
    )
  }
}

function manifestFile(row: Row): ManifestFile {
  const count = (name: string, missing = 0): number => Number(row[name] ?? missing)
  assert(typeof row.manifest_path === 'string', 'manifest_path is missing')
  return {
    manifest_path: row.manifest_path,
    manifest_length: count('manifest_length'),
    partition_spec_id: count('partition_spec_id'),
    content: count('content'),
    sequence_number: count('sequence_number'),
    min_sequence_number: count('min_sequence_number'),
    added_snapshot_id: BigInt(row.added_snapshot_id as number | bigint),
    // A list of format version 1 may lack them: then there may be some.
    added_files_count: count('added_files_count', 1),
    existing_files_count: count('existing_files_count', 1),
    deleted_files_count: count('deleted_files_count'),
    added_rows_count: count('added_rows_count'),
    existing_rows_count: count('existing_rows_count'),
    deleted_rows_count: count('deleted_rows_count'),
    partitions: (row.partitions as PartitionSummary[] | null | undefined) ?? null,
  }
}

function entry(row: Row, manifest: ManifestFile, spec: PartitionSpec, types: readonly FieldType[]): ManifestEntry {
  const { status } = row
  assert(status === 0 || status === 1 || status === 2, `status is ${status}`)
  const snapshotId = BigInt((row.snapshot_id as number | bigint | null) ?? manifest.added_snapshot_id)
  const sequenceNumber = Number(row.sequence_number ?? manifest.sequence_number)
  return {
    status,
    snapshot_id: snapshotId,
    file: {
      ...dataFile(row.data_file as Row, spec, types),
      sequence_number: sequenceNumber,
      file_sequence_number: Number(row.file_sequence_number ?? sequenceNumber),
      snapshot_id: snapshotId,
    },
  }
}

function dataFile(row: Row, spec: PartitionSpec, types: readonly FieldType[]): DataFile {
  assert(typeof row.file_path === 'string', 'file_path is missing')
  const partition = (row.partition ?? {}) as Row
  return {
    content: (row.content ?? 0) as DataFile['content'],
    file_path: row.file_path,
    file_format: String(row.file_format),
    spec_id: spec['spec-id'],
    partition: spec.fields.map((field, index) => {
      const value = partition[`#${field['field-id']}`] ?? partition[field.name] ?? null
      return fromAvro(types[index] ?? 'string', value)
    }),
    record_count: Number(row.record_count),
    file_size_in_bytes: Number(row.file_size_in_bytes),
    column_sizes: numbersById(row.column_sizes),
    value_counts: numbersById(row.value_counts),
    null_value_counts: numbersById(row.null_value_counts),
    nan_value_counts: numbersById(row.nan_value_counts),
    lower_bounds: byId(row.lower_bounds as Pairs<Uint8Array>),
    upper_bounds: byId(row.upper_bounds as Pairs<Uint8Array>),
    split_offsets: (row.split_offsets as number[] | null | undefined) ?? null,
    equality_ids: (row.equality_ids as number[] | null | undefined) ?? null,
    sort_order_id: (row.sort_order_id as number | null | undefined) ?? null,
    referenced_data_file: (row.referenced_data_file as string | null | undefined) ?? null,
  }
}

type Pairs<T> = { key: number; value: T }[] | null | undefined

function byId<T>(pairs: Pairs<T>): Map<number, T> | null {
  return pairs == null ? null : new Map(pairs.map(({ key, value }) => [key, value]))
}

function numbersById(pairs: unknown): Map<number, number> | null {
  return byId(pairs as Pairs<number>)
}

function pairs<T>(map: Map<number, T> | null): Pairs<T> {
  return map === null ? null : [...map].map(([key, value]) => ({ key, value }))
}

/** A partition's value as the column's type is now: a manifest may be older than its widening. */
function fromAvro(type: FieldType, value: unknown): PartitionValue {
  if (value === null) return null
  if (decimalOf(type) !== undefined) return bytesInteger(value as Uint8Array)
  if (type === 'uuid') return typeof value === 'string' ? value : uuidText(value as Uint8Array)
  const isLong = type === 'long' || type === 'time' || type === 'timestamp' || type === 'timestamptz'
  return isLong ? BigInt(value as number | bigint) : (value as PartitionValue)
}

function toAvro(type: FieldType, value: PartitionValue): unknown {
  if (value === null) return null
  if (type === 'uuid') return uuidBytes(value as string)
  const decimal = decimalOf(type)
  if (decimal === undefined) return value
  const least = integerBytes(BigInt(value as bigint))
  const bytes = Buffer.alloc(decimalBytes(decimal.precision), (value as bigint) < 0n ? 255 : 0)
  bytes.set(least, bytes.length - least.length)
  return bytes
}

// ------------------------------------------------------------------------------------------------------------ writing

/** What a new manifest is made of. `path` as other readers take it; `content` 0 for data, 1 for deletes. */
export type NewManifest = {
  path: string
  schema: Schema
  /** All schemas of the table: partition fields may come from columns that are dropped since. */
  schemas: readonly Schema[]
  spec: PartitionSpec
  content: 0 | 1
  snapshotId: bigint
  entries: readonly ManifestEntry[]
}

/**
 * Writes a manifest. Files added inherit their sequence number from the list, so a manifest outlives a lost race; for the
 * same reason the result has no sequence number yet (0), and the least one of the files it keeps (infinite without any).
 */
export async function writeManifest(manifest: NewManifest): Promise<ManifestFile> {
  const { path, schema, schemas, spec, content, entries: list } = manifest
  const types = partitionTypes(spec, schemas)
  const bytes = encodeAvro(
    manifestSchema(spec, types),
    {
      schema: writeJson(schema),
      'schema-id': String(schema['schema-id']),
      'partition-spec': writeJson(spec.fields),
      'partition-spec-id': String(spec['spec-id']),
      'format-version': '2',
      content: content === 0 ? 'data' : 'deletes',
    },
    list.map((item) => entryRow(item, spec, types)),
  )
  await writeNew(path, bytes)
  return {
    manifest_path: path,
    manifest_length: bytes.length,
    partition_spec_id: spec['spec-id'],
    content,
    sequence_number: 0,
    min_sequence_number: leastSequenceNumber(list),
    added_snapshot_id: manifest.snapshotId,
    ...countsOf(list),
    partitions: spec.fields.length === 0 ? [] : types.map((type, index) => summary(type, index, list)),
  }
}

function leastSequenceNumber(list: readonly ManifestEntry[]): number {
  let least = Number.POSITIVE_INFINITY
  for (const { status, file } of list) {
    if (status === entryStatus.existing) least = Math.min(least, file.sequence_number)
  }
  return least
}

function countsOf(list: readonly ManifestEntry[]) {
  const files: [number, number, number] = [0, 0, 0]
  const rows: [number, number, number] = [0, 0, 0]
  for (const { status, file } of list) {
    files[status] += 1
    rows[status] += file.record_count
  }
  const { added, existing, deleted } = entryStatus
  return {
    added_files_count: files[added],
    existing_files_count: files[existing],
    deleted_files_count: files[deleted],
    added_rows_count: rows[added],
    existing_rows_count: rows[existing],
    deleted_rows_count: rows[deleted],
  }
}

function entryRow({ status, snapshot_id, file }: ManifestEntry, spec: PartitionSpec, types: readonly FieldType[]): Row {
  const isAdded = status === entryStatus.added
  const partition = Object.fromEntries(
    spec.fields.map(({ name }, index) => [
      avroName(name),
      toAvro(types[index] ?? 'string', file.partition[index] ?? null),
    ]),
  )
  return {
    status,
    snapshot_id,
    sequence_number: isAdded ? null : file.sequence_number,
    file_sequence_number: isAdded ? null : file.file_sequence_number,
    data_file: {
      ...file,
      partition,
      column_sizes: pairs(file.column_sizes),
      value_counts: pairs(file.value_counts),
      null_value_counts: pairs(file.null_value_counts),
      nan_value_counts: pairs(file.nan_value_counts),
      lower_bounds: pairs(file.lower_bounds),
      upper_bounds: pairs(file.upper_bounds),
      key_metadata: null,
    },
  }
}

function summary(type: FieldType, index: number, list: readonly ManifestEntry[]): PartitionSummary {
  let [least, greatest, hasNull, hasNan] = [null, null, false, false] as [Value | null, Value | null, boolean, boolean]
  for (const { file } of list) {
    const value = file.partition[index] ?? null
    if (value === null) hasNull = true
    else if (Number.isNaN(value)) hasNan = true
    else {
      if (least === null || compareValues(type, value, least) < 0) least = value
      if (greatest === null || compareValues(type, value, greatest) > 0) greatest = value
    }
  }
  return {
    contains_null: hasNull,
    contains_nan: hasNan,
    lower_bound: least === null ? null : encodeValue(type, least),
    upper_bound: greatest === null ? null : encodeValue(type, greatest),
  }
}

/** Writes the manifest list of a snapshot and gives it the sequence number, which its new manifests take over. */
export async function writeManifestList(
  path: string,
  snapshot: Pick<Snapshot, 'snapshot-id' | 'parent-snapshot-id' | 'sequence-number'>,
  manifests: readonly ManifestFile[],
): Promise<void> {
  const sequenceNumber = snapshot['sequence-number']
  const rows = manifests.map((manifest) =>
    manifest.sequence_number > 0 || manifest.added_snapshot_id !== snapshot['snapshot-id']
      ? manifest
      : {
          ...manifest,
          sequence_number: sequenceNumber,
          min_sequence_number: Math.min(sequenceNumber, manifest.min_sequence_number),
        },
  )
  const header = {
    'snapshot-id': String(snapshot['snapshot-id']),
    'parent-snapshot-id': String(snapshot['parent-snapshot-id'] ?? 'null'),
    'sequence-number': String(sequenceNumber),
    'format-version': '2',
  }
  await writeNew(path, encodeAvro(manifestListSchema, header, rows))
}

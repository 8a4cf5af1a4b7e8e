/**
 * The nouns of the Iceberg table specification, format version 2, in its own spelling. Nothing here does anything.
 * Identifiers of snapshots are 63-bit integers and always BigInt; everything else that counts is a safe number.
 */

/** A primitive type as the specification spells it: `boolean`, `int`, `long`, `float`, `double`, `decimal(p, s)`, `date`,
 * `time`, `timestamp`, `timestamptz`, `string`, `uuid`, `fixed[n]`, `binary`; or a nested one. */
export type FieldType = string | StructType | ListType | MapType
export type StructType = { type: 'struct'; fields: Field[] }
export type ListType = { type: 'list'; 'element-id': number; 'element-required': boolean; element: FieldType }
export type MapType = {
  type: 'map'
  'key-id': number
  key: FieldType
  'value-id': number
  'value-required': boolean
  value: FieldType
}
export type Field = { id: number; name: string; required: boolean; type: FieldType; doc?: string }
export type Schema = StructType & { 'schema-id': number; 'identifier-field-ids'?: number[] }

/** `transform`: `identity`, `bucket[n]`, `truncate[w]`, `year`, `month`, `day`, `hour`, `void`. */
export type PartitionField = { 'source-id': number; 'field-id': number; name: string; transform: string }
export type PartitionSpec = { 'spec-id': number; fields: PartitionField[] }
export type SortField = {
  transform: string
  'source-id': number
  direction: 'asc' | 'desc'
  'null-order': 'nulls-first' | 'nulls-last'
}
export type SortOrder = { 'order-id': number; fields: SortField[] }

export type Operation = 'append' | 'overwrite' | 'delete' | 'replace'
export type Snapshot = {
  'snapshot-id': bigint
  'parent-snapshot-id'?: bigint
  'sequence-number': number
  'timestamp-ms': number
  summary: Record<string, string> & { operation?: string }
  'manifest-list': string
  'schema-id'?: number
}
/** A branch or a tag. */
export type SnapshotRef = {
  'snapshot-id': bigint
  type: 'branch' | 'tag'
  'min-snapshots-to-keep'?: number
  'max-snapshot-age-ms'?: number
  'max-ref-age-ms'?: number
}

/** A table's metadata file. What other writers put there and Millrace does not know is kept as it is. */
export type TableMetadata = {
  'format-version': number
  'table-uuid': string
  location: string
  'last-sequence-number': number
  'last-updated-ms': number
  'last-column-id': number
  'current-schema-id': number
  schemas: Schema[]
  'default-spec-id': number
  'partition-specs': PartitionSpec[]
  'last-partition-id': number
  'default-sort-order-id': number
  'sort-orders': SortOrder[]
  properties: Record<string, string>
  /** −1n or missing: no snapshot. */
  'current-snapshot-id'?: bigint
  refs: Record<string, SnapshotRef>
  snapshots: Snapshot[]
  'snapshot-log': { 'timestamp-ms': number; 'snapshot-id': bigint }[]
  'metadata-log': { 'timestamp-ms': number; 'metadata-file': string }[]
  [other: string]: unknown
}

/**
 * A value of a partition field, by its result type: int, date and the temporal transforms as number; long, time, timestamps as
 * BigInt (microseconds); decimal as its unscaled BigInt; string and uuid as text; fixed and binary as bytes.
 */
export type PartitionValue = null | boolean | number | bigint | string | Uint8Array

/** A data file (`content` 0), a file of position deletes (1) or of equality deletes (2), as a manifest lists it. */
export type DataFile = {
  content: 0 | 1 | 2
  /** As in the manifest, to the letter. */
  file_path: string
  /** Compared without case. */
  file_format: string
  /** The specification that `partition` follows, its values in the order of the fields. */
  spec_id: number
  partition: PartitionValue[]
  record_count: number
  file_size_in_bytes: number
  /** By field id; null where the writer gave none. */
  column_sizes: Map<number, number> | null
  value_counts: Map<number, number> | null
  null_value_counts: Map<number, number> | null
  nan_value_counts: Map<number, number> | null
  lower_bounds: Map<number, Uint8Array> | null
  upper_bounds: Map<number, Uint8Array> | null
  split_offsets: number[] | null
  equality_ids: number[] | null
  sort_order_id: number | null
  /** Of a file of position deletes that is for one data file only. */
  referenced_data_file: string | null
}

/** A file that a snapshot has, with what it inherits from its manifest filled in. */
export type LiveFile = DataFile & {
  /** The data sequence number: a position delete is for files of its own number or less. */
  sequence_number: number
  file_sequence_number: number
  /** The snapshot that added it. */
  snapshot_id: bigint
}

/** A manifest as a manifest list has it. */
export type ManifestFile = {
  manifest_path: string
  manifest_length: number
  partition_spec_id: number
  /** 0 data, 1 deletes. */
  content: number
  sequence_number: number
  min_sequence_number: number
  added_snapshot_id: bigint
  added_files_count: number
  existing_files_count: number
  deleted_files_count: number
  added_rows_count: number
  existing_rows_count: number
  deleted_rows_count: number
  partitions: PartitionSummary[] | null
}
export type PartitionSummary = {
  contains_null: boolean
  contains_nan: boolean | null
  lower_bound: Uint8Array | null
  upper_bound: Uint8Array | null
}

/** The REST catalog's requirements and updates: the one way in which metadata changes, whoever asks. */
export type Requirement =
  | { type: 'assert-create' }
  | { type: 'assert-table-uuid'; uuid: string }
  | { type: 'assert-ref-snapshot-id'; ref: string; 'snapshot-id': bigint | null }
  | { type: 'assert-current-schema-id'; 'current-schema-id': number }
  | { type: 'assert-last-assigned-field-id'; 'last-assigned-field-id': number }
  | { type: 'assert-last-assigned-partition-id'; 'last-assigned-partition-id': number }
  | { type: 'assert-default-spec-id'; 'default-spec-id': number }
  | { type: 'assert-default-sort-order-id'; 'default-sort-order-id': number }
  /** Not one of REST's: the table's properties are these, null where there must be none. */
  | { type: 'assert-properties'; properties: Record<string, string | null> }
export type Update =
  | { action: 'assign-uuid'; uuid: string }
  | { action: 'upgrade-format-version'; 'format-version': number }
  | { action: 'add-schema'; schema: Schema; 'last-column-id'?: number }
  | { action: 'set-current-schema'; 'schema-id': number }
  | { action: 'add-spec'; spec: PartitionSpec }
  | { action: 'set-default-spec'; 'spec-id': number }
  | { action: 'add-sort-order'; 'sort-order': SortOrder }
  | { action: 'set-default-sort-order'; 'sort-order-id': number }
  | { action: 'add-snapshot'; snapshot: Snapshot }
  | ({ action: 'set-snapshot-ref'; 'ref-name': string } & SnapshotRef)
  | { action: 'remove-snapshots'; 'snapshot-ids': bigint[] }
  | { action: 'remove-snapshot-ref'; 'ref-name': string }
  | { action: 'set-location'; location: string }
  | { action: 'set-properties'; updates: Record<string, string> }
  | { action: 'remove-properties'; removals: string[] }

export type TableIdentifier = { namespace: string; name: string }
export type LoadedTable = {
  identifier: TableIdentifier
  /** The path of the metadata file, as other readers take it. */
  metadataLocation: string
  metadata: TableMetadata
}

/** What a new table is made of; ids of fields are given anew in the order of the specification. */
export type NewTable = {
  schema: Pick<Schema, 'fields' | 'identifier-field-ids'>
  spec?: PartitionField[]
  sortOrder?: SortField[]
  properties?: Record<string, string>
}

/**
 * Which tables there are, and the one place that decides which commit comes next. `commit` checks the requirements against the
 * table as it is and applies the updates in one atomic step; throws `conflict` when a requirement does not hold (a lost race is
 * tried again inside, from the table as it then is), `not-found` and `exists` for a table that is not or is there.
 */
export type Catalog = {
  namespaces(): Promise<string[]>
  createNamespace(namespace: string): Promise<void>
  dropNamespace(namespace: string): Promise<void>
  tables(namespace: string): Promise<TableIdentifier[]>
  /** Where a table lies, or would lie. */
  location(table: TableIdentifier): string
  load(table: TableIdentifier): Promise<LoadedTable>
  create(table: TableIdentifier, definition: NewTable): Promise<LoadedTable>
  commit(table: TableIdentifier, requirements: Requirement[], updates: Update[]): Promise<LoadedTable>
  drop(table: TableIdentifier): Promise<void>
}

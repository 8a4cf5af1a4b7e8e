/** Table metadata files: reading what any writer left, making those of a new table, and finding one's way in them. */
import { randomUUID } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { MillraceError, messageOf } from '../errors.ts'
import { parseJson } from './json.ts'
import { readBytes } from './local-files.ts'
import { assignIds, checkKey, checkType, fieldById, fieldPath, findField, lastColumnId } from './schema.ts'
import { resultType } from './transforms.ts'
import type { NewTable, PartitionSpec, Schema, Snapshot, SortOrder, TableMetadata } from './types.ts'

/** Partition fields are numbered from here on, as the specification says. */
export const firstPartitionId = 1000

/** Reads a metadata file, zipped or not. Throws `input-unreadable` naming it when it is damaged or of another version. */
export function readMetadata(path: string): TableMetadata {
  const bytes = readBytes(path, 'metadata file')
  return checkMetadata(parseJson(unzipped(bytes, path), path), path)
}

function unzipped(bytes: Buffer, path: string): string {
  const isZipped = bytes[0] === 0x1f && bytes[1] === 0x8b
  if (!isZipped) return bytes.toString('utf8')
  try {
    return gunzipSync(bytes).toString('utf8')
  } catch (error) {
    throw new MillraceError('input-unreadable', `${path}  this metadata file is damaged: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

/** What writers may leave out, as the specification reads it. */
const absent = {
  'last-sequence-number': 0,
  'last-partition-id': firstPartitionId - 1,
  'default-sort-order-id': 0,
  'current-snapshot-id': -1n,
}

/** Metadata as a value of JSON, checked for what is needed and filled up with what may be left out. */
export function checkMetadata(value: unknown, where: string): TableMetadata {
  const given = value as Partial<TableMetadata> | null
  const damaged = (what: string): MillraceError =>
    new MillraceError('input-unreadable', `${where}  this is no sound table metadata: ${what}`)
  if (given === null || typeof given !== 'object') throw damaged('it is no JSON object')
  checkVersion(given['format-version'], where)
  for (const key of ['table-uuid', 'location'] as const) {
    if (typeof given[key] !== 'string') throw damaged(`${key} is missing`)
  }
  for (const key of ['schemas', 'partition-specs'] as const) {
    if (!Array.isArray(given[key]) || given[key].length === 0) throw damaged(`${key} is missing`)
  }
  for (const [key, item] of Object.entries(absent)) given[key] ??= item
  for (const key of ['snapshots', 'snapshot-log', 'metadata-log'] as const) given[key] ??= []
  given['sort-orders'] ??= [{ 'order-id': 0, fields: [] }]
  given.properties ??= {}
  given.refs ??= {}
  const metadata = given as TableMetadata
  const current = metadata['current-snapshot-id'] as bigint
  if (current >= 0n && metadata.refs.main === undefined) {
    metadata.refs.main = { 'snapshot-id': current, type: 'branch' }
  }
  for (const snapshot of metadata.snapshots) {
    if (typeof snapshot['snapshot-id'] !== 'bigint' || typeof snapshot['manifest-list'] !== 'string') {
      throw damaged(`snapshot ${snapshot['snapshot-id']} has no manifest list`)
    }
    snapshot.summary ??= {}
  }
  const known = new Set(metadata.snapshots.map((snapshot) => snapshot['snapshot-id']))
  for (const [name, ref] of Object.entries(metadata.refs)) {
    if (!known.has(ref['snapshot-id']))
      throw damaged(`${name} stands at snapshot ${ref['snapshot-id']}, which it lacks`)
  }
  if (metadata.schemas.every((schema) => schema['schema-id'] !== metadata['current-schema-id'])) {
    throw damaged(`schema ${metadata['current-schema-id']}, the current one, is missing`)
  }
  if (metadata['partition-specs'].every((spec) => spec['spec-id'] !== metadata['default-spec-id'])) {
    throw damaged(`partition spec ${metadata['default-spec-id']}, the default, is missing`)
  }
  return metadata
}

function checkVersion(version: unknown, where: string): void {
  if (version === 2) return
  const advice =
    version === 1
      ? `. Upgrade it with the engine that made it, in Spark: ALTER TABLE … SET TBLPROPERTIES ('format-version' = '2')`
      : ''
  throw new MillraceError(
    'input-unreadable',
    `${where}  this table has format version ${JSON.stringify(version) ?? 'none'}; Millrace reads and writes version 2${advice}`,
  )
}

/** The first metadata of a table. Ids of fields are given anew; what names them by id follows. Throws `usage`. */
export function newMetadata(definition: NewTable, location: string, now: number): TableMetadata {
  const { schema: given, spec = [], sortOrder = [], properties = {} } = definition
  for (const { name, type } of given.fields) checkType(type, name)
  checkNames(given)
  const fields = assignIds(given.fields)
  const schema: Schema = { type: 'struct', 'schema-id': 0, fields }
  const renumbered = (id: number): number => {
    const path = fieldPath(given, id)
    if (path === undefined) throw new MillraceError('usage', `the definition names field ${id}, which its schema lacks`)
    return findField(schema, path).id
  }
  const keys = given['identifier-field-ids'] ?? []
  if (keys.length > 0) schema['identifier-field-ids'] = keys.map(renumbered)
  checkKey(schema)
  const partitionFields = spec.map((field, index) => ({
    ...field,
    'source-id': renumbered(field['source-id']),
    'field-id': firstPartitionId + index,
  }))
  const sortFields = sortOrder.map((field) => ({ ...field, 'source-id': renumbered(field['source-id']) }))
  for (const field of [...partitionFields, ...sortFields]) {
    const source = fieldById(schema, field['source-id'])
    if (source !== undefined) resultType(field.transform, source.type)
  }
  const sortOrderId = sortFields.length === 0 ? 0 : 1 // 0 is the order of what is not sorted
  return {
    ...emptyMetadata(location, randomUUID()),
    'last-updated-ms': now,
    'last-column-id': lastColumnId(schema),
    'current-schema-id': 0,
    schemas: [schema],
    'partition-specs': [{ 'spec-id': 0, fields: partitionFields }],
    'last-partition-id': firstPartitionId - 1 + partitionFields.length,
    'default-sort-order-id': sortOrderId,
    'sort-orders': [{ 'order-id': sortOrderId, fields: sortFields }],
    properties,
  }
}

/** In an update: what this list of updates added before. */
export const lastAdded = -1

/**
 * Metadata without anything, for a table that is made by updates alone, as REST's clients do after staging one; they give it
 * schema, specification and sort order.
 */
export function emptyMetadata(location: string, uuid: string): TableMetadata {
  return {
    'format-version': 2,
    'table-uuid': uuid,
    location,
    'last-sequence-number': 0,
    'last-updated-ms': 0,
    'last-column-id': 0,
    'current-schema-id': lastAdded,
    schemas: [],
    'default-spec-id': 0,
    'partition-specs': [],
    'last-partition-id': firstPartitionId - 1,
    'default-sort-order-id': 0,
    'sort-orders': [{ 'order-id': 0, fields: [] }],
    properties: {},
    'current-snapshot-id': -1n,
    refs: {},
    snapshots: [],
    statistics: [],
    'snapshot-log': [],
    'metadata-log': [],
  }
}

/** Names of one level must differ, and not only by case: DuckDB and Spark do not tell them apart. */
function checkNames({ fields }: Pick<Schema, 'fields'>): void {
  const known = new Map<string, string>()
  if (fields.length === 0) throw new MillraceError('usage', 'a table needs at least one column')
  for (const { name, type } of fields) {
    const other = known.get(name.toLowerCase())
    if (name === '' || other !== undefined) {
      const why = name === '' ? 'a column has no name' : `two columns are named ${other} and ${name}`
      throw new MillraceError('usage', `${why}; columns need names that differ, and not only by case`)
    }
    known.set(name.toLowerCase(), name)
    if (typeof type !== 'string' && type.type === 'struct') checkNames(type)
  }
}

/** The schema that new files are written by. */
export function currentSchema(metadata: TableMetadata): Schema {
  return schemaById(metadata, metadata['current-schema-id'])
}

/** Throws `not-found`. */
export function schemaById(metadata: TableMetadata, id: number): Schema {
  return byId(metadata.schemas, 'schema-id', id, 'schema')
}

/** The specification that new files are partitioned by. */
export function defaultSpec(metadata: TableMetadata): PartitionSpec {
  return specById(metadata, metadata['default-spec-id'])
}

/** Throws `not-found`. */
export function specById(metadata: TableMetadata, id: number): PartitionSpec {
  return byId(metadata['partition-specs'], 'spec-id', id, 'partition spec')
}

/** The order that new files are written in; without fields when there is none. */
export function defaultSortOrder(metadata: TableMetadata): SortOrder {
  return byId(metadata['sort-orders'], 'order-id', metadata['default-sort-order-id'], 'sort order')
}

function byId<K extends string, T extends Record<K, number>>(items: readonly T[], key: K, id: number, what: string): T {
  const found = items.find((item) => item[key] === id)
  if (found !== undefined) return found
  throw new MillraceError('not-found', `there is no ${what} ${id} (${items.map((item) => item[key]).join(', ')})`)
}

const namesMax = 20 // a table may have thousands of snapshots

/** Throws `not-found` naming the last ones that there are. */
export function snapshotById(metadata: TableMetadata, id: bigint): Snapshot {
  const found = metadata.snapshots.find((snapshot) => snapshot['snapshot-id'] === id)
  if (found !== undefined) return found
  const known = metadata.snapshots.slice(-namesMax).map((snapshot) => snapshot['snapshot-id'])
  throw new MillraceError(
    'not-found',
    `${metadata.location}  there is no snapshot ${id}; it may have expired. The last ones: ${known.join(', ') || 'none'}`,
  )
}

/** The snapshot that a branch or tag stands at; null for a `main` without any. Throws `not-found` naming the refs there are. */
export function headOf(metadata: TableMetadata, ref = 'main'): Snapshot | null {
  const found = Object.hasOwn(metadata.refs, ref) ? metadata.refs[ref] : undefined
  if (found !== undefined) return snapshotById(metadata, found['snapshot-id'])
  if (ref === 'main') return null
  const known = Object.keys(metadata.refs).join(', ') || 'none'
  throw new MillraceError('not-found', `${metadata.location}  there is no branch or tag ${ref} (${known})`)
}

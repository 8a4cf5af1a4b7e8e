/** How metadata changes: REST's updates and what they require, applied to values. Nothing here reads or writes. */
import { MillraceError } from '../errors.ts'
import { lastAdded } from './metadata.ts'
import { checkKey, fieldById, lastColumnId } from './schema.ts'
import type { Requirement, Snapshot, SnapshotRef, TableMetadata, Update } from './types.ts'

/** Throws `conflict` for the first requirement that the table, null where there is none, does not meet; `exists` for a table that should not be. */
export function checkRequirements(
  name: string,
  metadata: TableMetadata | null,
  requirements: readonly Requirement[],
): void {
  for (const requirement of requirements) {
    if (requirement.type === 'assert-create') {
      if (metadata !== null) throw new MillraceError('exists', `table ${name} exists already`)
      continue
    }
    if (metadata === null) throw new MillraceError('not-found', `there is no table ${name}`)
    const failed = failure(metadata, requirement)
    if (failed !== null)
      throw new MillraceError('conflict', `${name}  ${failed}. Another commit was first; read the table anew`)
  }
}

function failure(metadata: TableMetadata, requirement: Exclude<Requirement, { type: 'assert-create' }>): string | null {
  const differs = (what: string, found: unknown, wanted: unknown): string | null =>
    found === wanted ? null : `${what} is ${found ?? 'missing'}, ${wanted ?? 'none'} was expected`
  switch (requirement.type) {
    case 'assert-table-uuid':
      return differs('its uuid', metadata['table-uuid'].toLowerCase(), requirement.uuid.toLowerCase())
    case 'assert-ref-snapshot-id': {
      const { ref, 'snapshot-id': wanted } = requirement
      return differs(`the snapshot of ${ref}`, metadata.refs[ref]?.['snapshot-id'] ?? null, wanted ?? null)
    }
    case 'assert-current-schema-id':
      return differs('its current schema', metadata['current-schema-id'], requirement['current-schema-id'])
    case 'assert-last-assigned-field-id':
      return differs('its last field id', metadata['last-column-id'], requirement['last-assigned-field-id'])
    case 'assert-last-assigned-partition-id': {
      return differs('its last partition id', metadata['last-partition-id'], requirement['last-assigned-partition-id'])
    }
    case 'assert-default-spec-id':
      return differs('its default partition spec', metadata['default-spec-id'], requirement['default-spec-id'])
    case 'assert-default-sort-order-id':
      return differs('its default sort order', metadata['default-sort-order-id'], requirement['default-sort-order-id'])
    case 'assert-properties': {
      const { properties } = metadata
      for (const [key, wanted] of Object.entries(requirement.properties)) {
        const failed = differs(`its property ${key}`, properties[key] ?? null, wanted)
        if (failed !== null) return failed
      }
      return null
    }
    default:
      throw refused(`the requirement ${(requirement as { type: string }).type} is not known`)
  }
}

function refused(message: string): MillraceError {
  return new MillraceError('usage', message)
}

/** What one list of updates has added so far. */
type Progress = {
  now: number
  isNew: boolean
  schemaId: number
  specId: number
  orderId: number
  snapshots: Map<bigint, Snapshot>
}

/** The metadata after updates, in their order. Throws `usage` for one that cannot be, `conflict` for a snapshot that comes too late. */
export function applyUpdates(metadata: TableMetadata, updates: readonly Update[], now: number): TableMetadata {
  const next: TableMetadata = { ...metadata, 'last-updated-ms': Math.max(now, metadata['last-updated-ms']) }
  const isNew = metadata.schemas.length === 0
  const none = { isNew, schemaId: lastAdded, specId: lastAdded, orderId: lastAdded }
  const progress: Progress = { ...none, now: next['last-updated-ms'], snapshots: new Map() }
  for (const update of updates) apply(next, update, progress)
  return next
}

function apply(next: TableMetadata, update: Update, progress: Progress): void {
  switch (update.action) {
    case 'assign-uuid':
      if (!progress.isNew && update.uuid.toLowerCase() !== next['table-uuid'].toLowerCase()) {
        throw refused(`the uuid of a table cannot be changed: it is ${next['table-uuid']}`)
      }
      next['table-uuid'] = update.uuid
      return
    case 'upgrade-format-version':
      if (update['format-version'] === 2) return
      throw refused(`format version ${update['format-version']} is refused; Millrace reads and writes version 2`)
    case 'set-location':
      next.location = update.location.replace(/(?<=.)\/+$/, '')
      return
    case 'set-properties':
      next.properties = { ...next.properties, ...update.updates }
      return
    case 'remove-properties': {
      const kept = Object.entries(next.properties).filter(([key]) => !update.removals.includes(key))
      next.properties = Object.fromEntries(kept)
      return
    }
    case 'add-schema':
    case 'set-current-schema':
      applySchema(next, update, progress)
      return
    case 'add-spec':
    case 'set-default-spec':
      applySpec(next, update, progress)
      return
    case 'add-sort-order':
    case 'set-default-sort-order':
      applySortOrder(next, update, progress)
      return
    case 'add-snapshot':
      addSnapshot(next, update.snapshot, progress)
      return
    case 'set-snapshot-ref': {
      const { action: _, 'ref-name': name, ...ref } = update
      setRef(next, name, ref, progress)
      return
    }
    case 'remove-snapshot-ref': {
      const { [update['ref-name']]: _, ...refs } = next.refs
      next.refs = refs
      if (update['ref-name'] === 'main') next['current-snapshot-id'] = -1n
      return
    }
    case 'remove-snapshots':
      removeSnapshots(next, new Set(update['snapshot-ids']))
      return
    default:
      throw refused(`the update ${(update as { action: string }).action} is not supported`)
  }
}

type UpdateOf<A extends Update['action']> = Extract<Update, { action: A }>

/** A schema, specification or order that is there already is not added again. */
function applySchema(
  next: TableMetadata,
  update: UpdateOf<'add-schema' | 'set-current-schema'>,
  progress: Progress,
): void {
  if (update.action === 'set-current-schema') {
    const id = update['schema-id'] === lastAdded ? progress.schemaId : update['schema-id']
    mustHave(next.schemas, 'schema-id', id, 'schema')
    next['current-schema-id'] = id
    return
  }
  const { schema } = update
  checkKey(schema)
  const same = next.schemas.find(
    (known) =>
      JSON.stringify(known.fields) === JSON.stringify(schema.fields) &&
      String(known['identifier-field-ids'] ?? []) === String(schema['identifier-field-ids'] ?? []),
  )
  progress.schemaId = same?.['schema-id'] ?? nextId(next.schemas.map((known) => known['schema-id']))
  if (same === undefined) next.schemas = [...next.schemas, { ...schema, 'schema-id': progress.schemaId }]
  next['last-column-id'] = Math.max(next['last-column-id'], update['last-column-id'] ?? 0, lastColumnId(schema))
}

function applySpec(next: TableMetadata, update: UpdateOf<'add-spec' | 'set-default-spec'>, progress: Progress): void {
  if (update.action === 'set-default-spec') {
    const id = update['spec-id'] === lastAdded ? progress.specId : update['spec-id']
    mustHave(next['partition-specs'], 'spec-id', id, 'partition spec')
    next['default-spec-id'] = id
    return
  }
  let last = next['last-partition-id']
  const fields = update.spec.fields.map((field) => {
    const known = fieldLike(next, field)
    const id = field['field-id'] ?? known?.['field-id'] ?? last + 1
    last = Math.max(last, id)
    return { ...field, 'field-id': id }
  })
  const same = next['partition-specs'].find((known) => JSON.stringify(known.fields) === JSON.stringify(fields))
  progress.specId = same?.['spec-id'] ?? nextId(next['partition-specs'].map((known) => known['spec-id']))
  if (same === undefined) {
    next['partition-specs'] = [...next['partition-specs'], { 'spec-id': progress.specId, fields }]
  }
  next['last-partition-id'] = last
}

type PartitionFieldLike = { 'source-id': number; transform: string; name: string }

/** A partition field of any specification that is the same has the same id, so that files of both can be told together. */
function fieldLike(metadata: TableMetadata, field: PartitionFieldLike): { 'field-id': number } | undefined {
  const known = metadata['partition-specs'].flatMap(({ fields }) => fields)
  return known.find(
    (candidate) =>
      candidate['source-id'] === field['source-id'] &&
      candidate.transform === field.transform &&
      candidate.name === field.name,
  )
}

function applySortOrder(
  next: TableMetadata,
  update: UpdateOf<'add-sort-order' | 'set-default-sort-order'>,
  progress: Progress,
): void {
  if (update.action === 'set-default-sort-order') {
    const id = update['sort-order-id'] === lastAdded ? progress.orderId : update['sort-order-id']
    mustHave(next['sort-orders'], 'order-id', id, 'sort order')
    next['default-sort-order-id'] = id
    return
  }
  const { fields } = update['sort-order']
  const same = next['sort-orders'].find((known) => JSON.stringify(known.fields) === JSON.stringify(fields))
  const ids = next['sort-orders'].map((known) => known['order-id'])
  // 0 is the order without fields, and nothing else.
  progress.orderId = same?.['order-id'] ?? (fields.length === 0 ? 0 : nextId([0, ...ids]))
  if (same === undefined) next['sort-orders'] = [...next['sort-orders'], { 'order-id': progress.orderId, fields }]
}

function nextId(ids: readonly number[]): number {
  return Math.max(-1, ...ids) + 1
}

function mustHave<K extends string>(items: readonly Record<K, number>[], key: K, id: number, what: string): void {
  if (items.some((item) => item[key] === id)) return
  throw refused(`there is no ${what} ${id} to be set (${items.map((item) => item[key]).join(', ')})`)
}

function addSnapshot(next: TableMetadata, snapshot: Snapshot, progress: Progress): void {
  const { 'snapshot-id': id, 'sequence-number': number, 'parent-snapshot-id': parent } = snapshot
  if (next.snapshots.some((known) => known['snapshot-id'] === id)) throw refused(`there is a snapshot ${id} already`)
  if (parent !== undefined && number <= next['last-sequence-number']) {
    throw new MillraceError(
      'conflict',
      `${next.location}  snapshot ${id} has sequence number ${number}, but ${next['last-sequence-number']} was given already. Another commit was first; read the table anew`,
    )
  }
  next.snapshots = [...next.snapshots, snapshot]
  next['last-sequence-number'] = Math.max(next['last-sequence-number'], number)
  next['last-updated-ms'] = Math.max(next['last-updated-ms'], snapshot['timestamp-ms'])
  progress.snapshots.set(id, snapshot)
}

function setRef(next: TableMetadata, name: string, ref: SnapshotRef, progress: Progress): void {
  const { 'snapshot-id': id } = ref
  if (next.snapshots.every((snapshot) => snapshot['snapshot-id'] !== id)) {
    throw refused(`${name} cannot be set to snapshot ${id}: the table does not have it`)
  }
  if (name === 'main' && ref.type !== 'branch') throw refused('main is a branch and cannot be a tag')
  const before = next.refs[name]?.['snapshot-id']
  next.refs = { ...next.refs, [name]: ref }
  if (name !== 'main' || before === id) return
  next['current-snapshot-id'] = id
  const time = progress.snapshots.get(id)?.['timestamp-ms'] ?? progress.now
  next['snapshot-log'] = [...next['snapshot-log'], { 'timestamp-ms': time, 'snapshot-id': id }]
}

/** With them goes the history before the last gap: it would tell another past. */
function removeSnapshots(next: TableMetadata, ids: ReadonlySet<bigint>): void {
  const [name, ref] = Object.entries(next.refs).find(([, { 'snapshot-id': id }]) => ids.has(id)) ?? []
  if (ref !== undefined) {
    throw new MillraceError(
      'conflict',
      `${next.location}  snapshot ${ref['snapshot-id']} cannot be removed: ${name} stands at it`,
    )
  }
  next.snapshots = next.snapshots.filter((snapshot) => !ids.has(snapshot['snapshot-id']))
  const log = next['snapshot-log']
  next['snapshot-log'] = log.slice(log.findLastIndex((item) => ids.has(item['snapshot-id'])) + 1)
  for (const key of ['statistics', 'partition-statistics']) {
    const kept = next[key] as { 'snapshot-id'?: bigint }[] | undefined
    if (kept !== undefined) next[key] = kept.filter((item) => !ids.has(item['snapshot-id'] ?? -1n))
  }
}

/** What is wrong with metadata that updates have made, or null: every id that it names must be there. */
export function unfinished(metadata: TableMetadata): string | null {
  const schema = metadata.schemas.find((known) => known['schema-id'] === metadata['current-schema-id'])
  if (schema === undefined) return 'it has no schema'
  const spec = metadata['partition-specs'].find((known) => known['spec-id'] === metadata['default-spec-id'])
  if (spec === undefined) return 'it has no partition spec'
  const lost = spec.fields.find(
    (field) => field.transform !== 'void' && fieldById(schema, field['source-id']) === undefined,
  )
  return lost === undefined
    ? null
    : `its partition field ${lost.name} names column ${lost['source-id']}, which is not there`
}

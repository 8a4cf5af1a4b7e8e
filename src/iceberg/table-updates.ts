/** Changes of a table's metadata that touch no data, as the catalog's updates. */
import { isDeepStrictEqual } from 'node:util'
import { currentSchema, defaultSortOrder, defaultSpec } from './metadata.ts'
import { partitionFields, sortFields } from './terms.ts'
import type { PartitionField, Requirement, TableMetadata, Update } from './types.ts'

/** Updates, and what must be so that they are right. */
export type MetadataChange = { updates: Update[]; requirements: Requirement[] }

/** Sets properties; null removes one. */
export function propertyChange(properties: Record<string, string | null>): MetadataChange {
  const set = Object.entries(properties).filter((entry): entry is [string, string] => entry[1] !== null)
  const removals = Object.keys(properties).filter((name) => properties[name] === null)
  const updates: Update[] = []
  if (set.length > 0) updates.push({ action: 'set-properties', updates: Object.fromEntries(set) })
  if (removals.length > 0) updates.push({ action: 'remove-properties', removals })
  return { updates, requirements: [] }
}

const unchanged: MetadataChange = { updates: [], requirements: [] }

/** Another partitioning for the files to come; none where it is the same. Fields that an earlier one had keep their ids. */
export function partitionChange(metadata: TableMetadata, terms: readonly string[]): MetadataChange {
  const known = metadata['partition-specs'].flatMap(({ fields }) => fields)
  let next = metadata['last-partition-id'] + 1
  const fields = partitionFields(currentSchema(metadata), terms, next).map((field): PartitionField => {
    const same = known.find((other) => other['source-id'] === field['source-id'] && other.transform === field.transform)
    if (same !== undefined) return { ...field, 'field-id': same['field-id'] }
    next += 1
    return { ...field, 'field-id': next - 1 }
  })
  if (isDeepStrictEqual(fields, defaultSpec(metadata).fields)) return unchanged
  return {
    updates: [
      { action: 'add-spec', spec: { 'spec-id': defaultSpec(metadata)['spec-id'] + 1, fields } },
      { action: 'set-default-spec', 'spec-id': -1 },
    ],
    requirements: [
      ...sameSchema(metadata),
      { type: 'assert-last-assigned-partition-id', 'last-assigned-partition-id': metadata['last-partition-id'] },
    ],
  }
}

/** Another order for the files to come; none where it is the same. */
export function sortChange(metadata: TableMetadata, terms: readonly string[]): MetadataChange {
  const orders = metadata['sort-orders'].map((order) => order['order-id'])
  const fields = sortFields(currentSchema(metadata), terms)
  if (isDeepStrictEqual(fields, defaultSortOrder(metadata).fields)) return unchanged
  const id = fields.length === 0 ? 0 : Math.max(0, ...orders) + 1
  return {
    updates: [
      { action: 'add-sort-order', 'sort-order': { 'order-id': id, fields } },
      { action: 'set-default-sort-order', 'sort-order-id': -1 },
    ],
    requirements: sameSchema(metadata),
  }
}

/** The schema that a change was computed from is still the table's. */
export function sameSchema(metadata: TableMetadata): Requirement[] {
  return [{ type: 'assert-current-schema-id', 'current-schema-id': metadata['current-schema-id'] }]
}

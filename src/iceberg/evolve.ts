/** Changing a table's columns. Ids stay, so files that are there are read as before; only changes that every file can follow are allowed. */
import { didYouMean, MillraceError } from '../errors.ts'
import { currentSchema, defaultSortOrder, defaultSpec } from './metadata.ts'
import {
  assignTypeIds,
  checkKey,
  checkType,
  counter,
  decimalOf,
  fieldById,
  fieldPath,
  findField,
  isNested,
  typeText,
  walkFields,
} from './schema.ts'
import { checkPartitionName } from './terms.ts'
import { icebergType } from './type-text.ts'
import type { Field, FieldType, Schema, TableMetadata, Update } from './types.ts'

/**
 * A change of one column; names are dotted paths, through `element`, `key` and `value` of lists and maps. `after` names the
 * column beside it, null puts it first, nothing last. A type is a text or a value.
 */
export type SchemaChange =
  | { add: string; type: string | FieldType; after?: string | null; doc?: string }
  | { drop: string }
  | { rename: string; to: string }
  | { widen: string; type: string | FieldType }
  | { move: string; after: string | null }
  | { optional: string }

/** The schema after changes, in their order, and the last id in use. Throws `usage` naming the columns there are. */
export function evolveSchema(
  schema: Schema,
  lastColumnId: number,
  changes: readonly SchemaChange[],
): { schema: Schema; lastColumnId: number } {
  const nextId = counter(lastColumnId)
  let fields = schema.fields
  for (const change of changes) fields = applyChange(fields, change, nextId)
  const next = { ...schema, fields }
  for (const id of schema['identifier-field-ids'] ?? []) {
    if (fieldById(next, id) === undefined) throw inUse(schema, id, 'it is part of the table’s key')
  }
  checkKey(next)
  return { schema: next, lastColumnId: nextId() - 1 }
}

/** The updates that change a table's schema; none when nothing changes. Throws `usage`, also for a column that partitions or sorts. */
export function evolveTable(metadata: TableMetadata, changes: readonly SchemaChange[]): Update[] {
  const before = currentSchema(metadata)
  const { schema, lastColumnId } = evolveSchema(before, metadata['last-column-id'], changes)
  if (JSON.stringify(schema) === JSON.stringify(before)) return []
  for (const field of defaultSpec(metadata).fields) {
    const isLost = field.transform !== 'void' && fieldById(schema, field['source-id']) === undefined
    if (isLost) throw inUse(before, field['source-id'], `the table is partitioned by it (${field.name})`)
    checkPartitionName(schema, field)
  }
  for (const field of defaultSortOrder(metadata).fields) {
    if (fieldById(schema, field['source-id']) === undefined) {
      throw inUse(before, field['source-id'], 'the table is sorted by it')
    }
  }
  return [
    { action: 'add-schema', schema, 'last-column-id': lastColumnId },
    { action: 'set-current-schema', 'schema-id': -1 },
  ]
}

function inUse(schema: Schema, id: number, why: string): MillraceError {
  return new MillraceError('usage', `column ${fieldPath(schema, id)} cannot be dropped: ${why}. Change that first`)
}

function applyChange(fields: Field[], change: SchemaChange, nextId: () => number): Field[] {
  if ('add' in change) return addField(fields, change, nextId)
  if ('drop' in change) {
    const { id } = namedField(fields, change.drop)
    return changeSiblings(fields, id, (siblings) => {
      if (siblings.length > 1) return siblings.filter((field) => field.id !== id)
      throw new MillraceError('usage', `column ${change.drop} cannot be dropped: it is the only one of its level`)
    })
  }
  if ('rename' in change) {
    const { id } = namedField(fields, change.rename)
    return changeSiblings(fields, id, (siblings) => {
      checkFree(siblings, change.to, id)
      return siblings.map((field) => (field.id === id ? { ...field, name: change.to } : field))
    })
  }
  if ('move' in change) {
    const { id } = namedField(fields, change.move)
    return changeSiblings(fields, id, (siblings) => placed(siblings, id, change.after))
  }
  if ('widen' in change) {
    const { id } = findField({ fields }, change.widen)
    const type = typeOf(change.type)
    return changeField(fields, id, (field) => ({ ...field, type: widened(change.widen, field.type, type) }))
  }
  const { id } = findField({ fields }, change.optional)
  return changeField(fields, id, (field) => ({ ...field, required: false }))
}

/** A field of a struct or of the table; what is in a list or a map has no name of its own. */
function namedField(fields: Field[], name: string): Field {
  const field = findField({ fields }, name)
  let isNamed = false
  eachSiblings(fields, (siblings) => {
    isNamed ||= siblings.some(({ id }) => id === field.id)
  })
  if (isNamed) return field
  throw new MillraceError(
    'usage',
    `${name} is no column of its own but what a list or a map holds; change the list or map`,
  )
}

function eachSiblings(fields: Field[], visit: (siblings: Field[]) => void): void {
  visit(fields)
  walkFields(fields, ({ type }) => {
    if (isNested(type) && type.type === 'struct') visit(type.fields)
  })
}

function typeOf(type: string | FieldType): FieldType {
  return typeof type === 'string' ? icebergType(type) : type
}

function addField(
  fields: Field[],
  { add, type: given, after, doc }: Extract<SchemaChange, { add: string }>,
  nextId: () => number,
): Field[] {
  const at = add.lastIndexOf('.')
  const [parent, name] = [at < 0 ? null : findField({ fields }, add.slice(0, at)), add.slice(at + 1)]
  const type = typeOf(given)
  checkType(type, add)
  if (name === '') throw new MillraceError('usage', `${JSON.stringify(add)} is no name for a column`)
  const placeIn = (siblings: Field[]): Field[] => {
    checkFree(siblings, name)
    const id = nextId()
    // Rows that are there have no value for it.
    const field: Field = {
      id,
      name,
      required: false,
      type: assignTypeIds(type, nextId),
      ...(doc === undefined ? {} : { doc }),
    }
    return after === undefined ? [...siblings, field] : placed([...siblings, field], id, after)
  }
  if (parent === null) return placeIn(fields)
  return changeField(fields, parent.id, (field) => {
    if (isNested(field.type) && field.type.type === 'struct') {
      return { ...field, type: { ...field.type, fields: placeIn(field.type.fields) } }
    }
    throw new MillraceError(
      'usage',
      `${add} cannot be added: ${add.slice(0, at)} is no struct but ${typeText(field.type)}`,
    )
  })
}

function checkFree(siblings: readonly Field[], name: string, own?: number): void {
  const other = siblings.find((field) => field.id !== own && field.name.toLowerCase() === name.toLowerCase())
  if (other === undefined && name !== '') return
  throw new MillraceError(
    'usage',
    `there is a column ${other?.name ?? ''} already; ${JSON.stringify(name)} needs another name`,
  )
}

function placed(siblings: readonly Field[], id: number, after: string | null): Field[] {
  const moved = siblings.find((field) => field.id === id) as Field
  const others = siblings.filter((field) => field.id !== id)
  if (after === null) return [moved, ...others]
  const simple = after.slice(after.lastIndexOf('.') + 1)
  const at = others.findIndex((field) => field.name === simple)
  if (at >= 0) return [...others.slice(0, at + 1), moved, ...others.slice(at + 1)]
  const names = others.map(({ name }) => name)
  throw new MillraceError(
    'usage',
    `column ${moved.name} cannot stand after ${after}: it is not beside it (${names.join(', ')})${didYouMean(simple, names)}`,
  )
}

/** The wider type. Throws `usage` for any change by which a file that is there could not be read. */
function widened(name: string, from: FieldType, to: FieldType): FieldType {
  const [before, after] = [decimalOf(from), decimalOf(to)]
  const isLegal =
    typeText(from) === typeText(to) ||
    (from === 'int' && to === 'long') ||
    (from === 'float' && to === 'double') ||
    (before !== undefined && after !== undefined && before.scale === after.scale && before.precision <= after.precision)
  if (isLegal) return isNested(from) ? from : to
  throw new MillraceError(
    'usage',
    `column ${name} cannot become ${typeText(to)} from ${typeText(from)}; what can be: int → long, float → double, decimal(p, s) → more digits of the same scale`,
  )
}

// -------------------------------------------------------------------------------------------------- changing in depth

/** The fields with the siblings of one replaced. */
function changeSiblings(fields: Field[], id: number, change: (siblings: Field[]) => Field[]): Field[] {
  if (fields.some((field) => field.id === id)) return change(fields)
  return fields.map((field) => ({ ...field, type: changeIn(field.type, (inner) => changeSiblings(inner, id, change)) }))
}

/** The fields with one replaced; elements, keys and values of lists and maps are fields too. */
function changeField(fields: Field[], id: number, change: (field: Field) => Field): Field[] {
  return fields.map((field) => {
    if (field.id === id) return change(field)
    return {
      ...field,
      type: changeIn(
        field.type,
        (inner) => changeField(inner, id, change),
        (part) => (part.id === id ? change(part) : part),
      ),
    }
  })
}

/** A type with the fields of its structs, and the parts of its lists and maps, replaced. */
function changeIn(
  type: FieldType,
  change: (fields: Field[]) => Field[],
  changePart: (part: Field) => Field = (part) => part,
): FieldType {
  if (!isNested(type)) return type
  if (type.type === 'struct') return { ...type, fields: change(type.fields) }
  const deeper = (part: Field): Field => {
    const changed = changePart(part)
    return { ...changed, type: changeIn(changed.type, change, changePart) }
  }
  if (type.type === 'list') {
    const { required, type: element } = deeper({
      id: type['element-id'],
      name: 'element',
      required: type['element-required'],
      type: type.element,
    })
    return { ...type, 'element-required': required, element }
  }
  const key = deeper({ id: type['key-id'], name: 'key', required: true, type: type.key })
  // Files are looked up by their keys as they were written.
  if (typeText(key.type) !== typeText(type.key)) throw new MillraceError('usage', 'the keys of a map cannot be changed')
  const value = deeper({ id: type['value-id'], name: 'value', required: type['value-required'], type: type.value })
  return { ...type, value: value.type, 'value-required': value.required }
}

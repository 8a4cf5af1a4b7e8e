/** Schemas of tables: types, names and the ids that columns are known by. */
import { didYouMean, MillraceError } from '../errors.ts'
import type { Field, FieldType, ListType, MapType, Schema, StructType } from './types.ts'

type Fields = Pick<Schema, 'fields'>

const primitives = [
  ...['boolean', 'int', 'long', 'float', 'double', 'date', 'time', 'timestamp', 'timestamptz'],
  ...['string', 'uuid', 'binary'],
]
const decimalDigitsMax = 38 // of the specification

/** True for a struct, a list and a map. */
export function isNested(type: FieldType): type is StructType | ListType | MapType {
  return typeof type !== 'string'
}

/** Precision and scale of a decimal type. */
export function decimalOf(type: FieldType): { precision: number; scale: number } | undefined {
  const match = typeof type === 'string' ? /^decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)$/.exec(type) : null
  return match === null ? undefined : { precision: Number(match[1]), scale: Number(match[2]) }
}

/** Bytes of a fixed type. */
export function fixedLength(type: FieldType): number | undefined {
  const match = typeof type === 'string' ? /^fixed\[\s*(\d+)\s*\]$/.exec(type) : null
  return match === null ? undefined : Number(match[1])
}

/** Throws `usage` naming `where` for a type that format version 2 does not have. */
export function checkType(type: FieldType, where: string): void {
  if (isNested(type)) {
    if (type.type === 'struct') for (const { name, type: inner } of type.fields) checkType(inner, `${where}.${name}`)
    else if (type.type === 'list') checkType(type.element, `${where}.element`)
    else {
      checkType(type.key, `${where}.key`)
      checkType(type.value, `${where}.value`)
    }
    return
  }
  if (primitives.includes(type) || fixedLength(type) !== undefined) return
  const decimal = decimalOf(type)
  if (decimal === undefined) {
    throw new MillraceError(
      'usage',
      `${where}  ${JSON.stringify(type)} is no type of Iceberg's format version 2 (${primitives.join(', ')}, decimal(p, s), fixed[n])${didYouMean(String(type), primitives)}`,
    )
  }
  const { precision, scale } = decimal
  if (precision < 1 || precision > decimalDigitsMax || scale > precision) {
    throw new MillraceError(
      'usage',
      `${where}  ${type} is refused: expected 1 to 38 digits, and no more of them behind the point`,
    )
  }
}

/** A type for people, and for telling types apart: ids and documentation are left out. */
export function typeText(type: FieldType): string {
  if (!isNested(type)) {
    const decimal = decimalOf(type)
    return decimal === undefined ? type : `decimal(${decimal.precision}, ${decimal.scale})`
  }
  if (type.type === 'list') return `list<${typeText(type.element)}>`
  if (type.type === 'map') return `map<${typeText(type.key)}, ${typeText(type.value)}>`
  return `struct<${type.fields.map((field) => `${field.name}: ${typeText(field.type)}`).join(', ')}>`
}

/** The same fields with new ids in the order of the specification: all fields of a level first, then what is in them. */
export function assignIds(fields: readonly Field[], nextId: () => number = counter()): Field[] {
  const numbered = fields.map((field) => ({ ...field, id: nextId() }))
  return numbered.map((field) => ({ ...field, type: assignTypeIds(field.type, nextId) }))
}

/** A type with new ids in what is nested in it. */
export function assignTypeIds(type: FieldType, nextId: () => number): FieldType {
  if (!isNested(type)) return type
  if (type.type === 'struct') return { ...type, fields: assignIds(type.fields, nextId) }
  if (type.type === 'list') {
    const id = nextId()
    return { ...type, 'element-id': id, element: assignTypeIds(type.element, nextId) }
  }
  const [keyId, valueId] = [nextId(), nextId()]
  return {
    ...type,
    'key-id': keyId,
    key: assignTypeIds(type.key, nextId),
    'value-id': valueId,
    value: assignTypeIds(type.value, nextId),
  }
}

/** Gives `last` + 1 and so on. */
export function counter(last = 0): () => number {
  let id = last
  return () => {
    id += 1
    return id
  }
}

/** A field and the names that lead to it, its own last. `isRepeated`: below a list or a map, where one row has many values. */
export type Visit = (field: Field, path: string[], isRepeated: boolean) => void

/** Visits every field, from the outside in; elements, keys and values of lists and maps are fields named so. */
export function walkFields(fields: readonly Field[], visit: Visit, path: string[] = [], isRepeated = false): void {
  for (const field of fields) {
    const own = [...path, field.name]
    visit(field, own, isRepeated)
    walkFields(inner(field.type), visit, own, isRepeated || (isNested(field.type) && field.type.type !== 'struct'))
  }
}

/** What is directly in a type, as fields. */
function inner(type: FieldType): Field[] {
  if (!isNested(type)) return []
  if (type.type === 'struct') return type.fields
  if (type.type === 'list') {
    return [{ id: type['element-id'], name: 'element', required: type['element-required'], type: type.element }]
  }
  return [
    { id: type['key-id'], name: 'key', required: true, type: type.key },
    { id: type['value-id'], name: 'value', required: type['value-required'], type: type.value },
  ]
}

/** The greatest id in use, 0 without any. */
export function lastColumnId(schema: Fields | readonly Field[]): number {
  let last = 0
  walkFields('fields' in schema ? schema.fields : schema, ({ id }) => {
    last = Math.max(last, id)
  })
  return last
}

/** The field of an id, at any depth. */
export function fieldById({ fields }: Fields, id: number): Field | undefined {
  let found: Field | undefined
  walkFields(fields, (field) => {
    if (field.id === id) found = field
  })
  return found
}

/** The dotted name of an id. */
export function fieldPath({ fields }: Fields, id: number): string | undefined {
  let found: string | undefined
  walkFields(fields, (field, path) => {
    if (field.id === id) found = path.join('.')
  })
  return found
}

/** The field of a dotted name, spelled exactly so. */
export function fieldByPath({ fields }: Fields, path: string): Field | undefined {
  let found: Field | undefined
  walkFields(fields, (field, names) => {
    if (found === undefined && names.join('.') === path) found = field
  })
  return found
}

/**
 * The field of a dotted name: spelled exactly so, else without regard to case. Throws `usage` when there is none, or when
 * several differ only by case.
 */
export function findField(schema: Fields, name: string): Field {
  const exact = fieldByPath(schema, name)
  if (exact !== undefined) return exact
  const found: { field: Field; name: string }[] = []
  const names: string[] = []
  walkFields(schema.fields, (field, path) => {
    const own = path.join('.')
    names.push(own)
    if (own.toLowerCase() === name.toLowerCase()) found.push({ field, name: own })
  })
  if (found.length > 1) {
    const spellings = found.map((candidate) => candidate.name).join(', ')
    throw new MillraceError('usage', `column ${name} may be any of ${spellings}; write it as one of them`)
  }
  if (found[0] !== undefined) return found[0].field
  throw new MillraceError('usage', `there is no column ${name} (${names.join(', ')})${didYouMean(name, names)}`)
}

/**
 * Throws `usage` for a key (identifier fields) that other readers would refuse with the whole table: its columns must be
 * required, of a simple type that is no floating-point number, and in nothing but required structs.
 */
export function checkKey({ fields, 'identifier-field-ids': ids = [] }: Omit<Schema, 'schema-id' | 'type'>): void {
  for (const id of ids) {
    const field = fieldById({ fields }, id)
    if (field === undefined)
      throw new MillraceError('usage', `the key names field ${id}, which the schema does not have`)
    const problem = keyProblem(fields, field)
    if (problem === null) continue
    throw new MillraceError('usage', `column ${fieldPath({ fields }, id)} cannot be part of the key: ${problem}`)
  }
}

function keyProblem(fields: readonly Field[], field: Field): string | null {
  if (!field.required) return 'it may be null. Make it required'
  if (isNested(field.type) || field.type === 'float' || field.type === 'double') {
    return `it has the type ${typeText(field.type)}`
  }
  let isInside = false
  walkFields(fields, (other) => {
    if (!isNested(other.type) || (other.type.type === 'struct' && other.required)) return
    if (fieldById({ fields: inner(other.type) }, field.id) !== undefined) isInside = true
  })
  return isInside ? 'it is in something that may be null or have many values' : null
}

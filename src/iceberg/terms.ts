/** A table's partitioning and order as people write them: `bucket(16, id)`, `day(ts)`, `name desc nulls last`. */
import { MillraceError } from '../errors.ts'
import { fieldPath, findField } from './schema.ts'
import { parseTransform, resultType } from './transforms.ts'
import type { Field, PartitionField, Schema, SortField } from './types.ts'

type Fields = Pick<Schema, 'fields'>

/** Partition fields from terms such as `state`, `bucket(16, id)`, `truncate(4, name)`, `day(ts)`. Throws `usage`. */
export function partitionFields(schema: Fields, terms: readonly string[], firstFieldId = 1000): PartitionField[] {
  const fields = terms.map((term, index) => {
    const { transform, field, path } = readTerm(schema, term)
    return {
      'source-id': field.id,
      'field-id': firstFieldId + index,
      name: partitionFieldName(transform, path),
      transform,
    }
  })
  for (const field of fields) checkPartitionName(schema, field)
  const names = fields.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined)
    throw new MillraceError('usage', `two partition fields would be named ${twice}; leave one out`)
  return fields
}

/** Throws `usage` for a partition field called as another column is: Iceberg's own readers refuse the whole table. */
export function checkPartitionName(schema: Fields, { name, transform, 'source-id': source }: PartitionField): void {
  const column = schema.fields.find((field) => field.name === name)
  if (column === undefined || (transform === 'identity' && column.id === source)) return
  throw new MillraceError('usage', `the partition field ${name} and a column would have one name; rename the column`)
}

/** The usual name of a partition field: `id_bucket`, `ts_day`, `name_trunc`; for identity the column's own. */
export function partitionFieldName(transform: string, column: string): string {
  const { kind } = parseTransform(transform)
  if (kind === 'identity') return column
  return `${column}_${kind === 'truncate' ? 'trunc' : kind === 'void' ? 'null' : kind}`
}

/** Sort fields from terms such as `a`, `b desc nulls last`, `bucket(4, id)`. Throws `usage`. */
export function sortFields(schema: Fields, terms: readonly string[]): SortField[] {
  return terms.map((term) => {
    const [, text = '', order = 'asc', nulls] =
      /^(.*?)(?:\s+(asc|desc))?(?:\s+nulls\s+(first|last))?\s*$/is.exec(term.trim()) ?? []
    const direction = order.toLowerCase() === 'desc' ? 'desc' : 'asc'
    const { transform, field } = readTerm(schema, text)
    // As Spark: nulls come first in ascending order and last in descending order.
    const last = nulls === undefined ? direction === 'desc' : nulls.toLowerCase() === 'last'
    return { transform, 'source-id': field.id, direction, 'null-order': last ? 'nulls-last' : 'nulls-first' }
  })
}

function readTerm(schema: Fields, term: string): { transform: string; field: Field; path: string } {
  const call = /^\s*([a-z]+)\s*\(\s*(?:(\d+)\s*,\s*)?(.*?)\s*(?:,\s*(\d+)\s*)?\)\s*$/is.exec(term)
  const [, word = 'identity', before, column = term.trim(), after] = call ?? []
  const kind = word.toLowerCase().replace(/^(year|month|day|hour)s$/, '$1')
  const size = before ?? after
  const transform = size === undefined ? kind : `${kind}[${size}]`
  parseTransform(transform)
  const field = findField(schema, unquoted(column))
  try {
    resultType(transform, field.type)
  } catch (error) {
    throw new MillraceError('usage', `${term}  ${(error as Error).message}`, { cause: error })
  }
  return { transform, field, path: fieldPath(schema, field.id) as string }
}

function unquoted(column: string): string {
  const quote = column[0]
  if (column.length < 2 || (quote !== '"' && quote !== '`') || column.at(-1) !== quote) return column
  return column.slice(1, -1).replaceAll(quote + quote, quote)
}

/** A table as a person defines it. */
import { MillraceError } from '../errors.ts'
import { assignIds, findField } from './schema.ts'
import { partitionFields, sortFields } from './terms.ts'
import { icebergType } from './type-text.ts'
import type { Field, NewTable } from './types.ts'

/** A column; its type as Iceberg, Hive or DuckDB spell it, nested ones too. */
export type ColumnDefinition = { name: string; type: string; required?: boolean; doc?: string }

/** What a new table is made of. */
export type TableDefinition = {
  columns: readonly ColumnDefinition[]
  /** The columns that tell rows apart (identifier fields); they are required. */
  key?: readonly string[]
  /** `state`, `bucket(16, id)`, `truncate(4, name)`, `year(ts)`, `month(ts)`, `day(ts)`, `hour(ts)` */
  partitionBy?: readonly string[]
  /** `a`, `b desc nulls last` */
  sortBy?: readonly string[]
  properties?: Record<string, string>
}

/** The definition in the specification's terms. */
export function newTable(definition: TableDefinition): NewTable {
  const { columns, key = [], partitionBy = [], sortBy = [], properties = {} } = definition
  if (columns.length === 0) throw new MillraceError('usage', 'a table needs at least one column')
  const keys = new Set(key.map((name) => findField({ fields: fieldsOf(columns) }, name).name))
  const fields = assignIds(
    fieldsOf(columns).map((field) => (keys.has(field.name) ? { ...field, required: true } : field)),
  )
  const schema = { type: 'struct' as const, 'schema-id': 0, fields }
  return {
    schema: { fields, 'identifier-field-ids': key.map((name) => findField(schema, name).id) },
    spec: partitionFields(schema, partitionBy),
    sortOrder: sortFields(schema, sortBy),
    // No defaults of our own: DuckDB's extension refuses to write to tables with properties that it does not know.
    properties: { 'write.parquet.compression-codec': 'zstd', ...properties },
  }
}

function fieldsOf(columns: readonly ColumnDefinition[]): Field[] {
  return columns.map(({ name, type, required = false, doc }) => ({
    ...{ id: 0, name, required, type: icebergType(type) },
    ...(doc === undefined ? {} : { doc }),
  }))
}

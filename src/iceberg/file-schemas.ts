/**
 * Columns of data files that cannot be told by the field ids of their top level alone: files without ids, whose columns a
 * table's name mapping names, and nested columns whose inner fields were renamed, added or dropped.
 */
import { fileList } from '../engines/duckdb/relations.ts'
import { quoteName } from '../engines/portable.ts'
import { childrenOf, duckdbType } from './column-types.ts'
import { groupBy } from './group-by.ts'
import { parseJson } from './json.ts'
import { localPath } from './local-files.ts'
import { typeText } from './schema.ts'
import type { Field, FieldType, Schema, TableMetadata } from './types.ts'

/** A column as a file has it; `id` is null where the writer gave none. */
export type FileColumn = { id: number | null; name: string; children: FileColumn[] }

/** One level of `schema.name-mapping.default`. */
export type NameMapping = { 'field-id'?: number; names: string[]; fields?: NameMapping }[]

const mappingProperty = 'schema.name-mapping.default'

/** The table's name mapping, or null. */
export function nameMapping({ properties }: TableMetadata): NameMapping | null {
  const text = properties[mappingProperty]
  return text === undefined ? null : (parseJson(text, mappingProperty) as NameMapping)
}

/** True when DuckDB, which finds nested fields by name, would not find them all in every file of a table. */
export function hasNestedChanges(metadata: TableMetadata, schema: Schema): boolean {
  return schema.fields
    .filter(({ type }) => typeof type !== 'string')
    .some((field) =>
      metadata.schemas.some((other) => {
        const before = other.fields.find(({ id }) => id === field.id)
        return before !== undefined && shape(before.type) !== shape(field.type)
      }),
    )
}

/** A type with the ids of all that is in it. */
function shape(type: FieldType): string {
  if (typeof type === 'string') return ''
  return `${type.type}(${childrenOf(type).map((child) => `${child.id} ${JSON.stringify(child.name)} ${shape(child.type)}`)})`
}

type SchemaRow = { file_name: string; name: string; num_children: bigint | null; field_id: bigint | null }

/** The columns of files, out of their footers, in the order of the files. */
export async function readFileColumns(
  session: { rows(sql: string): Promise<Record<string, unknown>[]> },
  paths: readonly string[],
): Promise<FileColumn[][]> {
  if (paths.length === 0) return []
  const rows = (await session.rows(`
    SELECT file_name, name, num_children, field_id FROM parquet_schema(${fileList(paths.map(localPath))}) ORDER BY file_name, column_id
  `)) as SchemaRow[]
  const byFile = groupBy(rows, (row) => row.file_name)
  return paths.map((path) => {
    const [root, ...columns] = byFile.get(localPath(path)) ?? []
    const queue = columns[Symbol.iterator]()
    const take = (count: number): FileColumn[] => Array.from({ length: count }, () => takeColumn(queue, take))
    return take(Number(root?.num_children ?? 0))
  })
}

function takeColumn(queue: Iterator<SchemaRow>, take: (count: number) => FileColumn[]): FileColumn {
  const row = queue.next().value as SchemaRow
  const id = row.field_id === null ? null : Number(row.field_id)
  return { id, name: row.name, children: take(Number(row.num_children ?? 0)) }
}

/** A file's columns with the ids that a name mapping gives those that have none. */
export function withMappedIds(columns: FileColumn[], mapping: NameMapping): FileColumn[] {
  if (columns.some(({ id }) => id !== null)) return columns
  const map = (level: FileColumn[], names: NameMapping): FileColumn[] =>
    level.map((column) => {
      const found = names.find((entry) => entry.names.includes(column.name))
      // The repeated group between a list or map and what is in it has no entry of its own.
      const below: NameMapping = isRepeatedGroup(column) ? names : (found?.fields ?? [])
      return { id: found?.['field-id'] ?? null, name: column.name, children: map(column.children, below) }
    })
  return map(columns, mapping)
}

const isRepeatedGroup = ({ id, name }: FileColumn): boolean =>
  id === null && ['list', 'bag', 'array', 'key_value', 'map'].includes(name)

/** What a field of the table is in a file, as SQL: read by ids at every depth, NULL where the file has none. */
export function fileExpression(field: Pick<Field, 'id' | 'type'>, columns: readonly FileColumn[]): string {
  const found = columns.find(({ id }) => id === field.id)
  if (found === undefined) return `CAST(NULL AS ${duckdbType(field.type)})`
  return `CAST(${readValue(quoteName(found.name), field.type, found)} AS ${duckdbType(field.type)})`
}

function readValue(sql: string, type: FieldType, column: FileColumn, depth = 0): string {
  if (typeof type === 'string' || !/struct/.test(typeText(type))) return sql
  const item = `x${depth}`
  switch (type.type) {
    case 'struct': {
      const parts = type.fields.map((field) => {
        const found = column.children.find(({ id }) => id === field.id)
        const value =
          found === undefined ? 'NULL' : readValue(`${sql}.${quoteName(found.name)}`, field.type, found, depth)
        return `${quoteName(field.name)} := CAST(${value} AS ${duckdbType(field.type)})`
      })
      return `CASE WHEN ${sql} IS NOT NULL THEN struct_pack(${parts.join(', ')}) END`
    }
    case 'list': {
      const element = belowRepeated(column).find(({ id }) => id === type['element-id'])
      return element === undefined
        ? sql
        : `list_transform(${sql}, lambda ${item}: ${readValue(item, type.element, element, depth + 1)})`
    }
    case 'map': {
      const parts = belowRepeated(column)
      const part = (name: string, id: number, of: FieldType): string => {
        const found = parts.find((candidate) => candidate.id === id)
        return found === undefined ? `${item}.${name}` : readValue(`${item}.${name}`, of, found, depth + 1)
      }
      const [key, value] = [part('key', type['key-id'], type.key), part('value', type['value-id'], type.value)]
      return `map_from_entries(list_transform(map_entries(${sql}), lambda ${item}: {'key': ${key}, 'value': ${value}}))`
    }
  }
}

function belowRepeated(column: FileColumn): FileColumn[] {
  const [only] = column.children
  return only !== undefined && column.children.length === 1 && only.id === null ? only.children : column.children
}

/** One table under test, together with the plain DuckDB table that says what it must hold. */

import type { CommitOptions, MergeOptions, Table, TableDefinition } from '../../src/iceberg/table.ts'
import type { Field, FieldType } from '../../src/iceberg/types.ts'
import { canonicalRows } from './canonical.ts'
import type { Rows } from './driver.ts'
import type { World } from './world.ts'

export type Subject = {
  /** `namespace.table`. */
  name: string
  /** The table's name in the model. */
  plain: string
  table: Table
  /** Runs statements on the model alone; `{t}` is its table. */
  model(...sql: string[]): Promise<void>
  /** What the model holds, or a query of it gives, in canonical text. */
  expected(query?: string): Promise<Rows>
  append(sql: string, options?: CommitOptions): Promise<void>
  delete(where: string, mode?: 'copy-on-write' | 'merge-on-read'): Promise<void>
  /** An upsert of all columns; with `deleteWhen`, over `s`, matched rows that go. */
  merge(sql: string, on: string[], mode: 'copy-on-write' | 'merge-on-read', deleteWhen?: string): Promise<void>
}

/** Makes the table in Millrace and in the model. */
export async function makeSubject(world: World, name: string, definition: TableDefinition): Promise<Subject> {
  await world.warehouse.create(name, definition)
  return openSubject(world, name)
}

/** A table that another writer made: the model's is made from its schema. */
export async function openSubject(world: World, name: string): Promise<Subject> {
  const table = await world.warehouse.table(name)
  const plain = name.replace('.', '_')
  const columns = table.schema.fields.map((field) => `${quoted(field.name)} ${plainType(field.type)}`)
  await world.model.run(`CREATE TABLE ${plain} (${columns.join(', ')})`)
  const model = async (...sql: string[]): Promise<void> => {
    for (const each of sql) await world.model.run(each.replaceAll('{t}', plain))
  }
  return {
    name,
    plain,
    table,
    model,
    expected: async (query = `SELECT * FROM ${plain}`) => {
      await table.refresh()
      return canonicalRows(await world.model.rows(query), table.schema.fields)
    },
    append: async (sql, options) => {
      await table.append({ sql }, options)
      await model(`INSERT INTO {t} BY NAME ${sql}`)
    },
    delete: async (where, mode) => {
      await table.delete(where, mode === undefined ? {} : { mode })
      await model(`DELETE FROM {t} WHERE ${where}`)
    },
    merge: async (sql, on, mode, deleteWhen) => {
      const whenMatched: MergeOptions['whenMatched'] =
        deleteWhen === undefined ? [{ then: 'update' }] : [{ when: deleteWhen, then: 'delete' }, { then: 'update' }]
      await table.merge({ using: { sql }, on, mode, whenMatched })
      const keys = on.map((key) => `t.${quoted(key)} = s.${quoted(key)}`).join(' AND ')
      const drop = deleteWhen === undefined ? '' : `WHEN MATCHED AND ${deleteWhen} THEN DELETE`
      await model(
        `MERGE INTO {t} t USING (${sql}) s ON (${keys}) ${drop} WHEN MATCHED THEN UPDATE BY NAME
         WHEN NOT MATCHED THEN INSERT BY NAME`,
      )
    },
  }
}

export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** DuckDB's name of a type, written here apart from the code under test. */
function plainType(type: FieldType): string {
  if (typeof type !== 'string') {
    if (type.type === 'list') return `${plainType(type.element)}[]`
    if (type.type === 'map') return `MAP(${plainType(type.key)}, ${plainType(type.value)})`
    return `STRUCT(${type.fields.map((field: Field) => `${quoted(field.name)} ${plainType(field.type)}`).join(', ')})`
  }
  if (type.startsWith('decimal')) return type
  if (type.startsWith('fixed')) return 'BLOB'
  const names: Record<string, string> = { int: 'INTEGER', long: 'BIGINT', string: 'VARCHAR', binary: 'BLOB' }
  return names[type] ?? type.toUpperCase()
}

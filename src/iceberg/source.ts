/** Rows that are written into a table: a query, Parquet files, or rows at hand. */
import { randomUUID } from 'node:crypto'
import type { Session } from '../engines/duckdb/session.ts'
import { quoteName } from '../engines/portable.ts'
import { didYouMean, MillraceError } from '../errors.ts'
import { attached, filesSql, type Names } from './attach.ts'
import { duckdbType } from './column-types.ts'
import type { WarehouseContext } from './context.ts'
import { converted, describe, type RelationColumn } from './conversion.ts'
import { createRows, type Row } from './row-values.ts'
import type { Schema } from './types.ts'

/**
 * Where rows come from. A query may name the warehouse's tables (`namespace.table`), tables that were made over
 * `Warehouse.session()`, and `relations`. A merge looks at its source several times, so it keeps a query's rows;
 * with `isRepeatable` it runs the query again instead, which must then give the same rows and cost little.
 */
export type Source =
  | ({ sql: string; isRepeatable?: boolean } & Names)
  | { files: readonly string[] }
  | { rows: readonly Row[] }

/** A source that can be read: `from` is a relation in SQL. */
export type OpenSource = { from: string; columns: RelationColumn[] }

/** Works with a source. `isKept`: its rows are read more than once. */
export async function withSource<T>(
  context: WarehouseContext,
  session: Session,
  source: Source,
  isKept: boolean,
  act: (source: OpenSource) => Promise<T>,
): Promise<T> {
  const name = `source-${randomUUID()}`
  const table = quoteName(name)
  if ('files' in source) return act(await opened(session, filesSql(source.files)))
  const kept = async (make: () => Promise<void>): Promise<T> => {
    await make()
    try {
      return await act(await opened(session, table))
    } finally {
      await session.run(`DROP TABLE ${table}`)
    }
  }
  if ('rows' in source) return kept(() => createRows(session, name, source.rows))
  return attached(context, session, source.sql, source, async () => {
    if (!isKept || source.isRepeatable) return act(await opened(session, `(${source.sql})`))
    return kept(() => session.run(`CREATE TEMP TABLE ${table} AS ${source.sql}`))
  })
}

async function opened(session: Session, from: string): Promise<OpenSource> {
  return { from, columns: await describe(session, from) }
}

/** The column of a name: spelt so, or spelt so but for case. */
export function sourceColumn(columns: readonly RelationColumn[], name: string): RelationColumn | undefined {
  const exact = columns.find((column) => column.name === name)
  return exact ?? columns.find((column) => column.name.toLowerCase() === name.toLowerCase())
}

/** Throws `usage` when a source has a column that the table has not. */
export function checkColumns(table: string, { fields }: Schema, columns: readonly RelationColumn[]): void {
  const names = fields.map(({ name }) => name)
  const known = new Set(names.map((name) => name.toLowerCase()))
  const extra = columns.find((column) => !known.has(column.name.toLowerCase()))
  if (extra === undefined) return
  throw new MillraceError(
    'usage',
    `${table} has no column ${quoteName(extra.name)}, which the source has${didYouMean(extra.name, names)}. ` +
      `Add it to the table (evolve), or leave it out of the source; the table has ${names.join(', ')}`,
  )
}

/** A source's rows with the table's columns in their types, as a query in parentheses; a column that it lacks is NULL. */
export function tableRows(table: string, schema: Schema, { from, columns }: OpenSource): string {
  checkColumns(table, schema, columns)
  const values = schema.fields.map((field) => {
    const column = sourceColumn(columns, field.name)
    if (column === undefined && field.required) {
      throw new MillraceError(
        'usage',
        `${table}: the column ${quoteName(field.name)} is required, and the source has none of that name`,
      )
    }
    const value =
      column === undefined
        ? `CAST(NULL AS ${duckdbType(field.type)})`
        : converted(quoteName(column.name), column.type, field)
    return `${value} AS ${quoteName(field.name)}`
  })
  return `(SELECT ${values.join(', ')} FROM ${from})`
}

/** A merge's source: keys in the table's types, one row for each key. */
import { randomUUID } from 'node:crypto'
import type { Session } from '../engines/duckdb/session.ts'
import { quoteName } from '../engines/portable.ts'
import { didYouMean, MillraceError } from '../errors.ts'
import { converted, type RelationColumn } from './conversion.ts'
import type { MergeKey } from './merge-files.ts'
import { type OpenSource, sourceColumn } from './source.ts'
import type { Field } from './types.ts'

/** One row for each key: a relation, its columns, how many rows it has, and how many were left out for better ones. */
export type MergeSource = {
  from: string
  columns: RelationColumn[]
  keys: MergeKey[]
  rows: number
  duplicates: number
}

/** What a merge says of its source. */
export type KeyOptions = {
  name: string
  fields: readonly Field[]
  nullSafe: boolean
  orderBy: readonly string[] | undefined
}

/**
 * Looks at a source's keys. Of rows with one key the first by `orderBy` counts, equal ones in the order of their columns; without
 * an order two such rows are `bad-value`. A key with a NULL is like no other unless keys are compared null-safe.
 */
export async function openMergeSource(session: Session, source: OpenSource, options: KeyOptions): Promise<MergeSource> {
  const typed = typedKeys(source, options)
  const names = options.fields.map(({ name }) => quoteName(name))
  const nulls = names.map((name, index) => `count(*) FILTER (${name} IS NULL) AS null${index}`)
  const [counted] = await session.rows(`SELECT count(*) AS rows, ${nulls.join(', ')} FROM ${typed} AS s`)
  const keys = options.fields.map((field, index) => ({
    field,
    matchesNull: options.nullSafe && Number(counted?.[`null${index}`]) > 0,
  }))
  const rows = Number(counted?.rows)
  const isComplete = options.nullSafe ? 'true' : names.map((name) => `${name} IS NOT NULL`).join(' AND ')
  const repeated = quoteName(`repeated-${randomUUID()}`)
  await session.run(`
    CREATE TEMP TABLE ${repeated} AS
      SELECT ${names.join(', ')}, count(*) AS "$rows" FROM ${typed} AS s WHERE ${isComplete} GROUP BY ${names.join(', ')} HAVING count(*) > 1`)
  const [superfluous] = await session.rows(`SELECT CAST(coalesce(sum("$rows" - 1), 0) AS BIGINT) AS n FROM ${repeated}`)
  const duplicates = Number(superfluous?.n)
  if (duplicates === 0) return { from: typed, columns: source.columns, keys, rows, duplicates }
  if (options.orderBy === undefined) throw await repeatedKey(session, options, repeated)
  const equal = names.map((name) => `r.${name} IS NOT DISTINCT FROM s.${name}`).join(' AND ')
  const ties = source.columns.map(({ name }) => quoteName(name))
  const from = `(
    SELECT * FROM ${typed} AS s ANTI JOIN ${repeated} AS r ON ${equal}
    UNION ALL
    (SELECT * FROM ${typed} AS s SEMI JOIN ${repeated} AS r ON ${equal}
      QUALIFY row_number() OVER (PARTITION BY ${names.join(', ')} ORDER BY ${[...options.orderBy, ...ties].join(', ')}) = 1))`
  return { from, columns: source.columns, keys, rows: rows - duplicates, duplicates }
}

/** The source with its keys in the table's spelling and types. */
function typedKeys({ from, columns }: OpenSource, { name, fields }: KeyOptions): string {
  const replaced = fields.flatMap((field) => {
    const column = sourceColumn(columns, field.name)
    if (column === undefined) {
      throw new MillraceError(
        'usage',
        `${name}: the source has no column ${quoteName(field.name)} to merge on; it has ${columns.map((other) => other.name).join(', ')}` +
          didYouMean(
            field.name,
            columns.map((other) => other.name),
          ),
      )
    }
    // NULL in a key is looked at with the rows that are inserted.
    const value = converted(quoteName(column.name), column.type, { ...field, required: false })
    return value === quoteName(column.name) ? [] : [`${value} AS ${quoteName(column.name)}`]
  })
  return replaced.length === 0 ? from : `(SELECT * REPLACE (${replaced.join(', ')}) FROM ${from})`
}

async function repeatedKey(session: Session, { name, fields }: KeyOptions, repeated: string): Promise<MillraceError> {
  const values = fields.map((field) => `CAST(${quoteName(field.name)} AS VARCHAR) AS ${quoteName(field.name)}`)
  const [row] = await session.rows(`SELECT ${values.join(', ')}, "$rows" FROM ${repeated} ORDER BY ALL LIMIT 1`)
  const key = fields.map((field) => `${quoteName(field.name)} = ${row?.[field.name] ?? 'NULL'}`).join(', ')
  return new MillraceError(
    'bad-value',
    `${name}: the source has ${row?.$rows} rows with the key ${key}; expected one. Give orderBy, so that the first of them counts, or merge on more columns`,
  )
}

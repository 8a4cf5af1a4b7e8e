/** A plan's inputs and views as DuckDB relations. */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'

import { assert } from '../../errors.ts'
import { parseType } from '../../formats/column-types.ts'
import type { Column, EngineContext, NewestView, PlanInput, RepeatedView } from '../../types.ts'
import { expandPortable, quoteName, quoteText, typeNames } from '../portable.ts'
import type { Session } from './session.ts'

/** Hive's type names in DuckDB's spelling. Throws `engine` for text that is no type. */
export function duckdbType(type: string): string {
  return typeNames.duckdb(parseType(type))
}

/** Files as a list that DuckDB takes to the letter: in its patterns, a bracket expression of one character is that one. */
export function fileList(paths: readonly string[]): string {
  return `[${paths.map((path) => quoteText(path.replaceAll(/[*?[]/g, '[$&]'))).join(', ')}]`
}

/**
 * The absolute path by which DuckDB reads a file. A pattern is cut at backslashes too, so that a path with both has no
 * pattern of its own: it is read through a link in the spill folder.
 */
export function readablePath(file: string, context: Pick<EngineContext, 'root' | 'spill'>): string {
  const absolute = `${context.root}/${file}`
  if (!absolute.includes('\\') || !/[*?[]/.test(absolute)) return absolute
  const link = path.join(context.spill, 'links', `${createHash('sha256').update(file).digest('hex')}.parquet`)
  fs.mkdirSync(path.dirname(link), { recursive: true })
  if (!fs.existsSync(link)) fs.symlinkSync(absolute, link)
  return link
}

/** Makes an input readable under its name, and its list of files when lineage is asked for. */
export async function createInput(session: Session, input: PlanInput, locate: (path: string) => string): Promise<void> {
  if (input.lineage) await createFileTable(session, input)
  const selects: string[] = []
  let first = 0
  for (const [index, schema] of input.schemas.entries()) {
    const files = input.files.filter((file) => file.schema === index)
    if (files.length === 0) continue
    assert(input.files[first]?.schema === index, `the files of ${input.name} are not in order of their schemas`)
    const columns = input.columns.map((column) => columnOf(column, schema))
    const has = (name: string): boolean => schema.some((column) => column.name.toLowerCase() === name)
    const [isHidden, isRowHidden] = [has('file_index'), has('file_row_number')]
    const select = (paths: string[], number: string): void => {
      const position = isRowHidden ? 'NULL' : 'file_row_number'
      const lineage = input.lineage
        ? [`CAST(${number} AS INTEGER) AS "_file"`, `CAST(${position} AS BIGINT) AS "_row"`]
        : []
      const list = fileList(paths)
      selects.push(
        `SELECT ${[...columns, ...lineage].join(', ')} FROM read_parquet(${list}, hive_partitioning = false)`,
      )
    }
    const paths = files.map((file) => locate(file.path))
    // DuckDB's file_index counts within one call of read_parquet; a column of that name in the data hides it.
    if (isHidden) for (const [index, path] of paths.entries()) select([path], String(first + index))
    else select(paths, `file_index + ${first}`)
    first += files.length
  }
  if (selects.length === 0) selects.push(emptyRelation(input))
  await session.run(`CREATE VIEW ${quoteName(input.name)} AS ${selects.join(' UNION ALL ')}`)
}

/** A column of an input out of a file's schema, cast to the plan's type; null where the file has none of that name. */
export function columnOf({ name, type }: Column, schema: Column[]): string {
  const found = schema.find((column) => column.name.toLowerCase() === name.toLowerCase())
  return `CAST(${found === undefined ? 'NULL' : quoteName(found.name)} AS ${duckdbType(type)}) AS ${quoteName(name)}`
}

function emptyRelation(input: PlanInput): string {
  const columns = input.columns.map((column) => columnOf(column, []))
  if (input.lineage) columns.push('CAST(NULL AS INTEGER) AS "_file"', 'CAST(NULL AS BIGINT) AS "_row"')
  return `SELECT ${columns.join(', ')} WHERE false`
}

async function createFileTable(session: Session, input: PlanInput): Promise<void> {
  const table = quoteName(`${input.name}_files`)
  await session.run(`CREATE TABLE ${table} (file_number INTEGER, path VARCHAR)`)
  const rows = input.files.map(({ path }, number) => `(${number}, ${quoteText(path)})`)
  if (rows.length > 0) await session.run(`INSERT INTO ${table} VALUES ${rows.join(', ')}`)
}

/**
 * The greatest row of every key. Most keys occur once, so only the keys that occur twice or more are sorted; what remains
 * is the row numbers (`number`, a column of the table) to leave out. Gives how many rows are left out.
 */
export async function createNewest(session: Session, view: NewestView, number: string): Promise<number> {
  const { from, where, key, orderBy } = view.newest
  const keys = key.map(quoteName)
  const condition = expandPortable(where, 'duckdb')
  const repeatedName = `${view.name}$repeated`
  const repeated = quoteName(repeatedName)
  const superseded = quoteName(`${view.name}$superseded`)
  const order = orderBy.map((term) => `${expandPortable(term, 'duckdb')} DESC NULLS LAST`).join(', ')
  await createRepeated(session, { name: repeatedName, repeated: { from, where, key } })
  const [nulls] = await session.rows(
    `SELECT count(*) AS n FROM ${repeated} WHERE ${keys.map((name) => `${name} IS NULL`).join(' OR ')}`,
  )
  // Equality lets the join filter the scan; without a NULL in the keys it means the same.
  const equals = Number(nulls?.n) === 0 ? '=' : 'IS NOT DISTINCT FROM'
  await session.run(`
    CREATE TABLE ${superseded} AS SELECT row_id FROM (
      SELECT "$from".${number} AS row_id, row_number() OVER (PARTITION BY ${keys.map((name) => `"$from".${name}`).join(', ')} ORDER BY ${order}) AS place
      FROM ${quoteName(from)} AS "$from" SEMI JOIN ${repeated} AS "$repeated"
        ON ${keys.map((name) => `"$repeated".${name} ${equals} "$from".${name}`).join(' AND ')}
      WHERE ${condition}
    ) WHERE place > 1 ORDER BY row_id`)
  await session.run(`
    CREATE VIEW ${quoteName(view.name)} AS
      SELECT ${view.columns.map(quoteName).join(', ')}, ${number} AS "$row" FROM ${quoteName(from)}
      WHERE (${condition}) AND ${number} NOT IN (SELECT row_id FROM ${superseded})`)
  if (view.newest.superseded !== undefined) {
    await session.run(`
      CREATE VIEW ${quoteName(view.newest.superseded)} AS
        SELECT ${view.columns.map(quoteName).join(', ')} FROM ${quoteName(from)}
        WHERE ${number} IN (SELECT row_id FROM ${superseded})`)
  }
  const [count] = await session.rows(`SELECT count(*) AS n FROM ${superseded}`)
  return Number(count?.n)
}

/**
 * The keys that occur more than once. Rows that come in the order of their keys, as a full load's often do, need no grouping:
 * the first of them that is not greater than the one before ends the look.
 */
export async function createRepeated(session: Session, { name, repeated }: RepeatedView): Promise<void> {
  const keys = repeated.key.map(quoteName)
  const rows = `${quoteName(repeated.from)} WHERE (${expandPortable(repeated.where, 'duckdb')})`
  // A window without an order goes over the rows once, in one thread, as they come; a null is greater than nothing.
  const before = (key: string): string => `lag(${key}) OVER ()`
  const greater = keys.map((key, index) =>
    [...keys.slice(0, index).map((own) => `${own} = ${before(own)}`), `${key} > ${before(key)}`].join(' AND '),
  )
  const isGreater = `coalesce(${greater.map((terms) => `(${terms})`).join(' OR ')}, false)`
  const unordered = await session.rows(
    `SELECT 1 FROM (SELECT row_number() OVER () > 1 AND NOT ${isGreater} AS is_unordered FROM ${rows}) WHERE is_unordered LIMIT 1`,
  )
  const found = unordered.length === 0 ? 'LIMIT 0' : 'GROUP BY ALL HAVING count(*) > 1'
  await session.run(`CREATE TABLE ${quoteName(name)} AS SELECT ${keys.join(', ')} FROM ${rows} ${found}`)
}

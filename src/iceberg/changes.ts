/**
 * What changed between two snapshots, row by row and exactly, whoever wrote them: rows that were only carried over into other files
 * are no changes, and neither is a compaction.
 */
import type { Session } from '../engines/duckdb/session.ts'
import { quoteName } from '../engines/portable.ts'
import { MillraceError } from '../errors.ts'
import type { Column } from '../types.ts'
import { duckdbType } from './column-types.ts'
import { connected, type WarehouseContext } from './context.ts'
import { tableText } from './folder-catalog.ts'
import { currentSchema, headOf, snapshotById } from './metadata.ts'
import type { Row } from './row-values.ts'
import { concerning, deletesSql, rowPlace, scanFiles, scanSql, schemaAt } from './scan.ts'
import { findField } from './schema.ts'
import { ancestors, liveFiles } from './snapshots.ts'
import { hiveType } from './type-text.ts'
import type { LiveFile, LoadedTable, Schema, Snapshot, TableMetadata } from './types.ts'

/** Between which snapshots, and how rows are told apart. */
export type ChangesOptions = {
  /** Not included; undefined: from before the first one. */
  from?: bigint
  /** Included; the newest of main by default. */
  to?: bigint
  /** Columns by which a row that went and one that came are an update; the table's identifier fields by default. */
  key?: readonly string[]
  /** One step from `from` to `to`, whatever was in between; by default each snapshot is a step. */
  net?: boolean
  /**
   * What of rows as they were is told: all of each, or no more than its key, which is less to read. With `key` there is no
   * UPDATE_BEFORE, a DELETE may have nulls beside the key, and a row that was taken out and put in again as it was may be an update.
   */
  before?: 'row' | 'key'
}

/**
 * Changes as SQL, over any session of the warehouse: `_change_type` (INSERT, DELETE, UPDATE_BEFORE, UPDATE_AFTER), `_change_ordinal`
 * (from 0, in the order of the snapshots), `_commit_snapshot_id` and the columns of the newest schema. Rows of a key that a step
 * has several of are no updates but deletes and inserts.
 */
export type Changes = {
  /** In parentheses, for FROM. */
  sql: string
  from: bigint | null
  to: bigint | null
  /** The snapshots between that changed rows, oldest first. */
  snapshots: bigint[]
  columns: Column[]
  rows(): Promise<Row[]>
  counts(): Promise<{ inserts: number; deletes: number; updates: number }>
}

/** Finds what changed. Throws `usage` when `from` is not among the ancestors of `to`. */
export async function changesOf(
  context: WarehouseContext,
  { identifier, metadata }: LoadedTable,
  options: ChangesOptions,
): Promise<Changes> {
  const to = options.to === undefined ? headOf(metadata) : snapshotById(metadata, options.to)
  const schema = options.to === undefined ? currentSchema(metadata) : schemaAt(metadata, { snapshot: options.to }, to)
  const key = keyOf(schema, options.key)
  const steps = stepsBetween(metadata, tableText(identifier), to, options)
  const parts = await connected(context, async (session) => {
    const found: string[] = []
    for (const [ordinal, step] of steps.entries()) {
      found.push(...(await stepSql({ session, metadata, schema, key, before: options.before ?? 'row' }, step, ordinal)))
    }
    return found
  })
  const sql = parts.length === 0 ? noChanges(schema) : `(${parts.join(' UNION ALL ')})`
  return {
    sql,
    from: options.from ?? null,
    to: to?.['snapshot-id'] ?? null,
    snapshots: steps.map(({ after }) => after['snapshot-id']),
    columns: schema.fields.map(({ name, type }) => ({ name, type: hiveType(type) })),
    rows: () => connected(context, (session) => session.rows(`SELECT * FROM ${sql} ORDER BY _change_ordinal`)),
    counts: () => connected(context, (session) => countChanges(session, sql)),
  }
}

function keyOf(schema: Schema, names: readonly string[] | undefined): string[] {
  if (names !== undefined) return names.map((name) => findField(schema, name).name)
  const ids = schema['identifier-field-ids'] ?? []
  const fields = schema.fields.filter(({ id }) => ids.includes(id))
  return fields.length === ids.length ? fields.map(({ name }) => name) : []
}

type Step = { before: Snapshot | null; after: Snapshot }

function stepsBetween(metadata: TableMetadata, name: string, to: Snapshot | null, options: ChangesOptions): Step[] {
  const line = ancestors(metadata, to?.['snapshot-id'] ?? null).reverse()
  const start = options.from === undefined ? -1 : line.findIndex((snapshot) => snapshot['snapshot-id'] === options.from)
  const oldest = line[0]
  const isCut = options.from === undefined && oldest?.['parent-snapshot-id'] !== undefined
  if ((options.from !== undefined && start < 0) || isCut) {
    const known = line.map((snapshot) => snapshot['snapshot-id']).join(', ')
    throw new MillraceError(
      'usage',
      `${name}: snapshot ${options.from ?? oldest?.['parent-snapshot-id']} is not among the ancestors of ${to?.['snapshot-id'] ?? 'the empty table'}, ` +
        `which are ${known}; it has expired, or lies on another branch. Start from one of these, or compare the tables' rows`,
    )
  }
  const steps = line.slice(start + 1).map((after, index) => ({ before: line[start + index] ?? null, after }))
  const changing = steps.filter(({ after }) => after.summary.operation !== 'replace')
  const last = changing.at(-1)
  if (options.net !== true || last === undefined) return changing
  return [{ before: line[start] ?? null, after: last.after }]
}

type Diffing = {
  session: Session
  metadata: TableMetadata
  schema: Schema
  key: string[]
  before: 'row' | 'key'
}
type State = { data: LiveFile[]; deletes: LiveFile[] }

async function stateOf(metadata: TableMetadata, snapshot: Snapshot | null): Promise<State> {
  const id = snapshot?.['snapshot-id'] ?? null
  return {
    data: await liveFiles(metadata, id, { content: 0 }),
    deletes: await liveFiles(metadata, id, { content: 1 }),
  }
}

/** The changes of one step: none, or a query. */
async function stepSql(diffing: Diffing, { before, after }: Step, ordinal: number): Promise<string[]> {
  const [old, now] = [await stateOf(diffing.metadata, before), await stateOf(diffing.metadata, after)]
  const names = diffing.schema.fields.map(({ name }) => name)
  const come = await lostRows(diffing, now, old, names)
  const isByKey = diffing.before === 'key'
  const found =
    (isByKey ? await typedByKey(diffing, old, now, come) : null) ??
    (await typed(diffing, await lostRows(diffing, old, now, names), come))
  if (found === null) return []
  const heading = `_type AS _change_type, ${ordinal} AS _change_ordinal, CAST(${after['snapshot-id']} AS BIGINT) AS _commit_snapshot_id`
  const isTold = isByKey ? ` WHERE _type <> 'UPDATE_BEFORE'` : ''
  return [`SELECT ${heading}, ${names.map(quoteName).join(', ')} FROM ${found}${isTold}`]
}

/** Rows that went and rows that came, with `_type`; null for none. */
async function typed(
  { session, schema, key }: Diffing,
  gone: string | null,
  come: string | null,
): Promise<string | null> {
  if (gone === null) return come === null ? null : `(SELECT *, 'INSERT' AS _type FROM ${come})`
  if (come === null) return `(SELECT *, 'DELETE' AS _type FROM ${gone})`
  const isUnique =
    key.length > 0 && (await hasUniqueKeys(session, gone, key)) && (await hasUniqueKeys(session, come, key))
  return (isUnique ? keyedDifference : difference)(schema, key, gone, come)
}

/**
 * As `typed`, reading the keys alone of rows that went. Null where that does not do: where nothing went or came, a key went or came
 * twice, or whole files went, most rows of which may have been carried over.
 */
async function typedByKey(diffing: Diffing, old: State, now: State, come: string | null): Promise<string | null> {
  const { session, schema, key } = diffing
  if (come === null || key.length === 0 || droppedFiles(old, now).length > 0) return null
  const gone = await lostRows(diffing, old, now, key)
  if (gone === null) return null
  if (!(await hasUniqueKeys(session, gone, key)) || !(await hasUniqueKeys(session, come, key))) return null
  const columns = schema.fields.map(({ name }) => {
    const column = quoteName(name)
    return key.includes(name) ? `CASE WHEN c._there THEN c.${column} ELSE g.${column} END AS ${column}` : `c.${column}`
  })
  return `(
    SELECT ${columns.join(', ')}, CASE WHEN c._there IS NULL THEN 'DELETE' WHEN g._there THEN 'UPDATE_AFTER' ELSE 'INSERT' END AS _type
    FROM ${pairing(key, gone, come)})`
}

/** The data files that one state has and another has not. */
function droppedFiles(has: State, lacks: State): LiveFile[] {
  const kept = new Set(lacks.data.map(({ file_path }) => file_path))
  return has.data.filter(({ file_path }) => !kept.has(file_path))
}

/** The rows that one state has and another has not, as far as files and deletes tell; null when there are none. */
async function lostRows(
  { session, metadata, schema }: Diffing,
  has: State,
  lacks: State,
  columns: readonly string[],
): Promise<string | null> {
  const parts: string[] = []
  const dropped = droppedFiles(has, lacks)
  if (dropped.length > 0) {
    parts.push(`FROM ${scanSql(await scanFiles(session, metadata, schema, dropped, has.deletes), columns, null)}`)
  }
  const known = new Set(has.deletes.map(({ file_path }) => file_path))
  const deletes = lacks.deletes.filter(({ file_path }) => !known.has(file_path))
  const isDropped = new Set(dropped)
  const concerned = has.data.filter((file) => !isDropped.has(file) && deletes.some((more) => concerning(more)(file)))
  if (concerned.length > 0) {
    const scan = await scanFiles(session, metadata, schema, concerned, has.deletes)
    const [file, position] = [quoteName(rowPlace.file), quoteName(rowPlace.position)]
    const more = deletesSql({ ...scan, deletes: deletes.filter((other) => concerned.some(concerning(other))) })
    parts.push(`
      SELECT ${columns.map(quoteName).join(', ')} FROM ${scanSql(scan, columns, rowPlace)} AS d
      SEMI JOIN ${more} AS x ON x.file = d.${file} AND x.pos = d.${position}`)
  }
  return parts.length === 0 ? null : `(${parts.join(' UNION ALL ')})`
}

async function hasUniqueKeys(session: Session, rows: string, key: readonly string[]): Promise<boolean> {
  const names = key.map(quoteName).join(', ')
  const repeated = await session.rows(`SELECT 1 FROM ${rows} GROUP BY ${names} HAVING count(*) > 1 LIMIT 1`)
  return repeated.length === 0
}

/** Rows that went, `g`, beside those that came, `c`, by their keys; `_there` is null on the side that has none. */
function pairing(key: readonly string[], gone: string, come: string): string {
  const on = key.map((name) => `g.${quoteName(name)} IS NOT DISTINCT FROM c.${quoteName(name)}`).join(' AND ')
  return `(SELECT *, true AS _there FROM ${gone}) AS g FULL JOIN (SELECT *, true AS _there FROM ${come}) AS c ON ${on}`
}

/** Rows are paired by their keys, each of which either side has once; either side is read once. */
function keyedDifference(schema: Schema, key: readonly string[], gone: string, come: string): string {
  const names = schema.fields.map(({ name }) => quoteName(name))
  const differs = names.map((name) => `g.${name} IS DISTINCT FROM c.${name}`).join(' OR ')
  const pair = names.map((name, index) => `g.${name} AS g${index}, c.${name} AS c${index}`).join(', ')
  const side = (alias: string): string => names.map((name, index) => `${alias}${index} AS ${name}`).join(', ')
  return `(
    WITH pairs AS MATERIALIZED (
      SELECT ${pair}, g._there AS _gone, c._there AS _come FROM ${pairing(key, gone, come)}
      WHERE g._there IS NULL OR c._there IS NULL OR ${differs})
    SELECT ${side('g')}, CASE WHEN _come THEN 'UPDATE_BEFORE' ELSE 'DELETE' END AS _type FROM pairs WHERE _gone
    UNION ALL
    SELECT ${side('c')}, CASE WHEN _gone THEN 'UPDATE_AFTER' ELSE 'INSERT' END AS _type FROM pairs WHERE _come)`
}

/** Equal rows cancel each other out, one by one; what is left is paired where a key is left once on either side. */
function difference(schema: Schema, key: readonly string[], gone: string, come: string): string {
  const names = schema.fields.map(({ name }) => quoteName(name)).join(', ')
  const left = `
    SELECT ${names}, unnest(range(abs(_sum))) AS _copy, CASE WHEN _sum > 0 THEN 'INSERT' ELSE 'DELETE' END AS _type FROM (
      SELECT ${names}, CAST(sum(_sign) AS BIGINT) AS _sum FROM (
        SELECT ${names}, 1 AS _sign FROM ${come} UNION ALL SELECT ${names}, -1 AS _sign FROM ${gone}
      ) GROUP BY ${names} HAVING sum(_sign) <> 0)`
  if (key.length === 0) return `(${left})`
  const over = `OVER (PARTITION BY ${key.map(quoteName).join(', ')})`
  return `(
    SELECT ${names}, CASE WHEN _inserts = 1 AND _deletes = 1 THEN CASE _type WHEN 'INSERT' THEN 'UPDATE_AFTER' ELSE 'UPDATE_BEFORE' END ELSE _type END AS _type
    FROM (SELECT *, count(*) FILTER (_type = 'INSERT') ${over} AS _inserts, count(*) FILTER (_type = 'DELETE') ${over} AS _deletes FROM (${left})))`
}

function noChanges(schema: Schema): string {
  const columns = schema.fields.map(({ name, type }) => `CAST(NULL AS ${duckdbType(type)}) AS ${quoteName(name)}`)
  return `(SELECT CAST(NULL AS VARCHAR) AS _change_type, 0 AS _change_ordinal, CAST(NULL AS BIGINT) AS _commit_snapshot_id, ${columns.join(', ')} WHERE false)`
}

async function countChanges(
  session: Session,
  sql: string,
): Promise<{ inserts: number; deletes: number; updates: number }> {
  const [row] = await session.rows(`
    SELECT count(*) FILTER (_change_type = 'INSERT') AS inserts, count(*) FILTER (_change_type = 'DELETE') AS deletes,
      count(*) FILTER (_change_type = 'UPDATE_AFTER') AS updates FROM ${sql}`)
  return { inserts: Number(row?.inserts), deletes: Number(row?.deletes), updates: Number(row?.updates) }
}

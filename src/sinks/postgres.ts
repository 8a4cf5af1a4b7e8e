/** A table of PostgreSQL as the target of changes: a change set in one transaction, once, however often it is sent. */
import { MillraceError } from '../errors.ts'
import { type Database, told } from '../postgres/database.ts'
import {
  describeTable,
  type PostgresColumn,
  type PostgresTableInfo,
  quoteIdentifier,
  quoteTable,
} from '../postgres/describe.ts'
import { type ReadPosition, readPosition, writtenSince } from '../postgres/position.ts'
import { transaction } from '../postgres/transaction.ts'
import { type ChangeSet, lastSynced, ownTransactions, prepareSynced, recordSynced } from './postgres/synced-changes.ts'

export type { ChangeSet } from './postgres/synced-changes.ts'

export type SyncTarget = {
  where: string
  table: PostgresTableInfo
  /** The columns of these names, which can be written. Throws `not-found` for those that the table has not. */
  columns(names: readonly string[]): PostgresColumn[]
  /** The last snapshot of an Iceberg table, by its UUID, whose changes it has; null for none. */
  lastSynced(uuid: string): Promise<string | null>
  /** Throws `conflict`, `limit` and `bad-value`; nothing has changed then. */
  apply(changes: ChangesToApply): Promise<AppliedChanges>
  close(): Promise<void>
}

/** Files of CSV: the kind of change, `I`, `U` or `D`, then the columns. There is at most one change of a key. */
export type ChangesToApply = {
  files: string[]
  columns: readonly PostgresColumn[]
  key: readonly string[]
  changeSet: ChangeSet
  run: string
  conflicts: 'keep' | 'overwrite' | 'fail'
  limitPercent: number
  /** What of the table Iceberg had seen: who wrote a row since is somebody else. Null: nobody knows. */
  seen: ReadPosition | null
}

/** `conflicts`: the rows that were left as they are, or were overwritten; `examples` are keys of some of them. */
export type AppliedChanges = {
  inserted: number
  updated: number
  deleted: number
  conflicts: number
  examples: string[]
}

const examplesMax = 5
const sent = 'pg_temp.millrace_changes'
const foreign = 'pg_temp.millrace_conflicts'

/** Connects to a table. Throws `storage`, and `not-found` naming what there is. */
export async function openSyncTarget(
  connect: () => Promise<Database>,
  name: { schema: string; table: string },
): Promise<SyncTarget> {
  const database = await connect()
  try {
    const table = await told(database, () => describeTable(database, name.schema, name.table))
    const target = `${name.schema}.${name.table}`
    const options = { lockSeconds: 60, isoDates: true }
    return {
      ...{ where: database.where, table },
      columns: (names) => writable(table, names),
      lastSynced: (uuid) => told(database, () => lastSynced(database, target, uuid)),
      apply: (changes) => told(database, () => transaction(database, options, () => apply(database, table, changes))),
      close: () => database.close(),
    }
  } catch (error) {
    await database.close()
    throw error
  }
}

function writable(table: PostgresTableInfo, names: readonly string[]): PostgresColumn[] {
  const found = names.map((name) => table.columns.find((column) => column.name === name))
  const missing = names.filter((_, index) => found[index] === undefined)
  if (missing.length > 0)
    throw new MillraceError(
      'not-found',
      `${table.schema}.${table.table}  has no column ${missing.join(', ')} to sync to; it has ${table.columns.map(({ name }) => name).join(', ')}. Add what is missing`,
    )
  return found.filter((column) => column !== undefined && !column.isReadOnly) as PostgresColumn[]
}

async function apply(database: Database, table: PostgresTableInfo, changes: ChangesToApply): Promise<AppliedChanges> {
  checkKey(table, changes.key)
  await prepareSynced(database)
  const target = `${table.schema}.${table.table}`
  const last = await lastSynced(database, target, changes.changeSet.table)
  if (last !== changes.changeSet.from)
    throw new MillraceError(
      'conflict',
      `${target}  has been synced to snapshot ${last} by somebody else meanwhile. Run again`,
    )
  const list = changes.columns.map(({ name }) => quoteIdentifier(name)).join(', ')
  await database.query(
    `CREATE TEMP TABLE millrace_changes ON COMMIT DROP AS SELECT 'I'::text AS millrace_change, ${list} FROM ${quoteTable(table)} WITH NO DATA`,
  )
  for (const file of changes.files) await database.copyFrom(`COPY ${sent} FROM STDIN WITH (FORMAT csv)`, file)
  // Its keys alone: of every column it takes as long as bringing the rows.
  await database.query(`ANALYZE ${sent} (${changes.key.map(quoteIdentifier).join(', ')})`)
  // Nobody writes between looking for what others changed and changing it; reading goes on.
  await database.query(`LOCK TABLE ${quoteTable(table)} IN SHARE ROW EXCLUSIVE MODE`)
  const conflicts = await settleConflicts(database, table, changes, await ownTransactions(database, target))
  const counts = await write(database, table, changes)
  await checkLimit(database, table, changes, counts)
  const rows = counts.inserted + counts.updated + counts.deleted
  await recordSynced(database, target, changes.changeSet, { run: changes.run, rows })
  return { ...counts, ...conflicts }
}

/** Without a unique key, ON CONFLICT has nothing to go by. */
function checkKey(table: PostgresTableInfo, key: readonly string[]): void {
  const wanted = [...key].sort().join('\0')
  if (table.uniqueKeys.some((columns) => [...columns].sort().join('\0') === wanted)) return
  const has = table.uniqueKeys.map((columns) => `(${columns.join(', ')})`).join(' and ') || 'none'
  throw new MillraceError(
    'bad-value',
    `${table.schema}.${table.table}  has no primary key or unique constraint on (${key.join(', ')}); it has ${has}. Add one: ALTER TABLE … ADD UNIQUE (${key.join(', ')})`,
  )
}

/** What counts is what the table had: new rows take nothing away. */
async function checkLimit(
  database: Database,
  table: PostgresTableInfo,
  { limitPercent }: ChangesToApply,
  { inserted, updated, deleted }: { inserted: number; updated: number; deleted: number },
): Promise<void> {
  const touched = updated + deleted
  if (touched === 0 || limitPercent >= 100) return
  const come = inserted - deleted // since the table was as it was
  // More rows than these need not be counted.
  const enough = limitPercent === 0 ? null : Math.ceil((touched * 100) / limitPercent) + come
  const [row] = await database.query(`SELECT count(*)::text AS n FROM (SELECT FROM ${quoteTable(table)} LIMIT $1) t`, [
    enough,
  ])
  const rows = Number(row?.n) - come
  if (touched * 100 <= limitPercent * rows) return
  throw new MillraceError(
    'limit',
    `${table.schema}.${table.table}  ${touched} of its ${rows} rows would be updated or deleted, more than ${limitPercent} %. Nothing was changed. If that is right, run once with a greater limit (limitPercent of the task)`,
  )
}

/** Finds what others wrote since it was read, and what is gone; takes it out of what is sent unless it is to be overwritten. */
async function settleConflicts(
  database: Database,
  table: PostgresTableInfo,
  changes: ChangesToApply,
  own: readonly string[],
): Promise<{ conflicts: number; examples: string[] }> {
  const since = changes.seen === null ? null : writtenSince(table, changes.seen, await readPosition(database), own)
  const on = changes.key.map((name) => `t.${quoteIdentifier(name)} = c.${quoteIdentifier(name)}`).join(' AND ')
  const columns = changes.columns.map(({ name }) => quoteIdentifier(name))
  const differs = `(c.millrace_change = 'D' OR ${distinct(columns)})`
  // Where nobody knows, a row that is there although it should be new is somebody else's.
  const isForeign = since ?? "c.millrace_change = 'I'"
  const isThere = changes.key.map((name) => `t.${quoteIdentifier(name)} IS NOT NULL`).join(' AND ')
  const goesByKey = await isFew(database, table)
  if (goesByKey) await setJoins(database, 'off')
  await database.query(
    `CREATE TEMP TABLE millrace_conflicts ON COMMIT DROP AS
     SELECT c.ctid AS place, ${changes.key.map((name) => `c.${quoteIdentifier(name)}`).join(', ')}
     FROM ${sent} c LEFT JOIN ${quoteTable(table)} t ON ${on}
     WHERE CASE WHEN ${isThere} THEN ${isForeign} AND ${differs} ELSE c.millrace_change = 'U' END`,
  )
  if (goesByKey) await setJoins(database, 'on')
  const [row] = await database.query(`SELECT count(*)::text AS n FROM ${foreign}`)
  const conflicts = Number(row?.n)
  if (conflicts === 0) return { conflicts, examples: [] }
  const some = await database.query(
    `SELECT ${changes.key.map(quoteIdentifier).join(', ')} FROM ${foreign} LIMIT ${examplesMax}`,
  )
  const examples = some.map((one) => changes.key.map((name) => `${name} ${String(one[name])}`).join(', '))
  if (changes.conflicts === 'fail')
    throw new MillraceError(
      'conflict',
      `${table.schema}.${table.table}  ${conflicts} rows were changed or removed by somebody else since they were read, such as ${examples[0]}. Nothing was changed; run again, or choose keep or overwrite`,
    )
  if (changes.conflicts === 'keep')
    await database.query(`DELETE FROM ${sent} c USING ${foreign} f WHERE c.ctid = f.place`)
  return { conflicts, examples }
}

const lookupsPerRow = 10 // a row found by its key costs about as much as ten that are read in order

/**
 * Whether so little is sent that each row is best looked up by its key. PostgreSQL takes the rows to lie apart on a slow disk, and
 * reads the whole table for a thirtieth of it, which took three times as long (150,000 rows of 5,000,000).
 */
async function isFew(database: Database, table: PostgresTableInfo): Promise<boolean> {
  const [row] = await database.query(
    `SELECT (SELECT reltuples FROM pg_class WHERE oid = '${sent}'::regclass) * ${lookupsPerRow}
       < (SELECT reltuples FROM pg_class WHERE oid = $1::regclass) AS few`,
    [quoteTable(table)],
  )
  return row?.few === true
}

/** Of the ways to join two tables, all but looking up each row of one in an index of the other. */
async function setJoins(database: Database, value: 'on' | 'off'): Promise<void> {
  for (const join of ['hashjoin', 'mergejoin']) await database.query(`SET LOCAL enable_${join} = ${value}`)
}

/** Values of types without equality (json) are compared as text by nobody: they come as text. */
function distinct(columns: readonly string[]): string {
  return `(${columns.map((name) => `t.${name}`).join(', ')}) IS DISTINCT FROM (${columns.map((name) => `c.${name}`).join(', ')})`
}

async function write(
  database: Database,
  table: PostgresTableInfo,
  { columns, key }: ChangesToApply,
): Promise<{ inserted: number; updated: number; deleted: number }> {
  const target = quoteTable(table)
  const names = columns.map(({ name }) => quoteIdentifier(name))
  const keys = key.map(quoteIdentifier)
  // Where nothing is to go, nobody needs the right to delete.
  const [goes] = await database.query(`SELECT 1 FROM ${sent} WHERE millrace_change = 'D' LIMIT 1`)
  const [removed] =
    goes === undefined
      ? [{ n: 0 }]
      : await database.query(
          `WITH gone AS (DELETE FROM ${target} t USING ${sent} c WHERE c.millrace_change = 'D' AND ${keys.map((name) => `t.${name} = c.${name}`).join(' AND ')} RETURNING 1)
     SELECT count(*)::text AS n FROM gone`,
        )
  const others = names.filter((name) => !keys.includes(name))
  const set = others.map((name) => `${name} = excluded.${name}`).join(', ')
  const differ = `(${others.map((name) => `t.${name}`).join(', ')}) IS DISTINCT FROM (${others.map((name) => `excluded.${name}`).join(', ')})`
  const update = others.length === 0 ? 'DO NOTHING' : `DO UPDATE SET ${set} WHERE ${differ}`
  const [written] = await database.query(
    `WITH written AS (
       INSERT INTO ${target} AS t (${names.join(', ')}) SELECT ${names.join(', ')} FROM ${sent} WHERE millrace_change <> 'D'
       ON CONFLICT (${keys.join(', ')}) ${update} RETURNING (t.xmax = 0) AS is_new)
     SELECT count(*) FILTER (WHERE is_new)::text AS inserted, count(*) FILTER (WHERE NOT is_new)::text AS updated FROM written`,
  )
  return { inserted: Number(written?.inserted), updated: Number(written?.updated), deleted: Number(removed?.n) }
}

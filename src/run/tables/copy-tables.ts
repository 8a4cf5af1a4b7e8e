/** Copies tables of PostgreSQL into Iceberg, all as they stand at one moment. */
import type { CopyTablesTask } from '../../define/copy-tables.ts'
import type { PostgresSourceTable } from '../../define/postgres.ts'
import { quoteName } from '../../engines/portable.ts'
import { assert } from '../../errors.ts'
import type { Table } from '../../iceberg/table.ts'
import type { PostgresColumn, PostgresTableInfo } from '../../postgres/describe.ts'
import { writtenSince } from '../../postgres/position.ts'
import { ownTransactions } from '../../sinks/postgres/synced-changes.ts'
import { type CopyOptions, chosenColumns, openReader, type Pages, type PostgresReader } from '../../sources/postgres.ts'
import type { TableChange, TablePlan } from '../../types.ts'
import { csvQuery } from './csv-query.ts'
import { postgresConnection } from './postgres-connection.ts'
import { copyProperty, placeText, readCopyRecord } from './postgres-record.ts'
import { commitMark, type TableContext, type TableUnit, type TableWork } from './table-work.ts'
import { committedBy, existingTable, tableRead, targetTable } from './target-table.ts'
import { isWaiting, waitingKeys } from './waiting-changes.ts'
import { openWorkspace, type Workspace } from './workspace.ts'

/** One unit for each table; all read in one transaction, which ends with the work. While PostgreSQL reads one, another is merged. */
export async function openCopyTables(task: CopyTablesTask, context: TableContext): Promise<TableWork> {
  const reader = await openReader(postgresConnection(task.from.database, context.store))
  const units = Object.entries(task.from.tables).map(([name, source]) => copyUnit(task, name, source, reader, context))
  return { units, atOnce: 2, close: reader.close }
}

/** `where` null: everything is read, and rows that are not there are removed. */
type Choice = {
  info: PostgresTableInfo
  columns: PostgresColumn[]
  where: string | null
  /** Rows there are in PostgreSQL, and those that `where` chooses. */
  rows: number
  changed: number
  /** Where the chosen rows lie. */
  pages: Pages | null
  before: string | undefined
}

function copyUnit(
  task: CopyTablesTask,
  name: string,
  source: PostgresSourceTable,
  reader: PostgresReader,
  context: TableContext,
): TableUnit {
  const partition = `${task.to.namespace}.${name}`
  let choice: Choice | undefined
  return {
    name: partition,
    plan: async () => {
      const info = await reader.describe(source.schema ?? task.from.schema, name)
      const standing = await existingTable(context.lease.warehouse, partition)
      choice = await choose(task, source, info, standing, reader)
      const isUnwritten = choice.where !== null && choice.changed === 0
      if (standing !== null && isUnwritten && (await isWhole(standing, choice))) {
        const done = await committedBy(standing, context.run, task.name)
        const why = `none of ${choice.rows} rows of ${info.schema}.${info.table} was changed by others`
        return { kind: 'table-unchanged', partition, why, done }
      }
      return { kind: 'table', partition, plan: planOf(task, partition, choice, standing, context) }
    },
    change: async () => {
      assert(choice !== undefined, `${partition} is changed as it was planned`)
      return await copy(task, name, source.key, choice, reader, context)
    },
  }
}

/** Nothing waits to be sent, and as many rows stand on both sides: then none has gone. */
async function isWhole(standing: Table, { rows }: Choice): Promise<boolean> {
  return !isWaiting(standing) && (await standing.count()) === rows
}

async function choose(
  task: CopyTablesTask,
  source: PostgresSourceTable,
  info: PostgresTableInfo,
  standing: Table | null,
  reader: PostgresReader,
): Promise<Choice> {
  const columns = chosenColumns(info, source.columns, source.key)
  const record = standing === null ? null : readCopyRecord(standing)
  const place = placeText(task.from.database, info)
  const isSame = record?.source === place && record.columns === columnsText(columns)
  const own = isSame ? await ownTransactions(reader, `${info.schema}.${info.table}`) : []
  const where = isSame && task.later === 'changed' ? writtenSince(info, record.position, reader.position, own) : null
  const { rows, chosen, pages } = await reader.count(info, source.key, where)
  const before = standing?.metadata.properties[copyProperty]
  return { info, columns, where, rows, changed: chosen, pages, before }
}

function columnsText(columns: readonly PostgresColumn[]): string {
  return columns.map(({ name, postgresType }) => `${name} ${postgresType}`).join(', ')
}

function planOf(
  task: CopyTablesTask,
  partition: string,
  { info, where, rows, changed }: Choice,
  standing: Table | null,
  context: TableContext,
): TablePlan {
  const name = `PostgreSQL ${info.schema}.${info.table}`
  const what =
    where === null
      ? `read all ${rows} rows and merge them; rows that are not there are removed`
      : `read the ${changed} rows that others wrote since the last copy, and what is gone of ${rows}`
  return {
    ...{ planVersion: 1, pipeline: context.pipeline, task: task.name, partition },
    reads: [
      { name, snapshot: null, files: 0, rows: changed, bytes: 0 },
      ...(standing === null ? [] : [tableRead(standing)]),
    ],
    steps: [...(standing === null ? [{ what: `create ${partition}`, sql: null }] : []), { what, sql: null }],
    unreadable: [],
  }
}

async function copy(
  task: CopyTablesTask,
  name: string,
  key: readonly string[],
  choice: Choice,
  reader: PostgresReader,
  context: TableContext,
): Promise<TableChange> {
  const { info, columns, before } = choice
  const { warehouse, scratch, unique } = context.lease
  const target = await targetTable(warehouse, `${task.to.namespace}.${name}`, {
    columns: columns.map((column) => ({ name: column.name, type: column.type })),
    key,
    layout: task.to.layouts[name],
  })
  const workspace = await openWorkspace(context.lease)
  try {
    const onProgress = (percent: number): void => context.onProgress({ phase: `read ${name}`, percent })
    const files = await readChosen(choice, reader, { folder: scratch, name: unique(), onProgress })
    const isWhole = key.map((column) => `${quoteName(column)} IS NOT NULL`).join(' AND ')
    const keyless = await leaveOutKeyless(await workspace.keep('read', csvQuery(files, columns)), isWhole, workspace)
    if (keyless.count > 0)
      await context.warn(
        `${keyless.count} rows of ${info.schema}.${info.table} have no ${key.join(', ')} and were left out`,
      )
    const rows = keyless.rows
    const gone = await goneKeys(target, key, choice, rows, reader, workspace, context)
    const using =
      gone === null
        ? `SELECT *, false AS "$gone" FROM ${rows}`
        : `SELECT *, false AS "$gone" FROM ${rows} UNION ALL BY NAME SELECT *, true AS "$gone" FROM ${gone}`
    const all = Object.fromEntries(columns.map((column) => [column.name, `s.${quoteName(column.name)}`]))
    const set = Object.fromEntries(Object.entries(all).filter(([column]) => !key.includes(column)))
    const record = {
      source: placeText(task.from.database, info),
      position: reader.position,
      columns: columnsText(columns),
    }
    const merged = await target.merge({
      using: { sql: using, isRepeatable: true },
      on: key,
      whenMatched: [
        { when: 's."$gone"', then: 'delete' },
        ...(Object.keys(set).length === 0 ? [] : [{ then: 'update' as const, set }]),
      ],
      whenNotMatched: { when: 'NOT s."$gone"', values: all },
      summary: { ...commitMark(task, context), 'millrace.source': record.source },
      properties: { [copyProperty]: JSON.stringify(record) },
      expectedProperties: { [copyProperty]: before },
    })
    const { inserted, updated, deleted, snapshot } = merged
    const rowsIn = merged.sourceRows + keyless.count
    return {
      snapshot: snapshot === null ? null : String(snapshot['snapshot-id']),
      counts: {
        rowsIn,
        inserted,
        updated,
        deleted,
        unchanged: merged.sourceRows - inserted - updated - deleted,
        superseded: 0,
        quarantined: keyless.count,
      },
    }
  } finally {
    await workspace.close()
  }
}

async function readChosen(
  { info, columns, where, pages }: Choice,
  reader: PostgresReader,
  options: CopyOptions,
): Promise<string[]> {
  if (where === null) return await reader.copy(info, columns, options)
  return pages === null ? [] : await reader.copy(info, columns, { ...options, where, pages })
}

/** The rows that have a key, and how many have none: a table of PostgreSQL without a primary key may hold such. */
async function leaveOutKeyless(
  read: string,
  isWhole: string,
  workspace: Workspace,
): Promise<{ rows: string; count: number }> {
  const [row] = await workspace.session.rows(`SELECT count(*) AS n FROM ${read} WHERE NOT (${isWhole})`)
  const count = Number(row?.n)
  if (count === 0) return { rows: read, count }
  return { rows: await workspace.keep('rows', `SELECT * FROM ${read} WHERE ${isWhole}`), count }
}

/**
 * A table of the keys of rows that are no more in PostgreSQL; null for none. Their number tells whether there are any: only then are
 * all keys read. Rows that wait to be sent are not there yet.
 */
async function goneKeys(
  target: Table,
  key: readonly string[],
  { info, columns, where, rows: inPostgres }: Choice,
  rows: string,
  reader: PostgresReader,
  workspace: Workspace,
  context: TableContext,
): Promise<string | null> {
  if (target.snapshot() === null) return null
  const { session } = workspace
  const scan = await target.scanSql({ columns: [...key] })
  const names = key.map(quoteName)
  const equal = (left: string, right: string): string =>
    names.map((name) => `${left}.${name} = ${right}.${name}`).join(' AND ')
  const waiting = await waitingKeys(target, key, workspace)
  const exceptWaiting = waiting === null ? '' : ` ANTI JOIN ${waiting} w ON ${equal('t', 'w')}`
  if (where === null)
    return await workspace.keep(
      'gone',
      `SELECT ${names.map((name) => `t.${name}`).join(', ')} FROM ${scan} t ANTI JOIN ${rows} s ON ${equal('t', 's')}${exceptWaiting}`,
    )
  const [row] = await session.rows(
    `SELECT (SELECT count(*) FROM ${scan} t${exceptWaiting}) + (SELECT count(*) FROM ${rows} s ANTI JOIN ${scan} t ON ${equal('t', 's')}) AS n`,
  )
  // As many as there must be if no row has gone: none has, for what came is counted too.
  if (waiting === null && Number(row?.n) === inPostgres) return null
  const keyColumns = columns.filter(({ name }) => key.includes(name))
  const files = await reader.copy(info, keyColumns, { folder: context.lease.scratch, name: context.lease.unique() })
  const present = await workspace.keep('present', csvQuery(files, keyColumns))
  return await workspace.keep(
    'gone',
    `SELECT ${names.map((name) => `t.${name}`).join(', ')} FROM ${scan} t ANTI JOIN ${present} p ON ${equal('t', 'p')}${exceptWaiting}`,
  )
}

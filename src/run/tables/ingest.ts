/** Brings drops of Parquet files into Iceberg tables. */
import type { DropTable, IngestTask } from '../../define/ingest.ts'
import { createInput, duckdbType } from '../../engines/duckdb/relations.ts'
import { expandPortable, quoteName, quoteText } from '../../engines/portable.ts'
import { assert, hasCode, MillraceError } from '../../errors.ts'
import type { Table } from '../../iceberg/table.ts'
import { hiveType } from '../../iceberg/type-text.ts'
import { type IngestPlan, placeColumns, planIngest } from '../../plan/ingest.ts'
import type { PlannedTable, TableChange, UnreadableFile } from '../../types.ts'
import { markDamaged } from '../damaged.ts'
import { findDamaged } from './damaged-drops.ts'
import { bookmarkProperty, bookmarkText, type DropBookmark, definitionText, parseBookmark } from './drop-bookmark.ts'
import { quarantineFiles, quarantineRows } from './quarantine.ts'
import { type DropSurvey, surveyDrops } from './survey-drops.ts'
import { commitMark, type TableContext, type TableUnit, type TableWork } from './table-work.ts'
import { committedBy, existingTable, tableRead, targetTable } from './target-table.ts'
import { openWorkspace, type Workspace } from './workspace.ts'

/** One unit for each table. Throws `no-input` where there is no folder for any of them. */
export async function openIngest(task: IngestTask, context: TableContext): Promise<TableWork> {
  const tables = Object.keys(task.from.tables)
  const { folders } = await context.store.list(task.from.path)
  const found = folders.filter((folder) => tables.some((table) => table.toLowerCase() === folder.toLowerCase()))
  if (found.length === 0)
    throw new MillraceError(
      'no-input',
      `task ${task.name}  none of ${tables.length} tables has a folder in ${task.from.path}/ (${folders.length === 0 ? 'there is no folder' : `there are ${folders.join(', ')}`}). Check --root and whether drops arrive there`,
    )
  return {
    units: tables.map((table) => ingestUnit(task, table, context)),
    atOnce: task.tablesAtOnce,
    close: async () => {},
  }
}

type Planned = { ingest: IngestPlan; survey: DropSurvey; bookmark: DropBookmark; before: string | undefined }

function ingestUnit(task: IngestTask, table: string, context: TableContext): TableUnit {
  const name = `${task.to.namespace}.${table}`
  let current: Planned | undefined
  const unit: TableUnit & { damaged: Map<string, string> } = {
    name,
    damaged: new Map(),
    plan: async () => {
      const standing = await existingTable(context.lease.warehouse, name)
      const before = standing?.metadata.properties[bookmarkProperty]
      const bookmark = parseBookmark(before)
      const survey = await surveyDrops(context.store, task, table, bookmark)
      if (standing !== null && !survey.isTouched) return await unchanged(standing, name, bookmark, task, context)
      const columns = standing?.schema.fields.map((field) => ({ name: field.name, type: hiveType(field.type) })) ?? null
      const ingest = planIngest(context.pipeline, task, name, {
        ...{ table, files: survey.files.map((file) => markDamaged(file, unit.damaged)), tableColumns: columns },
        standing: standing === null ? null : tableRead(standing),
      })
      refuse(task, ingest.plan.unreadable)
      current = { ingest, survey, bookmark, before }
      return { kind: 'table', partition: name, plan: ingest.plan }
    },
    change: async () => {
      assert(current !== undefined, `${name} is changed as it was planned`)
      try {
        return await changeTable(task, table, name, current, context)
      } catch (error) {
        if (!hasCode(error, 'engine', 'input-unreadable')) throw error
        // A footer may be sound where pages are not: what cannot be read is found file by file, and planned without.
        const found = await findDamaged(current.ingest, context)
        if (found.size === 0) throw error
        for (const [path, reason] of found) unit.damaged.set(path, reason)
        await unit.plan()
        return await changeTable(task, table, name, current, context)
      }
    },
  }
  return unit
}

async function unchanged(
  standing: Table,
  name: string,
  bookmark: DropBookmark,
  task: IngestTask,
  context: TableContext,
): Promise<PlannedTable> {
  const why = `no new files (${bookmark.files.length} read before)`
  return { kind: 'table-unchanged', partition: name, why, done: await committedBy(standing, context.run, task.name) }
}

function refuse({ onBadFile }: IngestTask, unreadable: readonly UnreadableFile[]): void {
  const [first] = unreadable
  if (onBadFile === 'quarantine' || first === undefined) return
  const more = unreadable.length === 1 ? '' : ` (and ${unreadable.length - 1} more files)`
  throw new MillraceError(
    'input-unreadable',
    `${JSON.stringify(first.path)}  ${first.reason}${more}. Replace the file, or let it be set aside`,
  )
}

async function changeTable(
  task: IngestTask,
  table: string,
  name: string,
  { ingest, survey, bookmark, before }: Planned,
  context: TableContext,
): Promise<TableChange> {
  const drop = task.from.tables[table] as DropTable
  const { warehouse } = context.lease
  const { unreadable } = ingest.plan
  const definition = { columns: ingest.columns, key: drop.key, layout: task.to.layouts[table] }
  const target = await targetTable(warehouse, name, definition)
  const workspace = await openWorkspace(context.lease)
  try {
    const read = await readRows(task, ingest, workspace, context)
    await quarantineFiles(context, task, table, unreadable)
    const quarantined = await setAside(task, table, ingest, read, workspace, context)
    const old = await sourceOf(task, drop, target, bookmark, read.table, workspace)
    const merged = await target.merge({
      using: { sql: `SELECT * FROM ${old.source}`, isRepeatable: true },
      on: drop.key,
      orderBy: [
        `${quoteName(task.from.newestBy)} DESC NULLS LAST`,
        `${quoteName(placeColumns.file)} DESC`,
        `${quoteName(placeColumns.row)} DESC`,
      ],
      whenMatched: [{ when: isNewer(task), then: 'update', set: bySource(ingest, drop) }],
      whenNotMatched: { values: bySource(ingest, null) },
      summary: commitMark(task, context),
      properties: { [bookmarkProperty]: bookmarkText(after(drop, survey, unreadable, task, read.newest, bookmark)) },
      expectedProperties: before === undefined ? {} : { [bookmarkProperty]: before },
    })
    const { inserted, updated, duplicates, snapshot } = merged
    const unchangedRows = read.rows - quarantined - duplicates - inserted - updated
    assert(unchangedRows >= 0, `${name} got more rows than were read`)
    return {
      snapshot: snapshot === null ? null : String(snapshot['snapshot-id']),
      counts: {
        ...{ rowsIn: read.rows, inserted, updated, deleted: 0, unchanged: unchangedRows, superseded: duplicates },
        ...{ quarantined, files: survey.files.length - unreadable.length, filesUnreadable: unreadable.length },
      },
    }
  } finally {
    await workspace.close()
  }
}

/** Its rows in the table's types. Throws `balance` when they are not as many as the footers of the files say. */
async function readRows(
  task: IngestTask,
  ingest: IngestPlan,
  workspace: Workspace,
  context: TableContext,
): Promise<{ table: string; rows: number; newest: string | null }> {
  const place = { root: context.store.locate(''), spill: context.lease.scratch }
  for (const input of ingest.inputs)
    await createInput(workspace.session, input, (path) => context.store.locate(path) ?? place.root)
  const sql = ingest.rows === '' ? emptyRows(ingest) : expandPortable(ingest.rows, 'duckdb')
  const table = await workspace.keep('rows', sql)
  const [row] = await workspace.session.rows(
    `SELECT count(*) AS n, CAST(max(${quoteName(task.from.newestBy)}) FILTER (${quoteName(placeColumns.reason)} IS NULL) AS VARCHAR) AS newest FROM ${table}`,
  )
  const rows = Number(row?.n)
  const expected = ingest.inputs.flatMap(({ files }) => files).reduce((sum, file) => sum + file.rows, 0)
  if (rows !== expected)
    throw new MillraceError(
      'balance',
      `${ingest.plan.partition}  ${rows} rows were read of files with ${expected}. Nothing was changed`,
    )
  return { table, rows, newest: (row?.newest ?? null) as string | null }
}

function emptyRows({ columns }: IngestPlan): string {
  const typed = columns.map(({ name, type }) => `CAST(NULL AS ${duckdbType(type)}) AS ${quoteName(name)}`)
  const { file, row, reason } = placeColumns
  const place = [`0 AS ${quoteName(file)}`, `0 AS ${quoteName(row)}`, `'' AS ${quoteName(reason)}`]
  return `SELECT ${[...typed, ...place].join(', ')} WHERE false`
}

async function setAside(
  task: IngestTask,
  table: string,
  ingest: IngestPlan,
  read: { table: string },
  workspace: Workspace,
  context: TableContext,
): Promise<number> {
  const reason = quoteName(placeColumns.reason)
  const found = await workspace.session.rows(
    `SELECT ${reason} AS reason, count(*) AS n FROM ${read.table} WHERE ${reason} IS NOT NULL GROUP BY ALL ORDER BY 2 DESC, 1`,
  )
  const quarantined = found.reduce((sum, { n }) => sum + Number(n), 0)
  if (quarantined === 0) return 0
  const reasons = found.map((row) => `${String(row.reason)}: ${String(row.n)}`).join('; ')
  if (task.onBadValue === 'fail')
    throw new MillraceError(
      'bad-value',
      `${ingest.plan.partition}  ${quarantined} rows cannot be brought in (${reasons}). Correct them, or let them be set aside`,
    )
  const queries = ingest.refusedRows.map((sql) => expandPortable(sql, 'duckdb'))
  await quarantineRows(context, task, table, workspace, queries, `${quarantined} rows (${reasons})`)
  return quarantined
}

/**
 * The rows that are compared. Those older than the newest so far by more than the overlap come only where the table has no row of
 * their key, or none that is newer: they are looked up by key and time, and the table's other columns are not read for the rest.
 */
async function sourceOf(
  task: IngestTask,
  drop: DropTable,
  target: Table,
  bookmark: DropBookmark,
  rows: string,
  workspace: Workspace,
): Promise<{ source: string }> {
  const [time, reason] = [quoteName(task.from.newestBy), quoteName(placeColumns.reason)]
  const accepted = `${reason} IS NULL`
  if (bookmark.newest === null || target.snapshot() === null)
    return { source: `(SELECT * FROM ${rows} WHERE ${accepted})` }
  const type = drop.columns.find(({ name }) => name === task.from.newestBy)?.type ?? 'timestamp'
  if (!['timestamp', 'timestamptz', 'date'].includes(type))
    return { source: `(SELECT * FROM ${rows} WHERE ${accepted})` }
  const from = `CAST(${quoteText(bookmark.newest)} AS ${duckdbType(type)}) - INTERVAL (${task.from.overlapMs}) MILLISECOND`
  const isOld = `coalesce(${time} < ${from}, false)`
  const keys = drop.key.map(quoteName)
  const scan = await target.scanSql({ columns: [...drop.key, task.from.newestBy] })
  const source = await workspace.keep(
    'source',
    `SELECT s.* FROM ${rows} s WHERE ${accepted} AND NOT ${isOld}
     UNION ALL
     SELECT s.* FROM (SELECT * FROM ${rows} WHERE ${accepted} AND ${isOld}) s
       LEFT JOIN ${scan} t ON ${keys.map((key) => `s.${key} = t.${key}`).join(' AND ')}
     WHERE t.${keys[0]} IS NULL OR t.${time} IS NULL OR t.${time} <= s.${time}`,
  )
  return { source }
}

function isNewer({ from }: IngestTask): string {
  const time = quoteName(from.newestBy)
  return `t.${time} IS NULL OR s.${time} >= t.${time}`
}

function bySource({ columns }: IngestPlan, drop: DropTable | null): Record<string, string> {
  const set = columns.filter(({ name }) => drop === null || !drop.key.includes(name))
  return Object.fromEntries(set.map(({ name }) => [name, `s.${quoteName(name)}`]))
}

function after(
  drop: DropTable,
  survey: DropSurvey,
  unreadable: readonly UnreadableFile[],
  task: IngestTask,
  newest: string | null,
  bookmark: DropBookmark,
): DropBookmark {
  const refused = new Set(unreadable.map(({ path }) => path.slice(task.from.path.length + 1)))
  const files = [...survey.read.values()].map((file) => (refused.has(file.name) ? { ...file, isRefused: true } : file))
  const isLater = bookmark.newest === null || (newest !== null && newest > bookmark.newest)
  return { newest: isLater ? newest : bookmark.newest, files, definition: definitionText(drop) }
}

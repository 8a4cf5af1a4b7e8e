/**
 * Merges rows into an Iceberg table that a commit has decided on. The commit comes first: the rows lie where it says until the table
 * has them, and its snapshot carries the number of the merge, so that one that was cut short is done by whoever comes next, once.
 */
import { type ApplyChangesTask, ownColumns } from '../../define/apply-changes.ts'
import type { IcebergTable } from '../../define/iceberg-tables.ts'
import { fileList, readablePath } from '../../engines/duckdb/relations.ts'
import { quoteName, quoteText } from '../../engines/portable.ts'
import { assert, MillraceError } from '../../errors.ts'
import type { Table } from '../../iceberg/table.ts'
import { hiveType, icebergType } from '../../iceberg/type-text.ts'
import type { Warehouse } from '../../iceberg/warehouse.ts'
import { mergeAfter } from '../../plan/apply-changes.ts'
import { mergeAction, mergeActions } from '../../plan/apply-shape.ts'
import type { Column, CommitRecord, PendingMerge } from '../../types.ts'
import { currentLocation, latestCommit } from '../commits.ts'
import { missingFiles } from '../missing-files.ts'
import type { PlanningContext } from '../task-context.ts'
import { mergedNumber, mergedProperty, readMergedNumber } from './merged-number.ts'
import { existingTable, targetTable } from './target-table.ts'

/** Brings the table to its last commit. Throws `table-changed` where it cannot be. */
export async function mergePending(
  task: ApplyChangesTask,
  to: IcebergTable,
  context: PlanningContext,
  assertHeld: () => Promise<void>,
): Promise<void> {
  const { store } = context
  const commit = await latestCommit(store, to.path)
  const merge = mergeAfter(commit)
  if (commit === null || merge === null) return
  if ((await readMergedNumber(store, to.table)) !== merge.number) {
    const lease = await context.tables.acquire()
    try {
      const { warehouse } = lease
      const table = await existingTable(warehouse, to.table)
      const place = { root: store.locate(''), spill: lease.scratch }
      const files = (await pendingFiles(commit, merge, context)).map((file) => readablePath(file, place))
      await assertHeld()
      await mergeRows(task, to, { commit, merge, table, files }, warehouse)
    } finally {
      await lease.release()
    }
  }
  // What the table has is needed no more.
  await store.remove(merge.folder)
}

/** The files of the rows. */
async function pendingFiles(
  commit: CommitRecord,
  { folder, number }: PendingMerge,
  context: PlanningContext,
): Promise<string[]> {
  const { store } = context
  const published = commit.partitions.filter(({ location }) => location === folder)
  const paths: string[] = []
  for (const part of published) {
    const own = await currentLocation(store, commit, part)
    const [missing] = await missingFiles(store, own, part.files)
    if (missing !== undefined)
      throw otherVersion(commit.scope, `lacks merge ${number} of these changes, whose ${missing.rows} rows are gone`)
    paths.push(...part.files.map(({ name }) => `${own}/${name}`))
  }
  return paths
}

type Merging = { commit: CommitRecord; merge: PendingMerge; table: Table | null; files: string[] }

async function mergeRows(
  task: ApplyChangesTask,
  to: IcebergTable,
  { commit, merge, table, files }: Merging,
  warehouse: Warehouse,
): Promise<void> {
  const { number, columns, keys, restarts } = merge
  const before = table === null ? 0 : mergedNumber(table)
  if (!restarts && before !== number - 1)
    throw otherVersion(to.path, `has merge ${before} of these changes, and merge ${number} is next`)
  if (restarts && table !== null && !hasColumns(table, columns)) await warehouse.drop(to.table)
  else if (table !== null) await addColumns(table, columns)
  // Numbers with a fraction are no identifiers in Iceberg.
  const isIdentifier = columns.every(({ name, type }) => !keys.includes(name) || !/^(float|double)$/i.test(type))
  const definition = { columns, key: isIdentifier ? keys : [], layout: to.layout }
  const target = await targetTable(warehouse, to.table, definition)
  const options = {
    summary: { 'millrace.run': commit.run, 'millrace.task': task.name, 'millrace.kind': task.kind },
    properties: { [mergedProperty]: String(number) },
    expectedProperties: { [mergedProperty]: target.metadata.properties[mergedProperty] },
  }
  const names = columns.map(({ name }) => quoteName(name))
  const source = (select: string): { sql: string; isRepeatable: true } => ({
    sql: `SELECT ${select} FROM read_parquet(${fileList(files)}, hive_partitioning = false)`,
    isRepeatable: true,
  })
  if (files.length === 0) {
    if (restarts && target.snapshot() !== null) await target.delete('true', options)
    else await target.setProperties(options.properties)
  } else if (restarts || target.snapshot() === null) {
    // A table that is empty so far has no row that anything could be done with.
    await target.overwrite(source(names.join(', ')), { all: true }, options)
  } else {
    await target.merge({
      ...options,
      using: source('*'),
      on: keys,
      whenMatched: [
        { when: isAction(mergeActions.remove), then: 'delete' },
        { when: isAction(mergeActions.flag), then: 'update', set: bySource(ownColumns(task)) },
        { then: 'update', set: bySource(columns.filter(({ name }) => !keys.includes(name))) },
      ],
      whenNotMatched: { when: isAction(mergeActions.write), values: bySource(columns) },
    })
  }
  assert(mergedNumber(target) === number, `${to.path} has merge ${number}`)
}

function otherVersion(path: string, what: string): MillraceError {
  return new MillraceError(
    'table-changed',
    `${path}  ${what}: another version of the table stands there. Put back the one that was there, or remove the folder to have it made anew from all that landed`,
  )
}

/** Whether a table has these columns, and no others, in their types. */
function hasColumns(table: Table, columns: readonly Column[]): boolean {
  const { fields } = table.schema
  const types = new Map(fields.map(({ name, type }) => [name.toLowerCase(), hiveType(type)]))
  return (
    fields.length === columns.length &&
    columns.every(({ name, type }) => types.get(name.toLowerCase()) === hiveType(icebergType(type)))
  )
}

/** A column that is new stands where the definition has it. */
async function addColumns(table: Table, columns: readonly Column[]): Promise<void> {
  const names = new Set(table.schema.fields.map(({ name }) => name.toLowerCase()))
  const changes = columns.flatMap(({ name, type }, index) =>
    names.has(name.toLowerCase()) ? [] : [{ add: name, type, after: columns[index - 1]?.name ?? null }],
  )
  if (changes.length > 0) await table.evolve(changes)
}

function isAction(action: string): string {
  return `s.${quoteName(mergeAction)} = ${quoteText(action)}`
}

function bySource(columns: readonly Column[]): Record<string, string> {
  return Object.fromEntries(columns.map(({ name }) => [name, `s.${quoteName(name)}`]))
}

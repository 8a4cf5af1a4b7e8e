/** DELETE FROM: rows for which a condition holds are taken out. */
import { randomUUID } from 'node:crypto'
import type { Session } from '../engines/duckdb/session.ts'
import { quoteName } from '../engines/portable.ts'
import { attached } from './attach.ts'
import {
  type CommitOptions,
  commitFiles,
  commitProperties,
  nothingWritten,
  retried,
  type WriteResult,
  writeResult,
} from './commit.ts'
import { connected, type WarehouseContext } from './context.ts'
import { currentSchema, headOf } from './metadata.ts'
import { predicatesOf } from './predicates.ts'
import { type Mode, wantedMode, writeRowChanges } from './row-changes.ts'
import { rowCommit } from './row-commit.ts'
import { rowPlace, type Scan, scanOf, scanSql } from './scan.ts'
import type { LoadedTable } from './types.ts'

/** Deletes the rows for which a condition holds, which may name other tables in subqueries; files that hold no others are dropped unread but for the condition's columns. */
export function deleteRows(
  context: WarehouseContext,
  table: LoadedTable,
  where: string,
  options: CommitOptions & { mode?: Mode },
): Promise<WriteResult> {
  return connected(context, (session) =>
    retried(context, table, options, (current) =>
      attached(context, session, where, {}, () => deleteOnce(context, session, current, where, options)),
    ),
  )
}

async function deleteOnce(
  context: WarehouseContext,
  session: Session,
  table: LoadedTable,
  where: string,
  options: CommitOptions & { mode?: Mode },
): Promise<WriteResult> {
  const { metadata } = table
  const base = headOf(metadata, options.branch)
  const schema = currentSchema(metadata)
  const predicates = predicatesOf(where, schema)
  const scan = await scanOf(session, metadata, base, schema, predicates)
  return withMatching(session, scan, where, async (places, rows) => {
    if (rows === 0) {
      await commitProperties(context, table, options)
      return nothingWritten
    }
    const changes = { scan, removed: places, added: null }
    const files = await writeRowChanges(session, metadata, changes, wantedMode(metadata, 'delete', options.mode))
    const commit = await rowCommit(metadata, base?.['snapshot-id'] ?? null, files, predicates)
    const snapshot = await commitFiles(context, session, table, commit, options)
    return writeResult(snapshot, commit, 0, rows)
  })
}

/** Works with a table of the places of the rows for which a condition holds. */
export async function withMatching<T>(
  session: Session,
  scan: Scan,
  where: string,
  act: (places: string, rows: number) => Promise<T>,
): Promise<T> {
  const table = quoteName(`matching-${randomUUID()}`)
  const places = `${quoteName(rowPlace.file)}, ${quoteName(rowPlace.position)}`
  const columns = scan.schema.fields.map(({ name }) => name)
  await session.run(
    `CREATE TEMP TABLE ${table} AS SELECT ${places} FROM ${scanSql(scan, columns, rowPlace)} AS t WHERE ${where}`,
  )
  try {
    const [row] = await session.rows(`SELECT count(*) AS rows FROM ${table}`)
    return await act(table, Number(row?.rows))
  } finally {
    await session.run(`DROP TABLE ${table}`)
  }
}

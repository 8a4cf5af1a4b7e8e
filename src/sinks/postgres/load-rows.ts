/** Puts rows into tables of PostgreSQL, all in one transaction. */
import { type Database, told } from '../../postgres/database.ts'
import { quoteIdentifier } from '../../postgres/describe.ts'
import { transaction } from '../../postgres/transaction.ts'

/** Files of CSV with rows of a table, `schema.table`; `upsert` replaces those with the same key. */
export type RowsToLoad = {
  table: string
  columns: string[]
  mode: 'append' | 'upsert'
  key?: string[]
  files: string[]
}

/** Runs statements, loads rows, runs statements; nothing stays of it when one fails. */
export default async function loadRows(
  connect: () => Promise<Database>,
  { before, copies, after }: { before: string[]; copies: RowsToLoad[]; after: string[] },
): Promise<void> {
  const database = await connect()
  try {
    await told(database, () =>
      transaction(database, {}, async () => {
        for (const sql of before) await database.query(sql)
        for (const [index, rows] of copies.entries()) await load(database, rows, `pg_temp.millrace_rows_${index}`)
        for (const sql of after) await database.query(sql)
      }),
    )
  } finally {
    await database.close()
  }
}

async function load(database: Database, rows: RowsToLoad, staged: string): Promise<void> {
  const target = rows.table.split('.').map(quoteIdentifier).join('.')
  const columns = rows.columns.map(quoteIdentifier).join(', ')
  if (rows.mode === 'append') {
    for (const file of rows.files)
      await database.copyFrom(`COPY ${target} (${columns}) FROM STDIN WITH (FORMAT csv)`, file)
    return
  }
  const key = (rows.key ?? []).map(quoteIdentifier)
  const set = rows.columns.map(quoteIdentifier).filter((name) => !key.includes(name))
  const update =
    set.length === 0 ? 'NOTHING' : `UPDATE SET ${set.map((name) => `${name} = excluded.${name}`).join(', ')}`
  await database.query(
    `CREATE TEMP TABLE ${staged.replace('pg_temp.', '')} ON COMMIT DROP AS SELECT ${columns} FROM ${target} WITH NO DATA`,
  )
  for (const file of rows.files)
    await database.copyFrom(`COPY ${staged} (${columns}) FROM STDIN WITH (FORMAT csv)`, file)
  await database.query(
    `INSERT INTO ${target} (${columns}) SELECT ${columns} FROM ${staged} ON CONFLICT (${key.join(', ')}) DO ${update}`,
  )
}

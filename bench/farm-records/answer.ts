/** What the increment changed in both targets, so that only equal answers are compared in speed. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { openWarehouse } from '../../src/iceberg/warehouse.ts'
import { filesBelow } from '../landing.ts'
import { type Query, quoted, type Summary, summaryOf, withDuckdb } from '../query.ts'

const targets = ['tract_producer_year', 'farm_producer_year'] as const
/** By target: the rows that are new or other than before, without their load's time. */
export type Answer = Record<string, Summary>

/** Every table of a root as one Parquet file, `<namespace>.<table>.parquet`. */
export async function exportTables(root: string, folder: string): Promise<void> {
  fs.mkdirSync(folder, { recursive: true })
  const warehouse = await openWarehouse(path.join(root, 'iceberg'))
  try {
    const session = await warehouse.session()
    for (const name of await warehouse.tables()) {
      const table = await warehouse.table(name)
      if (table.snapshot() === null) continue
      await session.run(
        `COPY (SELECT * FROM ${await table.scanSql()}) TO ${quoted(path.join(folder, `${name}.parquet`))} (FORMAT parquet)`,
      )
    }
    session.close()
  } finally {
    warehouse.close()
  }
}

/** The answer of a job that merged into the Iceberg tables; `before`: a folder of exported tables. */
export async function answerOfRoot(root: string, before: string, scratch: string): Promise<Answer> {
  await exportTables(root, scratch)
  return await withDuckdb(async (query) => {
    const answer: Answer = {}
    for (const target of targets) {
      const rows = (folder: string): string =>
        `(SELECT * EXCLUDE (load_timestamp) FROM ${quoted(path.join(folder, `farm_records_reporting.${target}.parquet`))})`
      answer[target] = await summaryOf(query, `(FROM ${rows(scratch)} EXCEPT FROM ${rows(before)})`)
    }
    return answer
  })
}

/** The answer of a job that wrote the changed rows as Parquet, `tract.parquet` and `farm.parquet`. */
export async function answerOfFolder(folder: string): Promise<Answer> {
  return await withDuckdb(async (query) => {
    const answer: Answer = {}
    for (const target of targets) {
      const file = quoted(path.join(folder, `${target.split('_')[0]}.parquet`))
      answer[target] = await summaryOf(query, `(SELECT * EXCLUDE (load_timestamp) FROM ${file})`)
    }
    return answer
  })
}

/** Says how an answer compares with the right one. Throws when it is another. */
export function compared(name: string, answer: Answer, right: Answer): string {
  for (const target of targets) {
    if (JSON.stringify(answer[target]) === JSON.stringify(right[target])) continue
    throw new Error(
      `${name} has another ${target}:\n${JSON.stringify(answer[target])}\nexpected\n${JSON.stringify(right[target])}`,
    )
  }
  return `same rows: ${targets.map((target) => `${(answer[target]?.rows ?? 0).toLocaleString('en-US')} of ${target}`).join(', ')}`
}

const totals = `count(*), sum(core_customer_identifier), count(tract_producer_hel_exception_code),
  count(*) filter (where data_status_code = 'A'), sum(producer_involvement_end_date - date '2000-01-01'), max(last_change_date)`

/** That PostgreSQL holds what Iceberg does, by counts and sums. Throws where it does not. */
export async function checkPostgres(
  folder: string,
  ask: (sql: string) => Promise<Record<string, unknown>[] | null>,
): Promise<void> {
  for (const target of targets) {
    const names = ['n', 'customers', 'hel', 'active', 'days', 'newest']
    const list = totals.split(/,\s+(?![^(]*\))/).map((term, index) => `cast(${term} as text) as ${names[index]}`)
    const found = await ask(`select ${list.join(', ')} from farm_records_reporting.${target}`)
    if (found === null) return
    const expected = await withDuckdb((query: Query) =>
      query(`select ${list.join(', ')} from ${quoted(path.join(folder, `farm_records_reporting.${target}.parquet`))}`),
    )
    const texts = [names.map((name) => String(found[0]?.[name])), (expected[0] ?? []).map(String)]
    if (texts[0]?.join() !== texts[1]?.join())
      throw new Error(`${target} in PostgreSQL: ${texts[0]}\nexpected, as in Iceberg: ${texts[1]}`)
  }
}

/** Bytes of the files below a folder. */
export function bytesBelow(folder: string): number {
  return filesBelow(folder).reduce((sum, file) => sum + fs.statSync(file).size, 0)
}

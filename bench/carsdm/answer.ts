/** What a contender left of the carsdm job, so that only equal answers are compared in speed. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { openWarehouse } from 'millrace/iceberg'
import { filesBelow } from '../landing.ts'
import { type Query, quoted, type Summary, summaryOf, withDuckdb } from '../query.ts'
import type { TableDefinition } from './landing.ts'

/** By place, as `final FARM`: Final, the CDC zone, both Datasets and the quarantine of every table. */
export type Answer = Record<string, Summary>

// Of Datasets the rows with what gives them their order: their other columns are in Final and the CDC zone. Ranks only order
// rows of one time, and each job has its own.
const helpers = 'dart_source_file, dart_source_row, dart_sequence_time'

/** Reads what stands below a root. */
export async function answerOf(root: string, definitions: TableDefinition[]): Promise<Answer> {
  return withDuckdb(async (query) => {
    const answer: Answer = {}
    const look = async (place: string, folder: string, columns = '*'): Promise<void> => {
      answer[place] = await summary(query, path.join(root, folder), columns)
    }
    for (const { table } of definitions) {
      await withFinal(root, table, (folder) => look(`final ${table}`, folder))
      await look(`CDC ${table}`, `final/cars/_cdc/${table}`)
      await look(`Datasets ${table}-LOAD`, `landing/cars/Datasets/${table}-LOAD`, helpers)
      await look(`Datasets ${table}`, `landing/cars/Datasets/${table}`, `${helpers}, dart_filedate`)
      await look(`quarantine ${table}`, `quarantine/carsdm/Cars-Raw-DM/${table}`, `1 AS kept`)
    }
    return answer
  })
}

/** The folder of a table of Final; of an Iceberg table one with its rows, for as long as `act` takes. */
async function withFinal(root: string, table: string, act: (folder: string) => Promise<void>): Promise<void> {
  if (!fs.existsSync(path.join(root, 'iceberg/final_cars', table))) return await act(`final/cars/${table}`)
  const folder = fs.mkdtempSync(path.join(root, 'final-'))
  const warehouse = await openWarehouse(path.join(root, 'iceberg'))
  try {
    const session = await warehouse.session()
    const scan = await (await warehouse.table(`final_cars.${table}`)).scanSql()
    await session.run(`COPY (SELECT * FROM ${scan}) TO ${quoted(path.join(folder, 'rows.parquet'))}`)
    session.close()
    await act(path.basename(folder))
  } finally {
    warehouse.close()
    fs.rmSync(folder, { recursive: true })
  }
}

/** A folder without files is one without rows. */
async function summary(query: Query, folder: string, columns: string): Promise<Summary> {
  const entries = fs.existsSync(folder) ? fs.readdirSync(folder, { recursive: true }).map(String) : []
  if (!entries.some((name) => name.endsWith('.parquet'))) return { columns: '', rows: 0, hash: '' }
  const isPartitioned = entries.some((name) => name.startsWith('dart_filedate='))
  const pattern = quoted(path.join(folder, isPartitioned ? '*/*.parquet' : '*.parquet'))
  const options = `union_by_name = true, hive_partitioning = ${isPartitioned}`
  return summaryOf(query, `(SELECT ${columns} FROM read_parquet(${pattern}, ${options}))`)
}

/**
 * Counted without anybody's job from what landed below the roots, for every table: the keys with an image, the changes
 * from the oldest day that the CDC zone keeps, the rows of Datasets and those that do not fit. Throws where an answer has others.
 */
export async function checkLanded(
  answer: Answer,
  roots: string[],
  definitions: TableDefinition[],
  oldestDay: string,
): Promise<void> {
  await withDuckdb(async (query) => {
    for (const definition of definitions) {
      const { table } = definition
      const landed = roots.flatMap((root) => filesBelow(path.join(root, 'landing/cars/dbo', table)))
      const from = (isLoad: boolean): string => {
        const files = landed.filter((file) => path.basename(file).startsWith('LOAD') === isLoad).map(quoted)
        return `(SELECT * FROM read_parquet([${files.join(', ')}], union_by_name = true, filename = 'path'))`
      }
      const [loads, changes] = [from(true), from(false)]
      const key = definition.primaryKey.join(', ')
      const good = goodRow(definition)
      const [[keys, kept, changed, loaded, all] = []] = await query(`
        SELECT
          (SELECT count(*) FROM (
            SELECT ${key} FROM ${loads} WHERE ${good} UNION SELECT ${key} FROM ${changes} WHERE ${good} AND Op <> 'D')),
          (SELECT count(*) FROM ${changes} WHERE ${good} AND parse_filename(path) >= '${oldestDay.replaceAll('-', '')}'),
          (SELECT count(*) FROM ${changes}), (SELECT count(*) FROM ${loads}),
          (SELECT count(*) FROM ${changes} WHERE ${good}) + (SELECT count(*) FROM ${loads} WHERE ${good})`)
      const expected: Record<string, number> = {
        [`final ${table}`]: Number(keys),
        [`CDC ${table}`]: Number(kept),
        [`Datasets ${table}`]: Number(changed),
        [`Datasets ${table}-LOAD`]: Number(loaded),
        [`quarantine ${table}`]: Number(changed) + Number(loaded) - Number(all),
      }
      for (const [place, rows] of Object.entries(expected)) {
        if (answer[place]?.rows === rows) continue
        throw new Error(`${place} has ${answer[place]?.rows} rows, expected ${rows} from what landed`)
      }
    }
  })
}

/** In the landing zone of the bench, only key parts and percentages can be wrong. */
function goodRow({ primaryKey, columns }: TableDefinition): string {
  const keys = primaryKey.map((name) => `${name} IS NOT NULL`)
  const percentages = Object.keys(columns).filter((name) => name.endsWith('_percent'))
  return [...keys, ...percentages.map((name) => `${name} <> 'n/a'`)].join(' AND ')
}

/** Says how an answer compares with the right one. Throws when it is another answer. */
export function compared(name: string, answer: Answer, right: Answer): string {
  for (const [place, expected] of Object.entries(right)) {
    const found = answer[place]
    if (JSON.stringify(found) === JSON.stringify(expected)) continue
    throw new Error(`${name} has another ${place}:\n${JSON.stringify(found)}\nexpected\n${JSON.stringify(expected)}`)
  }
  const rows = (kind: string): string =>
    Object.entries(answer)
      .filter(([place]) => place.startsWith(kind))
      .reduce((sum, [, { rows: count }]) => sum + count, 0)
      .toLocaleString('en-US')
  return `same rows: Final ${rows('final')}, CDC ${rows('CDC')}, Datasets ${rows('Datasets')}, quarantine ${rows('quarantine')}`
}

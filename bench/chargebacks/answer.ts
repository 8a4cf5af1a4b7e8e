/** What a contender's output says, so that only equal answers are compared in speed. */
import * as fs from 'node:fs'
import { hashSum, type Query, quoted, summaryOf, withDuckdb } from '../query.ts'

/** Sums of hashes do not depend on the order of rows; columns are names with types, by name. */
export type Answer = {
  columns: string
  rows: number
  rowHash: string
  keyHash: string
  files: number
  /** Rows of the fullest file less those of the emptiest. */
  spread: number
  /** Rows in quarantine; null where the contender keeps none. */
  quarantined: number | null
}

/** Reads a folder of Parquet files, and the quarantine's folder if there is one. */
export async function answerOf(output: string, quarantine: string | null): Promise<Answer> {
  return withDuckdb(async (query) => {
    const files = quoted(`${output}/*.parquet`)
    const from = `read_parquet(${files}, hive_partitioning = false)`
    const { columns, rows, hash } = await summaryOf(query, from)
    const [[keyHash] = []] = await query(`SELECT ${hashSum('chargeback_id')} FROM ${from}`)
    const [[fileCount, spread] = []] = await query(
      `SELECT count(*), max(num_rows) - min(num_rows) FROM parquet_file_metadata(${files})`,
    )
    return {
      columns,
      rows,
      rowHash: hash,
      keyHash: String(keyHash),
      files: Number(fileCount),
      spread: Number(spread),
      quarantined: quarantine === null ? null : await quarantinedRows(quarantine, query),
    }
  })
}

/** Counted without anybody's job: the different ids that landed, and the sum of their hashes. */
export async function landedKeys(folder: string): Promise<Pick<Answer, 'rows' | 'keyHash'>> {
  return withDuckdb(async (query) => {
    const [row] = await query(`
      SELECT count(*), ${hashSum('chargeback_id')} FROM (
        SELECT DISTINCT chargeback_id FROM read_parquet(${quoted(`${folder}/flink-[0-9]*.parquet`)})
        WHERE trim(chargeback_id) <> '')`)
    return { rows: Number(row?.[0]), keyHash: String(row?.[1]) }
  })
}

async function quarantinedRows(folder: string, query: Query): Promise<number> {
  if (!fs.readdirSync(folder).some((name) => name.endsWith('.parquet'))) return 0
  const [[rows] = []] = await query(`SELECT count(*) FROM read_parquet(${quoted(`${folder}/*.parquet`)})`)
  return Number(rows)
}

/** Says how an answer compares with the right one. Throws when it is another answer. */
export function compared(name: string, answer: Answer, right: Answer): string {
  const isSame = (keys: (keyof Answer)[]): boolean => keys.every((key) => answer[key] === right[key])
  if (!isSame(['columns', 'rows', 'keyHash', 'files'])) {
    throw new Error(`${name} gives another answer:\n${JSON.stringify(answer)}\nexpected\n${JSON.stringify(right)}`)
  }
  const quarantine = answer.quarantined === null ? ', keeps no quarantine' : ''
  if (answer.quarantined !== null && answer.quarantined !== right.quarantined) {
    throw new Error(`${name} has ${answer.quarantined} rows in quarantine, expected ${right.quarantined}`)
  }
  const rows = answer.rowHash === right.rowHash ? 'same rows' : 'same ids, other rows where times are equal'
  return `${rows}, ${answer.files} files${answer.spread > 1 ? ` within ${answer.spread} rows` : ''}${quarantine}`
}

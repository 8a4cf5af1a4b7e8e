/** What a contender's output says, so that only equal answers are compared in speed. */
import * as fs from 'node:fs'
import { DuckDBInstance } from '@duckdb/node-api'

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
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const first = async (sql: string): Promise<unknown[]> =>
    (await connection.runAndReadAll(sql)).getRowsJS()[0] as unknown[]
  try {
    const from = `read_parquet('${output.replaceAll("'", "''")}/*.parquet', hive_partitioning = false)`
    const described = (await connection.runAndReadAll(`DESCRIBE FROM ${from}`)).getRowsJS() as string[][]
    const columns = described
      .map(([name, type]) => ({ name, type }))
      .sort((a, b) => (`${a.name}` < `${b.name}` ? -1 : 1))
    const row = `row(${columns.map(({ name }) => `"${name}"`).join(', ')})`
    const [rows, rowHash, keyHash] = await first(
      `SELECT count(*), CAST(sum(CAST(hash(${row}) AS HUGEINT)) AS VARCHAR), CAST(sum(CAST(hash(chargeback_id) AS HUGEINT)) AS VARCHAR) FROM ${from}`,
    )
    const [files, spread] = await first(
      `SELECT count(*), max(num_rows) - min(num_rows) FROM parquet_file_metadata('${output.replaceAll("'", "''")}/*.parquet')`,
    )
    return {
      columns: columns.map(({ name, type }) => `${name} ${type}`).join(', '),
      rows: Number(rows),
      rowHash: String(rowHash),
      keyHash: String(keyHash),
      files: Number(files),
      spread: Number(spread),
      quarantined: quarantine === null ? null : await quarantinedRows(quarantine, first),
    }
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** Counted without anybody's job: the different ids that landed, and the sum of their hashes. */
export async function landedKeys(folder: string): Promise<Pick<Answer, 'rows' | 'keyHash'>> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    const [row] = (
      await connection.runAndReadAll(`
        SELECT count(*), CAST(sum(CAST(hash(chargeback_id) AS HUGEINT)) AS VARCHAR) FROM (
          SELECT DISTINCT chargeback_id FROM read_parquet('${folder.replaceAll("'", "''")}/flink-[0-9]*.parquet')
          WHERE trim(chargeback_id) <> '')`)
    ).getRowsJS() as unknown[][]
    return { rows: Number(row?.[0]), keyHash: String(row?.[1]) }
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

async function quarantinedRows(folder: string, first: (sql: string) => Promise<unknown[]>): Promise<number> {
  if (!fs.readdirSync(folder).some((name) => name.endsWith('.parquet'))) return 0
  const [rows] = await first(`SELECT count(*) FROM read_parquet('${folder.replaceAll("'", "''")}/*.parquet')`)
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

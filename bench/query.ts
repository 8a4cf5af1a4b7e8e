/** Asks DuckDB about what a contender left. */
import { DuckDBInstance } from '@duckdb/node-api'

/** Gives the rows of a query. */
export type Query = (sql: string) => Promise<unknown[][]>

/** The columns with their types by name, the rows, and the sum of their hashes, which does not depend on their order. */
export type Summary = { columns: string; rows: number; hash: string }

/** Opens a database in memory for as long as `act` takes. */
export async function withDuckdb<T>(act: (query: Query) => Promise<T>): Promise<T> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    return await act(async (sql) => (await connection.runAndReadAll(sql)).getRowsJS() as unknown[][])
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** `from` is what stands after FROM. */
export async function summaryOf(query: Query, from: string): Promise<Summary> {
  const described = (await query(`DESCRIBE FROM ${from}`)) as string[][]
  const columns = described.map(([name, type]) => ({ name, type })).sort((a, b) => (`${a.name}` < `${b.name}` ? -1 : 1))
  const row = `row(${columns.map(({ name }) => `"${name}"`).join(', ')})`
  const [[rows, hash] = []] = await query(`SELECT count(*), ${hashSum(row)} FROM ${from}`)
  return {
    columns: columns.map(({ name, type }) => `${name} ${type}`).join(', '),
    rows: Number(rows),
    hash: String(hash),
  }
}

/** The sum of the hashes of an expression as text. */
export function hashSum(expression: string): string {
  return `CAST(sum(CAST(hash(${expression}) AS HUGEINT)) AS VARCHAR)`
}

/** A path or a pattern as an SQL string. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

// The same rows written once more, without buckets and in no order: what writing them costs.
//   node plain-copy.mjs <folder with one folder a table> <output folder>
import { mkdirSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'

const [from, to] = process.argv.slice(2)
const instance = await DuckDBInstance.create(':memory:')
const connection = await instance.connect()
await connection.run('SET preserve_insertion_order = false')
for (const table of readdirSync(from).filter((name) => name !== 'metadata')) {
  const folder = path.join(to, table.toLowerCase())
  mkdirSync(folder, { recursive: true })
  await connection.run(
    `COPY (SELECT * FROM read_parquet('${from}/${table}/*.parquet')) TO '${folder}/part-0.parquet' (FORMAT parquet, COMPRESSION snappy)`,
  )
}

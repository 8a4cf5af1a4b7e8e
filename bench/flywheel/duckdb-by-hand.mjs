// The split as one engineer would write it for one machine: a COPY for each table of the CSV.
//   node duckdb-by-hand.mjs <snapshot folder> <split CSV> <output folder>
import { mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'

const [snapshot, csv, output] = process.argv.slice(2)
const key = 'customer_user_id'
const tables = new Map()
for (const line of readFileSync(csv, 'utf8').trim().split('\n').slice(1)) {
  const [table, column] = line.split(',')
  tables.set(table, [...(tables.get(table) ?? [key]), column])
}
const instance = await DuckDBInstance.create(':memory:')
const connection = await instance.connect()
await connection.run('SET preserve_insertion_order = false')
const source = `read_parquet('${snapshot}/*.parquet', hive_partitioning = false)`
for (const [table, columns] of tables) {
  const folder = path.join(output, table, path.basename(snapshot))
  mkdirSync(folder, { recursive: true })
  const select = columns.map((name) => `"${name}" AS "${name}"`).join(', ')
  await connection.run(
    `COPY (SELECT ${select} FROM ${source} WHERE ${key} IS NOT NULL) TO '${folder}/part-0.parquet' (FORMAT parquet, COMPRESSION snappy)`,
  )
}

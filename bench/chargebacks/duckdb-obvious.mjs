// The chargebacks job as one writes it first: read everything, number all rows of every key, keep the first, write.
//   node duckdb-obvious.mjs <landing folder of the day> <output folder> <quarantine folder> <files>
import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, readSync } from 'node:fs'
import { DuckDBInstance } from '@duckdb/node-api'

const [landing, output, quarantine, fileCount] = process.argv.slice(2)

/** A file cut off while it was written has no magic word at its end. */
function isParquet(path) {
  const handle = openSync(path, 'r')
  try {
    const end = fstatSync(handle).size
    const word = Buffer.alloc(4)
    return end >= 12 && readSync(handle, word, 0, 4, end - 4) === 4 && word.toString() === 'PAR1'
  } finally {
    closeSync(handle)
  }
}

const files = readdirSync(landing)
  .filter((name) => /^[^._].*\.parquet$/.test(name))
  .map((name) => `${landing}/${name}`)
  .filter(isParquet)
const list = `[${files.map((file) => `'${file.replaceAll("'", "''")}'`).join(', ')}]`
const connection = await (await DuckDBInstance.create(':memory:')).connect()
await connection.run(`CREATE TABLE day AS SELECT * FROM read_parquet(${list}, union_by_name = true, filename = true)`)
mkdirSync(output, { recursive: true })
mkdirSync(quarantine, { recursive: true })
const isBlank = `coalesce(trim(chargeback_id), '') = ''`
await connection.run(`COPY (FROM day WHERE ${isBlank}) TO '${quarantine}/rows.parquet' (FORMAT parquet)`)
await connection.run(`
  CREATE TABLE kept AS SELECT * EXCLUDE (filename) FROM day WHERE NOT (${isBlank})
  QUALIFY row_number() OVER (
    PARTITION BY chargeback_id
    ORDER BY coalesce(updated_at, event_timestamp) DESC NULLS LAST, event_timestamp DESC NULLS LAST) = 1`)
const [[rows]] = (await connection.runAndReadAll('SELECT count(*) FROM kept')).getRowsJS()
for (let index = 0; index < Number(fileCount); index += 1) {
  const start = Math.floor((index * Number(rows)) / fileCount)
  const end = Math.floor(((index + 1) * Number(rows)) / fileCount)
  await connection.run(`
    COPY (SELECT * FROM kept WHERE rowid >= ${start} AND rowid < ${end})
    TO '${output}/part-${String(index).padStart(5, '0')}.parquet' (FORMAT parquet, COMPRESSION snappy)`)
}

/** A small Parquet file with a codec. */
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'

/** Writes one row of `customer_user_id` and `email`. */
export async function writeParquet(file: string, codec: 'snappy' | 'zstd'): Promise<void> {
  mkdirSync(dirname(file), { recursive: true })
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  await connection.run(
    `copy (select 'a' as customer_user_id, 'b' as email) to '${file}' (format parquet, codec '${codec}')`,
  )
  connection.closeSync()
  instance.closeSync()
}

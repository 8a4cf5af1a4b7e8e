/** A table and its partitions, as small as they can be. */
import { type GluePartition, type GlueTable, parquetStorage } from '../../src/catalogs/glue-catalog.ts'

export const columns = [
  { Name: 'customer_user_id', Type: 'string' },
  { Name: 'v', Type: 'bigint' },
]

/** A table of database `db`, with a partition column. */
export function tableNamed(Name: string): GlueTable {
  return {
    ...{ DatabaseName: 'db', Name, Description: 'snapshot_dt=2025-01-15', TableType: 'EXTERNAL_TABLE' },
    PartitionKeys: [{ Name: 'snapshot_dt', Type: 'string' }],
    Parameters: { EXTERNAL: 'TRUE', classification: 'parquet' },
    StorageDescriptor: parquetStorage(`parts/${Name}`, columns),
  }
}

/** A partition of such a table. */
export function partitionOf(value: string): GluePartition {
  return { Values: [value], StorageDescriptor: parquetStorage(`parts/t/snapshot_dt=${value}`, columns) }
}

/** Which new files of a drop have damaged pages, though their footers are sound. */
import { fileList } from '../../engines/duckdb/relations.ts'
import { hasCode, messageOf } from '../../errors.ts'
import type { IngestPlan } from '../../plan/ingest.ts'
import type { TableContext } from './table-work.ts'

/** The planned files of which not every value can be read, and why. */
export async function findDamaged({ inputs }: IngestPlan, context: TableContext): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  const session = await context.lease.warehouse.session()
  try {
    for (const { path } of inputs.flatMap(({ files }) => files)) {
      const files = fileList([context.store.locate(path)])
      try {
        await session.rows(`SELECT sum(hash(COLUMNS(*)) % 2) FROM read_parquet(${files}, hive_partitioning = false)`)
      } catch (error) {
        if (hasCode(error, 'cancelled')) throw error
        const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
        found.set(path, `cannot be read (${messageOf(cause).split('\n')[0]})`)
      }
    }
  } finally {
    session.close()
  }
  return found
}

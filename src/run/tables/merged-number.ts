/** Which merge of changes an Iceberg table had last. */
import { icebergFolder } from '../../define/iceberg-tables.ts'
import { hasCode } from '../../errors.ts'
import { folderCatalog, parseTableName } from '../../iceberg/folder-catalog.ts'
import type { Table } from '../../iceberg/table.ts'
import type { ReadableStore } from '../../store.ts'

/** The property that has the number: it is set in the same step as the snapshot that a merge makes. */
export const mergedProperty = 'millrace.merged'

/** The number as a table's metadata has it, 0 for none. */
export function mergedNumber({ metadata }: Pick<Table, 'metadata'>): number {
  return Number(metadata.properties[mergedProperty] ?? 0)
}

/** The number of a table below a root, by name; null where there is no such table. */
export async function readMergedNumber(store: ReadableStore, table: string): Promise<number | null> {
  try {
    return mergedNumber(await folderCatalog(store.locate(icebergFolder)).load(parseTableName(table)))
  } catch (error) {
    if (hasCode(error, 'not-found')) return null
    throw error
  }
}

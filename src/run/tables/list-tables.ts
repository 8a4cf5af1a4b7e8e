/** The Iceberg tables of a root, as their metadata tells them; only deletes have to be read to know the rows that are left. */
import { icebergFolder } from '../../define/iceberg-tables.ts'
import type { SessionOptions } from '../../engines/duckdb/session.ts'
import { hasCode } from '../../errors.ts'
import { folderCatalog } from '../../iceberg/folder-catalog.ts'
import { snapshotTotals } from '../../iceberg/summary.ts'
import { hiveType } from '../../iceberg/type-text.ts'
import { openWarehouse } from '../../iceberg/warehouse.ts'
import type { Store } from '../../store.ts'
import type { Column, TableName } from '../../types.ts'

/** `snapshot` is the newest one's id; null where there is none. */
export type IcebergTable = {
  name: TableName
  format: 'iceberg'
  columns: Column[]
  partitionedBy: string[]
  rows: number
  bytes: number
  files: number
  snapshots: number
  snapshot: string | null
  snapshotAt: string | null
}

/** All tables, in order of their names. */
export async function listIcebergTables(store: Store, options: SessionOptions): Promise<IcebergTable[]> {
  if ((await store.kind(icebergFolder)) !== 'folder') return []
  const catalog = folderCatalog(store.locate(icebergFolder))
  const found: (IcebergTable & { hasDeletes: boolean })[] = []
  for (const namespace of (await catalog.namespaces()).sort())
    for (const table of await catalog.tables(namespace)) found.push(described(await catalog.load(table)))
  const counts = await countRows(
    store,
    found.filter(({ hasDeletes }) => hasDeletes),
    options,
  )
  return found
    .map(({ hasDeletes, ...table }) => ({ ...table, rows: counts.get(nameOf(table)) ?? table.rows }))
    .sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
}

/** The rows of tables by their names, counted; of those alone whose deletes can be read, for another writer's may be of a kind that cannot. */
async function countRows(
  store: Store,
  tables: readonly IcebergTable[],
  options: SessionOptions,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  if (tables.length === 0) return counts
  const warehouse = await openWarehouse(store.locate(icebergFolder), options)
  try {
    for (const table of tables) {
      const name = nameOf(table)
      try {
        counts.set(name, await (await warehouse.table(name)).count({ snapshot: BigInt(table.snapshot as string) }))
      } catch (error) {
        if (!hasCode(error, 'input-unreadable')) throw error
      }
    }
  } finally {
    warehouse.close()
  }
  return counts
}

function nameOf({ name }: Pick<IcebergTable, 'name'>): string {
  return `${name.database}.${name.table}`
}

function described({
  identifier,
  metadata,
}: Awaited<ReturnType<ReturnType<typeof folderCatalog>['load']>>): IcebergTable & { hasDeletes: boolean } {
  const head = metadata.refs.main?.['snapshot-id']
  const snapshot = metadata.snapshots.find((one) => one['snapshot-id'] === head)
  const { rows, bytes, dataFiles, deleteFiles } = snapshotTotals(snapshot ?? null)
  const schema = metadata.schemas.find((one) => one['schema-id'] === metadata['current-schema-id'])
  const spec = metadata['partition-specs'].find((one) => one['spec-id'] === metadata['default-spec-id'])
  return {
    name: { database: identifier.namespace, table: identifier.name },
    format: 'iceberg',
    columns: (schema?.fields ?? []).map(({ name, type }) => ({ name, type: hiveType(type) })),
    partitionedBy: (spec?.fields ?? []).map(({ name }) => name),
    ...{ rows, bytes, files: dataFiles + deleteFiles, hasDeletes: deleteFiles > 0 },
    snapshots: metadata.snapshots.length,
    snapshot: snapshot === undefined ? null : String(snapshot['snapshot-id']),
    snapshotAt: snapshot === undefined ? null : new Date(snapshot['timestamp-ms']).toISOString(),
  }
}

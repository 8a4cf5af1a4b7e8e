/** The Iceberg tables of a root, as their metadata tells them; no data is opened. */
import { icebergFolder } from '../../define/iceberg-tables.ts'
import { folderCatalog } from '../../iceberg/folder-catalog.ts'
import { snapshotTotals } from '../../iceberg/summary.ts'
import { hiveType } from '../../iceberg/type-text.ts'
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
export async function listIcebergTables(store: Store): Promise<IcebergTable[]> {
  if ((await store.kind(icebergFolder)) !== 'folder') return []
  const catalog = folderCatalog(store.locate(icebergFolder))
  const found: IcebergTable[] = []
  for (const namespace of (await catalog.namespaces()).sort())
    for (const table of await catalog.tables(namespace)) found.push(described(await catalog.load(table)))
  return found.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
}

function nameOf({ name }: IcebergTable): string {
  return `${name.database}.${name.table}`
}

function described({
  identifier,
  metadata,
}: Awaited<ReturnType<ReturnType<typeof folderCatalog>['load']>>): IcebergTable {
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
    ...{ rows, bytes, files: dataFiles + deleteFiles },
    snapshots: metadata.snapshots.length,
    snapshot: snapshot === undefined ? null : String(snapshot['snapshot-id']),
    snapshotAt: snapshot === undefined ? null : new Date(snapshot['timestamp-ms']).toISOString(),
  }
}

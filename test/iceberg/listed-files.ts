/** Changes of a table by data files that are only listed: for what concerns metadata nobody opens them. */
import { randomUUID } from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import type { FolderCatalog } from '../../src/iceberg/folder-catalog.ts'
import { commitSnapshot, type SnapshotChange } from '../../src/iceberg/snapshots.ts'
import type { DataFile, Snapshot, TableIdentifier } from '../../src/iceberg/types.ts'

export const table: TableIdentifier = { namespace: 'farm', name: 'tracts' }

/** A file of this many rows, which is there but holds nothing. */
export function dataFile(folder: string, changes: Partial<DataFile> = {}): DataFile {
  const file: DataFile = {
    content: 0,
    file_path: path.join(folder, table.namespace, table.name, 'data', `${randomUUID()}.parquet`),
    file_format: 'PARQUET',
    spec_id: 0,
    partition: [],
    record_count: 10,
    file_size_in_bytes: 100,
    column_sizes: null,
    value_counts: null,
    null_value_counts: null,
    nan_value_counts: null,
    lower_bounds: null,
    upper_bounds: null,
    split_offsets: null,
    equality_ids: null,
    sort_order_id: null,
    referenced_data_file: null,
    ...changes,
  }
  fs.writeFileSync(file.file_path, '')
  return file
}

/** A change that appends, or what is given instead. */
export function change(base: Snapshot | null, changes: Partial<SnapshotChange> = {}): SnapshotChange {
  return {
    operation: 'append',
    branch: 'main',
    base: base?.['snapshot-id'] ?? null,
    added: [],
    addedDeletes: [],
    removed: [],
    removedDeletes: [],
    conflicts: { newData: 'ignore' },
    summary: {},
    ...changes,
  }
}

/** Appends files to main. */
export async function append(catalog: FolderCatalog, ...files: DataFile[]): Promise<Snapshot> {
  return (await commitSnapshot(catalog, table, change(null, { added: files }))).snapshot
}

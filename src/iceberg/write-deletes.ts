/** Writes files of position deletes: which rows of which data files are gone. */
import { randomUUID } from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import type { Session } from '../engines/duckdb/session.ts'
import { quoteName, quoteText } from '../engines/portable.ts'
import { dataFolder } from './data-folder.ts'
import { writtenFile } from './file-statistics.ts'
import { groupBy } from './group-by.ts'
import { localPath } from './local-files.ts'
import { specById } from './metadata.ts'
import { codecOptions } from './parquet-copy.ts'
import { rowPlace, type ScanFile } from './scan.ts'
import type { DataFile, TableMetadata } from './types.ts'
import { partitionKey } from './values.ts'

const pathField = 2147483546 // reserved by the specification
const positionField = 2147483545

/**
 * One delete file for each partition, or for each data file where `write.delete.granularity` is `file`. `places` is a relation with
 * the row places of a scan; `touched` the scan's files that occur in it, by their position.
 */
export async function writeDeleteFiles(
  session: Session,
  metadata: TableMetadata,
  places: string,
  touched: ReadonlyMap<number, ScanFile>,
): Promise<DataFile[]> {
  const isByFile = metadata.properties['write.delete.granularity'] === 'file'
  const groups = groupBy(touched, ([number, file]) =>
    isByFile ? String(number) : `${file.spec_id} ${partitionKey(file.partition)}`,
  )
  const files: DataFile[] = []
  for (const group of groups.values()) files.push(await writeGroup(session, metadata, places, new Map(group)))
  return files
}

async function writeGroup(
  session: Session,
  metadata: TableMetadata,
  places: string,
  touched: ReadonlyMap<number, ScanFile>,
): Promise<DataFile> {
  const [first] = touched.values() as Iterable<ScanFile> as [ScanFile]
  const spec = specById(metadata, first.spec_id)
  const relative = `${dataFolder(spec, metadata.schemas, first.partition)}/${randomUUID()}-deletes.parquet`
  const target = `${localPath(metadata.location)}/${relative}`
  fs.mkdirSync(path.dirname(target), { recursive: true })
  const numbered = [...touched].map(([number, file]) => `(${number}, ${quoteText(file.file_path)})`)
  // Readers compare the path with the manifest's, letter by letter.
  const query = `
    SELECT f.path AS file_path, CAST(p.${quoteName(rowPlace.position)} AS BIGINT) AS pos
    FROM ${places} AS p JOIN (VALUES ${numbered.join(', ')}) AS f(number, path) ON f.number = p.${quoteName(rowPlace.file)}
    ORDER BY file_path, pos`
  const [row] = await session.rows(
    `COPY (${query}) TO ${quoteText(target)} (FORMAT parquet, ${codecOptions(metadata)}, FIELD_IDS {file_path: ${pathField}, pos: ${positionField}}, RETURN_STATS)`,
  )
  const written = writtenFile(row as Record<string, unknown>)
  const paths = [...touched.values()].map((file) => Buffer.from(file.file_path)).sort(Buffer.compare)
  return {
    content: 1,
    file_path: `${metadata.location}/${relative}`,
    file_format: 'PARQUET',
    spec_id: first.spec_id,
    partition: first.partition,
    record_count: Number(written.count),
    file_size_in_bytes: Number(written.file_size_bytes),
    column_sizes: null,
    value_counts: null,
    null_value_counts: null,
    nan_value_counts: null,
    // Whole paths: readers tell by them which data files are meant.
    lower_bounds: new Map([[pathField, paths[0] as Buffer]]),
    upper_bounds: new Map([[pathField, paths.at(-1) as Buffer]]),
    split_offsets: null,
    equality_ids: null,
    sort_order_id: null,
    referenced_data_file: touched.size === 1 ? first.file_path : null,
  }
}

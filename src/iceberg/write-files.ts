/** Writes rows as a table's data files: by partition, sorted, with field ids, of the size that the table asks for. */
import { randomUUID } from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import type { Session } from '../engines/duckdb/session.ts'
import { quoteName } from '../engines/portable.ts'
import { MillraceError } from '../errors.ts'
import { dataFolder } from './data-folder.ts'
import { describedFields, type Statistics, statisticsOf, type WrittenFile } from './file-statistics.ts'
import { localPath } from './local-files.ts'
import { currentSchema, defaultSortOrder, defaultSpec } from './metadata.ts'
import { columnList, copy, targetBytes, type Writing } from './parquet-copy.ts'
import { partColumn, partitionColumns, partitionValue } from './partition-columns.ts'
import { fixedLength } from './schema.ts'
import type { DataFile, Schema, TableMetadata } from './types.ts'
import { writeSorted } from './write-sorted.ts'

/**
 * Writes the rows of a relation (a name or a query in parentheses, with the table's columns in their types) and says of
 * each file what a manifest needs. No rows, no files. What was written before an error is removed.
 */
export async function writeDataFiles(session: Session, metadata: TableMetadata, from: string): Promise<DataFile[]> {
  const schema = currentSchema(metadata)
  const fixed = schema.fields.find(({ type }) => fixedLength(type) !== undefined)
  if (fixed !== undefined) {
    throw new MillraceError(
      'engine',
      `column ${quoteName(fixed.name)} is ${String(fixed.type)}, which DuckDB cannot write`,
    )
  }
  const described = describedFields(metadata) // before any file is written, for it may refuse
  const location = localPath(metadata.location)
  const draft = `${location}/data/.${randomUUID()}` // hidden, so that orphans are told from data
  fs.mkdirSync(draft, { recursive: true })
  try {
    const isSorted = defaultSortOrder(metadata).fields.length > 0
    const write = isSorted ? writeSorted : writeStreaming
    const written = (await write({ session, metadata, schema, draft }, from)).filter(({ count }) => count > 0n)
    return written.map((file) => ({ ...placed(file, metadata, schema, location), ...statisticsOf(file, described) }))
  } finally {
    fs.rmSync(draft, { recursive: true, force: true })
  }
}

/** Rows as they come: DuckDB splits them by partition, or begins a new file at the size asked for. */
async function writeStreaming(writing: Writing, from: string): Promise<WrittenFile[]> {
  const parts = partitionColumns(writing)
  const select = [...columnList(writing.schema), ...parts].join(', ')
  const names = parts.map((_, index) => quoteName(partColumn(index)))
  const split =
    names.length > 0 ? `PARTITION_BY (${names.join(', ')})` : `FILE_SIZE_BYTES ${targetBytes(writing.metadata)}`
  return copy(
    writing,
    `SELECT ${select} FROM ${from}`,
    writing.draft,
    `${split}, APPEND true, FILENAME_PATTERN '{uuidv7}'`,
  )
}

/** Moves a written file to its place; what its columns have is not said yet. */
function placed(
  file: WrittenFile,
  metadata: TableMetadata,
  schema: Schema,
  location: string,
): Omit<DataFile, keyof Statistics> {
  const spec = defaultSpec(metadata)
  const partition = spec.fields.map((_, index) => partitionValue(file, metadata, schema, index))
  const relative = `${dataFolder(spec, [schema], partition)}/${path.basename(file.filename)}`
  fs.mkdirSync(path.dirname(`${location}/${relative}`), { recursive: true })
  fs.renameSync(file.filename, `${location}/${relative}`)
  return {
    content: 0,
    file_path: `${metadata.location}/${relative}`,
    file_format: 'PARQUET',
    spec_id: spec['spec-id'],
    partition,
    record_count: Number(file.count),
    file_size_in_bytes: Number(file.file_size_bytes),
    split_offsets: null,
    equality_ids: null,
    sort_order_id: defaultSortOrder(metadata)['order-id'],
    referenced_data_file: null,
  }
}

/** Writes views as Parquet files of even size. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import type { EngineContext, PlanOutput, StagedFile } from '../../types.ts'
import { quoteName, quoteText } from '../portable.ts'
import { duckdbType } from './relations.ts'
import { engineBytes, type Session } from './session.ts'
import { type SideBySide, sideBySide } from './side-by-side.ts'

/** A relation whose rows are numbered by a column, not necessarily without gaps. */
export type NumberedRelation = { from: string; number: string; rows: number; isDense: boolean }

// Trying larger dictionaries, and filters that few readers use, costs a fifth of the time to save 3 % of the bytes.
const writing = 'DICTIONARY_SIZE_LIMIT 2000, WRITE_BLOOM_FILTER false'

// A row group is kept whole before it is written, by every thread that writes: of 1,000 columns one of 122,880 rows has 2 GB.
const groupBytesMax = 128 * 2 ** 20
const groupBytesMin = 8 * 2 ** 20 // smaller ones cost a tenth of the file's size in pages and statistics
const writerBytes = 384 * 2 ** 20 // what reading and writing a thousand columns takes in one thread

/** Writes one output; the row counts given back are those the Parquet writer reports. */
export async function writeOutput(
  session: Session,
  output: PlanOutput,
  relation: NumberedRelation,
  context: EngineContext & { staging: string },
): Promise<StagedFile[]> {
  const fileCount = Math.min(output.fileCount, relation.rows)
  if (fileCount === 0) return []
  const folder = path.join(context.staging, output.name)
  fs.mkdirSync(folder, { recursive: true })
  const starts = await fileStarts(session, relation, fileCount)
  // Each file is written by one thread where it is small, so several are written side by side.
  const pieces = piecesOf(fileCount, context.threads, context)
  return await sideBySide(session, pieces, async (own, index) => {
    const range = rangeOf(relation.number, starts, index)
    return await copy(own, output, `${relation.from}${range}`, folder, fileName(index, context.fileSuffix), context)
  })
}

/** Writes outputs as one file each, several at a time, those of most columns first. */
export async function writeWholes(
  session: Session,
  outputs: readonly PlanOutput[],
  context: EngineContext & { staging: string },
): Promise<StagedFile[]> {
  const inOrder = [...outputs].sort((a, b) => b.columns.length - a.columns.length)
  const room = Math.max(1, Math.min(context.threads, Math.floor(engineBytes(context.memoryBytes) / writerBytes)))
  // One thread a file is the least work, but of few files the last would be waited for: these get all threads, in turn.
  const writers = inOrder.length < 2 * room ? 1 : room
  const quiet = { ...context, onProgress: () => {} }
  const written = await sideBySide(session, piecesOf(inOrder.length, writers, context), async (own, index) =>
    writeWhole(own, inOrder[index] as PlanOutput, quiet),
  )
  return written.flat()
}

function piecesOf(count: number, most: number, { onProgress }: EngineContext): SideBySide {
  const onDone = (done: number): void => onProgress({ phase: 'write', percent: (100 * done) / count })
  return { count, connections: Math.min(most, count), onDone }
}

/** Writes one output as one file; none when it has no rows. */
export async function writeWhole(
  session: Session,
  output: PlanOutput,
  context: EngineContext & { staging: string },
): Promise<StagedFile[]> {
  const folder = path.join(context.staging, output.name)
  fs.mkdirSync(folder, { recursive: true })
  const file = await copy(session, output, quoteName(output.view), folder, fileName(0, context.fileSuffix), context)
  context.onProgress({ phase: 'write', percent: 100 })
  if (file.rows > 0) return [file]
  fs.rmSync(folder, { recursive: true })
  return []
}

/** Writes a split output in one go, each part as one file in the folder of its index. */
export async function writeParts(
  session: Session,
  output: PlanOutput,
  { by, values }: { by: string; values: string[] },
  context: EngineContext & { staging: string },
): Promise<StagedFile[]> {
  const folder = path.join(context.staging, output.name)
  const [name, made] = [fileName(0, context.fileSuffix), path.join(folder, 'parts')]
  fs.mkdirSync(folder, { recursive: true })
  const cases = values.map((value, index) => `WHEN ${quoteText(value)} THEN ${index}`).join(' ')
  const stats = await session.rows(
    `COPY (SELECT ${castColumns(output)}, CASE ${quoteName(by)} ${cases} END AS "$part" FROM ${quoteName(output.view)} WHERE ${quoteName(by)} IN (${values.map(quoteText).join(', ')}))
     TO ${quoteText(made)} (FORMAT parquet, COMPRESSION ${output.codec}, ${writing}, PARTITION_BY ("$part"), FILENAME_PATTERN 'part-', RETURN_STATS)`,
  )
  const files: StagedFile[] = []
  for (const { filename, count, file_size_bytes: bytes } of stats) {
    const own = path.dirname(String(filename))
    const part = Number(/=(\d+)$/.exec(own)?.[1])
    fs.renameSync(String(filename), path.join(own, name))
    fs.renameSync(own, path.join(folder, String(part)))
    files.push({
      output: output.name,
      path: `${output.name}/${part}/${name}`,
      rows: Number(count),
      bytes: Number(bytes),
      part,
    })
  }
  fs.rmSync(made, { recursive: true, force: true })
  context.onProgress({ phase: 'write', percent: 100 })
  return files.sort((a, b) => (a.part ?? 0) - (b.part ?? 0))
}

function castColumns({ columns }: PlanOutput): string {
  return columns
    .map(({ name, type }) => `CAST(${quoteName(name)} AS ${duckdbType(type)}) AS ${quoteName(name)}`)
    .join(', ')
}

function fileName(index: number, suffix: string): string {
  return `part-${String(index).padStart(5, '0')}-${suffix}.parquet`
}

async function copy(
  session: Session,
  output: PlanOutput,
  from: string,
  folder: string,
  name: string,
  { memoryBytes, threads }: EngineContext,
): Promise<StagedFile> {
  const target = path.join(folder, name)
  const share = Math.floor(engineBytes(memoryBytes) / (4 * threads))
  const groupBytes = Math.min(groupBytesMax, Math.max(groupBytesMin, share))
  const [stats] = await session.rows(
    `COPY (SELECT ${castColumns(output)} FROM ${from}) TO ${quoteText(target)} (FORMAT parquet, COMPRESSION ${output.codec}, ${writing}, ROW_GROUP_SIZE_BYTES ${groupBytes}, RETURN_STATS)`,
  )
  const file = {
    output: output.name,
    path: `${output.name}/${name}`,
    rows: Number(stats?.count),
    bytes: Number(stats?.file_size_bytes),
  }
  return file
}

/** The number of the first row of every file, so that row counts differ by at most one. */
async function fileStarts(session: Session, relation: NumberedRelation, fileCount: number): Promise<number[]> {
  const places = Array.from({ length: fileCount }, (_, index) => Math.floor((index * relation.rows) / fileCount))
  if (relation.isDense) return places
  const rows = await session.rows(`
    SELECT number FROM (
      SELECT ${relation.number} AS number, row_number() OVER (ORDER BY ${relation.number}) - 1 AS place FROM ${relation.from}
    ) WHERE place IN (${places.join(', ')}) ORDER BY place`)
  return rows.map((row) => Number(row.number))
}

function rangeOf(number: string, starts: number[], index: number): string {
  const bounds: string[] = []
  const [start, end] = [starts[index], starts[index + 1]]
  if (index > 0) bounds.push(`${number} >= ${start}`)
  if (end !== undefined) bounds.push(`${number} < ${end}`)
  return bounds.length === 0 ? '' : ` WHERE ${bounds.join(' AND ')}`
}

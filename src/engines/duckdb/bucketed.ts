/** Writes a view as the files of Hive's buckets, each sorted. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { assert } from '../../errors.ts'
import { bucketFileName } from '../../formats/hive-bucket.ts'
import type { EngineContext, PlanOutput, StagedFile } from '../../types.ts'
import { quoteName, quoteText } from '../portable.ts'
import { bucketFunctions, bucketSql } from './bucket-hash.ts'
import { duckdbType, fileList } from './relations.ts'
import { engineBytes, type Session } from './session.ts'
import { sideBySide } from './side-by-side.ts'

export type BucketedOutput = PlanOutput & { bucketed: NonNullable<PlanOutput['bucketed']> }
type Staging = EngineContext & { staging: string }
/** The rows of a bucket in the sorted table: from row to row (exclusive). */
type Range = { bucket: number; start: number; end: number }

// What a value takes on its way to a file, nearly: a number 8 bytes, a short text 16 and more.
const valueBytes = 24
const heldShare = 1 / 4 // of the memory, for the rows of all statements side by side
// All files of a statement are open until its end, and what each column of each then holds does not spill: 24 to 54 KB as measured.
const openColumnBytes = 48 * 2 ** 10
const filesMax = 8 // more at a time save nothing

/**
 * Writes a bucketed output. The rows are sorted by bucket and key into a table, which spills; then a few buckets at a time are written
 * by one statement, since one for each takes longer than its rows do, and several such statements side by side.
 */
export async function writeBucketed(session: Session, output: BucketedOutput, context: Staging): Promise<StagedFile[]> {
  await session.define(bucketFunctions)
  const table = quoteName(`${output.name}$sorted`)
  const ranges = await sortRows(session, output, table)
  const folder = path.join(context.staging, output.name)
  if (ranges.length > 0) fs.mkdirSync(folder, { recursive: true })
  const groups = groupsOf(ranges, output, context)
  const writer = { output, folder, table, options: optionsOf(output, ranges) }
  let done = 0
  const written = await onEveryThread(session, groups, context.threads, async (own, group) => {
    done += group.length
    context.onProgress({ phase: 'write', percent: (100 * done) / ranges.length })
    return group.length > 1 ? await writeSeveral(own, writer, group) : [await writeOne(own, writer, group[0] as Range)]
  })
  const files = new Map(written.flat().map((file) => [file.path, file]))
  for (const file of await mendOrder(session, writer, groups, context)) files.set(file.path, file)
  await session.run(`DROP TABLE ${table}`)
  return [...files.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** Makes the table, whose columns are `c0`, `c1`, … and `bucket`: no name of the data is in the way, such as `rowid`. */
async function sortRows(session: Session, output: BucketedOutput, table: string): Promise<Range[]> {
  const { columns, bucketed, view } = output
  const casts = columns.map(({ name, type }, at) => `CAST(${quoteName(name)} AS ${duckdbType(type)}) AS c${at}`)
  const keys = bucketed.columns.map((name) => {
    const at = columns.findIndex((column) => column.name === name)
    assert(at >= 0, `bucket column ${name} is written`)
    return { sql: `c${at}`, type: columns[at]?.type as string }
  })
  await session.run(`
    CREATE TABLE ${table} AS SELECT *, ${bucketSql(keys, bucketed)} AS bucket FROM (SELECT ${casts.join(', ')} FROM ${quoteName(view)})
    ORDER BY bucket, ${keys.map(({ sql }) => `${sql} ASC NULLS FIRST`).join(', ')}`)
  const counts = await session.rows(`SELECT bucket, count(*) AS n FROM ${table} GROUP BY bucket ORDER BY bucket`)
  let start = 0
  return counts.map(({ bucket, n }) => {
    const range = { bucket: Number(bucket), start, end: start + Number(n) }
    start = range.end
    return range
  })
}

/** Buckets beside each other, to be written by one statement. */
function groupsOf(ranges: readonly Range[], { columns }: BucketedOutput, context: Staging): Range[][] {
  const { threads, memoryBytes } = context
  const bytesPerColumn = (engineBytes(memoryBytes) * heldShare) / threads / columns.length
  const [rowsFitting, filesFitting] = [
    bytesPerColumn / valueBytes,
    Math.min(filesMax, bytesPerColumn / openColumnBytes),
  ]
  // A column of such a name would be in the way of looking at the order.
  const isOdd = columns.some(({ name }) => /^(\$bucket|file_index|file_row_number)$/i.test(name))
  const groups: Range[][] = []
  for (const range of ranges) {
    const last = groups.at(-1)
    const isFull = last === undefined || last.length >= filesFitting || range.end - (last[0]?.start ?? 0) > rowsFitting
    if (isFull || isOdd) groups.push([range])
    else last.push(range)
  }
  return groups
}

type Writer = { output: BucketedOutput; folder: string; table: string; options: string }

function rowsSql({ output, table }: Writer, start: number, end: number, more = ''): string {
  const names = output.columns.map(({ name }, at) => `c${at} AS ${quoteName(name)}`).join(', ')
  return `SELECT ${names}${more} FROM ${table} WHERE rowid >= ${start} AND rowid < ${end}`
}

async function writeOne(session: Session, writer: Writer, { bucket, start, end }: Range): Promise<StagedFile> {
  const target = quoteText(path.join(writer.folder, bucketFileName(bucket)))
  const [stats] = await session.rows(`COPY (${rowsSql(writer, start, end)}) TO ${target} (${writer.options})`)
  return stagedFile(writer.output, bucket, stats)
}

async function writeSeveral(session: Session, writer: Writer, group: readonly Range[]): Promise<StagedFile[]> {
  const { output, folder, options } = writer
  const [first, last] = [group[0], group.at(-1)] as [Range, Range]
  const made = path.join(folder, `parts-${first.bucket}`)
  const rows = rowsSql(writer, first.start, last.end, ', bucket AS "$bucket"')
  const stats = await session.rows(
    `COPY (${rows}) TO ${quoteText(made)} (${options}, PARTITION_BY ("$bucket"), FILENAME_PATTERN 'part-')`,
  )
  const files = stats.map((own) => {
    const bucket = Number(/=(\d+)$/.exec(path.dirname(String(own.filename)))?.[1])
    const target = path.join(folder, bucketFileName(bucket))
    assert(!fs.existsSync(target), `DuckDB wrote bucket ${bucket} of ${output.name} as several files`)
    fs.renameSync(String(own.filename), target)
    return stagedFile(output, bucket, own)
  })
  fs.rmSync(made, { recursive: true })
  return files
}

/**
 * As many connections as there are threads, also where there is less to do: a thread that is left over would help one of them, and
 * two threads do not keep the order of rows.
 */
async function onEveryThread<Work, Result>(
  session: Session,
  works: readonly Work[],
  threads: number,
  act: (session: Session, work: Work) => Promise<Result>,
): Promise<Result[]> {
  const pieces = { count: works.length, connections: threads }
  return await sideBySide(session, pieces, (own, index) => act(own, works[index] as Work))
}

/**
 * Writes anew, alone, the buckets whose file is not in order: of which a chunk had less than 64 rows before the others. DuckDB 1.5
 * collects that few rows of a partition, and writes more at once. They are three of a hundred.
 */
async function mendOrder(
  session: Session,
  writer: Writer,
  groups: readonly Range[][],
  { threads }: Staging,
): Promise<StagedFile[]> {
  const ranges = groups.filter((group) => group.length > 1).flat()
  const each = Math.ceil(ranges.length / threads)
  const lists = Array.from({ length: threads }, (_, at) => ranges.slice(at * each, (at + 1) * each))
  const wanted = lists.filter((list) => list.length > 0)
  const unsorted = await onEveryThread(session, wanted, threads, (own, list) => unsortedOf(own, writer, list))
  return await onEveryThread(session, unsorted.flat(), threads, (own, range) => writeOne(own, writer, range))
}

async function unsortedOf(session: Session, { output, folder }: Writer, ranges: readonly Range[]): Promise<Range[]> {
  const keys = output.bucketed.columns.map((name) => `${quoteName(name)}, 'ASC NULLS FIRST'`).join(', ')
  const files = fileList(ranges.map(({ bucket }) => path.join(folder, bucketFileName(bucket))))
  // Windows without an order see the rows as they are read. What came otherwise than in place is taken for unsorted.
  const rows = await session.rows(`
    SELECT DISTINCT file FROM (
      SELECT file, place, key, lag(place) OVER () AS place_before, lag(key) OVER () AS key_before FROM (
        -- Here alone the columns have their own names, which may be the ones above.
        SELECT file_index AS file, file_row_number AS place, create_sort_key(${keys}) AS key
        FROM read_parquet(${files}, hive_partitioning = false))
    ) WHERE place > 0 AND (place_before IS DISTINCT FROM place - 1 OR key_before > key)`)
  return rows.map(({ file }) => ranges[Number(file)] as Range)
}

/** Small files have few rows to find a repeated value among: trying for longer only takes time. */
function optionsOf({ codec }: PlanOutput, ranges: readonly Range[]): string {
  const rowsEach = (ranges.at(-1)?.end ?? 0) / Math.max(1, ranges.length)
  const dictionary = Math.round(Math.min(2000, Math.max(100, rowsEach / 8)))
  return `FORMAT parquet, COMPRESSION ${codec}, DICTIONARY_SIZE_LIMIT ${dictionary}, WRITE_BLOOM_FILTER false, RETURN_STATS`
}

function stagedFile({ name }: PlanOutput, bucket: number, stats: Record<string, unknown> | undefined): StagedFile {
  const [rows, bytes] = [Number(stats?.count), Number(stats?.file_size_bytes)]
  return { output: name, path: `${name}/${bucketFileName(bucket)}`, rows, bytes }
}

/** Writes a view as the files of Hive's buckets, each sorted. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { assert, hasCode } from '../../errors.ts'
import { bucketFileName } from '../../formats/hive-bucket.ts'
import type { EngineContext, PlanOutput, StagedFile } from '../../types.ts'
import { quoteName, quoteText } from '../portable.ts'
import { bucketFunctions, bucketSql } from './bucket-hash.ts'
import { duckdbType, fileList } from './relations.ts'
import { engineBytes, type Session } from './session.ts'

/** `rowsRead`: about how many rows there are. */
export type BucketedOutput = PlanOutput & { bucketed: NonNullable<PlanOutput['bucketed']>; rowsRead: number }
type Staging = EngineContext & { staging: string }
/** What a file is written from: a bucket, and the rows that it has. */
type Part = { bucket: number; from: string }

// DuckDB writes a partitioned copy on several threads, each some 100,000 sorted rows at a time, and rows of one bucket that two
// threads wrote are to be sorted once more. Beyond this, too many buckets are such ones.
const rowsEachMax = 30_000
// All files are open until the end. What every column of each then holds does not spill: 24 to 54 KB as measured.
const openColumnBytes = 48 * 2 ** 10
const sortBytes = 128 * 2 ** 20

/**
 * Writes a bucketed output: small buckets all in one go where memory allows it, since a statement for each takes longer than its
 * rows, others one by one.
 */
export async function writeBucketed(session: Session, output: BucketedOutput, context: Staging): Promise<StagedFile[]> {
  await session.define(bucketFunctions)
  const folder = path.join(context.staging, output.name)
  fs.mkdirSync(folder, { recursive: true })
  const files = await writeFiles(session, output, folder, context)
  if (files.length === 0) fs.rmSync(folder, { recursive: true })
  return files.sort((a, b) => (a.path < b.path ? -1 : 1))
}

async function writeFiles(
  session: Session,
  output: BucketedOutput,
  folder: string,
  context: Staging,
): Promise<StagedFile[]> {
  if (!isTogether(output, context)) return await writeApart(session, output, folder, context)
  try {
    return await writeTogether(session, output, folder, context)
  } catch (error) {
    // Plans side by side share the memory, so nobody knows beforehand what there is of it.
    if (!hasCode(error, 'memory')) throw error
    fs.rmSync(folder, { recursive: true })
    fs.mkdirSync(folder)
    return await writeApart(session, output, folder, context)
  }
}

function isTogether({ columns, bucketed, rowsRead }: BucketedOutput, { memoryBytes }: Staging): boolean {
  // A column of such a name would be in the way of looking at the order.
  if (columns.some(({ name }) => /^(\$bucket|file_index|file_row_number)$/i.test(name))) return false
  const files = Math.min(bucketed.count, rowsRead)
  const bytes = sortBytes + files * columns.length * openColumnBytes
  return rowsRead / bucketed.count <= rowsEachMax && bytes <= engineBytes(memoryBytes) / 2
}

/** Sorts all rows into a table, which spills, and writes its ranges, each on one thread, which keeps their order. */
async function writeApart(
  session: Session,
  output: BucketedOutput,
  folder: string,
  context: Staging,
): Promise<StagedFile[]> {
  const table = quoteName(`${output.name}$sorted`)
  const { columns, bucketed, view } = output
  // The table's columns have names of ours: none of the data is in the way, such as `rowid`.
  const casts = columns.map((column, at) => `${castOf(column)} AS c${at}`)
  const keys = keysOf(output, (_, at) => `c${at}`)
  await session.run(`
    CREATE TABLE ${table} AS SELECT *, ${bucketSql(keys, bucketed)} AS bucket
    FROM (SELECT ${casts.join(', ')} FROM ${quoteName(view)}) ORDER BY bucket, ${orderOf(keys)}`)
  const counts = await session.rows(`SELECT bucket, count(*) AS n FROM ${table} GROUP BY bucket ORDER BY bucket`)
  const names = columns.map(({ name }, at) => `c${at} AS ${quoteName(name)}`).join(', ')
  let start = 0
  const parts = counts.map(({ bucket, n }): Part => {
    const own = `WHERE rowid >= ${start} AND rowid < ${start + Number(n)}`
    start += Number(n)
    return { bucket: Number(bucket), from: `SELECT ${names} FROM ${table} ${own}` }
  })
  const files = await writeParts(session, output, folder, parts, context)
  await session.run(`DROP TABLE ${table}`)
  return files
}

/** Writes all buckets by one statement, looks whether their rows are in order, and sorts the few once more that are not. */
async function writeTogether(
  session: Session,
  output: BucketedOutput,
  folder: string,
  context: Staging,
): Promise<StagedFile[]> {
  const { columns, bucketed, view } = output
  const casts = columns.map((column) => `${castOf(column)} AS ${quoteName(column.name)}`)
  const keys = keysOf(output, ({ name }) => quoteName(name))
  const made = path.join(folder, 'parts')
  const stats = await session.rows(`
    COPY (SELECT *, ${bucketSql(keys, bucketed)} AS "$bucket" FROM (SELECT ${casts.join(', ')} FROM ${quoteName(view)})
      ORDER BY "$bucket", ${orderOf(keys)})
    TO ${quoteText(made)} (${optionsOf(output)}, PARTITION_BY ("$bucket"), FILENAME_PATTERN 'part-{i}')`)
  const files = new Map<number, StagedFile>()
  const unsorted = new Set<number>()
  for (const own of stats) {
    const bucket = Number(/=(\d+)$/.exec(path.dirname(String(own.filename)))?.[1])
    if (files.has(bucket)) unsorted.add(bucket)
    else fs.renameSync(String(own.filename), path.join(folder, bucketFileName(bucket)))
    files.set(bucket, stagedFile(output, bucket, own))
  }
  context.onProgress({ phase: 'write', percent: 90 })
  for (const bucket of await unsortedBuckets(session, output, folder, [...files.keys()], context)) unsorted.add(bucket)
  const parts = [...unsorted].map((bucket): Part => {
    const first = path.join(made, `first-${bucket}.parquet`)
    fs.renameSync(path.join(folder, bucketFileName(bucket)), first)
    const more = stats
      .map(({ filename }) => String(filename))
      .filter((name) => path.dirname(name).endsWith(`=${bucket}`))
    const list = fileList([first, ...more.filter((name) => fs.existsSync(name))])
    return { bucket, from: `SELECT * FROM read_parquet(${list}, hive_partitioning = false) ORDER BY ${orderOf(keys)}` }
  })
  for (const file of await writeParts(session, output, folder, parts, context)) {
    files.set(Number.parseInt(path.basename(file.path), 10), file)
  }
  fs.rmSync(made, { recursive: true, force: true })
  return [...files.values()]
}

/** Writes the files of these buckets, several side by side. */
async function writeParts(
  session: Session,
  output: BucketedOutput,
  folder: string,
  parts: Part[],
  { threads, onProgress }: Staging,
): Promise<StagedFile[]> {
  let done = 0
  return await sideBySide(session, parts, threads, async (own, { bucket, from }) => {
    const target = quoteText(path.join(folder, bucketFileName(bucket)))
    const [stats] = await own.rows(`COPY (${from}) TO ${target} (${optionsOf(output)})`)
    done += 1
    onProgress({ phase: 'write', percent: (100 * done) / parts.length })
    return stagedFile(output, bucket, stats)
  })
}

/**
 * As many connections as there are threads, also where there is less to do: a thread that is left over would help one of them, and
 * two threads do not keep the order of rows.
 */
async function sideBySide<Work, Result>(
  session: Session,
  works: readonly Work[],
  threads: number,
  act: (session: Session, work: Work) => Promise<Result>,
): Promise<Result[]> {
  if (works.length === 0) return []
  const forks = await Promise.all(Array.from({ length: threads - 1 }, () => session.fork()))
  const waiting = [...works]
  const results: Result[] = []
  const run = async (own: Session): Promise<void> => {
    for (let work = waiting.shift(); work !== undefined; work = waiting.shift()) results.push(await act(own, work))
  }
  try {
    // All of them end before the connections close, also when one fails.
    const ends = await Promise.allSettled([session, ...forks].map(run))
    const failed = ends.find((end) => end.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    return results
  } finally {
    for (const fork of forks) fork.close()
  }
}

/**
 * The buckets whose file is not in order. Beside what several threads wrote, those of which a chunk had less than 64 rows before the
 * others: DuckDB 1.5 collects that few and writes more at once. Three of a hundred on one thread.
 */
async function unsortedBuckets(
  session: Session,
  output: BucketedOutput,
  folder: string,
  buckets: readonly number[],
  { threads }: Staging,
): Promise<number[]> {
  const keys = output.bucketed.columns.map((name) => `${quoteName(name)}, 'ASC NULLS FIRST'`).join(', ')
  const each = Math.ceil(buckets.length / threads)
  const lists = Array.from({ length: threads }, (_, at) => buckets.slice(at * each, (at + 1) * each))
  const found = await sideBySide(
    session,
    lists.filter((list) => list.length > 0),
    threads,
    async (own, list) => {
      const files = fileList(list.map((bucket) => path.join(folder, bucketFileName(bucket))))
      // Windows without an order see the rows as they are read. What came otherwise than in place is taken for unsorted.
      const rows = await own.rows(`
        SELECT DISTINCT file FROM (
          SELECT file_index AS file, file_row_number AS place, create_sort_key(${keys}) AS key,
            lag(place) OVER () AS place_before, lag(key) OVER () AS key_before
          FROM read_parquet(${files}, hive_partitioning = false)
        ) WHERE place > 0 AND (place_before IS DISTINCT FROM place - 1 OR key_before > key)`)
      return rows.map(({ file }) => list[Number(file)] as number)
    },
  )
  return found.flat()
}

function castOf({ name, type }: PlanOutput['columns'][number]): string {
  return `CAST(${quoteName(name)} AS ${duckdbType(type)})`
}

type Key = { sql: string; type: string }

function keysOf(
  { columns, bucketed }: BucketedOutput,
  sqlOf: (column: PlanOutput['columns'][number], at: number) => string,
): Key[] {
  return bucketed.columns.map((name) => {
    const at = columns.findIndex((column) => column.name === name)
    const column = columns[at]
    assert(column !== undefined, `bucket column ${name} is written`)
    return { sql: sqlOf(column, at), type: column.type }
  })
}

function orderOf(keys: readonly Key[]): string {
  return keys.map(({ sql }) => `${sql} ASC NULLS FIRST`).join(', ')
}

/** Small files have few rows to find a repeated value among: trying for longer only takes time. */
function optionsOf({ codec, rowsRead, bucketed }: BucketedOutput): string {
  const dictionary = Math.round(Math.min(2000, Math.max(100, rowsRead / bucketed.count / 8)))
  return `FORMAT parquet, COMPRESSION ${codec}, DICTIONARY_SIZE_LIMIT ${dictionary}, WRITE_BLOOM_FILTER false, RETURN_STATS`
}

function stagedFile({ name }: PlanOutput, bucket: number, stats: Record<string, unknown> | undefined): StagedFile {
  const [rows, bytes] = [Number(stats?.count), Number(stats?.file_size_bytes)]
  return { output: name, path: `${name}/${bucketFileName(bucket)}`, rows, bytes }
}

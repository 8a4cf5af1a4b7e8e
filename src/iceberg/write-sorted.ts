/** Writes rows in a table's sort order. */
import { randomUUID } from 'node:crypto'
import * as fs from 'node:fs'
import type { Session } from '../engines/duckdb/session.ts'
import { quoteName } from '../engines/portable.ts'
import { MillraceError } from '../errors.ts'
import { expressionOf } from './column-types.ts'
import type { WrittenFile } from './file-statistics.ts'
import { defaultSortOrder } from './metadata.ts'
import { columnList, copy, targetBytes, type Writing } from './parquet-copy.ts'
import { partColumn, partitionColumns } from './partition-columns.ts'
import { parseTransform, transformSql } from './transforms.ts'
import type { Schema, SortOrder } from './types.ts'

const sampleRows = 10_000 // of which the bytes of a row are known well enough; fewer rows are one file in any case

/** Rows in the table's order; each file is a range of it within one partition. */
export async function writeSorted(writing: Writing, from: string): Promise<WrittenFile[]> {
  const { session, schema } = writing
  const table = `memory.main.${quoteName(`sorted-${randomUUID()}`)}` // several connections read it
  const parts = partitionColumns(writing)
  const names = parts.map((_, index) => quoteName(partColumn(index)))
  const order = [...names, ...sortTerms(schema, defaultSortOrder(writing.metadata))].join(', ')
  const columns = columnList(schema).join(', ')
  try {
    await session.run(
      `CREATE TABLE ${table} AS SELECT ${[columns, ...parts].join(', ')} FROM ${from} ORDER BY ${order}`,
    )
    const pieces = await piecesOf(writing, table, names)
    return await sideBySide(session, pieces, async (own, { keys, start, end }) => {
      const rows = `SELECT ${columns} FROM ${table} WHERE rowid >= ${start} AND rowid < ${end} ORDER BY rowid`
      const [file] = await copy({ ...writing, session: own }, rows, `${writing.draft}/${randomUUID()}.parquet`, '')
      return { ...(file as WrittenFile), partition_keys: keys }
    })
  } finally {
    await session.run(`DROP TABLE IF EXISTS ${table}`)
  }
}

/** Rows of a sorted table that make one file, and the texts of their partition. */
type Piece = { keys: Map<string, string>; start: number; end: number }

async function piecesOf(writing: Writing, table: string, names: readonly string[]): Promise<Piece[]> {
  const groups = await writing.session.rows(`
    SELECT ${[...names, 'min(rowid) AS first', 'count(*) AS rows'].join(', ')} FROM ${table}
    ${names.length === 0 ? '' : `GROUP BY ${names.join(', ')}`} HAVING count(*) > 0 ORDER BY first`)
  if (groups.length === 0) return []
  const rowsPerFile = await rowsOfTarget(writing, table)
  return groups.flatMap((group) => {
    const keys = new Map(names.map((_, index) => [partColumn(index), String(group[partColumn(index)])]))
    return ranges(Number(group.first), Number(group.rows), rowsPerFile).map(([start, end]) => ({ keys, start, end }))
  })
}

const filesAtOnce = 4 // a sorted file is written by one thread, and has its rows in memory

/** Does something with each of several values, over a few connections. */
async function sideBySide<T, R>(
  session: Session,
  values: readonly T[],
  act: (own: Session, value: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = []
  const queue = [...values.entries()]
  const work = async (own: Session): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) results[next[0]] = await act(own, next[1])
  }
  const forks = await Promise.all(Array.from({ length: Math.min(filesAtOnce, values.length) }, () => session.fork()))
  try {
    // All of them end before the connections close, also when one fails.
    const ends = await Promise.allSettled(forks.map(work))
    const failed = ends.find((end) => end.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    return results
  } finally {
    for (const fork of forks) fork.close()
  }
}

/** How many rows make a file of the size asked for, by writing some of them. */
async function rowsOfTarget(writing: Writing, table: string): Promise<number> {
  const sample = `${writing.draft}/sample.parquet`
  const [file] = await copy(
    writing,
    `SELECT ${columnList(writing.schema).join(', ')} FROM ${table} LIMIT ${sampleRows}`,
    sample,
    '',
  )
  fs.rmSync(sample)
  if (file === undefined || file.count < sampleRows) return Number.MAX_SAFE_INTEGER
  return Math.max(1, Math.ceil((targetBytes(writing.metadata) * sampleRows) / Number(file.file_size_bytes)))
}

/** Even ranges of about so many rows, none smaller than two thirds of it unless it is the only one. */
function ranges(first: number, rows: number, about: number): [start: number, end: number][] {
  const count = Math.max(1, Math.round(rows / about))
  return Array.from({ length: count }, (_, index) => [
    first + Math.floor((index * rows) / count),
    first + Math.floor(((index + 1) * rows) / count),
  ])
}

function sortTerms(schema: Schema, order: SortOrder): string[] {
  return order.fields.map((field) => {
    const source = expressionOf(schema, field['source-id'])
    if (source === undefined)
      throw new MillraceError('engine', `the sort order names the field ${field['source-id']}, which is no column`)
    // All transforms but this keep the order of the values.
    const isBucket = parseTransform(field.transform).kind === 'bucket'
    const key = isBucket ? `CAST(${transformSql(field.transform, source.type, source.sql)} AS INTEGER)` : source.sql
    return `${key} ${field.direction} ${field['null-order'] === 'nulls-first' ? 'NULLS FIRST' : 'NULLS LAST'}`
  })
}

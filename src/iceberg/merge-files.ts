/** Which files of a table a merge has to look into: those whose bounds or partition leave room for a key of the source. */
import type { Session } from '../engines/duckdb/session.ts'
import { quoteName } from '../engines/portable.ts'
import { duckdbType, literal, statisticValue } from './column-types.ts'
import { describe } from './conversion.ts'
import { mayMatch, type Predicate } from './predicates.ts'
import { narrowed, type Scan, type ScanFile, type ScanOptions } from './scan.ts'
import { findField } from './schema.ts'
import { sourceColumn } from './source.ts'
import { rowsOf } from './summary.ts'
import { parseTransform, transformSql } from './transforms.ts'
import type { DataFile, Field, PartitionSpec, PartitionValue, TableMetadata } from './types.ts'
import { decodeValue, partitionKey } from './values.ts'

/** A key column: the table's field, and whether a NULL in the source finds a NULL in the table. */
export type MergeKey = { field: Field; matchesNull: boolean }

const ordered = /^(int|long|date|time|timestamp|timestamptz|string|decimal.*)$/
const pointsShareMax = 0.25 // of the table's rows: for a larger source, sorting its keys costs more than the files left out save

/** Bounds of a source's keys, as predicates that every matching row fulfils; columns with NULLs that match have none. */
export async function keyBounds(session: Session, source: string, keys: readonly MergeKey[]): Promise<Predicate[]> {
  const bounded = keys.filter(({ field, matchesNull }) => !matchesNull && ordered.test(String(field.type)))
  if (bounded.length === 0) return []
  const terms = bounded.flatMap(({ field }, index) =>
    ['min', 'max'].map((bound) => `CAST(${bound}(${quoteName(field.name)}) AS VARCHAR) AS ${bound}${index}`),
  )
  const [row] = await session.rows(`SELECT ${terms.join(', ')} FROM ${source}`)
  return bounded.flatMap(({ field }, index) =>
    (['min', 'max'] as const).flatMap((bound): Predicate[] => {
      const text = row?.[`${bound}${index}`]
      const value = typeof text === 'string' ? statisticValue(String(field.type), text) : null
      if (value === null) return []
      return [{ id: field.id, type: String(field.type), operator: bound === 'min' ? '>=' : '<=', values: [value] }]
    }),
  )
}

/** Narrows a scan to the files that may have a row for one of the source's keys. */
export async function narrowedToKeys(
  session: Session,
  metadata: TableMetadata,
  scan: Scan,
  source: { from: string; rows: number },
  keys: readonly MergeKey[],
  bounds: readonly Predicate[],
): Promise<Scan> {
  if (source.rows === 0) return narrowed(scan, () => false)
  const specs = new Map(metadata['partition-specs'].map((spec) => [spec['spec-id'], spec]))
  let kept = narrowed(scan, (file) => mayMatch(file, bounds, specs.get(file.spec_id)))
  kept = await narrowedToBuckets(session, kept, source.from, keys, specs)
  if (kept.files.length < 2 || source.rows > pointsShareMax * rowsOf(kept.files)) return kept
  for (const key of keys) kept = await narrowedToPoints(session, kept, source.from, key)
  return kept
}

/** Narrows a scan to the files that may have one of the values of each relation; values of another type than the column's say nothing. */
export async function narrowedAmong(
  session: Session,
  scan: Scan,
  among: NonNullable<ScanOptions['among']>,
): Promise<Scan> {
  let kept = scan
  for (const { column, values } of among) {
    if (kept.files.length < 2) break
    const field = findField(scan.schema, column)
    const type = sourceColumn(await describe(session, values), column)?.type
    if (type !== duckdbType(field.type)) continue
    kept = await narrowedToPoints(session, kept, values, { field, matchesNull: false })
  }
  return kept
}

/** Leaves out the files within whose bounds of a column no key of the source lies. */
async function narrowedToPoints(session: Session, scan: Scan, source: string, key: MergeKey): Promise<Scan> {
  const { field, matchesNull } = key
  const type = String(field.type)
  if (!ordered.test(type) || scan.files.length < 2) return scan
  const ranges = scan.files.flatMap((file, index) => {
    const [lower, upper] = [file.lower_bounds?.get(field.id), file.upper_bounds?.get(field.id)]
    if (lower === undefined || upper === undefined || (matchesNull && mayHaveNull(file, field))) return []
    const values = [lower, upper].map((bytes) => literal(type, decodeValue(type, bytes)))
    return [{ index, sql: `(${index}, ${values.join(', ')})` }]
  })
  if (ranges.length === 0) return scan
  const name = quoteName(field.name)
  const hits = await session.rows(`
    SELECT f.number FROM (VALUES ${ranges.map(({ sql }) => sql).join(', ')}) AS f(number, lower, upper)
    ASOF JOIN (SELECT DISTINCT ${name} AS value FROM ${source} WHERE ${name} IS NOT NULL) AS s ON f.lower <= s.value
    WHERE s.value <= f.upper`)
  const hit = new Set(hits.map((row) => Number(row.number)))
  const missed = new Set(ranges.filter(({ index }) => !hit.has(index)).map(({ index }) => scan.files[index]))
  return narrowed(scan, (file) => !missed.has(file as ScanFile))
}

function mayHaveNull(file: DataFile, field: Field): boolean {
  return file.null_value_counts?.get(field.id) !== 0
}

/** Leaves out the files of buckets in which no key of the source lies. */
async function narrowedToBuckets(
  session: Session,
  scan: Scan,
  source: string,
  keys: readonly MergeKey[],
  specs: ReadonlyMap<number, PartitionSpec>,
): Promise<Scan> {
  let kept = scan
  for (const { field, matchesNull } of keys) {
    if (matchesNull) continue
    for (const spec of specs.values()) {
      const index = spec.fields.findIndex(
        (part) => part['source-id'] === field.id && parseTransform(part.transform).kind === 'bucket',
      )
      const part = spec.fields[index]
      if (part === undefined || !kept.files.some((file) => file.spec_id === spec['spec-id'])) continue
      const bucket = transformSql(part.transform, field.type, quoteName(field.name))
      const rows = await session.rows(`SELECT DISTINCT CAST(${bucket} AS INTEGER) AS bucket FROM ${source}`)
      const buckets = new Set(rows.map((row) => partitionKey([row.bucket as PartitionValue])))
      kept = narrowed(kept, (file) => {
        return file.spec_id !== spec['spec-id'] || buckets.has(partitionKey([file.partition[index] ?? null]))
      })
    }
  }
  return kept
}

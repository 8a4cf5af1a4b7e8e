/** A believable copy of CARS as DMS writes it: a full load, then ten days of changes, with what goes wrong in practice. */
import { type Sample, type SampleFile, type SampleOptions, yesterday } from 'millrace'
import { block, changedRows, days, fileSql, loadedRows, type SampledTable } from './sample-rows.ts'
import type { References } from './sample-values.ts'
import { shippedTables } from './tables.ts'

/** What sets a table apart besides its columns. No files a day: the load is all there is. */
type Traits = Pick<SampledTable, 'filesPerDay' | 'hasLoadOp' | 'commitTimes'> & { share: number }

const plain = { filesPerDay: 2, hasLoadOp: false, commitTimes: 'changes' } as const
const full = { filesPerDay: 2, hasLoadOp: true, commitTimes: 'all' } as const
const traits: Record<string, Traits> = {
  COUNTY_OFFICE: { ...plain, share: 0.01, filesPerDay: 1 },
  FARM: { ...full, share: 0.06 },
  TRACT: { ...plain, share: 0.09 },
  FIELD: { ...full, share: 0.28, filesPerDay: 3 },
  PRODUCER: { ...full, share: 0.08 },
  FARM_PRODUCER: { ...plain, share: 0.08, commitTimes: 'none' },
  CROP: { ...plain, share: 0.01, filesPerDay: 0 },
  CROP_TYPE: { ...plain, share: 0.02, filesPerDay: 1 },
  ACREAGE_REPORT: { ...full, share: 0.08 },
  CROP_ACREAGE: { ...full, share: 0.15 },
  PRODUCER_SHARE: { ...plain, share: 0.09 },
  ASSISTANCE_PAYMENT: { ...full, share: 0.05 },
}
const landing = 'landing/cars/dbo'
const dayMs = 86_400_000
const rowsMin = 2 * block // below this a table has no keys for every kind of change

/** About `rows` rows of loads and a tenth as many changes, up to yesterday. The same seed gives the same files. */
export function sample({ rows, now, seed }: SampleOptions): Sample {
  const startMs = Date.parse(yesterday(now)) - (days - 1) * dayMs
  const tables = shippedTables().map((table, number): SampledTable => {
    const own = traits[table.table]
    if (own === undefined) throw new Error(`the sample knows no table ${table.table}`)
    const loaded = Math.max(rowsMin, Math.round(own.share * rows))
    const changes = own.filesPerDay === 0 ? 0 : Math.max(block, Math.round(loaded / 10))
    return { ...table, ...own, number, rows: loaded, changes, seed, startMs }
  })
  const references = new Map(tables.map((table) => [table.table, table.rows]))
  const changing = tables.filter(({ changes }) => changes > 0)
  return {
    // The changes of a table are made at once: planning so many columns for each file takes longer than writing it.
    prepare: changing.map((table) => `CREATE TABLE "${table.table}" AS ${changedRows(table, references)}`),
    files: [...tables.flatMap((table) => loadFiles(table, references)), ...changing.flatMap(changeFiles)],
    raw: [
      {
        path: changePath('ASSISTANCE_PAYMENT', lateOn(5, startMs)),
        content: 'PAR1 written by a task that was stopped before the footer',
      },
    ],
  }
}

/** The load; of the largest table in three files. */
function loadFiles(table: SampledTable, references: References): SampleFile[] {
  return evenRanges(table.rows, table.table === 'FIELD' ? 3 : 1).map(({ start, end }, index) => ({
    path: `${landing}/${table.table}/LOAD${String(index + 1).padStart(8, '0')}.parquet`,
    sql: fileSql(table, 0, `(${loadedRows(table, start, end, references)})`, start, end),
  }))
}

/** The changes, evenly over the files of ten days. */
function changeFiles(table: SampledTable): SampleFile[] {
  const { table: name, filesPerDay, startMs } = table
  const slotMs = dayMs / filesPerDay
  const file = ({ start, end }: Range, atMs: number): SampleFile => ({
    path: changePath(name, atMs),
    sql: fileSql(table, 1 + Math.floor((atMs - startMs) / dayMs), `"${name}"`, start, end),
  })
  const files = evenRanges(table.changes, days * filesPerDay).map((range, index) => {
    // From a third to five sixths of its part of the day: after its changes, and the last hour is free for others.
    const jitter = (Math.imul(table.seed ^ (table.number * 1000 + index), 0x9e3779b1) >>> 0) / 2 ** 32
    return { range, ...file(range, startMs + Math.floor(slotMs * (index + 1 / 3 + jitter / 2))) }
  })
  const written = files.filter(({ range }) => range.start < range.end).map(({ path, sql }) => ({ path, sql }))
  if (name === 'CROP_TYPE') written.push(file({ start: 0, end: 0 }, lateOn(2, startMs)))
  // The first file of day 7 comes again under another name, byte for byte.
  const again = files[6 * filesPerDay]
  if (name === 'FARM' && again !== undefined)
    written.push({ path: changePath(name, lateOn(7, startMs)), sql: again.sql })
  return written
}

/** Positions from `start` to `end`, exclusive; position p of `total` is in range floor(p × count / total). */
type Range = { start: number; end: number }

function evenRanges(total: number, count: number): Range[] {
  return Array.from({ length: count }, (_, index) => ({
    start: Math.ceil((index * total) / count),
    end: Math.ceil(((index + 1) * total) / count),
  }))
}

/** 23:00 of a day, the first of which is 1. */
function lateOn(day: number, startMs: number): number {
  return startMs + day * dayMs - dayMs / 24
}

/** `…/20251102-080135250.parquet`, as DMS names a file by its time. */
function changePath(table: string, atMs: number): string {
  const [date, time] = new Date(atMs)
    .toISOString()
    .replaceAll(/[-:.Z]/g, '')
    .split('T')
  return `${landing}/${table}/${date}-${time}.parquet`
}

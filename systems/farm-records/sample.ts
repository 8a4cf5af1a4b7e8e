/**
 * A believable extract of SAP and the PostgreSQL beside it: first everything, then drops of one day each, in which 2 % of the
 * producers' rows change and 1 % are new, most of them in neighbouring counties; some rows come late, some twice.
 */
import { type Sample, type SampleFile, type SampleOptions, yesterday } from 'millrace'
import { samplePostgres } from './sample-postgres.ts'
import {
  addedInvolvements,
  detailRows,
  dropCounts,
  formerRows,
  interruptionRows,
  involvementRows,
  involvements,
  partnerRows,
  type Sizes,
  tractRows,
} from './sample-rows.ts'

const dayMs = 86_400_000
const dropsMost = 30 // a day each, up to yesterday
const rowsPerFile = 1_000_000
const tractsLeast = 40 // below, a drop has not a row of every kind

/** Tables of one drop and the relations they are made of, in DuckDB. */
type Drop = { prepare: string[]; files: SampleFile[] }

/** The tables as they stand, with about `rows` producers' years, or of `drop` 1, 2, … what changed since. The same seed gives the same files. */
export function sample({ rows, now, seed, drop, params }: SampleOptions): Sample {
  const sizes = sizesOf(rows, now, seed)
  const { prepare, files } = drop === 0 ? wholeExtract(sizes) : changes(sizes, drop)
  const postgres = samplePostgres(sizes, drop, newTracts(sizes, drop), params)
  return { prepare: [...prepare, ...postgres.prepare], files, raw: [], postgres: postgres.database }
}

function sizesOf(rows: number, now: Date, seed: number): Sizes {
  const tracts = Math.max(tractsLeast, 2 * Math.round(rows / 10)) // five producers' years a tract
  const start = new Date(Date.parse(yesterday(now)) - dropsMost * dayMs)
  return {
    seed,
    tracts,
    counties: Math.max(8, Math.min(800, Math.round(tracts / 120))),
    involvements: (tracts * 5) / 2,
    producers: Math.max(10, tracts / 2),
    year: now.getUTCFullYear(),
    start: start.toISOString().slice(0, 10),
  }
}

/** The numbers of the tracts that a drop brings, the end exclusive. */
export function newTracts({ tracts }: Sizes, drop: number): { from: number; to: number } {
  const each = Math.max(2, 2 * Math.round(tracts / 4000))
  return drop === 0 ? { from: 0, to: tracts } : { from: tracts + (drop - 1) * each, to: tracts + drop * each }
}

function wholeExtract(sizes: Sizes): Drop {
  const tables = {
    ...tractRows(sizes, 'tracts', 0),
    ibpart: `${involvementRows(sizes, 'involved', 0, 0)} union all ${formerRows(sizes, 'involved')}`,
    crmd_partner: partnerRows(sizes, 'involved', 0),
    zmi_farm_partn: interruptionRows(sizes, 'involved', 0),
  }
  const fileCount = (table: string): number =>
    /^(ibpart|crmd_partner|z_)/.test(table) ? Math.ceil((sizes.tracts * 5) / 2 / rowsPerFile) : 1
  return {
    prepare: [...relations(sizes, 0), ...tablesSql(tables)],
    files: Object.keys(tables).flatMap((table) => {
      const count = fileCount(table)
      return Array.from({ length: count }, (_, index) => ({
        path: filePath(table, 0, `${index + 1}`),
        sql: `select * from sss.${table} where rowid * ${count} // (select count(*) from sss.${table}) = ${index} order by rowid`,
      }))
    }),
  }
}

/** Tracts and involvements that are new with a drop. */
function relations(sizes: Sizes, drop: number): string[] {
  const { from, to } = newTracts(sizes, drop)
  return [
    'create schema sss',
    `create table tracts as select i from range(${from}, ${to}) as numbers(i)`,
    `create table involved as select * from ${involvements(sizes, from, to)}`,
  ]
}

const tablesSql = (tables: Record<string, string>): string[] =>
  Object.entries(tables).map(([table, sql]) => `create table sss.${table} as ${sql}`)

/** A day's changes: the involvements of one stretch end anew, owners join there, a tenth of its tracts has other codes. */
function changes(sizes: Sizes, drop: number): Drop {
  const { changed } = dropCounts(sizes)
  // Five involvements are two tracts, a farm.
  const first = 5 * Math.floor((((drop - 1) * changed) % (sizes.involvements - changed + 1)) / 5)
  const [firstTract, tracts] = [(first * 2) / 5, (changed * 2) / 5]
  const part = (relation: string, version: number, at: number | 'late'): string =>
    involvementRows(sizes, relation, version, at)
  const tables = {
    ...tractRows(sizes, 'tracts', drop),
    ibpart: `${part('changed', drop, drop)} union all ${part('joined where j % 20 <> 3', 0, drop)} union all ${part('involved', 0, drop)}`,
    crmd_partner: `${partnerRows(sizes, 'joined', drop)} union all ${partnerRows(sizes, 'involved', drop)}`,
    zmi_farm_partn: interruptionRows(sizes, 'involved', drop),
  }
  const details = detailRows(
    sizes,
    `range(${firstTract}, ${firstTract + tracts}) as t(i), range(${sizes.year - 1}, ${sizes.year + 1}) as y(crop_year) where i % 10 = 6`,
    drop,
    drop,
  )
  // Images that are older than what stands, new rows that are older than all that was read, and rows that come twice.
  const late = `${part('changed where j % 20 = 1', 0, 'late')} union all ${part('joined where j % 20 = 3', 0, 'late')}`
  return {
    prepare: [
      ...relations(sizes, drop),
      `create table changed as select * from ${involvements(sizes, 0, sizes.tracts)} where j >= ${first} and j < ${first + changed}`,
      `create table joined as select * from ${addedInvolvements(sizes, drop, firstTract, tracts)}`,
      ...tablesSql(tables),
    ],
    files: [
      ...Object.keys(tables).map((table) => ({
        path: filePath(table, drop, '1'),
        sql: `select * from sss.${table} order by rowid`,
      })),
      { path: filePath('z_ibase_comp_detail', drop, '2'), sql: details },
      {
        path: filePath('ibpart', drop, '2'),
        sql: `${late} union all (select * from sss.ibpart order by rowid limit 10)`,
      },
      // The same file once more, under another name.
      { path: filePath('ibin', drop, '1-again'), sql: 'select * from sss.ibin order by rowid' },
    ],
  }
}

function filePath(table: string, drop: number, part: string): string {
  return `sss/raw/${table}/drop-${String(drop).padStart(4, '0')}-${part}.parquet`
}

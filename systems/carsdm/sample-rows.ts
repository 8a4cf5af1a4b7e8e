/** The rows of the sample: which keys are loaded and changed, and what the files of a day make of their columns. */
import { keyValue, type References, sampleValue, timestampSql, type ValuedTable } from './sample-values.ts'

/** A table of the sample: how many rows are loaded and changed, and which of its files have DMS's own columns. */
export type SampledTable = ValuedTable & {
  rows: number
  changes: number
  filesPerDay: number
  hasLoadOp: boolean
  commitTimes: 'all' | 'changes' | 'none'
}

/** Changes come in blocks of twenty that are alike: five inserts, twelve updates, three deletes. */
export const block = 20
/** The days that changes come from. */
export const days = 10
const dayMs = 86_400_000

/** Row `n` of a load is key `n`; it is no change, so `g` is −1. All were loaded in the evening before the first day. */
export function loadedRows(table: SampledTable, start: number, end: number, references: References): string {
  const committed = `${timestampSql(table.startMs - dayMs / 12)} + to_microseconds(n)`
  return withColumns(
    table,
    `SELECT n, -1 AS g, ${committed} AS committed FROM range(${start}, ${end}) AS t(n)`,
    references,
  )
}

/**
 * Change `g` of a table: its key `n` and when it was committed, four at a time, in the first third of its file's part
 * of the day. Updates hit any loaded key but those that end in 9, which are deleted: so no key is updated after it was
 * deleted, and none is deleted twice.
 */
export function changedRows(table: SampledTable, references: References): string {
  const { rows, changes, number, seed } = table
  const files = days * table.filesPerDay
  const slotUs = (dayMs * 1000) / table.filesPerDay
  const random = (of: string, position: number, below: number): string =>
    `CAST(hash(hash(${of}, ${position}, ${number}, ${seed})) % ${below} AS BIGINT)`
  // Change 7 of a block updates the key of change 6 once more.
  const turn = `(g - CASE WHEN g % ${block} = 7 THEN 1 ELSE 0 END)`
  const sinceStart = `tx * ${files} // ${changes} * ${slotUs} + tx * ${files} % ${changes} * ${slotUs} // ${3 * changes}`
  const changed = `
    SELECT g, ${timestampSql(table.startMs)} + to_microseconds(${sinceStart}) AS committed,
      CASE
        WHEN g % ${2 * block} = ${block} THEN g - 11 -- inserted again: change 17 of the block before deleted it
        WHEN g % ${block} < 5 THEN ${rows} + g -- a new key
        WHEN g % ${block} = 15 THEN ${rows} + g - 14 -- updated: inserted by change 1
        WHEN g % ${block} = 16 THEN g + 3 -- updated before change 19 deletes it
        WHEN g % ${block} = 17 THEN g - 8
        WHEN g % ${block} = 18 THEN ${rows} + g - 15 -- deleted: inserted by change 3
        WHEN g % ${block} = 19 THEN g
        ELSE 10 * ${random(turn, 1, Math.floor(rows / 10))} + ${random(turn, 2, 9)}
      END AS n
    FROM (SELECT g, g // 4 * 4 AS tx FROM range(${changes}) AS t(g))`
  return withColumns(table, changed, references)
}

/** Adds the declared columns. Change 19 of a block is a delete that knows its key only. */
function withColumns(table: SampledTable, rows: string, references: References): string {
  const columns = table.columns.map(({ name, type }) => {
    const value = table.primaryKey.includes(name)
      ? keyValue(table.table, name, 'n')
      : `CASE WHEN g % ${block} <> 19 THEN ${sampleValue(table, { name, type }, references)} END`
    return `CAST(${value} AS ${type === 'string' ? 'VARCHAR' : type}) AS "${name}"`
  })
  return `SELECT g, n, committed, ${columns.join(', ')} FROM (${rows})`
}

/** A file of the changes from `start` to `end` (exclusive) of a day, or of a load, day 0; `rows` are where they are. */
export function fileSql(table: SampledTable, day: number, rows: string, start: number, end: number): string {
  const hasOp = day > 0 || table.hasLoadOp
  const hasCommitTime = table.commitTimes === 'all' || (day > 0 && table.commitTimes === 'changes')
  const op = `CASE WHEN g % ${block} < 5 THEN 'I' WHEN g % ${block} < 17 THEN 'U' ELSE 'D' END AS "Op"`
  const columns = table.columns.flatMap(({ name }) => fileColumn(table, name, day, start, end))
  // A column that is not declared.
  if (table.table === 'PRODUCER' && day >= 6)
    columns.push(`CASE WHEN g % ${block} <> 19 THEN 'producer' || (n + 1) || '@example.com' END AS email_address`)
  const selected = [...(hasOp ? [op] : []), ...columns, ...(hasCommitTime ? ['committed AS dms_commit_ts'] : [])]
  const where = day > 0 ? `WHERE g >= ${start} AND g < ${end}` : ''
  return `SELECT ${selected.join(', ')} FROM ${rows} ${where} ORDER BY g, n`
}

/** What the source made of a declared column on a day: columns drift, and one update and one insert are wrong. */
function fileColumn(table: SampledTable, name: string, day: number, start: number, end: number): string[] {
  const wrongBlock = block * Math.floor(table.changes / (4 * block))
  switch (`${table.table}.${name}`) {
    case 'TRACT.tract_location_description':
      return [day < 4 ? name : `${name} AS "Tract_Location_Description"`]
    case 'ACREAGE_REPORT.document_number':
      return [day < 7 ? `CAST(${name} AS INTEGER) AS ${name}` : `${name} + 5000000000 AS ${name}`]
    case 'CROP_ACREAGE.reporting_method_code':
      return day < 8 ? [name] : []
    case 'PRODUCER_SHARE.producer_share_id':
      return [`CASE WHEN g <> ${wrongBlock + 2} THEN ${name} END AS ${name}`]
    case 'FIELD.reported_acres': {
      const update = wrongBlock + 5
      if (day === 0 || update < start || update >= end) return [name]
      return [`CASE WHEN g = ${update} THEN 'see map' ELSE CAST(${name} AS VARCHAR) END AS ${name}`]
    }
    default:
      return [`"${name}"`]
  }
}

/** Makes what DMS would have written: a LOAD of every table and days of changes, four files a day and table. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'
import { keptRoot, type ParquetFile, writeFiles } from '../landing.ts'

export const tablesFile = fileURLToPath(new URL('./tables.json', import.meta.url))
/** The last day of changes before the further one: a retention of ten days covers all ten. */
export const runDate = '2026-03-11'
export const furtherRunDate = '2026-03-12'

export type TableDefinition = { table: string; primaryKey: string[]; columns: Record<string, string> }

/** `first` holds the LOADs and ten days, `further` one more day; both are roots with landing/cars/dbo below. */
export type Landing = { first: string; further: string }

export type LandingSize = { rows: number; loadFiles: number; changesPerDay: number }

const loadDay = '2026-03-01'
const days = 10
const filesPerDay = 4
const newColumnFromDay = 6 // one table has a column more from then on
// DMS writes without compression unless told, in row groups of 10,000 rows; DuckDB takes multiples of 2,048.
const asDms = 'COMPRESSION uncompressed, ROW_GROUP_SIZE 10240'

/** The tables as bench/carsdm/tables.json defines them. */
export function tableDefinitions(): TableDefinition[] {
  return JSON.parse(fs.readFileSync(tablesFile, 'utf8')) as TableDefinition[]
}

/** The oldest date of the CDC zone. */
export function firstKeptDay(date: string): string {
  return new Date(Date.parse(date) - (days - 1) * 86_400_000).toISOString().slice(0, 10)
}

/** Makes both roots, or finds those that an earlier bench made. `changesPerDay` counts over all tables. */
export async function makeLanding(home: string, size: LandingSize): Promise<Landing> {
  const name = `carsdm-${size.rows}-rows-${size.loadFiles}-files-${size.changesPerDay}-changes`
  const root = await keptRoot(home, name, async (target) => {
    for (const [index, definition] of tableDefinitions().entries()) await writeTable(target, definition, index, size)
  })
  return { first: path.join(root, 'first'), further: path.join(root, 'further') }
}

async function writeTable(root: string, definition: TableDefinition, index: number, size: LandingSize): Promise<void> {
  const perDay = Math.ceil(size.changesPerDay / tableDefinitions().length)
  const folder = (part: string): string => path.join(root, part, 'landing/cars/dbo', definition.table)
  const loads = Array.from({ length: size.loadFiles }, (_, file): ParquetFile => {
    const start = (place: number): number => Math.floor((place * size.rows) / size.loadFiles)
    const name = `LOAD${(file + 1).toString(16).toUpperCase().padStart(8, '0')}.parquet`
    return {
      target: path.join(folder('first'), name),
      sql: loadSql(definition, index, start(file), start(file + 1)),
      how: asDms,
    }
  })
  const changes = Array.from({ length: (days + 1) * filesPerDay }, (_, file): ParquetFile => {
    const [day, quarter] = [Math.floor(file / filesPerDay) + 1, file % filesPerDay]
    const target = path.join(folder(day > days ? 'further' : 'first'), changesName(day, quarter, index))
    const without = index === 3 && day >= newColumnFromDay ? '' : ', risk_note'
    const sql = `SELECT * EXCLUDE (change, day, quarter${without}) FROM changes WHERE day = ${day} AND quarter = ${quarter} ORDER BY change`
    return { target, sql, how: asDms }
  })
  await writeFiles([changesSql(definition, index, size.rows, perDay)], [...loads, ...changes])
}

/** Files of a quarter close after 5 hours and a half each, every table's a little later than the one before. */
function changesName(day: number, quarter: number, index: number): string {
  const closedMs = Date.parse(loadDay) + (day * 24 + (quarter + 1) * 5.5) * 3_600_000 + index * 1_234 + 567
  const [date = '', time = ''] = new Date(closedMs).toISOString().replace('Z', '').split('T')
  return `${date.replaceAll('-', '')}-${time.replaceAll(/[:.]/g, '')}.parquet`
}

/** The tables of one DMS task write `Op` and the time of the transfer into their LOADs, those of the other do not. */
function loadSql(definition: TableDefinition, index: number, start: number, end: number): string {
  const transfer = `TIMESTAMP '${loadDay} 02:00:00' + to_microseconds(n * 700) AS dms_commit_ts`
  const own = index % 2 === 0 ? `'I' AS Op, ${transfer}, ` : ''
  return `SELECT ${own}${columnsSql(definition, index)} FROM (SELECT range AS n, 0 AS version FROM range(${start}, ${end}))`
}

/**
 * Two changes in ten insert a new key, one deletes, the others update; half of them hit one key in fifty. Three changes
 * share a commit. A few have no key, which the job has to keep out of both zones.
 */
function changesSql(definition: TableDefinition, index: number, rows: number, perDay: number): string {
  const kind = `hash(change, ${index}, 'kind') % 10`
  const old = `hash(change, ${index}, 'key') % (CASE WHEN hash(change, ${index}, 'hot') % 2 = 0 THEN ${Math.ceil(rows / 50)} ELSE ${rows} END)`
  const second = `(change % ${perDay} // 3 * 3) * 79200 / ${perDay}`
  return `
    CREATE TABLE changes AS
    SELECT
      CASE WHEN kind < 2 THEN 'I' WHEN kind = 2 THEN 'D' ELSE 'U' END AS Op,
      TIMESTAMP '${loadDay}' + to_days(CAST(day AS INTEGER)) + to_microseconds(CAST(${second} * 1000000 AS BIGINT)) AS dms_commit_ts,
      ${columnsSql(definition, index)},
      CASE WHEN change % 3 = 0 THEN 'reviewed ' || change END AS risk_note,
      change, day, quarter
    FROM (
      SELECT
        change, ${kind} AS kind, change + 1 AS version,
        change // ${perDay} + 1 AS day, change % ${perDay} * ${filesPerDay} // ${perDay} AS quarter,
        CASE WHEN change % 20011 = 7 THEN NULL WHEN kind < 2 THEN ${rows} + change ELSE CAST(${old} AS BIGINT) END AS n
      FROM (SELECT range AS change FROM range(${perDay * (days + 1)}))
    )`
}

function columnsSql({ primaryKey, columns }: TableDefinition, index: number): string {
  const terms = Object.entries(columns).map(([name, type], position) => {
    const place = primaryKey.indexOf(name)
    if (place >= 0) return `${keySql(primaryKey, place)} AS ${name}`
    // Half of the columns change from image to image.
    const random = (below: number): string =>
      `CAST(hash(n, ${position}, ${index}${position % 2 === 0 ? ', version' : ''}) % ${below} AS BIGINT)`
    return `${valueSql(name, type, random)} AS ${name}`
  })
  return terms.join(', ')
}

/** Of two columns, the second tells the rows of the first one's value apart. */
function keySql(primaryKey: string[], place: number): string {
  if (primaryKey.length === 1) return 'n + 1'
  return place === 0 ? 'coalesce(n, version) // 4 + 1' : '1000 + n % 4'
}

/** A value of the landed type, which is the declared one but for numbers (landed as int) and percentages (as text). */
function valueSql(name: string, type: string, random: (below: number) => string): string {
  const ending = name.slice(name.lastIndexOf('_') + 1)
  const [, precision, scale] = /^decimal\((\d+),(\d+)\)$/.exec(type) ?? []
  if (ending === 'percent') {
    const text = `CAST(CAST(${random(1_000_000)} AS DECIMAL(18, 0)) / 10000 AS DECIMAL(7, 4))`
    return `CASE WHEN ${random(100_003)} = 17 THEN 'n/a' ELSE CAST(${text} AS VARCHAR) END`
  }
  if (precision !== undefined) {
    const greatest = Math.min(10 ** Number(precision), 5_000_000)
    return `CASE WHEN ${random(12)} = 5 THEN NULL ELSE CAST(${random(greatest)} / 10.0 ** ${scale} AS DECIMAL(${precision}, ${scale})) END`
  }
  if (type === 'string') return textSql(ending, random)
  if (type === 'date') return `DATE '2015-01-01' + CAST(${random(4_000)} AS INTEGER)`
  if (type === 'timestamp')
    return `TIMESTAMP '2019-01-01' + to_milliseconds(${random(220_000_000)} * 1000 + ${random(1_000)})`
  if (type === 'boolean') return `${random(5)} > 0`
  if (type === 'double') return `${random(9_000_000)} / 100000.0`
  if (type === 'int') return `CAST(2000 + ${random(27)} AS INTEGER)`
  return ending === 'id' ? `${random(1_000_000)} + 1` : `CAST(${random(90_000)} + 1 AS INTEGER)`
}

function textSql(ending: string, random: (below: number) => string): string {
  const pick = (values: string[]): string => `(['${values.join("', '")}'])[${random(values.length)} + 1]`
  if (ending === 'code') return `lpad(CAST(${random(120)} AS VARCHAR), 4, '0')`
  if (ending === 'status') return pick(['Initiated', 'Certified', 'Under review', 'Approved', 'Withdrawn'])
  const words = `${pick(['Prairie', 'Cedar', 'Willow', 'Stone', 'River'])} || ' ' || ${pick(['Creek', 'Ridge', 'Hollow'])}`
  if (ending === 'name') return `${words} || ' ' || ${random(40_000)}`
  return `CASE WHEN ${random(3)} = 0 THEN ${words} || ', see ' || substr(md5(CAST(${random(900_000_000)} AS VARCHAR)), 1, 24) END`
}

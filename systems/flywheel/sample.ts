/**
 * A believable infobase: one very wide snapshot a month of attributes that a data provider knows of a customer, the ids a
 * customer can be reached by, and the CSVs that say which column goes to which table.
 */
import { type Sample, type SampleFile, type SampleOptions, yesterday } from 'millrace'
import { key, places } from './parameters.ts'

const tableCount = 26
const rowsPerFile = 500_000
const nullKeyEvery = 10_000
const dayMs = 86_400_000

/** The newest snapshot has `rows` rows and `columns` columns, the one of a month before a tenth of the rows. The same seed gives the same files. */
export function sample({ rows, columns, now, seed }: SampleOptions): Sample {
  const newest = yesterday(now)
  const before = new Date(Date.parse(newest) - 30 * dayMs).toISOString().slice(0, 10)
  const attributes = attributeColumns(columns - 1)
  return {
    prepare: [infobaseSql(rows, attributes, seed), addressableSql(rows, newest, seed)],
    files: [
      ...snapshotFiles(places.infobase, 'infobase', newest, rows),
      ...snapshotFiles(places.infobase, 'infobase', before, Math.ceil(rows / 10)),
      ...snapshotFiles(places.addressable, 'addressable', newest, rows),
      ...snapshotFiles(places.addressableCompacted, 'addressable', newest, rows),
    ],
    raw: [
      { path: places.stagedSpec, content: specCsv(attributes) },
      { path: places.partitionedSpec, content: specCsv(attributes) },
      { path: places.addressableSpec, content: csv(addressableColumns.map((name) => ['addressable_ids', name])) },
    ],
  }
}

/** The first `rows` rows of a relation, in files of even size. */
function snapshotFiles(path: string, relation: string, date: string, rows: number): SampleFile[] {
  const count = Math.max(1, Math.ceil(rows / rowsPerFile))
  return Array.from({ length: count }, (_, index) => ({
    path: `${path}/snapshot_dt=${date}/part-${String(index).padStart(5, '0')}.parquet`,
    sql: `select * exclude (n) from ${relation} where n >= ${Math.floor((index * rows) / count)} and n < ${Math.floor(((index + 1) * rows) / count)}`,
  }))
}

type Attribute = { name: string; kind: number }

/** Names as the provider writes them, upper and lower case mixed: IBE1001_a, IBE1001_b, … */
function attributeColumns(count: number): Attribute[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `${index % 3 === 0 ? 'IBE' : 'ibe'}${1001 + Math.floor(index / 4)}_${'abcd'[index % 4]}`,
    kind: index % 8,
  }))
}

/** Each table has its share of the columns, which lie beside each other; the last six are of another product. */
function specCsv(attributes: readonly Attribute[]): string {
  const tables = Array.from({ length: tableCount }, (_, index) =>
    index < 20 ? `IBE_${String(index + 1).padStart(2, '0')}_A` : `MIACS_${String(index - 19).padStart(2, '0')}_A`,
  )
  const share = (index: number): number => Math.floor((index * attributes.length) / tableCount)
  return csv(
    tables.flatMap((table, index) =>
      attributes.slice(share(index), share(index + 1)).map(({ name }) => [table, name.toLowerCase()]),
    ),
  )
}

function csv(rows: string[][]): string {
  return [['table_name', 'column_name'], ...rows].map((row) => `${row.join(',')}\n`).join('')
}

/** Numbers that depend on the row, the column and the seed only. */
function random(column: number, below: number, seed: number): string {
  return `hash(n, ${column}, ${seed}) % ${below}`
}

/** Text codes, flags, counts, amounts, dates and scores; about one value in five is unknown. */
function valueSql({ kind }: Attribute, column: number, seed: number): string {
  const value = [
    `chr(65 + cast(${random(column, 26, seed)} as integer))`,
    `cast(${random(column, 100, seed)} as integer)`,
    `lpad(cast(${random(column, 10_000, seed)} as varchar), 4, '0')`,
    `${random(column, 2, seed)} = 0`,
    `cast(${random(column, 9_000_000, seed)} / 100 as decimal(12, 2))`,
    `date '1940-01-01' + cast(${random(column, 30_000, seed)} as integer)`,
    `${random(column, 1_000_000, seed)} / 1e6`,
    `cast(${random(column, 4_000_000_000, seed)} as bigint)`,
  ][kind]
  return `case when ${random(column + 100_000, 5, seed)} > 0 then ${value} end`
}

/** A customer's id is a hash; a few rows have none. */
const customerSql = (seed: number): string =>
  `case when n % ${nullKeyEvery} <> ${nullKeyEvery - 1} then md5(concat('customer ', n, ' ', ${seed})) end`

function infobaseSql(rows: number, attributes: readonly Attribute[], seed: number): string {
  const columns = attributes.map((attribute, index) => `${valueSql(attribute, index, seed)} as "${attribute.name}"`)
  return `create table infobase as select n, ${customerSql(seed)} as "Customer_User_id", ${columns.join(', ')} from range(${rows}) as t(n)`
}

const addressableColumns = [key, 'email_sha256', 'phone_sha256', 'maid', 'ip_address', 'postal_code', 'last_seen']

function addressableSql(rows: number, date: string, seed: number): string {
  return `
    create table addressable as select
      n,
      ${customerSql(seed)} as customer_user_id,
      sha256(concat('customer', n, '@example.com')) as email_sha256,
      case when ${random(1, 3, seed)} > 0 then sha256(concat('+1555', lpad(cast(n as varchar), 7, '0'))) end as phone_sha256,
      case when ${random(2, 2, seed)} > 0 then cast(md5(concat('device ', n, ' ', ${seed})) as varchar) end as maid,
      concat('203.0.113.', cast(${random(3, 256, seed)} as varchar)) as ip_address,
      lpad(cast(${random(4, 99_999, seed)} as varchar), 5, '0') as postal_code,
      timestamp '${date}' - to_seconds(cast(${random(5, 2_592_000, seed)} as bigint)) as last_seen
    from range(${rows}) as t(n)`
}

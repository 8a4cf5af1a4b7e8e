/** Believable values of the sample's columns, told by name and type, as SQL over a row's key `n` and change `g`. */
import type { Column } from 'millrace'
import type { CarsTable } from './tables.ts'

/** A table with what its values depend on: its position among all, the seed, and midnight before the first change. */
export type ValuedTable = CarsTable & { number: number; seed: number; startMs: number }
/** The rows of each table's load, so that foreign keys are found. */
export type References = Map<string, number>

const choices: Record<string, string[]> = {
  business_type_code: ['IND', 'GP', 'CORP', 'LLC', 'TRUST'],
  city_name: ['Ames', 'Salina', 'Kearney', 'Cañon City', "Coeur d'Alene", 'Moultrie'],
  crop_name: ['Corn', 'Soybeans', 'Wheat', 'Cotton', 'Sorghum', 'Barley', 'Alfalfa', 'Jalapeño peppers'],
  crop_type_code: ['GRN', 'SPR', 'WTR', 'ALL'],
  hel_code: ['HEL', 'NHEL', 'UNDET'],
  intended_use_code: ['GR', 'FG', 'SD'],
  irrigation_practice_code: ['I', 'N'],
  land_class_code: ['CROP', 'GRASS', 'FOREST', 'WATER'],
  last_change_user_name: ['CARS_WEB', 'CARS_BATCH', 'OFFICE'],
  producer_role_code: ['OP', 'OW', 'OT'],
  program_code: ['ARC', 'PLC', 'LFP', 'ELAP'],
  remarks: ['', 'Reviewed', "Operator's copy", 'Acres: 12,5 → 12.5', 'First line\nsecond line'],
  reporting_method_code: ['GIS', 'DOC', 'EST'],
  reporting_unit_code: ['A', 'LB', 'CWT'],
  state_code: ['IA', 'IL', 'NE', 'KS', 'MN', 'TX', 'GA', 'CA'],
}
const statuses = ['ACTIVE', 'PENDING', 'REVISED', 'CLOSED']
/** The table whose key a column holds. */
const referenced: Record<string, string> = {
  office_code: 'COUNTY_OFFICE',
  farm_id: 'FARM',
  tract_id: 'TRACT',
  field_id: 'FIELD',
  producer_id: 'PRODUCER',
  operator_producer_id: 'PRODUCER',
  crop_code: 'CROP',
  acreage_report_id: 'ACREAGE_REPORT',
  crop_acreage_id: 'CROP_ACREAGE',
}
/** Parts of keys of several columns; another `n` gives another key. */
const keyParts: Record<string, (n: string) => string> = {
  'FARM_PRODUCER.farm_id': (n) => `${n} // 3 + 1`,
  'FARM_PRODUCER.producer_id': (n) => `${n} // 3 + ${n} % 3 + 1`,
  'CROP_TYPE.crop_code': (n) => `${n} // 12 + 1`,
  'CROP_TYPE.crop_type_code': (n) => picked(choices.crop_type_code ?? [], `${n} // 3 % 4`),
  'CROP_TYPE.intended_use_code': (n) => picked(choices.intended_use_code ?? [], `${n} % 3`),
}
/** What an update may change. */
const changing = /_status_code$|^remarks$|^last_change_user_name$|_(acres|amount|percent|rate)$|^approval_timestamp$/
const oftenNull = /^(end_date|reconstitution_date|certification_date|approval_timestamp|remarks)$/
/** The greatest values of decimals; of others it is 640, a square mile in acres. */
const numbersMax: [RegExp, number][] = [
  [/_percent$/, 100],
  [/^payment_amount$/, 125_000],
  [/^reduction_amount$/, 2_500],
  [/^cropland_acres$/, 160],
]

/** Column `name` of the key number `n`. */
export function keyValue(table: string, name: string, n: string): string {
  const part = keyParts[`${table}.${name}`]
  if (part !== undefined) return part(n)
  return name === 'office_code' ? `lpad(CAST(${n} + 1 AS VARCHAR), 5, '0')` : `${n} + 1`
}

/** A column that is no part of the key; an update may show in some. */
export function sampleValue(table: ValuedTable, column: Column, references: References): string {
  const { name, type } = column
  const position = table.number * 100 + table.columns.findIndex((declared) => declared.name === name)
  const change = changing.test(name) ? 'g' : '-1'
  // Evenly spread numbers that depend on the key, the column, the seed and, where updates show, on the change. Hashed
  // twice: the last bits of the hash of several values follow those of its parts, and columns would go together.
  const random = (below: number, salt = 0): string =>
    `CAST(hash(hash(n, ${change}, ${position + salt}, ${table.seed})) % ${below} AS BIGINT)`
  const target = referenced[name]
  const value =
    target === undefined
      ? (textValue(column, random) ??
        numberValue(column, random, table.startMs) ??
        timeValue(column, random, table.startMs))
      : keyValue(target, name, random(references.get(target) ?? 1))
  if (value === undefined) throw new Error(`the sample has no value for ${table.table}.${name} ${type}`)
  return oftenNull.test(name) ? `CASE WHEN ${random(3, 10_000)} > 0 THEN ${value} END` : value
}

type Random = (below: number, salt?: number) => string

function textValue({ name, type }: Column, random: Random): string | undefined {
  if (type !== 'string') return undefined
  const values = choices[name] ?? (name.endsWith('_status_code') ? statuses : undefined)
  if (values !== undefined) return picked(values, random(values.length))
  if (name === 'clu_identifier') return `CAST(md5('clu' || n) AS UUID)`
  if (/_number$|^zip_code$/.test(name)) return `lpad(CAST(${random(100_000)} AS VARCHAR), 5, '0')`
  if (name === 'county_fips_code') return `lpad(CAST(${random(200)} * 2 + 1 AS VARCHAR), 3, '0')`
  const words = name.replace(/_(name|description)$/, '').replaceAll('_', ' ')
  return `'${words[0]?.toUpperCase()}${words.slice(1)} ' || (n + 1)`
}

function numberValue({ name, type }: Column, random: Random, startMs: number): string | undefined {
  if (name.endsWith('program_year')) return `${new Date(startMs).getUTCFullYear()} - ${random(4)}`
  if (name === 'document_number') return '10000000 + n'
  if (type === 'tinyint') return `${random(20)} + 1`
  if (type === 'float') return `${random(2000)} / 8.0`
  if (name === 'latitude') return `30 + ${random(15_000_000)} / 1000000.0`
  if (name === 'longitude') return `-(85 + ${random(20_000_000)} / 1000000.0)`
  const scale = Number(/^decimal\(\d+,(\d+)\)$/.exec(type)?.[1] ?? Number.NaN)
  if (Number.isNaN(scale)) return undefined
  const most = numbersMax.find(([names]) => names.test(name))?.[1] ?? 640
  return `CAST(${random(most * 10 ** scale + 1)} AS DECIMAL(18, ${scale})) / ${10 ** scale}`
}

function timeValue({ name, type }: Column, random: Random, startMs: number): string | undefined {
  const seconds = random(60_000_000) // almost two years
  if (type === 'boolean') return `${random(2)} = 0`
  if (type === 'date') {
    const since =
      name === 'end_date' ? `-${random(700)}` : name === 'certification_date' ? random(60) : `60 + ${random(2000)}`
    return `CAST(${timestampSql(startMs)} AS DATE) - CAST(${since} AS INTEGER)`
  }
  if (name === 'last_change_timestamp')
    return `date_trunc('second', committed) - to_seconds(CASE WHEN g < 0 THEN ${seconds} ELSE 1 END)`
  return type === 'timestamp' ? `${timestampSql(startMs)} - to_seconds(${seconds})` : undefined
}

function picked(values: string[], index: string): string {
  return `([${values.map((value) => `'${value.replaceAll("'", "''")}'`).join(', ')}])[${index} + 1]`
}

/** A time as DuckDB's SQL has it. */
export function timestampSql(ms: number): string {
  return `TIMESTAMP '${new Date(ms).toISOString().replace('T', ' ').replace('Z', '')}'`
}

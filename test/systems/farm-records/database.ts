/** The columns of every table by the contract, and the statements that make a PostgreSQL of them. */
import type { ReferenceTable, Row, SssTable, Target, Value } from './answer.ts'

type Column = { name: string; type: 'text' | 'bigint' | 'int' | 'date' | 'timestamp' | 'timestamptz' }
/** `plain`: the columns alone. `grown`: as databases are, with identities, more columns, another order and narrower types. */
export type Variant = 'plain' | 'grown'

const list = (spec: string): Column[] =>
  spec.split(', ').map((one) => {
    const [name, type = 'text'] = one.split(' ')
    return { name: name as string, type: type as Column['type'] }
  })

const ofTarget = (identifier: string, more: string): Column[] =>
  list(
    `core_customer_identifier bigint, ${identifier} bigint, producer_involvement_start_date date, producer_involvement_end_date date, producer_involvement_interrupted_indicator, tract_producer_hel_exception_code, tract_producer_cw_exception_code, tract_producer_pcw_exception_code, data_status_code, creation_date timestamp, last_change_date timestamp, last_change_user_name, producer_involvement_code, time_period_identifier bigint, state_fsa_code, county_fsa_code, farm_identifier bigint, farm_number, ${more}load_timestamp timestamptz`,
  )

const columns: Record<SssTable | ReferenceTable | Target, Column[]> = {
  ibib: list('ibase, ZZFLD000002, ZZFLD000003, farm_number, UPTIM timestamp'),
  ibin: list('instance, ibase, segment, UPTIM timestamp'),
  ibsp: list('instance, admin_state, admin_county, tract_number, product_guid, UPTIM timestamp'),
  ibpart: list('segment_recno, segment, partner_guid, valid_from date, valid_to date, UPTIM timestamp'),
  crmd_partner: list('guid, partner_no, partner_fct, UPTIM timestamp'),
  z_ibase_comp_detail: list(
    'instance, ibase, crop_year int, hel_code, cw_code, pcw_code, rma_hel_code, rma_cw_code, rma_pcw_code, hel_appeals_date date, cw_appeals_date date, pcw_appeals_date date, UPTIM timestamp',
  ),
  comm_pr_frg_rel: list('product_guid, fragment_guid, UPTIM timestamp'),
  zmi_farm_partn: list('frg_guid, partner_no, interrupted_ind, changed_by, UPTIM timestamp'),
  time_period: list('time_period_identifier bigint, time_period_name, data_status_code'),
  county_office_control: list('county_office_control_identifier bigint, state_fsa_code, county_fsa_code'),
  farm: list('farm_identifier bigint, county_office_control_identifier bigint, farm_number'),
  tract: list('tract_identifier bigint, county_office_control_identifier bigint, tract_number'),
  farm_year: list('farm_year_identifier bigint, farm_identifier bigint, time_period_identifier bigint'),
  tract_year: list('tract_year_identifier bigint, tract_identifier bigint, farm_year_identifier bigint'),
  but000: list('partner, core_customer_identifier bigint'),
  tract_producer_year: ofTarget(
    'tract_year_identifier',
    'tract_number, hel_appeals_exhausted_date date, cw_appeals_exhausted_date date, pcw_appeals_exhausted_date date, tract_producer_rma_hel_exception_code, tract_producer_rma_cw_exception_code, tract_producer_rma_pcw_exception_code, ',
  ),
  farm_producer_year: ofTarget('farm_year_identifier', ''),
}

/** The columns of a table, in the contract's order. */
export function columnsOf(table: SssTable | ReferenceTable | Target): Column[] {
  return columns[table]
}

/** A table of the database with its schema. */
export function qualified(table: ReferenceTable | Target): string {
  return `${table === 'but000' ? 'crm_ods' : 'farm_records_reporting'}.${table}`
}

/** Makes all tables of the database, empty. */
export function databaseSql(variant: Variant): string[] {
  const tables = Object.entries(columns).filter(([, list]) => !list.some(({ name }) => name === 'UPTIM'))
  return [
    'create schema farm_records_reporting',
    'create schema crm_ods',
    ...tables.map(([name, list]) => {
      const table = name as ReferenceTable | Target
      const isTarget = name.endsWith('_producer_year')
      const key = isTarget
        ? [list[0], list[1], list.find((column) => column.name === 'producer_involvement_code')]
        : [list[0]]
      const unique = `unique (${key.map((column) => column?.name).join(', ')})`
      const own = list.map((column) => `${column.name} ${variant === 'grown' ? grownType(column) : column.type}`)
      if (variant === 'plain' || !isTarget) return `create table ${qualified(table)} (${[...own, unique].join(', ')})`
      const more = [`${name}_identifier bigint generated always as identity primary key`, `remarks text default 'none'`]
      return `create table ${qualified(table)} (${[...more, ...own.toReversed(), unique].join(', ')})`
    }),
  ]
}

function grownType({ name, type }: Column): string {
  if (type !== 'text') return type
  if (/_code$|_indicator$/.test(name)) return 'varchar(8)'
  return /_number$/.test(name) ? 'varchar(10)' : 'text'
}

/** Every column as text that is the same whichever database wrote it. */
export function canonical(target: Target, database: 'postgres' | 'duckdb'): string {
  return columns[target]
    .map(({ name, type }) => {
      const utc = type === 'timestamptz' ? `(${name} at time zone 'UTC')` : name
      return `cast(${utc} as ${database === 'postgres' ? 'text' : 'varchar'}) as ${name}`
    })
    .join(', ')
}

/** Rows as a query; what a row does not have is null. */
export function valuesSql(table: SssTable | ReferenceTable | Target, rows: readonly Row[]): string {
  const own = columns[table]
  const casts = own.map(({ name, type }, index) => `cast(c${index} as ${type}) as ${name}`)
  const some = rows.length > 0 ? rows : [{}]
  const tuples = some.map((row) => `(${own.map(({ name }) => literal((row as Row)[name] ?? null)).join(', ')})`)
  const aliases = own.map((_, index) => `c${index}`).join(', ')
  return `select ${casts.join(', ')} from (values ${tuples.join(', ')}) as t(${aliases})${rows.length > 0 ? '' : ' where false'}`
}

function literal(value: Value): string {
  return value === null ? 'cast(null as text)' : `'${String(value).replaceAll("'", "''")}'`
}

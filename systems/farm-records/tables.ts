/** The tables of the system: keys, columns with Hive's types, and how they lie in Iceberg (the seed's table 3.4). */

import type { TableLayout } from 'millrace'

/** Column → type. */
export type Columns = Record<string, string>
export type SssTable = { key: string[]; columns: Columns; partitionBy?: string[]; sortBy: string[] }
/** Of the schema of PostgreSQL where the reference tables are, unless another is named. */
export type ReferenceTable = { schema?: string; key: string[]; columns: Columns; partitionBy?: string[] }

/** The database's schema of the targets and of the reference tables, and the namespace of the targets in Iceberg. */
export const reporting = 'farm_records_reporting'

const text = (...names: string[]): Columns => Object.fromEntries(names.map((name) => [name, 'string']))
const changed: Columns = { UPTIM: 'timestamp' }

/** The extracts of SAP; each row has the time of its last change, UPTIM. */
export const sssTables: Record<string, SssTable> = {
  ibib: {
    key: ['ibase'],
    columns: { ...text('ibase', 'ZZFLD000002', 'ZZFLD000003', 'farm_number'), ...changed },
    partitionBy: ['ZZFLD000002'],
    sortBy: ['ZZFLD000003', 'ibase'],
  },
  ibin: {
    key: ['instance'],
    columns: { ...text('instance', 'ibase', 'segment'), ...changed },
    sortBy: ['ibase', 'instance'],
  },
  ibsp: {
    key: ['instance'],
    columns: { ...text('instance', 'admin_state', 'admin_county', 'tract_number', 'product_guid'), ...changed },
    partitionBy: ['admin_state'],
    sortBy: ['admin_county', 'instance'],
  },
  ibpart: {
    key: ['segment_recno'],
    columns: {
      ...text('segment_recno', 'segment', 'partner_guid'),
      valid_from: 'date',
      valid_to: 'date',
      ...changed,
    },
    sortBy: ['segment_recno', 'segment'],
  },
  crmd_partner: {
    key: ['guid'],
    columns: { ...text('guid', 'partner_no', 'partner_fct'), ...changed },
    sortBy: ['guid'],
  },
  z_ibase_comp_detail: {
    key: ['instance', 'ibase', 'crop_year'],
    columns: {
      ...text('instance', 'ibase'),
      crop_year: 'int',
      ...text('hel_code', 'cw_code', 'pcw_code', 'rma_hel_code', 'rma_cw_code', 'rma_pcw_code'),
      hel_appeals_date: 'date',
      cw_appeals_date: 'date',
      pcw_appeals_date: 'date',
      ...changed,
    },
    sortBy: ['instance', 'ibase'],
  },
  comm_pr_frg_rel: {
    key: ['product_guid'],
    columns: { ...text('product_guid', 'fragment_guid'), ...changed },
    sortBy: ['product_guid'],
  },
  zmi_farm_partn: {
    key: ['frg_guid', 'partner_no'],
    columns: { ...text('frg_guid', 'partner_no', 'interrupted_ind', 'changed_by'), ...changed },
    sortBy: ['frg_guid'],
  },
}

/** The reference tables of PostgreSQL, with the columns that are read. */
export const referenceTables: Record<string, ReferenceTable> = {
  time_period: {
    key: ['time_period_identifier'],
    columns: { time_period_identifier: 'bigint', ...text('time_period_name', 'data_status_code') },
  },
  county_office_control: {
    key: ['county_office_control_identifier'],
    columns: { county_office_control_identifier: 'bigint', ...text('state_fsa_code', 'county_fsa_code') },
    partitionBy: ['state_fsa_code'],
  },
  farm: {
    key: ['farm_identifier'],
    columns: { farm_identifier: 'bigint', county_office_control_identifier: 'bigint', ...text('farm_number') },
  },
  tract: {
    key: ['tract_identifier'],
    columns: { tract_identifier: 'bigint', county_office_control_identifier: 'bigint', ...text('tract_number') },
  },
  farm_year: {
    key: ['farm_year_identifier'],
    columns: { farm_year_identifier: 'bigint', farm_identifier: 'bigint', time_period_identifier: 'bigint' },
  },
  tract_year: {
    key: ['tract_year_identifier'],
    columns: { tract_year_identifier: 'bigint', tract_identifier: 'bigint', farm_year_identifier: 'bigint' },
  },
  but000: {
    schema: 'crm_ods',
    key: ['partner'],
    columns: { ...text('partner'), core_customer_identifier: 'bigint' },
  },
}

/** The columns of the targets in the order of the seed's INSERT; only `tract` has those of a tract, only `farm` the farm's year. */
const targetColumns: { name: string; type: string; only?: 'tract' | 'farm' }[] = [
  { name: 'core_customer_identifier', type: 'bigint' },
  { name: 'tract_year_identifier', type: 'bigint', only: 'tract' },
  { name: 'farm_year_identifier', type: 'bigint', only: 'farm' },
  { name: 'producer_involvement_start_date', type: 'date' },
  { name: 'producer_involvement_end_date', type: 'date' },
  { name: 'producer_involvement_interrupted_indicator', type: 'string' },
  { name: 'tract_producer_hel_exception_code', type: 'string' },
  { name: 'tract_producer_cw_exception_code', type: 'string' },
  { name: 'tract_producer_pcw_exception_code', type: 'string' },
  { name: 'data_status_code', type: 'string' },
  { name: 'creation_date', type: 'timestamp' },
  { name: 'last_change_date', type: 'timestamp' },
  { name: 'last_change_user_name', type: 'string' },
  { name: 'producer_involvement_code', type: 'string' },
  { name: 'time_period_identifier', type: 'bigint' },
  { name: 'state_fsa_code', type: 'string' },
  { name: 'county_fsa_code', type: 'string' },
  { name: 'farm_identifier', type: 'bigint' },
  { name: 'farm_number', type: 'string' },
  { name: 'tract_number', type: 'string', only: 'tract' },
  { name: 'hel_appeals_exhausted_date', type: 'date', only: 'tract' },
  { name: 'cw_appeals_exhausted_date', type: 'date', only: 'tract' },
  { name: 'pcw_appeals_exhausted_date', type: 'date', only: 'tract' },
  { name: 'tract_producer_rma_hel_exception_code', type: 'string', only: 'tract' },
  { name: 'tract_producer_rma_cw_exception_code', type: 'string', only: 'tract' },
  { name: 'tract_producer_rma_pcw_exception_code', type: 'string', only: 'tract' },
  { name: 'load_timestamp', type: 'timestamptz' },
]

export type TargetTable = { name: string; key: string[]; columns: Columns; sortBy: string[] }

/** What the merges make. */
export const targets: Record<'tract' | 'farm', TargetTable> = { tract: target('tract'), farm: target('farm') }

function target(of: 'tract' | 'farm'): TargetTable {
  const columns = targetColumns.filter(({ only }) => only === undefined || only === of)
  return {
    name: `${of}_producer_year`,
    key: ['core_customer_identifier', `${of}_year_identifier`, 'producer_involvement_code'],
    columns: Object.fromEntries(columns.map(({ name, type }) => [name, type])),
    // Neighbours in years are neighbours on the map, and counties send their changes together.
    sortBy: [`${of}_year_identifier`],
  }
}

/** What a row of a target is compared by, null-safe: the six columns of the seed's WHEN MATCHED. */
export const compared = [
  'producer_involvement_start_date',
  'producer_involvement_end_date',
  'tract_producer_hel_exception_code',
  'tract_producer_cw_exception_code',
  'tract_producer_pcw_exception_code',
  'data_status_code',
]
/** What an update sets; creation_date stays. */
export const updated = [...compared, 'last_change_date', 'last_change_user_name']

/**
 * How tables lie in Iceberg. Spark spreads what it writes by their order. A day changes a few rows of many files: those are marked as
 * deleted, and maintenance makes the files whole once a week; writing the files anew took twice the time of the whole increment.
 * Rows are few bytes each, and whole files are left out by their keys: small ones leave out more. The first 16 characters of two GUIDs
 * are often the same, and Iceberg keeps no more of a bound by itself.
 */
export function layouts(
  tables: Record<string, { partitionBy?: string[]; sortBy?: string[] }>,
): Record<string, TableLayout> {
  const properties = {
    'write.distribution-mode': 'range',
    'write.metadata.metrics.default': 'truncate(36)',
    'write.target-file-size-bytes': `${2 * 2 ** 20}`,
    'write.merge.mode': 'merge-on-read',
    'write.update.mode': 'merge-on-read',
    'write.delete.mode': 'merge-on-read',
  }
  return Object.fromEntries(
    Object.entries(tables).map(([table, { partitionBy = [], sortBy = [] }]) => [
      table,
      { partitionBy, sortBy, properties },
    ]),
  )
}

/** The tables of a database as sources: of what else they may have, an identity say, nothing is read. */
export function sources(
  tables: Record<string, { schema?: string; key: string[]; columns: Columns }>,
): Record<string, { schema?: string; key: string[]; columns: string[] }> {
  return Object.fromEntries(
    Object.entries(tables).map(([table, { schema, key, columns }]) => [
      table,
      { key, columns: Object.keys(columns), ...(schema === undefined ? {} : { schema }) },
    ]),
  )
}

/** The join chain from the SAP extracts and the reference tables to the rows of both targets, in SQL that DuckDB and Spark read alike. */

/** The chain's own order of rows with one key; the first counts. The instance decides where the contract's order does not. */
export const newestFirst = [
  'last_change_date desc nulls last',
  'producer_involvement_start_date desc nulls last',
  'segment_recno desc nulls last',
  'instance desc',
]

const chain = `
from sss.ibsp s
join sss.ibin n on n.instance = s.instance
join sss.ibib b on b.ibase = n.ibase
join sss.z_ibase_comp_detail z on z.instance = n.instance and z.ibase = n.ibase
join sss.ibpart p on p.segment = n.segment
join sss.crmd_partner c on c.guid = p.partner_guid
join farm_ref.but000 u on u.partner = c.partner_no
join farm_ref.time_period tp on tp.time_period_name = cast(z.crop_year as string) and tp.data_status_code = 'A'
join farm_ref.county_office_control k on k.state_fsa_code = s.admin_state and k.county_fsa_code = s.admin_county
join farm_ref.farm f
  on f.county_office_control_identifier = k.county_office_control_identifier and f.farm_number = b.farm_number
join farm_ref.farm_year fy
  on fy.farm_identifier = f.farm_identifier and fy.time_period_identifier = tp.time_period_identifier`

const tractChain = `
join farm_ref.tract t
  on t.county_office_control_identifier = k.county_office_control_identifier and t.tract_number = s.tract_number
join farm_ref.tract_year ty
  on ty.tract_identifier = t.tract_identifier and ty.farm_year_identifier = fy.farm_year_identifier`

const interruptions = `
left join sss.comm_pr_frg_rel r on r.product_guid = s.product_guid
left join sss.zmi_farm_partn m on m.frg_guid = r.fragment_guid and m.partner_no = c.partner_no`

/** An involvement that ends before the last day of the crop year is over. */
const status = `case
    when p.valid_to is null or year(p.valid_to) > z.crop_year then 'A'
    when year(p.valid_to) = z.crop_year and month(p.valid_to) = 12 and day(p.valid_to) = 31 then 'A'
    else 'I'
  end`

const lastChange = 'greatest(s.UPTIM, p.UPTIM, c.UPTIM, z.UPTIM)'

/** The columns of both targets in their order, without the load's time; those of a tract are null for a farm's. */
const columns = (of: 'tract' | 'farm'): [expression: string, name: string][] => {
  const ofTract = (...list: [string, string][]): [string, string][] => (of === 'tract' ? list : [])
  return [
    ['u.core_customer_identifier', 'core_customer_identifier'],
    of === 'tract'
      ? ['ty.tract_year_identifier', 'tract_year_identifier']
      : ['fy.farm_year_identifier', 'farm_year_identifier'],
    ['p.valid_from', 'producer_involvement_start_date'],
    ['p.valid_to', 'producer_involvement_end_date'],
    [`coalesce(m.interrupted_ind, 'N')`, 'producer_involvement_interrupted_indicator'],
    ['z.hel_code', 'tract_producer_hel_exception_code'],
    ['z.cw_code', 'tract_producer_cw_exception_code'],
    ['z.pcw_code', 'tract_producer_pcw_exception_code'],
    [status, 'data_status_code'],
    [lastChange, 'creation_date'],
    [lastChange, 'last_change_date'],
    [`coalesce(m.changed_by, 'SSS')`, 'last_change_user_name'],
    [
      `case c.partner_fct when 'ZFARMOPR' then 'OP' when 'ZFARMOWN' then 'OW' else 'OT' end`,
      'producer_involvement_code',
    ],
    ['tp.time_period_identifier', 'time_period_identifier'],
    ['k.state_fsa_code', 'state_fsa_code'],
    ['k.county_fsa_code', 'county_fsa_code'],
    ['f.farm_identifier', 'farm_identifier'],
    ['f.farm_number', 'farm_number'],
    ...ofTract(
      ['t.tract_number', 'tract_number'],
      ['z.hel_appeals_date', 'hel_appeals_exhausted_date'],
      ['z.cw_appeals_date', 'cw_appeals_exhausted_date'],
      ['z.pcw_appeals_date', 'pcw_appeals_exhausted_date'],
      ['z.rma_hel_code', 'tract_producer_rma_hel_exception_code'],
      ['z.rma_cw_code', 'tract_producer_rma_cw_exception_code'],
      ['z.rma_pcw_code', 'tract_producer_rma_pcw_exception_code'],
    ),
  ]
}

/** The rows that the sources give for a target, several for a key; after the target's columns those that only order them. */
export function producersSql(of: 'tract' | 'farm'): string {
  const list = columns(of).map(([expression, name]) => `  ${expression} as ${name}`)
  return `select
${[...list, '  p.segment_recno as segment_recno', '  s.instance as instance'].join(',\n')}${chain}${of === 'tract' ? tractChain : ''}${interruptions}
where c.partner_fct in ('ZFARMOPR', 'ZFARMOWN', 'ZFARMOTH')`
}

/** The tables that `producersSql` reads. */
export function producersTables(of: 'tract' | 'farm'): string[] {
  return [...producersSql(of).matchAll(/join (\w+\.\w+)|from (\w+\.\w+)/g)].map(
    (match) => (match[1] ?? match[2]) as string,
  )
}

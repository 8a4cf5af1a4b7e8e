/** Cases of the contract, each on a tract of its own: what lands and is referred to, what comes later, and the rows that must stand. */
import type { ReferenceTable, Row, SssTable, Target } from './answer.ts'

type Rows = Partial<Record<SssTable, Row[]>>
/** Columns of a row that the case is about. */
type Expected = Partial<Record<Target, Row[]>>

export type Case = {
  name: string
  /** Instead of the usual rows of the tract's tables; its number is `n`. */
  first?: (n: number) => Rows
  refer?: (n: number) => Partial<Record<ReferenceTable, Row[]>>
  /** Rows that land before the second run, and reference rows that are other then. */
  later?: (n: number) => Rows
  referLater?: (n: number) => Partial<Record<ReferenceTable, Row[]>>
  /** After the first run and after the second; a missing one is as the first. */
  expected: (n: number) => Expected
  expectedLater?: (n: number) => Expected
}

const early = '2025-10-01 00:00:00'
const late = '2025-10-02 00:00:00'

const part = (n: number, own: Row = {}): Row => ({
  segment_recno: `R${n}`,
  segment: `S${n}`,
  partner_guid: `C${n}`,
  valid_from: '2020-01-01',
  valid_to: null,
  UPTIM: early,
  ...own,
})
const partner = (n: number, own: Row = {}): Row => ({
  guid: `C${n}`,
  partner_no: `P${n}`,
  partner_fct: 'ZFARMOPR',
  UPTIM: early,
  ...own,
})
const detail = (n: number, own: Row = {}): Row => ({
  instance: `I${n}`,
  ibase: `B${n}`,
  crop_year: 2025,
  hel_code: 'GF',
  cw_code: null,
  pcw_code: null,
  UPTIM: early,
  ...own,
})

/** One operator on one tract of one farm. */
export function usualRows(n: number): Record<SssTable, Row[]> {
  return {
    ibib: [{ ibase: `B${n}`, ZZFLD000002: '19', ZZFLD000003: '001', farm_number: `F${n}`, UPTIM: early }],
    ibin: [{ instance: `I${n}`, ibase: `B${n}`, segment: `S${n}`, UPTIM: early }],
    ibsp: [
      {
        instance: `I${n}`,
        admin_state: '19',
        admin_county: '001',
        tract_number: `T${n}`,
        product_guid: `G${n}`,
        UPTIM: early,
      },
    ],
    ibpart: [part(n)],
    crmd_partner: [partner(n)],
    z_ibase_comp_detail: [detail(n)],
    comm_pr_frg_rel: [],
    zmi_farm_partn: [],
  }
}

export function usualReferences(n: number): Record<ReferenceTable, Row[]> {
  return {
    time_period: [],
    county_office_control: [],
    farm: [{ farm_identifier: 1000 + n, county_office_control_identifier: 10, farm_number: `F${n}` }],
    tract: [{ tract_identifier: 2000 + n, county_office_control_identifier: 10, tract_number: `T${n}` }],
    farm_year: [{ farm_year_identifier: 3000 + n, farm_identifier: 1000 + n, time_period_identifier: 125 }],
    tract_year: [{ tract_year_identifier: 4000 + n, tract_identifier: 2000 + n, farm_year_identifier: 3000 + n }],
    but000: [{ partner: `P${n}`, core_customer_identifier: 500 + n }],
  }
}

/** What all cases refer to: the county, and the years. */
export const commonReferences: Partial<Record<ReferenceTable, Row[]>> = {
  time_period: [
    { time_period_identifier: 124, time_period_name: '2024', data_status_code: 'I' },
    { time_period_identifier: 125, time_period_name: '2025', data_status_code: 'A' },
    { time_period_identifier: 126, time_period_name: '2026', data_status_code: 'A' },
  ],
  county_office_control: [{ county_office_control_identifier: 10, state_fsa_code: '19', county_fsa_code: '001' }],
}
/** Before the second run 2026 is no longer open. */
export const laterPeriods: Row[] = (commonReferences.time_period ?? []).map((row) =>
  row.time_period_identifier === 126 ? { ...row, data_status_code: 'I' } : row,
)

/** A row of either target with some columns. */
const both = (...rows: Row[]): Expected => ({ tract_producer_year: rows, farm_producer_year: rows })
/** Of one key, in two rows of ibpart. */
const twice = (name: string, a: Row, b: Row, start: string | null): Case => ({
  name,
  first: (n) => ({ ibpart: [part(n, { segment_recno: `R${n}a`, ...a }), part(n, { segment_recno: `R${n}b`, ...b })] }),
  expected: () => both({ producer_involvement_start_date: start }),
})
const ends = (name: string, validTo: string | null, status: string): Case => ({
  name,
  first: (n) => ({ ibpart: [part(n, { valid_to: validTo })] }),
  expected: () => both({ producer_involvement_end_date: validTo, data_status_code: status }),
})

export const cases: Case[] = [
  {
    name: 'a row has every column of the contract',
    first: (n) => ({
      ibpart: [part(n, { UPTIM: '2025-10-01 00:00:00.5' })],
      z_ibase_comp_detail: [
        detail(n, {
          ...{ cw_code: 'TP', pcw_code: 'NAW', rma_hel_code: 'AE', rma_cw_code: 'x', rma_pcw_code: 'y' },
          ...{ hel_appeals_date: '2022-02-28', cw_appeals_date: '1969-12-31', pcw_appeals_date: '2024-02-29' },
        }),
      ],
      comm_pr_frg_rel: [{ product_guid: `G${n}`, fragment_guid: `X${n}`, UPTIM: early }],
      zmi_farm_partn: [
        { frg_guid: `X${n}`, partner_no: `P${n}`, interrupted_ind: 'Y', changed_by: "O'BRIEN", UPTIM: late },
      ],
    }),
    expected: (n) => {
      const shared: Row = {
        core_customer_identifier: 500 + n,
        producer_involvement_start_date: '2020-01-01',
        producer_involvement_end_date: null,
        producer_involvement_interrupted_indicator: 'Y',
        tract_producer_hel_exception_code: 'GF',
        tract_producer_cw_exception_code: 'TP',
        tract_producer_pcw_exception_code: 'NAW',
        data_status_code: 'A',
        creation_date: '2025-10-01 00:00:00.5',
        last_change_date: '2025-10-01 00:00:00.5',
        last_change_user_name: "O'BRIEN",
        producer_involvement_code: 'OP',
        time_period_identifier: 125,
        state_fsa_code: '19',
        county_fsa_code: '001',
        farm_identifier: 1000 + n,
        farm_number: `F${n}`,
      }
      const ofTract: Row = {
        tract_year_identifier: 4000 + n,
        tract_number: `T${n}`,
        hel_appeals_exhausted_date: '2022-02-28',
        cw_appeals_exhausted_date: '1969-12-31',
        pcw_appeals_exhausted_date: '2024-02-29',
        tract_producer_rma_hel_exception_code: 'AE',
        tract_producer_rma_cw_exception_code: 'x',
        tract_producer_rma_pcw_exception_code: 'y',
      }
      return {
        tract_producer_year: [{ ...shared, ...ofTract }],
        farm_producer_year: [{ ...shared, farm_year_identifier: 3000 + n }],
      }
    },
  },
  ends('an involvement without an end is active', null, 'A'),
  ends('one that ends on the last day of the crop year is active', '2025-12-31', 'A'),
  ends('one that ends the day before is over', '2025-12-30', 'I'),
  ends('one that ends in a later year is active', '9999-12-31', 'A'),
  {
    name: 'a null code that gets a value is an update; creation_date stays',
    first: (n) => ({ z_ibase_comp_detail: [detail(n, { hel_code: null })] }),
    later: (n) => ({ z_ibase_comp_detail: [detail(n, { hel_code: 'LT', UPTIM: late })] }),
    expected: () => both({ tract_producer_hel_exception_code: null, creation_date: early, last_change_date: early }),
    expectedLater: () =>
      both({ tract_producer_hel_exception_code: 'LT', creation_date: early, last_change_date: late }),
  },
  {
    name: 'a code that goes is an update',
    later: (n) => ({ z_ibase_comp_detail: [detail(n, { hel_code: null, UPTIM: late })] }),
    expected: () => both({ tract_producer_hel_exception_code: 'GF' }),
    expectedLater: () => both({ tract_producer_hel_exception_code: null, last_change_date: late }),
  },
  {
    name: 'what is not compared is no update',
    later: (n) => ({ z_ibase_comp_detail: [detail(n, { rma_hel_code: 'AE', UPTIM: late })] }),
    expected: () => both({ last_change_date: early }),
  },
  twice(
    'of rows with one key the greatest last change counts',
    { UPTIM: late, valid_from: '2001-01-01' },
    {},
    '2001-01-01',
  ),
  twice('then the greatest start', { valid_from: '2021-01-01' }, { valid_from: '2020-12-31' }, '2021-01-01'),
  twice('a missing start is the least', { valid_from: '2021-01-01' }, { valid_from: null }, '2021-01-01'),
  {
    name: 'then the greatest segment_recno',
    first: (n) => ({
      ibpart: [
        part(n, { segment_recno: `R${n}2`, valid_to: '2027-01-01' }),
        part(n, { segment_recno: `R${n}10`, valid_to: '2028-01-01' }),
      ],
    }),
    expected: () => both({ producer_involvement_end_date: '2027-01-01' }),
  },
  {
    name: 'a late row with an older UPTIM changes nothing',
    later: (n) => ({ z_ibase_comp_detail: [detail(n, { hel_code: 'LT', UPTIM: '2025-09-30 23:59:59.999999' })] }),
    expected: () => both({ tract_producer_hel_exception_code: 'GF' }),
  },
  {
    name: 'a later row with the same UPTIM replaces the earlier one',
    later: (n) => ({ z_ibase_comp_detail: [detail(n, { hel_code: 'LT' })] }),
    expected: () => both({ tract_producer_hel_exception_code: 'GF' }),
    expectedLater: () => both({ tract_producer_hel_exception_code: 'LT', last_change_date: early }),
  },
  {
    name: 'a row of years ago that comes late is not lost',
    first: () => ({ ibpart: [] }),
    later: (n) => ({ ibpart: [part(n, { UPTIM: '2015-01-01 00:00:00' })] }),
    expected: () => both(),
    expectedLater: () => both({ last_change_date: early }),
  },
  {
    name: 'a row that comes twice counts once',
    first: (n) => ({ ibpart: [part(n), part(n)] }),
    later: (n) => ({ ibpart: [part(n)] }),
    expected: () => both({ producer_involvement_start_date: '2020-01-01' }),
  },
  {
    name: 'owners and others are involved as such, contacts are not',
    first: (n) => ({
      ibpart: ['a', 'b', 'c'].map((one) => part(n, { segment_recno: `R${n}${one}`, partner_guid: `C${n}${one}` })),
      crmd_partner: [
        partner(n, { guid: `C${n}a`, partner_fct: 'ZFARMOWN' }),
        partner(n, { guid: `C${n}b`, partner_fct: 'ZFARMOTH' }),
        partner(n, { guid: `C${n}c`, partner_fct: 'ZFARMCON' }),
      ],
    }),
    expected: () => both({ producer_involvement_code: 'OT' }, { producer_involvement_code: 'OW' }),
  },
  {
    name: 'without a fragment nothing is interrupted, and SSS changed it',
    first: (n) => ({
      zmi_farm_partn: [{ frg_guid: `X${n}`, partner_no: `P${n}`, interrupted_ind: 'Y', changed_by: 'X', UPTIM: early }],
    }),
    expected: () => both({ producer_involvement_interrupted_indicator: 'N', last_change_user_name: 'SSS' }),
  },
  {
    name: 'a partner that becomes another customer has a row of its own; the old one stays',
    referLater: (n) => ({ but000: [{ partner: `P${n}`, core_customer_identifier: 9000 + n }] }),
    expected: (n) => both({ core_customer_identifier: 500 + n }),
    expectedLater: (n) => both({ core_customer_identifier: 500 + n }, { core_customer_identifier: 9000 + n }),
  },
  {
    name: 'a partner who is no customer has no row',
    refer: (n) => ({ but000: [{ partner: `P${n}`, core_customer_identifier: null }] }),
    expected: () => both(),
  },
  {
    name: 'a row that goes from the reference tables takes nothing along, and brings no update any more',
    later: (n) => ({ z_ibase_comp_detail: [detail(n, { hel_code: 'LT', UPTIM: late })] }),
    referLater: () => ({ tract_year: [] }),
    expected: () => both({ tract_producer_hel_exception_code: 'GF' }),
    expectedLater: () => ({
      tract_producer_year: [{ tract_producer_hel_exception_code: 'GF' }],
      farm_producer_year: [{ tract_producer_hel_exception_code: 'LT' }],
    }),
  },
  {
    name: 'a winner that goes leaves the row to the next',
    first: (n) => ({
      ibpart: [
        part(n, { segment_recno: `R${n}a`, UPTIM: late, valid_from: '2022-01-01' }),
        part(n, { segment_recno: `R${n}b` }),
      ],
    }),
    later: (n) => ({
      ibpart: [part(n, { segment_recno: `R${n}a`, segment: 'elsewhere', UPTIM: '2025-10-03 00:00:00' })],
    }),
    expected: () => both({ producer_involvement_start_date: '2022-01-01', last_change_date: late }),
    expectedLater: () => both({ producer_involvement_start_date: '2020-01-01', last_change_date: early }),
  },
  {
    name: 'a year that is not open has no rows',
    first: (n) => ({ z_ibase_comp_detail: [detail(n, { crop_year: 2024 })] }),
    refer: (n) => ({
      farm_year: [{ farm_year_identifier: 3000 + n, farm_identifier: 1000 + n, time_period_identifier: 124 }],
    }),
    expected: () => both(),
  },
  {
    name: 'a year that closes keeps its rows as they are',
    first: (n) => ({ z_ibase_comp_detail: [detail(n, { crop_year: 2026 })] }),
    refer: (n) => ({
      farm_year: [{ farm_year_identifier: 3000 + n, farm_identifier: 1000 + n, time_period_identifier: 126 }],
    }),
    later: (n) => ({ z_ibase_comp_detail: [detail(n, { crop_year: 2026, hel_code: 'LT', UPTIM: late })] }),
    expected: () => both({ tract_producer_hel_exception_code: 'GF', time_period_identifier: 126 }),
  },
  {
    name: 'of the tracts of a farm its row is of the newest',
    first: (n) => ({
      ibin: ['', 'x'].map((one) => ({ instance: `I${n}${one}`, ibase: `B${n}`, segment: `S${n}`, UPTIM: early })),
      ibsp: ['', 'x'].map((one) => ({
        ...{ instance: `I${n}${one}`, admin_state: '19', admin_county: '001', tract_number: `T${n}${one}` },
        ...{ product_guid: null, UPTIM: early },
      })),
      z_ibase_comp_detail: [detail(n), detail(n, { instance: `I${n}x`, hel_code: 'LT', UPTIM: late })],
    }),
    expected: () => ({
      tract_producer_year: [{ tract_producer_hel_exception_code: 'GF' }],
      farm_producer_year: [{ tract_producer_hel_exception_code: 'LT' }],
    }),
  },
]

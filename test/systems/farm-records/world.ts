/** A small county with farms, tracts and producers, and random changes of all of it. Values are few, so that rows meet. */
import type { Random } from '../../random.ts'
import type { References, ReferenceTable, Row, SssTable, Value } from './answer.ts'

export type Drop = { table: SssTable; rows: Row[] }[]

const states = ['19', '20', '31']
const counties = ['001', '003']
const years = [2023, 2024, 2025]
const [farmCount, tractCount, segmentCount, partnerCount, recordCount, guidCount] = [4, 12, 8, 8, 30, 20]

const instance = (number: number): string => `I${number}`
const partner = (number: number): string => `P${number}`

/** Reference tables in which most of what SSS can name is found. */
export function firstReferences(): References {
  const offices = states.flatMap((state, s) =>
    counties.map(
      (county, c): Row => ({
        county_office_control_identifier: 10 * (s + 1) + c,
        state_fsa_code: state,
        county_fsa_code: county,
      }),
    ),
  )
  const periods = years.map(
    (year, index): Row => ({
      time_period_identifier: year - 1900,
      time_period_name: String(year),
      data_status_code: index === 0 ? 'I' : 'A',
    }),
  )
  const farms = offices.flatMap((office, o) =>
    numbers(farmCount).map(
      (n): Row => ({
        farm_identifier: 1000 + 10 * o + n,
        county_office_control_identifier: office.county_office_control_identifier as Value,
        farm_number: `F${n}`,
      }),
    ),
  )
  const tracts = offices.flatMap((office, o) =>
    numbers(tractCount).map(
      (n): Row => ({
        tract_identifier: 2000 + 100 * o + n,
        county_office_control_identifier: office.county_office_control_identifier as Value,
        tract_number: `T${n}`,
      }),
    ),
  )
  const farmYears = farms.flatMap((farm) =>
    periods.map(
      (period): Row => ({
        farm_year_identifier: Number(farm.farm_identifier) * 1000 + Number(period.time_period_identifier),
        farm_identifier: farm.farm_identifier as Value,
        time_period_identifier: period.time_period_identifier as Value,
      }),
    ),
  )
  const tractYears = farmYears.flatMap((farmYear) =>
    tracts
      .filter(
        ({ county_office_control_identifier: office }) =>
          office ===
          farms.find((farm) => farm.farm_identifier === farmYear.farm_identifier)?.county_office_control_identifier,
      )
      .map(
        (tract): Row => ({
          tract_year_identifier: Number(farmYear.farm_year_identifier) * 10_000 + Number(tract.tract_identifier),
          tract_identifier: tract.tract_identifier as Value,
          farm_year_identifier: farmYear.farm_year_identifier as Value,
        }),
      ),
  )
  const customers = numbers(partnerCount).map((n): Row => ({ partner: partner(n), core_customer_identifier: 500 + n }))
  return {
    time_period: periods,
    county_office_control: offices,
    farm: farms,
    tract: tracts,
    farm_year: farmYears,
    tract_year: tractYears,
    but000: customers,
  }
}

const makers: Record<SssTable, (random: Random) => Row> = {
  ibib: (random) => ({
    ibase: `B${random.below(farmCount)}`,
    ZZFLD000002: random.pick(states),
    ZZFLD000003: random.pick(counties),
    farm_number: `F${random.below(farmCount + 1)}`,
  }),
  ibin: (random) => ({ ...farmInstance(random), segment: segment(random) }),
  ibsp: (random) => {
    const number = random.below(tractCount)
    return {
      instance: instance(number),
      admin_state: random.pick(states),
      admin_county: random.chance(0.05) ? '999' : random.pick(counties),
      tract_number: random.chance(0.05) ? null : `T${number}`,
      product_guid: random.chance(0.3) ? null : `G${random.below(4)}`,
    }
  },
  ibpart: (random) => ({
    segment_recno: `R${random.below(recordCount)}`,
    segment: segment(random),
    partner_guid: `C${random.below(guidCount)}`,
    valid_from: maybe(random, random.pick(['2019-01-01', '2020-10-01', '2024-06-30'])),
    valid_to: maybe(random, random.pick(['2024-12-30', '2024-12-31', '2025-12-31', '9999-12-31', '2025-05-05'])),
  }),
  crmd_partner: (random) => ({
    guid: `C${random.below(guidCount)}`,
    partner_no: random.chance(0.05) ? 'nobody' : partner(random.below(partnerCount)),
    partner_fct: random.pick(['ZFARMOPR', 'ZFARMOPR', 'ZFARMOWN', 'ZFARMOTH', 'ZCONTACT']),
  }),
  z_ibase_comp_detail: (random) => ({
    ...farmInstance(random),
    crop_year: random.pick([...years, 2030]),
    hel_code: maybe(random, random.pick(['GF', 'LT'])),
    cw_code: maybe(random, random.pick(['RW', 'TP'])),
    pcw_code: maybe(random, 'NAW'),
    rma_hel_code: maybe(random, 'AE'),
    rma_cw_code: maybe(random, 'GF'),
    rma_pcw_code: maybe(random, 'GF'),
    hel_appeals_date: maybe(random, '2022-02-28'),
    cw_appeals_date: maybe(random, '1969-12-31'),
    pcw_appeals_date: maybe(random, '2024-02-29'),
  }),
  comm_pr_frg_rel: (random) => ({
    product_guid: `G${random.below(4)}`,
    fragment_guid: maybe(random, `X${random.below(3)}`),
  }),
  zmi_farm_partn: (random) => ({
    frg_guid: `X${random.below(3)}`,
    partner_no: partner(random.below(partnerCount)),
    interrupted_ind: maybe(random, random.pick(['Y', 'N'])),
    changed_by: maybe(random, "O'BRIEN"),
  }),
}

/** So many rows a table when everything is new, and in a drop of changes. */
const amounts: Record<SssTable, [first: number, later: number]> = {
  ibib: [6, 1],
  ibin: [20, 2],
  ibsp: [20, 2],
  ibpart: [40, 3],
  crmd_partner: [30, 2],
  z_ibase_comp_detail: [70, 5],
  comm_pr_frg_rel: [5, 1],
  zmi_farm_partn: [12, 2],
}

/** A delivery: of each table none, one or several files. Times are few, so that equal and late ones are common. */
export function randomDrop(random: Random, run: number): Drop {
  return (Object.keys(makers) as SssTable[]).flatMap((table) => {
    if (run > 0 && random.chance(0.4)) return []
    const count = amounts[table][run === 0 ? 0 : 1]
    const rows = numbers(count).map((): Row => ({ ...makers[table](random), UPTIM: time(random, run) }))
    const again = rows.filter(() => random.chance(0.1)) // the same row twice
    const cut = random.below(rows.length + 1)
    return [rows.slice(0, cut), [...rows.slice(cut), ...again]]
      .filter((some) => some.length > 0)
      .map((some) => ({ table, rows: some }))
  })
}

/** The database changes: customers, statuses of years, rows that go and come back. */
export function randomReferences(random: Random, references: References, run: number): Partial<References> {
  const all = firstReferences()
  const changed: Partial<References> = {}
  const change = (table: ReferenceTable, rows: Row[]): void => {
    changed[table] = rows
  }
  if (random.chance(0.4))
    change(
      'but000',
      references.but000.map((row, n) =>
        random.chance(0.2)
          ? { ...row, core_customer_identifier: random.chance(0.2) ? null : 500 + n + 100 * run }
          : row,
      ),
    )
  if (random.chance(0.2))
    change(
      'time_period',
      references.time_period.map((row) => ({ ...row, data_status_code: random.chance(0.6) ? 'A' : 'I' })),
    )
  for (const table of ['tract', 'farm_year', 'tract_year', 'county_office_control'] as const)
    if (random.chance(0.25))
      change(
        table,
        all[table].filter(() => !random.chance(0.15)),
      )
  return changed
}

/** What somebody does to a target behind our back, in SQL that hits some rows. */
export function randomStatements(random: Random, run: number): string[] {
  const some = `core_customer_identifier % ${1 + random.below(4)} = 0 and time_period_identifier % 2 = ${random.below(2)}`
  const table = `farm_records_reporting.${random.pick(['tract', 'farm'])}_producer_year`
  return [
    `update ${table} set tract_producer_hel_exception_code = 'HA', last_change_user_name = 'OFFICE' where ${some}`,
    `update ${table} set producer_involvement_interrupted_indicator = 'Z' where ${some}`,
    `update ${table} set load_timestamp = '2001-02-03 04:05:06.789+00' where ${some}`,
    `delete from ${table} where ${some}`,
    `insert into farm_records_reporting.tract_producer_year (core_customer_identifier, tract_year_identifier, producer_involvement_code, farm_number) values (${9000 + run}, ${run}, 'OP', 'by hand')`,
  ].filter(() => random.chance(0.3))
}

/** Most instances are of one farm, and stay there. */
function farmInstance(random: Random): Row {
  const number = random.below(tractCount)
  return { instance: instance(number), ibase: `B${random.chance(0.9) ? number % farmCount : random.below(farmCount)}` }
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n)
const maybe = (random: Random, value: Value): Value => (random.chance(0.25) ? null : value)
const segment = (random: Random): Value => (random.chance(0.05) ? null : `S${random.below(segmentCount)}`)

/** Of the day of a run or some days earlier, to the second, a fraction or not at all. */
function time(random: Random, run: number): Value {
  if (random.chance(0.03)) return null
  const day = String(10 + run * 3 - random.below(5)).padStart(2, '0')
  return `2025-10-${day} 0${random.below(2)}:00:00${random.pick(['', '', '.5', '.000001'])}`
}

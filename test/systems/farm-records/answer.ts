/**
 * The answer by the contract (`specs/farm-records.md`), worked out row by row in plain TypeScript: neither SQL nor anything of
 * `src/` or `systems/` has a part in it. Identifiers are numbers; dates and timestamps are text that sorts by time.
 */

export type Value = string | number | null
export type Row = Record<string, Value>

/** The SSS tables with their keys. */
export const sssKeys = {
  ibib: ['ibase'],
  ibin: ['instance'],
  ibsp: ['instance'],
  ibpart: ['segment_recno'],
  crmd_partner: ['guid'],
  z_ibase_comp_detail: ['instance', 'ibase', 'crop_year'],
  comm_pr_frg_rel: ['product_guid'],
  zmi_farm_partn: ['frg_guid', 'partner_no'],
} as const
export type SssTable = keyof typeof sssKeys
export const referenceTables = [
  'time_period',
  'county_office_control',
  'farm',
  'tract',
  'farm_year',
  'tract_year',
  'but000',
] as const
export type ReferenceTable = (typeof referenceTables)[number]
export type Target = 'tract_producer_year' | 'farm_producer_year'

export type Sss = Record<SssTable, Row[]>
export type References = Record<ReferenceTable, Row[]>
export type Targets = Record<Target, Row[]>

export const targetKeys: Record<Target, string[]> = {
  tract_producer_year: ['core_customer_identifier', 'tract_year_identifier', 'producer_involvement_code'],
  farm_producer_year: ['core_customer_identifier', 'farm_year_identifier', 'producer_involvement_code'],
}
const compared = [
  'producer_involvement_start_date',
  'producer_involvement_end_date',
  'tract_producer_hel_exception_code',
  'tract_producer_cw_exception_code',
  'tract_producer_pcw_exception_code',
  'data_status_code',
]
const updated = [...compared, 'last_change_date', 'last_change_user_name']
/** What `farm_producer_year` has not. */
const ofTractsOnly =
  /^tract_year_identifier$|^tract_number$|_appeals_exhausted_date$|^tract_producer_rma_(hel|cw|pcw)_exception_code$/
const involvementCodes: Record<string, string> = { ZFARMOPR: 'OP', ZFARMOWN: 'OW', ZFARMOTH: 'OT' }

/** Of all rows that ever landed, in their order, the newest of every key: the greatest UPTIM, of equal ones the later row. */
export function standing(table: SssTable, landed: readonly Row[]): Row[] {
  const newest = new Map<string, Row>()
  for (const row of landed) {
    if (sssKeys[table].some((column) => row[column] === null)) continue // set aside
    const key = keyText(row, sssKeys[table])
    const before = newest.get(key)
    if (before === undefined || order(row.UPTIM, before.UPTIM) >= 0) newest.set(key, row)
  }
  return [...newest.values()]
}

export type MergeOptions = { fullLoad?: boolean; states?: string[] }
export type Changes = { inserted: string[]; updated: string[] }

/** Both targets after one merge of what the sources say, with the keys of what changed; `loaded`: the load timestamp of inserted rows. */
export function merged(
  targets: Targets,
  sss: Sss,
  references: References,
  loaded: Value,
  { fullLoad = false, states }: MergeOptions = {},
): { targets: Targets; changes: Record<Target, Changes> } {
  const candidates = joined(sss, references, states)
  const one = (target: Target): { rows: Row[]; changes: Changes } => {
    const rows = new Map(targets[target].map((row) => [keyText(row, targetKeys[target]), row]))
    const changes: Changes = { inserted: [], updated: [] }
    for (const [key, row] of newestByKey(candidates[target], target)) {
      const before = rows.get(key)
      if (before === undefined) {
        rows.set(key, { ...row, load_timestamp: loaded })
        changes.inserted.push(key)
      } else if (!fullLoad && compared.some((column) => before[column] !== row[column])) {
        rows.set(key, { ...before, ...pick(row, updated) })
        changes.updated.push(key)
      }
    }
    return { rows: [...rows.values()], changes }
  }
  const [tracts, farms] = [one('tract_producer_year'), one('farm_producer_year')]
  return {
    targets: { tract_producer_year: tracts.rows, farm_producer_year: farms.rows },
    changes: { tract_producer_year: tracts.changes, farm_producer_year: farms.changes },
  }
}

/** A row of the join with its place among those of its key. */
type Candidate = { row: Row; place: Value[] }

function newestByKey(candidates: readonly Candidate[], target: Target): Map<string, Row> {
  const best = new Map<string, Candidate>()
  for (const candidate of candidates) {
    if (targetKeys[target].some((column) => candidate.row[column] === null)) continue // nobody's row: set aside
    const key = keyText(candidate.row, targetKeys[target])
    const before = best.get(key)
    if (before === undefined || comparePlaces(candidate.place, before.place) > 0) best.set(key, candidate)
  }
  return new Map([...best].map(([key, { row }]) => [key, row]))
}

function comparePlaces(a: readonly Value[], b: readonly Value[]): number {
  for (const [index, value] of a.entries()) {
    const found = order(value, b[index])
    if (found !== 0) return found
  }
  return 0
}

/** The join chain, from one instance to its county, tract, farm, years and producers. */
function joined(sss: Sss, references: References, states: string[] | undefined): Record<Target, Candidate[]> {
  const found: Record<Target, Candidate[]> = { tract_producer_year: [], farm_producer_year: [] }
  const ibin = index(sss.ibin, ['instance'])
  const ibib = index(sss.ibib, ['ibase'])
  const ibpart = index(sss.ibpart, ['segment'])
  const partners = index(sss.crmd_partner, ['guid'])
  const customers = index(references.but000, ['partner'])
  const details = index(sss.z_ibase_comp_detail, ['instance', 'ibase'])
  const fragments = index(sss.comm_pr_frg_rel, ['product_guid'])
  const interruptions = index(sss.zmi_farm_partn, ['frg_guid', 'partner_no'])
  const periods = index(
    references.time_period.filter((period) => period.data_status_code === 'A'),
    ['time_period_name'],
  )
  const counties = index(references.county_office_control, ['state_fsa_code', 'county_fsa_code'])
  const tracts = index(references.tract, ['county_office_control_identifier', 'tract_number'])
  const farms = index(references.farm, ['county_office_control_identifier', 'farm_number'])
  const farmYears = index(references.farm_year, ['farm_identifier', 'time_period_identifier'])
  const tractYears = index(references.tract_year, ['tract_identifier', 'farm_year_identifier'])

  for (const s of sss.ibsp) {
    if (states !== undefined && !states.includes(String(s.admin_state))) continue
    for (const n of ibin(s.instance))
      for (const b of ibib(n.ibase))
        for (const z of details(s.instance, n.ibase))
          for (const tp of periods(z.crop_year === null ? null : String(z.crop_year)))
            for (const k of counties(s.admin_state, s.admin_county))
              for (const f of farms(k.county_office_control_identifier, b.farm_number))
                for (const fy of farmYears(f.farm_identifier, tp.time_period_identifier))
                  for (const p of ibpart(n.segment))
                    for (const c of partners(p.partner_guid)) {
                      const code = involvementCodes[String(c.partner_fct)]
                      if (code === undefined) continue
                      for (const u of customers(c.partner_no)) {
                        const interrupted = fragments(s.product_guid)
                          .flatMap((r) => interruptions(r.fragment_guid, c.partner_no))
                          .at(0)
                        const facts = { s, z, tp, k, f, fy, p, c, u, m: interrupted, code }
                        found.farm_producer_year.push(candidate('farm_producer_year', facts, null))
                        for (const t of tracts(k.county_office_control_identifier, s.tract_number))
                          for (const ty of tractYears(t.tract_identifier, fy.farm_year_identifier))
                            found.tract_producer_year.push(candidate('tract_producer_year', facts, { t, ty }))
                      }
                    }
  }
  return found
}

type Facts = Record<'s' | 'z' | 'tp' | 'k' | 'f' | 'fy' | 'p' | 'c' | 'u', Row> & { m: Row | undefined; code: string }

function candidate(target: Target, facts: Facts, tract: { t: Row; ty: Row } | null): Candidate {
  const { s, z, tp, k, f, fy, p, c, u, m, code } = facts
  const changed = [s.UPTIM, p.UPTIM, c.UPTIM, z.UPTIM].reduce((a, b) => (order(a, b) >= 0 ? a : b)) as Value
  const isCurrent = p.valid_to === null || String(p.valid_to) >= `${z.crop_year}-12-31`
  const whole: Row = {
    core_customer_identifier: u.core_customer_identifier as Value,
    ...(tract === null
      ? { farm_year_identifier: fy.farm_year_identifier as Value }
      : { tract_year_identifier: tract.ty.tract_year_identifier as Value }),
    producer_involvement_start_date: p.valid_from as Value,
    producer_involvement_end_date: p.valid_to as Value,
    producer_involvement_interrupted_indicator: m?.interrupted_ind ?? 'N',
    tract_producer_hel_exception_code: z.hel_code as Value,
    tract_producer_cw_exception_code: z.cw_code as Value,
    tract_producer_pcw_exception_code: z.pcw_code as Value,
    data_status_code: isCurrent ? 'A' : 'I',
    creation_date: changed,
    last_change_date: changed,
    last_change_user_name: m?.changed_by ?? 'SSS',
    producer_involvement_code: code,
    time_period_identifier: tp.time_period_identifier as Value,
    state_fsa_code: k.state_fsa_code as Value,
    county_fsa_code: k.county_fsa_code as Value,
    farm_identifier: f.farm_identifier as Value,
    farm_number: f.farm_number as Value,
    tract_number: (tract?.t.tract_number ?? null) as Value,
    hel_appeals_exhausted_date: z.hel_appeals_date as Value,
    cw_appeals_exhausted_date: z.cw_appeals_date as Value,
    pcw_appeals_exhausted_date: z.pcw_appeals_date as Value,
    tract_producer_rma_hel_exception_code: z.rma_hel_code as Value,
    tract_producer_rma_cw_exception_code: z.rma_cw_code as Value,
    tract_producer_rma_pcw_exception_code: z.rma_pcw_code as Value,
  }
  const row =
    target === 'tract_producer_year'
      ? whole
      : Object.fromEntries(Object.entries(whole).filter(([column]) => !ofTractsOnly.test(column)))
  // Two tracts of a farm may agree in all that the contract orders by: then the greater instance counts.
  return { row, place: [changed, p.valid_from ?? null, p.segment_recno ?? null, s.instance ?? null] }
}

/** Finds rows by columns; as in SQL, a null is found by nothing. */
function index(rows: readonly Row[], columns: readonly string[]): (...values: (Value | undefined)[]) => Row[] {
  const found = new Map<string, Row[]>()
  for (const row of rows) {
    if (columns.some((column) => row[column] === null)) continue
    const key = keyText(row, columns)
    const same = found.get(key)
    if (same === undefined) found.set(key, [row])
    else same.push(row)
  }
  return (...values) => (values.includes(null) ? [] : (found.get(JSON.stringify(values)) ?? []))
}

/** The values of some columns as one text. */
export function keyText(row: Row, columns: readonly string[]): string {
  return JSON.stringify(columns.map((column) => row[column]))
}

/** Null before everything; text by its letters, as these are ASCII. */
function order(a: Value | undefined, b: Value | undefined): number {
  if (a === b) return 0
  if (a === null || a === undefined) return -1
  if (b === null || b === undefined) return 1
  return a < b ? -1 : 1
}

function pick(row: Row, columns: readonly string[]): Row {
  return Object.fromEntries(columns.map((column) => [column, row[column] as Value]))
}

/** Believable rows of the SAP extracts, as SQL over the numbers of tracts and producers. The same numbers give the same rows. */

/** How large the sample is, and when. */
export type Sizes = {
  seed: number
  /** Tracts, an even number; two of them are a farm. */
  tracts: number
  counties: number
  /** Producers' involvements of the first extract; two and a half a tract. */
  involvements: number
  producers: number
  /** The crop year of the day; it and the one before are open. */
  year: number
  /** Midnight after the first extract, as YYYY-MM-DD. */
  start: string
}

/** How many involvements a drop changes, 2 %, and adds, 1 %. */
export function dropCounts({ involvements }: Sizes): { changed: number; added: number } {
  const changed = Math.max(10, 10 * Math.round(involvements / 500))
  return { changed, added: changed / 2 }
}

/** FSA codes of the states, in order: Illinois, Indiana, Iowa, Kansas, Minnesota, Missouri, Nebraska, Texas. */
export const states = ['17', '18', '19', '20', '27', '29', '31', '48']
/** Numbers of involvements: those that a later drop adds to tracts that stand, and those that ended before others began. */
export const [addedFrom, formerFrom] = [1_000_000_000, 2_000_000_000]

const text = (value: string): string => `cast(${value} as varchar)`
const padded = (value: string, length: number): string => `lpad(${text(value)}, ${length}, '0')`
const guid = (kind: string, number: string): string => `'005056${kind}' || ${padded(number, 24)}`
const picked = (values: (string | null)[], number: string): string =>
  `([${values.map((value) => (value === null ? 'null' : `'${value}'`)).join(', ')}])[1 + ${number}]`

/** Evenly spread numbers; hashed twice, for the last bits of the hash of several values follow those of its parts. */
export function random(sizes: Sizes, parts: string, below: number): string {
  return `cast(hash(hash(${parts}, ${sizes.seed})) % ${below} as bigint)`
}

/** Of a tract's number `i`: the county's number. New farms are spread over all counties. */
export function countyOf({ tracts, counties }: Sizes): string {
  return `case when i < ${tracts} then (i // 2) * ${counties} // ${tracts / 2} else (i // 2) * 7919 % ${counties} end`
}

/** Of a county's number: the state's place and the county's code. */
export const stateAt = (county: string, { counties }: Sizes): string =>
  picked(states, `${county} * ${states.length} // ${counties}`)
export const countyCode = (county: string, { counties }: Sizes): string => {
  const firstOfState = `-((-(${county} * ${states.length} // ${counties}) * ${counties}) // ${states.length})`
  return padded(`(${county} - (${firstOfState})) * 2 + 1`, 3)
}

export const farmNumber = padded('i // 2 + 1', 7)
export const tractNumber = padded('i + 1', 7)
export const partnerNumber = (producer: string): string => padded(`1000000 + ${producer}`, 10)

const ibase = padded('4000000 + i // 2', 18)
const instance = padded('7000000 + i', 18)
const segment = padded('9000000 + i', 18)

/** When a row last changed: within the year before the first extract, or on the day of a drop. */
function changedAt(sizes: Sizes, salt: string, drop: number | 'late'): string {
  const { start } = sizes
  if (drop === 'late') return `timestamp '${start}' - interval 40 days - to_seconds(${random(sizes, salt, 86_400)})`
  if (drop === 0) return `timestamp '${start}' - to_seconds(1 + ${random(sizes, salt, 300 * 86_400)})`
  return `timestamp '${start}' + to_seconds(${(drop - 1) * 86_400} + ${random(sizes, `${salt}, ${drop}`, 86_400)})`
}

/** The rows of every table that has one or more for each tract, of `relation` with the column i. */
export function tractRows(sizes: Sizes, relation: string, drop: number): Record<string, string> {
  const counties = `(select i, ${countyOf(sizes)} as county from ${relation})`
  const state = stateAt('county', sizes)
  const county = countyCode('county', sizes)
  return {
    ibib: `select ${ibase} as ibase, ${state} as ZZFLD000002, ${county} as ZZFLD000003, ${farmNumber} as farm_number,
      ${changedAt(sizes, `i, 'ibib'`, drop)} as UPTIM from ${counties} where i % 2 = 0`,
    ibin: `select ${instance} as instance, ${ibase} as ibase, ${segment} as segment,
      ${changedAt(sizes, `i, 'ibin'`, drop)} as UPTIM from ${relation}`,
    ibsp: `select ${instance} as instance, ${state} as admin_state, ${county} as admin_county, ${tractNumber} as tract_number,
      ${guid('A1', 'i')} as product_guid, ${changedAt(sizes, `i, 'ibsp'`, drop)} as UPTIM from ${counties}`,
    z_ibase_comp_detail: detailRows(
      sizes,
      `${relation}, range(${sizes.year - 2}, ${sizes.year + 1}) as years(crop_year)
      where crop_year > ${sizes.year - 2} or i % 10 = 0`,
      0,
      drop,
    ),
    comm_pr_frg_rel: `select ${guid('A1', 'i')} as product_guid, ${guid('F7', 'i')} as fragment_guid,
      ${changedAt(sizes, `i, 'frg'`, drop)} as UPTIM from ${relation} where i % 2 = 0`,
  }
}

/** What a tract is exempt from in a crop year, of a relation with i and crop_year; another `version` has other codes. */
export function detailRows(sizes: Sizes, relation: string, version: number, drop: number): string {
  const code = (salt: string, codes: string[]): string =>
    picked([...codes, null, null, null, null], random(sizes, `i, '${salt}', ${version}`, codes.length + 4))
  const appeal = (salt: string): string =>
    `case when ${random(sizes, `i, '${salt}'`, 100)} = 0
      then date '${sizes.year - 3}-03-01' + cast(${random(sizes, `i, '${salt}'`, 700)} as integer) end`
  const wetlands = ['GF', 'LT', 'RW', 'TP', 'NAW', 'RH']
  return `select ${instance} as instance, ${ibase} as ibase, cast(crop_year as integer) as crop_year,
      ${code('hel', ['GF', 'LT', 'EH', 'NAR', 'HA', 'AE'])} as hel_code, ${code('cw', wetlands)} as cw_code,
      ${code('pcw', wetlands)} as pcw_code, ${code('rma hel', ['NAR', 'AE'])} as rma_hel_code,
      ${code('rma cw', ['GF', 'NAW'])} as rma_cw_code, ${code('rma pcw', ['GF', 'NAW'])} as rma_pcw_code,
      ${appeal('hel')} as hel_appeals_date, ${appeal('cw')} as cw_appeals_date, ${appeal('pcw')} as pcw_appeals_date,
      ${changedAt(sizes, `i, crop_year, 'z'`, drop)} as UPTIM
    from ${relation}`
}

/** The involvements of tracts numbered `from` to `to`, exclusive, both even: j, the tract's i, the role and the producer. */
export function involvements(sizes: Sizes, from: number, to: number): string {
  const role = 'j - (5 * (j * 2 // 5) + 1) // 2'
  return `(select j, i, role,
      case role when 0 then ${random(sizes, 'i // 2', sizes.producers)} else ${random(sizes, 'j', sizes.producers)} end as producer
    from (select j, j * 2 // 5 as i, ${role} as role from range(${(from * 5) / 2}, ${(to * 5) / 2}) as numbers(j)))`
}

/** Producers that a drop adds to tracts from number `first` on, evenly over `tracts` of them; every other one is new. */
export function addedInvolvements(sizes: Sizes, drop: number, first: number, tracts: number): string {
  const count = dropCounts(sizes).added
  const from = (drop - 1) * count
  return `(select ${addedFrom} + n as j, ${first} + (n - ${from}) * ${tracts} // ${count} as i, 1 as role,
      case when n % 2 = 0 then ${sizes.producers} + n // 2 else ${random(sizes, `n, 'added'`, sizes.producers)} end as producer
    from range(${from}, ${from + count}) as numbers(n))`
}

/** Rows of ibpart, of a relation of involvements; another `version` ends in the open crop year. */
export function involvementRows(sizes: Sizes, relation: string, version: number, drop: number | 'late'): string {
  const { year } = sizes
  const dates = `date '${year - 9}-10-01' + cast(${random(sizes, `j, 'from'`, 2500)} as integer)`
  const end =
    version === 0
      ? picked([null, null, null, '9999-12-31', `${year - 1}-09-30`], random(sizes, `j, 'to'`, 5))
      : `${text(`date '${year}-11-30' - ${(7 * version) % 200}`)}`
  return `select ${padded('j', 12)} as segment_recno, ${segment} as segment, ${guid('C3', 'j')} as partner_guid,
      ${dates} as valid_from, cast(${end} as date) as valid_to, ${changedAt(sizes, `j, 'part'`, drop)} as UPTIM
    from ${relation}`
}

/** An earlier involvement of the same producer, for one in fifty: the key is the same, the order decides. */
export function formerRows(sizes: Sizes, relation: string): string {
  return `select ${padded(`${formerFrom} + j`, 12)} as segment_recno, ${segment} as segment, ${guid('C3', 'j')} as partner_guid,
      date '${sizes.year - 15}-10-01' as valid_from, date '${sizes.year - 9}-09-30' as valid_to,
      timestamp '${sizes.start}' - interval 2 years as UPTIM
    from ${relation} where j % 50 = 7`
}

/** Rows of crmd_partner: who is involved as what; contacts are no producers. */
export function partnerRows(sizes: Sizes, relation: string, drop: number): string {
  const other = picked(['ZFARMOWN', 'ZFARMOTH', 'ZFARMOTH', 'ZFARMCON'], random(sizes, `j, 'fct'`, 4))
  return `select ${guid('C3', 'j')} as guid, ${partnerNumber('producer')} as partner_no,
      case role when 0 then 'ZFARMOPR' when 1 then 'ZFARMOWN' else ${other} end as partner_fct,
      ${changedAt(sizes, `j, 'partner'`, drop)} as UPTIM
    from ${relation}`
}

/** Rows of zmi_farm_partn, for some involvements of the tracts that have a fragment; each fragment and partner once. */
export function interruptionRows(sizes: Sizes, relation: string, drop: number): string {
  const users = ['JHARRIS', 'MPEREZ', "O''BRIEN", 'BATCH01']
  return `select frg_guid, partner_no, ${picked(['Y', 'N', null], random(sizes, `j, 'ind'`, 3))} as interrupted_ind,
      ${picked(users, random(sizes, `j, 'user'`, users.length))} as changed_by, ${changedAt(sizes, `j, 'zmi'`, drop)} as UPTIM
    from (select distinct on (i, producer) j, ${guid('F7', 'i')} as frg_guid, ${partnerNumber('producer')} as partner_no
      from ${relation} where i % 2 = 0 and j % 10 = 5 order by i, producer, j)`
}

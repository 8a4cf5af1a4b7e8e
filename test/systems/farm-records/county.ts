/** A root with some tracts of the usual kind in states of their own, for tests that are not about the rows. */

import type { ReferenceTable, Row, SssTable } from './answer.ts'
import { commonReferences, usualReferences, usualRows } from './cases.ts'
import { type Lake, makeLake } from './lake.ts'

export const later = '2025-10-05 00:00:00'

/** Tracts 0 to `count` − 1: one operator each. `stateOf`: the state of a tract; all in 19 by default. */
export async function makeCounty(
  count: number,
  options: Parameters<typeof makeLake>[0] & { stateOf?: (n: number) => string } = {},
): Promise<Lake> {
  const { stateOf = () => '19', ...own } = options
  const lake = await makeLake(own)
  const references: Partial<Record<ReferenceTable, Row[]>> = { ...commonReferences, county_office_control: [] }
  const rows: Partial<Record<SssTable, Row[]>> = {}
  const offices = new Map<string, number>()
  for (let n = 0; n < count; n += 1) {
    const state = stateOf(n)
    if (!offices.has(state)) offices.set(state, 10 + offices.size)
    const office = offices.get(state) as number
    for (const [table, list] of Object.entries(usualReferences(n)) as [ReferenceTable, Row[]][]) {
      const placed = list.map((row) =>
        'county_office_control_identifier' in row ? { ...row, county_office_control_identifier: office } : row,
      )
      references[table] = [...(references[table] ?? []), ...placed]
    }
    for (const [table, list] of Object.entries(usualRows(n)) as [SssTable, Row[]][]) {
      const placed = list.map((row) => ('admin_state' in row ? { ...row, admin_state: state } : row))
      rows[table] = [...(rows[table] ?? []), ...placed]
    }
  }
  references.county_office_control = [...offices].map(([state, office]) => ({
    county_office_control_identifier: office,
    state_fsa_code: state,
    county_fsa_code: '001',
  }))
  await lake.refer(references)
  for (const [table, list] of Object.entries(rows) as [SssTable, Row[]][])
    if (list.length > 0) await lake.land(table, ...list)
  return lake
}

/** New codes of some tracts, as one more drop. */
export async function landCodes(
  lake: Lake,
  numbers: readonly number[],
  code: string | null,
  time = later,
): Promise<void> {
  const rows = numbers.flatMap((n) =>
    usualRows(n).z_ibase_comp_detail.map((row): Row => ({ ...row, hel_code: code, UPTIM: time })),
  )
  await lake.land('z_ibase_comp_detail', ...rows)
}

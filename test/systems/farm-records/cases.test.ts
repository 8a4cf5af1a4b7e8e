/** Every case of the contract on a tract of its own, in two runs on one root. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { ReferenceTable, Row, SssTable, Target } from './answer.ts'
import { type Case, cases, commonReferences, laterPeriods, usualReferences, usualRows } from './cases.ts'
import { type Lake, makeLake } from './lake.ts'

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 }) // several runs each, on a busy machine too

const farmOf = (n: number): string => `F${n}`
let lake: Lake
const found: Record<Target, Row[]>[] = []
beforeAll(async () => {
  lake = await makeLake()
  await lake.refer(referencesOf(false))
  await land((one, n) => ({ ...usualRows(n), ...one.first?.(n) }))
  await lake.run()
  found.push(await lake.readTargets())
  await lake.refer({ ...referencesOf(true), time_period: laterPeriods })
  await land((one, n) => one.later?.(n) ?? {})
  await lake.run()
  found.push(await lake.readTargets())
})
afterAll(() => lake.remove())

async function land(rowsOf: (one: Case, n: number) => Partial<Record<SssTable, Row[]>>): Promise<void> {
  const tables: Partial<Record<SssTable, Row[]>> = {}
  for (const [n, one] of cases.entries())
    for (const [table, rows] of Object.entries(rowsOf(one, n)) as [SssTable, Row[]][])
      tables[table] = [...(tables[table] ?? []), ...rows]
  for (const [table, rows] of Object.entries(tables) as [SssTable, Row[]][])
    if (rows.length > 0) await lake.land(table, ...rows)
}

function referencesOf(isLater: boolean): Partial<Record<ReferenceTable, Row[]>> {
  const all: Partial<Record<ReferenceTable, Row[]>> = { ...commonReferences }
  for (const [n, one] of cases.entries()) {
    const own = { ...usualReferences(n), ...one.refer?.(n), ...(isLater ? one.referLater?.(n) : {}) }
    for (const [table, rows] of Object.entries(own) as [ReferenceTable, Row[]][])
      all[table] = [...(all[table] ?? []), ...rows]
  }
  return all
}

/** The rows of a case, with the columns that it is about, in the order of these. */
function rowsOf(run: number, target: Target, n: number, expected: readonly Row[]): Row[] {
  const columns = Object.keys(expected[0] ?? {})
  const own = found[run]?.[target].filter((row) => row.farm_number === farmOf(n)) ?? []
  return own.map((row) => Object.fromEntries(columns.map((column) => [column, row[column] ?? null]))).sort(byText)
}

const byText = (a: Row, b: Row): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)
const texts = (rows: readonly Row[]): Row[] =>
  rows.map((row) =>
    Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value === null ? null : String(value)])),
  )

describe.each(cases.map((one, n) => ({ ...one, n })))('$name', ({ n, expected, expectedLater = expected }) => {
  it.each([
    { when: 'at first', run: 0, rows: expected },
    { when: 'after the second run', run: 1, rows: expectedLater },
  ])('$when', ({ run, rows }) => {
    for (const [target, list] of Object.entries(rows(n)) as [Target, Row[]][])
      expect(rowsOf(run, target, n, list), target).toEqual(texts(list).sort(byText))
  })
})

it('is all as the answer has it', async () => await lake.expectTargets())

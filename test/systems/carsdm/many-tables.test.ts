/** Three hundred tables in one run, and one of them in the next. */
import { afterAll, expect, it } from 'vitest'
import { makeLake } from './lake.ts'
import { cdc, type Definition, load } from './landing.ts'

const tables = Array.from({ length: 300 }, (_, index) => `T${String(index).padStart(3, '0')}`)
const definitions = tables.map((table): Definition => {
  return { table, primaryKey: ['id'], columns: { id: 'bigint', note: 'string' } }
})
const lake = makeLake(definitions)
afterAll(lake.remove)

it('are done with one file each', { timeout: 300_000 }, async () => {
  for (const [index, table] of tables.entries()) {
    const isLoad = index % 2 === 0
    const file = isLoad
      ? load(1, 'id bigint, note string', [index, table], [-1, null])
      : cdc(index % 24, 'Op string, id bigint, note string', ['I', index, table], ['U', index, 'u'], ['D', index, null])
    await lake.land(table, file)
  }
  await lake.run()
  expect(lake.toldTables()).toEqual(tables)
  expect(lake.producedTables()).toEqual(tables)
  for (const table of tables) await lake.expectTable(table)
})

it('but one have no new files, and are left as they are', { timeout: 300_000 }, async () => {
  await lake.land('T007', cdc(23, 'Op string, id bigint, note string', ['I', 7, 'again']))
  const others = lake.snapshot(...tables.filter((table) => table !== 'T007'))
  await lake.run()
  expect(lake.toldTables()).toEqual(['T007'])
  expect(lake.producedTables()).toEqual(['T007'])
  await lake.expectTable('T007')
  expect(lake.snapshot(...tables.filter((table) => table !== 'T007'))).toEqual(others)
})

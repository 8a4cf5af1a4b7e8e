/** Tables that fail: the others are done, their own files are taken again. */
import { afterAll, describe, expect, it } from 'vitest'
import { type Ended, millrace } from '../../cli.ts'
import { type Lake, makeLake } from './lake.ts'
import { cdc, type Definition, load, truncated, writeTablesFile } from './landing.ts'
import { processControlRows } from './process-control.ts'
import { readZones } from './zones.ts'

const tables = ['BAD_FILE', 'BAD_VALUE', 'GOOD', 'OTHER']
const columns = { id: 'bigint', price: 'decimal(5,2)' }
const definitions = tables.map((table): Definition => ({ table, primaryKey: ['id'], columns }))
const priced = 'Op string, id bigint, price decimal(12,3)'
const strict = ['--on-bad-file', 'fail', '--on-bad-value', 'fail']

const lakes: Lake[] = []
afterAll(() => lakes.forEach((lake) => void lake.remove()))

async function newLake(): Promise<Lake> {
  const lake = makeLake(definitions)
  lakes.push(lake)
  for (const table of tables) await lake.land(table, load(1, 'id bigint, price double', [1, 1.5], [2, 2.5]))
  return lake
}

async function landChanges(lake: Lake): Promise<void> {
  const change = (price: string) => cdc(8, priced, ['U', 1, price], ['D', 2, null], ['I', 3, '3.25'])
  await lake.land('GOOD', change('9.990'))
  await lake.land('OTHER', change('8.880'))
  await lake.land('BAD_VALUE', change('1.001'))
  await lake.land('BAD_FILE', await truncated(change('7.770')), cdc(9, priced, ['I', 4, '4.000']))
}

async function expectTables(lake: Lake, ...some: string[]): Promise<void> {
  for (const table of some) await lake.expectTable(table)
}

function final(root: string, table: string): Promise<string[]> {
  return readZones(root, table).then((zones) => zones.final.rows.map(({ id, price }) => `${id} ${price}`).sort())
}

/** What lies in the zones of the table whose file is bad. */
function zonesOf(lake: Lake): Record<string, string> {
  return Object.fromEntries(
    Object.entries(lake.snapshot('BAD_FILE')).filter(([file]) => !file.startsWith('quarantine')),
  )
}

describe('failing tables', () => {
  let failed: Ended

  it('leave the others done, and theirs as it was', async () => {
    const lake = await newLake()
    await lake.run()
    const before = zonesOf(lake)
    await landChanges(lake)
    failed = await lake.run({ flags: strict, failed: ['BAD_FILE', 'BAD_VALUE'] })
    await expectTables(lake, 'GOOD', 'OTHER')
    expect(await final(lake.root, 'BAD_VALUE')).toEqual(['1 1.50', '2 2.50'])
    expect(zonesOf(lake)).toEqual(before)
    // One name each of what the state machine hands on: which table, and why.
    expect(failed.stderr).toMatch(/BAD_FILE[^\n]*20251103-080000000\.parquet|20251103-080000000\.parquet[^\n]*BAD_FILE/)
    expect(failed.stderr).toMatch(/BAD_VALUE[^\n]*price|price[^\n]*BAD_VALUE/)
    expect(failed.stderr).not.toMatch(/\n\s+at /) // a stack trace is no message
    const jobs = await processControlRows(lake.root)
    expect(jobs.map(({ job_stat_nm: status }) => status)).toEqual(['Complete', 'Error'])
    expect(jobs[1]?.err_msg).toMatch(/BAD_FILE|BAD_VALUE/)
  })

  it('are repeated by retry, alone, once their files are mended', async () => {
    const lake = lakes[0] as Lake
    const others = lake.snapshot('GOOD', 'OTHER')
    await lake.land('BAD_FILE', cdc(8, priced, ['U', 1, '7.770'], ['D', 2, null], ['I', 3, '3.25']))
    // The value is as it was: its table fails again.
    const again = await millrace(['retry', '--root', lake.root])
    expect(again.code, again.stderr).toBe(1)
    expect(again.stderr).toMatch(/BAD_VALUE/)
    expect(await final(lake.root, 'BAD_FILE')).toEqual(['1 7.77', '2 2.50', '3 3.25', '4 4.00'])
    expect(await final(lake.root, 'BAD_VALUE')).toEqual(['1 1.50', '2 2.50'])
    expect(lake.snapshot('GOOD', 'OTHER')).toEqual(others)
  })

  it('have their files taken again by the next run', async () => {
    const lake = lakes[0] as Lake
    const others = lake.snapshot('GOOD', 'OTHER')
    await lake.run()
    await expectTables(lake, 'BAD_VALUE', 'GOOD', 'OTHER')
    expect((await readZones(lake.root, 'BAD_VALUE')).quarantined.rows).toHaveLength(1)
    expect(await final(lake.root, 'BAD_FILE')).toEqual(['1 7.77', '2 2.50', '3 3.25', '4 4.00'])
    expect(lake.snapshot('GOOD', 'OTHER')).toEqual(others)
  })
})

describe('a first run that fails tables', () => {
  it('is mended by the next run: a whole file, a definition with more digits', async () => {
    const lake = await newLake()
    await landChanges(lake)
    await lake.run({ flags: strict, failed: ['BAD_FILE', 'BAD_VALUE'] })
    await expectTables(lake, 'GOOD', 'OTHER')
    expect(await final(lake.root, 'BAD_FILE')).toEqual([])
    expect(await final(lake.root, 'BAD_VALUE')).toEqual([])
    await lake.land('BAD_FILE', cdc(8, priced, ['U', 1, '7.770'], ['D', 2, null], ['I', 3, '3.25']))
    const mended = { ...columns, price: 'decimal(12,3)' }
    writeTablesFile(
      lake.tablesFile,
      definitions.map((one) => (one.table === 'BAD_VALUE' ? { ...one, columns: mended } : one)),
    )
    await lake.run({ flags: strict })
    expect(await final(lake.root, 'BAD_FILE')).toEqual(['1 7.77', '2 2.50', '3 3.25', '4 4.00'])
    expect(await final(lake.root, 'BAD_VALUE')).toEqual(['1 1.001', '2 2.500', '3 3.250'])
    await expectTables(lake, 'GOOD', 'OTHER')
  })
})

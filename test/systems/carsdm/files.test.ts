/** Files that are there twice, too late, empty, damaged, or no files of a table at all. */
import * as fs from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Ended } from '../../cli.ts'
import { makeLake } from './lake.ts'
import { cdc, type Definition, type FileContent, folderOf, landFile, load, renamed, truncated } from './landing.ts'
import { expectIdentity, readZones } from './zones.ts'

const plain = 'id bigint, note string'
const change = 'Op string, id bigint, note string'
const first = cdc(8, change, ['I', 1, 'a'], ['I', 2, 'b'])
const cut = cdc(9, change, ['U', 1, 'cut'], ['D', 2, null])

/** Names that are no file of a table; those that look like one are warned of. */
const noFiles = [
  '_SUCCESS',
  '.hidden.parquet',
  'LOAD00000001.parquet.tmp',
  'notes.txt',
  '.20251103-080000000.parquet.crc',
]
const hostileNames = [
  'LOAD.parquet',
  'LOADxyz.parquet',
  '20251301-000000000.parquet',
  '20250230-000000000.parquet',
  '20251103-250000000.parquet',
  '20251103-080000000 (1).parquet',
  '20251103.parquet',
  "'; DROP TABLE x; --.parquet",
  '[1]*?{a,b}.parquet',
  'line\nbreak.parquet',
  'ação 😀.parquet',
]

const tables = ['TWICE', 'TWICE_AT_ONCE', 'EMPTY', 'CUT', 'NO_PARQUET', 'QUIET', 'HOSTILE', 'NO_FOLDER', 'LATE']
const definitions = tables.map((table): Definition => {
  return { table, primaryKey: ['id'], columns: { id: 'bigint', note: 'string' } }
})

const lake = makeLake(definitions)
let runs: Ended[] = []
let quiet: Record<string, string>[] = []

beforeAll(async () => {
  await landFirst()
  runs = [await lake.run()]
  quiet = [lake.snapshot('QUIET')]
  await landSecond()
  runs.push(await lake.run())
  quiet.push(lake.snapshot('QUIET'))
})
afterAll(lake.remove)

async function landFirst(): Promise<void> {
  await lake.land('TWICE', load(1, plain, [3, 'l']), first, cdc(10, change, ['U', 1, 'c']))
  await lake.land('TWICE_AT_ONCE', first, renamed(first, '20251103-080000001.parquet'), load(1, plain, [3, 'l']))
  await lake.land('EMPTY', first, cdc(9, change))
  await lake.land('CUT', first, await truncated(cut))
  const broken: FileContent[] = [
    { name: '20251103-090000000.parquet', bytes: Buffer.alloc(0) },
    { name: '20251103-100000000.parquet', bytes: Buffer.from('Op,id,note\nI,9,never\n') },
    { name: 'LOAD00000001.parquet', bytes: Buffer.from('PAR1 and nothing more PAR1') },
  ]
  await lake.land('NO_PARQUET', first, ...broken)
  await lake.land('QUIET', load(1, plain, [1, 'a']), first)
  await lake.land('HOSTILE', first)
  await lake.land('LATE', cdc('20251101-120000000', change, ['I', 1, '01'], ['D', 1, null]))
  for (const name of [...noFiles, ...hostileNames]) {
    await landFile(lake.root, 'HOSTILE', { ...cdc(23, change, ['U', 1, `never: ${name}`]), name })
  }
  fs.mkdirSync(lake.absolute(`${folderOf('HOSTILE')}/20251103-110000000.parquet`))
  await landFile(lake.root, 'UNDEFINED', first)
  fs.writeFileSync(lake.absolute('landing/cars/dbo/stray.parquet'), 'not in a table')
}

async function landSecond(): Promise<void> {
  await lake.land('TWICE', renamed(first, '20251103-230000000.parquet'), renamed(first, '20251104-000000000.parquet'))
  await lake.land('EMPTY', cdc(10, change), cdc(11, change, ['D', 2, null]))
  await lake.land('CUT', cut)
  await lake.land('LATE', cdc('20251031-120000000', change, ['U', 1, '31'], ['I', 2, '31']))
  await lake.land('LATE', cdc('20251020-120000000', change, ['I', 3, 'before the window']))
}

describe('files', () => {
  it.each(tables)('of table %s', (table) => lake.expectTable(table))

  it('of a table that were landed under another name are told', () => {
    expect(runs[1]?.stderr).toMatch(/20251103-230000000\.parquet/)
    expect(runs[1]?.stderr).toMatch(/20251104-000000000\.parquet/)
    expect(runs[0]?.stderr).toMatch(/TWICE_AT_ONCE.*20251103-08000000[01]\.parquet/)
  })

  it('that were cut are listed, told, and read once they are whole', async () => {
    const zones = await readZones(lake.root, 'CUT')
    expect(zones.unreadable).toHaveLength(1)
    expect(zones.unreadable[0]).toMatchObject({ path: `${folderOf('CUT')}/${cut.name}`, bytes: expect.any(Number) })
    expect(runs[0]?.stderr).toMatch(/CUT.*20251103-090000000\.parquet/)
    expect(zones.final.rows.map(({ id, note }) => `${id}${note}`).sort()).toEqual(['1cut', '2b'])
    expect(zones.changes.rows).toHaveLength(4)
  })

  it('that are no Parquet are listed as what they are', async () => {
    const { unreadable } = await readZones(lake.root, 'NO_PARQUET')
    for (const entry of unreadable) expectIdentity(lake.root, 'NO_PARQUET', entry)
  })

  it('of unknown names are skipped, those like data with a warning', () => {
    for (const name of hostileNames) {
      // Control characters may be told in another spelling.
      expect(runs[0]?.stderr, name).toContain(name.split('\n').at(-1))
    }
  })

  it('without a definition are not landed, with a warning', () => {
    expect(runs[0]?.stderr).toMatch(/UNDEFINED/)
    for (const folder of ['landing/cars/Datasets/UNDEFINED', 'final/cars/UNDEFINED', 'final/cars/_cdc/UNDEFINED']) {
      expect(fs.existsSync(lake.absolute(folder)), folder).toBe(false)
    }
  })

  it('none: the table is as it was', () => {
    expect(Object.keys(quiet[0] ?? {}).length).toBeGreaterThan(3)
    expect(quiet[1]).toEqual(quiet[0])
  })

  it('none at all: no table byte changes', async () => {
    const before = lake.snapshot()
    await lake.run()
    await lake.run()
    expect(lake.snapshot()).toEqual(before)
  })
})

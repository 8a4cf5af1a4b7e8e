/** A chain of joins over tables of which little changes: computing what changed gives what computing everything does. */
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { type MergeIntoTask, mergeInto } from 'millrace'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Warehouse } from '../../../src/iceberg/warehouse.ts'
import { type Random, seededRandom, testSeed } from '../../random.ts'
import { rowsOf, runTasks, withTables } from './lake.ts'

/** By table: columns after the key `id` (all int), and the most that a value of each is; a value of 0 is NULL. */
const tables: Record<string, { rows: number; columns: Record<string, number> }> = {
  part: { rows: 400, columns: { owner: 120, place: 12, no: 10, made: 9 } },
  owner: { rows: 120, columns: { person: 15, rank: 5 } },
  place: { rows: 12, columns: { area: 6 } },
  lot: { rows: 120, columns: { place: 12, no: 10, lot: 12, kind: 4 } },
  flag: { rows: 60, columns: { person: 15, kind: 4, flag: 3 } },
}
const sql = `SELECT o.person, t.lot, p.made, coalesce(f.flag, -1) AS flag, p.id AS part
  FROM chain.part p
  JOIN chain.owner o ON o.id = p.owner AND o.rank < 5
  JOIN chain.place l ON l.id = p.place
  JOIN chain.lot t ON t.place = l.id AND t.no = p.no
  LEFT JOIN chain.flag f ON f.person = o.person AND f.kind = t.kind AND f.id % 7 > 0
  WHERE l.area > 0`

const restricts: Record<string, string[]>[] = [
  { 'chain.lot': ['lot'], 'chain.owner': ['person'] },
  { 'chain.owner': ['person'] },
  { 'chain.lot': ['lot'] },
  {},
]

let root = ''
beforeEach(async () => {
  root = fs.mkdtempSync(path.join(tmpdir(), 'millrace-chain-'))
  const int = (name: string): { name: string; type: string } => ({ name, type: 'int' })
  await withTables(root, async (warehouse) => {
    for (const [table, { columns }] of Object.entries(tables))
      await warehouse.create(`chain.${table}`, {
        columns: ['id', ...Object.keys(columns)].map(int),
        key: ['id'],
        sortBy: ['id'],
        properties: { 'write.target-file-size-bytes': '1500', 'write.merge.mode': 'merge-on-read' },
      })
    for (const target of ['part_by_part', 'whole'])
      await warehouse.create(`out.${target}`, {
        columns: ['person', 'lot', 'made', 'flag'].map(int),
        key: ['person', 'lot'],
      })
  })
})
afterEach(() => fs.rmSync(root, { recursive: true, force: true }))

function merge(name: string, restrict: Record<string, string[]> | null): MergeIntoTask {
  return mergeInto(name, {
    into: `out.${name}`,
    using: { sql, tables: Object.keys(tables).map((table) => `chain.${table}`) },
    on: ['person', 'lot'],
    orderBy: ['made DESC NULLS LAST', 'part DESC'],
    compare: ['made', 'flag'],
    update: ['made', 'flag'],
    ...(restrict === null ? {} : { incremental: { restrict } }),
  })
}

/** Rows of a table as VALUES, with the ids given. */
function values(table: string, ids: readonly number[], random: Random): string {
  const most = Object.values(tables[table]?.columns ?? {})
  const value = (max: number): string => String(random.below(max + 1) || 'NULL::INT')
  return ids.map((id) => `(${[id, ...most.map(value)].join(', ')})`).join(', ')
}

async function upsert(warehouse: Warehouse, table: string, ids: readonly number[], random: Random): Promise<void> {
  const names = ['id', ...Object.keys(tables[table]?.columns ?? {})].join(', ')
  const source = `SELECT * FROM (VALUES ${values(table, ids, random)}) v(${names})`
  await (await warehouse.table(`chain.${table}`)).merge({ using: { sql: source }, on: ['id'] })
}

/** Changes, adds or removes a few neighbours of one table, or rows of both targets alike. */
async function changeSomething(warehouse: Warehouse, random: Random): Promise<void> {
  const names = Object.keys(tables)
  const table = names[random.below(names.length + 3)]
  if (table === undefined) {
    const [person, lot] = [1 + random.below(15), 1 + random.below(12)]
    for (const name of ['out.part_by_part', 'out.whole']) {
      const target = await warehouse.table(name)
      if (lot % 2 === 0) await target.delete(`person = ${person}`)
      else
        await target.merge({
          using: { sql: `SELECT ${person} AS person, ${lot} AS lot, 77 AS made, 7 AS flag` },
          on: ['person', 'lot'],
        })
    }
    return
  }
  const first = 1 + random.below((tables[table]?.rows ?? 0) + 3)
  const ids = Array.from({ length: 1 + random.below(3) }, (_, index) => first + index)
  if (random.below(4) > 0) await upsert(warehouse, table, ids, random)
  else await (await warehouse.table(`chain.${table}`)).delete(`id >= ${first} AND id < ${first + ids.length}`)
}

const seed = testSeed()
describe(`a chain of joins, seed ${seed}`, () => {
  it.each(restricts.map((restrict, index) => ({ restrict, index })))(
    'gives what computing everything gives, with $restrict',
    { timeout: 180_000 },
    async ({ restrict, index }) => {
      const random = seededRandom(seed + index)
      await withTables(root, async (warehouse) => {
        for (const [table, { rows }] of Object.entries(tables)) {
          const ids = Array.from({ length: rows }, (_, number) => number + 1)
          await upsert(warehouse, table, ids, random)
        }
      })
      const tasks = [merge('part_by_part', restrict), merge('whole', null)]
      for (let round = 0; round < 8; round += 1) {
        await runTasks(root, tasks)
        const rows = async (target: string): Promise<unknown[][]> =>
          await rowsOf(root, `SELECT * FROM out.${target} ORDER BY ALL`)
        const whole = await rows('whole')
        expect(whole.length).toBeGreaterThan(50)
        expect({ round, rows: await rows('part_by_part') }).toEqual({ round, rows: whole })
        await withTables(root, async (warehouse) => {
          for (let step = 0; step < 2 + random.below(3); step += 1) await changeSomething(warehouse, random)
        })
      }
    },
  )
})

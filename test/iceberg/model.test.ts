/**
 * Random histories of a table against a plain list of rows: appends, merges, deletes, overwrites, other columns, other
 * partitions and orders, compactions. After every step the table holds the model's rows; in the end the changes between any
 * two states turn the rows of one into those of the other.
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Table } from '../../src/iceberg/table.ts'
import { testSeed } from '../random.ts'
import { sorted, testWarehouse } from './open-warehouse.ts'

const runs = Number(process.env.MILLRACE_HISTORIES ?? 25)
const seed = testSeed()
const warehouse = await testWarehouse()

/** A row by the ids of its columns: a renamed column keeps its values, one that is added again does not get old ones. */
type ModelRow = Map<number, unknown>
type ModelColumn = { id: number; name: string }
type State = { snapshot: bigint | null; columns: ModelColumn[]; rows: ModelRow[] }
type Given = { id: number; part: string | null; a: number | null }

type Step =
  | { do: 'append' | 'overwrite'; rows: Given[] }
  | {
      do: 'merge'
      rows: Given[]
      mode: 'copy-on-write' | 'merge-on-read' | 'auto'
      kind: 'upsert' | 'delete' | 'update' | 'sync'
    }
  | { do: 'delete'; where: 'id' | 'a' | 'part'; bound: number; mode: 'copy-on-write' | 'merge-on-read' | 'auto' }
  | { do: 'overwrite-where'; rows: Given[]; bound: number }
  | { do: 'add' | 'drop' | 'rename' | 'compact' | 'widen' }
  | { do: 'partition'; by: string[] }
  | { do: 'sort'; by: string[] }

const ids = 24
const given: fc.Arbitrary<Given> = fc.record({
  id: fc.nat(ids - 1),
  part: fc.constantFrom('x', 'y', 'ü/=%', '', null),
  a: fc.option(fc.integer({ min: -3, max: 3 })),
})
const mode = fc.constantFrom('copy-on-write' as const, 'merge-on-read' as const, 'auto' as const)
const rows = fc.array(given, { maxLength: 12 })
const uniqueRows = fc.uniqueArray(given, { selector: ({ id }) => id, maxLength: 12 })
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('append' as const), rows }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('merge' as const),
      rows: uniqueRows,
      mode,
      kind: fc.constantFrom('upsert' as const, 'delete' as const, 'update' as const, 'sync' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('delete' as const),
      where: fc.constantFrom('id' as const, 'a' as const, 'part' as const),
      bound: fc.nat(ids),
      mode,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('overwrite' as const), rows }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('overwrite-where' as const), rows, bound: fc.nat(ids) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('add' as const, 'drop' as const, 'rename' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('compact' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('widen' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('partition' as const),
      by: fc.constantFrom([], ['part'], ['bucket(3, id)'], ['truncate(5, id)', 'part']),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('sort' as const),
      by: fc.constantFrom([], ['id'], ['part desc nulls last', 'id']),
    }),
  },
) as fc.Arbitrary<Step>

it(`holds what a list of rows would, in ${runs} random histories, seed ${seed}`, { timeout: 600_000 }, async () => {
  let number = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), fc.nat(), async (steps, pick) => {
      number += 1
      await checkHistory(`random.t${number}`, steps, pick)
    }),
    { numRuns: runs, seed, endOnFailure: process.env.CI !== undefined },
  )
})

async function checkHistory(name: string, steps: readonly Step[], pick: number): Promise<void> {
  const table = await warehouse.create(name, {
    columns: [
      { name: 'id', type: 'int' },
      { name: 'part', type: 'string' },
      { name: 'a', type: 'int' },
    ],
  })
  let now: State = { snapshot: null, columns: modelColumns(table), rows: [] }
  const states = [now]
  for (const each of steps) {
    now = await perform(table, now, each)
    expect(await rowsOf(table), JSON.stringify(each)).toEqual(modelRows(now.rows, now.columns))
    states.push(now)
  }
  const [i, j] = [pick % states.length, Math.floor(pick / states.length) % states.length].sort((a, b) => a - b)
  await checkChanges(table, states[i as number] as State, states[j as number] as State, pick % 2 === 0, pick % 3 === 0)
}

function modelColumns(table: Table): ModelColumn[] {
  return table.schema.fields.map(({ id, name }) => ({ id, name }))
}

async function rowsOf(table: Table): Promise<unknown[][]> {
  await table.refresh()
  return sorted((await warehouse.all(table)).map(texts))
}

/** Values as text, for a number that was widened comes as text. */
function texts(row: readonly unknown[]): (string | null)[] {
  return row.map((value) => (value === null || value === undefined ? null : String(value)))
}

function modelRows(list: readonly ModelRow[], columns: readonly ModelColumn[]): unknown[][] {
  return sorted(list.map((row) => texts(columns.map(({ id }) => row.get(id)))))
}

/** Does a step on the table and on the model. */
async function perform(table: Table, state: State, each: Step): Promise<State> {
  const next = await change(table, state, each)
  return { snapshot: table.snapshot()?.['snapshot-id'] ?? null, columns: modelColumns(table), rows: next }
}

async function change(table: Table, { columns, rows: old }: State, each: Step): Promise<ModelRow[]> {
  const [id, part, a] = columns.map((column) => column.id) as [number, number, number]
  const names = columns.slice(0, 3).map(({ name }) => name) as [string, string, string]
  const modelOf = (row: Given): ModelRow =>
    new Map<number, unknown>([
      [id, row.id],
      [part, row.part],
      [a, row.a],
    ])
  const source = (list: readonly Given[]): { sql: string } => {
    const lines = list.map((row) => `(${row.id}, ${row.part === null ? 'NULL' : `'${row.part}'`}, ${row.a ?? 'NULL'})`)
    const values = lines.length === 0 ? '(NULL, NULL, NULL)' : lines.join(', ')
    const [first, second, third] = names.map((name) => `"${name}"`)
    return {
      sql: `SELECT CAST(a AS INTEGER) AS ${first}, CAST(b AS VARCHAR) AS ${second}, CAST(c AS INTEGER) AS ${third} FROM (VALUES ${values}) v(a, b, c) WHERE a IS NOT NULL`,
    }
  }
  switch (each.do) {
    case 'append':
      await table.append(source(each.rows))
      return [...old, ...each.rows.map(modelOf)]
    case 'overwrite':
      await table.overwrite(source(each.rows), { all: true })
      return each.rows.map(modelOf)
    case 'overwrite-where':
      await table.overwrite(source(each.rows), { where: `id < ${each.bound}` })
      return [...old.filter((row) => (row.get(id) as number) >= each.bound), ...each.rows.map(modelOf)]
    case 'delete': {
      const where = { id: `id < ${each.bound}`, a: `"${names[2]}" IS NULL`, part: `part = 'ü/=%'` }[each.where]
      await table.delete(where, { mode: each.mode })
      const goes = (row: ModelRow): boolean => {
        if (each.where === 'id') return (row.get(id) as number) < each.bound
        return each.where === 'a' ? row.get(a) === null : row.get(part) === 'ü/=%'
      }
      return old.filter((row) => !goes(row))
    }
    case 'merge':
      return merge(table, old, each, { id, a, name: names[2], source: source(each.rows), modelOf })
    case 'add':
      await table.evolve([{ add: `extra${table.metadata['last-column-id']}`, type: 'string' }])
      return old
    case 'drop': {
      const last = columns.at(-1) as ModelColumn
      if (columns.length > 3) await table.evolve([{ drop: last.name }])
      return old
    }
    case 'rename':
      await table.evolve([{ rename: names[2], to: names[2] === 'a' ? 'b' : 'a' }])
      return old
    case 'widen':
      await table.evolve([{ widen: names[2], type: 'long' }])
      return old
    case 'compact':
      await table.compact()
      return old
    case 'partition':
      await table.setPartitionBy(each.by)
      return old
    case 'sort':
      await table.setSortBy(each.by)
      return old
  }
}

type MergeContext = {
  id: number
  a: number
  name: string
  source: { sql: string }
  modelOf: (row: Given) => ModelRow
}

async function merge(
  table: Table,
  old: ModelRow[],
  each: Step & { do: 'merge' },
  context: MergeContext,
): Promise<ModelRow[]> {
  const { id, a, name, source, modelOf } = context
  await table.merge({
    using: source,
    on: ['id'],
    mode: each.mode,
    ...(each.kind === 'delete'
      ? { whenMatched: [{ when: `s."${name}" > 0`, then: 'delete' }, { then: 'update' }] }
      : {}),
    ...(each.kind === 'update'
      ? {
          whenMatched: [{ when: `t."${name}" IS NOT NULL`, then: 'update', set: { [name]: `t."${name}" + 1` } }],
          whenNotMatched: null,
        }
      : {}),
    ...(each.kind === 'sync' ? { whenNotMatchedBySource: { when: 't.id > 5', then: 'delete' } } : {}),
  })
  const found = new Map(each.rows.map((row) => [row.id, row]))
  const known = new Set(old.map((row) => row.get(id)))
  const kept = old.flatMap((row): ModelRow[] => {
    const other = found.get(row.get(id) as number)
    if (other === undefined) return each.kind === 'sync' && (row.get(id) as number) > 5 ? [] : [row]
    if (each.kind === 'delete' && other.a !== null && other.a > 0) return []
    if (each.kind !== 'update') return [new Map([...row, ...modelOf(other)])]
    const value = row.get(a) as number | null
    return [value === null ? row : new Map([...row, [a, value + 1]])]
  })
  const inserted = each.kind === 'update' ? [] : each.rows.filter((row) => !known.has(row.id)).map(modelOf)
  return [...kept, ...inserted]
}

/** Plays the changes between two states on the rows of the first. */
async function checkChanges(table: Table, from: State, to: State, net: boolean, isKeyed: boolean): Promise<void> {
  if (to.snapshot === null) return
  const options = {
    ...(from.snapshot === null ? {} : { from: from.snapshot }),
    to: to.snapshot,
    net,
    ...(isKeyed ? { key: ['id'] } : {}),
  }
  const changes = await table.changes(options)
  const names = changes.columns.map(({ name }) => name)
  const log = await warehouse.show(`SELECT * FROM ${changes.sql} ORDER BY _change_ordinal`)
  // Columns as the snapshot has them, which are not always the newest.
  const columns = names.map((name) => to.columns.find((column) => column.name === name) ?? { id: -1, name })
  if (columns.some(({ id }) => id === -1)) return
  const list = modelRows(from.rows, columns).map((row) => JSON.stringify(row))
  const byKey = await table.changes({ ...options, before: 'key' })
  const keyLog = await warehouse.show(`SELECT * FROM ${byKey.sql} ORDER BY _change_ordinal`)
  expect(keyLog.rows.filter(([type]) => type === 'UPDATE_BEFORE')).toEqual([])
  for (const ordinal of new Set(log.rows.map((row) => row[1]))) {
    const own = log.rows.filter((row) => row[1] === ordinal)
    const of = (...types: string[]): string[] =>
      own.filter((row) => types.includes(String(row[0]))).map((row) => JSON.stringify(texts(row.slice(3))))
    const [gone, come] = [of('DELETE', 'UPDATE_BEFORE'), of('INSERT', 'UPDATE_AFTER')]
    expect(
      come.filter((row) => gone.includes(row)),
      'rows that did not change',
    ).toEqual([])
    const told = keyLog.rows.filter((row) => row[1] === ordinal)
    checkByKey(own, told, list, names.indexOf('id') + 3)
    for (const row of gone) {
      const at = list.indexOf(row)
      expect(at, `${row} is gone, but was not there`).toBeGreaterThanOrEqual(0)
      list.splice(at, 1)
    }
    list.push(...come)
  }
  expect(sorted(list.map((row) => JSON.parse(row)))).toEqual(modelRows(to.rows, columns))
}

/** With the keys alone of rows as they were: the same deletes, by id, and all that came; beside that, updates of rows to what they were. */
function checkByKey(whole: unknown[][], told: unknown[][], before: string[], id: number): void {
  const came = (log: unknown[][]): string[] =>
    log
      .filter(([type]) => type === 'INSERT' || type === 'UPDATE_AFTER')
      .map(([type, , , ...row]) => `${type} ${JSON.stringify(texts(row))}`)
      .sort()
  const left = (log: unknown[][]): string[] => log.filter(([type]) => type === 'DELETE').map((row) => String(row[id]))
  expect(left(told).sort()).toEqual(left(whole).sort())
  const more = came(told)
  for (const one of came(whole)) {
    const at = more.indexOf(one)
    expect(at, `${one} came, but is not told`).toBeGreaterThanOrEqual(0)
    more.splice(at, 1)
  }
  for (const one of more) expect(before.map((row) => `UPDATE_AFTER ${row}`)).toContain(one)
}

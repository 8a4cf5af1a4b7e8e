/** What changed between snapshots: kinds of changes, pairs, steps, and what is no change. */
import { describe, expect, it } from 'vitest'
import type { ChangesOptions, Table } from '../../src/iceberg/table.ts'
import { testWarehouse } from './open-warehouse.ts'

const warehouse = await testWarehouse()
let number = 0

async function keyed(key: string[] = ['id']): Promise<Table> {
  number += 1
  const columns = [
    { name: 'id', type: 'int' },
    { name: 'v', type: 'string' },
  ]
  const table = await warehouse.create(`changes.t${number}`, { columns, key })
  await table.append({ sql: `SELECT i::INT AS id, 'v' || i AS v FROM range(5) r(i)` })
  return table
}

const head = (table: Table): bigint => table.snapshot()?.['snapshot-id'] as bigint

/** Changes without the snapshots' ids. */
async function logOf(table: Table, options: ChangesOptions): Promise<unknown[][]> {
  const { sql } = await table.changes(options)
  return warehouse.values(`SELECT _change_ordinal, _change_type, id, v FROM ${sql}`)
}

const expected = [
  [0, 'DELETE', 2, 'v2'],
  [0, 'INSERT', 9, 'new'],
  [0, 'UPDATE_AFTER', 1, 'one'],
  [0, 'UPDATE_BEFORE', 1, 'v1'],
]

describe('changes of a merge', () => {
  it.each(['copy-on-write', 'merge-on-read'] as const)('%s, are the rows that changed', async (mode) => {
    const table = await keyed()
    const from = head(table)
    await table.merge({
      using: { sql: `SELECT * FROM (VALUES (1, 'one'), (2, 'gone'), (3, 'v3'), (9, 'new')) s(id, v)` },
      on: ['id'],
      whenMatched: [{ when: `s.v = 'gone'`, then: 'delete' }, { then: 'update' }],
      mode,
    })
    expect(await logOf(table, { from })).toEqual(expected)
    // Where whole files went, all of their rows are read anyway.
    const gone = [0, 'DELETE', 2, mode === 'copy-on-write' ? 'v2' : null]
    expect(await logOf(table, { from, before: 'key' })).toEqual([gone, ...expected.slice(1, 3)])
    const changes = await table.changes({ from })
    expect(await changes.counts()).toEqual({ inserts: 1, deletes: 1, updates: 1 })
    expect(changes).toMatchObject({
      from,
      to: head(table),
      snapshots: [head(table)],
      columns: [
        { name: 'id', type: 'int' },
        { name: 'v', type: 'string' },
      ],
    })
    expect((await changes.rows()).map((row) => row._commit_snapshot_id)).toEqual(Array(4).fill(head(table)))
  })

  it('are deletes and inserts where nothing tells rows apart', async () => {
    const table = await keyed([])
    const from = head(table)
    await table.merge({ using: { rows: [{ id: 1, v: 'one' }] }, on: ['id'] })
    expect(await logOf(table, { from })).toEqual([
      [0, 'DELETE', 1, 'v1'],
      [0, 'INSERT', 1, 'one'],
    ])
    expect(await logOf(table, { from, key: ['id'] })).toEqual([
      [0, 'UPDATE_AFTER', 1, 'one'],
      [0, 'UPDATE_BEFORE', 1, 'v1'],
    ])
  })

  it('are exact where rows are the same twice', async () => {
    const table = await keyed([])
    await table.append({
      rows: [
        { id: 1, v: 'v1' },
        { id: 1, v: 'v1' },
        { id: 1, v: 'other' },
      ],
    })
    const from = head(table)
    await table.overwrite(
      {
        rows: [
          { id: 1, v: 'v1' },
          { id: 1, v: 'other' },
          { id: 0, v: 'v0' },
        ],
      },
      { where: 'id < 2' },
    )
    expect(await logOf(table, { from, key: ['id'] })).toEqual([
      [0, 'DELETE', 1, 'v1'],
      [0, 'DELETE', 1, 'v1'],
    ])
  })
})

describe('several snapshots', () => {
  it('are steps, or one', async () => {
    const table = await keyed()
    const from = head(table)
    await table.merge({
      using: {
        rows: [
          { id: 1, v: 'a' },
          { id: 7, v: 'x' },
        ],
      },
      on: ['id'],
    })
    const middle = head(table)
    await table.compact()
    await table.delete('id IN (2, 7)')
    await table.merge({ using: { rows: [{ id: 1, v: 'b' }] }, on: ['id'] })
    expect(await logOf(table, { from })).toEqual([
      [0, 'INSERT', 7, 'x'],
      [0, 'UPDATE_AFTER', 1, 'a'],
      [0, 'UPDATE_BEFORE', 1, 'v1'],
      [1, 'DELETE', 2, 'v2'],
      [1, 'DELETE', 7, 'x'],
      [2, 'UPDATE_AFTER', 1, 'b'],
      [2, 'UPDATE_BEFORE', 1, 'a'],
    ])
    expect(await logOf(table, { from, net: true })).toEqual([
      [0, 'DELETE', 2, 'v2'],
      [0, 'UPDATE_AFTER', 1, 'b'],
      [0, 'UPDATE_BEFORE', 1, 'v1'],
    ])
    expect(await logOf(table, { from: middle, to: middle })).toEqual([])
    expect((await logOf(table, { to: from })).map(([, type]) => type)).toEqual(Array(5).fill('INSERT'))
  })

  it('are read with the newest columns', async () => {
    const table = await keyed()
    const from = head(table)
    await table.evolve([{ add: 'more', type: 'long' }])
    await table.merge({ using: { rows: [{ id: 1, more: 5 }] }, on: ['id'] })
    const { sql } = await table.changes({ from })
    expect(await warehouse.values(`SELECT _change_type, more FROM ${sql}`)).toEqual([
      ['UPDATE_AFTER', '5'],
      ['UPDATE_BEFORE', null],
    ])
  })

  it('of which the first has expired, or is of another line, are an error that names the others', async () => {
    const table = await keyed()
    const from = head(table)
    await table.append({ rows: [{ id: 10 }] })
    await table.append({ rows: [{ id: 11 }] })
    const known = head(table)
    await table.expireSnapshots({ olderThanMs: Date.now() + 1 })
    await expect(table.changes({ from })).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining(`which are ${known}`),
    })
    await expect(table.changes()).rejects.toMatchObject({ code: 'usage' })
  })
})

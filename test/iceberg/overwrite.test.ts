/** Overwriting and deleting: which rows and files go. */
import { describe, expect, it } from 'vitest'
import type { Table } from '../../src/iceberg/table.ts'
import { dataFiles, testWarehouse } from './open-warehouse.ts'

const warehouse = await testWarehouse()
let number = 0

async function states(partitionBy: string[] = ['state']): Promise<Table> {
  number += 1
  const columns = [
    { name: 'state', type: 'string' },
    { name: 'n', type: 'int' },
  ]
  const table = await warehouse.create(`over.t${number}`, { columns, partitionBy })
  await table.append({ sql: `SELECT ['CA', 'IA', NULL][1 + i % 3] AS state, i::INT AS n FROM range(9) r(i)` })
  return table
}

const sums = (table: Table): Promise<unknown[][]> =>
  warehouse.values(`SELECT state, sum(n)::INT FROM ${table.name} GROUP BY 1`)

describe('overwrite', () => {
  it('replaces the partitions that rows fall into', async () => {
    const table = await states()
    const source = {
      rows: [
        { state: null, n: 1 },
        { state: 'NE', n: 2 },
      ],
    }
    expect(await table.overwrite(source, { partitions: 'dynamic' })).toMatchObject({
      added: 2,
      removed: 3,
      filesAdded: 2,
      filesRemoved: 1,
    })
    expect(await sums(table)).toEqual([
      ['CA', 9],
      ['IA', 12],
      ['NE', 2],
      [null, 1],
    ])
    await table.overwrite({ rows: [{ state: 'CA', n: 5 }] }, { partitions: 'dynamic' })
    expect((await sums(table))[0]).toEqual(['CA', 5])
  })

  it('replaces rows by a condition, also where they share files with others', async () => {
    const table = await states([])
    const result = await table.overwrite({ rows: [{ state: 'IA', n: 100 }] }, { where: `state = 'IA' AND n < 5` })
    expect(result).toMatchObject({ added: 1, removed: 2, filesRemoved: 1 })
    expect(await sums(table)).toEqual([
      ['CA', 9],
      ['IA', 107],
      [null, 15],
    ])
  })

  it('replaces everything, by nothing too', async () => {
    const table = await states()
    expect(await table.overwrite({ rows: [{ n: 1 }] }, { all: true })).toMatchObject({ added: 1, removed: 9 })
    expect(await table.overwrite({ sql: 'SELECT 1 AS n WHERE false' }, { all: true })).toMatchObject({
      added: 0,
      removed: 1,
    })
    expect(await table.count()).toBe(0)
    expect(await table.overwrite({ sql: 'SELECT 1 AS n WHERE false' }, { all: true })).toMatchObject({ snapshot: null })
  })

  it('is done again from the newest rows when another commit comes between', async () => {
    const table = await states([])
    let isFirst = true
    await table.overwrite(
      { sql: `SELECT state, n + 100 AS n FROM ${table.name}` },
      { all: true },
      {
        check: async () => {
          if (isFirst) await (await warehouse.table(table.name)).append({ rows: [{ n: 1000 }] })
          isFirst = false
        },
      },
    )
    expect(await warehouse.values(`SELECT count(*)::INT, sum(n)::INT FROM ${table.name}`)).toEqual([
      [10, 36 + 1000 + 1000],
    ])
  })

  it('by partition is refused where files are partitioned otherwise', async () => {
    const table = await states([])
    await table.setPartitionBy(['state'])
    const source = { rows: [{ state: 'IA', n: 1 }] }
    await expect(table.overwrite(source, { partitions: 'dynamic' })).rejects.toMatchObject({ code: 'usage' })
    await table.compact()
    await table.overwrite(source, { partitions: 'dynamic' })
    expect(await sums(table)).toEqual([
      ['CA', 9],
      ['IA', 1],
      [null, 15],
    ])
  })
})

describe('delete', () => {
  it('drops whole files, and makes no snapshot for no rows', async () => {
    const table = await states()
    const files = dataFiles(table).length
    expect(await table.delete(`state = 'IA'`, { mode: 'merge-on-read' })).toMatchObject({
      removed: 3,
      filesAdded: 0,
      filesRemoved: 1,
    })
    expect(await table.delete(`state = 'IA'`)).toMatchObject({ snapshot: null, removed: 0 })
    expect(dataFiles(table)).toHaveLength(files)
    expect(table.snapshot()?.summary.operation).toBe('delete')
  })

  it('takes rows out of files in either mode', async () => {
    for (const mode of ['copy-on-write', 'merge-on-read'] as const) {
      const table = await states()
      expect(await table.delete('n % 2 = 0', { mode })).toMatchObject({ removed: 5 })
      expect(await sums(table)).toEqual([
        ['CA', 3],
        ['IA', 8],
        [null, 5],
      ])
      expect(await table.delete('n % 2 = 0 OR n = 1', { mode })).toMatchObject({ removed: 1 })
      expect(await table.count()).toBe(3)
    }
  })

  it('says what is wrong with a condition', async () => {
    const table = await states()
    await expect(table.delete('stat = 1')).rejects.toThrow('"stat" not found')
  })
})

describe('a condition', () => {
  it('may name other tables', async () => {
    const table = await states()
    const other = await states()
    await other.delete('n > 1')
    expect(await table.delete(`n IN (SELECT n FROM ${other.name})`)).toMatchObject({ removed: 2 })
  })
})

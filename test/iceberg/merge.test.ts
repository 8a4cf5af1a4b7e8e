/** MERGE: clauses, keys, what counts as a change, which files are read and written, both modes. */
import { describe, expect, it } from 'vitest'
import { liveFiles } from '../../src/iceberg/snapshots.ts'
import type { MergeOptions, Table } from '../../src/iceberg/table.ts'
import { testWarehouse } from './open-warehouse.ts'

const warehouse = await testWarehouse()
let number = 0

const columns = [
  { name: 'id', type: 'long' },
  { name: 'name', type: 'string' },
  { name: 'n', type: 'int' },
]

async function people(more: Partial<Parameters<typeof warehouse.create>[1]> = {}): Promise<Table> {
  number += 1
  const table = await warehouse.create(`merge.t${number}`, { columns, ...more })
  await table.append({ rows: [1, 2, 3].map((id) => ({ id, name: `n${id}`, n: id })) })
  return table
}

const using = (rows: Record<string, unknown>[]): MergeOptions['using'] => ({ rows })
const modes = ['copy-on-write', 'merge-on-read'] as const

describe.each(modes)('%s', (mode) => {
  it('updates, inserts and deletes in one snapshot', async () => {
    const table = await people()
    const result = await table.merge({
      using: using([
        { id: 1, name: 'one' },
        { id: 2, name: 'gone' },
        { id: 3, name: 'n3' },
        { id: 4, name: 'four' },
        { id: 5, name: 'skip' },
      ]),
      on: ['id'],
      whenMatched: [
        { when: `s.name = 'gone'`, then: 'delete' },
        { then: 'update', set: { name: 's.name' } },
      ],
      whenNotMatched: { when: `s.name <> 'skip'`, values: { id: 's.id', name: 'upper(s.name)', n: '40 + 2' } },
      mode,
    })
    expect(result).toMatchObject({
      inserted: 1,
      updated: 1,
      deleted: 1,
      mode,
      attempts: 1,
      sourceRows: 5,
      duplicates: 0,
    })
    expect(result).toMatchObject({ added: 2, removed: 2, filesScanned: 1, filesTouched: 1 })
    expect(await warehouse.all(table)).toEqual([
      ['1', 'one', 1],
      ['3', 'n3', 3],
      ['4', 'FOUR', 42],
    ])
    expect(table.metadata.snapshots).toHaveLength(2)
  })

  it('keeps what it writes within partitions', async () => {
    const table = await people({ partitionBy: ['name'] })
    await table.append({ sql: `SELECT 10 + i AS id, 'n' || (1 + i % 3) AS name, 0 AS n FROM range(30) r(i)` })
    const rows = [1, 2, 10, 13].map((id) => ({ id, name: id === 2 ? 'moved' : 'n1', n: 100 + id }))
    const result = await table.merge({ using: using([...rows, { id: 50, name: 'n3', n: 50 }]), on: ['id'], mode })
    expect(result).toMatchObject({ updated: 4, inserted: 1 })
    expect(await warehouse.values(`SELECT id, name, n FROM ${table.name} WHERE n > 0`)).toEqual([
      ['1', 'n1', 101],
      ['10', 'n1', 110],
      ['13', 'n1', 113],
      ['2', 'moved', 102],
      ['3', 'n3', 3],
      ['50', 'n3', 50],
    ])
    const id = result.snapshot?.['snapshot-id'] ?? null
    const deletes = await liveFiles(table.metadata, id, { content: 1 })
    const partitions = deletes.map(({ partition }) => partition[0]).sort()
    expect(partitions).toEqual(mode === 'merge-on-read' ? ['n1'] : []) // of n2 one file had one row, and went
  })

  it('matches a row again that was changed before', async () => {
    const table = await people()
    for (const name of ['a', 'b', 'c'])
      await table.merge({
        using: using([
          { id: 2, name },
          { id: 7, name },
        ]),
        on: ['id'],
        mode,
      })
    expect(await warehouse.all(table)).toEqual([
      ['1', 'n1', 1],
      ['2', 'c', 2],
      ['3', 'n3', 3],
      ['7', 'c', null],
    ])
  })
})

describe('a merge without changes', () => {
  it('makes no snapshot', async () => {
    const table = await people()
    const before = table.metadata
    const result = await table.merge({ using: { sql: `SELECT * FROM ${table.name}` }, on: ['id'] })
    expect(result).toMatchObject({ snapshot: null, inserted: 0, updated: 0, deleted: 0, mode: 'none', sourceRows: 3 })
    expect(table.metadata).toEqual(before)
  })

  it('sets the properties that come with it all the same', async () => {
    const table = await people()
    await table.merge({ using: using([{ id: 1, name: 'n1' }]), on: ['id'], properties: { bookmark: '7' } })
    expect(table.metadata.properties.bookmark).toBe('7')
    expect(table.metadata.snapshots).toHaveLength(1)
  })

  it('compares NULL and NaN as values', async () => {
    const table = await warehouse.create('merge.nulls', {
      columns: [
        { name: 'k', type: 'int' },
        { name: 'd', type: 'double' },
      ],
    })
    await table.append({ sql: `SELECT 1 AS k, NULL::DOUBLE AS d UNION ALL SELECT 2, 'nan'::DOUBLE` })
    const same = await table.merge({ using: { sql: `SELECT * FROM merge.nulls` }, on: ['k'] })
    expect(same.snapshot).toBeNull()
    const other = await table.merge({
      using: { sql: `SELECT 1 AS k, 'nan'::DOUBLE AS d UNION ALL SELECT 2, NULL` },
      on: ['k'],
    })
    expect(other.updated).toBe(2)
  })
})

describe('keys', () => {
  it('with a NULL are like no other, unless they are compared null-safe', async () => {
    const table = await people()
    await table.append({ rows: [{ id: null, name: 'nobody' }] })
    const rows = [
      { id: null, name: 'x' },
      { id: 1, name: 'one' },
    ]
    expect(await table.merge({ using: using(rows), on: ['id'] })).toMatchObject({ inserted: 1, updated: 1 })
    expect(await table.merge({ using: using(rows), on: ['id'], nullSafe: true })).toMatchObject({
      inserted: 0,
      updated: 1,
    })
    expect((await warehouse.all(table)).filter(([id]) => id === null)).toEqual([
      [null, 'x', null],
      [null, 'x', null],
    ])
  })

  it('of several columns find rows', async () => {
    const table = await people()
    const rows = [
      { id: 1, name: 'n1', n: 100 },
      { id: 1, name: 'n2', n: 200 },
    ]
    expect(await table.merge({ using: using(rows), on: ['id', 'name'] })).toMatchObject({ inserted: 1, updated: 1 })
  })

  it('that occur twice are an error that names one, or the first by an order counts', async () => {
    const table = await people()
    const rows = [
      { id: 5, name: 'old', n: 1 },
      { id: 5, name: 'new', n: 2 },
      { id: 6, name: 'six', n: 1 },
      { id: null, n: 1 },
      { id: null, n: 2 },
    ]
    await expect(table.merge({ using: using(rows), on: ['id'] })).rejects.toMatchObject({
      code: 'bad-value',
      message: expect.stringContaining('2 rows with the key "id" = 5'),
    })
    const result = await table.merge({ using: using(rows), on: ['id'], orderBy: ['n DESC NULLS LAST'] })
    expect(result).toMatchObject({ inserted: 4, duplicates: 1, sourceRows: 4 })
    expect(await warehouse.values(`SELECT name FROM ${table.name} WHERE id = 5`)).toEqual([['new']])
  })

  it('update every row that has them', async () => {
    const table = await people()
    await table.append({ rows: [{ id: 1, name: 'again', n: 9 }] })
    expect(await table.merge({ using: using([{ id: 1, n: 0 }]), on: ['id'] })).toMatchObject({ updated: 2 })
  })

  it('are compared in the types of the table', async () => {
    const table = await people()
    expect(await table.merge({ using: using([{ id: '2', name: 'two' }]), on: ['id'] })).toMatchObject({
      updated: 1,
      inserted: 0,
    })
    await expect(table.merge({ using: using([{ id: 'two' }]), on: ['id'] })).rejects.toMatchObject({
      code: 'bad-value',
      message: expect.stringContaining('column "id" is two'),
    })
  })
})

describe('rows that the source has none for', () => {
  it('are deleted where that is asked for', async () => {
    const table = await people()
    const result = await table.merge({
      using: using([{ id: 1, name: 'n1', n: 1 }]),
      on: ['id'],
      whenNotMatchedBySource: { when: 't.n < 3', then: 'delete' },
    })
    expect(result).toMatchObject({ deleted: 1, updated: 0, inserted: 0 })
    expect((await warehouse.all(table)).map(([id]) => id)).toEqual(['1', '3'])
  })
})

describe('a source', () => {
  it('must not have columns that the table has not', async () => {
    const table = await people()
    await expect(table.merge({ using: using([{ id: 1, nme: 'x' }]), on: ['id'] })).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('has no column "nme", which the source has; did you mean name?'),
    })
    await expect(table.merge({ using: using([{ name: 'x' }]), on: ['id'] })).rejects.toThrow(
      'the source has no column "id" to merge on',
    )
  })

  it('may have more columns where the values are named', async () => {
    const table = await people()
    const result = await table.merge({
      using: using([{ id: 1, newest: 5, other: 'x' }]),
      on: ['id'],
      whenMatched: [{ then: 'update', set: { n: 's.newest' } }],
      whenNotMatched: null,
    })
    expect(result.updated).toBe(1)
  })

  it('with a value that does not fit changes nothing', async () => {
    const table = await people()
    for (const [n, what] of [
      ['4000000000', 'column "n" is 4000000000'],
      ["'1.5'", 'column "n" is 1.5'],
      ['2.5', 'column "n" is 2.5'],
    ]) {
      const merging = table.merge({ using: { sql: `SELECT 1 AS id, ${n} AS n` }, on: ['id'] })
      await expect(merging).rejects.toMatchObject({
        code: 'bad-value',
        message: expect.stringContaining(what as string),
      })
    }
    expect(table.metadata.snapshots).toHaveLength(1)
  })

  it('may read the table itself, other tables at other snapshots, and files', async () => {
    const table = await people()
    const first = table.snapshot()?.['snapshot-id'] as bigint
    await table.delete('id = 3')
    const sql = `SELECT id, name, n + 100 AS n FROM ${table.name} WHERE id IN (SELECT id FROM ${table.name})`
    expect(
      await table.merge({ using: { sql, tables: { [table.name]: { snapshot: first } } }, on: ['id'] }),
    ).toMatchObject({ inserted: 1, updated: 2 })
    const other = await warehouse.create(`${table.name}_copy`, { columns })
    const files = (await table.rows({ columns: [], lineage: true })).map((row) => String(row._file))
    await other.merge({ using: { files: [...new Set(files)] }, on: ['id'] })
    expect(await warehouse.all(other)).toEqual(await warehouse.all(table))
  })
})

describe('files', () => {
  async function spread(definition: Partial<Parameters<typeof warehouse.create>[1]> = {}): Promise<Table> {
    number += 1
    const table = await warehouse.create(`merge.t${number}`, { columns, ...definition })
    for (let i = 0; i < 10; i += 1)
      await table.append({
        sql: `SELECT i AS id, 'n' || i % 3 AS name, 0 AS n FROM range(${i * 100}, ${i * 100 + 100}) r(i)`,
      })
    return table
  }

  it('are read only where a key of the source may lie', async () => {
    const table = await spread()
    const sql = `SELECT i AS id, 1 AS n FROM (VALUES (150), (151), (820), (2000)) v(i)`
    expect(await table.merge({ using: { sql }, on: ['id'] })).toMatchObject({
      filesScanned: 2,
      filesTouched: 2,
      updated: 3,
      inserted: 1,
    })
  })

  it('of buckets are read only where a key hashes to', async () => {
    const table = await spread({ partitionBy: ['bucket(8, id)'] })
    const found = await table.merge({ using: { sql: 'SELECT 34 AS id, 5 AS n' }, on: ['id'] })
    expect(found.filesScanned).toBeLessThanOrEqual(1)
    expect(found.updated).toBe(1)
  })

  it('are rewritten when little is carried over, and get deletes when much is', async () => {
    const table = await spread()
    expect(await table.merge({ using: { sql: 'SELECT 5 AS id, 1 AS n' }, on: ['id'] })).toMatchObject({
      mode: 'copy-on-write',
    })
    await table.setProperties({ 'write.merge.mode': 'merge-on-read' })
    expect(await table.merge({ using: { sql: 'SELECT 5 AS id, 2 AS n' }, on: ['id'] })).toMatchObject({
      mode: 'merge-on-read',
    })
    expect(
      await table.merge({ using: { sql: 'SELECT 5 AS id, 3 AS n' }, on: ['id'], mode: 'copy-on-write' }),
    ).toMatchObject({ mode: 'copy-on-write' })
  })

  it('of which a delete file names all rows are dropped with it', async () => {
    const table = await spread()
    const merge = (rows: string): Promise<unknown> =>
      table.merge({
        using: { sql: `SELECT i AS id, 1 AS n FROM range(${rows}) r(i)` },
        on: ['id'],
        whenMatched: [{ then: 'delete' }],
        whenNotMatched: null,
        mode: 'merge-on-read',
      })
    await merge('0, 60')
    const head = (): bigint => table.snapshot()?.['snapshot-id'] as bigint
    expect(await liveFiles(table.metadata, head(), { content: 1 })).toHaveLength(1)
    await merge('50, 100')
    expect(await liveFiles(table.metadata, head(), { content: 1 })).toHaveLength(0)
    expect(await liveFiles(table.metadata, head(), { content: 0 })).toHaveLength(9)
    expect(await table.count()).toBe(900)
  })
})

/** Commits: side by side, checked before anybody sees them, with properties, on branches; and what becomes of files of none. */
import * as path from 'node:path'
import { describe, expect, it } from 'vitest'
import { MillraceError } from '../../src/errors.ts'
import type { Table } from '../../src/iceberg/table.ts'
import { openWarehouse } from '../../src/iceberg/warehouse.ts'
import { dataFiles, testWarehouse } from './open-warehouse.ts'

const warehouse = await testWarehouse()
let number = 0

async function counters(): Promise<Table> {
  number += 1
  const table = await warehouse.create(`commit.t${number}`, {
    columns: [
      { name: 'id', type: 'int' },
      { name: 'n', type: 'int' },
    ],
  })
  await table.append({ sql: 'SELECT i::INT AS id, 0 AS n FROM range(10) r(i)' })
  return table
}

const add = (
  id: number,
): { using: { sql: string }; on: string[]; whenMatched: [{ then: 'update'; set: { n: string } }] } => ({
  using: { sql: `SELECT ${id} AS id, 1 AS n` },
  on: ['id'],
  whenMatched: [{ then: 'update', set: { n: 't.n + s.n' } }],
})

describe('side by side', () => {
  it('merges of one row are done one after the other, each on what the one before left', async () => {
    const table = await counters()
    const others = await Promise.all(
      Array.from({ length: 4 }, () => openWarehouse(warehouse.folder, { memoryBytes: 2 ** 30, threads: 1 })),
    )
    const attempts: number[] = []
    const work = async (other: (typeof others)[number], mode: 'copy-on-write' | 'merge-on-read'): Promise<void> => {
      const own = await other.table(table.name)
      for (let i = 0; i < 5; i += 1) attempts.push((await own.merge({ ...add(i % 2), mode, retries: 100 })).attempts)
    }
    await Promise.all(others.map((other, index) => work(other, index % 2 === 0 ? 'copy-on-write' : 'merge-on-read')))
    for (const other of others) other.close()
    await table.refresh()
    expect(await warehouse.values(`SELECT id, n FROM ${table.name} WHERE n > 0`)).toEqual([
      [0, 12],
      [1, 8],
    ])
    expect(Math.max(...attempts)).toBeGreaterThan(1)
  })

  it('merges that bring one new key bring one row', async () => {
    const table = await counters()
    const own = await warehouse.table(table.name)
    const results = await Promise.all(Array.from({ length: 4 }, () => own.merge({ ...add(70), retries: 100 })))
    expect(results.map(({ inserted }) => inserted).sort()).toEqual([0, 0, 0, 1])
    expect(await warehouse.values(`SELECT n FROM ${table.name} WHERE id = 70`)).toEqual([[4]])
  })

  it('appends never are in the way of each other, nor of a compaction', async () => {
    const table = await counters()
    const own = await warehouse.table(table.name)
    await Promise.all([
      ...Array.from({ length: 6 }, (_, i) => own.append({ sql: `SELECT ${100 + i} AS id` })),
      table.compact(),
    ])
    await table.refresh()
    expect(await table.count()).toBe(16)
  })

  it('a merge that another is done instead of ends as a conflict, and its files are gone', async () => {
    const table = await counters()
    const before = dataFiles(table)
    let others = 0
    const merging = table.merge({
      ...add(1),
      retries: 1,
      check: async () => {
        others += 1
        await (await warehouse.table(table.name)).append({ sql: `SELECT 1 AS id, 50 AS n` })
      },
    })
    await expect(merging).rejects.toMatchObject({ code: 'conflict' })
    expect(others).toBe(2)
    await table.refresh()
    expect(table.metadata.snapshots).toHaveLength(3)
    expect(dataFiles(table)).toHaveLength(before.length + 2)
  })
})

describe('a check', () => {
  it('sees the snapshot before anybody else does', async () => {
    const table = await counters()
    const result = await table.append(
      { sql: 'SELECT 77 AS id, 7 AS n' },
      {
        properties: { checked: 'yes' },
        check: async ({ snapshot, rows }) => {
          expect(await rows('SELECT count(*) AS n FROM staged')).toEqual([{ n: 11n }])
          const other = await warehouse.table(table.name)
          expect(await other.count()).toBe(10)
          expect(other.metadata.properties.checked).toBeUndefined()
          expect(await other.count({ snapshot: snapshot['snapshot-id'] })).toBe(11)
        },
      },
    )
    expect(await table.count()).toBe(11)
    expect(table.snapshot()).toEqual(result.snapshot)
    expect(table.metadata.properties.checked).toBe('yes')
  })

  it('that throws leaves the table as it was', async () => {
    const table = await counters()
    const before = [dataFiles(table), table.snapshot(), table.metadata.snapshots]
    const refusal = new MillraceError('bad-value', 'too many rows')
    const check = async (): Promise<void> => {
      throw refusal
    }
    await expect(table.append({ sql: 'SELECT 1 AS id' }, { check })).rejects.toBe(refusal)
    await expect(table.merge({ ...add(3), check })).rejects.toBe(refusal)
    await table.refresh()
    expect([dataFiles(table), table.snapshot(), table.metadata.snapshots]).toEqual(before)
  })
})

describe('properties', () => {
  it('come with the snapshot, and only while they are as expected', async () => {
    const table = await counters()
    const append = (from: string | undefined, to: string): Promise<unknown> =>
      table.append(
        { sql: 'SELECT 1 AS id' },
        { properties: { bookmark: to }, expectedProperties: { bookmark: from }, summary: { 'app.run': to } },
      )
    await append(undefined, '1')
    await append('1', '2')
    await expect(append('1', '2')).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('bookmark is 2, expected 1'),
    })
    await table.refresh()
    expect(table.metadata.properties.bookmark).toBe('2')
    expect(table.snapshot()?.summary['app.run']).toBe('2')
    expect(await table.count()).toBe(12)
  })
})

describe('branches', () => {
  it('go their own way until they are published', async () => {
    const table = await counters()
    await table.createBranch('audit')
    await table.append({ sql: 'SELECT 50 AS id, 5 AS n' }, { branch: 'audit' })
    await table.merge({ ...add(50), branch: 'audit' })
    await table.delete('id < 5', { branch: 'audit' })
    expect([await table.count(), await table.count({ ref: 'audit' })]).toEqual([10, 6])
    await table.publish('audit')
    expect(await warehouse.values(`SELECT id, n FROM ${table.name} WHERE id = 50`)).toEqual([[50, 6]])
    await table.createTag('before', { snapshot: table.metadata.snapshots[0]?.['snapshot-id'] as bigint })
    await table.append({ sql: 'SELECT 51 AS id' })
    await table.append({ sql: 'SELECT 52 AS id' }, { branch: 'audit' })
    await expect(table.publish('audit')).rejects.toMatchObject({ code: 'conflict' })
    await table.rollback({ ref: 'before' })
    expect(await table.count()).toBe(10)
    await table.removeRef('audit')
    await expect(table.append({ sql: 'SELECT 1 AS id' }, { branch: 'audit' })).rejects.toMatchObject({
      code: 'not-found',
    })
  })
})

describe('maintenance', () => {
  it('is not seen by who reads meanwhile, and leaves only what is needed', async () => {
    const table = await counters()
    for (let i = 0; i < 6; i += 1)
      await table.merge({ ...add(i), mode: i % 2 === 0 ? 'merge-on-read' : 'copy-on-write' })
    const rows = await warehouse.all(table)
    const sql = await table.scanSql()
    const compacted = await table.compact()
    expect(compacted.filesAfter).toBe(1)
    expect(await warehouse.values(`SELECT * FROM ${sql}`)).toEqual(rows) // files of snapshots that are kept stay
    expect((await table.changes({ from: compacted.snapshot?.['parent-snapshot-id'] as bigint })).snapshots).toEqual([])
    await table.expireSnapshots({ olderThanMs: Date.now() + 1 })
    expect(await warehouse.all(table)).toEqual(rows)
    expect(dataFiles(table)).toHaveLength(1)
    expect((await table.compact()).snapshot).toBeNull()
    await (await import('node:fs/promises')).writeFile(path.join(table.metadata.location, 'data', 'left.parquet'), '')
    const orphans = await table.removeOrphans({ olderThanMs: Date.now() + 1000 })
    expect(orphans.map((file) => path.basename(file))).toContain('left.parquet')
    expect(await warehouse.all(table)).toEqual(rows)
  })

  it('keeps the order that rows are put in', async () => {
    const table = await counters()
    await table.setSortBy(['n desc', 'id'])
    for (let i = 0; i < 4; i += 1) await table.merge({ ...add(i), mode: 'merge-on-read' })
    await table.compact({ all: true })
    const rows = await table.rows({ columns: ['id'], lineage: true })
    expect(rows.sort((a, b) => Number(a._pos) - Number(b._pos)).map((row) => row.id)).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
    ])
    expect(new Set(rows.map((row) => row._file)).size).toBe(1)
  })
})

/** Compaction: which files are worth writing again, and what they become. */
import { describe, expect, it } from 'vitest'
import { liveFiles } from '../../src/iceberg/snapshots.ts'
import type { Table } from '../../src/iceberg/table.ts'
import { testWarehouse } from './open-warehouse.ts'

const warehouse = await testWarehouse()
const targetBytes = 400_000

async function filled(name: string, definition: Partial<Parameters<typeof warehouse.create>[1]>): Promise<Table> {
  const table = await warehouse.create(`compact.${name}`, {
    columns: [
      { name: 'id', type: 'int' },
      { name: 'part', type: 'int' },
      { name: 'v', type: 'string' },
    ],
    properties: {
      'write.target-file-size-bytes': String(targetBytes),
      'write.parquet.compression-codec': 'uncompressed',
    },
    ...definition,
  })
  for (let i = 0; i < 6; i += 1) {
    await table.append({
      sql: `SELECT (i * 6 + ${i})::INT AS id, (i % 2)::INT AS part, md5((i * 6 + ${i})::VARCHAR) AS v FROM range(3000) r(i)`,
    })
  }
  return table
}

async function sizes(table: Table): Promise<number[]> {
  return (await liveFiles(table.metadata, table.snapshot()?.['snapshot-id'] ?? null, { content: 0 })).map(
    (file) => file.file_size_in_bytes,
  )
}

describe('compaction', () => {
  it.each([
    ['plain', {}],
    ['sorted', { sortBy: ['id'] }],
    ['partitioned', { partitionBy: ['part'] }],
    ['both', { partitionBy: ['part'], sortBy: ['id'] }],
  ])('of %s tables makes files of the size asked for, once', async (name, definition) => {
    const table = await filled(name, definition)
    const rows = await warehouse.query(`SELECT count(*) AS n, sum(id) AS id, bit_xor(hash(v)) AS v FROM ${table.name}`)
    const before = (await sizes(table)).length
    const result = await table.compact()
    expect(result.filesBefore).toBe(before)
    expect(result.filesAfter).toBeLessThan(before)
    expect(
      await warehouse.query(`SELECT count(*) AS n, sum(id) AS id, bit_xor(hash(v)) AS v FROM ${table.name}`),
    ).toEqual(rows)
    const isSized = 'sortBy' in definition // else DuckDB cuts files where a group of 122,880 rows ends, partitions not at all
    if (isSized) for (const size of await sizes(table)) expect(size).toBeLessThan(1.7 * targetBytes)
    expect((await table.compact()).snapshot).toBeNull()
    expect(table.snapshot()?.summary.operation).toBe('replace')
  })

  it('leaves large files without deletes alone', async () => {
    const table = await filled('large', { sortBy: ['id'] })
    await table.compact()
    expect(await sizes(table)).toHaveLength(2)
    const files = async (): Promise<string[]> =>
      (await liveFiles(table.metadata, table.snapshot()?.['snapshot-id'] ?? null, { content: 0 })).map(
        ({ file_path }) => file_path,
      )
    const before = await files()
    await table.delete('id < 10', { mode: 'merge-on-read' })
    const result = await table.compact()
    expect(result.deleteFilesRemoved).toBe(1)
    const after = await files()
    expect(before.filter((file) => after.includes(file))).toHaveLength(before.length - 1)
  })
})

/** What every Glue-shaped catalog does, the same for each. */
import { beforeEach, describe, expect, it } from 'vitest'
import { type GlueCatalog, parquetStorage } from '../../src/catalogs/glue-catalog.ts'
import { columns, partitionOf as partition, tableNamed } from './suite-values.ts'

/** Holds a catalog against the interface; `open` gives an empty one. */
export function glueCatalogSuite(name: string, open: () => Promise<GlueCatalog>): void {
  describe(`the catalog ${name}`, () => {
    let catalog: GlueCatalog
    beforeEach(async () => {
      catalog = await open()
      await catalog.createDatabase({ Name: 'db' })
    })
    const names = async (prefix?: string): Promise<string[]> =>
      (await catalog.getTables('db', prefix)).map(({ Name }) => Name)

    it('keeps databases, each once', async () => {
      expect(await catalog.getDatabase('db')).toMatchObject({ Name: 'db' })
      expect(await catalog.getDatabase('other')).toBeNull()
      await catalog.createDatabase({ Name: 'a', Description: 'another' })
      expect((await catalog.getDatabases()).map(({ Name }) => Name)).toEqual(['a', 'db'])
      await expect(catalog.createDatabase({ Name: 'db' })).rejects.toMatchObject({ code: 'exists' })
    })

    it('gives a table as it was created, then as it was updated', async () => {
      expect(await catalog.getTable('db', 't')).toBeNull()
      await catalog.createTable(tableNamed('t'))
      expect(await catalog.getTable('db', 't')).toEqual(tableNamed('t'))
      const changed = { ...tableNamed('t'), Description: 'snapshot_dt=2025-02-15' }
      await catalog.updateTable(changed)
      expect(await catalog.getTable('db', 't')).toEqual(changed)
    })

    it('lists tables in order of their names, by prefix too', async () => {
      for (const table of ['part_b', 'ext_a', 'part_a', "part_o'brien", 'part-x', 'par'])
        await catalog.createTable(tableNamed(table))
      expect(await names('part_')).toEqual(['part_a', 'part_b', "part_o'brien"])
      expect(await names()).toEqual(['ext_a', 'par', 'part-x', 'part_a', 'part_b', "part_o'brien"])
      expect(await names('none')).toEqual([])
      expect(await catalog.getTables('nowhere')).toEqual([])
    })

    it('says what exists and what is missing', async () => {
      await catalog.createTable(tableNamed('t'))
      await expect(catalog.createTable(tableNamed('t'))).rejects.toMatchObject({ code: 'exists' })
      const elsewhere = { ...tableNamed('t'), DatabaseName: 'nowhere' }
      await expect(catalog.createTable(elsewhere)).rejects.toMatchObject({ code: 'not-found' })
      await expect(catalog.updateTable(tableNamed('u'))).rejects.toMatchObject({ code: 'not-found' })
      await expect(catalog.deleteTable('db', 'u')).rejects.toMatchObject({ code: 'not-found' })
      await expect(catalog.getPartitions('db', 'u')).rejects.toMatchObject({ code: 'not-found' })
      await expect(catalog.createPartitions('db', 'u', [])).rejects.toMatchObject({ code: 'not-found' })
    })

    it('does of a batch what it can, and gives an error for each of the others', async () => {
      await catalog.createTable(tableNamed('t'))
      expect(await catalog.createPartitions('db', 't', [partition('2'), partition('1')])).toEqual([])
      const errors = await catalog.createPartitions('db', 't', [partition('3'), partition('1')])
      expect(errors).toMatchObject([{ PartitionValues: ['1'], ErrorDetail: { ErrorCode: 'AlreadyExistsException' } }])
      expect((await catalog.getPartitions('db', 't')).map(({ Values }) => Values)).toEqual([['1'], ['2'], ['3']])
      const moved = { ...partition('2'), StorageDescriptor: parquetStorage('elsewhere', columns) }
      expect(await catalog.updatePartitions('db', 't', [moved, partition('9')])).toMatchObject([
        { PartitionValues: ['9'], ErrorDetail: { ErrorCode: 'EntityNotFoundException' } },
      ])
      expect((await catalog.getPartitions('db', 't'))[1]).toEqual(moved)
      expect(await catalog.deletePartitions('db', 't', [['1'], ['9']])).toMatchObject([
        { PartitionValues: ['9'], ErrorDetail: { ErrorCode: 'EntityNotFoundException' } },
      ])
      expect((await catalog.getPartitions('db', 't')).map(({ Values }) => Values)).toEqual([['2'], ['3']])
    })

    it('keeps the partitions of a table that is updated, and none of one that is deleted', async () => {
      await catalog.createTable(tableNamed('t'))
      await catalog.createPartitions('db', 't', [partition('1')])
      await catalog.updateTable({ ...tableNamed('t'), Description: 'other' })
      expect((await catalog.getPartitions('db', 't')).length).toBe(1)
      await catalog.deleteTable('db', 't')
      expect(await catalog.getTable('db', 't')).toBeNull()
      await catalog.createTable(tableNamed('t'))
      expect(await catalog.getPartitions('db', 't')).toEqual([])
    })

    it('loses none of the changes that are made of one table at a time', async () => {
      await catalog.createTable(tableNamed('t'))
      const many = Array.from({ length: 20 }, (_, index) => String(index).padStart(2, '0'))
      await Promise.all(many.map((value) => catalog.createPartitions('db', 't', [partition(value)])))
      expect((await catalog.getPartitions('db', 't')).map(({ Values }) => Values[0])).toEqual(many)
    })

    it.each(['', 'A', 'a/b', 'a\\b', '.a', 'a\n', 'x'.repeat(251)])('refuses the name %j', async (Name) => {
      await expect(catalog.createTable(tableNamed(Name))).rejects.toMatchObject({ code: 'usage' })
      await expect(catalog.createDatabase({ Name })).rejects.toMatchObject({ code: 'usage' })
    })
  })
}

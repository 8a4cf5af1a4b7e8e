/** The catalog in files below a root: the suite of all, and what files alone can have. */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { glueName, hiveType } from '../../src/catalogs/glue-catalog.ts'
import localGlueCatalog from '../../src/catalogs/local-glue-catalog.ts'
import folderStore from '../../src/stores/folder.ts'
import { glueCatalogSuite, tableNamed } from './suite.ts'

const base = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-catalog-'))
afterAll(() => fs.rmSync(base, { recursive: true, force: true }))
const newRoot = (): string => fs.mkdtempSync(path.join(base, 'root-'))

glueCatalogSuite('in files', async () => localGlueCatalog(folderStore(newRoot())))

describe('files of the catalog', () => {
  const root = newRoot()
  const catalog = localGlueCatalog(folderStore(root))
  const file = '_millrace/catalog/db/tables/t.json'

  it.each([
    ['half of one', '{"Table": {'],
    ['an empty one', ''],
    ['a list', '[]'],
    ['nothing of a table', '{}'],
    [
      'a table without a location',
      JSON.stringify({ Table: { ...tableNamed('t'), StorageDescriptor: {} }, Partitions: [] }),
    ],
    ['another table', JSON.stringify({ Table: tableNamed('other'), Partitions: [] })],
    ['partitions that are none', JSON.stringify({ Table: tableNamed('t'), Partitions: [1] })],
  ])('that are damaged are told by their name: %s', async (_, text) => {
    fs.mkdirSync(path.dirname(path.join(root, file)), { recursive: true })
    fs.writeFileSync(path.join(root, file), text)
    await expect(catalog.getTable('db', 't')).rejects.toMatchObject({ code: 'storage' })
    await expect(catalog.getTables('db')).rejects.toThrow(`${file}  is damaged`)
  })

  it('are not touched by an update that changes nothing', async () => {
    const own = newRoot()
    const store = folderStore(own)
    const once = localGlueCatalog(store)
    await once.createDatabase({ Name: 'db' })
    await once.createTable(tableNamed('t'))
    const before = fs.statSync(path.join(own, file)).ino
    await once.updateTable(tableNamed('t'))
    expect(fs.statSync(path.join(own, file)).ino).toBe(before)
  })
})

describe('names and types', () => {
  it('keep what is harmless in a name', () => {
    for (const name of ["ext_o'brien", 'a-b', 'a b', 'größe', 'a"b', 'a.b']) expect(glueName('table', name)).toBe(name)
  })

  it.each([
    ['string', 'string'],
    ['decimal(18,2)', 'decimal(18,2)'],
    ['timestamptz', 'timestamp'],
    ['null', 'string'],
    ['array<struct<at:timestamptz,n:int>>', 'array<struct<at:timestamp,n:int>>'],
    ['struct<time:int,`a time b`:timestamptz,null:null>', 'struct<time:int,`a time b`:timestamp,null:string>'],
    ['time', null],
    ['map<string,time>', null],
    ['unsupported(FLOAT16)', null],
  ])('%s is %s in Hive', (type, expected) => {
    expect(hiveType(type)).toBe(expected)
  })
})

/** The catalog in files below a root: the suite of all, and what files alone can have. */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { glueName, hiveType } from '../../src/catalogs/glue-catalog.ts'
import localGlueCatalog from '../../src/catalogs/local-glue-catalog.ts'
import folderStore from '../../src/stores/folder.ts'
import lockFolder from '../../src/stores/folder-lock.ts'
import { endStarted, startNode } from '../crash/process.ts'
import { glueCatalogSuite } from './suite.ts'
import { partitionOf, tableNamed } from './suite-values.ts'

const base = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-catalog-'))
afterAll(() => {
  endStarted()
  fs.rmSync(base, { recursive: true, force: true })
})
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

describe('several processes', () => {
  const jiti = fileURLToPath(new URL('../../node_modules/jiti/lib/jiti-cli.mjs', import.meta.url))
  const writer = fileURLToPath(new URL('racing-writer.ts', import.meta.url))

  it('change different partitions of one table at a time, and none of the changes is lost', async () => {
    const root = newRoot()
    const catalog = localGlueCatalog(folderStore(root))
    await catalog.createDatabase({ Name: 'db' })
    await catalog.createTable(tableNamed('t'))
    const writers = ['a', 'b', 'c', 'd'].map((name) => startNode([jiti, writer, root, name, '50']))
    for (const { code, stderr } of await Promise.all(writers.map(({ exited }) => exited)))
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const found = (await catalog.getPartitions('db', 't')).map(({ Values }) => Values[0])
    const expected = ['a', 'b', 'c', 'd'].flatMap((name) => Array.from({ length: 50 }, (_, at) => `${name}-${at}`))
    expect(found).toEqual(expected.sort())
  })

  it('are told who has the lock, and one that was killed with it does not keep it', async () => {
    const root = newRoot()
    const catalog = localGlueCatalog(folderStore(root))
    await catalog.createDatabase({ Name: 'db' })
    await catalog.createTable(tableNamed('t'))
    const folder = path.join(root, '_millrace/locks/catalog/db')
    await lockFolder(folder, { what: 'this' })
    await expect(lockFolder(folder, { what: 'database db', waitMs: 50 })).rejects.toThrow(
      new RegExp(`process ${process.pid} on .* uses database db; waited`),
    )
    const [file] = fs.readdirSync(folder)
    const holder = JSON.parse(fs.readFileSync(path.join(folder, file as string), 'utf8')) as Record<string, unknown>
    const gone = startNode(['-e', ''])
    await gone.exited
    fs.writeFileSync(path.join(folder, file as string), JSON.stringify({ ...holder, pid: gone.pid, started: '1' }))
    expect(await catalog.createPartitions('db', 't', [partitionOf('1')])).toEqual([])
  })

  it('that create one table are told to run again', async () => {
    const root = newRoot()
    const catalog = localGlueCatalog(folderStore(root))
    await catalog.createDatabase({ Name: 'db' })
    await catalog.createTable(tableNamed('t'))
    await expect(catalog.createTable(tableNamed('t'))).rejects.toThrow(/is in the catalog already; .*Run again/)
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

/** Reading: states of a table, columns that changed, files of others, and files that are not as they should be. */
import { randomUUID } from 'node:crypto'
import * as fs from 'node:fs'
import { describe, expect, it } from 'vitest'
import { commitSnapshot } from '../../src/iceberg/snapshots.ts'
import type { Table } from '../../src/iceberg/table.ts'
import type { DataFile } from '../../src/iceberg/types.ts'
import { dataFiles, testWarehouse } from './open-warehouse.ts'

const warehouse = await testWarehouse({ now: () => clock.now })
const clock = { now: 1_700_000_000_000 }

/** Adds a file that somebody else wrote. */
async function adopt(table: Table, sql: string, changes: Partial<DataFile> = {}): Promise<string> {
  const file = `${table.metadata.location}/data/${randomUUID()}.parquet`
  const session = await warehouse.session()
  fs.mkdirSync(`${table.metadata.location}/data`, { recursive: true })
  const [row] = await session.rows(`COPY (${sql}) TO '${file}' (FORMAT parquet, RETURN_STATS)`)
  session.close()
  const none = {
    column_sizes: null,
    value_counts: null,
    null_value_counts: null,
    nan_value_counts: null,
    lower_bounds: null,
    upper_bounds: null,
  }
  const added: DataFile = {
    ...{ content: 0, file_path: `file://${file}`, file_format: 'parquet', spec_id: 0, partition: [] },
    ...{ record_count: Number(row?.count), file_size_in_bytes: Number(row?.file_size_bytes) },
    ...{ ...none, split_offsets: null, equality_ids: null, sort_order_id: null, referenced_data_file: null },
    ...changes,
  }
  const [namespace, name] = table.name.split('.') as [string, string]
  await commitSnapshot(
    warehouse.catalog,
    { namespace, name },
    {
      ...{ operation: 'append', branch: 'main', base: table.snapshot()?.['snapshot-id'] ?? null, summary: {} },
      ...{
        added: added.content === 0 ? [added] : [],
        addedDeletes: added.content === 0 ? [] : [added],
        removed: [],
        removedDeletes: [],
      },
      conflicts: { newData: 'ignore', newDeletesFor: new Set() },
    },
  )
  await table.refresh()
  return file
}

describe('states', () => {
  it('are chosen by snapshot, moment, branch or tag, and keep their columns', async () => {
    const table = await warehouse.create('read.states', { columns: [{ name: 'id', type: 'int' }] })
    expect([table.snapshot(), await table.rows(), await table.count()]).toEqual([null, [], 0])
    await table.append({ sql: 'SELECT 1 AS id' })
    const first = table.snapshot()?.['snapshot-id'] as bigint
    await table.createTag('first')
    clock.now += 1000
    await table.evolve([
      { rename: 'id', to: 'number' },
      { add: 'more', type: 'string' },
    ])
    await table.append({ sql: `SELECT 2 AS number, 'x' AS more` })
    expect(await warehouse.all(table)).toEqual([
      [1, null],
      [2, 'x'],
    ])
    for (const choice of [{ snapshot: first }, { asOfMs: clock.now - 1 }, { ref: 'first' }]) {
      expect(await table.rows(choice)).toEqual([{ id: 1 }])
      const names = { tables: { 'read.states': choice } }
      expect(await warehouse.query('SELECT sum(id) AS n FROM read.states', names)).toEqual([{ n: 1n }])
    }
    await expect(table.rows({ ref: 'last' })).rejects.toMatchObject({ code: 'not-found' })
  })

  it('have lineage, and conditions over columns that are not asked for', async () => {
    const table = await warehouse.create('read.lineage', {
      columns: [
        { name: 'id', type: 'int' },
        { name: 'v', type: 'string' },
      ],
    })
    await table.append({ sql: `SELECT i::INT AS id, 'v' || i AS v FROM range(5) r(i)` })
    const [file] = dataFiles(table)
    expect(await table.rows({ columns: ['v'], where: 'id = 3', lineage: true })).toEqual([
      { v: 'v3', _file: file, _pos: 3n },
    ])
  })

  it('are named in queries with quotes and in any case', async () => {
    await warehouse
      .create('read.Odd-Name', { columns: [{ name: 'select', type: 'int' }] })
      .then((table) => table.append({ rows: [{ select: 5 }] }))
    expect(await warehouse.query('SELECT "select" FROM READ."odd-name"')).toEqual([{ select: 5 }])
    await expect(warehouse.query('SELECT * FROM read.nothing')).rejects.toThrow('nothing')
    await expect(warehouse.table('read.statse')).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('did you mean read.states?'),
    })
  })
})

describe('columns', () => {
  it('inside of nested ones are told by their ids', async () => {
    const table = await warehouse.create('read.nested', {
      columns: [
        { name: 's', type: 'struct<a:int,b:string>' },
        { name: 'l', type: 'array<struct<x:int,y:int>>' },
        { name: 'm', type: 'map<string,struct<p:int>>' },
      ],
    })
    await table.append({
      sql: `SELECT {a: 1, b: 'b'} AS s, [{x: 1, y: 2}] AS l, MAP {'k': {p: 1}} AS m UNION ALL SELECT NULL, NULL, NULL`,
    })
    await table.evolve([
      { rename: 's.a', to: 'z' },
      { drop: 's.b' },
      { add: 's.b', type: 'string' },
      { rename: 'l.element.x', to: 'w' },
      { add: 'm.value.q', type: 'int' },
    ])
    await table.append({ sql: `SELECT {z: 2, b: 'new'} AS s, [{w: 3, y: 4}] AS l, MAP {'k': {p: 1, q: 2}} AS m` })
    expect((await warehouse.all(table)).map((row) => JSON.stringify(row))).toEqual([
      '[null,null,null]',
      '[{"z":1,"b":null},[{"w":1,"y":2}],[{"key":"k","value":{"p":1,"q":null}}]]',
      '[{"z":2,"b":"new"},[{"w":3,"y":4}],[{"key":"k","value":{"p":1,"q":2}}]]',
    ])
  })

  it('of files without ids are told by the name mapping', async () => {
    const mapping = [
      { 'field-id': 1, names: ['id', 'nr'] },
      { 'field-id': 2, names: ['v'] },
    ]
    const table = await warehouse.create('read.mapped', {
      columns: [
        { name: 'id', type: 'long' },
        { name: 'v', type: 'string' },
      ],
      properties: { 'schema.name-mapping.default': JSON.stringify(mapping) },
    })
    await adopt(table, `SELECT 1::INT AS nr, 'one' AS v`)
    await adopt(table, `SELECT 'two' AS v, 2::BIGINT AS id, 'other' AS w`)
    await table.append({ sql: `SELECT 3 AS id, 'three' AS v` })
    expect(await warehouse.all(table)).toEqual([
      ['1', 'one'],
      ['2', 'two'],
      ['3', 'three'],
    ])
    expect(
      await table.merge({ using: { sql: `SELECT 1 AS id, 'eins' AS v` }, on: ['id'], mode: 'merge-on-read' }),
    ).toMatchObject({ updated: 1 })
    expect(await warehouse.all(table)).toEqual([
      ['1', 'eins'],
      ['2', 'two'],
      ['3', 'three'],
    ])
  })
})

describe('files', () => {
  const make = async (): Promise<Table> => {
    const table = await warehouse.create(`read.f${randomUUID().slice(0, 8)}`, {
      columns: [{ name: 'id', type: 'int' }],
    })
    await table.append({ sql: 'SELECT i::INT AS id FROM range(100) r(i)' })
    return table
  }
  const failure = (path: string, what: string): object => ({
    code: 'input-unreadable',
    message: expect.stringMatching(new RegExp(`^${path.replaceAll('/', '\\/')}.*${what}`, 's')),
  })

  it('that are missing are named', async () => {
    const table = await make()
    const [file] = dataFiles(table) as [string]
    fs.rmSync(file)
    for (const act of [
      () => table.rows(),
      () => warehouse.query(`SELECT * FROM ${table.name}`),
      () => table.merge({ using: { sql: 'SELECT 1 AS id' }, on: ['id'] }),
    ]) {
      await expect(act()).rejects.toMatchObject(failure(file, 'is not there'))
    }
  })

  it('that are damaged are named, in the footer or in a page', async () => {
    const table = await make()
    const [file] = dataFiles(table) as [string]
    const bytes = fs.readFileSync(file)
    fs.writeFileSync(file, bytes.subarray(0, bytes.length - 20))
    await expect(table.rows()).rejects.toMatchObject(failure(file, 'cannot be read'))
    fs.writeFileSync(file, Buffer.concat([bytes.subarray(0, 4), Buffer.alloc(60, 255), bytes.subarray(64)]))
    await expect(table.rows()).rejects.toMatchObject({ code: 'input-unreadable' })
  })

  it('of deletes that are missing are named', async () => {
    const table = await make()
    await table.delete('id = 5', { mode: 'merge-on-read' })
    const file = dataFiles(table).find((name) => name.includes('-deletes')) as string
    fs.rmSync(file)
    await expect(table.rows()).rejects.toMatchObject(failure(file, 'is not there'))
  })

  it('of deletes by equality are refused by name', async () => {
    const table = await make()
    const file = await adopt(table, 'SELECT 5::INT AS id', { content: 2, equality_ids: [1] })
    await expect(table.rows()).rejects.toMatchObject({
      code: 'input-unreadable',
      message: expect.stringContaining(file),
    })
  })

  it('of deletes of others are applied by the paths that they name', async () => {
    const table = await make()
    const file = await adopt(table, 'SELECT 1000::INT AS id UNION ALL SELECT 1001')
    const path = `file://${file}`
    await adopt(table, `SELECT '${path}' AS file_path, 0::BIGINT AS pos`, { content: 1 })
    await table.setProperties({ 'schema.name-mapping.default': '[{"field-id": 1, "names": ["id"]}]' })
    expect(await table.rows({ where: 'id >= 1000' })).toEqual([{ id: 1001 }])
    await table.delete('id = 1001', { mode: 'merge-on-read' })
    expect(await table.count()).toBe(100)
  })
})

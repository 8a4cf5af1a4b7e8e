/** What SQL may name: tables, relations that come with it, and tables that were made over a session. */
import { describe, expect, it } from 'vitest'
import { dataFiles, testWarehouse } from './open-warehouse.ts'

const warehouse = await testWarehouse()
const fields = await warehouse.create('farm.fields', { columns: [{ name: 'id', type: 'int' }] })
await fields.append({ sql: 'SELECT i::INT AS id FROM range(4) r(i)' })

describe('a query', () => {
  it('may name relations: rows, files, and queries over tables and each other', async () => {
    const relations = {
      rows: {
        rows: [
          { id: 1, label: 'one' },
          { id: 2, label: null },
        ],
      },
      files: { files: dataFiles(fields) },
      joined: { sql: 'SELECT f.id, r.label FROM farm.fields f JOIN rows r USING (id)' },
    }
    expect(await warehouse.query('SELECT count(*) AS n, max(label) AS label FROM joined', { relations })).toEqual([
      { n: 2n, label: 'one' },
    ])
    expect(await warehouse.query('SELECT sum(id) AS n FROM files', { relations })).toEqual([{ n: 6n }])
    await expect(warehouse.query('SELECT * FROM rows')).rejects.toThrow('rows')
  })

  it('may name tables that were made over a session, and so may a source', async () => {
    const session = await warehouse.session()
    await session.run('CREATE TABLE staged AS SELECT 9 AS id')
    session.close()
    const query = 'SELECT s.id FROM staged s ANTI JOIN farm.fields f USING (id)'
    expect(await warehouse.query(query)).toEqual([{ id: 9 }])
    expect(await fields.merge({ using: { sql: query }, on: ['id'] })).toMatchObject({ inserted: 1 })
    await fields.delete('id = 9')
  })

  it('runs beside others that read the same table in another state', async () => {
    const first = fields.metadata.snapshots[0]?.['snapshot-id'] as bigint
    await fields.append({ rows: [{ id: 100 }] })
    const sum = 'SELECT sum(id)::INT AS n FROM farm.fields'
    const states = [{}, { snapshot: first }, {}, { snapshot: first }]
    const found = await Promise.all(states.map((state) => warehouse.query(sum, { tables: { 'farm.fields': state } })))
    expect(found.flat().map(({ n }) => n)).toEqual([106, 6, 106, 6])
    await fields.delete('id = 100')
  })

  it('names what is not there', async () => {
    await expect(warehouse.query('SELECT 1', { tables: { 'farm.filds': {} } })).rejects.toMatchObject({
      code: 'not-found',
    })
    await expect(warehouse.query('SELECT idd FROM farm.fields')).rejects.toThrow('idd')
  })

  it('that is hostile as a name is text', async () => {
    for (const name of [`farm.x"; DROP TABLE y; --`, '../x.y', 'farm'])
      await expect(warehouse.table(name)).rejects.toMatchObject({ code: 'usage' })
    const odd = `a"b'c; -- d`
    const table = await warehouse.create('farm.odd', {
      columns: [
        { name: odd, type: 'string' },
        { name: 'file_index', type: 'int' },
        { name: '$file', type: 'string' },
      ],
      partitionBy: [],
    })
    await table.append({ rows: [{ [odd]: `it's "x"`, file_index: 7, $file: 'f' }] })
    expect(await table.rows()).toEqual([{ [odd]: `it's "x"`, file_index: 7, $file: 'f' }])
  })
})

/** Tables of PostgreSQL copied to Iceberg, and changes sent back: on a server and on the embedded one. */
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import {
  type CopyTablesTask,
  copyTables,
  icebergTables,
  mergeInto,
  postgresTable,
  postgresTables,
  type SyncChangesTask,
  syncChanges,
} from 'millrace'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { postgresConnection } from '../../../src/run/tables/postgres-connection.ts'
import { openReader } from '../../../src/sources/postgres.ts'
import folderStore from '../../../src/stores/folder.ts'
import { millrace } from '../../cli.ts'
import { startPostgres } from '../../postgres.ts'
import { type TestDatabase, testDatabase } from './database.ts'
import { countsOf, rowsOf, runTasks, snapshotsOf, withTables } from './lake.ts'

const server = await startPostgres()
afterAll(async () => await server?.stop())

let root = ''
beforeEach(() => {
  root = fs.mkdtempSync(path.join(tmpdir(), 'millrace-postgres-'))
})
afterEach(() => fs.rmSync(root, { recursive: true, force: true }))

const homes: [string, string | undefined][] = [
  ['the embedded PostgreSQL', undefined],
  ...(server === null ? [] : [['a server of PostgreSQL', server.url] as [string, string]]),
]

describe.each(homes)('%s', (_, url) => {
  let db: TestDatabase
  beforeEach(async () => {
    db = testDatabase(root, url)
    await db.query(
      'DROP SCHEMA IF EXISTS farm CASCADE',
      'DROP SCHEMA IF EXISTS millrace CASCADE',
      'CREATE SCHEMA farm',
      `CREATE TABLE farm.producer (id bigint, code text, amount numeric(12,2), at timestamptz, note varchar(9),
         flag char(3), is_new boolean DEFAULT true, own bigint GENERATED ALWAYS AS IDENTITY, UNIQUE (code, id))`,
      `INSERT INTO farm.producer (id, code, amount, at, note, flag) VALUES
        (1, 'OP', 1.50, '2025-01-01 10:00:00.123456+00', '', 'a'), (2, 'OW', NULL, NULL, 'a"b,\nc', NULL), (3, 'OT', -0.01, '1960-01-01+00', '\\N', 'xyz')`,
    )
  })
  const columns = ['id', 'code', 'amount', 'at', 'note', 'flag', 'is_new']
  const copy = (change: Partial<CopyTablesTask> = {}): CopyTablesTask =>
    copyTables('copy', {
      from: postgresTables(db.database, 'farm', { producer: { key: ['id', 'code'], columns } }),
      to: icebergTables('farm', { producer: { partitionBy: ['code'] } }),
      ...change,
    })
  const sync = (change: Partial<SyncChangesTask> = {}): SyncChangesTask => ({
    ...syncChanges('sync', {
      ...{ from: 'farm.producer', to: postgresTable(db.database, 'farm.producer'), key: ['id', 'code'] },
      limitPercent: 100,
    }),
    ...change,
  })
  /** The embedded one takes a second to open: where there is a server, what needs no other PostgreSQL is tried there alone. */
  const onServer = it.skipIf(url === undefined && server !== null)
  const iceberg = (): Promise<unknown[][]> =>
    rowsOf(
      root,
      'SELECT CAST(id AS INT), code, CAST(amount AS VARCHAR), note, flag, is_new FROM farm.producer ORDER BY id',
    )
  const inPostgres = async (): Promise<unknown[][]> =>
    (await db.query('SELECT id::int AS id, code, amount::text, note, flag, is_new FROM farm.producer ORDER BY id')).map(
      (row) => [
        ...[
          Number(row.id),
          row.code,
          row.amount,
          row.note,
          typeof row.flag === 'string' ? row.flag.trim() : row.flag,
          row.is_new,
        ],
      ],
    )
  /** A change of the Iceberg table, as a merge makes it. */
  const change = (values: string): Promise<void> =>
    withTables(root, async (warehouse) => {
      const table = await warehouse.table('farm.producer')
      await table.merge({ using: { sql: `SELECT * FROM (VALUES ${values}) v(id, code, amount)` }, on: ['id', 'code'] })
    })

  it('is copied without loss, and again without a snapshot', async () => {
    expect(countsOf(await runTasks(root, [copy()]), 'farm.producer')).toMatchObject({ rowsIn: 3, inserted: 3 })
    expect(await iceberg()).toEqual(await inPostgres())
    expect((await iceberg())[1]).toEqual([2, 'OW', null, 'a"b,\nc', null, true])
    const times = await rowsOf(root, 'SELECT CAST("at" AS VARCHAR) FROM farm.producer ORDER BY id')
    expect(times).toEqual([['2025-01-01 10:00:00.123456+00'], [null], ['1960-01-01 00:00:00+00']])
    for (const later of ['changed', 'whole'] as const) await runTasks(root, [copy({ later })])
    expect(await snapshotsOf(root, 'farm.producer')).toBe(1)
  })

  onServer.each(['changed', 'whole'] as const)(
    'brings what others changed, added and removed since: %s',
    async (later) => {
      await runTasks(root, [copy({ later })])
      await db.query(
        "UPDATE farm.producer SET note = 'new' WHERE id = 1",
        "INSERT INTO farm.producer (id, code) VALUES (4, 'OP')",
        'DELETE FROM farm.producer WHERE id = 3',
      )
      const counts = countsOf(await runTasks(root, [copy({ later })]), 'farm.producer')
      expect(counts).toMatchObject({ inserted: 1, updated: 1, deleted: 1 })
      expect(await iceberg()).toEqual(await inPostgres())
      await db.query('DELETE FROM farm.producer WHERE id = 1', "INSERT INTO farm.producer (id, code) VALUES (9, 'OP')")
      await runTasks(root, [copy({ later })])
      expect(await iceberg()).toEqual(await inPostgres())
      await db.query('ALTER TABLE farm.producer ALTER COLUMN note TYPE varchar(20)', 'TRUNCATE farm.producer')
      await runTasks(root, [copy({ later })])
      expect(await iceberg()).toEqual([])
    },
  )

  onServer('leaves out rows of a table without a primary key that have no key, and says so', async () => {
    await db.query('CREATE TABLE farm.partner (partner text, customer bigint)')
    await db.query("INSERT INTO farm.partner VALUES ('a', 1), (NULL, 2), ('b', NULL)")
    const partners = copyTables('copy', {
      from: postgresTables(db.database, 'farm', { partner: { key: ['partner'] } }),
      to: icebergTables('farm', {}),
      later: 'changed',
    })
    const state = await runTasks(root, [partners])
    expect(countsOf(state, 'farm.partner')).toMatchObject({ rowsIn: 3, inserted: 2, quarantined: 1 })
    expect(state.warnings.join()).toContain('1 rows of farm.partner have no partner and were left out')
    await db.query("INSERT INTO farm.partner VALUES ('c', 3)", "DELETE FROM farm.partner WHERE partner = 'a'")
    await runTasks(root, [partners])
    expect(await rowsOf(root, 'SELECT partner FROM farm.partner ORDER BY 1')).toEqual([['b'], ['c']])
    expect(await snapshotsOf(root, 'farm.partner')).toBe(2)
    await runTasks(root, [partners])
    expect(await snapshotsOf(root, 'farm.partner')).toBe(2)
  })

  it('gets exactly what changed, once, and copies nothing of it back', async () => {
    await runTasks(root, [copy()])
    await runTasks(root, [sync()])
    expect(await db.query("SELECT to_regclass('millrace.synced_changes') AS found")).toEqual([{ found: null }])
    await change("(1, 'OP', 7), (5, 'OP', 8)")
    const counts = countsOf(await runTasks(root, [sync()]), 'farm.producer')
    expect(counts).toMatchObject({ rowsIn: 2, inserted: 1, updated: 1, deleted: 0, conflicts: 0 })
    expect((await inPostgres()).map((row) => [row[0], row[2]])).toEqual([
      [1, '7.00'],
      [2, null],
      [3, '-0.01'],
      [5, '8.00'],
    ])
    const state = await runTasks(root, [copy(), sync()])
    expect(state.tasks.map(({ partitions }) => partitions[0]?.outcome)).toEqual(['unchanged', 'unchanged'])
    expect(await db.query('SELECT rows::int AS rows FROM millrace.synced_changes')).toEqual([{ rows: 2 }])
  })

  onServer('is sent deletes, and changes of several snapshots as one', async () => {
    await runTasks(root, [copy()])
    await change("(1, 'OP', 7)")
    await change("(1, 'OP', 8), (6, 'OP', 1)")
    await withTables(
      root,
      async (warehouse) => void (await (await warehouse.table('farm.producer')).delete('id IN (2, 6)')),
    )
    const counts = countsOf(await runTasks(root, [sync()]), 'farm.producer')
    expect(counts).toMatchObject({ inserted: 0, updated: 1, deleted: 1 })
    expect((await inPostgres()).map((row) => [row[0], row[2]])).toEqual([
      [1, '8.00'],
      [3, '-0.01'],
    ])
  })

  it('keeps, gives up or refuses rows that others changed since the copy', async () => {
    await runTasks(root, [copy()])
    await change("(1, 'OP', 7), (2, 'OW', 7), (3, 'OT', 7), (7, 'OT', 7)")
    await db.query(
      'UPDATE farm.producer SET amount = 100 WHERE id = 1',
      'DELETE FROM farm.producer WHERE id = 2',
      "INSERT INTO farm.producer (id, code, amount) VALUES (7, 'OT', 100)",
    )
    await expect(runTasks(root, [sync({ conflicts: 'fail' })])).rejects.toThrow(
      /3 rows were changed or removed by somebody else/,
    )
    const kept = await runTasks(root, [sync()])
    expect(countsOf(kept, 'farm.producer')).toMatchObject({ updated: 1, inserted: 0, conflicts: 3 })
    expect(kept.status).toBe('succeeded with warnings')
    expect((await inPostgres()).map((row) => [row[0], row[2]])).toEqual([
      [1, '100.00'],
      [3, '7.00'],
      [7, '100.00'],
    ])
    // The next copy brings what was kept.
    await runTasks(root, [copy()])
    expect(await iceberg()).toEqual(await inPostgres())
    await change("(1, 'OP', 8)")
    await db.query('UPDATE farm.producer SET amount = 200 WHERE id = 1')
    expect(countsOf(await runTasks(root, [sync({ conflicts: 'overwrite' })]), 'farm.producer')).toMatchObject({
      updated: 1,
      conflicts: 1,
    })
    expect((await inPostgres())[0]?.[2]).toBe('8.00')
  })

  onServer('does not remove from Iceberg what waits to be sent, while it finds what has gone', async () => {
    await runTasks(root, [copy()])
    await change("(8, 'OP', 8)")
    await db.query('DELETE FROM farm.producer WHERE id = 3')
    await runTasks(root, [copy()])
    expect((await iceberg()).map(([id]) => id)).toEqual([1, 2, 8])
    await runTasks(root, [sync()])
    expect((await inPostgres()).map(([id]) => id)).toEqual([1, 2, 8])
  })

  onServer(
    'is not changed by more than the limit, nor without a unique key, nor in columns that it has not',
    async () => {
      await runTasks(root, [copy()])
      await change("(1, 'OP', 7), (2, 'OW', 7)")
      await expect(runTasks(root, [sync({ limitPercent: 50 })])).rejects.toThrow(
        '2 of its 3 rows would be updated or deleted, more than 50 %',
      )
      const other = syncChanges('sync', {
        from: 'farm.producer',
        to: postgresTable(db.database, 'farm.producer'),
        key: ['id'],
        limitPercent: 100,
      })
      await expect(runTasks(root, [other])).rejects.toThrow('no primary key or unique constraint on (id); it has (')
      await db.query('ALTER TABLE farm.producer DROP COLUMN amount')
      await expect(runTasks(root, [sync()])).rejects.toThrow('has no column amount to sync to; it has id, code')
      expect((await iceberg()).length).toBe(3)
    },
  )

  onServer('is missed no row although deletes of rows whose file has gone are still counted', async () => {
    const copied = copy({ to: icebergTables('farm') })
    const insert = (from: number): string =>
      `INSERT INTO farm.producer (id, code) SELECT id, 'A' FROM generate_series(${from}, ${from + 19}) AS id`
    await db.query('DELETE FROM farm.producer', insert(10))
    await runTasks(root, [copied])
    await withTables(root, async (warehouse) => {
      await (await warehouse.table('farm.producer')).setProperties({ 'write.merge.mode': 'merge-on-read' })
    })
    await db.query(insert(100))
    await runTasks(root, [copied])
    for (const gone of ['id IN (10, 100)', 'id < 100', 'id = 101']) {
      await db.query(`DELETE FROM farm.producer WHERE ${gone}`)
      await runTasks(root, [copied])
    }
    await withTables(root, async (warehouse) => {
      const { summary } = (await warehouse.table('farm.producer')).snapshot() ?? {}
      const totals = [summary?.['total-records'], summary?.['total-position-deletes']]
      expect(totals, 'one delete is of a file that has gone').toEqual(['20', '3'])
    })
    expect((await iceberg()).map(([id]) => id)).toEqual(Array.from({ length: 18 }, (_, at) => 102 + at))
    const shown = async (): Promise<{ rows: number }> =>
      JSON.parse((await millrace(['tables', '--root', root, '--json'])).stdout)[0]
    expect(await shown()).toMatchObject({ rows: 18 })
    const data = path.join(root, 'iceberg/farm/producer/data')
    const names = fs.readdirSync(data, { recursive: true }).map(String)
    const deletes = names.filter((name) => /deletes?[^/]*\.parquet$/.test(name))
    expect(deletes.length).toBeGreaterThan(0)
    for (const name of deletes) fs.writeFileSync(path.join(data, name), 'not Parquet')
    expect(await shown(), 'the summary is all there is').toMatchObject({ rows: 17 })
  })

  onServer('is told which value of which column does not fit', async () => {
    await runTasks(root, [copy()])
    await change("(1, 'OPERATOR', 7)")
    await db.query('ALTER TABLE farm.producer ALTER COLUMN code TYPE varchar(4)')
    await expect(runTasks(root, [sync()])).rejects.toThrow(
      'value too long for type character varying(4) (column code: "OPERATOR")',
    )
    await db.query('ALTER TABLE farm.producer ALTER COLUMN code TYPE text, ADD CHECK (amount < 7)')
    await expect(runTasks(root, [sync()])).rejects.toThrow(
      /violates check constraint .* \(Failing row contains \(1, OPERATOR, /,
    )
  })

  onServer('has its rows computed again by a merge whose target a copy changed', async () => {
    await runTasks(root, [copy()])
    await withTables(root, async (warehouse) => {
      const source = await warehouse.create('farm.source', {
        columns: [
          { name: 'id', type: 'bigint' },
          { name: 'code', type: 'string' },
          { name: 'amount', type: 'decimal(12,2)' },
        ],
      })
      await source.append({
        sql: "SELECT * FROM (VALUES (1, 'OP', 5), (2, 'OW', 5), (3, 'OT', 5)) v(id, code, amount)",
      })
    })
    const merge = mergeInto('merge', {
      into: 'farm.producer',
      using: { sql: 'SELECT s.id, s.code, s.amount FROM farm.source s', tables: ['farm.source'] },
      ...{ on: ['id', 'code'], compare: ['amount'], update: ['amount'] },
      incremental: { restrict: { 'farm.source': ['id'] }, limitPercent: 100 },
    })
    expect(countsOf(await runTasks(root, [merge, sync()]), 'farm.producer')).toMatchObject({ updated: 3 })
    await db.query('UPDATE farm.producer SET amount = 6 WHERE id = 2', 'DELETE FROM farm.producer WHERE id = 3')
    const state = await runTasks(root, [copy(), merge, sync()])
    expect(state.tasks[1]?.partitions[0]?.changes).toMatchObject({ rowsIn: 2, inserted: 1, updated: 1 })
    expect(state.tasks[2]?.partitions[0]?.changes).toMatchObject({ conflicts: 0, inserted: 1, updated: 1 })
    expect((await inPostgres()).map((row) => row[2])).toEqual(['5.00', '5.00', '5.00'])
    expect(
      (await runTasks(root, [copy(), merge, sync()])).tasks.map(({ partitions }) => partitions[0]?.outcome),
    ).toEqual(['unchanged', 'unchanged', 'unchanged'])
  })

  onServer('is named where it, or a column, is not there', async () => {
    const lost = copyTables('copy', {
      from: postgresTables(db.database, 'farm', { producers: { key: ['id'] } }),
      to: icebergTables('farm'),
    })
    await expect(runTasks(root, [lost])).rejects.toThrow(
      'has no table farm.producers (it has farm.producer); did you mean farm.producer?',
    )
    const column = copyTables('copy', {
      from: postgresTables(db.database, 'farm', { producer: { key: ['ids'] } }),
      to: icebergTables('farm'),
    })
    await expect(runTasks(root, [column])).rejects.toThrow('farm.producer  has no column ids; it has id, code')
  })
})

describe.skipIf(server === null)('a server that is read', () => {
  it('is read over two connections at a time, which see one moment', async () => {
    const { url } = server as NonNullable<typeof server>
    const db = testDatabase(root, url)
    await db.query('DROP TABLE IF EXISTS moment', 'CREATE TABLE moment (n int)', 'INSERT INTO moment VALUES (1)')
    const reader = await openReader(postgresConnection(db.database, folderStore(root)))
    await db.query('INSERT INTO moment VALUES (2)')
    const look = 'SELECT pg_backend_pid() AS pid, (SELECT count(*)::int FROM moment) AS n, pg_sleep(0.3)'
    const found = await Promise.all([1, 2, 3].map(() => reader.query(look)))
    await reader.close()
    expect(found.map(([row]) => row?.n)).toEqual([1, 1, 1])
    expect(new Set(found.map(([row]) => row?.pid)).size).toBe(2)
  })
})

describe.skipIf(server === null)('a server that goes away in the middle of a sync', () => {
  it('is named, nothing of the sync is there, and the next one does it all', async () => {
    const db = testDatabase(root, server?.url)
    await db.query(
      'DROP SCHEMA IF EXISTS farm CASCADE',
      'DROP SCHEMA IF EXISTS millrace CASCADE',
      'CREATE SCHEMA farm',
      'CREATE TABLE farm.producer (id bigint PRIMARY KEY, amount int)',
      `CREATE FUNCTION farm.leave() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN IF NEW.id = 500 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NEW; END $$`,
      'CREATE TRIGGER leave BEFORE INSERT ON farm.producer FOR EACH ROW EXECUTE FUNCTION farm.leave()',
    )
    await withTables(root, async (warehouse) => {
      const table = await warehouse.create('farm.producer', {
        columns: [
          { name: 'id', type: 'bigint' },
          { name: 'amount', type: 'int' },
        ],
        key: ['id'],
      })
      await table.append({ sql: 'SELECT i AS id, 1 AS amount FROM range(1000) t(i)' })
    })
    const task = syncChanges('sync', {
      ...{ from: 'farm.producer', to: postgresTable(db.database, 'farm.producer'), key: ['id'] },
    })
    const error = await runTasks(root, [task]).catch((reason: Error) => reason.message)
    expect(error).toMatch(/database postgres, user tester {2}.*terminat.*nothing of it was committed|terminat/i)
    expect(error).not.toContain(server?.password)
    expect(await db.query('SELECT count(*)::int AS n FROM farm.producer')).toEqual([{ n: 0 }])
    await db.query('DROP TRIGGER leave ON farm.producer')
    expect(countsOf(await runTasks(root, [task]), 'farm.producer')).toMatchObject({ rowsIn: 1000, inserted: 1000 })
    expect(await db.query('SELECT rows::int AS rows FROM millrace.synced_changes')).toEqual([{ rows: 1000 }])
  })

  it('is done once although the property that says so was not written', async () => {
    const db = testDatabase(root, server?.url)
    await db.query(
      'DROP SCHEMA IF EXISTS farm CASCADE',
      'DROP SCHEMA IF EXISTS millrace CASCADE',
      'CREATE SCHEMA farm',
      'CREATE TABLE farm.producer (id bigint PRIMARY KEY)',
    )
    const task = syncChanges('sync', {
      from: 'farm.producer',
      to: postgresTable(db.database, 'farm.producer'),
      key: ['id'],
    })
    await withTables(root, async (warehouse) => {
      const table = await warehouse.create('farm.producer', { columns: [{ name: 'id', type: 'bigint' }], key: ['id'] })
      await table.append({ sql: 'SELECT 1 AS id' })
    })
    await runTasks(root, [task])
    await withTables(root, async (warehouse) =>
      (await warehouse.table('farm.producer')).setProperties({ 'millrace.synced-to': null }),
    )
    expect(countsOf(await runTasks(root, [task]), 'farm.producer')).toMatchObject({ rowsIn: 0, inserted: 0 })
    expect(await db.query('SELECT rows::int AS rows FROM millrace.synced_changes')).toEqual([{ rows: 1 }])
  })
})

describe('without a database', () => {
  it('says what to do', async () => {
    const db = testDatabase(root, undefined)
    const task = copyTables('copy', {
      from: postgresTables(db.database, 'farm', { producer: { key: ['id'] } }),
      to: icebergTables('farm'),
    })
    await expect(runTasks(root, [task])).rejects.toThrow(
      'there is no embedded PostgreSQL yet. Make one with millrace sample',
    )
    const secret = testDatabase(root, 'postgresql://someone:geheim@127.0.0.1:1/none')
    const away = copyTables('copy', { ...task, from: { ...task.from, database: secret.database } })
    const error = await runTasks(root, [away]).catch((reason: Error) => reason.message)
    expect(error).toContain('tables in PostgreSQL at 127.0.0.1:1, database none, user someone')
    expect(error).not.toContain('geheim')
    expect(JSON.stringify(fs.readdirSync(root, { recursive: true }).map(String))).not.toContain('geheim')
  })
})

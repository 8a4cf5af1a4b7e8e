/** What clients ask of the REST catalog besides reading and writing rows. */
import { describe, expect, it } from 'vitest'
import { canonicalRows, comparable } from './canonical.ts'
import type { Rows } from './driver.ts'
import type { Findings } from './findings.ts'
import type { Tools } from './tools.ts'
import type { World } from './world.ts'

type Use = {
  client: 'Spark' | 'PyIceberg' | 'DuckDB'
  name: string
  run(world: World): Promise<void>
  /** What is said where it is refused. */
  unable?: RegExp
}

const spark = (world: World, ...sql: string[]): Promise<Rows> => world.spark.ask('sql', { sql })
const duck = (world: World, ...sql: string[]): Promise<Rows> => world.python.ask('duck', { sql })
const python = <T>(world: World, program: string): Promise<T> =>
  world.python.ask('program', { uri: world.url, program })
const ours = async (world: World, name: string): Promise<string[]> => {
  const table = await world.warehouse.table(name)
  return comparable(canonicalRows(await table.rows(), table.schema.fields))
}
const texts = (...rows: unknown[][]): string[] => rows.map((row) => JSON.stringify(row))

const uses: Use[] = [
  {
    client: 'Spark',
    name: 'namespaces and tables: create, list, describe, drop',
    run: async (world) => {
      await spark(
        world,
        'CREATE NAMESPACE rest.uses',
        'CREATE TABLE rest.uses.one (id INT) USING iceberg',
        'CREATE TABLE rest.uses.two (id INT) USING iceberg',
      )
      expect((await spark(world, 'SHOW NAMESPACES IN rest')).rows).toContainEqual(['uses'])
      await spark(world, 'DROP TABLE rest.uses.one')
      expect((await spark(world, 'SHOW TABLES IN rest.uses')).rows.map((row) => row[1])).toEqual(['two'])
      expect((await spark(world, 'DESCRIBE TABLE EXTENDED rest.uses.two')).rows).toContainEqual([
        'Provider',
        'iceberg',
        '',
      ])
      await expect(spark(world, 'SELECT * FROM rest.uses.none')).rejects.toThrow(/TABLE_OR_VIEW_NOT_FOUND/)
      await expect(spark(world, 'SELECT * FROM rest.nowhere.none')).rejects.toThrow(/TABLE_OR_VIEW_NOT_FOUND/)
      await expect(spark(world, 'DROP NAMESPACE rest.uses')).rejects.toThrow(/not empty/i)
    },
  },
  {
    client: 'Spark',
    name: 'create or replace as select',
    run: async (world) => {
      const create = (sql: string): Promise<Rows> =>
        spark(
          world,
          `CREATE OR REPLACE TABLE rest.uses.replaced USING iceberg PARTITIONED BY (bucket(2, id)) AS ${sql}`,
        )
      await create('SELECT id FROM range(3)')
      await create(`SELECT id, 'x' AS extra FROM range(2)`)
      expect(await ours(world, 'uses.replaced')).toEqual(texts(['id', 'extra'], ['0', 'x'], ['1', 'x']))
    },
  },
  {
    client: 'Spark',
    name: 'metadata tables',
    run: async (world) => {
      await spark(
        world,
        `CREATE TABLE rest.uses.meta USING iceberg AS SELECT id FROM range(3)`,
        'INSERT INTO rest.uses.meta VALUES (7)',
      )
      for (const [table, count] of Object.entries({
        snapshots: '2',
        history: '2',
        manifests: '2',
        partitions: '1',
        refs: '1',
      })) {
        expect([table, (await spark(world, `SELECT count(*) AS n FROM rest.uses.meta.${table}`)).rows]).toEqual([
          table,
          [[count]],
        ])
      }
    },
  },
  {
    client: 'Spark',
    name: 'branches, tags, rollback, properties, identifier fields',
    run: async (world) => {
      await spark(
        world,
        'CREATE TABLE rest.uses.refs (id BIGINT NOT NULL) USING iceberg',
        'INSERT INTO rest.uses.refs VALUES (1)',
        'ALTER TABLE rest.uses.refs CREATE TAG first RETAIN 10 DAYS',
        'ALTER TABLE rest.uses.refs CREATE BRANCH b',
        'INSERT INTO rest.uses.refs.branch_b VALUES (2)',
        'ALTER TABLE rest.uses.refs SET IDENTIFIER FIELDS id',
        `ALTER TABLE rest.uses.refs SET TBLPROPERTIES ('a' = 'b')`,
        `ALTER TABLE rest.uses.refs UNSET TBLPROPERTIES ('a')`,
        'INSERT INTO rest.uses.refs VALUES (3)',
      )
      const { rows } = await spark(world, `SELECT snapshot_id FROM rest.uses.refs.refs WHERE name = 'first'`)
      await spark(world, `CALL rest.system.rollback_to_snapshot('uses.refs', ${rows[0]?.[0]})`)
      const table = await world.warehouse.table('uses.refs')
      expect(await table.count()).toBe(1)
      expect(await table.count({ ref: 'b' })).toBe(2)
    },
  },
  {
    client: 'PyIceberg',
    name: 'namespaces and tables: create, list, exists, drop',
    run: async (world) => {
      const found = await python<string[]>(
        world,
        `
catalog.create_namespace_if_not_exists('py')
schema = pyarrow.schema([('id', pyarrow.int64()), ('day', pyarrow.date32())])
catalog.create_table('py.one', schema)
catalog.create_table('py.two', schema)
catalog.drop_table('py.one')
result = [str(catalog.table_exists('py.one')), str(catalog.table_exists('py.two')), *('.'.join(each) for each in catalog.list_tables('py'))]
try:
    catalog.load_table('py.none')
except Exception as error:
    result.append(type(error).__name__)
try:
    catalog.create_table('py.two', schema)
except Exception as error:
    result.append(type(error).__name__)
try:
    catalog.drop_namespace('py')
except Exception as error:
    result.append(type(error).__name__)
try:
    catalog.load_namespace_properties('nowhere')
except Exception as error:
    result.append(type(error).__name__)`,
      )
      expect(found).toEqual([
        'False',
        'True',
        'py.two',
        'NoSuchTableError',
        'TableAlreadyExistsError',
        'NamespaceNotEmptyError',
        'NoSuchNamespaceError',
      ])
    },
  },
  {
    client: 'PyIceberg',
    name: 'partitions, sort order, branches, tags, properties, transactions',
    run: async (world) => {
      await python(
        world,
        `
import datetime
schema = pyarrow.schema([('id', pyarrow.int64()), ('day', pyarrow.date32())])
table = catalog.create_table('py.changed', schema)
rows = lambda *ids: pyarrow.Table.from_pylist([{'id': id, 'day': datetime.date(1969, 12, 30)} for id in ids], schema=schema)
with table.update_spec() as spec:
    spec.add_field('day', 'month', 'month')
with table.transaction() as transaction:
    transaction.append(rows(1, 2))
    transaction.set_properties({'a': 'b'})
    transaction.delete('id = 1')
table.manage_snapshots().create_tag(table.current_snapshot().snapshot_id, 'kept').commit()
table.manage_snapshots().create_branch(table.current_snapshot().snapshot_id, 'side').commit()
table.append(rows(5))
table.append(rows(9), branch='side')
result = None`,
      )
      const table = await world.warehouse.table('py.changed')
      expect(await ours(world, 'py.changed')).toEqual(texts(['id', 'day'], ['2', '1969-12-30'], ['5', '1969-12-30']))
      expect([await table.count({ ref: 'kept' }), await table.count({ ref: 'side' })]).toEqual([1, 2])
      expect(table.metadata.properties.a).toBe('b')
    },
  },
  {
    client: 'DuckDB',
    name: 'namespaces and tables: create as select, list, drop',
    run: async (world) => {
      await duck(
        world,
        'CREATE SCHEMA rest.duck',
        'CREATE TABLE rest.duck.one AS SELECT i::BIGINT AS id FROM range(3) r(i)',
      )
      await duck(world, 'CREATE TABLE rest.duck.two (id INT)', 'DROP TABLE rest.duck.two')
      expect(await ours(world, 'duck.one')).toEqual(texts(['id'], ['0'], ['1'], ['2']))
      expect(
        (
          await duck(
            world,
            `SELECT table_name FROM duckdb_tables() WHERE database_name = 'rest' AND schema_name = 'duck'`,
          )
        ).rows,
      ).toEqual([['one']])
      expect(await world.warehouse.tables()).not.toContain('duck.two')
    },
  },
  {
    client: 'DuckDB',
    name: 'several statements in one transaction',
    run: async (world) => {
      const insert = (id: number): string => `INSERT INTO rest.duck.both VALUES (${id})`
      await duck(world, 'CREATE TABLE rest.duck.both (id INT)', 'BEGIN', insert(1), insert(3), 'COMMIT')
      await duck(world, 'BEGIN', insert(9), 'ROLLBACK')
      expect(await ours(world, 'duck.both')).toEqual(texts(['id'], ['1'], ['3']))
    },
  },
  {
    client: 'DuckDB',
    name: 'a transaction over two tables',
    unable: /several tables is refused/,
    run: async (world) => {
      await duck(world, 'CREATE TABLE rest.duck.left_one (id INT)', 'CREATE TABLE rest.duck.right_one (id INT)')
      const inserts = ['left_one', 'right_one'].map((name) => `INSERT INTO rest.duck.${name} VALUES (1)`)
      await duck(world, 'BEGIN', ...inserts, 'COMMIT')
    },
  },
]

export function catalogSuite(world: () => World, tools: Tools, findings: Findings): void {
  for (const { client, name, run, unable } of uses)
    describe(`the REST catalog: ${client}`, () => {
      const skip = client === 'Spark' ? tools.sparkMissing : tools.pythonMissing
      it.skipIf(skip !== undefined)(`${name}${skip === undefined ? '' : ` (skipped: ${skip})`}`, async () => {
        findings.note('catalog', name, client, 'differs')
        if (unable === undefined) await run(world())
        else await expect(run(world())).rejects.toThrow(unable)
        findings.note('catalog', name, client, unable === undefined ? 'equal' : 'cannot')
      })
    })
}

/** Tables that others made, in ways that Millrace itself never would: read, then written by Millrace and read by their makers. */
import * as fs from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Table } from '../../src/iceberg/table.ts'
import { canonicalRows, comparable } from './canonical.ts'
import type { Rows } from './driver.ts'
import type { Findings } from './findings.ts'
import type { Tools } from './tools.ts'
import type { World } from './world.ts'

type Case = {
  name: string
  needs: 'spark' | 'python'
  /** Makes the table. */
  make(world: World, name: string): Promise<void>
  /** How its maker reads it. */
  read(world: World, name: string): Promise<Rows>
  /** Rows that Millrace merges into it by `id`; without, it is only read. */
  merge?: string
}

const spark = (world: World, sql: string | string[]): Promise<Rows> => world.spark.ask('sql', { sql })
const bySpark =
  (catalog: string, ...sql: string[]): Case['make'] =>
  async (world, name) => {
    const text = (template: string): string =>
      template.replaceAll('{t}', `${catalog}.${name}`).replaceAll('{f}', `${world.folder}/..`)
    await spark(world, sql.map(text))
  }
const readBySpark =
  (catalog: string): Case['read'] =>
  (world, name) =>
    spark(world, `SELECT * FROM ${catalog}.${name}`)
const readByPython: Case['read'] = (world, name) => world.python.ask('rest', { uri: world.url, table: name })

const rows = `SELECT id, concat('n', id) AS name, CAST(id * -1.5 AS DOUBLE) AS amount FROM range(20)`
const merge = `SELECT * FROM (VALUES (3::BIGINT, 'merged', -0.5::DOUBLE), (99, 'new', NULL)) v(id, name, amount)`
const cases: Case[] = [
  {
    name: 'Spark: metadata compressed',
    needs: 'spark',
    make: bySpark(
      'folder',
      `CREATE TABLE {t} USING iceberg TBLPROPERTIES ('write.metadata.compression-codec' = 'gzip') AS ${rows}`,
    ),
    read: readBySpark('folder'),
    merge,
  },
  {
    name: 'Spark: in a file:/// warehouse, with position deletes',
    needs: 'spark',
    make: bySpark(
      'uri',
      `CREATE TABLE {t} (id BIGINT, name STRING, amount DOUBLE) USING iceberg PARTITIONED BY (bucket(2, id))
       TBLPROPERTIES ('write.delete.mode' = 'merge-on-read')`,
      `INSERT INTO {t} ${rows}`,
      'DELETE FROM {t} WHERE id % 4 = 1',
    ),
    read: readBySpark('uri'),
    merge,
  },
  {
    name: 'Spark: files without field ids, under a name mapping',
    needs: 'spark',
    make: async (world, name) => {
      const folder = `${world.folder}/../plain`
      await spark(world, [
        `CREATE TABLE rest.${name} (id BIGINT, name STRING, amount DOUBLE) USING iceberg`,
        `INSERT OVERWRITE DIRECTORY '${folder}' USING parquet ${rows}`,
        `CALL rest.system.add_files(table => '${name}', source_table => '\`parquet\`.\`${folder}\`')`,
        `ALTER TABLE rest.${name} RENAME COLUMN name TO label`,
        `INSERT INTO rest.${name} VALUES (70, 'later', 1.0)`,
      ])
    },
    read: readBySpark('rest'),
    merge: merge.replace('v(id, name, amount)', 'v(id, label, amount)'),
  },
  {
    name: 'Spark: paths of the object store layout',
    needs: 'spark',
    make: bySpark(
      'rest',
      `CREATE TABLE {t} USING iceberg PARTITIONED BY (truncate(2, name)) TBLPROPERTIES ('write.object-storage.enabled' = 'true') AS ${rows}`,
    ),
    read: readBySpark('rest'),
    merge,
  },
  {
    name: 'Spark: −0.0, NaN and instants before 1900',
    needs: 'spark',
    make: bySpark(
      'rest',
      `CREATE TABLE {t} USING iceberg AS SELECT id, CASE id % 3 WHEN 0 THEN -0D WHEN 1 THEN 0D ELSE double('NaN') END AS d,
         CASE id % 3 WHEN 0 THEN float(-0D) WHEN 1 THEN float(0) ELSE float('Infinity') END AS f,
         timestamp_micros(-62135400000000000 + id * 86400000001) AS at, date_add(date'0001-01-01', int(id) * 10000) AS day FROM range(40)`,
    ),
    read: readBySpark('rest'),
  },
  {
    name: 'PyIceberg: time, uuid, fixed, nested',
    needs: 'python',
    make: (world, name) => world.python.ask('create', { uri: world.url, table: name }),
    read: readByPython,
  },
  {
    name: 'DuckDB: created and filled',
    needs: 'python',
    make: async (world, name) => {
      const sql = `INSERT INTO rest.${name} SELECT i, 'n' || i, i * -1.5, 1.25::DECIMAL(38, 10), TIMESTAMPTZ '1969-12-31 23:59:59.5+00', [i, NULL], {x: i} FROM range(20) r(i)`
      const columns =
        'id BIGINT, name VARCHAR, amount DOUBLE, big DECIMAL(38, 10), ts TIMESTAMPTZ, l BIGINT[], s STRUCT(x BIGINT)'
      await world.python.ask('duck', {
        sql: [`CREATE TABLE rest.${name} (${columns})`, sql, `DELETE FROM rest.${name} WHERE id % 5 = 2`],
      })
    },
    read: (world, name) => world.python.ask('duck', { sql: `SELECT * FROM rest.${name}` }),
    merge: merge
      .replace('v(id, name, amount)', 'v(id, name, amount)')
      .replace(
        'SELECT *',
        'SELECT *, 9::DECIMAL(38, 10) AS big, NULL::TIMESTAMPTZ AS ts, [1]::BIGINT[] AS l, {x: 1::BIGINT} AS s',
      ),
  },
]

/** What Millrace cannot read, and must say so rather than give wrong rows. */
const refused: { name: string; sql: string[]; says: RegExp }[] = [
  {
    name: 'data files in Avro',
    sql: [`CREATE TABLE {t} USING iceberg TBLPROPERTIES ('write.format.default' = 'avro') AS ${rows}`],
    says: /avro/i,
  },
  {
    name: 'data files in ORC',
    sql: [`CREATE TABLE {t} USING iceberg TBLPROPERTIES ('write.format.default' = 'orc') AS ${rows}`],
    says: /orc/i,
  },
  {
    name: 'format version 1',
    sql: [`CREATE TABLE {t} USING iceberg TBLPROPERTIES ('format-version' = '1') AS ${rows}`],
    says: /version 1/i,
  },
  {
    name: 'format version 3',
    sql: [`CREATE TABLE {t} USING iceberg TBLPROPERTIES ('format-version' = '3') AS ${rows}`],
    says: /version 3/i,
  },
]

export function foreignSuite(world: () => World, tools: Tools, findings: Findings): void {
  const missing = (needs: 'spark' | 'python'): string | undefined => tools[`${needs}Missing`]
  describe('tables that others made', () => {
    cases.forEach(({ name, needs, make, read, merge: change }, index) => {
      const skip = missing(needs)
      it.skipIf(skip !== undefined)(`${name}${skip === undefined ? '' : ` (skipped: ${skip})`}`, async () => {
        const table = `foreign.f${index}`
        await prepared(world())
        findings.note('made by others', name, 'read by Millrace', 'differs')
        await make(world(), table)
        const opened = await world().warehouse.table(table)
        const theirs = await read(world(), table)
        expect(comparable(await ours(opened))).toEqual(comparable(theirs))
        findings.note('made by others', name, 'read by Millrace', 'equal')
        if (change === undefined) return
        findings.note('made by others', name, 'merged by Millrace, read by its maker', 'differs')
        for (const mode of ['merge-on-read', 'copy-on-write'] as const) {
          const result = await opened.merge({
            using: { sql: change.replaceAll('99', mode === 'copy-on-write' ? '98' : '99') },
            on: ['id'],
            mode,
          })
          expect(result.inserted).toBe(1)
          expect(comparable(await read(world(), table))).toEqual(comparable(await ours(opened)))
        }
        const merged = await ours(opened)
        expect(merged.rows.length).toBe(theirs.rows.length + 2)
        findings.note('made by others', name, 'merged by Millrace, read by its maker', 'equal')
      })
    })
    refused.forEach(({ name, sql, says }, index) => {
      const skip = missing('spark')
      it.skipIf(skip !== undefined)(
        `${name} are refused${skip === undefined ? '' : ` (skipped: ${skip})`}`,
        async () => {
          const table = `foreign.r${index}`
          await prepared(world())
          await bySpark('folder', ...sql)(world(), table)
          await expect((async () => (await world().warehouse.table(table)).rows())()).rejects.toThrow(says)
          findings.note('made by others', `Spark: ${name}`, 'read by Millrace', 'cannot')
        },
      )
    })
  })
}

async function ours(table: Table): Promise<Rows> {
  await table.refresh()
  return canonicalRows(await table.rows(), table.schema.fields)
}

async function prepared(world: World): Promise<void> {
  fs.mkdirSync(`${world.folder}/foreign`, { recursive: true })
}

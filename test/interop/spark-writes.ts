/** What Spark writes is read by Millrace; its changes are those of Spark's own changelog. */
import { beforeAll, describe, expect, it } from 'vitest'
import { canonicalRows, comparable } from './canonical.ts'
import type { Rows } from './driver.ts'
import type { Findings } from './findings.ts'
import { makeSubject, type Subject } from './subject.ts'
import type { Tools } from './tools.ts'
import type { World } from './world.ts'

type Step = {
  name: string
  /** `{t}` is the table. */
  sql: string[]
  /** How its changes are compared: by Spark's changelog, by the rows before and after (Spark's changelog refuses delete
   * files), or there are none to be. */
  changes: 'changelog' | 'difference' | 'none'
  /** Rows of one id come or go together, of which Spark makes no updates. */
  isWithoutKey?: true
}

const columns = [
  { name: 'id', type: 'long' },
  { name: 'name', type: 'string' },
  { name: 'amount', type: 'decimal(38, 10)' },
  { name: 'at', type: 'timestamptz' },
  { name: 's', type: 'struct<x: int, y: string>' },
  { name: 'n', type: 'int' },
]
const rows = (from: number, to: number, tag: string): string => `
  SELECT id, concat('${tag}', id) AS name, CAST(id * -1.25 AS DECIMAL(38, 10)) AS amount,
    timestamp_micros(id * 86399999999 - 864000000000) AS at,
    CASE WHEN id % 3 = 0 THEN NULL ELSE named_struct('x', CAST(id AS INT), 'y', '${tag}') END AS s, CAST(id % 7 AS INT) AS n
  FROM range(${from}, ${to})`
const merge = (from: number, to: number, tag: string): string => `
  MERGE INTO {t} t USING (${rows(from, to, tag)}) s ON t.id = s.id
  WHEN MATCHED AND s.id % 5 = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *`
const modes = (mode: string): string =>
  `ALTER TABLE {t} SET TBLPROPERTIES (${['delete', 'update', 'merge'].map((verb) => `'write.${verb}.mode' = '${mode}'`).join(', ')})`
const call = (procedure: string, options = ''): string => `CALL {c}.system.${procedure}(table => '{n}'${options})`

/** The steps that are taken through Hadoop's folder layout too. */
const inFolder = /^(INSERT$|MERGE, copy-on-write|DELETE, merge-on-read|columns|write order)/

/** A row once the columns are others; Spark wants a value for every one. */
const later = (id: number, label: string, n = 'NULL'): string => `
  INSERT INTO {t} (id, extra, label, s, n, at)
  VALUES (${id}, 'extra', ${label}, NULL, ${n}, TIMESTAMP '1969-12-31 23:59:59.5Z')`

const steps: Step[] = [
  { name: 'INSERT', sql: [`INSERT INTO {t} ${rows(100, 140, 'i')}`], changes: 'changelog' },
  {
    name: 'INSERT of rows that are there',
    sql: [`INSERT INTO {t} SELECT * FROM {t} WHERE id < 5`],
    changes: 'changelog',
  },
  {
    name: 'DELETE, copy-on-write',
    sql: [`DELETE FROM {t} WHERE id BETWEEN 10 AND 14 OR id < 5`],
    changes: 'changelog',
    isWithoutKey: true,
  },
  {
    name: 'UPDATE, copy-on-write',
    sql: [`UPDATE {t} SET name = 'updated', n = NULL WHERE id % 10 = 3`],
    changes: 'changelog',
  },
  { name: 'MERGE, copy-on-write', sql: [merge(130, 150, 'm')], changes: 'changelog' },
  { name: 'INSERT OVERWRITE of partitions', sql: [`INSERT OVERWRITE {t} ${rows(20, 22, 'o')}`], changes: 'changelog' },
  {
    name: 'DELETE, merge-on-read',
    sql: [modes('merge-on-read'), `DELETE FROM {t} WHERE id % 10 = 5`],
    changes: 'difference',
  },
  { name: 'UPDATE, merge-on-read', sql: [`UPDATE {t} SET name = 'again' WHERE id % 10 = 6`], changes: 'difference' },
  { name: 'MERGE, merge-on-read', sql: [merge(136, 160, 'r')], changes: 'difference' },
  { name: 'MERGE, merge-on-read, again', sql: [merge(136, 162, 'q')], changes: 'difference' },
  {
    name: 'columns added, renamed, widened, moved, dropped',
    sql: [
      'ALTER TABLE {t} ADD COLUMN extra STRING AFTER id',
      'ALTER TABLE {t} RENAME COLUMN name TO label',
      'ALTER TABLE {t} ALTER COLUMN n TYPE BIGINT',
      'ALTER TABLE {t} ALTER COLUMN at FIRST',
      'ALTER TABLE {t} ADD COLUMN s.z DATE',
      'ALTER TABLE {t} DROP COLUMN amount',
      later(900, `'l'`, '5000000000'),
      `UPDATE {t} SET extra = 'x' WHERE id % 10 = 7`,
    ],
    changes: 'none',
  },
  {
    name: 'partition fields added, replaced, dropped',
    sql: [
      'ALTER TABLE {t} ADD PARTITION FIELD truncate(label, 1)',
      later(901, `'päng'`),
      later(902, 'NULL'),
      'ALTER TABLE {t} REPLACE PARTITION FIELD id_bucket WITH day(at)',
      later(903, 'NULL'),
      'ALTER TABLE {t} DROP PARTITION FIELD truncate(label, 1)',
      'DELETE FROM {t} WHERE id IN (901, 20)',
    ],
    changes: 'difference',
  },
  {
    name: 'rewrite_position_delete_files',
    sql: [call('rewrite_position_delete_files', `, options => map('rewrite-all', 'true')`)],
    changes: 'difference',
  },
  {
    name: 'rewrite_data_files',
    sql: [call('rewrite_data_files', `, options => map('rewrite-all', 'true', 'remove-dangling-deletes', 'true')`)],
    changes: 'difference',
  },
  { name: 'rewrite_manifests', sql: [call('rewrite_manifests')], changes: 'difference' },
  {
    name: 'write order',
    sql: ['ALTER TABLE {t} WRITE ORDERED BY label DESC, id', later(910, `'o'`)],
    changes: 'difference',
  },
  {
    name: 'write to a branch, fast_forward',
    sql: [
      'ALTER TABLE {t} CREATE BRANCH audit',
      later(920, `'audited'`).replace('{t}', '{t}.branch_audit'),
      `CALL {c}.system.fast_forward('{n}', 'main', 'audit')`,
    ],
    changes: 'difference',
  },
  { name: 'TRUNCATE', sql: ['TRUNCATE TABLE {t}'], changes: 'difference' },
  {
    name: 'expire_snapshots',
    sql: [call('expire_snapshots', `, older_than => TIMESTAMP '2100-01-01 00:00:00', retain_last => 1`)],
    changes: 'none',
  },
]

export function sparkWriteSuite(world: () => World, tools: Tools, findings: Findings): void {
  const skip = tools.sparkMissing
  const why = skip === undefined ? '' : ` (skipped: ${skip})`
  describe.skipIf(skip !== undefined).each(['rest', 'folder'])(
    `what Spark writes through the catalog %s is read by Millrace${why}`,
    (catalog) => {
      let subject: Subject
      beforeAll(async () => {
        subject = await makeSubject(world(), `writes.${catalog}`, { columns, partitionBy: ['bucket(2, id)'] })
        await subject.table.append({
          sql: `SELECT i AS id, 'a' || i AS name, i::DECIMAL(38, 10) AS amount, TIMESTAMPTZ '1969-12-31 23:00:00+00' AS at, {x: i::INT, y: NULL} AS s, 1 AS n FROM range(30) r(i)`,
        })
        await spark(world(), 'SET spark.sql.sources.partitionOverwriteMode = dynamic')
      })
      for (const step of catalog === 'rest' ? steps : steps.filter(({ name }) => inFolder.test(name))) {
        it(step.name, async () => {
          const note = (column: string, finding: 'differs' | 'equal'): void =>
            findings.note('written by Spark', step.name, `${column}, ${catalog}`, finding)
          const before = await head(subject)
          note('rows', 'differs')
          const names: Record<string, string> = { t: `${catalog}.${subject.name}`, c: catalog, n: subject.name }
          await world().spark.ask('sql', {
            sql: step.sql.map((sql) => sql.replaceAll(/\{([tcn])\}/g, (_all, name) => names[name] as string)),
          })
          expect(comparable(await ours(subject))).toEqual(comparable(await spark(world(), `SELECT * FROM ${names.t}`)))
          note('rows', 'equal')
          if (step.changes === 'none') return
          note('changes', 'differs')
          if (step.changes === 'changelog') {
            for (const key of step.isWithoutKey ? [[]] : [[], ['id']])
              await changelogEqual(world(), subject, catalog, before as bigint, key)
          } else await differenceEqual(world(), subject, catalog, before as bigint)
          note('changes', 'equal')
        })
      }
    },
  )
}

const spark = (world: World, sql: string): Promise<Rows> => world.spark.ask('sql', { sql })

async function head({ table }: Subject): Promise<bigint | undefined> {
  await table.refresh()
  return table.snapshot()?.['snapshot-id']
}

async function ours({ table }: Subject): Promise<Rows> {
  await table.refresh()
  return canonicalRows(await table.rows(), table.schema.fields)
}

const logFields = [
  { name: '_change_type', type: 'string' },
  { name: '_change_ordinal', type: 'int' },
  { name: '_commit_snapshot_id', type: 'long' },
]

async function ourChanges({ table }: Subject, from: bigint, key: string[]): Promise<Rows> {
  await table.refresh()
  const changes = await table.changes({ from, ...(key.length === 0 ? {} : { key }) })
  return canonicalRows(await changes.rows(), [...table.schema.fields, ...logFields])
}

async function changelogEqual(
  world: World,
  subject: Subject,
  catalog: string,
  from: bigint,
  key: string[],
): Promise<void> {
  const identifiers = key.length === 0 ? '' : `, identifier_columns => array('${key.join(`', '`)}')`
  const call = `CALL ${catalog}.system.create_changelog_view(table => '${subject.name}', changelog_view => 'log',
    options => map('start-snapshot-id', '${from}')${identifiers})`
  await spark(world, call)
  const log = await spark(world, 'SELECT * FROM log')
  expect(comparable(await ourChanges(subject, from, key))).toEqual(comparable(log))
}

/** Rows gone and rows come in all, each as often as it is. */
async function differenceEqual(world: World, subject: Subject, catalog: string, from: bigint): Promise<void> {
  const to = await head(subject)
  const at = (snapshot: unknown): string => `SELECT * FROM ${catalog}.${subject.name} VERSION AS OF ${snapshot}`
  const [gone, come] = (await Promise.all(
    [
      [from, to],
      [to, from],
    ].map(([a, b]) => spark(world, `${at(a)} EXCEPT ALL ${at(b)}`)),
  )) as [Rows, Rows]
  const changes = await ourChanges(subject, from, [])
  expect(netOf(changes)).toEqual([...textsOf(gone, '-'), ...textsOf(come, '+')].sort())
}

/** What is left of changes where a row that came goes again. */
function netOf({ columns, rows }: Rows): string[] {
  const type = columns.indexOf('_change_type')
  const count = new Map<string, number>()
  for (const row of rows) {
    const text = JSON.stringify(row.slice(0, type))
    count.set(text, (count.get(text) ?? 0) + (row[type] === 'INSERT' ? 1 : -1))
  }
  return [...count].flatMap(([text, net]) => Array<string>(Math.abs(net)).fill(`${net > 0 ? '+' : '-'}${text}`)).sort()
}

const textsOf = ({ rows }: Rows, sign: string): string[] => rows.map((row) => sign + JSON.stringify(row))

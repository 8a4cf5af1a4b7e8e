/** Spark, PyIceberg, DuckDB's extension and Millrace write one table in turns, through the REST catalog. */
import { beforeAll, describe, expect, it } from 'vitest'
import { seededRandom, testSeed } from '../random.ts'
import { comparable } from './canonical.ts'
import type { Findings } from './findings.ts'
import { type Reader, readers } from './readers.ts'
import { makeSubject, type Subject } from './subject.ts'
import type { Tools } from './tools.ts'
import type { World } from './world.ts'

const columns = [
  { name: 'id', type: 'long' },
  { name: 'state', type: 'string' },
  { name: 'amount', type: 'decimal(20, 4)' },
  { name: 'ts', type: 'timestamptz' },
]

/** Rows in SQL that DuckDB and Spark read alike. */
function values(from: number, to: number, tag: string): string {
  const rows = Array.from({ length: to - from }, (_, index) => {
    const id = from + index
    const state = id % 4 === 0 ? 'NULL' : `'${['', 'ä', 'b', 'c'][id % 4]}'`
    return `(CAST(${id} AS BIGINT), ${state}, CAST(${id * 1.5} AS DECIMAL(20, 4)), CAST('1969-12-31 23:${10 + (id % 50)}:00+00:00' AS {tz}), '${tag}')`
  })
  return `SELECT id, state || tag AS state, amount, ts FROM (VALUES ${rows.join(', ')}) v(id, state, amount, ts, tag)`
}
const ofSpark = (sql: string): string => sql.replaceAll('{tz}', 'TIMESTAMP')
const ofDuck = (sql: string): string => sql.replaceAll('{tz}', 'TIMESTAMPTZ')

/** One change: rows `at` and beyond are new, those below are there. */
type Turn = (world: World, subject: Subject, at: number, tag: string) => Promise<void>
type Writer = { name: string; turns: Record<string, Turn> }

const insertModel = (subject: Subject, sql: string): Promise<void> => subject.model(`INSERT INTO {t} ${ofDuck(sql)}`)
const upsertModel = (subject: Subject, sql: string): Promise<void> =>
  subject.model(
    `MERGE INTO {t} t USING (${ofDuck(sql)}) s ON (t.id = s.id) WHEN MATCHED THEN UPDATE BY NAME WHEN NOT MATCHED THEN INSERT BY NAME`,
  )

const sparkTurn =
  (sql: string, model: string): Turn =>
  async (world, subject, at, tag) => {
    const text = (template: string): string =>
      template
        .replace('{rows}', values(at - 3, at + 3, tag))
        .replace('{new}', values(at, at + 5, tag))
        .replaceAll('{at}', String(at))
        .replaceAll('{tag}', tag)
    await world.spark.ask('sql', { sql: ofSpark(text(sql)).replaceAll('{t}', `rest.${subject.name}`) })
    await subject.model(ofDuck(text(model)))
  }
const duckTurn =
  (sql: string): Turn =>
  async (world, subject, at, tag) => {
    const text = ofDuck(
      sql
        .replace('{new}', values(at, at + 5, tag))
        .replaceAll('{at}', String(at))
        .replaceAll('{tag}', tag),
    )
    await world.python.ask('duck', { sql: text.replaceAll('{t}', `rest.${subject.name}`) })
    await subject.model(text)
  }
const pythonTurn =
  (
    operation: string,
    more: (at: number, rows: string) => Record<string, unknown>,
    model: (subject: Subject, at: number, sql: string) => Promise<void>,
    back = 0,
  ): Turn =>
  async (world, subject, at, tag) => {
    const rows = values(at - back, at + 4, tag)
    await world.python.ask(operation, { uri: world.url, table: subject.name, ...more(at, ofDuck(rows)) })
    await model(subject, at, rows)
  }

const insertSql = 'INSERT INTO {t} {new}'
const deleteSql = 'DELETE FROM {t} WHERE id % 11 = {at} % 11'
const updateSql = `UPDATE {t} SET state = '{tag}' WHERE id % 7 = {at} % 7`
const sparkMerge = (extra: string): string => `MERGE INTO {t} t USING ({rows}) s ON t.id = s.id ${extra}`
const writers: Writer[] = [
  {
    name: 'Spark',
    turns: {
      insert: sparkTurn(insertSql, insertSql),
      delete: sparkTurn(deleteSql, deleteSql),
      update: sparkTurn(updateSql, updateSql),
      merge: sparkTurn(
        sparkMerge('WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *'),
        sparkMerge('WHEN MATCHED THEN UPDATE BY NAME WHEN NOT MATCHED THEN INSERT BY NAME').replace(
          't.id = s.id',
          '(t.id = s.id)',
        ),
      ),
    },
  },
  {
    name: 'PyIceberg',
    turns: {
      append: pythonTurn(
        'append',
        (_at, sql) => ({ sql }),
        (subject, _at, sql) => insertModel(subject, sql),
      ),
      overwrite: pythonTurn(
        'overwrite',
        (at, sql) => ({ sql, filter: `id >= ${at - 6}` }),
        async (subject, at, sql) => {
          await subject.model(`DELETE FROM {t} WHERE id >= ${at - 6}`)
          await insertModel(subject, sql)
        },
      ),
      delete: pythonTurn(
        'delete',
        (at) => ({ filter: `id == ${at - 4} or id < ${at - 40}` }),
        (subject, at) => subject.model(`DELETE FROM {t} WHERE id = ${at - 4} OR id < ${at - 40}`),
      ),
      upsert: pythonTurn(
        'upsert',
        (_at, sql) => ({ sql, on: ['id'] }),
        (subject, _at, sql) => upsertModel(subject, sql),
        3,
      ),
    },
  },
  { name: 'DuckDB', turns: { insert: duckTurn(insertSql), delete: duckTurn(deleteSql), update: duckTurn(updateSql) } },
  {
    name: 'Millrace',
    turns: {
      append: (_world, subject, at, tag) => subject.append(ofDuck(values(at, at + 5, tag))),
      'merge, copy-on-write': (_world, subject, at, tag) =>
        subject.merge(ofDuck(values(at - 3, at + 3, tag)), ['id'], 'copy-on-write'),
      'merge, merge-on-read': (_world, subject, at, tag) =>
        subject.merge(ofDuck(values(at - 5, at + 1, tag)), ['id'], 'merge-on-read', 's.id % 3 = 0'),
      delete: (_world, subject, at) => subject.delete(`id % 13 = ${at} % 13`, 'merge-on-read'),
    },
  },
]

const tables: { name: string; partitionBy: string[]; without: string[] }[] = [
  { name: 'no partitions', partitionBy: [], without: [] },
  { name: 'by bucket(2, id)', partitionBy: ['bucket(2, id)'], without: [] },
]
const rounds = 4

export function turnSuite(world: () => World, tools: Tools, findings: Findings): void {
  const skip = tools.sparkMissing ?? tools.pythonMissing
  const why = skip === undefined ? '' : ` (skipped: ${skip})`
  const all = readers.filter(({ name }) => name === 'Millrace' || name.endsWith('REST'))
  describe.skipIf(skip !== undefined).each(tables)(
    `writing in turns, $name${why}`,
    ({ name, partitionBy, without }) => {
      let subject: Subject
      const random = seededRandom(testSeed())
      let at = 100
      beforeAll(async () => {
        subject = await makeSubject(world(), `turns.t${partitionBy.length}`, {
          columns,
          partitionBy,
          properties: { 'write.delete.mode': 'merge-on-read', 'write.merge.mode': 'merge-on-read' },
        })
        await subject.append(ofDuck(values(0, at, '0')))
      })
      for (const { name: writer, turns } of skip === undefined ? writers : []) {
        for (const kind of Object.keys(turns)) findings.note('turns', `${writer}, ${kind}`, name, 'differs')
      }
      // Every writer makes each of its kinds of change, in an order that the seed decides.
      const queues = writers
        .filter((writer) => !without.includes(writer.name))
        .map((writer) => ({ writer, kinds: random.shuffled(Object.keys(writer.turns)) }))
      for (let round = 0; round < rounds; round += 1) {
        for (const { writer, kinds } of random.shuffled(queues)) {
          const kind = kinds[round % kinds.length] as string
          it(`round ${round + 1}: ${writer.name}, ${kind}`, async () => {
            const turn = writer.turns[kind] as Turn
            await turn(world(), subject, at, `${writer.name}${round}`)
            at += 7
            await equalForAll(world(), subject, all)
            findings.note('turns', `${writer.name}, ${kind}`, name, 'equal')
          })
        }
      }
    },
  )
}

async function equalForAll(world: World, subject: Subject, all: Reader[]): Promise<void> {
  const expected = comparable(await subject.expected())
  const found = await Promise.all(
    all.map(async (reader) => [reader.name, comparable(await reader.read(world, subject, {}))]),
  )
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(all.map((reader) => [reader.name, expected])))
}

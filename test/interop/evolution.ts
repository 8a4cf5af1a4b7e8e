/** Tables whose columns or partitions changed between one write and the next. */
import type { ReadCase } from './cases.ts'
import { makeSubject, type Subject } from './subject.ts'

const columns = [
  { name: 'id', type: 'long', required: true },
  { name: 'i', type: 'int' },
  { name: 'f', type: 'float' },
  { name: 'd', type: 'decimal(9, 2)' },
  { name: 's', type: 'struct<x: int, y: string>' },
  { name: 'name', type: 'string' },
]
const before = (from: number, to: number): string => `
  SELECT n::BIGINT AS id, (n * 7 - 30)::INT AS i, (n / 3)::FLOAT AS f, (n * -1.25)::DECIMAL(9, 2) AS d,
    CASE WHEN n % 3 = 0 THEN NULL ELSE {x: n::INT, y: 'y' || n} END AS s, 'n' || n AS name
  FROM range(${from}, ${to}) r(n)`

/** What changes, the same in the model, and what the rows written afterwards are. */
type Change = {
  name: string
  change(subject: Subject): Promise<void>
  /** Over the columns of `before` as b. */
  after: string
}

const changes: Change[] = [
  {
    name: 'column added',
    change: async ({ table, model }) => {
      await table.evolve([{ add: 'extra', type: 'string' }])
      await model('ALTER TABLE {t} ADD COLUMN extra VARCHAR')
    },
    after: `b.*, 'extra' || id AS extra`,
  },
  {
    name: 'columns widened',
    change: async ({ table, model }) => {
      await table.evolve([
        { widen: 'i', type: 'long' },
        { widen: 'f', type: 'double' },
        { widen: 'd', type: 'decimal(38, 2)' },
      ])
      await model(
        'ALTER TABLE {t} ALTER i TYPE BIGINT',
        'ALTER TABLE {t} ALTER f TYPE DOUBLE',
        'ALTER TABLE {t} ALTER d TYPE DECIMAL(38, 2)',
      )
    },
    after: `b.* REPLACE (i + 5000000000 AS i, 0.1::DOUBLE + id AS f, ('1' || repeat('0', 30))::DECIMAL(38, 2) AS d)`,
  },
  {
    name: 'column renamed',
    change: async ({ table, model }) => {
      await table.evolve([{ rename: 'name', to: 'full name' }])
      await model('ALTER TABLE {t} RENAME COLUMN name TO "full name"')
    },
    after: 'b.* RENAME (name AS "full name")',
  },
  {
    name: 'columns moved',
    change: async ({ table, model, plain }) => {
      await table.evolve([
        { move: 'name', after: null },
        { move: 'i', after: 's' },
      ])
      await model(`CREATE OR REPLACE TABLE {t} AS SELECT name, id, f, d, s, i FROM ${plain}`)
    },
    after: 'b.*',
  },
  {
    name: 'column dropped',
    change: async ({ table, model }) => {
      await table.evolve([{ drop: 'd' }])
      await model('ALTER TABLE {t} DROP COLUMN d')
    },
    after: 'b.* EXCLUDE (d)',
  },
  {
    name: 'column dropped, another of its name added',
    change: async ({ table, model }) => {
      await table.evolve([{ drop: 'name' }])
      await table.evolve([{ add: 'name', type: 'string' }])
      await model('ALTER TABLE {t} DROP COLUMN name', 'ALTER TABLE {t} ADD COLUMN name VARCHAR')
    },
    after: 'b.*',
  },
  {
    name: 'two columns exchanged their names',
    change: async ({ table, model }) => {
      await table.evolve([{ add: 'other', type: 'string' }])
      await table.evolve([{ rename: 'name', to: 'third' }])
      await table.evolve([{ rename: 'other', to: 'name' }])
      await table.evolve([{ rename: 'third', to: 'other' }])
      await model('ALTER TABLE {t} RENAME COLUMN name TO other', 'ALTER TABLE {t} ADD COLUMN name VARCHAR')
      await model('CREATE OR REPLACE TABLE {t} AS SELECT id, i, f, d, s, other, name FROM {t}')
    },
    after: `b.*, 'other' || id AS other`,
  },
  {
    name: 'fields of a struct added, widened, renamed, dropped',
    change: async ({ table, model }) => {
      await table.evolve([
        { add: 's.z', type: 'date' },
        { widen: 's.x', type: 'long' },
      ])
      await table.evolve([{ rename: 's.x', to: 'wide' }])
      await table.evolve([{ drop: 's.y' }])
      await model(`CREATE OR REPLACE TABLE {t} AS SELECT * REPLACE
        (CASE WHEN s IS NULL THEN NULL ELSE {wide: s.x::BIGINT, z: NULL::DATE} END AS s) FROM {t}`)
    },
    after: `b.* REPLACE ({wide: 5000000000 + id, z: DATE '1969-12-31'} AS s)`,
  },
  {
    name: 'column made optional',
    change: async ({ table }) => table.evolve([{ optional: 'id' }]),
    after: 'b.*',
  },
  {
    name: 'partitions: none, then bucket, then identity and bucket',
    change: async (subject) => {
      await subject.table.setPartitionBy(['bucket(4, id)'])
      await subject.append(before(30, 40))
      await subject.table.setPartitionBy(['name', 'bucket(4, id)'])
    },
    after: 'b.*',
  },
]

/** For each: rows before, the change, rows after, a merge over both by either way, a delete. */
export const evolutionCases: ReadCase[] = changes.map(({ name, change, after }, index) => ({
  group: 'evolution',
  name,
  make: async (world) => {
    const subject = await makeSubject(world, `reads.evolved${index}`, { columns })
    const later = (from: number, to: number): string => `SELECT ${after} FROM (${before(from, to)}) b`
    await subject.append(before(0, 12))
    await change(subject)
    await subject.append(later(12, 20))
    await subject.merge(later(10, 14), ['id'], 'copy-on-write')
    await subject.merge(later(4, 6), ['id'], 'merge-on-read')
    await subject.delete('id IN (1, 13)', 'merge-on-read')
    return { subject, expected: await subject.expected() }
  },
}))

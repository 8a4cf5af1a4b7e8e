/** The kinds of table that Millrace writes, each with the rows that every reader must find in it. */
import type { Rows } from './driver.ts'
import { type At, readers } from './readers.ts'
import { makeSubject, type Subject } from './subject.ts'
import { nestedTypes, rowsOf, simpleTypes, type TypeCase, timeType, zeros } from './types.ts'
import type { World } from './world.ts'

export type ReadCase = {
  group: 'types' | 'partitions' | 'rows changed' | 'evolution' | 'snapshots'
  name: string
  make(world: World): Promise<Made>
  /** Who cannot read it, and what they say. Where they can, the test fails: then the exception goes. */
  unable?: Record<string, RegExp>
  /** Whose own defect gives other rows, whoever wrote the table. Where it is mended, the test fails too. */
  wrong?: Record<string, string>
}
export type Made = {
  subject: Subject
  expected: Rows
  at?: At
  /** The one column that the case is about; its table is read once for all such cases. */
  column?: string
}

const definition = (types: { column: string; type: string }[]) => [
  { name: 'id', type: 'long', required: true },
  ...types.map(({ column, type }) => ({ name: column, type })),
]
const made = async (subject: Subject, at?: At): Promise<Made> => ({
  subject,
  expected: await subject.expected(),
  ...(at === undefined ? {} : { at }),
})

/** Rows for the cases that are not about types: `id`, a key in another order, text, amount, day and instant. */
const columns = [
  { name: 'id', type: 'long', required: true },
  { name: 'state', type: 'string' },
  { name: 'amount', type: 'decimal(12, 2)' },
  { name: 'day', type: 'date' },
  { name: 'at', type: 'timestamptz' },
]
export const events = (from: number, to: number, tag = ''): string => `
  SELECT i::BIGINT AS id, CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN 'a/b c' WHEN 2 THEN 'é${tag}' ELSE 'z' END AS state,
    (i * 1.25 - 40)::DECIMAL(12, 2) AS amount, DATE '1969-12-20' + (i % 30)::INT AS day,
    TIMESTAMPTZ '1969-12-31 20:00:00+00' + INTERVAL (i * 17) MINUTE AS at
  FROM range(${from}, ${to}) r(i)`

async function eventTable(
  world: World,
  name: string,
  options: { partitionBy?: string[]; sortBy?: string[]; key?: string[] } = {},
): Promise<Subject> {
  const subject = await makeSubject(world, `reads.${name}`, { columns, ...options })
  await subject.append(events(0, 60))
  await subject.append(events(60, 90))
  return subject
}

/** One table for all types that every reader has: a column is a case. */
function typeCase({ type, column }: TypeCase, types: TypeCase[]): ReadCase {
  const name = `reads.types_of_${types[0]?.column}`
  return {
    group: 'types',
    name: type,
    make: async (world) => {
      const subject = await once(world, name, async () => {
        const wide = await makeSubject(world, name, { columns: definition(types) })
        await wide.append(rowsOf(types, 0, 60))
        await wide.append(rowsOf(types, 60, 61))
        return wide
      })
      return { ...(await made(subject)), column }
    },
  }
}

const subjects = new WeakMap<World, Map<string, Promise<Subject>>>()
function once(world: World, name: string, make: () => Promise<Subject>): Promise<Subject> {
  const ofWorld = subjects.get(world) ?? new Map<string, Promise<Subject>>()
  subjects.set(world, ofWorld)
  const subject = ofWorld.get(name) ?? make()
  ofWorld.set(name, subject)
  return subject
}

const commonTypes = [...simpleTypes, ...nestedTypes]
const emptied = 'NULL is read as empty'
const typeCases: ReadCase[] = [
  ...commonTypes.map((type) => ({
    ...typeCase(type, commonTypes),
    // PyIceberg 0.12: a NULL list or map that has a struct in it, of Spark's tables too.
    ...(/^(list|map)<.*struct/.test(type.type) && {
      wrong: { 'PyIceberg, file': emptied, 'PyIceberg, REST': emptied },
    }),
  })),
  {
    ...typeCase(zeros, [zeros]),
    name: 'float and double, 0.0 beside −0.0',
    wrong: Object.fromEntries(readers.map(({ name }) => [name, 'both 0.0'])),
  },
  { ...typeCase(timeType, [timeType]), unable: { 'Spark, folder': /time/i, 'Spark, REST': /time/i } },
]

export const partitionedTypes: { transform: string; of: string[] }[] = [
  {
    transform: 'identity',
    of: ['boolean', 'int', 'long', 'decimal(38, 10)', 'date', 'timestamp', 'timestamptz', 'string', 'binary'],
  },
  {
    transform: 'bucket(4, …)',
    of: [
      'int',
      'long',
      'decimal(9, 2)',
      'decimal(38, 10)',
      'date',
      'timestamp',
      'timestamptz',
      'string',
      'binary',
      'uuid',
    ],
  },
  { transform: 'truncate(3, …)', of: ['int', 'long', 'decimal(9, 2)', 'decimal(38, 10)', 'string', 'binary'] },
  { transform: 'year', of: ['date', 'timestamp', 'timestamptz'] },
  { transform: 'month', of: ['date', 'timestamp', 'timestamptz'] },
  { transform: 'day', of: ['date', 'timestamp', 'timestamptz'] },
  { transform: 'hour', of: ['timestamp', 'timestamptz'] },
]
/** `bucket(4, …)` of `id` is `bucket(4, id)`. */
export function partitionTerm(transform: string, column: string): string {
  if (transform === 'identity') return column
  return transform.includes('…') ? transform.replace('…', column) : `${transform}(${column})`
}

/** The least values have no multiple below them that the type could hold. */
const isInside = (value: string): boolean => !/-9999999|-2147483648|-9223372036854775808/.test(value)
const partitionCases: ReadCase[] = partitionedTypes.map(({ transform, of }) => ({
  group: 'partitions',
  name: `${transform} of ${of.join(', ')}`,
  make: async (world) => {
    const isTruncate = transform.startsWith('truncate')
    const types = simpleTypes
      .filter(({ type }) => of.includes(type))
      .map((type) => (isTruncate ? { ...type, values: type.values.filter(isInside) } : type))
    const name = `reads.by_${transform.replace(/\W.*/, '')}`
    const partitionBy = types.map(({ column }) => partitionTerm(transform, column))
    const subject = await makeSubject(world, name, { columns: definition(types), partitionBy })
    await subject.append(rowsOf(types, 0, 14))
    await subject.merge(rowsOf(types, 12, 16), ['id'], 'copy-on-write')
    await subject.merge(`SELECT * FROM (${rowsOf(types, 3, 5)})`, ['id'], 'merge-on-read')
    await subject.delete('id IN (7, 8)', 'merge-on-read')
    return made(subject)
  },
}))

const changes: [string, { partitionBy?: string[]; sortBy?: string[] }, (subject: Subject) => Promise<unknown>][] = [
  ['merge, copy-on-write', {}, (s) => s.merge(events(50, 70, '!'), ['id'], 'copy-on-write', 's.id % 5 = 0')],
  ['merge, merge-on-read', {}, (s) => s.merge(events(50, 70, '!'), ['id'], 'merge-on-read', 's.id % 5 = 0')],
  [
    'merge, merge-on-read, twice over the same rows',
    { partitionBy: ['state'] },
    async (s) => {
      await s.merge(events(50, 100, '!'), ['id'], 'merge-on-read', 's.id % 5 = 0')
      await s.merge(events(40, 60, '?'), ['id'], 'merge-on-read')
    },
  ],
  [
    'merge, copy-on-write, partitioned',
    { partitionBy: ['bucket(4, id)'] },
    (s) => s.merge(events(50, 100, '!'), ['id'], 'copy-on-write'),
  ],
  ['delete, copy-on-write', {}, (s) => s.delete(`state = 'z' OR amount < -30`, 'copy-on-write')],
  [
    'delete, merge-on-read',
    { partitionBy: ['month(day)'] },
    (s) => s.delete(`state = 'z' OR amount < -30`, 'merge-on-read'),
  ],
  ['delete of all rows', {}, (s) => s.delete('true')],
  [
    'overwrite of partitions',
    { partitionBy: ['state'] },
    async (s) => {
      const rows = `SELECT * FROM (${events(200, 230)}) WHERE state IS NULL OR state = 'z'`
      await s.table.overwrite({ sql: rows }, { partitions: 'dynamic' })
      await s.model(`DELETE FROM {t} WHERE state IS NULL OR state = 'z'`, `INSERT INTO {t} ${rows}`)
    },
  ],
  [
    'overwrite where',
    { partitionBy: ['day(at)'] },
    async (s) => {
      await s.table.overwrite({ sql: events(300, 310) }, { where: 'amount < 0' })
      await s.model('DELETE FROM {t} WHERE amount < 0', `INSERT INTO {t} ${events(300, 310)}`)
    },
  ],
  [
    'overwrite of all',
    {},
    async (s) => {
      await s.table.overwrite({ sql: events(300, 310) }, { all: true })
      await s.model('DELETE FROM {t}', `INSERT INTO {t} ${events(300, 310)}`)
    },
  ],
  [
    'sorted',
    { sortBy: ['day desc nulls last', 'bucket(4, id)', 'state'] },
    (s) => s.merge(events(50, 100, '!'), ['id'], 'copy-on-write'),
  ],
  [
    'compacted with its deletes',
    { partitionBy: ['state'] },
    async (s) => {
      await s.merge(events(50, 100, '!'), ['id'], 'merge-on-read')
      await s.table.compact({})
    },
  ],
  [
    'older snapshots expired',
    {},
    async (s) => {
      await s.merge(events(50, 100, '!'), ['id'], 'copy-on-write')
      await s.merge(events(50, 60, '?'), ['id'], 'merge-on-read')
      await s.table.expireSnapshots({ olderThanMs: Date.now() + 1000, retainLast: 1 })
    },
  ],
]
const changeCases: ReadCase[] = changes.map(([name, options, change], index) => ({
  group: 'rows changed',
  name,
  make: async (world) => {
    const subject = await eventTable(world, `changed${index}`, options)
    await change(subject)
    return made(subject)
  },
}))

const snapshotCases: ReadCase[] = [
  {
    group: 'snapshots',
    name: 'an older snapshot',
    make: async (world) => {
      const subject = await eventTable(world, 'older')
      const expected = await subject.expected()
      const snapshot = (await refreshed(subject)).snapshot()?.['snapshot-id'] as bigint
      await subject.merge(events(10, 20, '!'), ['id'], 'merge-on-read')
      return { subject, expected, at: { snapshot } }
    },
  },
  {
    group: 'snapshots',
    name: 'a tag',
    make: async (world) => {
      const subject = await eventTable(world, 'tagged')
      const expected = await subject.expected()
      await subject.table.createTag('before')
      await subject.delete('id < 30', 'copy-on-write')
      return { subject, expected, at: { ref: 'before' } }
    },
  },
  {
    group: 'snapshots',
    name: 'a branch',
    make: async (world) => {
      const subject = await eventTable(world, 'branched')
      await subject.table.createBranch('audit')
      await subject.append(events(500, 510), { branch: 'audit' })
      return made(subject, { ref: 'audit' })
    },
  },
  {
    group: 'snapshots',
    name: 'main beside a branch',
    make: async (world) => {
      const subject = await eventTable(world, 'beside')
      await subject.table.createBranch('audit')
      await subject.table.append({ sql: events(500, 510) }, { branch: 'audit' })
      return made(subject)
    },
  },
  {
    group: 'snapshots',
    name: 'a branch that was published',
    make: async (world) => {
      const subject = await eventTable(world, 'published')
      await subject.table.createBranch('audit')
      await subject.append(events(500, 510), { branch: 'audit' })
      await refreshed(subject)
      await subject.table.publish('audit')
      return made(subject)
    },
  },
  {
    group: 'snapshots',
    name: 'no snapshot yet',
    make: async (world) => made(await makeSubject(world, 'reads.empty', { columns, partitionBy: ['state'] })),
  },
]

async function refreshed(subject: Subject): Promise<Subject['table']> {
  await subject.table.refresh()
  return subject.table
}

export const readCases: ReadCase[] = [...typeCases, ...partitionCases, ...changeCases, ...snapshotCases]

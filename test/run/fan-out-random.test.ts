/** Random snapshots and specs: every table is held against the files it came from, by DuckDB alone. */
import { partitionedTables } from 'millrace'
import { afterEach, expect, it } from 'vitest'
import { type Random, seededRandom, testSeed } from '../random.ts'
import { csvOf, date, key, SnapshotLake, type SplitOptions, source, splitTask } from './snapshot-lake.ts'

const rounds = 8
const seed = testSeed()

let lake: SnapshotLake
afterEach(() => lake.remove())

/** Values of a column by type: nulls, empty and odd ones among them. A wider type may stand in another file. */
const kinds = [
  { types: ['INT', 'BIGINT', 'DECIMAL(22, 2)'], value: 'hash(i + {n}) % 1000' },
  {
    types: ['VARCHAR'],
    value: "CASE hash(i + {n}) % 4 WHEN 0 THEN '' WHEN 1 THEN 'ä😀' || i ELSE repeat('x', (i % 50)::INT) END",
  },
  { types: ['DOUBLE', 'FLOAT'], value: '(i + {n}) / 8' },
  { types: ['BOOLEAN'], value: 'i % 3 = 0' },
  { types: ['DATE', 'TIMESTAMP'], value: "DATE '2025-01-01' + (i % 400)::INT" },
  { types: ['INT[]'], value: '[i::INT, NULL]' },
]
type WideColumn = { name: string; kind: (typeof kinds)[number]; nulls: number }

/** A name in another case; in files only what DuckDB, which is asked for the answer, takes for the same name. */
function spelled(random: Random, name: string): string {
  return random.pick([name, name.toUpperCase(), name[0]?.toUpperCase() + name.slice(1)])
}

/** One file's query; a file may lack columns and have them in another order. */
function fileSql(random: Random, columns: readonly WideColumn[], rows: number, keyNulls: number): string {
  const there = random.shuffled(columns.filter(() => random.chance(0.9)))
  const values = there.map(({ name, kind, nulls }) => {
    const value = kind.value.replaceAll('{n}', String(random.below(1000)))
    const typed = `CAST(${value} AS ${random.pick(kind.types)})`
    return `${nulls === 0 ? typed : `CASE WHEN hash(i * ${1 + random.below(99)}) % 10 < ${nulls} THEN NULL ELSE ${typed} END`} AS "${/^[ -~]*$/.test(name) ? spelled(random, name) : name}"`
  })
  const keys = random.pick([
    "'k' || i",
    "'dup' || (i % 7)",
    "CASE WHEN i = 1 THEN '' ELSE repeat('k', (i % 300)::INT) END",
  ])
  const keyed = `CASE WHEN hash(i) % 10 < ${keyNulls} THEN NULL ELSE ${keys} END AS "${spelled(random, key)}"`
  return `SELECT ${random.shuffled([keyed, ...values]).join(', ')} FROM range(${rows}) t(i)`
}

function randomSpec(random: Random, columns: readonly WideColumn[]): Record<string, string[]> {
  const tables: Record<string, string[]> = {}
  for (let table = 0; table < 1 + random.below(6); table += 1) {
    const names = [key, ...columns.map(({ name }) => name)]
    const own = random.shuffled(names).slice(0, 1 + random.below(names.length))
    tables[`${random.pick(['IBE', 'miacs', 'T-'])}_${table}`] = own.map((name) => spelled(random, name))
  }
  return tables
}

it.each(Array.from({ length: rounds }, (_, round) => round))('splits a random snapshot, round %i', async (round) => {
  const random = seededRandom(seed + round)
  lake = new SnapshotLake()
  const columns = Array.from({ length: 1 + random.below(20) }, (_, index): WideColumn => {
    const name = `${random.pick(['ibe', 'x y', 'quo"ted', 'ünï'])}_${index}`.replaceAll('"', "'")
    return { name, kind: random.pick(kinds), nulls: random.pick([0, 3, 10]) }
  })
  const keyNulls = random.pick([0, 0, 2, 10])
  const queries = Array.from({ length: 1 + random.below(4) }, () =>
    fileSql(random, columns, random.pick([0, 1, 50, 3000]), keyNulls),
  )
  const certain = `SELECT NULL::VARCHAR AS ${key}, ${columns.map(({ name, kind }) => `NULL::${kind.types[0]} AS "${name}"`).join(', ')}`
  // One file has every column, so that the spec fits; all of it is set aside.
  await lake.land([certain, ...queries], date, `, ROW_GROUP_SIZE ${random.pick([2048, 122880])}`)
  const tables = randomSpec(random, columns)
  const isStaged = random.chance(0.5)
  const options: SplitOptions = {
    csv: csvOf(tables),
    filesPerGigabyte: random.pick([2, 100_000]),
    ...(isStaged ? {} : { to: partitionedTables('split') }),
  }
  const run = await lake.run(splitTask(options))
  const raw = `read_parquet('${lake.at(source)}/*/*.parquet', hive_partitioning = false, union_by_name = true)`
  const [[all, rejected]] = (await lake.query(`SELECT count(*), count(*) FILTER (${key} IS NULL) FROM ${raw}`)) as [
    [string, string],
  ]
  if (all === rejected) {
    expect(run.error).toContain(`none of its ${all} rows has a ${key}`)
    expect(lake.contents('split')).toEqual({})
    return
  }
  expect(run.error).toBe('')
  expect(run.metrics).toMatchObject({ rows_read: Number(all), rows_quarantined: Number(rejected) })
  for (const [table, listed] of Object.entries(tables)) {
    const folder = `split/${table}${isStaged ? '' : `/snapshot_dt=${date}`}`
    const names = listed.map((name) => name.toLowerCase())
    const expected = names.includes(key) ? names : [key, ...names]
    await same(folder, expected, `SELECT ${quoted(expected)} FROM ${raw} WHERE ${key} IS NOT NULL`)
  }
  const names = [key, ...columns.map(({ name }) => name)]
  await same(
    `quarantine/fly/split/split/snapshot_dt=${date}`,
    names,
    `SELECT ${quoted(names)} FROM ${raw} WHERE ${key} IS NULL`,
  )
  const before = lake.contents('split')
  const again = await lake.run(splitTask(options))
  expect(again.metrics.tables_written).toBe(0)
  expect(lake.contents('split')).toEqual(before)
})

const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ')

/** The files of a folder have exactly these columns and the rows of the query, each as often. */
async function same(folder: string, names: readonly string[], sql: string): Promise<void> {
  if (lake.folders(folder).length === 0) {
    expect(await lake.query(`SELECT count(*) FROM (${sql})`)).toEqual([['0']])
    return
  }
  const found = `read_parquet('${lake.at(folder)}/*.parquet', hive_partitioning = false)`
  expect((await lake.query(`DESCRIBE SELECT * FROM ${found}`)).map(([name]) => name)).toEqual(names)
  const [left, right] = [`SELECT ${quoted(names)} FROM ${found}`, sql]
  const [[missing, odd]] = (await lake.query(
    `SELECT (SELECT count(*) FROM (${right} EXCEPT ALL ${left})), (SELECT count(*) FROM (${left} EXCEPT ALL ${right}))`,
  )) as [[string, string]]
  expect([folder, missing, odd]).toEqual([folder, '0', '0'])
}

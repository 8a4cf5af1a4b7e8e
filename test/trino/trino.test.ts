/** Our bucketed tables in Trino, which reads, prunes and joins by Hive's buckets: the same buckets, and no shuffle. */
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { bucketOf, hiveBucketHash, hiveRowHash } from 'millrace'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { GlueTable } from '../../src/catalogs/glue-catalog.ts'
import { type BucketLake, database, makeBucketLake, oddKeySql } from '../run/bucket-lake.ts'
import { startTrino, type Trino, trinoHome } from './server.ts'

const home = trinoHome()
const why = home === null ? ' (skipped: no Trino here; run: sh scripts/trino.sh)' : ''
const count = 16

/** The entry of our catalog as a statement of Trino's, with everything that it says of buckets. */
function createTable({ Name, StorageDescriptor: storage, Parameters }: GlueTable, schema: string): string {
  const texts = (values: string[]): string => `ARRAY[${values.map((value) => `'${value}'`).join(', ')}]`
  const types: Record<string, string> = { string: 'varchar', int: 'integer' }
  const columns = storage.Columns.map((column) => `"${column.Name}" ${types[column.Type] ?? column.Type}`)
  const properties = [
    `format = 'PARQUET'`,
    `external_location = 'local:///${storage.Location}'`,
    `bucketed_by = ${texts(storage.BucketColumns)}`,
    `bucket_count = ${storage.NumberOfBuckets}`,
    `sorted_by = ${texts(storage.SortColumns.map(({ Column }) => Column))}`,
    `bucketing_version = ${Parameters.bucketing_version}`,
  ]
  return `CREATE TABLE hive.${schema}."${Name}" (${columns.join(', ')}) WITH (${properties.join(', ')})`
}

const shapes: Record<string, [name: string, type: string][]> = {
  text: [['customer_user_id', 'string']],
  number: [['number', 'int']],
  big: [['big', 'bigint']],
  day: [['day', 'date']],
  two: [
    ['country', 'string'],
    ['big', 'bigint'],
  ],
}

describe.skipIf(home === null)(`bucketed tables in Trino${why}`, { timeout: 300_000 }, () => {
  let lake: BucketLake
  let state: string
  let trino: Trino
  beforeAll(async () => {
    lake = await makeBucketLake()
    const select = `${oddKeySql} AS customer_user_id, (i * 7919 - 3000)::INTEGER AS number,
      CASE WHEN i % 11 = 0 THEN NULL ELSE (hash(i)::HUGEINT - 9223372036854775808)::BIGINT END AS big,
      (DATE '1960-01-01' + (i * 31)::INTEGER)::DATE AS day, 'c' || i % 5 AS country, i AS n`
    await lake.stage('left', select, 4000)
    await lake.stage('right', select, 3000)
    state = fs.mkdtempSync(path.join(tmpdir(), 'millrace-trino-'))
    trino = await startTrino(home as string, lake.root, state)
  }, 300_000)
  afterAll(async () => {
    await trino?.stop()
    lake?.remove()
    if (state !== undefined) fs.rmSync(state, { recursive: true, force: true })
  })

  /** Buckets both tables by a shape, and registers what our catalog has of them in a schema of Trino's. */
  async function registered(shape: string, version: 1 | 2): Promise<string> {
    const by = (shapes[shape] as [string, string][]).map(([name]) => name)
    expect((await lake.run({ by, count, version })).failure).toBe('')
    const schema = `${shape}_${version}`
    if ((await trino.rows(`SHOW SCHEMAS FROM hive LIKE '${schema}'`)).length > 0) return `hive.${schema}.bucketed`
    await trino.rows(`CREATE SCHEMA hive.${schema}`)
    for (const table of await lake.catalog.getTables(database, 'bucketed_'))
      await trino.rows(createTable(table, schema))
    return `hive.${schema}.bucketed`
  }

  it.each(Object.keys(shapes).flatMap((shape) => [[shape, 1] as const, [shape, 2] as const]))(
    'bucketed by %s, version %i, have the buckets, the pruning and the joins that Trino expects',
    async (shape, version) => {
      const columns = shapes[shape] as [string, string][]
      const tables = await registered(shape, version)
      const values = columns.map(([name, type]) =>
        type === 'string'
          ? `to_hex(to_utf8(${name}))`
          : type === 'date'
            ? `date_diff('day', DATE '1970-01-01', ${name})`
            : name,
      )
      const texts = values.map((sql) => `CAST(${sql} AS varchar)`).join(', ')
      // Reading checks every row against its bucket, as hive.validate-bucketing says; and here is what Trino makes of each.
      const rows = await trino.rows(`SELECT "$bucket", n, ${texts} FROM ${tables}_left`)
      expect(rows.length).toBe(4000)
      const wrong = rows.filter(([bucket, , ...found]) => {
        const hashes = columns.map(([, type], at) => {
          const text = found[at] as string | null
          const value =
            text === null ? null : type === 'string' ? new Uint8Array(Buffer.from(text, 'hex')) : BigInt(text)
          return hiveBucketHash(type, value, version)
        })
        return bucketOf(hiveRowHash(hashes), count) !== bucket
      })
      expect(wrong.slice(0, 3)).toEqual([])

      const key = columns.map(([name]) => name)
      const on = key.map((name) => `l.${name} = r.${name}`).join(' AND ')
      const join = `SELECT count(*), sum(l.n + r.n) FROM ${tables}_left l JOIN ${tables}_right r ON ${on}`
      const plan = await planOf(join)
      // Only the counts travel: both tables are read in one fragment, bucket beside bucket.
      expect(partitionings(plan)).toEqual(['SINGLE', 'SINGLE'])
      expect(plan).toMatch(new RegExp(`Fragment 1 \\[.*buckets=${count}`))
      const local = await lake.rows(
        `SELECT count(*) AS n, sum(l.n + r.n)::VARCHAR AS total FROM ${lake.bucketed('left')} l JOIN ${lake.bucketed('right')} r ON ${on}`,
      )
      expect((await trino.rows(join))[0]?.map(String)).toEqual([local[0]?.n, local[0]?.total])
      expect(local[0]?.n).not.toBe('0')
      await lookUp(columns, tables, values)
    },
  )

  it('is told apart from what is no such table: a join by another column shuffles, the wrong version is an error', async () => {
    const tables = await registered('text', 2)
    const other = `SELECT count(*) FROM ${tables}_left l JOIN ${tables}_right r ON l.n = r.n`
    expect(partitionings(await planOf(other))).not.toEqual(['SINGLE', 'SINGLE'])
    const [left] = await lake.catalog.getTables(database, 'bucketed_left')
    const wrong = { ...(left as GlueTable), Name: 'wrong', Parameters: { bucketing_version: '1' } }
    await trino.rows(createTable(wrong, 'text_2'))
    await expect(trino.rows('SELECT * FROM hive.text_2.wrong')).rejects.toThrow(/corrupt|bucket/i)
  })

  const planOf = async (sql: string): Promise<string> =>
    String((await trino.rows(`EXPLAIN (TYPE DISTRIBUTED) ${sql}`))[0]?.[0])
  const partitionings = (plan: string): string[] =>
    [...plan.matchAll(/Output partitioning: ([A-Z_]+)/g)].map((match) => match[1] as string).sort()

  /** A look-up by one key reads the file of its bucket alone. */
  async function lookUp(columns: [string, string][], tables: string, values: string[]): Promise<void> {
    const [row] = await trino.rows(
      `SELECT n, "$bucket", ${values.map((sql) => `CAST(${sql} AS varchar)`).join(', ')} FROM ${tables}_left
       WHERE n = 1234 AND ${columns.map(([name]) => `${name} IS NOT NULL`).join(' AND ')}`,
    )
    const [n, bucket, ...key] = row as [number, number, ...string[]]
    const where = columns.map(([name, type], at) =>
      type === 'string'
        ? `${name} = from_utf8(from_hex('${key[at]}'))`
        : type === 'date'
          ? `${name} = date_add('day', ${key[at]}, DATE '1970-01-01')`
          : `${name} = ${key[at]}`,
    )
    const found = await trino.rows(`SELECT n, "$bucket", "$path" FROM ${tables}_left WHERE ${where.join(' AND ')}`)
    expect(found.map((one) => one[0])).toContain(n)
    expect(new Set(found.map((one) => one[1]))).toEqual(new Set([bucket]))
    const analysed = String(
      (await trino.rows(`EXPLAIN ANALYZE SELECT n FROM ${tables}_left WHERE ${where.join(' AND ')}`))[0]?.[0],
    )
    const whole = await lake.rows(
      `SELECT count(*) AS n FROM ${lake.bucketed('left')} WHERE filename LIKE '%/${String(bucket).padStart(6, '0')}_0.parquet'`,
    )
    const input = Number(/Input: ([\d.]+) rows/.exec(analysed)?.[1] ?? Number.POSITIVE_INFINITY)
    expect(input).toBeLessThanOrEqual(Number(whole[0]?.n))
  }
})

/** What data files are like: values of every type, what manifests say of them, partitions, order, sizes, codecs. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { describe, expect, it } from 'vitest'
import { liveFiles } from '../../src/iceberg/snapshots.ts'
import type { Table } from '../../src/iceberg/table.ts'
import type { LiveFile } from '../../src/iceberg/types.ts'
import { decodeValue } from '../../src/iceberg/values.ts'
import { dataFiles, testWarehouse } from './open-warehouse.ts'

const warehouse = await testWarehouse()

async function filesOf(table: Table): Promise<LiveFile[]> {
  return liveFiles(table.metadata, table.snapshot()?.['snapshot-id'] ?? null, { content: 0 })
}

/** A column's bounds, decoded. */
function bounds(table: Table, file: LiveFile, name: string): [unknown, unknown] {
  const field = table.schema.fields.find((candidate) => candidate.name === name)
  const [lower, upper] = [file.lower_bounds?.get(field?.id ?? 0), file.upper_bounds?.get(field?.id ?? 0)]
  const value = (bytes: Uint8Array | undefined): unknown =>
    bytes === undefined ? null : decodeValue(field?.type as string, bytes)
  return [value(lower), value(upper)]
}

describe('values', () => {
  const columns = {
    b: 'boolean',
    i: 'int',
    l: 'long',
    f: 'float',
    d: 'double',
    d9: 'decimal(9,2)',
    d38: 'decimal(38,10)',
    dt: 'date',
    tm: 'time',
    ts: 'timestamp',
    tz: 'timestamptz',
    s: 'string',
    u: 'uuid',
    bin: 'binary',
  }
  const low = [
    'false',
    '-2147483648',
    '-9223372036854775808',
    '-1.5::FLOAT',
    '-1e300',
    '-9999999.99',
    '-9999999999999999999999999999.9999999999',
    `DATE '1582-10-14'`,
    `TIME '00:00:00.000001'`,
    `TIMESTAMP '1969-12-31 23:59:59.999999'`,
    `TIMESTAMPTZ '1900-01-01 00:00:00.5+00'`,
    `'a'`,
    `'00000000-0000-0000-0000-000000000001'::UUID`,
    `'\\x00'::BLOB`,
  ]
  const high = [
    'true',
    '2147483647',
    '9223372036854775807',
    '1.5::FLOAT',
    '1e300',
    '9999999.99',
    '9999999999999999999999999999.9999999999',
    `DATE '9999-12-31'`,
    `TIME '23:59:59.999999'`,
    `TIMESTAMP '2262-04-11 23:47:16.854775'`,
    `TIMESTAMPTZ '9999-12-31 23:59:59+00'`,
    `'zebra with a name longer than sixteen'`,
    `'ffffffff-ffff-ffff-ffff-ffffffffffff'::UUID`,
    `'\\xFF'::BLOB`,
  ]
  const names = Object.keys(columns)
  const select = (values: readonly string[]): string =>
    `SELECT ${values.map((value, index) => `${value} AS "${names[index]}"`).join(', ')}`

  it('are read as they were written, and bound what a file holds', async () => {
    const table = await warehouse.create('types.all', {
      columns: Object.entries(columns).map(([name, type]) => ({ name, type })),
    })
    const sql = `${select(low)} UNION ALL ${select(high)} UNION ALL ${select(names.map(() => 'NULL'))}`
    await table.append({ sql })
    const casts = table.schema.fields.map(({ name }, index) => `CAST("${name}" AS ${duckdb(index)}) AS "${name}"`)
    expect(await warehouse.all(table)).toEqual(await warehouse.values(`SELECT ${casts.join(', ')} FROM (${sql})`))
    const [file] = (await filesOf(table)) as [LiveFile]
    expect(file.record_count).toBe(3)
    expect([...(file.null_value_counts ?? [])].map(([, count]) => count)).toEqual(names.map(() => 1))
    expect([...(file.value_counts ?? [])].map(([, count]) => count)).toEqual(names.map(() => 3))
    expect(bounds(table, file, 'i')).toEqual([-2147483648, 2147483647])
    expect(bounds(table, file, 'l')).toEqual([-9223372036854775808n, 9223372036854775807n])
    expect(bounds(table, file, 'd38')).toEqual([-(10n ** 38n - 1n), 10n ** 38n - 1n])
    expect(bounds(table, file, 'dt')).toEqual([-141428, 2932896])
    expect(bounds(table, file, 'ts')).toEqual([-1n, 9223372036854775n])
    expect(bounds(table, file, 'tz')[0]).toBe(-2208988799500000n)
    expect(bounds(table, file, 's')).toEqual(['a', 'zebra with a nan'])
    expect(bounds(table, file, 'b')).toEqual([false, true])
  })

  function duckdb(index: number): string {
    const type = Object.values(columns)[index] as string
    return { int: 'INTEGER', long: 'BIGINT', string: 'VARCHAR', binary: 'BLOB' }[type] ?? type
  }

  it('have no bounds where there is NaN, and bounds of both zeros', async () => {
    const table = await warehouse.create('types.floats', {
      columns: [
        { name: 'zero', type: 'double' },
        { name: 'nan', type: 'float' },
      ],
    })
    await table.append({ sql: `SELECT 0.0::DOUBLE AS zero, 'nan'::FLOAT AS nan UNION ALL SELECT 0.0, 1.0` })
    const [file] = (await filesOf(table)) as [LiveFile]
    expect(bounds(table, file, 'zero').map((value) => Object.is(value, -0))).toEqual([true, false])
    expect(bounds(table, file, 'nan')).toEqual([null, null])
    expect(await table.count({ where: 'nan > 0.5' })).toBe(2) // NaN is greater than all
  })

  it('may be nested', async () => {
    const table = await warehouse.create('types.nested', {
      columns: [
        { name: 's', type: 'struct<a:int,b:array<struct<c:string>>>' },
        { name: 'm', type: 'map<string,bigint>' },
      ],
    })
    const rows = [{ s: { a: 1, b: [{ c: 'x' }, { c: null }] } }, { s: null }]
    await table.append({ rows })
    await table.append({ sql: `SELECT MAP {'k': 7} AS m` })
    expect((await warehouse.all(table)).map((row) => JSON.stringify(row))).toEqual([
      '[null,[{"key":"k","value":"7"}]]',
      '[null,null]',
      '[{"a":1,"b":[{"c":"x"},{"c":null}]},null]',
    ])
  })
})

describe('partitions', () => {
  it('of every transform put rows where the specification says', async () => {
    const table = await warehouse.create('parts.transforms', {
      columns: [
        { name: 'id', type: 'long' },
        { name: 'state', type: 'string' },
        { name: 'ts', type: 'timestamp' },
      ],
      partitionBy: ['state', 'bucket(16, id)', 'truncate(2, state)', 'day(ts)'],
    })
    await table.append({
      sql: `SELECT 34 AS id, 'Iowa/A=%' AS state, TIMESTAMP '1969-12-31 22:00:00' AS ts
        UNION ALL SELECT NULL, NULL, NULL UNION ALL SELECT 34, '', TIMESTAMP '2024-02-29 00:00:00'`,
    })
    const found = (await filesOf(table)).map(({ partition }) => partition)
    expect(found.map((values) => JSON.stringify(values)).sort()).toEqual([
      '["",3,"",19782]', // bucket 3 of 34: the vector of appendix B, 2017239379 mod 16
      '["Iowa/A=%",3,"Io",-1]',
      '[null,null,null,null]',
    ])
    const folders = dataFiles(table).map((file) =>
      path.relative(path.join(table.metadata.location, 'data'), path.dirname(file)),
    )
    expect(folders.some((folder) => folder.includes('ts_day=1969-12-31'))).toBe(true)
    expect(await table.count()).toBe(3)
  })

  it('may have values too long for a folder name', async () => {
    const table = await warehouse.create('parts.long', {
      columns: [{ name: 's', type: 'string' }],
      partitionBy: ['truncate(200, s)'],
    })
    await table.append({ sql: `SELECT repeat('ü', 70) || i AS s FROM range(3) r(i)` })
    const found = (await filesOf(table)).map(({ partition }) => String(partition[0]))
    expect(found.sort()).toEqual([0, 1, 2].map((i) => 'ü'.repeat(70) + i))
  })

  it('change for files to come', async () => {
    const table = await warehouse.create('parts.evolve', {
      columns: [
        { name: 'id', type: 'long' },
        { name: 'day', type: 'date' },
      ],
    })
    await table.append({ sql: `SELECT 1 AS id, DATE '2024-01-01' AS day` })
    await table.setPartitionBy(['month(day)'])
    await table.append({ sql: `SELECT 2 AS id, DATE '2024-01-31' AS day` })
    expect((await filesOf(table)).map(({ spec_id, partition }) => [spec_id, ...partition]).sort()).toEqual([
      [0],
      [1, 648],
    ])
    expect(await table.count({ where: `day >= DATE '2024-01-31'` })).toBe(1)
  })
})

describe('files', () => {
  it('follow the sort order, and are cut at the size asked for', async () => {
    const table = await warehouse.create('files.sorted', {
      columns: [
        { name: 'id', type: 'long' },
        { name: 'v', type: 'string' },
      ],
      sortBy: ['id desc'],
      properties: { 'write.target-file-size-bytes': '1000000', 'write.parquet.compression-codec': 'uncompressed' },
    })
    await table.append({ sql: `SELECT hash(i) % 1000000 AS id, md5(i::VARCHAR) AS v FROM range(200000) r(i)` })
    const files = await filesOf(table)
    expect(files.length).toBeGreaterThan(4)
    for (const file of files) expect(file.file_size_in_bytes).toBeLessThan(1_600_000)
    const ranges = files
      .map((file) => bounds(table, file, 'id') as [bigint, bigint])
      .sort((a, b) => Number(a[0] - b[0]))
    for (const [index, [lower]] of ranges.entries())
      if (index > 0) expect(lower).toBeGreaterThanOrEqual((ranges[index - 1] as [bigint, bigint])[1])
    const unordered = await warehouse.query(`
      SELECT count(*) AS n FROM (SELECT id, lag(id) OVER (PARTITION BY _file ORDER BY _pos) AS before FROM ${await table.scanSql({ lineage: true })}) WHERE before < id`)
    expect(unordered).toEqual([{ n: 0n }])
  })

  it('of an unsorted table are cut too', async () => {
    const table = await warehouse.create('files.sized', {
      columns: [{ name: 'v', type: 'string' }],
      properties: { 'write.target-file-size-bytes': '500000', 'write.parquet.compression-codec': 'snappy' },
    })
    await table.append({ sql: `SELECT md5(i::VARCHAR) || md5((i + 1)::VARCHAR) AS v FROM range(600000) r(i)` })
    expect((await filesOf(table)).length).toBeGreaterThan(2)
    expect(await table.count()).toBe(600_000)
    const codecs = await warehouse.query(
      `SELECT DISTINCT compression FROM parquet_metadata('${table.metadata.location}/data/*.parquet')`,
    )
    expect(codecs).toEqual([{ compression: 'SNAPPY' }])
  })

  it('leave nothing behind when writing fails', async () => {
    const table = await warehouse.create('files.failing', { columns: [{ name: 'v', type: 'int' }], partitionBy: ['v'] })
    await expect(
      table.append({
        sql: `SELECT CASE WHEN i < 9000 THEN i % 3 ELSE error('no more') END AS v FROM range(10000) r(i)`,
      }),
    ).rejects.toThrow('no more')
    expect(dataFiles(table)).toEqual([])
    expect(fs.readdirSync(path.join(table.metadata.location, 'data'))).toEqual([])
    expect(table.snapshot()).toBeNull()
  })

  it('of a codec that DuckDB has not are refused', async () => {
    const table = await warehouse.create('files.codec', {
      columns: [{ name: 'v', type: 'int' }],
      properties: { 'write.parquet.compression-codec': 'lzo' },
    })
    await expect(table.append({ sql: 'SELECT 1 AS v' })).rejects.toThrow('write.parquet.compression-codec is "lzo"')
  })
})

describe('bounds', () => {
  const long = ['0050560000000000AAAA0001', '0050560000000000AAAA0009']
  const write = async (name: string, properties: Record<string, string>): Promise<[unknown, unknown][]> => {
    const table = await warehouse.create(name, {
      columns: ['guid', 'note', 'n'].map((column) => ({ name: column, type: column === 'n' ? 'int' : 'string' })),
      properties,
    })
    await table.append({ rows: long.map((guid, n) => ({ guid, note: guid, n })) })
    const [file] = await filesOf(table)
    return ['guid', 'note', 'n'].map((column) => bounds(table, file as LiveFile, column))
  }
  const cut = ['0050560000000000', '0050560000000001']

  it('keep 16 characters, or what the properties of metrics say', async () => {
    expect(await write('t.by_itself', {})).toEqual([cut, cut, [0, 1]])
    const own = {
      'write.metadata.metrics.default': 'truncate(36)',
      'write.metadata.metrics.column.note': 'Truncate(16)',
    }
    expect(await write('t.longer', own)).toEqual([long, cut, [0, 1]])
    const less = { 'write.metadata.metrics.default': 'counts', 'write.metadata.metrics.column.guid': 'full' }
    expect(await write('t.less', less)).toEqual([long, [null, null], [null, null]])
  })

  it('are of no use where a mode is none that there is: the write says so, and nothing is written', async () => {
    await expect(write('t.unknown', { 'write.metadata.metrics.default': 'truncate(0)' })).rejects.toThrow(
      /"truncate\(0\)"; it is none, counts, truncate\(length\) or full/,
    )
    expect(dataFiles(await warehouse.table('t.unknown'))).toEqual([])
  })
})

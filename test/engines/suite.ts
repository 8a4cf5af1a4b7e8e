/** What every engine must do, whichever it is: `engineSuite('duckdb', duckdbEngine)`. */
import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasCode } from '../../src/errors.ts'
import { type Codec, codecs, type Engine, type Plan, type Progress, type Staged } from '../../src/types.ts'
import { columns, inputOf, type Lake, type LakeFile, makeLake, planOf } from './lake.ts'

export type SuiteOptions = {
  /** Why the engine cannot run here; the suite is then skipped, with the reason in its title. */
  skip?: string | undefined
  /** How long one execution may take. */
  timeoutMs?: number
  /** Looks after an execution that was stopped whether anything of it is left. */
  afterCancel?: (root: string) => Promise<void>
}

const strangeNames = [
  'a b.parquet',
  'a%20b.parquet',
  'a%2520b.parquet',
  'star*.parquet',
  'q?[1]{a,b}.parquet',
  'it\'s "quoted".parquet',
  'ten:30.parquet',
  'new\nline.parquet',
  'ünï漢😀.parquet',
  'back\\slash.parquet',
  'hash#, plus+&=.parquet',
]

const evenRows = 10_007 // prime, so that no file count divides it
const fileCounts: Record<Codec, number> = { snappy: 10, gzip: 3, zstd: 1, lz4_raw: 7, uncompressed: 2 }

/** One timestamp, 2026-03-04 05:06:07.891 UTC, as INT96 in the way of Hive and old Sparks; written by Spark 3.5. */
const int96File =
  'UEFSMRUAFQgVCBWFnKGMDBwVAhUAFQgVCAAARgAAABUAFRgVGBXf2azsCxwVAhUAFQgVCAAAwEqem7QQAACwjSUAGRECGRgERgAAABkYBEYAAA' +
  'AVAhkWAAAZHBYIFTYWAAAAGRwWPhVGFgAAABUCGTxIDHNwYXJrX3NjaGVtYRUEABUCJQAYAmlkABUGJQAYAmF0ABYCGRwZLCYIHBUCGSUIABkY' +
  'AmlkFQAWAhY2FjYmCDwYBEYAAAAYBEYAAAAWACgERgAAABgERgAAAAAZHBUAFQAVAgAAFrIBFRQWhAEVLgAmPhwVBhklCAAZGAJhdBUAFgIWRh' +
  'ZGJj48GAzASp6btBAAALCNJQAYDMBKnpu0EAAAsI0lABYAKAzASp6btBAAALCNJQAYDMBKnpu0EAAAsI0lAAAZHBUAFQAVAgAAFsYBFRQAFnwW' +
  'AiYIFnwUAAAZLBgYb3JnLmFwYWNoZS5zcGFyay52ZXJzaW9uGAUzLjUuNgAYKW9yZy5hcGFjaGUuc3Bhcmsuc3FsLnBhcnF1ZXQucm93Lm1ldG' +
  'FkYXRhGJoBeyJ0eXBlIjoic3RydWN0IiwiZmllbGRzIjpbeyJuYW1lIjoiaWQiLCJ0eXBlIjoiaW50ZWdlciIsIm51bGxhYmxlIjpmYWxzZSwi' +
  'bWV0YWRhdGEiOnt9fSx7Im5hbWUiOiJhdCIsInR5cGUiOiJ0aW1lc3RhbXAiLCJudWxsYWJsZSI6ZmFsc2UsIm1ldGFkYXRhIjp7fX1dfQAYSn' +
  'BhcnF1ZXQtbXIgdmVyc2lvbiAxLjEzLjEgKGJ1aWxkIGRiNDE4MzEwOWQ1YjczNGVjNTkzMGQ4NzBjZGFlMTYxZTQwOGRkYmEpGSwcAAAcAAAA' +
  'JwIAAFBBUjE='

const target = columns(
  'id bigint, label string, amount decimal(18,3), ratio double, at timestamp, seen timestamptz, day date, flag boolean, tags array<string>, info struct<a:int,b:string>, extra string',
)

/** Runs the shared cases on an engine. `makeEngine` is called once, and only where the suite is not skipped. */
export function engineSuite(name: string, makeEngine: () => Engine, options: SuiteOptions = {}): void {
  const title = options.skip === undefined ? `engine ${name}` : `engine ${name} (skipped: ${options.skip})`
  describe.skipIf(options.skip !== undefined)(title, { timeout: options.timeoutMs ?? 30_000 }, () => {
    let lake: Lake
    let engine: Engine
    beforeAll(async () => {
      lake = await makeLake()
      engine = makeEngine()
    })
    afterAll(async () => {
      await engine.close?.()
      await lake.remove()
    })

    it('writes many outputs of one input, each with its own columns and rows', async () => {
      const wide = columns(Array.from({ length: 60 }, (_, index) => `c${index} bigint`).join(', '))
      const values = (from: number): string =>
        wide
          .slice(from)
          .map(({ name }, index) => `i * ${from + index} AS ${name === 'c1' ? '"C1"' : name}`)
          .join(', ')
      const query = (from: number, rows: number): string =>
        `SELECT CASE WHEN i % 10 <> 3 THEN i END AS "Key", ${values(from)} FROM range(${rows}) t(i)`
      const schema = (from: number): typeof wide =>
        columns(
          `Key bigint, ${wide
            .slice(from)
            .map(({ name }) => `${name === 'c1' ? 'C1' : name} bigint`)
            .join(', ')}`,
        )
      const files = [
        await lake.write('fan/a.parquet', schema(0), query(0, 1000)),
        await lake.write('fan/b.parquet', schema(5), query(5, 500)),
      ]
      const all = columns(`key bigint, ${wide.map(({ name }) => `${name} bigint`).join(', ')}`)
      const output = (name: string, own: typeof all, fileCount: number): Plan['outputs'][number] => ({
        ...{ name, view: name, columns: own, codec: 'snappy', fileCount },
      })
      const tables = [all.slice(0, 2), all.slice(0, 1), all, [...all.slice(40), ...all.slice(0, 1)]]
      const select = (own: typeof all, not: string): string =>
        `SELECT ${own.map(({ name }) => `"${name}"`).join(', ')} FROM wide WHERE "key" IS ${not}NULL`
      const plan = planOf({
        inputs: [inputOf('wide', all, files)],
        views: [
          ...tables.map((own, index) => ({ name: `t${index}`, once: false, sql: select(own, 'NOT ') })),
          { name: 'rejected', once: false, sql: select(all, '') },
        ],
        outputs: [
          ...tables.map((own, index) => output(`t${index}`, own, index === 1 ? 3 : 1)),
          output('rejected', all, 1),
        ],
      })
      const staged = await engine.execute(plan, lake.context({ staging: path.join(lake.root, '_staging/fan') }))
      expect(staged.rows).toEqual({ t0: 1350, t1: 1350, t2: 1350, t3: 1350, rejected: 150 })
      const read = (name: string): string =>
        lake.staged(staged.files.filter((file) => file.output === name).map((file) => `fan/${file.path}`))
      expect(staged.files.filter((file) => file.output === 't1').map(({ rows }) => rows)).toEqual([450, 450, 450])
      for (const [index, own] of tables.entries()) {
        const described = await lake.rows(`DESCRIBE SELECT * EXCLUDE filename FROM ${read(`t${index}`)}`)
        expect(described.map((row) => row.column_name)).toEqual(own.map(({ name }) => name))
      }
      const sums = 'count(*)::INT AS n, count(c0)::INT AS c0, sum(c59 - key * 59)::INT AS c59, sum(c1 - key)::INT AS c1'
      expect(await lake.rows(`SELECT ${sums} FROM ${read('t2')}`)).toEqual([{ n: 1350, c0: 900, c59: 0, c1: 0 }])
      expect(
        await lake.rows(`SELECT count(key)::INT AS keys, count(c59)::INT AS c59 FROM ${read('rejected')}`),
      ).toEqual([{ keys: 0, c59: 150 }])
      await fs.rm(path.join(lake.root, '_staging/fan'), { recursive: true })
    })

    it('finds the keys that occur more than once, in order or not', async () => {
      const keyed = columns('a bigint, b string, good boolean')
      const files = async (name: string, ...sqls: string[]): Promise<LakeFile[]> =>
        Promise.all(sqls.map((sql, index) => lake.write(`keys/${name}-${index}.parquet`, keyed, sql)))
      const rows = (a: string, count: number, b = "'x'", good = 'true'): string =>
        `SELECT (${a})::BIGINT AS a, ${b} AS b, ${good} AS good FROM range(${count}) t(i)`
      const cases: Record<string, { files: LakeFile[]; repeated: string[] }> = {
        none: { files: [], repeated: [] },
        ordered: { files: await files('ordered', rows('i', 9000), rows('9000 + 2 * i', 9000)), repeated: [] },
        backwards: { files: await files('backwards', rows('-i', 9000)), repeated: [] },
        neighbours: { files: await files('neighbours', rows('i - (i >= 5000)::INT', 9000)), repeated: ['4999-x'] },
        across: { files: await files('across', rows('i', 3000), rows('2999 + i', 3000)), repeated: ['2999-x'] },
        late: { files: await files('late', rows('CASE WHEN i = 8999 THEN 7 ELSE i END', 9000)), repeated: ['7-x'] },
        pairs: {
          files: await files('pairs', rows('i // 2', 9000, "CASE i % 2 WHEN 0 THEN 'x' ELSE 'y' END")),
          repeated: [],
        },
        pairsTwice: {
          files: await files('pairsTwice', rows('i // 3', 9, "CASE i % 3 WHEN 0 THEN 'x' ELSE 'y' END")),
          repeated: ['0-y', '1-y', '2-y'],
        },
        nulls: {
          files: await files('nulls', rows('nullif(i, 3)', 5), rows('nullif(5 + i, 6)', 3)),
          repeated: ['null-x'],
        },
        others: { files: await files('others', rows('i // 2', 9000, "'x'", 'i % 2 = 0')), repeated: [] },
      }
      const names = Object.keys(cases)
      const plan = planOf({
        inputs: names.map((name) => inputOf(name, keyed, cases[name]?.files ?? [])),
        views: names.map((name) => ({
          name: `${name}_found`,
          repeated: { from: name, where: 'good', key: ['a', 'b'] },
        })),
        outputs: names.map((name) => ({
          ...{ name, view: `${name}_found`, columns: columns('a bigint, b string'), codec: 'snappy', fileCount: 1 },
        })),
      })
      const staged = await engine.execute(plan, lake.context({ staging: path.join(lake.root, '_staging/keys') }))
      for (const [name, { repeated }] of Object.entries(cases)) {
        const own = staged.files.filter((file) => file.output === name).map((file) => `keys/${file.path}`)
        const key = `coalesce(a::VARCHAR, 'null') || '-' || b`
        const found = own.length === 0 ? [] : await lake.rows(`SELECT ${key} AS k FROM ${lake.staged(own)} ORDER BY k`)
        expect({ [name]: found.map(({ k }) => k) }).toEqual({ [name]: repeated })
      }
      await fs.rm(path.join(lake.root, '_staging/keys'), { recursive: true })
    })

    describe('a plan', () => {
      let plan: Plan
      let staged: Staged
      let landed: LakeFile[]
      const progress: Progress[] = []
      beforeAll(async () => {
        landed = await writeLanding(lake)
        plan = await wholePlan(lake, landed)
        staged = await engine.execute(plan, lake.context({ onProgress: (step) => progress.push(step) }))
      }, options.timeoutMs)

      const pathsOf = (output: string): string[] =>
        staged.files.filter((file) => file.output === output).map((file) => file.path)
      const read = (output: string, select: string): Promise<Record<string, unknown>[]> =>
        lake.rows(`SELECT ${select} FROM ${lake.staged(pathsOf(output))} AS t ORDER BY t.id`)

      it('reads files of any name and widens what they hold', async () => {
        const kept = target.map((column) => `CAST("${column.name}" AS VARCHAR) AS "${column.name}"`).join(', ')
        expect(await read('wide', kept)).toEqual(wideRows())
      })

      it('writes the types the plan names', async () => {
        const [first] = pathsOf('wide') as [string]
        const described = await lake.rows(`DESCRIBE SELECT * EXCLUDE filename FROM ${lake.staged([first])}`)
        expect(described.map((row) => `${row.column_name} ${row.column_type}`)).toEqual([
          'id BIGINT',
          'label VARCHAR',
          'amount DECIMAL(18,3)',
          'ratio DOUBLE',
          'at TIMESTAMP',
          'seen TIMESTAMP WITH TIME ZONE',
          'day DATE',
          'flag BOOLEAN',
          'tags VARCHAR[]',
          'info STRUCT(a INTEGER, b VARCHAR)',
          'extra VARCHAR',
        ])
      })

      it('knows the file of every row', async () => {
        const rows = await read('lineage', 'id, path, number')
        const expected = landed.map((file, number) => ({ path: file.path, number }))
        expect(rows.map(({ path, number }) => ({ path, number }))).toEqual(expected)
      })

      it('keeps the newest row of every key and counts the others', async () => {
        expect(await read('kept', 'id, CAST("by 1" AS VARCHAR) AS first, note')).toEqual([
          { id: '1', first: '2026-01-02', note: 'later' },
          { id: '2', first: '2026-01-01', note: 'z' },
          { id: '3', first: null, note: null },
          { id: '4', first: '2026-01-01', note: null },
          { id: null, first: '2026-01-03', note: 'no key' },
        ])
        expect(staged.superseded).toEqual({ kept: 4 })
      })

      it('expands portable SQL', async () => {
        expect(await read('texts', '* EXCLUDE (id, filename)')).toEqual([portableRow])
      })

      it('gives metrics as numbers, nothing as 0', () => {
        expect(staged.metrics).toEqual({ quality: { 'rows read': 9, share: 0.25, total: 12.5, none: 0 } })
      })

      it('writes exactly the files asked for, even to one row, in the codec asked for', async () => {
        for (const codec of codecs) {
          const files = staged.files.filter((file) => file.output === codec)
          expect(files.map((file) => file.path)).toEqual(
            Array.from(
              { length: fileCounts[codec] },
              (_, i) => `${codec}/part-${String(i).padStart(5, '0')}-run-1.parquet`,
            ),
          )
          const counts = files.map((file) => file.rows)
          expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
          const [sums] = await lake.rows(
            `SELECT count(*) AS n, count(DISTINCT id) AS ids, sum(id) AS sum FROM ${lake.staged(pathsOf(codec))}`,
          )
          expect(sums).toEqual({
            n: String(evenRows),
            ids: String(evenRows),
            sum: String((evenRows * (evenRows - 1)) / 2),
          })
          const list = lake
            .staged(pathsOf(codec))
            .replace('read_parquet', 'parquet_metadata')
            .replace(', filename = true', '')
          expect(await lake.rows(`SELECT DISTINCT compression FROM ${list}`)).toEqual([
            { compression: codec.toUpperCase() },
          ])
        }
      })

      it('writes a file for each row where there are fewer rows than files, and none for no row', () => {
        expect(staged.files.filter((file) => file.output === 'few').map((file) => file.rows)).toEqual([1, 1, 1])
        expect(pathsOf('none')).toEqual([])
        expect(staged.rows).toMatchObject({ few: 3, none: 0, wide: landed.length, kept: 5, snappy: evenRows })
      })

      it('reports every file it leaves, with its size, and leaves nothing else', async () => {
        const { staging } = lake.context()
        const there = await fs.readdir(staging as string, { recursive: true, withFileTypes: true })
        const files = there.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name))
        const relative = files.map((file) => path.relative(staging as string, file)).sort()
        expect(relative).toEqual(staged.files.map((file) => file.path).sort())
        for (const file of staged.files) {
          expect((await fs.stat(path.join(staging as string, file.path))).size).toBe(file.bytes)
        }
      })

      it('says how far it is', () => {
        expect(progress.length).toBeGreaterThan(0)
        for (const { percent } of progress) expect(percent >= 0 && percent <= 100).toBe(true)
      })

      it('counts the same in a dry run and writes nothing', async () => {
        const { staging } = lake.context()
        await fs.rename(staging as string, `${staging}-done`)
        const dry = await engine.execute(plan, lake.context({ staging: null }))
        expect(dry).toEqual({ ...staged, files: [] })
        await expect(fs.stat(staging as string)).rejects.toThrow('ENOENT')
        await fs.rename(`${staging}-done`, staging as string)
      })
    })

    it('refuses a plan with an unreadable file, and finds which', async () => {
      const schema = columns('id bigint, text string')
      const sql = 'SELECT range::BIGINT AS id, md5(range::VARCHAR) AS text FROM range(2000)'
      const good = await lake.write('mixed/good.parquet', schema, sql)
      const bytes = await fs.readFile(path.join(lake.root, good.path))
      const damaged = await lake.writeBytes('mixed/damaged %.parquet', schema, 2000, damage(bytes))
      const cut = await lake.writeBytes('mixed/cut.parquet', schema, 2000, bytes.subarray(0, bytes.length - 100))
      const odd = await lake.write('mixed/odd.parquet', [], "SELECT uuid() AS u, TIME '01:02:03' AS t, [1] AS l")
      const plan = planOf({
        inputs: [inputOf('input', schema, [good, damaged])],
        views: [],
        outputs: [{ name: 'out', view: 'input', columns: schema, codec: 'snappy', fileCount: 1 }],
      })
      await expect(engine.execute(plan, lake.context())).rejects.toSatisfy((error) =>
        hasCode(error, 'input-unreadable', 'engine'),
      )
      const missing = { ...good, path: 'mixed/missing.parquet' }
      const found = await engine.probe(
        inputOf('input', columns('id bigint'), [good, damaged, cut, odd, missing]),
        lake.context(),
      )
      expect(found.map((file) => file.path)).toEqual([damaged.path, cut.path, missing.path])
      for (const { reason } of found) expect(reason).toMatch(/^cannot be read \(.+\)$/s)
    })

    it('says which column of which view is not there', async () => {
      const plan = planOf({
        inputs: [inputOf('input', columns('id bigint'), [])],
        views: [{ name: 'wrong', once: false, sql: 'SELECT "no such" FROM input' }],
        outputs: [{ name: 'out', view: 'wrong', columns: columns('id bigint'), codec: 'snappy', fileCount: 1 }],
      })
      const failed = engine.execute(plan, lake.context())
      await expect(failed).rejects.toThrow(/no such/)
      await expect(failed).rejects.toSatisfy((error) => hasCode(error, 'engine'))
    })

    it('stops when asked to, and leaves nothing running', async () => {
      const file = await lake.write(
        'long/numbers.parquet',
        columns('n bigint'),
        'SELECT range::BIGINT AS n FROM range(20000)',
      )
      const plan = planOf({
        inputs: [inputOf('numbers', columns('n bigint'), [file])],
        views: [],
        metrics: [
          {
            name: 'long',
            sql: 'SELECT count(*) AS rows_found FROM numbers a, numbers b, numbers c WHERE a.n + b.n * c.n = 7',
          },
        ],
        outputs: [],
      })
      const control = new AbortController()
      const abort = (): void => control.abort()
      // Spark is stopped in the middle of its work, and an engine that tells no progress after a moment.
      let timer = setTimeout(abort, options.timeoutMs === undefined ? 700 : 20_000)
      const onProgress = ({ phase }: Progress): void => {
        if (phase !== 'read') return
        clearTimeout(timer)
        timer = setTimeout(abort, 2_000)
      }
      const stopped = engine.execute(plan, lake.context({ signal: control.signal, onProgress }))
      await expect(stopped).rejects.toSatisfy((error) => hasCode(error, 'cancelled'))
      clearTimeout(timer)
      await options.afterCancel?.(lake.root)
      await expect(engine.execute(plan, lake.context({ signal: control.signal }))).rejects.toThrow('stopped on request')
    })
  })
}

/** Breaks data pages, not the footer. */
function damage(bytes: Uint8Array): Uint8Array {
  const damaged = new Uint8Array(bytes)
  damaged.fill(0xff, 4, 4 + Math.floor(bytes.length / 3))
  return damaged
}

/** One row in each file; the id is the file's number. */
async function writeLanding(lake: Lake): Promise<LakeFile[]> {
  const narrow = columns(
    'id int, label string, amount decimal(10,2), ratio float, at timestamp, seen timestamptz, day date, flag boolean, tags array<string>, info struct<a:int,b:string>',
  )
  const files: LakeFile[] = []
  for (const [id, name] of strangeNames.entries()) {
    files.push(
      await lake.write(
        `landing/day=01/${name}`,
        narrow,
        `SELECT ${id}::INTEGER AS id, 'text' AS label, 1.25::DECIMAL(10,2) AS amount, 0.5::FLOAT AS ratio,
          TIMESTAMP '1500-01-01 01:02:03.000004' AS at, TIMESTAMPTZ '2026-01-01 00:00:00+02' AS seen,
          DATE '0001-02-03' AS day, true AS flag, ['a', NULL] AS tags, {'a': 1, 'b': 'x'} AS info`,
      ),
    )
  }
  const id = files.length
  // Another order, other cases, other types; three files of one schema that lie differently in Parquet.
  files.push(
    await lake.write(
      'landing/other.parquet',
      columns('EXTRA string, Amount int, At timestamp, ID smallint'),
      `SELECT 'more' AS "EXTRA", 7::INTEGER AS "Amount", TIMESTAMP_NS '2026-01-01 00:00:00.123456789' AS "At", ${id}::SMALLINT AS "ID"`,
    ),
    await lake.write(
      'landing/other-micro.parquet',
      columns('EXTRA string, Amount int, At timestamp, ID smallint'),
      `SELECT '' AS "EXTRA", 8::INTEGER AS "Amount", TIMESTAMP '2026-01-01 00:00:00.123456' AS "At", ${id + 1}::SMALLINT AS "ID"`,
    ),
    await lake.write(
      'landing/uuid.parquet',
      columns('id bigint, label string, at date, seen timestamp, extra timestamptz'),
      `SELECT ${id + 2}::BIGINT AS id, '01234567-89ab-cdef-0123-456789abcdef'::UUID AS label, DATE '2026-02-03' AS at,
        TIMESTAMP '2026-02-03 04:05:06' AS seen, TIMESTAMPTZ '2026-02-03 04:05:06.5+01' AS extra`,
    ),
    await lake.write(
      'landing/unsigned.parquet',
      columns('id bigint, extra decimal(20,0), ratio smallint, amount smallint'),
      `SELECT ${id + 3}::UINTEGER AS id, 18446744073709551615::UBIGINT AS extra, 200::UTINYINT AS ratio, 201::UTINYINT AS amount`,
    ),
    await lake.writeBytes(
      'landing/int96.parquet',
      columns('id int, at timestamp'),
      1,
      Buffer.from(int96File, 'base64'),
    ),
    await lake.write('landing/no rows.parquet', columns('id int'), 'SELECT 1::INTEGER AS id WHERE false'),
  )
  return files.filter((file) => file.rows > 0)
}

function wideRows(): Record<string, unknown>[] {
  const nothing = Object.fromEntries(target.map(({ name }) => [name, null]))
  const first = {
    label: 'text',
    amount: '1.250',
    ratio: '0.5',
    at: '1500-01-01 01:02:03.000004',
    seen: '2025-12-31 22:00:00+00',
    day: '0001-02-03',
    flag: 'true',
    tags: '[a, NULL]',
    info: "{'a': 1, 'b': x}",
  }
  const rows = [
    ...strangeNames.map(() => first),
    { extra: 'more', amount: '7.000', at: '2026-01-01 00:00:00.123456' },
    { extra: '', amount: '8.000', at: '2026-01-01 00:00:00.123456' },
    {
      label: '01234567-89ab-cdef-0123-456789abcdef',
      at: '2026-02-03 00:00:00',
      seen: '2026-02-03 04:05:06+00',
      extra: '2026-02-03 03:05:06.5+00',
    },
    { extra: '18446744073709551615', ratio: '200.0', amount: '201.000' },
    { at: '2026-03-04 05:06:07.891' },
  ]
  const ids = rows.map((_, index) => ({ id: String(rows[index] === rows.at(-1) ? 70 : index) }))
  return rows.map((row, index) => ({ ...nothing, ...row, ...ids[index] }))
}

const portableRow = {
  blank: true,
  not_blank: false,
  nested: true,
  slash: 'a\\n%_\\\\',
  quote: `it's ''"`,
  dollar: '${id} {whitespace} $1',
  'a "name" ` here': 1,
  as_text: '15',
  found: true,
  ratio: 2.5,
  divided: null,
  days: 31,
  later: '2026-03-01',
  comment: '-- no comment',
}

const portableSql = `
  SELECT 1 AS id, -- it's a comment
    is_blank(' \u00a0\u3000\t') AS blank, is_blank('x') AS not_blank, IS_BLANK(to_text(nullif('a,(', 'a,('))) AS nested,
    'a\\n%_\\\\' AS slash, 'it''s ''''"' AS quote, '\${id} {whitespace} $1' AS dollar, 1 AS "a ""name"" \` here",
    to_text(10 + 5) AS as_text, /* is_blank( */ matches('ab12', '^[a-z]+\\d{2}$') AS found,
    divide(5, 2) AS ratio, divide(1, 0) AS divided, days_between('2026-01-01', '2026-02-01') AS days,
    to_text(add_days('2026-02-28', 1)) AS later, '-- no comment' AS comment`

async function wholePlan(lake: Lake, landed: LakeFile[]): Promise<Plan> {
  const eventColumns = columns('id bigint, by date, note string').map((column) =>
    column.name === 'by' ? { ...column, name: 'by 1' } : column,
  )
  const events = await lake.write(
    'events.parquet',
    eventColumns,
    `SELECT id::BIGINT AS id, "by"::DATE AS "by 1", note FROM (VALUES
      (1, '2026-01-01', 'earlier'), (1, '2026-01-02', 'later'), (1, NULL, 'never'),
      (2, '2026-01-01', 'a'), (2, '2026-01-01', 'z'), (2, '2026-01-05', 'drop'),
      (3, NULL, NULL), (4, '2026-01-01', NULL), (NULL, '2026-01-03', 'no key')) AS t(id, "by", note)`,
  )
  const moreEvents = await lake.write(
    'more events.parquet',
    eventColumns,
    `SELECT NULL::BIGINT AS id, DATE '2026-01-02' AS "by 1", NULL::VARCHAR AS note`,
  )
  const even = await lake.write(
    'even.parquet',
    columns('id bigint, text string'),
    `SELECT range::BIGINT AS id, md5(range::VARCHAR) AS text FROM range(${evenRows})`,
    'ROW_GROUP_SIZE 2048',
  )
  const evenColumns = columns('id bigint, text string')
  return planOf({
    inputs: [
      inputOf('landing', target, landed, true),
      inputOf('events', eventColumns, [events, moreEvents]),
      inputOf('even', evenColumns, [even]),
      inputOf('empty', columns('id bigint, at timestamp'), [], true),
    ],
    views: [
      { name: 'events_all', once: true, sql: 'SELECT * FROM events' },
      {
        name: 'kept',
        columns: ['id', 'by 1', 'note'],
        newest: { from: 'events_all', where: "coalesce(note, '') <> 'drop'", key: ['id'], orderBy: ['"by 1"', 'note'] },
      },
      { name: 'one', once: false, sql: portableSql },
      {
        name: 'with_paths',
        once: false,
        sql: 'SELECT l.id, f.path, f.file_number AS number FROM landing l JOIN landing_files f ON f.file_number = l."_file"',
      },
      { name: 'even_once', once: true, sql: 'SELECT * FROM even' },
      { name: 'few', once: false, sql: 'SELECT * FROM even_once WHERE id < 3' },
      {
        name: 'none',
        once: false,
        sql: 'SELECT e.id FROM empty e LEFT JOIN empty_files f ON f.file_number = e."_file"',
      },
    ],
    metrics: [
      {
        name: 'quality',
        sql: `SELECT count(*) - 1 AS "rows read", 0.25 AS share, CAST(12.5 AS DOUBLE) AS total,
          max(CASE WHEN id > 100 THEN id END) AS "none" FROM events_all WHERE coalesce(note, '') <> ''  OR true`,
      },
    ],
    outputs: [
      { name: 'wide', view: 'landing', columns: target, codec: 'snappy', fileCount: 1 },
      { name: 'kept', view: 'kept', columns: eventColumns, codec: 'snappy', fileCount: 2 },
      {
        name: 'lineage',
        view: 'with_paths',
        columns: columns('id bigint, path string, number int'),
        codec: 'zstd',
        fileCount: 1,
      },
      {
        name: 'texts',
        view: 'one',
        columns: columns('id int').concat(Object.keys(portableRow).map((name) => ({ name, type: typeOf(name) }))),
        codec: 'snappy',
        fileCount: 1,
      },
      ...codecs.map((codec) => ({
        name: codec,
        view: codec === 'gzip' ? 'even' : 'even_once',
        columns: evenColumns,
        codec,
        fileCount: fileCounts[codec],
      })),
      { name: 'few', view: 'few', columns: evenColumns, codec: 'snappy', fileCount: 10 },
      { name: 'none', view: 'none', columns: columns('id bigint'), codec: 'snappy', fileCount: 2 },
    ],
  })
}

function typeOf(name: string): string {
  const value = portableRow[name as keyof typeof portableRow]
  if (typeof value === 'boolean') return 'boolean'
  if (name === 'ratio' || name === 'divided') return 'double'
  return typeof value === 'number' ? 'int' : 'string'
}

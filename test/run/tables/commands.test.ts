/** What the command line says of tables: plan, dry run, tables, sql at other snapshots, show; and what it refuses. */
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { millrace } from '../../cli.ts'
import { withTables, writeParquet } from './lake.ts'

const home = fs.mkdtempSync(path.join(tmpdir(), 'millrace-commands-'))
const root = path.join(home, 'lake')
const definition = path.join(home, 'parts.ts')
const project = path.resolve(import.meta.dirname, '../../..')
const run = (...args: string[]): ReturnType<typeof millrace> => millrace([...args, '--root', root])
let first = ''

beforeAll(async () => {
  fs.mkdirSync(path.join(home, 'node_modules'), { recursive: true })
  fs.symlinkSync(project, path.join(home, 'node_modules/millrace'))
  fs.writeFileSync(
    definition,
    `import { definePipeline, icebergTables, ingest, mergeInto, parquetDrops } from 'millrace'
    export default definePipeline({
      name: 'parts', description: 'parts', params: {}, metrics: ['rows_ingested', 'rows_inserted'],
      tasks: () => [
        ingest('bring', {
          from: parquetDrops('raw', {
            tables: { part: { key: ['id'], columns: { id: 'string', n: 'int', UPTIM: 'timestamp' } },
              sum: { key: ['id'], columns: { id: 'string', n: 'int', UPTIM: 'timestamp' } } },
            newestBy: 'UPTIM', overlap: '1 day',
          }),
          to: icebergTables('sss'),
        }),
        mergeInto('merge', {
          into: 'sss.sum', using: { sql: 'select id, n from sss.part', tables: ['sss.part'] },
          on: ['id'], compare: ['n'], update: ['n'],
        }),
      ],
    })`,
  )
  await drop('a', `('1', 1), ('2', 1)`)
})
afterAll(() => fs.rmSync(home, { recursive: true, force: true }))

function drop(file: string, rows: string): Promise<void> {
  return writeParquet(
    root,
    `raw/part/${file}.parquet`,
    `SELECT *, TIMESTAMP '2025-01-01' AS "UPTIM" FROM (VALUES ${rows}) v(id, n)`,
  )
}
const head = (): Promise<string> =>
  withTables(root, async (warehouse) => String((await warehouse.table('sss.part')).snapshot()?.['snapshot-id']))

describe('tables on the command line', () => {
  it('plan says what a run would do, and does nothing', async () => {
    const { code, stdout, stderr } = await run('plan', definition)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('  sss.part\n    read    raw/part: 1 file, 2 rows')
    expect(stdout).toContain('    do      create sss.part with 3 columns')
    expect(stdout).toContain('SELECT "id" AS "id"')
    expect(stdout).toContain('there is no table sss.sum, sss.part yet; it is planned when a task before it has made it')
    const json = JSON.parse((await run('plan', definition, '--json')).stdout)
    expect(json.tasks[0].plans[0].reads[0]).toMatchObject({ name: 'raw/part', files: 1, rows: 2 })
    expect(fs.existsSync(path.join(root, 'iceberg/sss'))).toBe(false)
  })

  it('a dry run does as much', async () => {
    const { code, stdout } = await run('run', definition, '--dry-run')
    expect(code).toBe(0)
    expect(stdout).toContain('read    raw/part: 1 file, 2 rows')
    expect(fs.existsSync(path.join(root, 'iceberg/sss'))).toBe(false)
  })

  it('spark is refused before anything begins', async () => {
    const { code, stderr } = await run('run', definition, '--engine', 'spark')
    expect(code).toBe(2)
    expect(stderr).toContain(
      '--engine spark is refused: task bring (ingest) works on Iceberg tables, which runs on DuckDB',
    )
  })

  it('a run says what changed, and show has the counts and the snapshot', async () => {
    const { code, stderr, stdout } = await run('run', definition)
    expect({ code, stderr }).toMatchObject({ code: 0 })
    first = await head()
    expect(stderr).toContain(`bring  sss.part: 2 rows: 2 inserted, snapshot ${first}`)
    expect(stdout).toContain('METRICS: rows_ingested=2, rows_inserted=2')
    const shown = (await run('show')).stdout
    expect(shown).toMatch(/table +rows in +inserted +updated +deleted +unchanged/)
    expect(shown).toContain(first)
    const again = await run('run', definition)
    expect(again.stderr).toContain('bring  sss.part: no new files (1 read before); nothing changed')
    expect(again.stderr).toContain('merge  sss.sum: no input has changed since the last merge; nothing changed')
    expect(await head()).toBe(first)
  })

  it('tables shows Iceberg tables with files, rows and snapshots', async () => {
    const { stdout } = await run('tables')
    expect(stdout).toMatch(/table +partitions +files +rows +size +columns +snapshots +newest snapshot/)
    expect(stdout).toMatch(new RegExp(`sss\\.part +1 +2 +\\S+ k?B +3 +1 +${first}`))
    const [part] = JSON.parse((await run('tables', '--json')).stdout)
    expect(part).toMatchObject({
      name: { database: 'sss', table: 'part' },
      format: 'iceberg',
      rows: 2,
      snapshots: 1,
      snapshot: first,
    })
  })

  it('sql reads them, now and at other snapshots', async () => {
    await drop('b', `('1', 2), ('3', 1)`)
    await run('run', definition, '--quiet')
    const ask = async (sql: string): Promise<unknown> => JSON.parse((await run('sql', sql, '--json')).stdout)
    expect(await ask('select count(*)::int n, sum(n)::int total from sss.part')).toEqual([{ n: 3, total: 4 }])
    expect(await ask('select n from part order by id')).toEqual([{ n: 2 }, { n: 1 }, { n: 1 }])
    expect(await ask(`select count(*)::int n from sss.part at snapshot ${first} where id <> 'at snapshot'`)).toEqual([
      { n: 2 },
    ])
    expect(
      await ask(
        `select (select count(*)::int from sss.part at ref 'main') - count(*)::int n from sss.part at snapshot ${first} old`,
      ),
    ).toEqual([{ n: 1 }])
    expect(await ask(`select count(*)::int n from sss.part at timestamp '2999-01-01'`)).toEqual([{ n: 3 }])
    const wrong = await run('sql', 'select 1 from sss.part at snapshot 12')
    expect(wrong).toMatchObject({ code: 1, stdout: '' })
    expect(wrong.stderr).toMatch(/snapshot 12/)
    expect((await run('sql', 'select 1 from sss.parts at snapshot 12')).stderr).toMatch(
      /no table sss\.parts.*did you mean sss\.part\?/,
    )
  })
})

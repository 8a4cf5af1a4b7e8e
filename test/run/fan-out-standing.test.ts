/** What stands where a split writes: its own quarantine, folders of others, what another pipeline left half made. */
import * as fs from 'node:fs'
import { allColumns, partitionedTables, registerTables, stagedTables } from 'millrace'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FanOutTask } from '../../src/define/fan-out.ts'
import { MillraceError } from '../../src/errors.ts'
import { surveyFanOut } from '../../src/run/survey-fan-out.ts'
import type { Store } from '../../src/store.ts'
import folderStore from '../../src/stores/folder.ts'
import { csvOf, date, key, SnapshotLake, source, splitTask } from './snapshot-lake.ts'

let lake: SnapshotLake
beforeEach(() => {
  lake = new SnapshotLake()
})
afterEach(() => lake.remove())

/** Ten customers, the third without a key. */
const wide = `SELECT CASE WHEN i <> 3 THEN 'c' || i END AS "Customer_User_id", i::INT AS A, i * 2 AS b FROM range(10) t(i)`
const partition = `snapshot_dt=${date}`

describe('the quarantine of a split', () => {
  it('is kept apart from that of a target whose path ends in the same name', async () => {
    await lake.land([wide])
    const one = splitTask({ to: stagedTables('clean/infobase') })
    await lake.run(one)
    const before = lake.contents('quarantine')
    expect(Object.keys(before)).toEqual([expect.stringMatching(`^fly/split/clean/infobase/${partition}/`)])
    await lake.land(["SELECT 'c' AS customer_user_id, 1 AS a"], '2025-02-15')
    await lake.run(splitTask({ to: stagedTables('test/infobase') }))
    await lake.run(splitTask({ to: stagedTables('test/infobase'), date }))
    expect(lake.contents('quarantine')).toMatchObject(before)
    expect(Object.keys(lake.contents('quarantine'))).toHaveLength(2)
  })

  it('that is lost has the split be done anew', async () => {
    await lake.land([wide])
    const task = splitTask({})
    await lake.run(task)
    fs.rmSync(lake.at('quarantine'), { recursive: true })
    expect((await lake.run(task)).metrics).toMatchObject({ tables_written: 1, rows_read: 10, rows_quarantined: 1 })
    expect(await lake.rows(`quarantine/fly/split/split/${partition}`, 'a')).toEqual([[3]])
    expect((await lake.run(task)).metrics).toMatchObject({ tables_written: 0, rows_read: 0 })
    // Another pipeline need not have set the same rows aside once more.
    expect((await lake.run(task, {}, 'second')).metrics.tables_written).toBe(0)
    fs.rmSync(lake.at('quarantine/fly'), { recursive: true })
    expect((await lake.run(task, {}, 'second')).metrics.tables_written).toBe(1)
    expect((await lake.run(task, {}, 'second')).metrics.tables_written).toBe(0)
  })
})

describe('what stands', () => {
  it('stays where no row of a new snapshot has a key', async () => {
    await lake.land([wide])
    await lake.run(splitTask({}))
    const before = lake.contents('split')
    await lake.land(['SELECT NULL::VARCHAR AS customer_user_id, 1 AS a, 2 AS b FROM range(3)'], '2025-02-15')
    expect((await lake.run(splitTask({}))).error).toMatch(
      /snapshot_dt=2025-02-15 {2}none of its 3 rows has a customer_user_id/,
    )
    expect(lake.contents('split')).toEqual(before)
  })

  it('is not replaced by a split of another layout', async () => {
    await lake.land([wide])
    await lake.run(splitTask({ to: partitionedTables('split') }))
    const before = lake.contents('split')
    expect((await lake.run(splitTask({ to: stagedTables('split') }))).error).toMatch(
      /of another layout .* Choose another target/,
    )
    expect(lake.contents('split')).toEqual(before)
    await lake.run(splitTask({ to: stagedTables('other') }))
    expect((await lake.run(splitTask({ to: partitionedTables('other') }))).error).toMatch(/of another layout/)
  })
})

describe('a folder of somebody else', () => {
  it.each([
    ['in that of a table', 'split/A/backup'],
    ['with a name that is none of data', 'split/A/_old'],
    ['in that of a table that is to go', 'split/GONE/backup'],
    ['beside the text that tells the snapshot', 'split/metadata/notes'],
    ['in the quarantine', `quarantine/fly/split/split/${partition}/mine`],
  ])('%s stops the split before anything is written', async (_, folder) => {
    await lake.land([wide])
    await lake.run(splitTask({ csv: csvOf({ A: ['a'], GONE: ['b'] }) }))
    fs.mkdirSync(lake.at(folder), { recursive: true })
    fs.writeFileSync(lake.at(`${folder}/part.parquet`), 'mine')
    await lake.land([wide, wide], '2025-02-15')
    fs.rmSync(lake.at('split/metadata/snapshot_dt.txt'))
    const before = { ...lake.contents('split'), ...lake.contents('quarantine'), ...lake.contents('_millrace/commits') }
    const { status, error } = await lake.run(
      splitTask({ date: folder.startsWith('quarantine') ? date : null, csv: csvOf({ A: ['b'] }) }),
    )
    expect(error).toMatch(/is a folder that no commit of Millrace wrote, and would be lost with .*Move it away/)
    expect(error).toContain(`${folder}/  is`)
    expect(status).toBe('failed')
    expect({
      ...lake.contents('split'),
      ...lake.contents('quarantine'),
      ...lake.contents('_millrace/commits'),
    }).toEqual(before)
  })

  it('in a table that is not written is left alone', async () => {
    await lake.land([wide])
    await lake.run(splitTask({}))
    fs.mkdirSync(lake.at('split/A/backup'))
    expect((await lake.run(splitTask({}))).status).toBe('succeeded')
    expect((await lake.run(splitTask({ csv: csvOf({ A: ['a'], B: ['b'] }) }))).error).toBe('')
    expect(lake.folders('split/A')).toContain('backup')
  })
})

describe('a column of the name of the partition', () => {
  const to = partitionedTables('part/ids', { inOwnFolder: true })
  const tables = allColumns('ids')

  it.each([
    ['text', `'${date}'`],
    ['a date', `DATE '${date}'`],
    ['a time', `TIMESTAMP '${date} 00:00:00'`],
  ])('is left out where it says what the folder does: %s', async (_, value) => {
    await lake.land([
      `SELECT *, CASE WHEN i <> 3 THEN ${value} END AS Snapshot_DT FROM (${wide.replace('SELECT', 'SELECT i,')})`,
    ])
    const { status, error } = await lake.run(splitTask({ to, tables }))
    expect({ status, error }).toEqual({ status: 'succeeded with warnings', error: '' })
    expect(await lake.rows(`part/ids/${partition}`, 'count(*)')).toEqual([['9']])
  })

  it.each([
    ['text', "'2025-01-14'"],
    ['a date', "DATE '2025-01-14'"],
    ['a time', `TIMESTAMP '${date} 00:00:01'`],
    ['nothing', 'NULL::VARCHAR'],
    ['a number', '20250115'],
  ])('stops the split where a row says something else: %s', async (_, value) => {
    await lake.land([`SELECT *, ${value} AS snapshot_dt FROM (${wide})`])
    const { status, error } = await lake.run(splitTask({ to, tables }))
    expect(error).toContain(`${source}/${partition}  9 rows do not have ${date} in their column "snapshot_dt"`)
    expect(status).toBe('failed')
    expect(lake.folders('part')).toEqual([])
    // Staged tables keep the column, and a spec that lists columns leaves it out itself.
    expect((await lake.run(splitTask({ tables }))).status).toBe('succeeded with warnings')
    expect((await lake.run(splitTask({ to: partitionedTables('listed') }))).status).toBe('succeeded with warnings')
  })
})

describe('a snapshot of many files', () => {
  it('is kept with one list of columns, and the bytes of each column once', async () => {
    await lake.land([wide])
    const folder = lake.at(`${source}/${partition}`)
    for (let copy = 1; copy < 50; copy += 1)
      fs.copyFileSync(`${folder}/part-0.parquet`, `${folder}/part-${copy}.parquet`)
    const survey = await surveyFanOut('fly', splitTask({}) as FanOutTask, {
      store: folderStore(lake.root),
      external: {},
      signal: new AbortController().signal,
      onProgress: () => {},
      onWarning: async () => {},
    })
    expect(survey.files).toHaveLength(50)
    expect(new Set(survey.files.map(({ columns }) => columns)).size).toBe(1)
    const own = ['bytes', 'columns', 'modifiedMs', 'path', 'rows', 'sha256']
    expect(new Set(survey.files.flatMap((file) => Object.keys(file)))).toEqual(new Set(own))
    expect(survey.columns.map(({ name }) => name)).toEqual([key, 'a', 'b'])
    const [[bytes]] = (await lake.query(
      `SELECT sum(total_compressed_size)::BIGINT FROM parquet_metadata('${folder}/*.parquet')`,
    )) as [[string]]
    expect(survey.columns.reduce((sum, column) => sum + column.bytes, 0)).toBe(Number(bytes))
  })
})

describe('a split that another pipeline decided and was stopped before it was made', () => {
  const register = registerTables('register', {
    ...{ from: ['split'], layout: 'staged', database: 'db', prefix: 'ext_', key },
  })
  const both = csvOf({ A: ['a'], GONE: ['b'] })

  /** Decides to write A anew and to remove GONE, and makes no move. */
  async function decide(): Promise<void> {
    await lake.land([wide])
    await lake.run(splitTask({ csv: both }), {}, 'one')
    const store: Store = {
      ...folderStore(lake.root),
      move: async () => {
        throw new MillraceError('storage', 'no folder can be moved')
      },
    }
    expect((await lake.run(splitTask({ csv: csvOf({ A: ['b'] }) }), { store }, 'one')).error).toBe(
      'no folder can be moved',
    )
    expect(lake.folders('split')).toEqual(['A', 'GONE', 'metadata'])
  }

  it('is seen as decided by those who only look', async () => {
    await decide()
    expect((await lake.run(register, { dryRun: true }, 'two')).metrics.tables_registered).toBe(1)
    const again = await lake.run(splitTask({ csv: csvOf({ A: ['b'] }) }), { dryRun: true }, 'two')
    expect(again.metrics.tables_written).toBe(0)
  })

  it('is finished before the other plans, and nothing of it is lost', async () => {
    await decide()
    const quarantine = `quarantine/one/split/split/${partition}`
    const { events } = await lake.run([splitTask({ csv: csvOf({ A: ['b'], B: ['a'] }) }), register], {}, 'two')
    expect(events.flatMap((event) => (event.type === 'recovered' ? [event.message] : []))).toEqual([
      expect.stringMatching(/^commit 2 of split by the interrupted run one-.* was finished$/),
    ])
    expect(lake.folders('split')).toEqual(['A', 'B', 'metadata'])
    expect(lake.folders('_millrace/catalog/db/tables')).toEqual(['ext_a.json', 'ext_b.json'])
    expect(await lake.rows(quarantine, 'a')).toEqual([[3]])
    const before = lake.contents('')
    const last = await lake.run(splitTask({ csv: csvOf({ A: ['b'], B: ['a'] }) }), {}, 'one')
    expect(last.metrics.tables_written).toBe(0)
    const after = lake.contents('')
    const isData = (name: string): boolean => !/^_millrace\/(runs|locks)\//.test(name)
    expect(Object.keys(after).filter(isData)).toEqual(Object.keys(before).filter(isData))
  })
})

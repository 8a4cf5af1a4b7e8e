/** Registered tables on the command line: `tables`, `sql` and `plan`. */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parquetStorage } from '../../../src/catalogs/glue-catalog.ts'
import { listRegisteredTables } from '../../../src/run/catalog/registered-tables.ts'
import { commit, latestCommits } from '../../../src/run/commits.ts'
import { planTask } from '../../../src/run/data-task.ts'
import { sharedWarehouse } from '../../../src/run/tables/shared-warehouse.ts'
import { plannedText } from '../../../src/show/plan.ts'
import type { Store } from '../../../src/store.ts'
import folderStore from '../../../src/stores/folder.ts'
import type { CommitRecord } from '../../../src/types.ts'
import { millrace } from '../../cli.ts'
import { runOptions } from '../lake.ts'
import {
  catalogOf,
  database,
  partitionedPipeline,
  parts,
  run,
  staged,
  stagedPipeline,
  wide,
  writeFile,
  writeSnapshot,
} from './lake.ts'

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-look-'))
afterAll(() => fs.rmSync(root, { recursive: true, force: true }))

const ask = async (sql: string): Promise<unknown> => {
  const { stdout, stderr } = await millrace(['sql', sql, '--root', root, '--json'])
  return stderr === '' ? JSON.parse(stdout) : stderr
}

beforeAll(async () => {
  await writeFile(root, `${staged}/O'Brien/part-0.parquet`, wide(150))
  await writeFile(root, `${parts}/ids/snapshot_dt=2025-01-15/a.parquet`, "SELECT 'a' AS customer_user_id, 1::INT AS n")
  await writeFile(
    root,
    `${parts}/ids/snapshot_dt=2025-02-15/a.parquet`,
    "SELECT * FROM (VALUES (2::BIGINT, 'b', 'x'), (3, 'c', 'y')) AS t(n, Customer_User_Id, extra)",
  )
  writeSnapshot(root, '2025-01-15')
  expect((await run(root, stagedPipeline())).status).toBe('succeeded')
  expect((await run(root, partitionedPipeline())).status).toBe('succeeded')
  const catalog = catalogOf(root)
  const bucketed = parquetStorage(`${staged}/O'Brien`, [{ Name: 'customer_user_id', Type: 'string' }])
  await catalog.createTable({
    ...{ DatabaseName: database, Name: 'bucketed_t', TableType: 'EXTERNAL_TABLE', PartitionKeys: [], Parameters: {} },
    StorageDescriptor: { ...bucketed, NumberOfBuckets: 256, BucketColumns: ['customer_user_id'] },
  })
})

describe('tables', () => {
  it('shows the tables of the catalog, buckets and partitions too', async () => {
    const { stdout } = await millrace(['tables', '--root', root])
    const lines = stdout
      .split('\n')
      .map((line) => line.replaceAll(/\d+(\.\d+)? k?B/g, 'SIZE').replaceAll(/ {2,}/g, ' | '))
    expect(lines).toEqual([
      'table | format | partitions | files | rows | size | columns',
      expect.stringMatching(/^─/),
      `${database}.bucketed_t | parquet, 256 buckets | 1 | 3 | SIZE | 1`,
      `${database}.ext_o'brien_a | parquet | 1 | 3 | SIZE | 100`,
      `${database}.ext_o'brien_b | parquet | 1 | 3 | SIZE | 52`,
      `${database}.part_ids | parquet | 2 | 2 | 3 | SIZE | 3`,
      '',
    ])
  })

  it('gives all it knows as JSON', async () => {
    const { stdout } = await millrace(['tables', '--root', root, '--json'])
    const tables = JSON.parse(stdout) as Record<string, unknown>[]
    expect(tables.find(({ name }) => (name as { table: string }).table === 'part_ids')).toMatchObject({
      name: { database, table: 'part_ids' },
      ...{ format: 'parquet', location: `${parts}/ids`, comment: 'snapshot_dt=2025-02-15', buckets: null },
      ...{ partitions: 2, files: 2, rows: 3, partitionColumns: [{ name: 'snapshot_dt', type: 'string' }] },
    })
  })
})

describe('sql', () => {
  it('reads a table of the catalog by name, its partition column as a column', async () => {
    expect(await ask(`SELECT count(*) AS n FROM ${database}.part_ids WHERE snapshot_dt = '2025-02-15'`)).toEqual([
      { n: '2' },
    ])
    expect(await ask('SELECT * FROM part_ids ORDER BY ALL')).toEqual([
      { customer_user_id: 'a', n: '1', extra: null, snapshot_dt: '2025-01-15' },
      { customer_user_id: 'b', n: '2', extra: 'x', snapshot_dt: '2025-02-15' },
      { customer_user_id: 'c', n: '3', extra: 'y', snapshot_dt: '2025-02-15' },
    ])
  })

  it('reads a table with a quote in its name, and joins the parts of one that was split', async () => {
    expect(
      await ask(
        `SELECT count(*) AS n, sum(a.c0000 + b.c0149) AS s FROM "ext_o'brien_a" a JOIN "ext_o'brien_b" b USING (customer_user_id)`,
      ),
    ).toEqual([{ n: '3', s: '453' }])
  })
})

describe('plan', () => {
  it('shows what would be registered, and where', async () => {
    const options = runOptions(root, stagedPipeline({ columnsMax: 200 }))
    const [task] = options.pipeline.tasks({}, undefined as never)
    const planned = await planTask(task as never, {
      ...{
        ...options,
        pipeline: 'staged',
        run: 'r',
        path: 'p',
        hasEarlier: false,
        write: async () => {},
        onProgress: () => {},
      },
      tables: sharedWarehouse({ ...options, spill: null }),
    })
    expect(plannedText('register-staged-tables', planned)).toContain(
      [`  ${database}.ext_o'brien`, `    read    ${staged}/O'Brien at snapshot 2025-01-15: 1 file, 3 rows, `].join(
        '\n',
      ),
    )
    expect(plannedText('register-staged-tables', planned)).toContain(`register 151 columns at ${staged}/O'Brien`)
    expect(plannedText('register-staged-tables', planned)).toContain('delete the table from the catalog')
  })
})

describe('a publication that a kill left between its decision and its moves', () => {
  it('is read where its files are, and nothing is taken for gone', async () => {
    const store = folderStore(root)
    const target = `${parts}/ids/snapshot_dt=2025-02-15`
    const staging = '_millrace/staging/other/run/x'
    await writeFile(root, `${staging}/out/a.parquet`, "SELECT 'z' AS customer_user_id, 9::INT AS n FROM range(7)")
    const record: CommitRecord = {
      ...{
        commitVersion: 1,
        scope: target,
        number: 1,
        run: 'run',
        pipeline: 'other',
        task: 't',
        committedAt: '',
        staging,
      },
      moves: [{ kind: 'replace-folder', staged: `${staging}/out`, target, trash: `${staging}/trash` }],
      partitions: [{ table: null, columns: [], partition: [], location: target, files: [] }],
      bookmark: [],
      state: { kind: 'land' },
      counts: { rowsIn: 0, rowsStanding: 0, rowsOut: 0, duplicates: 0, quarantined: 0, filesUnreadable: 0 },
    }
    // The old folder has gone to the trash, the new one has not come.
    const killed: Store = {
      ...store,
      move: async (from, to) => {
        if (from.startsWith(staging)) throw new Error('killed')
        await store.move(from, to)
      },
    }
    await expect(commit(killed, record, async () => {})).rejects.toThrow('killed')
    const [table] = (await listRegisteredTables(store, await latestCommits(store))).filter(
      ({ name }) => name.table === 'part_ids',
    )
    expect(table).toMatchObject({ partitions: 2, files: 2, rows: 8 })
    const state = await run(root, partitionedPipeline())
    expect(state.metrics).toMatchObject({ partitions_removed: 0, partitions_added: 0, tables_registered: 1 })
  })
})

/** What a registration refuses, by name. */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { MillraceError, registerTables } from 'millrace'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import {
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

const base = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-register-'))
afterAll(() => fs.rmSync(base, { recursive: true, force: true }))

let root = ''
beforeEach(() => {
  root = fs.mkdtempSync(path.join(base, 'root-'))
})

describe('what cannot be registered is an error that names it, and nothing is written:', () => {
  const fails = async (message: RegExp, pipeline = stagedPipeline()): Promise<void> => {
    const state = await run(root, pipeline)
    expect(state.status).toBe('failed')
    expect(state.error).toMatch(message)
    expect(fs.existsSync(path.join(root, '_millrace/catalog'))).toBe(false)
  }

  it('no tables', async () => await fails(/split_cluster\/infobase has no tables; expected folders with Parquet files/))

  it('no file that names the snapshot', async () => {
    await writeFile(root, `${staged}/T/a.parquet`, wide(2))
    await fails(/metadata\/snapshot_dt\.txt {2}is missing.*The step that splits a snapshot into .* writes it/)
  })

  it('an empty one', async () => {
    await writeFile(root, `${staged}/T/a.parquet`, wide(2))
    writeSnapshot(root, '')
    await fails(/snapshot_dt\.txt {2}has ""; expected one date/)
  })

  it('two tables that differ only in case', async () => {
    await writeFile(root, `${staged}/IBE_01/a.parquet`, wide(2))
    await writeFile(root, `${staged}/ibe_01/a.parquet`, wide(2))
    writeSnapshot(root, '2025-01-15')
    await fails(/infobase\/IBE_01 and clean\/split_cluster\/infobase\/ibe_01 {2}would both be table ext_ibe_01/)
  })

  it('IBE_01_A beside an IBE_01 that is split', async () => {
    await writeFile(root, `${staged}/IBE_01/a.parquet`, wide(150))
    await writeFile(root, `${staged}/IBE_01_A/a.parquet`, wide(2))
    writeSnapshot(root, '2025-01-15')
    await fails(/infobase\/IBE_01 and .*infobase\/IBE_01_A {2}would both be table ext_ibe_01_a/)
  })

  it('files whose types do not fit together', async () => {
    await writeFile(root, `${staged}/T/a.parquet`, "SELECT 'u' AS customer_user_id, 1::INT AS n")
    await writeFile(root, `${staged}/T/b.parquet`, "SELECT 'u' AS customer_user_id, 'x' AS N")
    writeSnapshot(root, '2025-01-15')
    await fails(/T\/b\.parquet {2}column "n" is string, but int in .*T\/a\.parquet/)
  })

  it('a type that Hive has not', async () => {
    await writeFile(root, `${staged}/T/a.parquet`, "SELECT 'u' AS customer_user_id, TIME '10:00:00' AS at")
    writeSnapshot(root, '2025-01-15')
    await fails(/T\/a\.parquet {2}column "at" is time, which Hive's tables have not/)
  })

  it('a file that is not Parquet among those that are', async () => {
    await writeFile(root, `${staged}/T/a.parquet`, wide(2))
    fs.writeFileSync(path.join(root, staged, 'T/b.parquet'), 'nothing of the kind')
    writeSnapshot(root, '2025-01-15')
    await fails(/T\/b\.parquet {2}is not Parquet; expected only Parquet files/)
  })

  it('a wide table without the key', async () => {
    await writeFile(root, `${staged}/T/a.parquet`, wide(150).replace('customer_user_id', 'customer_id'))
    writeSnapshot(root, '2025-01-15')
    await fails(/T {2}has 151 columns, more than 100, and cannot be split: none is the key customer_user_id/)
  })

  it('a partition column that is a column too', async () => {
    await writeFile(root, `${parts}/t/snapshot_dt=2025-01-15/a.parquet`, "SELECT 'u' AS id, 'x' AS Snapshot_DT")
    await fails(/a\.parquet {2}has a column snapshot_dt, which is the partition column/, partitionedPipeline())
  })
})

describe('a definition', () => {
  const define = (change: object): (() => unknown) => {
    const options = { from: [staged], layout: 'staged' as const, database, prefix: 'ext_', key: 'id', ...change }
    return () => registerTables('t', options)
  }
  it.each([
    ['no path', { from: [] }, /from is empty/],
    ['a path that leaves the root', { from: ['../x'] }, /leaves the storage root/],
    ['a limit of one column', { columnsMax: 1 }, /columnsMax is 1/],
    ['a database in capitals', { database: 'DB' }, /lower case/],
    ['a prefix with a slash', { prefix: 'a/b' }, /refused/],
  ])('refuses %s', (_, change, message) => {
    expect(define(change)).toThrow(MillraceError)
    expect(define(change)).toThrow(message)
  })
})

/** The way back to PostgreSQL: conflicts, the limit, and a password that nobody sees. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { millrace } from '../../cli.ts'
import { type Postgres, startPostgres } from '../../postgres.ts'
import { landCodes, makeCounty } from './county.ts'
import type { Lake } from './lake.ts'

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 }) // several runs each, on a busy machine too

const lakes: Lake[] = []
let server: Postgres | null = null
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => {
  for (const lake of lakes) lake.remove()
  await server?.stop()
})

const tracts = 'farm_records_reporting.tract_producer_year'
const merges = ['cnsv-tract-producer-year-merge', 'cnsv-farm-producer-year-merge']
const sync = 'cnsv-sync-iceberg-to-rds'

/** A first run, new codes for tracts 0 and 1 ingested and merged, and tract 0 changed in PostgreSQL before the sync. */
async function conflict(): Promise<Lake> {
  const lake = await makeCounty(4)
  lakes.push(lake)
  await lake.run()
  await landCodes(lake, [0, 1], 'LT')
  for (const task of ['cnsv-ingest-sss-farmrecords', ...merges]) {
    const ended = await lake.attempt(['--only', task])
    expect(ended.code, ended.stderr).toBe(0)
  }
  await lake.postgres((query) =>
    query(`update ${tracts} set tract_producer_hel_exception_code = 'HA' where core_customer_identifier = 500`),
  )
  return lake
}

const codes = (lake: Lake): Promise<unknown[]> =>
  lake.postgres(async (query) =>
    (
      await query(`select tract_producer_hel_exception_code as code from ${tracts} order by core_customer_identifier`)
    ).map((row) => row.code),
  )

describe('a row that PostgreSQL changed since it was read', () => {
  it('is kept and reported; the next run has the last word', async () => {
    const lake = await conflict()
    const ended = await lake.attempt(['--only', sync, '--sync-conflicts', 'keep'])
    expect(ended.code, ended.stderr).toBe(0)
    expect(ended.stderr).toMatch(/warning.*1 /)
    expect(ended.stdout).toContain('sync_conflicts=1')
    expect(await codes(lake)).toEqual(['HA', 'LT', 'GF', 'GF'])
    await lake.change()
    await lake.run()
    await lake.expectTargets()
    expect(await codes(lake)).toEqual(['LT', 'LT', 'GF', 'GF'])
  })

  it('is overwritten with --sync-conflicts overwrite', async () => {
    const lake = await conflict()
    const ended = await lake.attempt(['--only', sync, '--sync-conflicts', 'overwrite'])
    expect(ended.code, ended.stderr).toBe(0)
    expect(await codes(lake)).toEqual(['LT', 'LT', 'GF', 'GF'])
  })

  it('fails the sync as a whole with --sync-conflicts fail', async () => {
    const lake = await conflict()
    const ended = await lake.attempt(['--only', sync, '--sync-conflicts', 'fail'])
    expect(ended.code).toBe(1)
    expect(await codes(lake)).toEqual(['HA', 'GF', 'GF', 'GF'])
  })
})

describe('--sync-limit', () => {
  it('refuses when more of the table would change, and changes nothing; a greater limit goes on', async () => {
    const lake = await makeCounty(4)
    lakes.push(lake)
    await lake.run()
    await landCodes(lake, [0, 1, 2], 'LT')
    const refused = await lake.run({ code: 1 })
    expect(refused.stderr).toMatch(/3 of its 4 rows .*more than 50 %/)
    expect(await codes(lake)).toEqual(['GF', 'GF', 'GF', 'GF'])
    await lake.run({ flags: ['--sync-limit', '80'] })
    await lake.expectTargets()
  })

  it('does not count what is new', async () => {
    const lake = await makeCounty(4)
    lakes.push(lake)
    await lake.change(
      `insert into ${tracts} (core_customer_identifier, tract_year_identifier, producer_involvement_code) values (1, 1, 'OP')`,
    )
    await lake.run()
    await lake.expectTargets()
  })
})

describe('a server', () => {
  it('has the rows, and its password is written nowhere', async (context) => {
    if (server === null) return context.skip('PostgreSQL is not on this machine')
    const { url, password } = server
    const lake = await makeCounty(2, { url, variant: 'grown' })
    lakes.push(lake)
    const ended = await lake.run()
    await lake.expectTargets()
    await landCodes(lake, [0], 'LT')
    const flagged = await millrace(['run', 'farm-records', '--root', lake.root, '--pg-url', url])
    expect(flagged.code, flagged.stderr).toBe(0)
    const planned = await millrace(['plan', 'farm-records', '--root', lake.root, '--json'], {
      variables: { MILLRACE_PG_URL: url },
    })
    expect(planned.code, planned.stderr).toBe(0)
    const secrets = [password, encodeURIComponent(password)]
    const texts = [ended, flagged, planned].flatMap(({ stdout, stderr }) => [stdout, stderr])
    const files = fs.readdirSync(lake.root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    texts.push(...files.map((entry) => fs.readFileSync(path.join(entry.parentPath, entry.name), 'latin1')))
    for (const secret of secrets) expect(texts.filter((text) => text.includes(secret))).toEqual([])
  })

  it('that is not there fails the run, saying so', async () => {
    const lake = await makeCounty(1)
    lakes.push(lake)
    const ended = await lake.attempt(['--pg-url', 'postgresql://someone:s3cret@127.0.0.1:1/none'])
    expect(ended.code).toBe(1)
    expect(ended.stderr).toContain('No PostgreSQL listens there')
    expect(ended.stderr).not.toContain('s3cret')
  })
})

/** What others do to the root: full disks, missing rights, files and folders removed or put there by hand. */
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Ended, millrace } from '../../cli.ts'
import { expectDay, expectMetrics, expectNothingStaged, expectRefusal, ownFiles } from './expectations.ts'
import {
  type Lake,
  landingOf,
  makeLake,
  partitionOf,
  readTable,
  snapshot,
  soundFile,
  tableFiles,
  writeParquet,
} from './lake.ts'
import { type LandedFile, plain, rowsSql } from './landing.ts'

const day = '2025-11-03'
const folder = landingOf(day)
const target = partitionOf(day)
const nobody = 65534

function run(lake: Lake, ...flags: string[]): Promise<Ended> {
  return millrace(runArgs(lake, ...flags))
}

function runArgs(lake: Lake, ...flags: string[]): string[] {
  const usual = ['--partition-date', day, '--output-file-count', '2']
  return ['run', 'chargebacks', '--root', lake.root, ...usual, ...flags]
}

function file(name: string, ...ids: (string | null)[]): LandedFile {
  return soundFile(
    name,
    ids.map((id) => ({ chargeback_id: id })),
  )
}

async function idsOf(lake: Lake): Promise<unknown[]> {
  return (await readTable(lake, target)).map(({ chargeback_id: id }) => id).sort()
}

describe.concurrent('by hand', () => {
  it('a table that another tool wrote is merged', async ({ onTestFinished }) => {
    const lake = makeLake()
    onTestFinished(lake.remove)
    const old = 1762128000000000n
    const standing = [
      { chargeback_id: 'A', status: 'old', event_timestamp: old },
      { chargeback_id: 'B', status: 'newer', event_timestamp: old + 2n },
      { chargeback_id: ' ', status: 'blank', event_timestamp: old },
    ]
    const columns = plain().filter(({ column }) => column !== 'updated_at')
    await writeParquet(lake.absolute(`${target}/other tool's [1].parquet`), rowsSql(columns, standing))
    await lake.land(folder, [
      soundFile('a.parquet', [
        { chargeback_id: 'A', status: 'new', event_timestamp: old + 1n },
        { chargeback_id: 'B', status: 'older', event_timestamp: old + 1n },
      ]),
    ])
    // 2 new + 3 standing = 2 rows + 2 duplicates + 1 quarantined
    expectMetrics(await run(lake), { records: 2, duplicates: 2, files: 2 })
    const rows = await readTable(lake, target)
    expect(rows.map((row) => [row.chargeback_id, row.status]).sort()).toEqual([
      ['A', 'new'],
      ['B', 'newer'],
    ])
    expect((await tableFiles(lake, target)).map(({ rows: count }) => count)).toEqual([1, 1])
    const [rejected] = await readTable(lake, partitionOf(day, 'quarantine/chargebacks'))
    expect(rejected).toMatchObject({ status: 'blank', quarantine_reason: 'chargeback_id is missing' })
  })

  it("a day's folder that was removed is built anew, with a warning, and once only", async ({ onTestFinished }) => {
    const lake = makeLake()
    onTestFinished(lake.remove)
    await lake.land(folder, [
      file('a.parquet', 'A', 'B', null),
      { kind: 'unreadable', what: 'text', name: 'b.parquet', columns: plain(), rows: [] },
    ])
    expect((await run(lake)).code).toBe(0)
    await lake.land(folder, [file('c.parquet', 'C', '')])
    expect((await run(lake)).code).toBe(0)
    fs.rmSync(lake.absolute(target), { recursive: true })
    const again = await run(lake)
    expectMetrics(again, { records: 5, duplicates: 0, files: 2 })
    expect(again.stderr).toMatch(/warning: consolidated\/chargebacks\/year=2025\/month=11\/day=03 {2}is gone/)
    expect(again.stderr).toMatch(/ALERT/)
    await expectDay(lake, day, { files: 2, codec: 'snappy' })
    expectMetrics(await run(lake), { records: 0, duplicates: 0, files: 2 })
  })

  it('a standing file that was removed or changed stops the run, which changes nothing', async ({ onTestFinished }) => {
    const lake = makeLake()
    onTestFinished(lake.remove)
    await lake.land(folder, [file('a.parquet', 'A', 'B')])
    expect((await run(lake)).code).toBe(0)
    await lake.land(folder, [file('b.parquet', 'C')])
    const [first] = await tableFiles(lake, target)
    const gone = lake.absolute(`${target}/${first?.name}`)
    const content = fs.readFileSync(gone)
    fs.rmSync(gone)
    const before = snapshot(lake.root, ownFiles)
    for (const [message, change] of [
      [/is missing; .*recorded \d+ bytes with 1 rows\. Put the file back/, () => {}],
      [/has 3 bytes; .*recorded \d+ bytes/, () => fs.writeFileSync(gone, 'abc')],
    ] as const) {
      change()
      const stopped = await run(lake)
      expectRefusal(stopped, message, 1)
      expect(stopped.stderr).toContain(first?.name)
    }
    fs.rmSync(gone)
    expect(snapshot(lake.root, ownFiles)).toEqual(before)
    fs.writeFileSync(gone, content)
    expectMetrics(await run(lake), { records: 1, duplicates: 0, files: 2 })
    expect(await idsOf(lake)).toEqual(['A', 'B', 'C'])
  })

  it('a landed file that was unreadable is read once it is whole', async ({ onTestFinished }) => {
    const lake = makeLake()
    onTestFinished(lake.remove)
    await lake.land(folder, [{ kind: 'unreadable', what: 'truncated', name: 'a.parquet', columns: plain(), rows: [] }])
    expectMetrics(await run(lake), { records: 0, duplicates: 0, files: 0 })
    await lake.land(folder, [file('a.parquet', 'A')])
    expectMetrics(await run(lake), { records: 1, duplicates: 0, files: 1 })
    expect(await idsOf(lake)).toEqual(['A'])
  })

  it('landed files that were deleted after they were consumed stay in the table', async ({ onTestFinished }) => {
    const lake = makeLake()
    onTestFinished(lake.remove)
    await lake.land(folder, [file('a.parquet', 'A')])
    expect((await run(lake)).code).toBe(0)
    fs.rmSync(lake.absolute(`${folder}/a.parquet`))
    // No file of the day is there at all: the contract's exit 1, which leaves the table as it is.
    const ended = await run(lake)
    expect(ended.code).toBe(1)
    expect(ended.stderr).toMatch(
      /no Parquet file for 2025-11-03 in landing.*The partition that stands is left as it is/,
    )
    expect(await idsOf(lake)).toEqual(['A'])
    await lake.land(folder, [file('b.parquet', 'B')])
    expectMetrics(await run(lake), { records: 1, duplicates: 0, files: 2 })
    expect(await idsOf(lake)).toEqual(['A', 'B'])
  })

  it('retry goes on with a run that failed, and only with such a one', async ({ onTestFinished }) => {
    const lake = makeLake()
    onTestFinished(lake.remove)
    fs.mkdirSync(lake.absolute('landing'))
    expectRefusal(await run(lake), /no Parquet file/, 1)
    await lake.land(folder, [file('a.parquet', 'A', 'B', 'C')])
    const retried = await millrace(['retry', '--root', lake.root, '--json'])
    expect(retried.code, retried.stderr).toBe(0)
    expect(JSON.parse(retried.stdout)).toMatchObject({ attempts: 2, status: 'succeeded', error: null })
    expect(JSON.parse(retried.stdout).params).toMatchObject({ outputFileCount: 2, partitionDate: day })
    expect((await tableFiles(lake, target)).map(({ rows }) => rows).sort()).toEqual([1, 2])
    const runs = JSON.parse((await millrace(['runs', '--root', lake.root, '--json'])).stdout)
    expect(runs).toHaveLength(1)
    expectRefusal(await millrace(['retry', '--root', lake.root]), /nothing to retry/, 1)
    expectRefusal(await millrace(['retry', runs[0].run, '--root', lake.root]), /succeeded; there is nothing to retry/)
    expectRefusal(await millrace(['retry', 'none', '--root', lake.root]), /"none" is not on .*latest: chargebacks-/, 1)
  })

  it('the catalog table over the landing zone is read where it is registered', async ({ onTestFinished }) => {
    const lake = makeLake()
    const working = fs.mkdtempSync(path.join(tmpdir(), 'millrace-config-'))
    onTestFinished(() => {
      lake.remove()
      fs.rmSync(working, { recursive: true })
    })
    const config = { root: lake.root, tables: { 'raw.chargebacks': 'incoming/cb' } }
    fs.writeFileSync(path.join(working, 'millrace.config.ts'), `export default ${JSON.stringify(config)} as object\n`)
    await lake.land(landingOf(day, 'incoming/cb'), [file('a.parquet', 'registered')])
    await lake.land(folder, [file('a.parquet', 'usual')])
    const named = (table: string): Promise<Ended> =>
      millrace(['run', 'chargebacks', '--partition-date', day, '--SOURCE_DATABASE=raw', '--source-table', table], {
        folder: working,
      })
    expectMetrics(await named('chargebacks'), { records: 1, duplicates: 0, files: 1 })
    expect(await idsOf(lake)).toEqual(['registered'])
    expectMetrics(await named('unknown'), { records: 1, duplicates: 0, files: 2 })
    expect(await idsOf(lake)).toEqual(['registered', 'usual'])
  })
})

describe('rights', () => {
  it('a root that may only be read stays as it is', async ({ skip, onTestFinished }) => {
    if (process.getuid?.() !== 0) skip('only root can start a process as another user')
    const bin = path.resolve(import.meta.dirname, '../../../bin/millrace.js')
    const tried = spawnSync(process.execPath, [bin, '--version'], { uid: nobody, gid: nobody, cwd: '/' })
    if (tried.status !== 0) skip(`user ${nobody} cannot run ${bin}`)
    const lake = makeLake()
    onTestFinished(lake.remove)
    await lake.land(folder, [file('a.parquet', 'A')])
    const all = fs.readdirSync(lake.root, { recursive: true }).map((name) => lake.absolute(String(name)))
    for (const entry of [lake.root, ...all]) fs.chmodSync(entry, fs.statSync(entry).isDirectory() ? 0o755 : 0o644)
    const before = snapshot(lake.root)
    const args = ['chargebacks', '--root', lake.root, '--partition-date', day]
    expectRefusal(await millrace(['run', ...args], { user: nobody }), /permission denied.*Give this user the right/, 1)
    expect((await millrace(['plan', ...args], { user: nobody })).code).toBe(0)
    expect(snapshot(lake.root)).toEqual(before)
  })
})

describe('a full disk', () => {
  it('leaves the standing table as it was; more room makes the day whole', async ({ skip, onTestFinished }) => {
    const disk = fs.mkdtempSync(path.join(tmpdir(), 'millrace-disk-'))
    onTestFinished(() => fs.rmdirSync(disk))
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk], { encoding: 'utf8' })
    if (mounted.status !== 0) skip(`no small disk here: ${mounted.stderr?.trim() || 'mount is missing'}`)
    onTestFinished(() => void spawnSync('umount', ['-l', disk]))
    const lake = makeLake(disk)
    const rows = (from: number): LandedFile =>
      file(`${from}.parquet`, ...Array.from({ length: 1500 }, (_, index) => `${(from + index) * 7919}-${from}`))
    await lake.land(folder, [rows(0)])
    expect((await run(lake)).code).toBe(0)
    const standing = await readTable(lake, target)
    await lake.land(folder, [rows(10_000)])
    let failures = 0
    for (const pages of [0, 1, 2, 4, 8, 16]) {
      fillDisk(disk, pages)
      // In a process of its own: a lock whose release could not be written is free when the process has ended.
      const full = await millrace(runArgs(lake), { folder: tmpdir() })
      if (full.code === 0) break
      failures += 1
      expectRefusal(full, /no room left on the storage root's disk/, 1)
      expect(await readTable(lake, target)).toEqual(standing)
    }
    expect(failures).toBeGreaterThan(2)
    fs.rmSync(path.join(disk, 'filler'))
    expect(spawnSync('mount', ['-o', 'remount,size=16m', disk]).status).toBe(0)
    expect((await run(lake)).code).toBe(0)
    await expectDay(lake, day, { files: 2, codec: 'snappy' })
    expectNothingStaged(lake)
  })
})

/** Leaves so many pages of the disk free, whatever was free before. */
function fillDisk(disk: string, pages: number): void {
  const filler = path.join(disk, 'filler')
  fs.rmSync(filler, { force: true })
  const { bavail, bsize } = fs.statfsSync(disk)
  fs.writeFileSync(filler, Buffer.alloc(Math.max(0, Number(bavail) - pages) * Number(bsize)))
}

/** One day over its life: dry run, executions, other file counts and codecs, threads and file order, several days at once. */
import * as fs from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { type Ended, millrace } from '../../cli.ts'
import { seededRandom } from '../../random.ts'
import { rowTexts } from './answer.ts'
import { expectDay, expectMetrics, metricsOf, ownFiles } from './expectations.ts'
import { type Lake, landingOf, makeLake, partitionOf, readTable, snapshot, soundFile, tableFiles } from './lake.ts'
import { landingDay } from './landing.ts'

const day = '2025-11-03'
const folder = landingOf(day)
const time = 1762128000000000n // midnight of the day, in microseconds
const lakes: Lake[] = []
afterAll(() => lakes.forEach((lake) => void lake.remove()))

function newLake(): Lake {
  const lake = makeLake()
  lakes.push(lake)
  return lake
}

function run(lake: Lake, ...flags: string[]): Promise<Ended> {
  return millrace(['run', 'chargebacks', '--root', lake.root, '--partition-date', day, ...flags])
}

describe('a day from its first dry run on', () => {
  const lake = newLake()
  const files = landingDay(seededRandom(11), day, 7)

  it('is counted by a dry run, with Glue arguments, that leaves storage as it was', async () => {
    await lake.land(folder, files)
    const before = snapshot(lake.root)
    const arguments_ = [
      `--PARTITION_DATE=${day}`,
      '--OUTPUT_FILE_COUNT=2',
      '--COMPRESSION_CODEC=zstd',
      '--DRY_RUN=true',
    ]
    const dry = await millrace(['run', 'chargebacks', '--root', lake.root, ...arguments_])
    const answer = lake.answer(folder)
    expectMetrics(dry, { records: answer.rowsRead, duplicates: answer.duplicates, files: 2 }, true)
    expect(snapshot(lake.root, /^_millrace(\/runs(\/|$)|$)/)).toEqual(before)
    // The plan: what is read, and how it would be written where.
    expect(dry.stdout).toMatch(/read .*landing: \d+ files?, \d+ rows?/)
    expect(dry.stdout).toContain(`2 files, zstd → ${partitionOf(day)}`)
  })

  it('is published as the dry run said', async () => {
    const real = await run(lake, '--output-file-count', '2', '--compression-codec', 'zstd')
    const answer = lake.answer(folder)
    expectMetrics(real, { records: answer.rowsRead, duplicates: answer.duplicates, files: 2 })
    await expectDay(lake, day, { files: 2, codec: 'zstd' })
  })

  it('balances and records its quality checks', async () => {
    const answer = lake.answer(folder)
    const shown = await millrace(['show', '--json', '--root', lake.root])
    const [partition] = JSON.parse(shown.stdout).tasks[0].partitions
    expect(partition.counts).toEqual({
      rowsIn: answer.rowsRead,
      rowsStanding: 0,
      rowsOut: answer.kept.length,
      duplicates: answer.duplicates,
      quarantined: answer.quarantined.length,
      filesUnreadable: answer.unreadable.length,
    })
    const rows = [...files].flatMap((file) => (file.kind === 'rows' ? file.rows : []))
    const count = (holds: (row: (typeof rows)[number]) => boolean): number => rows.filter(holds).length
    expect(partition.checks).toMatchObject({
      duplicates: answer.duplicates,
      blank_keys: answer.quarantined.length,
      nulls_chargeback_id: count(({ chargeback_id }) => chargeback_id === null),
      nulls_updated_at: count(({ updated_at }) => updated_at == null),
      nulls_status: count(({ status }) => status === null),
      amount_null: count(({ amount }) => amount === null),
      amount_negative: count(({ amount }) => typeof amount === 'bigint' && amount < 0n),
      timestamps_outside_day: count(
        ({ event_timestamp: at }) => typeof at === 'bigint' && (at < time || at >= time + 86_400_000_000n),
      ),
    })
  })

  it('is rewritten for another file count, another codec, and not for the same again', async () => {
    for (const [count, codec] of [
      ['3', 'zstd'],
      ['3', 'uncompressed'],
    ] as const) {
      const rewritten = await run(lake, '--output-file-count', count, '--compression-codec', codec)
      expectMetrics(rewritten, { records: 0, duplicates: 0, files: 3 })
      await expectDay(lake, day, { files: 3, codec })
    }
    const before = snapshot(lake.root, ownFiles)
    const again = await run(lake, '--output-file-count', '3', '--compression-codec', 'uncompressed')
    expectMetrics(again, { records: 0, duplicates: 0, files: 3 })
    expect(again.stderr).toMatch(/no new files/)
    expect(snapshot(lake.root, ownFiles)).toEqual(before)
  })

  it('gives --json exactly one value on standard output and METRICS on standard error', async () => {
    const json = await run(lake, '--output-file-count', '3', '--compression-codec', 'uncompressed', '--json')
    expect(json.code).toBe(0)
    expect(JSON.parse(json.stdout)).toMatchObject({
      pipeline: 'chargebacks',
      status: 'succeeded',
      metrics: { records_processed: 0, duplicates_removed: 0, output_files: 3 },
      params: { executionSequence: 1, totalExecutions: 4, partitionDate: day },
    })
    expect(metricsOf(json.stderr)).toEqual({ records: 0, duplicates: 0, files: 3 })
  })
})

describe('the answer', () => {
  it('is the same for one thread and two, and whatever the files are called', async () => {
    const files = landingDay(seededRandom(12), day, 6)
    const found = await Promise.all(
      [1, 2, 2].map(async (threads, index) => {
        const lake = newLake()
        // The third lake has the files in the opposite order of their names.
        const named = files.map((file, place) =>
          index < 2 || file.kind === 'ignored' ? file : { ...file, name: `${99 - place}.parquet` },
        )
        await lake.land(folder, named)
        expect((await run(lake, '--threads', String(threads), '--output-file-count', '2')).code).toBe(0)
        return rowTexts(await readTable(lake, partitionOf(day)), lake.answer(folder).columns)
      }),
    )
    expect(found[0]?.length).toBeGreaterThan(3)
    expect(found[1]).toEqual(found[0])
    expect(found[2]).toEqual(found[0])
  })

  it('knows a file by path, size and content, never by its time', async () => {
    const lake = newLake()
    const file = (id: string) => [soundFile('a.parquet', [{ chargeback_id: id, event_timestamp: time }])]
    const target = lake.absolute(`${folder}/a.parquet`)
    await lake.land(folder, file('A'))
    fs.utimesSync(target, 1000, 1000)
    const { size } = fs.statSync(target)
    expectMetrics(await run(lake), { records: 1, duplicates: 0, files: 1 })
    fs.utimesSync(target, 2000, 2000)
    expectMetrics(await run(lake), { records: 0, duplicates: 0, files: 1 })
    await lake.land(folder, file('B'))
    fs.utimesSync(target, 2000, 2000)
    expect(fs.statSync(target).size).toBe(size)
    expectMetrics(await run(lake), { records: 1, duplicates: 0, files: 2 })
    expect((await readTable(lake, partitionOf(day))).map((row) => row.chargeback_id).sort()).toEqual(['A', 'B'])
  })

  it('has fewer files than asked only where there are fewer rows', async () => {
    const lake = newLake()
    await lake.land(folder, [
      soundFile(
        'a.parquet',
        ['A', 'B', 'C'].map((id) => ({ chargeback_id: id })),
      ),
    ])
    expectMetrics(await run(lake), { records: 3, duplicates: 0, files: 3 })
    expect((await tableFiles(lake, partitionOf(day))).map(({ rows }) => rows)).toEqual([1, 1, 1])
  })

  it('changes nothing on a rerun where every file was unreadable or empty', async () => {
    const lake = newLake()
    const unreadable = { kind: 'unreadable', name: 'a.parquet', what: 'zero bytes', columns: [], rows: [] } as const
    await lake.land(folder, [
      { ...unreadable, columns: soundFile('', []).columns, rows: [] },
      soundFile('b.parquet', []),
    ])
    expectMetrics(await run(lake), { records: 0, duplicates: 0, files: 0 })
    const before = snapshot(lake.root, ownFiles)
    const again = await run(lake)
    expectMetrics(again, { records: 0, duplicates: 0, files: 0 })
    expect(snapshot(lake.root, ownFiles)).toEqual(before)
    expect(again.stderr).toMatch(/no new files/)
  })
})

describe('several days', () => {
  const days = ['2025-11-02', '2025-11-03', '2024-02-29']
  const lake = newLake()
  const all = (...flags: string[]): Promise<Ended> =>
    millrace(['run', 'chargebacks', '--root', lake.root, '--no-enable-partition-filter', ...flags])

  it('go each into its own partition with the filter off', async () => {
    for (const [index, date] of days.entries()) {
      await lake.land(landingOf(date), landingDay(seededRandom(20 + index), date, 3))
    }
    await lake.land(landingOf('2025-02-30'), [soundFile('a.parquet', [{ chargeback_id: 'never' }])])
    fs.mkdirSync(lake.absolute(landingOf('2025-11-04')), { recursive: true })
    const ended = await all('--output-file-count', '2')
    const answers = days.map((date) => lake.answer(landingOf(date)))
    const sum = (figure: (answer: (typeof answers)[number]) => number): number =>
      answers.map(figure).reduce((total, value) => total + value, 0)
    expectMetrics(ended, {
      records: sum(({ rowsRead }) => rowsRead),
      duplicates: sum(({ duplicates }) => duplicates),
      files: sum(({ kept }) => Math.min(2, kept.length)),
    })
    expect(ended.stderr).toMatch(/landing\/chargebacks\/2025\/02\/30 .*does not exist/)
    for (const date of days) await expectDay(lake, date, { files: 2, codec: 'snappy' })
    expect(fs.existsSync(lake.absolute('consolidated/chargebacks/year=2025/month=02'))).toBe(false)
  })

  it('change only where files landed', async () => {
    const others = /^(_millrace|landing)(\/|$)|day=02/
    const before = snapshot(lake.root, others)
    await lake.land(landingOf('2025-11-02'), [soundFile('late.parquet', [{ chargeback_id: 'late' }])])
    expect((await all('--output-file-count', '2')).code).toBe(0)
    await expectDay(lake, '2025-11-02', { files: 2, codec: 'snappy' })
    expect(snapshot(lake.root, others)).toEqual(before)
  })
})

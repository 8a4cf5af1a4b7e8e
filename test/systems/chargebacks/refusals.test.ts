/** Wrong usage: each is refused with the exit code and the nearest right thing, and nothing is written. */
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { millrace } from '../../cli.ts'
import { expectRefusal } from './expectations.ts'
import { landingOf, makeLake, snapshot, soundFile } from './lake.ts'

const day = '2025-11-03'
const lake = makeLake()
let before: Record<string, string> = {}
beforeAll(async () => {
  await lake.land(landingOf(day), [soundFile('a.parquet', [{ chargeback_id: 'A' }])])
  await lake.land(landingOf('2025-11-07'), [soundFile('a.parquet', [{ chargeback_id: 'A' }])])
  fs.mkdirSync(lake.absolute(landingOf('2025-11-04')))
  fs.writeFileSync(lake.absolute(landingOf('2025-11-05')), 'a file, not a folder')
  before = snapshot(lake.root)
})
afterAll(lake.remove)

/** What follows `run chargebacks --root … --partition-date …`, and the message it gets. */
const flags: [string, RegExp][] = [
  ['--output-file-count 0', /--output-file-count {2}0 is refused.*at least 1/],
  ['--output-file-count -1', /--output-file-count {2}-1 is refused.*at least 1/],
  ['--output-file-count 1e9', /--output-file-count {2}1000000000 is refused.*at most 10000/],
  ['--output-file-count 10001', /at most 10000/],
  ['--output-file-count 1.5', /--output-file-count {2}1\.5 is refused.*whole number/],
  ['--output-file-count abc', /--output-file-count {2}"abc" is refused.*number/],
  ['--OUTPUT_FILE_COUNT=0', /at least 1/],
  ['--output-file-count', /--output-file-count needs a value/],
  ['--compression-codec snapy', /--compression-codec {2}"snapy" is refused.*lz4_raw.*did you mean snappy\?/],
  ['--compression-codec brotli', /expected one of snappy, gzip, zstd, lz4_raw, uncompressed/],
  ['--execution-sequence 0', /--execution-sequence {2}0 is refused/],
  ['--execution-sequence 5', /--execution-sequence {2}5 is refused: expected 1 to 4/],
  ['--execution-sequence 3 --total-executions 2', /--execution-sequence {2}3 is refused: expected 1 to 2/],
  ['--total-executions 0', /--total-executions {2}0 is refused/],
  ['--execution-time noon', /--execution-time {2}"noon" is refused.*2025-11-03T06:00:00Z/],
  ['--enable-partition-filter=maybe', /--enable-partition-filter {2}"maybe" is refused.*boolean/],
  ['--partiton-date 2025-11-03', /no flag --partiton-date; did you mean --partition-date\?/],
  ['--OUTPUT_FILECOUNT=3', /no flag --OUTPUT_FILECOUNT; did you mean --(output-file-count|OUTPUT_FILE_COUNT)\?/],
  ['--only consolidate-chargeback', /no task.*did you mean consolidate-chargebacks\?/],
  ['--engine duckbd', /--engine duckbd is refused.*did you mean duckdb\?/],
  ['--threads 0', /--threads 0 is refused.*from 1/],
  ['--memory lots', /--memory lots is refused.*2GB/],
  ['--wait soon', /--wait soon is refused.*60s/],
  ['--output-path ../elsewhere', /"\.\.\/elsewhere" is refused.*leaves the storage root/],
  ['--output-path /tmp/elsewhere', /is refused.*absolute/],
  ['--output-path landing/chargebacks/out', /overlaps the source/],
  ['--output-path _millrace/commits', /is refused.*begins with "_"/],
  ['--source-database lake', /--source-database and --source-table/],
  ['--dry-run --dry-run', /--dry-run is given twice/],
  ['stray', /what is "stray"\?/],
]

/** Whole command lines. */
const lines: [string, RegExp, number][] = [
  ['rnu', /no command rnu.*did you mean run\?/, 2],
  ['constructor', /no command constructor/, 2],
  ['run', /which pipeline\? There are chargebacks/, 2],
  ['run chargeback', /no pipeline chargeback .*did you mean chargebacks\?/, 2],
  ['run chargebacks --root /nowhere/at-all', /\/nowhere\/at-all.*no such folder.*millrace sample/, 2],
  ['run chargebacks --root s3://bucket/prefix', /s3:\/\/bucket\/prefix.*folder/, 2],
  ['runs --root /nowhere/at-all', /no such folder/, 2],
  ['list --rot x', /no flag --rot; did you mean --root\?/, 2],
  ['run chargebacks --config /nowhere.ts', /\/nowhere\.ts.*no such file/, 2],
]

describe.concurrent('wrong usage', () => {
  it.each(flags)('%s', async (text, message) => {
    const usual = text.includes('partiton') ? [] : ['--partition-date', day]
    const run = await millrace(['run', 'chargebacks', '--root', lake.root, ...usual, ...text.split(' ')])
    expectRefusal(run, message)
  })

  it.each(['2025-02-30', '2025-13-01', '2023-02-29', '0', 'yesterday', '2025-11-3', '2025/11/03', '../../etc'])(
    '--partition-date %s',
    async (date) => {
      const run = await millrace(['run', 'chargebacks', '--root', lake.root, '--partition-date', date])
      expectRefusal(run, /--partition-date {2}".*" is refused: expected a date that exists, as YYYY-MM-DD/)
    },
  )

  it.each(lines)('millrace %s', async (text, message, code) => {
    expectRefusal(await millrace(text.split(' ')), message, code)
  })

  it('a root that is a file', async () => {
    const run = await millrace(['run', 'chargebacks', '--root', lake.absolute(landingOf('2025-11-05'))])
    expectRefusal(run, /is a file; give a folder/)
  })

  it('a key of the configuration that does not exist', async () => {
    const folder = fs.mkdtempSync(path.join(tmpdir(), 'millrace-config-'))
    fs.writeFileSync(path.join(folder, 'millrace.config.ts'), 'export default { tabels: {} }\n')
    const run = await millrace(['list'], { folder })
    fs.rmSync(folder, { recursive: true })
    expectRefusal(run, /no key tabels; did you mean tables\?/)
  })
})

describe('after all of them', () => {
  it('nothing was written', () => {
    expect(Object.keys(before).length).toBeGreaterThan(4)
    expect(snapshot(lake.root)).toEqual(before)
  })
})

describe.concurrent('no input: exit 1', () => {
  const missing = /no Parquet file for 2025-11-\d\d in landing\/chargebacks\/2025\/11\/\d\d.*nearest days/
  it.each([
    ['missing', '2025-11-06', missing],
    ['empty', '2025-11-04', missing],
    ['a file', '2025-11-05', /landing\/chargebacks\/2025\/11\/05 {2}is a file; expected a folder/],
  ] as const)('a day that is %s', async (_, date, message) => {
    const run = await millrace(['run', 'chargebacks', '--root', lake.root, '--partition-date', date])
    expectRefusal(run, message, 1)
    if (message === missing) expect(run.stderr).toMatch(/2025-11-07, 2025-11-03|2025-11-03, 2025-11-07/)
    expect(run.stderr).toContain(landingOf(date))
  })

  it.each([
    ['is missing', (root: string) => fs.mkdirSync(path.join(root, 'other')), /landing\/chargebacks.*no day with data/],
    [
      'is a file',
      (root: string) => {
        fs.mkdirSync(path.join(root, 'landing'))
        fs.writeFileSync(path.join(root, 'landing/chargebacks'), '')
      },
      /landing\/chargebacks {2}is a file; expected a folder/,
    ],
  ] as const)('a landing zone that %s', async (_, prepare, message) => {
    const empty = makeLake()
    try {
      prepare(empty.root)
      for (const filter of [[], ['--no-enable-partition-filter']]) {
        expectRefusal(await millrace(['run', 'chargebacks', '--root', empty.root, ...filter]), message, 1)
      }
    } finally {
      empty.remove()
    }
  })
})

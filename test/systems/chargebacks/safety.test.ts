/** What could lose rows, or stop a pipeline for good, and must not. */
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { type Ended, millrace } from '../../cli.ts'
import { expectMetrics, expectRefusal, ownFiles } from './expectations.ts'
import {
  type Lake,
  landingOf,
  listedUnreadable,
  makeLake,
  partitionOf,
  readTable,
  rowsOf,
  snapshot,
  soundFile,
  writeParquet,
} from './lake.ts'
import { plain, rowsSql } from './landing.ts'

const day = '2025-11-03'
const folder = landingOf(day)
const target = partitionOf(day)
const time = 1762128000000000n
const program = fileURLToPath(new URL('../../../bin/millrace.js', import.meta.url))

function run(lake: Lake, ...flags: string[]): Promise<Ended> {
  const usual = ['--partition-date', day, '--output-file-count', '2']
  return millrace(['run', 'chargebacks', '--root', lake.root, ...usual, ...flags])
}

/** Rows with the declared columns, as SQL; `more` adds columns. */
function rows(ids: (string | null)[], more = ''): string {
  const values = ids.map((id) => ({ chargeback_id: id, event_timestamp: time }))
  return `SELECT *${more} FROM (${rowsSql(plain(), values)})`
}

async function ids(lake: Lake, where = target): Promise<unknown[]> {
  return (await readTable(lake, where)).map(({ chargeback_id: id }) => id).sort()
}

/** Rows of the quarantine below a folder: the reason and the file of each. */
async function quarantined(lake: Lake, where = 'quarantine'): Promise<Record<string, unknown>[]> {
  const files = path.join(lake.absolute(where), '**/*.parquet').replaceAll(/[[\]]/g, '[$&]').replaceAll("'", "''")
  return await rowsOf(`SELECT quarantine_reason, quarantine_file FROM read_parquet('${files}')`)
}

describe.concurrent('a day that another tool wrote', () => {
  it('keeps its rows when an added column changes its type', async ({ onTestFinished }) => {
    const lake = makeLake()
    onTestFinished(lake.remove)
    await writeParquet(lake.absolute(`${target}/theirs.parquet`), rows(['T1', 'T2']))
    await writeParquet(lake.absolute(`${folder}/a.parquet`), rows(['A'], ', 7 AS score'))
    expectMetrics(await run(lake), { records: 1, duplicates: 0, files: 2 })
    await writeParquet(lake.absolute(`${folder}/b.parquet`), rows(['B'], ", 'high' AS score"))
    expectMetrics(await run(lake), { records: 1, duplicates: 0, files: 2 })
    expect(await ids(lake)).toEqual(['A', 'B', 'T1', 'T2'])
  })

  it('stops the run where it has folders of its own, and loses nothing', async ({ onTestFinished }) => {
    const lake = makeLake()
    onTestFinished(lake.remove)
    await writeParquet(lake.absolute(`${target}/hour=01/old.parquet`), rows(['T']))
    await writeParquet(lake.absolute(`${folder}/a.parquet`), rows(['A']))
    const ended = await run(lake)
    expect(ended.code).toBe(1)
    expect(ended.stderr).toMatch(/day=03 {2}holds "hour=01".*would be lost\. Move it away/)
    expect(fs.existsSync(lake.absolute(`${target}/hour=01/old.parquet`))).toBe(true)
  })

  it('stops the run where its types do not fit', async ({ onTestFinished }) => {
    const lake = makeLake()
    onTestFinished(lake.remove)
    await writeParquet(
      lake.absolute(`${target}/t.parquet`),
      `SELECT * REPLACE (1.005::DOUBLE AS amount) FROM (${rows(['T'])})`,
    )
    await writeParquet(lake.absolute(`${folder}/a.parquet`), rows(['A']))
    const ended = await run(lake)
    expect(ended.code).toBe(1)
    expect(ended.stderr).toMatch(/t\.parquet {2}lies in the table, but column amount is double/)
    expect(await ids(lake)).toEqual(['T'])
  })
})

describe.concurrent('where the output goes', () => {
  it.each(['quarantine', 'quarantine/chargebacks', 'quarantine/x'])('is never %s', async (outputPath) => {
    const lake = makeLake()
    await writeParquet(lake.absolute(`${folder}/a.parquet`), rows(['A']))
    const before = snapshot(lake.root)
    expectRefusal(await run(lake, '--output-path', outputPath), /overlaps quarantine\//)
    expect(snapshot(lake.root)).toEqual(before)
    lake.remove()
  })

  const other = '/dev/shm'
  const isOther = fs.existsSync(other) && fs.statSync(other).dev !== fs.statSync(makeLake().root).dev
  it.skipIf(!isOther)('on another file system is refused before anything is decided (needs /dev/shm)', async () => {
    const lake = makeLake()
    const elsewhere = fs.mkdtempSync(path.join(other, 'millrace-'))
    await writeParquet(lake.absolute(`${folder}/a.parquet`), rows(['A']))
    fs.symlinkSync(elsewhere, lake.absolute('consolidated'))
    const ended = await run(lake)
    expect(ended.code).toBe(1)
    expect(ended.stderr).toMatch(/lies on another file system than _millrace\//)
    fs.rmSync(lake.absolute('consolidated'))
    expectMetrics(await run(lake), { records: 1, duplicates: 0, files: 1 })
    fs.rmSync(elsewhere, { recursive: true })
    lake.remove()
  })

  it('has a quarantine of its own for every path', async ({ onTestFinished }) => {
    const lake = makeLake()
    onTestFinished(lake.remove)
    await writeParquet(lake.absolute(`${folder}/a.parquet`), rows(['A', null]))
    expectMetrics(await run(lake), { records: 2, duplicates: 0, files: 1 })
    expectMetrics(await run(lake, '--output-path', 'other/cb'), { records: 2, duplicates: 0, files: 1 })
    expect(await quarantined(lake)).toHaveLength(2)
    const sql =
      'select count(*) n from quarantine.chargebacks union all select count(*) from quarantine.chargebacks_other_cb'
    expect(JSON.parse((await millrace(['sql', sql, '--root', lake.root, '--json'])).stdout)).toEqual([
      { n: '1' },
      { n: '1' },
    ])
    // The other one is lost and built anew: the first keeps its own.
    fs.rmSync(lake.absolute(partitionOf(day, 'other/cb')), { recursive: true })
    expectMetrics(await run(lake, '--output-path', 'other/cb'), { records: 2, duplicates: 0, files: 1 })
    expect(await quarantined(lake)).toHaveLength(2)
    expect(await ids(lake)).toEqual(['A'])
  })
})

describe.concurrent('a landed file', () => {
  it('with a value that its type cannot become costs itself, not the day', async ({ onTestFinished }) => {
    const lake = makeLake()
    onTestFinished(lake.remove)
    const late = `SELECT * REPLACE (DATE '5874897-12-31' AS event_timestamp) FROM (${rows(['L'])})`
    await writeParquet(lake.absolute(`${folder}/late.parquet`), late)
    await writeParquet(lake.absolute(`${folder}/a.parquet`), rows(['A']))
    const ended = await run(lake)
    expectMetrics(ended, { records: 1, duplicates: 0, files: 1 })
    expect(listedUnreadable(lake, day).map(({ path: file }) => file)).toEqual([`${folder}/late.parquet`])
    expect(await ids(lake)).toEqual(['A'])
  })

  it.each(['1 AS file_index', "'x' AS file_index", '1 AS filename', '1 AS file_row_number', '1 AS rowid'])(
    'may have a column that the engine uses itself: %s',
    async (column) => {
      const lake = makeLake()
      await writeParquet(lake.absolute(`${folder}/a.parquet`), rows(['A', null], `, ${column}`))
      await writeParquet(lake.absolute(`${folder}/b.parquet`), rows(['B', ' '], `, ${column}`))
      expectMetrics(await run(lake), { records: 4, duplicates: 0, files: 2 })
      expect(await ids(lake)).toEqual(['A', 'B'])
      const files = (await quarantined(lake)).map(({ quarantine_file: file }) => file).sort()
      expect(files).toEqual([`${folder}/a.parquet`, `${folder}/b.parquet`])
      lake.remove()
    },
  )
})

describe.concurrent('a day whose folder is gone', () => {
  it('and whose landed files have no rows left is empty once, and settled', async ({ onTestFinished }) => {
    const lake = makeLake()
    onTestFinished(lake.remove)
    await lake.land(folder, [soundFile('a.parquet', [{ chargeback_id: 'A' }])])
    expectMetrics(await run(lake), { records: 1, duplicates: 0, files: 1 })
    fs.rmSync(lake.absolute(target), { recursive: true })
    fs.writeFileSync(lake.absolute(`${folder}/a.parquet`), 'no longer Parquet')
    expectMetrics(await run(lake), { records: 0, duplicates: 0, files: 0 })
    const settled = snapshot(lake.root, ownFiles)
    const again = await run(lake)
    expectMetrics(again, { records: 0, duplicates: 0, files: 0 })
    expect(again.stderr).toContain('no new files')
    expect(snapshot(lake.root, ownFiles)).toEqual(settled)
    const counted = await millrace(['sql', 'select count(*) n from chargebacks', '--root', lake.root, '--json'])
    expect(JSON.parse(counted.stdout)).toEqual([{ n: '0' }])
  })
})

describe.concurrent('the command line', () => {
  it.each(['--dry-run=yes', '--dry-run=1', '--DRY_RUN=on'])('does not take %s for no', async (flag) => {
    const lake = makeLake()
    await writeParquet(lake.absolute(`${folder}/a.parquet`), rows(['A']))
    expectRefusal(await run(lake, flag), /is refused: expected a boolean, true or false/)
    expect(fs.existsSync(lake.absolute('consolidated'))).toBe(false)
    lake.remove()
  })

  it('refuses one parameter given in two spellings', async () => {
    const ended = await millrace(['plan', 'chargebacks', '--partition-date', day, `--PARTITION_DATE=${day}`])
    expectRefusal(ended, /--partition-date is given twice/)
  })

  it('goes on when the reader of its progress has gone', async ({ onTestFinished }) => {
    const lake = makeLake()
    onTestFinished(lake.remove)
    await writeParquet(lake.absolute(`${folder}/a.parquet`), rows(['A']))
    await millrace(['--version'])
    const script = 'node "$0" run chargebacks --root "$1" --partition-date "$2" 2>&1 | head -1; exit "${PIPESTATUS[0]}"'
    expect(spawnSync('bash', ['-c', script, program, lake.root, day]).status).toBe(0)
    expect(await ids(lake)).toEqual(['A'])
  })

  it('names the parameter of the configuration that is not there', async ({ onTestFinished }) => {
    const lake = makeLake()
    onTestFinished(lake.remove)
    const config = lake.absolute('millrace.config.ts')
    fs.writeFileSync(config, "export default { params: { chargebacks: { outputFileCnt: '3' } } }")
    expectRefusal(
      await run(lake, '--config', config),
      /there is no parameter outputFileCnt; did you mean outputFileCount\?/,
    )
  })

  it('takes flags before the pipeline', async () => {
    const ended = await millrace(['asl', '--env', 'prod', 'chargebacks'])
    expect(ended.stderr).toBe('')
    expect(ended.stdout).toContain('poc-chargeback-prod-chargebacks-consolidation')
  })
})

describe.concurrent('columns', () => {
  it('of no type fit every other, and zero rows fit anything', async ({ onTestFinished }) => {
    const lake = makeLake()
    onTestFinished(lake.remove)
    const nothing = path.join(lake.root, 'nothing.parquet')
    fs.copyFileSync(fileURLToPath(new URL('./null-columns.parquet', import.meta.url)), nothing)
    fs.mkdirSync(lake.absolute(folder), { recursive: true })
    fs.renameSync(nothing, lake.absolute(`${folder}/null.parquet`))
    await writeParquet(
      lake.absolute(`${folder}/a.parquet`),
      rows(['A'], ", TIMESTAMP '2025-11-03' AS resolved_at, ['q'] AS tags"),
    )
    await writeParquet(
      lake.absolute(`${folder}/b.parquet`),
      `SELECT * REPLACE (NULL AS amount) FROM (${rows(['B'])}) WHERE false`,
    )
    expectMetrics(await run(lake), { records: 2, duplicates: 0, files: 2 })
    expect(await ids(lake)).toEqual(['A', 'N'])
    expect(listedUnreadable(lake, day)).toEqual([])
    const files = lake.absolute(`${target}/*.parquet`).replaceAll(/[[\]]/g, '[$&]').replaceAll("'", "''")
    const [types] = await rowsOf(
      `SELECT DISTINCT typeof(resolved_at) AS r, typeof(tags) AS t, typeof(nothing) AS n FROM read_parquet('${files}')`,
    )
    expect(types).toEqual({ r: 'TIMESTAMP', t: 'VARCHAR[]', n: 'VARCHAR' })
  })

  it.each(['unnamed-column.parquet', 'wide-decimal.parquet'])(
    'that no table can hold cost their file: %s',
    async (name) => {
      const lake = makeLake()
      await writeParquet(lake.absolute(`${folder}/a.parquet`), rows(['A']))
      fs.copyFileSync(fileURLToPath(new URL(`./${name}`, import.meta.url)), lake.absolute(`${folder}/odd.parquet`))
      expectMetrics(await run(lake), { records: 1, duplicates: 0, files: 1 })
      expect(listedUnreadable(lake, day).map(({ path: file }) => file)).toEqual([`${folder}/odd.parquet`])
      lake.remove()
    },
  )

  it('that came later leave earlier rows of the quarantine readable', async ({ onTestFinished }) => {
    const lake = makeLake()
    onTestFinished(lake.remove)
    await writeParquet(lake.absolute(`${folder}/a.parquet`), rows(['A', null]))
    expect((await run(lake)).code).toBe(0)
    await writeParquet(lake.absolute(`${folder}/b.parquet`), rows(['B', null], ', 1 AS risk'))
    expect((await run(lake)).code).toBe(0)
    await writeParquet(lake.absolute(`${folder}/c.parquet`), rows(['C'], ", 'x' AS other"))
    expect((await run(lake)).code).toBe(0)
    const sql = 'select risk, count(*) n from quarantine.chargebacks group by 1 order by 1'
    const asked = await millrace(['sql', sql, '--root', lake.root, '--json'])
    expect(asked.stderr).toBe('')
    expect(JSON.parse(asked.stdout)).toEqual([
      { risk: 1, n: '1' },
      { risk: null, n: '1' },
    ])
  })
})

describe.concurrent('a definition', () => {
  it('that is mended reads again what it had refused', async ({ onTestFinished }) => {
    const lake = makeLake()
    onTestFinished(lake.remove)
    await writeParquet(
      lake.absolute(`${folder}/a.parquet`),
      `SELECT * REPLACE (1.25::DECIMAL(18, 2) AS amount) FROM (${rows(['A'])})`,
    )
    const source = (type: string): string => `
      import { consolidate, datedFolder, dayPartitions, definePipeline, newest } from '${fileURLToPath(new URL('../../../dist/index.js', import.meta.url))}'
      export default definePipeline({ name: 'own', description: '', params: {}, metrics: ['records_processed', 'output_files'], tasks: () => [
        consolidate('one', {
          from: datedFolder('landing/chargebacks', { day: '${day}' }),
          columns: { chargeback_id: 'string', amount: '${type}' }, reject: {},
          keep: newest({ key: 'chargeback_id', by: ['amount'] }),
          to: dayPartitions('consolidated/own', { files: 1, codec: 'snappy' }),
        }),
      ] })`
    const file = lake.absolute('own.mjs')
    const own = async (type: string): Promise<Ended> => {
      fs.writeFileSync(file, source(type))
      // In a process of its own: a module is loaded once.
      return await millrace(['run', file, '--root', lake.root], { folder: lake.root })
    }
    expect((await own('decimel(18,2)')).stderr).toMatch(/column amount: "decimel\(18,2\)" is no column type/)
    expect((await own('int')).stdout).toMatch(/records_processed=0, output_files=0/)
    expect((await own('int')).stderr).toContain('no new files')
    expect((await own('decimal(18,2)')).stdout).toMatch(/records_processed=1, output_files=1/)
    expect((await own('decimal(18,2)')).stderr).toContain('no new files')
  })
})

describe.concurrent('paths', () => {
  it.each(['consolidated/chargebacks/year=2025/inner', 'a=b'])(
    'of partitions are no output path: %s',
    async (outputPath) => {
      const lake = makeLake()
      await writeParquet(lake.absolute(`${folder}/a.parquet`), rows(['A']))
      expectRefusal(await run(lake, '--output-path', outputPath), /a name with "=" is a partition of another table/)
      lake.remove()
    },
  )

  it('that end alike are two tables', async ({ onTestFinished }) => {
    const lake = makeLake()
    onTestFinished(lake.remove)
    await writeParquet(lake.absolute(`${folder}/a.parquet`), rows(['A']))
    expect((await run(lake)).code + (await run(lake, '--output-path', 'a/consolidated/chargebacks')).code).toBe(0)
    const counted = await millrace([
      'sql',
      'select count(*) n from consolidated.chargebacks',
      '--root',
      lake.root,
      '--json',
    ])
    expect(JSON.parse(counted.stdout)).toEqual([{ n: '1' }])
  })

  it('of a root that is empty are refused', async () => {
    expectRefusal(await millrace(['run', 'chargebacks', '--root', '']), /--root is empty/)
    expectRefusal(await millrace(['run', 'chargebacks', '--root=']), /--root is empty/)
  })

  it('that are files are named', async ({ onTestFinished }) => {
    const lake = makeLake()
    onTestFinished(lake.remove)
    await writeParquet(lake.absolute(`${folder}/a.parquet`), rows(['A']))
    fs.writeFileSync(lake.absolute('consolidated'), '')
    const ended = await run(lake)
    expect(ended.code).toBe(1)
    expect(ended.stderr).toMatch(/consolidated.*A part of that path is a file; move it away/)
    fs.rmSync(lake.absolute('consolidated'))
    expectMetrics(await run(lake), { records: 1, duplicates: 0, files: 1 })
  })
})

/** The stages one by one, the process control of runs, the catalog, and what is refused before any work. */
import * as fs from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Ended, millrace } from '../../cli.ts'
import { endStarted, startMillrace, until } from '../../crash/process.ts'
import { snapshot } from '../chargebacks/lake.ts'
import { makeLake } from './lake.ts'
import { cdc, type Definition, load } from './landing.ts'
import { type ProcessControlRow, processControlRows } from './process-control.ts'
import { readZones } from './zones.ts'

const plain = 'id bigint, note string'
const change = 'Op string, id bigint, note string'
const fillers = Array.from({ length: 12 }, (_, index) => `FILLER_${index + 10}`)
const staged = ['STAGED_B', 'STAGED_A', 'STAGED_C']
const definitions = ['FIELD', 'OWNER', ...staged, ...fillers].map((table): Definition => {
  return { table, primaryKey: ['id'], columns: { id: 'bigint', note: 'string' } }
})
const lake = makeLake(definitions)
const rooted = (...args: string[]): Promise<Ended> => millrace([...args, '--root', lake.root])

beforeAll(async () => {
  await lake.land('FIELD', load(1, plain, [1, 'a'], [2, 'b']), cdc('20251102-080000000', change, ['U', 1, 'c']))
  await lake.land('FIELD', cdc(8, `${change}, extra int`, ['I', 3, 'd', 7], ['D', 2, null, null]))
  await lake.land('OWNER', load(1, plain, [1, 'o']))
})
afterAll(() => {
  endStarted()
  lake.remove()
})

describe('an unreachable process-control database', () => {
  it('is a clear error before any work, and its password is nowhere', async () => {
    const before = lake.snapshot()
    const url = 'postgresql://someone:hidden-word@127.0.0.1:1/control'
    const ended = await millrace(['run', 'carsdm', ...lake.flagsOf({ flags: ['--pg-url', url] })])
    expect(ended.code).not.toBe(0)
    expect(ended.stderr).toMatch(/127\.0\.0\.1:1/)
    expect(ended.stderr).not.toMatch(/\n\s+at /) // a stack trace is no message
    expect(ended.stderr + ended.stdout).not.toContain('hidden-word')
    expect(lake.snapshot()).toEqual(before)
    for (const file of Object.keys(snapshot(lake.root))) {
      const isText = /\.(jsonl?|txt|log)$/.test(file)
      if (isText) expect(fs.readFileSync(lake.absolute(file), 'utf8'), file).not.toContain('hidden-word')
    }
  })
})

describe('wrong usage', () => {
  it.each([
    ['--deletes', 'maybe'],
    ['--cdc-retention-days', '-1'],
    ['--run-date', '2025-02-30'],
    ['--on-bad-file', 'skip'],
    ['--table-format', 'csv'],
  ])('%s %s is refused before any work', async (flag, value) => {
    const ended = await rooted('run', 'carsdm', '--tables-file', lake.tablesFile, flag, value)
    expect(ended.code, ended.stderr).toBe(2)
    expect(ended.stderr).toContain(flag)
    expect(fs.existsSync(lake.absolute('landing/cars/Datasets'))).toBe(false)
  })
})

describe('process control', () => {
  const statuses = (jobs: ProcessControlRow[]): string[] => jobs.map(({ job_stat_nm: status }) => status)
  let earlier = 0

  it('has a row for every run', async () => {
    // The tables file is found from the working folder.
    const relative = lake.flagsOf({}).map((flag) => (flag === lake.tablesFile ? 'tables.json' : flag))
    const ended = await millrace(['run', 'carsdm', ...relative], { folder: lake.home })
    expect(ended.code, ended.stderr).toBe(0)
    expect(ended.stdout).toMatch(/^METRICS: .*\n$/)
    earlier = (await processControlRows(lake.root)).length - 1
    await lake.run()
    for (const table of ['FIELD', 'OWNER']) await lake.expectTable(table)
    const jobs = (await processControlRows(lake.root)).slice(earlier)
    expect(statuses(jobs)).toEqual(['Complete', 'Complete'])
    for (const job of jobs) {
      expect(job.data_ppln_nm).toMatch(/carsdm/i)
      expect(job.sf_nm).not.toBe('')
      expect(Number(job.job_end_dttm)).toBeGreaterThanOrEqual(Number(job.job_strt_dttm))
      expect(job.err_msg).toBeNull()
    }
  })

  it('closes the row of a run that was killed', async () => {
    for (const table of fillers) await lake.land(table, cdc(8, change, ['I', 1, table]))
    const killed = startMillrace(['run', 'carsdm', ...lake.flagsOf({})])
    const datasets = lake.absolute('landing/cars/Datasets')
    await until('a table has landed', () => fs.readdirSync(datasets).some((name) => fillers.includes(name)), 60_000)
    killed.kill('SIGKILL')
    expect((await killed.exited).signal).toBe('SIGKILL')
    await lake.run()
    for (const table of fillers) await lake.expectTable(table)
    const jobs = (await processControlRows(lake.root)).slice(earlier)
    expect(statuses(jobs)).toEqual(['Complete', 'Complete', 'Error', 'Complete'])
    expect(jobs.filter(({ job_end_dttm: end }) => end === null)).toEqual([])
    expect(jobs[2]?.err_msg).not.toBeNull()
  })
})

describe('the catalog', () => {
  it('has Final and the CDC zone with their columns and partitions', async () => {
    const tables = JSON.parse((await rooted('tables', '--json')).stdout)
    const named = (database: string, table: string) =>
      tables.find((one: { name: unknown }) => JSON.stringify(one.name) === JSON.stringify({ database, table }))
    for (const table of ['FIELD', 'OWNER', ...fillers]) {
      const answer = lake.answer(table)
      const columns = answer.columns.map(({ name, type }) => ({ name, type }))
      expect(named('final_cars', table), table).toMatchObject({
        columns,
        rows: answer.final.length,
        partitionColumns: [],
      })
      const zone = named('final_cars__cdc', table)
      const dates = [...new Set(answer.changes.map((row) => row.dart_filedate))]
      const partitions = (zone?.partitions ?? []).map(({ values }: { values: unknown }) => values)
      expect(partitions, table).toEqual(dates.map((value) => [{ column: 'dart_filedate', value }]))
      if (dates.length === 0) continue
      expect(zone.rows, table).toBe(answer.changes.length)
      const names = zone.columns.map((column: { name: string }) => column.name.toLowerCase())
      const origin = ['op', 'dms_commit_ts', 'dart_source_file', 'dart_source_row']
      expect(names).toEqual([...columns.map(({ name }) => name), ...origin])
    }
  })

  it('is what sql asks', async () => {
    const asked = async (sql: string): Promise<unknown> => {
      const { stdout, stderr } = await rooted('sql', sql, '--json')
      expect(stderr).toBe('')
      return JSON.parse(stdout)
    }
    expect(await asked('select id::int id, note, extra from final_cars."FIELD" order by id')).toEqual([
      { id: 1, note: 'c', extra: null },
      { id: 2, note: 'b', extra: null },
      { id: 3, note: 'd', extra: 7 },
    ])
    const counts = 'dart_filedate::varchar d, count(*)::int n, count(*) filter ("Op" = \'D\')::int deletes'
    expect(await asked(`select ${counts} from final_cars__cdc."FIELD" group by all order by all`)).toEqual([
      { d: '2025-11-02', n: 1, deletes: 0 },
      { d: '2025-11-03', n: 2, deletes: 1 },
    ])
  })
})

describe('one stage after the other', () => {
  const only = (task: string) => lake.run({ flags: ['--only', task] })

  it('LandingFiles fills Datasets and nothing else', async () => {
    for (const table of staged) await lake.land(table, load(1, plain, [1, 'l'], [null, 'no key']))
    await lake.land('STAGED_A', cdc(8, change, ['D', 1, null], ['I', 2, 'c']))
    await lake.land('FIELD', cdc(9, change, ['U', 1, 'staged']))
    const field = lake.snapshot('FIELD')
    await only('LandingFiles')
    for (const table of staged) {
      const { datasets, final, changes, quarantined } = await readZones(lake.root, table)
      expect(datasets.rows).toHaveLength(lake.answer(table).datasets.length)
      expect([...final.rows, ...changes.rows, ...quarantined.rows]).toEqual([])
    }
    expect(lake.snapshot('FIELD')).toMatchObject(isFinal(field))
  })

  it('get-incremental-tables names the tables, sorted and once each', async () => {
    await only('get-incremental-tables')
    expect(lake.toldTables()).toEqual(['FIELD', 'STAGED_A', 'STAGED_B', 'STAGED_C'])
  })

  it('Cars-Raw-DM brings them into the zones', async () => {
    await only('Cars-Raw-DM')
    for (const table of ['FIELD', 'OWNER', ...staged]) await lake.expectTable(table)
    const before = lake.snapshot()
    await only('Cars-Raw-DM')
    await lake.run()
    expect(lake.snapshot()).toEqual(before)
  })
})

function isFinal(files: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).filter(([file]) => file.startsWith('final/')))
}

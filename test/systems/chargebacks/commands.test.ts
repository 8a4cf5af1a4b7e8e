/** The commands that look, on a root that has a sample and a run. */
import * as fs from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import * as path from 'node:path'
import aslValidator from 'asl-validator'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Ended, millrace } from '../../cli.ts'
import { deadProcess } from '../../crash/process.ts'
import { metricsOf } from './expectations.ts'
import { makeLake, snapshot } from './lake.ts'

const lake = makeLake()
const rooted = (...args: string[]): Promise<Ended> => millrace([...args, '--root', lake.root])
let planned: Ended
let run: Ended
let runId = ''
let day = ''
let afterPlan: Record<string, string> = {}
let beforePlan: Record<string, string> = {}

beforeAll(async () => {
  const sample = await rooted('sample', 'chargebacks', '--rows', '1500', '--seed', '7')
  expect(sample.code, sample.stderr).toBe(0)
  const [first] = fs
    .readdirSync(lake.absolute('landing/chargebacks'), { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.parquet'))
  day = path.dirname(first ?? '').replaceAll('/', '-')
  beforePlan = snapshot(lake.root)
  planned = await rooted('plan', 'chargebacks', '--partition-date', day, '--output-file-count', '3', '--json')
  afterPlan = snapshot(lake.root)
  run = await rooted('run', 'chargebacks', '--partition-date', day, '--output-file-count', '3')
  runId = fs.readdirSync(lake.absolute('_millrace/runs'))[0] ?? ''
})
afterAll(lake.remove)

describe('plan', () => {
  it('prints the Plan that the run then executes and keeps, and does nothing itself', () => {
    expect(planned.code, planned.stderr).toBe(0)
    expect(run.code, run.stderr).toBe(0)
    const { tasks } = JSON.parse(planned.stdout)
    expect(tasks).toHaveLength(1)
    expect(tasks[0].plans).toHaveLength(1)
    const folder = lake.absolute(`_millrace/runs/${runId}/plans`)
    const kept = fs.readdirSync(folder).map((name) => JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8')))
    expect(kept).toEqual(tasks[0].plans)
    expect(kept[0]).toMatchObject({ planVersion: 1, pipeline: 'chargebacks', partition: day })
    expect(kept[0].inputs[0].files).toHaveLength(3)
    expect(afterPlan).toEqual(beforePlan)
  })

  it('reads as text, and says so when there is nothing to do', async () => {
    const args = ['--partition-date', day, '--output-file-count', '3']
    expect((await rooted('plan', 'chargebacks', ...args)).stdout).toMatch(/no new files \(4 consumed before\)/)
    const other = await rooted('plan', 'chargebacks', '--partition-date', day, '--output-file-count', '4')
    expect(other.stdout).toMatch(/kept: 4 files, snappy → consolidated\/chargebacks\/year=/)
  })
})

describe('drafts that killed processes left', () => {
  it('are removed by whoever looks at the tables, those of living processes are not', async () => {
    const drafts = lake.absolute('_millrace/drafts')
    const draftOf = (pid: number): string => `${pid}.0123456789ab@${hostname()}`
    fs.mkdirSync(drafts, { recursive: true })
    for (const pid of [deadProcess(), process.pid]) fs.writeFileSync(path.join(drafts, draftOf(pid)), '{"run": "char')
    expect((await rooted('tables')).code).toBe(0)
    expect(fs.readdirSync(drafts)).toEqual([draftOf(process.pid)])
    fs.rmSync(drafts, { recursive: true })
  })
})

describe('sample', () => {
  it('gives the same files for the same seed, and others for another', async () => {
    const [same, other] = [makeLake(), makeLake()]
    const make = (root: string, seed: string): Promise<Ended> =>
      millrace(['sample', 'chargebacks', '--rows', '1500', '--seed', seed, '--root', root])
    await Promise.all([make(same.root, '7'), make(other.root, '8')])
    const contents = (root: string): string[] => Object.values(snapshot(path.join(root, 'landing'))).sort()
    expect(contents(same.root)).toEqual(contents(lake.root))
    expect(contents(other.root)).not.toEqual(contents(lake.root))
    same.remove()
    other.remove()
  })
})

describe.concurrent('looking', () => {
  it('list names the pipelines', async () => {
    expect(JSON.parse((await millrace(['list', '--json'])).stdout)).toEqual([
      { name: 'chargebacks', description: expect.stringContaining('partition') },
      { name: 'carsdm', description: expect.stringContaining('Final zone') },
      { name: 'farm-records', description: expect.stringContaining('back to PostgreSQL') },
      { name: 'farm-records-maintenance', description: expect.stringContaining('weekly') },
      { name: 'flywheel', description: expect.stringContaining('both flywheel pipelines') },
      { name: 'flywheel-bucketed', description: expect.stringContaining('Hive-bucketed') },
      { name: 'flywheel-partitioned', description: expect.stringContaining('a partition a snapshot') },
    ])
    expect((await millrace(['list'])).stdout).toMatch(/^chargebacks {2}/m)
  })

  it('runs and show read the run from its log', async () => {
    const runs = JSON.parse((await rooted('runs', '--json')).stdout)
    expect(runs.map((state: { run: string }) => state.run)).toEqual([runId])
    expect((await rooted('runs')).stdout).toContain(runId)
    const shown = await rooted('show', runId)
    expect(shown.code).toBe(0)
    expect(metricsOf(shown.stdout)).toEqual(metricsOf(run.stdout))
    expect(shown.stdout).toMatch(/task consolidate-chargebacks: succeeded/)
    expect(shown.stdout).toMatch(/blank_keys +\d/)
    expect(shown.stdout).toMatch(/warning .*flink-cut-off\.parquet/)
    expect(JSON.parse((await rooted('show', '--json')).stdout)).toMatchObject({
      run: runId,
      metrics: { output_files: 3 },
    })
  })

  it('tables and sql read the catalog', async () => {
    const [table] = JSON.parse((await rooted('tables', '--json')).stdout)
    const rows = 1500 - metricsOf(run.stdout).duplicates
    expect(table).toMatchObject({ name: { database: 'consolidated', table: 'chargebacks' } })
    expect(table.rows).toBe(rows)
    expect((await rooted('tables')).stdout).toMatch(/consolidated\.chargebacks +1 +3/)
    const sql = 'select count(*)::int n, count(distinct chargeback_id)::int ids, min("year") y from chargebacks'
    const counted = await rooted('sql', sql, '--json')
    expect(JSON.parse(counted.stdout)).toEqual([{ n: rows, ids: rows, y: day.slice(0, 4) }])
    expect((await rooted('sql', sql)).stdout).toMatch(/^ *n +ids +y\n/)
    const wrong = await rooted('sql', 'select 1 from chargeback')
    expect(wrong.code).toBe(1)
    expect(wrong.stderr).toMatch(/chargeback.*does not exist/)
    expect(wrong.stderr).toMatch(/chargebacks/)
  })

  it('asl prints a state machine that the validator accepts', async () => {
    for (const more of [[], ['--json']]) {
      const asl = await millrace(['asl', 'chargebacks', '--env', 'prod', ...more])
      expect(asl.code, asl.stderr).toBe(0)
      const definition = JSON.parse(asl.stdout)
      expect(aslValidator(definition)).toMatchObject({ isValid: true, errors: [] })
      expect(definition.StartAt).toBe('consolidate-chargebacks')
      expect(asl.stdout).toContain('poc-chargeback-prod-chargebacks-consolidation')
    }
  })

  it('doctor says what is here', async () => {
    const doctor = await rooted('doctor', '--json')
    expect(doctor.code, doctor.stdout).toBe(0)
    const parts: { part: string; state: string; mend: string }[] = JSON.parse(doctor.stdout)
    expect(parts.filter(({ state }) => state === 'ok').map(({ part }) => part)).toEqual(
      expect.arrayContaining(['node', 'machine', 'duckdb', 'root']),
    )
    for (const { state, mend } of parts) expect(mend === '').toBe(state === 'ok')
  })

  it('help and version say what there is, on standard output', async () => {
    const { version } = JSON.parse(fs.readFileSync(path.resolve(import.meta.dirname, '../../../package.json'), 'utf8'))
    expect(await millrace(['--version'], { folder: tmpdir() })).toMatchObject({ code: 0, stdout: `${version}\n` })
    const help = await millrace(['--help'])
    expect(help.code).toBe(0)
    for (const name of ['sample', 'run', 'plan', 'retry', 'list', 'runs', 'show', 'tables', 'sql', 'asl', 'doctor']) {
      expect(help.stdout).toMatch(new RegExp(`^ {2}${name}( |$)`, 'm'))
    }
    const ofRun = await millrace(['run', 'chargebacks', '--help'])
    expect(ofRun.stdout).toMatch(/--output-file-count NUMBER/)
    expect(ofRun.stdout).toMatch(/--dry-run/)
    expect((await millrace([])).code).toBe(2)
  })
})

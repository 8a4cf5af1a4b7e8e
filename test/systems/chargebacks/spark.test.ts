/** The same Plan on Spark gives the same rows, and Millrace commits them in the same way. */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { findSpark } from '../../../src/engines/spark.ts'
import { millrace } from '../../cli.ts'

const found = await findSpark()
const missing = 'missing' in found ? `: ${found.missing}` : ''
const timeoutMs = 300_000 // Spark starts in 5 s, and several times that on a busy machine

const home = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-spark-'))
afterAll(() => fs.rmSync(home, { recursive: true, force: true }))

/** A plan without what names the run it was made for. */
function planOf(root: string): unknown {
  const runs = path.join(root, '_millrace/runs')
  const [run] = fs.readdirSync(runs)
  const folder = path.join(runs, run as string, 'plans')
  return JSON.parse(fs.readFileSync(path.join(folder, fs.readdirSync(folder)[0] as string), 'utf8'))
}

describe.skipIf(missing !== '')(`chargebacks on Spark${missing}`, () => {
  it(
    'executes exactly the plan that DuckDB executes, and gives equal rows',
    async () => {
      const roots = { duckdb: path.join(home, 'duckdb'), spark: path.join(home, 'spark') }
      expect((await millrace(['sample', 'chargebacks', '--rows', '3000', '--root', roots.duckdb])).code).toBe(0)
      fs.cpSync(roots.duckdb, roots.spark, { recursive: true })
      const answers: unknown[] = []
      for (const [engine, root] of Object.entries(roots)) {
        const { code, stdout, stderr } = await millrace([
          'run',
          'chargebacks',
          '--root',
          root,
          '--engine',
          engine,
          '--json',
        ])
        expect(code, stderr).toBe(0)
        const { metrics, warnings, tasks } = JSON.parse(stdout)
        const sql = 'select * from chargebacks order by chargeback_id'
        const rows = await millrace(['sql', sql, '--root', root, '--json'])
        const quarantine = 'select * from quarantine.chargebacks order by all'
        const rejected = await millrace(['sql', quarantine, '--root', root, '--json'])
        expect(rows.code + rejected.code, rows.stderr + rejected.stderr).toBe(0)
        const { checks, counts, outputFiles } = tasks[0].partitions[0]
        const { duration_seconds: _, ...counted } = metrics
        answers.push({ counted, warnings, checks, counts, outputFiles, rows: rows.stdout, rejected: rejected.stdout })
      }
      expect(answers[1]).toEqual(answers[0])
      expect(JSON.parse((answers[0] as { rows: string }).rows).length).toBe(2997)
      expect(planOf(roots.spark)).toEqual(planOf(roots.duckdb))
    },
    timeoutMs,
  )
})

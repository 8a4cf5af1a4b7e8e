import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expandPortable } from '../../src/engines/portable.ts'
import sparkEngine, { findSpark } from '../../src/engines/spark.ts'
import type { Plan } from '../../src/types.ts'
import { bucketSuite } from './buckets.ts'
import { conversionSuite } from './conversions.ts'
import { columns, inputOf, type Lake, makeLake, planOf } from './lake.ts'
import { engineSuite } from './suite.ts'

const found = await findSpark()
const skip = 'missing' in found ? `${found.missing}; run: ${found.mend}` : undefined
const timeoutMs = 300_000 // starting Spark takes 5 s, and several times that where the machine is busy

engineSuite('spark', () => sparkEngine(), { skip, timeoutMs, afterCancel: expectNoProcess })
conversionSuite('spark', () => sparkEngine(), { skip, timeoutMs })
bucketSuite('spark', () => sparkEngine(), { skip, timeoutMs })

/** Processes on Linux only: elsewhere the end of the engine's promise has to do. */
async function expectNoProcess(root: string): Promise<void> {
  expect(await processesOf(root)).toEqual([])
  expect(await fs.readdir(`${root}/_spill`)).toEqual([])
}

/** The numbers of the processes that were started for a root. */
async function processesOf(root: string): Promise<string[]> {
  if (process.platform !== 'linux') return []
  const found: string[] = []
  for (const id of (await fs.readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const line = await fs.readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '')
    if (line.includes(root)) found.push(id)
  }
  return found
}

describe('findSpark', () => {
  it('says what is missing and what mends it', async () => {
    expect(await findSpark({ python: './no/such/python' })).toMatchObject({
      missing: expect.stringMatching(/^Python 3\.8 or later: \/.*no\/such\/python is not on this machine$/),
      mend: expect.stringContaining('install'),
    })
  })

  it('is not asked before a plan needs Spark', async () => {
    const engine = sparkEngine({ python: './no/such/python' })
    const lake = await makeLake()
    const nothing = { files: [], rows: {}, superseded: {}, metrics: {} }
    expect(await engine.execute(planOf({ inputs: [], views: [], outputs: [] }), lake.context())).toEqual(nothing)
    const plan = planOf({ inputs: [inputOf('input', columns('id bigint'), [])], views: [], outputs: [] })
    await expect(engine.execute(plan, lake.context())).rejects.toMatchObject({ code: 'missing-tool' })
    await lake.remove()
  })
})

describe.skipIf(skip !== undefined)(`spark alone${skip === undefined ? '' : ` (skipped: ${skip})`}`, () => {
  let lake: Lake
  beforeAll(async () => {
    lake = await makeLake()
  })
  afterAll(() => lake.remove())

  it('expands portable SQL in Python as Node does', () => {
    const queries = [
      `SELECT is_blank(a), "x""y\`z" FROM t -- is_blank(b)\nWHERE b = 'it''s \\ ''''' /* ' */ AND to_text(c) = ''`,
      `IS_BLANK ( a ) is_blank(f(1, '),(', [2])) _is_blank(1) 1is_blank(2) matches(a, '$1 {whitespace}')`,
      `days_between(add_days(a, 1), ') ''') {whitespace} ünï a-b/c to_text()`,
    ]
    const program = `
import json, sys
sys.path.insert(0, sys.argv[1])
import runner
functions = json.load(open(sys.argv[1] + '/../portable-functions.json'))
print(json.dumps([runner.expand(sql, functions) for sql in json.load(sys.stdin)]))`
    const folder = fileURLToPath(new URL('../../src/engines/spark', import.meta.url))
    const python = 'python' in found ? found.python : 'python3'
    const output = execFileSync(python, ['-B', '-c', program, folder], {
      input: JSON.stringify(queries),
      encoding: 'utf8',
    })
    expect(JSON.parse(output)).toEqual(queries.map((query) => expandPortable(query, 'spark')))
  })

  it(
    'executes plan after plan in one Spark that keeps nothing of the plan before, and in another where that was killed',
    async () => {
      const engine = sparkEngine()
      const file = await lake.write('n.parquet', columns('n bigint'), 'SELECT range AS n FROM range(10)')
      const plan = (sql: string): Plan =>
        planOf({
          inputs: [inputOf('numbers', columns('n bigint'), [file])],
          views: [{ name: 'kept', once: true, sql }],
          metrics: [{ name: 'counts', sql: 'SELECT count(*) AS found FROM kept' }],
          outputs: [],
        })
      const count = async (sql: string): Promise<unknown> =>
        (await engine.execute(plan(sql), lake.context())).metrics.counts?.found
      expect(await count('SELECT * FROM numbers')).toBe(10)
      const first = await processesOf(lake.root)
      expect(await count('SELECT * FROM numbers WHERE n > 6')).toBe(3)
      expect(await processesOf(lake.root)).toEqual(first)
      for (const id of first) process.kill(-Number(id), 'SIGKILL')
      await new Promise((resolve) => setTimeout(resolve, 500)) // until this process is told
      expect(await count('SELECT * FROM numbers WHERE n > 6')).toBe(3)
      await engine.close?.()
      await expectNoProcess(lake.root)
    },
    timeoutMs,
  )

  it(
    'fails where a value does not fit its output, rather than writing null',
    async () => {
      const file = await lake.write('big.parquet', columns('id bigint'), 'SELECT 5000000000::BIGINT AS id')
      const plan = planOf({
        inputs: [inputOf('big', columns('id bigint'), [file])],
        views: [],
        outputs: [{ name: 'out', view: 'big', columns: columns('id int'), codec: 'snappy', fileCount: 1 }],
      })
      const engine = sparkEngine()
      const failed = engine.execute(plan, lake.context())
      await expect(failed).rejects.toMatchObject({
        code: 'engine',
        message: expect.stringMatching(/output out.*5000000000/),
      })
    },
    timeoutMs,
  )
})

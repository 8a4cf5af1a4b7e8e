/** A pipeline with a Map on the command line: planned, run, shown, gone on with. */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Ended, millrace } from '../cli.ts'
import { landTables } from './lake.ts'

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-steps-cli-'))
const root = path.join(folder, 'lake')

const pipeline = `
import { call, choice, consolidate, datedFolder, dayPartitions, definePipeline, fail, map, newest, pass, withInput, z } from 'millrace'

const table = (name, table) => consolidate(name, {
  from: datedFolder('landing/' + table, { day: '2025-11-02' }),
  columns: { id: 'bigint', amount: 'decimal(18,2)' },
  reject: {},
  keep: newest({ key: 'id', by: ['amount'] }),
  to: dayPartitions('consolidated/' + table, { files: 1, codec: 'snappy' }),
})

export default definePipeline({
  name: 'mapped',
  description: 'tables of a file, each by itself',
  params: { tablesFile: z.string().default('tables.json'), isReadOnly: z.boolean().default(true) },
  metrics: ['records_processed'],
  load: async ({ tablesFile }, { read }) => JSON.parse(await read(tablesFile)),
  tasks: ({ isReadOnly }, tables) => [
    table('first', 'FIRST'),
    call('get-tables', { functionName: 'F', isReadOnly, run: async () => tables, outputPath: '$.Payload' }),
    map('Map', {
      maxConcurrency: 2,
      steps: [
        withInput('table', {
          bind: (input) => table('table', input),
          catch: [{ errors: ['States.ALL'], steps: [pass('Error', { result: { status: 'Error' } })] }],
        }),
      ],
    }),
    pass('Outcome', { parameters: { 'errors.$': "$[?(@.status == 'Error')]" } }),
    choice('Good?', {
      choices: [{ when: { Variable: '$.errors[0]', IsPresent: true }, steps: [fail('Bad', { cause: 'a table failed' })] }],
    }),
  ],
})
`

beforeAll(async () => {
  fs.mkdirSync(path.join(folder, 'node_modules'))
  fs.symlinkSync(fileURLToPath(new URL('../..', import.meta.url)), path.join(folder, 'node_modules/millrace'))
  fs.writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }')
  fs.writeFileSync(path.join(folder, 'mapped.ts'), pipeline)
  fs.writeFileSync(
    path.join(folder, 'millrace.config.ts'),
    "import p from './mapped.ts'\nexport default { pipelines: [p] }\n",
  )
  fs.writeFileSync(path.join(folder, 'tables.json'), '["FIELD", "CROP", "COUNTY"]')
  await landTables(root, ['FIRST', 'FIELD', 'COUNTY'])
})
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

const run = (...args: string[]): Promise<Ended> => millrace([...args, '--root', root], { folder })

it('is planned item by item, run, shown and gone on with', async () => {
  const planned = await run('plan', 'mapped')
  expect({ code: planned.code, stderr: planned.stderr }).toEqual({ code: 0, stderr: '' })
  expect(planned.stdout).toMatch(/^task first\n {2}2025-11-02\n/)
  expect(planned.stdout).toMatch(/\n\ntask table FIELD\n {2}2025-11-02\n/)
  expect(planned.stdout).toMatch(/\n\nstate table CROP\n {2}it would fail now: .*landing\/CROP/)
  const unknown = await run('plan', 'mapped', '--is-read-only', 'false', '--json')
  expect(JSON.parse(unknown.stdout).tasks).toMatchObject([
    { task: 'first', plans: [{ task: 'first' }], unchanged: [] },
    { state: 'Map', later: 'its items are planned when its state starts' },
  ])

  const failed = await run('run', 'mapped')
  expect([failed.code, failed.stdout]).toEqual([1, ''])
  expect(failed.stderr).toContain('Map  3 items, 2 at a time\n')
  expect(failed.stderr).toContain('table COUNTY  done in')
  expect(failed.stderr).toMatch(/table CROP {2}goes on with Error: .*landing\/CROP/)
  expect(failed.stderr).toContain('\nmillrace: a table failed\n')
  const shown = await run('show')
  expect(shown.stdout).toContain('map Map: 2 of 3 items succeeded')
  expect(shown.stdout).toMatch(/ {2}CROP +caught +.*landing\/CROP/)

  await landTables(root, ['CROP'])
  const retried = await run('retry')
  expect([retried.code, retried.stdout]).toEqual([0, 'METRICS: records_processed=40\n'])
  expect(retried.stderr).toContain('table CROP  done in')
  expect(retried.stderr).not.toContain('FIELD')
  const alone = await run('run', 'mapped', '--only', 'table')
  expect(alone.code).toBe(1)
  expect(alone.stderr).toContain('ItemsPath')
}, 60_000)

it('says where its definition is wrong, as wrong usage', async () => {
  const missing = await run('run', 'mapped', '--tables-file', 'tabels.json')
  expect([missing.code, missing.stderr]).toEqual([
    2,
    `millrace: tabels.json  cannot be read: there is no such file (looked at ${folder}/tabels.json)\n`,
  ])
  const only = await run('plan', 'mapped', '--only', 'tabel')
  expect([only.code, only.stderr]).toEqual([2, expect.stringContaining('did you mean table?')])
  const asl = await run('asl', 'mapped', '--json')
  expect(JSON.parse(asl.stdout).States['Good?'].Default).toBe('Good? done')
}, 60_000)

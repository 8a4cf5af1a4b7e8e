/** A pipeline's mistakes that the compiler must find: each marked line of the fixture, and no other. */
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { expect, it } from 'vitest'

const project = path.resolve(import.meta.dirname, '../..')

/** `// ✗ code text`: the line is an error of this code whose message has the text. */
const fixture = `
import { call, choice, codecs, consolidate, datedFolder, dayPartitions, defineConfig, definePipeline, every, map, newest, pass, yesterday, z } from 'millrace'

const shape = { partitionDate: z.iso.date(), files: z.int().default(10), codec: z.enum(codecs).default('snappy'), note: z.string().optional() }
const columns = { id: 'bigint' }

export const right = definePipeline({
  name: 'right',
  description: 'compiles',
  schedule: every('6 hours'),
  params: shape,
  defaults: (now) => ({ partitionDate: yesterday(now) }),
  check: ({ files, note }) => (files > 5 && note === undefined ? ['too many'] : []),
  metrics: [],
  tasks: ({ partitionDate, files, codec }) => [
    consolidate('task', {
      from: datedFolder('landing/x', { day: partitionDate }),
      columns,
      reject: {},
      keep: newest({ key: 'id', by: [] }),
      to: dayPartitions('consolidated/x', { files, codec }),
    }),
  ],
})

export const rightSteps = definePipeline({
  name: 'right-steps',
  description: 'compiles',
  params: shape,
  metrics: [],
  load: async ({ note }, { env, read }) => ({ env, tables: JSON.parse(await read(note ?? 'x.json')) as string[] }),
  tasks: ({ files }, { env, tables }) => [
    call('list', { functionName: env, run: async (_, { params }) => ({ tables, files, given: params.note ?? null }) }),
    map('Map', { items: '$.tables', steps: [pass('Pass')] }),
  ],
})

export const wrongSteps = definePipeline({
  name: 'wrong-steps',
  description: '',
  params: shape,
  metrics: [],
  load: async () => ({ tables: ['a'] }),
  tasks: (_, loaded) => [
    call('list', { functionName: loaded.table, run: async () => null }), // ✗ TS2551 Did you mean 'tables'?
    choice('Which', { choices: [{ when: { Variable: '$', NumericEqual: 1 }, steps: [] }] }), // ✗ TS2561 NumericEquals
    pass('Pass', { retries: [] }), // ✗ TS2353 retries
  ],
})

export const wrongName = definePipeline({
  name: 'wrong-name',
  description: '',
  params: shape,
  metrics: [],
  tasks: ({ partitonDate }) => [], // ✗ TS2339 partitonDate
})

export const wrongNameOfValue = definePipeline({
  name: 'wrong-name',
  description: '',
  params: shape,
  metrics: [],
  tasks: (params) => {
    void params.partitonDate // ✗ TS2551 Did you mean 'partitionDate'?
    const files: string = params.files // ✗ TS2322 'number' is not assignable to type 'string'
    const note: string = params.note // ✗ TS2322 undefined
    return [files, note].length > 5 ? [] : []
  },
})

export const wrongType = definePipeline({
  name: 'wrong-type',
  description: '',
  params: shape,
  metrics: [],
  tasks: ({ partitionDate, files, codec }) => [
    consolidate('task', {
      from: datedFolder('landing/x', { day: files }), // ✗ TS2322 number
      columns,
      reject: {},
      keep: newest({ key: 'id', by: [] }),
      to: dayPartitions('consolidated/x', { files: partitionDate, codec }), // ✗ TS2322 string
    }),
    consolidate('other', {
      from: datedFolder('landing/x', { day: 'all' }),
      columns,
      reject: {},
      keep: newest({ key: 'id', by: [] }),
      to: dayPartitions('consolidated/x', { files, codec: 'brotli' }), // ✗ TS2322 brotli
    }),
  ],
})

export const wrongElsewhere = definePipeline({
  name: 'wrong-elsewhere',
  description: '',
  params: shape,
  defaults: (now) => ({ partitionDate: now }), // ✗ TS2322 Date
  check: ({ fils }) => [], // ✗ TS2339 fils
  metrics: [],
  tasks: () => [],
})

export const config = defineConfig({
  root: 'lake',
  threds: 2, // ✗ TS2561 threads
})

export const nothing = definePipeline({ name: 'nothing', description: '', params: {}, metrics: [] }) // ✗ TS2741 tasks
`

it('a wrong parameter name or type in a pipeline is a compile error', () => {
  const folder = fs.mkdtempSync(path.join(tmpdir(), 'millrace-types-'))
  const config = {
    extends: path.join(project, 'tsconfig.json'),
    compilerOptions: {
      paths: { millrace: [path.join(project, 'src/index.ts')] },
      typeRoots: [path.join(project, 'node_modules/@types')],
      noUnusedLocals: false,
      noUnusedParameters: false,
    },
    include: [path.join(folder, 'pipeline.ts')],
  }
  fs.writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(config))
  fs.writeFileSync(path.join(folder, 'pipeline.ts'), fixture)
  fs.writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }')
  const compiler = path.join(project, 'node_modules/typescript/bin/tsc')
  const { stdout, status } = spawnSync(process.execPath, [compiler, '-p', folder, '--pretty', 'false'], {
    encoding: 'utf8',
  })
  fs.rmSync(folder, { recursive: true })
  // An error's further lines are indented and belong to it.
  const errors = stdout.split(/\n(?=\S)/).flatMap((text) => {
    const match = /\bpipeline\.ts\((\d+),\d+\): error (TS\d+): ([\s\S]*)/.exec(text)
    return match === null ? [] : [{ line: Number(match[1]), code: match[2], text: match[3] }]
  })
  const marked = fixture.split('\n').flatMap((text, index) => {
    const match = /\/\/ ✗ (TS\d+) (.*)$/.exec(text)
    return match === null ? [] : [{ line: index + 1, code: match[1], text: expect.stringContaining(match[2] ?? '') }]
  })
  expect(marked).toHaveLength(14)
  expect(errors, stdout).toEqual(marked)
  expect(status).not.toBe(0)
})

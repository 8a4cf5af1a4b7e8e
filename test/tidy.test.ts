/** Keeps the layout: imports go one way, shelves stand alone, nobody reads the environment, files stay small. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const linesMax = 400

/** A folder or file of src/ may import what has a lower rank, and within its own. */
const ranks: Record<string, number> = {
  types: 0,
  store: 0,
  errors: 0,
  events: 0,
  process: 0,
  stores: 1,
  formats: 2,
  postgres: 2,
  catalogs: 3,
  engines: 3,
  sources: 3,
  sinks: 3,
  iceberg: 4,
  cleanrooms: 4,
  define: 5,
  plan: 6,
  run: 7,
  deploy: 7,
  show: 8,
  index: 9,
  cli: 10,
}
const shelves = ['stores', 'formats', 'catalogs', 'engines', 'sources', 'sinks']
/** What the members of a shelf share. */
const shared = [
  'catalogs/glue-catalog',
  'engines/limiter',
  'engines/portable',
  'formats/column-types',
  'formats/file-identity',
]

type SourceFile = { name: string; text: string; imports: string[] }

function sources(folder: string): SourceFile[] {
  return fs
    .readdirSync(path.join(root, folder), { recursive: true })
    .map(String)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => {
      const text = fs.readFileSync(path.join(root, folder, file), 'utf8')
      const specifiers = [...text.matchAll(/(?:from|import\()\s*'([^']+)'/g)].map((match) => match[1] as string)
      const imports = specifiers.map((name) => (name.startsWith('.') ? path.join(path.dirname(file), name) : name))
      return { name: file.replace(/\.ts$/, ''), text, imports: imports.map((name) => name.replace(/\.ts$/, '')) }
    })
}

const src = sources('src')
const isOwn = (name: string): boolean => src.some((file) => file.name === name)
const top = (name: string): string => name.split('/')[0] as string
/** The member of a shelf a file belongs to: `engines/duckdb.ts` and `engines/duckdb/` are one. */
const member = (name: string): string => name.split('/').slice(0, 2).join('/')

describe('layout', () => {
  it('knows the rank of every file of src/', () => {
    expect(src.map(({ name }) => top(name)).filter((name) => ranks[name] === undefined)).toEqual([])
  })

  it('imports only downward', () => {
    const upward = src.flatMap(({ name, imports }) =>
      imports
        .filter((target) => isOwn(target) && (ranks[top(target)] as number) > (ranks[top(name)] as number))
        .map((target) => `${name} imports ${target}`),
    )
    expect(upward).toEqual([])
  })

  it('has shelves whose members do not know each other, and steps of one rank neither', () => {
    const sideways = src.flatMap(({ name, imports }) =>
      imports
        .filter((target) => isOwn(target) && ranks[top(target)] === ranks[top(name)] && ranks[top(name)] !== 0)
        .filter((target) => {
          if (top(target) !== top(name)) return true
          return shelves.includes(top(name)) && member(target) !== member(name) && !shared.includes(member(target))
        })
        .map((target) => `${name} imports ${target}`),
    )
    expect(sideways).toEqual([])
  })

  it('has no cycle of imports', () => {
    const state = new Map<string, 'open' | 'done'>()
    const cycles: string[] = []
    const visit = (name: string, trail: string[]): void => {
      if (state.get(name) === 'done') return
      if (state.get(name) === 'open') {
        cycles.push([...trail.slice(trail.indexOf(name)), name].join(' → '))
        return
      }
      state.set(name, 'open')
      const file = src.find((candidate) => candidate.name === name)
      for (const target of file?.imports ?? []) if (isOwn(target)) visit(target, [...trail, name])
      state.set(name, 'done')
    }
    for (const { name } of src) visit(name, [])
    expect(cycles).toEqual([])
  })

  it('keeps DuckDB inside its engine, and loads it on first use', () => {
    const users = src.filter(({ text }) => /from '@duckdb|import\('@duckdb/.test(text)).map(({ name }) => name)
    expect(users.every((name) => name.startsWith('engines/duckdb'))).toBe(true)
    const eager = src.filter(({ text }) => /^import (?!type\b).*'@duckdb/m.test(text)).map(({ name }) => name)
    expect(eager).toEqual([])
    const code = (text: string): string => text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')
    const mentions = src.filter(
      ({ name, text }) => /^(define|plan)\//.test(name) && /read_parquet|duckdb/i.test(code(text)),
    )
    // The configuration names the engines; nothing else above engines/ knows one.
    expect(mentions.map(({ name }) => name)).toEqual(['define/config'])
  })

  it('has no effects in define/ and plan/, and reads the environment only in bin/', () => {
    const effects = src
      .filter(({ name }) => /^(define|plan)\//.test(name))
      .filter(
        ({ text, imports }) =>
          imports.some((target) => target.startsWith('node:')) || /Date\.now|new Date\(\)/.test(text),
      )
    expect(effects.map(({ name }) => name)).toEqual([])
    expect(src.filter(({ text }) => text.includes('process.env')).map(({ name }) => name)).toEqual([])
  })

  it('has systems that use only what the package exports', () => {
    const outside = sources('systems').flatMap(({ name, imports }) =>
      imports.filter(
        (target) =>
          target.startsWith('..') || (target.includes('/') && top(target) !== top(name) && top(name) !== 'index'),
      ),
    )
    expect(outside).toEqual([])
  })

  it(`has no file of more than ${linesMax} lines, and none of the names that say nothing`, () => {
    const long = [...src, ...sources('systems')].filter(({ text }) => text.split('\n').length > linesMax)
    expect(long.map(({ name }) => name)).toEqual([])
    expect(src.filter(({ name }) => /(utils?|helpers?|common|misc)$/.test(name)).map(({ name }) => name)).toEqual([])
  })

  it('documents every export', () => {
    const bare = src.flatMap(({ name, text }) =>
      [...text.matchAll(/(\*\/\n|^\/\/.*\n)?^export (?:default )?(?:async )?(?:function|class) (\w+)/gm)]
        .filter((match) => match[1] === undefined)
        .map((match) => `${name}: ${match[2]}`),
    )
    expect(bare).toEqual([])
  })
})

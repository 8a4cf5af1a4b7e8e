/** Small lakes for the engines' tests: files written and read by DuckDB, below a root with a difficult name. */
import * as fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { quoteText } from '../../src/engines/portable.ts'
import type { Column, EngineContext, Plan, PlanInput, PlanInputFile, Progress } from '../../src/types.ts'

export type LakeFile = { path: string; schema: Column[]; rows: number; bytes: number }

export type Lake = {
  root: string
  /** Writes a query's rows as Parquet; `options` are COPY's, such as `COMPRESSION uncompressed`. */
  write(path: string, schema: Column[], sql: string, options?: string): Promise<LakeFile>
  writeBytes(path: string, schema: Column[], rows: number, bytes: Uint8Array): Promise<LakeFile>
  /** The rows of a query as objects; everything but text, numbers and null is cast to text by the query. */
  rows(sql: string): Promise<Record<string, unknown>[]>
  /** Staged files, named relative to `staging`, as something to read from in a query. */
  staged(paths: string[]): string
  context(changes?: Partial<EngineContext>): EngineContext
  remove(): Promise<void>
}

/** Makes an empty lake in a folder of its own. */
export async function makeLake(): Promise<Lake> {
  const root = await fs.mkdtemp(path.join(tmpdir(), "lake [1] 100%20, é's-"))
  const connection = await openDuckdb()
  const staging = path.join(root, '_staging')
  const described = async (file: string, schema: Column[], rows: number): Promise<LakeFile> => {
    const { size } = await fs.stat(path.join(root, file))
    return { path: file, schema, rows, bytes: size }
  }
  const makeFolder = (file: string): Promise<unknown> =>
    fs.mkdir(path.dirname(path.join(root, file)), { recursive: true })
  return {
    root,
    write: async (file, schema, sql, options = 'COMPRESSION snappy') => {
      await makeFolder(file)
      const done = await connection.run(
        `COPY (${sql}) TO ${quoteText(path.join(root, file))} (FORMAT parquet, ${options})`,
      )
      return described(file, schema, done.rowsChanged)
    },
    writeBytes: async (file, schema, rows, bytes) => {
      await makeFolder(file)
      await fs.writeFile(path.join(root, file), bytes)
      return described(file, schema, rows)
    },
    rows: async (sql) => (await connection.runAndReadAll(sql)).getRowObjectsJson(),
    staged: (paths) => {
      const list = paths.map((file) => quoteText(path.join(staging, file).replaceAll(/[*?[]/g, '[$&]')))
      return `read_parquet([${list.join(', ')}], filename = true)`
    },
    context: (changes = {}) => ({
      root,
      staging,
      fileSuffix: 'run-1',
      spill: path.join(root, '_spill'),
      memoryBytes: 1.5 * 2 ** 30,
      threads: 2,
      signal: new AbortController().signal,
      onProgress: (_: Progress) => {},
      ...changes,
    }),
    remove: async () => {
      connection.closeSync()
      await fs.rm(root, { recursive: true })
    },
  }
}

async function openDuckdb(): Promise<DuckDBConnection> {
  const connection = await (await DuckDBInstance.create(':memory:', { threads: '2' })).connect()
  await connection.run("SET TimeZone = 'UTC'")
  return connection
}

/** Files as an input of a plan; files with equal schemas share one. */
export function inputOf(name: string, columns: Column[], files: LakeFile[], lineage = false): PlanInput {
  const keys = [...new Set(files.map(({ schema }) => JSON.stringify(schema)))]
  return {
    name,
    columns,
    lineage,
    schemas: keys.map((key) => JSON.parse(key) as Column[]),
    files: files.map((file) => planFile(file, keys.indexOf(JSON.stringify(file.schema)))),
  }
}

/** A file as a plan lists it. No engine looks at the hash. */
export function planFile({ path, rows, bytes }: LakeFile, schema = 0): PlanInputFile {
  return { path, rows, bytes, sha256: 'unused', schema }
}

/** A plan with what engines look at. */
export function planOf(work: Pick<Plan, 'inputs' | 'views' | 'outputs'> & Partial<Pick<Plan, 'metrics'>>): Plan {
  return {
    planVersion: 1,
    pipeline: 'test',
    task: 'test',
    partition: '2026-01-01',
    metrics: [],
    ...work,
    publish: {} as Plan['publish'], // for those who publish: no engine looks at it
  }
}

/** `id bigint, name string` as columns. */
export function columns(text: string): Column[] {
  return text.split(/, (?=\w+ )/).map((part) => {
    const [name, type] = part.split(' ') as [string, string]
    return { name, type }
  })
}

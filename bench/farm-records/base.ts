/** A root and a PostgreSQL with a first load and a drop that waits, brought back to that before every run. */
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as path from 'node:path'
import pg from 'pg'
import { startPostgres } from '../../test/postgres.ts'
import { linkFolder } from '../landing.ts'
import { millraceCommand } from '../programs.ts'

export type Base = {
  /** Always the same path: Iceberg's metadata names its files in full. */
  root: string
  /** Seconds of the first run, from spawn to exit. */
  firstSeconds: number
  database: string
  /** Before the increment. */
  restore(): Promise<void>
  /** Runs Millrace on the root. */
  millrace(args: string[]): void
  /** The command that `millrace` would run, with the database's URL in its environment. */
  command(args: string[]): string[]
  query(sql: string): Promise<Record<string, unknown>[] | null>
  close(): Promise<void>
}

export type BaseOptions = {
  folder: string
  rows: number /** The drop is that of a sample of so many rows. */
  dropRows: number
  log: (line: string) => void
}

/** Makes the first load, which takes minutes at the contract's size. PostgreSQL is a real one where there is one, else the embedded one. */
export async function makeBase({ folder, rows, dropRows, log }: BaseOptions): Promise<Base> {
  const home = path.join(folder, `farm-records-${rows}`)
  const [root, kept] = [path.join(home, 'root'), path.join(home, 'kept')]
  fs.rmSync(home, { recursive: true, force: true })
  fs.mkdirSync(root, { recursive: true })
  const server = await startPostgres()
  const url = (name: string): string => {
    const found = new URL(server?.url ?? '')
    found.pathname = `/${name}`
    return found.href
  }
  const variables = server === null ? [] : ['env', `MILLRACE_PG_URL=${url('bench')}`]
  const command = (args: string[]): string[] => [...variables, ...millraceCommand([...args, '--root', root])]
  const millrace = (args: string[]): void => {
    const [program, ...rest] = command(args)
    execFileSync(program as string, rest, { stdio: ['ignore', 'ignore', 'inherit'] })
  }
  const administer = async (...statements: string[]): Promise<Record<string, unknown>[]> =>
    server === null ? [] : await ask(url('postgres'), statements)
  let id: unknown
  const restore = async (): Promise<void> => {
    // With the id that it had: Millrace would take another for another database, and read all of it again.
    await administer('drop database if exists bench', `create database bench template kept oid = ${id}`, 'checkpoint')
    copyRoot(kept, root)
  }
  await administer('create database bench')
  log(`sample: ${rows} rows`)
  millrace(['sample', 'farm-records', '--rows', `${rows}`, '--quiet'])
  log('first run')
  const startedMs = performance.now()
  millrace(['run', 'farm-records', '--quiet'])
  const firstSeconds = (performance.now() - startedMs) / 1000
  log(`first run ${firstSeconds.toFixed(2)} s`)
  millrace(['sample', 'farm-records', '--rows', `${dropRows}`, '--drop', '1', '--quiet'])
  // As a server's own upkeep leaves it by the next day.
  if (server !== null) await ask(url('bench'), ['vacuum analyze'])
  const [found] = await administer(
    'create database kept template bench',
    "select oid::text as id from pg_database where datname = 'bench'",
  )
  id = found?.id
  copyRoot(root, kept)
  return {
    ...{ root, firstSeconds, restore, millrace, command },
    database: server === null ? 'the embedded PostgreSQL' : 'a PostgreSQL server on the same machine, fsync off',
    query: async (sql) => (server === null ? null : await ask(url('bench'), [sql])),
    close: async () => {
      await server?.stop()
      fs.rmSync(home, { recursive: true, force: true })
    },
  }
}

async function ask(url: string, statements: string[]): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    let rows: Record<string, unknown>[] = []
    for (const sql of statements) rows = (await client.query(sql)).rows
    return rows
  } finally {
    await client.end()
  }
}

/** What `to` held is gone. */
function copyRoot(from: string, to: string): void {
  fs.rmSync(to, { recursive: true, force: true })
  linkFolder(from, to)
}

/**
 * PostgreSQL within this process (PGlite), its files in a folder: `database/`, made as `draft-…/` beside it and renamed when
 * whole, and the lock. A killed process leaves a database that recovers from its log on opening, as any PostgreSQL does.
 */
import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { setFlagsFromString } from 'node:v8'
import type { PGlite, PGliteOptions } from '@electric-sql/pglite'
import { assert, MillraceError, messageOf } from '../errors.ts'
import { storageError } from '../stores/folder.ts'
import lockFolder from '../stores/folder-lock.ts'
import type { Database } from './database.ts'
import { packTemplate, unpackTemplate } from './template.ts'

/**
 * Of what a server wants, a table of a few rows needs little: without these the database takes 140 MB more memory and 16 MB
 * more disk, and making it 2 s longer.
 */
const making: PGliteOptions = {
  initDbStartParams: ['--wal-segsize=1', '--no-sync', '--no-instructions', '--locale=C', '--encoding=UTF8'],
  postgresqlconf: ['shared_buffers=1MB'],
}

/** Opens the database in a folder, which is made when missing; PGlite is loaded with the first. Throws `locked`. */
export default function embedded(folder: string, lockWaitMs?: number): () => Promise<Database> {
  assert(path.isAbsolute(folder), `the folder of a database is absolute, not ${folder}`)
  return async () => {
    try {
      fs.mkdirSync(folder, { recursive: true })
      const release = await lockFolder(folder, { what: 'this database', waitMs: lockWaitMs })
      return await open(folder, release).catch((error) => {
        release()
        throw error
      })
    } catch (error) {
      throw storageError(folder, error)
    }
  }
}

async function open(folder: string, release: () => void): Promise<Database> {
  const where = path.join(folder, 'database')
  if (!fs.existsSync(where)) await make(folder, where)
  // PostgreSQL's own lock, left by a process that was killed: one that it had no time to write keeps it from starting for good.
  fs.rmSync(path.join(where, 'postmaster.pid'), { force: true })
  const openedMs = Date.now()
  const lite = await start(where)
  const { ino, birthtimeMs } = fs.statSync(where)
  return {
    where,
    origin: `${ino}-${birthtimeMs}`, // every one is unpacked from one template, whose identity the server tells
    takesMore: false,
    query: async (sql, values = []) => (await lite.query<Record<string, unknown>>(sql, values)).rows,
    copyTo: (sql, file) => copyTo(lite, sql, file),
    copyFrom: async (sql, file) => {
      await lite.query(sql.replace(/\bSTDIN\b/, "'/dev/blob'"), [], { blob: await fs.openAsBlob(file) })
    },
    close: async () => {
      try {
        await lite.close()
        await syncFiles(where, openedMs)
      } finally {
        release()
      }
    },
  }
}

/** PGlite has neither STDIN nor STDOUT, but a file that is a blob. */
async function copyTo(lite: PGlite, sql: string, file: string): Promise<number> {
  const { blob } = await lite.query(sql.replace(/\bSTDOUT\b/, "'/dev/blob'"))
  if (blob !== undefined) fs.appendFileSync(file, new Uint8Array(await blob.arrayBuffer()))
  return blob?.size ?? 0
}

/** Who holds the lock is alone: every draft is of a process that was killed. */
async function make(folder: string, where: string): Promise<void> {
  const drafts = fs.readdirSync(folder).filter((name) => name.startsWith('draft-'))
  for (const draft of drafts) fs.rmSync(path.join(folder, draft), { recursive: true, force: true })
  const draft = path.join(folder, `draft-${process.pid}.${randomBytes(6).toString('hex')}`)
  // PGlite lets everyone write its files; as any PostgreSQL's, the folder is one user's.
  fs.mkdirSync(draft, { mode: 0o700 })
  try {
    // A thousand small files take seconds to be made durable; what of them a power cut takes is made again, for no row is in it.
    if (!unpackTemplate(draft)) {
      await (await start(draft, making)).close()
      await syncFiles(draft, 0)
    }
    fs.renameSync(draft, where)
    await sync(folder)
  } catch (error) {
    fs.rmSync(draft, { recursive: true, force: true })
    throw error
  }
}

/** Makes a new database below a folder and packs it, for `unpackTemplate`. */
export async function makeTemplate(folder: string, file: string | URL): Promise<void> {
  const where = path.join(folder, 'database')
  const lite = await start(where, making)
  // Two thirds of a new cluster are databases to copy others from.
  await lite.exec(`UPDATE pg_database SET datistemplate = false WHERE datname <> current_database()`)
  for (const name of ['template0', 'template1']) await lite.exec(`DROP DATABASE ${name}`)
  await lite.exec('CHECKPOINT')
  await lite.close()
  packTemplate(where, file)
}

async function start(where: string, options: PGliteOptions = {}): Promise<PGlite> {
  const { PGlite } = await import('@electric-sql/pglite')
  // V8 optimizes WebAssembly while it runs, which takes a second of processor time and pays for what runs longer than this.
  setFlagsFromString('--wasm-tiering-budget=1000000000')
  try {
    return await PGlite.create({ ...options, dataDir: where })
  } catch (error) {
    const message = `${where}  the embedded PostgreSQL cannot be started: ${messageOf(error)}. If it is damaged, move this folder away; the next run begins a new one`
    throw new MillraceError('storage', message, { cause: error })
  }
}

/** PGlite leaves it to the operating system when a file gets to the disk. */
async function syncFiles(folder: string, sinceMs: number): Promise<void> {
  const clockMs = 2000 // file systems keep times no finer than that
  const paths = fs.readdirSync(folder, { recursive: true }).map((name) => path.join(folder, String(name)))
  await Promise.all(paths.filter((file) => fs.statSync(file).mtimeMs >= sinceMs - clockMs).map(sync))
}

async function sync(file: string): Promise<void> {
  const handle = await fs.promises.open(file, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** A PostgreSQL server for tests, on loopback, its data in a folder of its own. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import pg from 'pg'

export type Postgres = {
  /** With its user `tester` and password, an administrator. */
  url: string
  password: string
  stop(): Promise<void>
}

const password = 'a secret/with:signs@%#?'
const startTimeoutMs = 30_000

/** Ends the server when this process closes the pipe, or is gone in whatever way, and takes its folder away. */
const keeper = '"$@" & read -r line; kill -QUIT $!; wait; rm -rf "$0"'

/** Starts a server, or gives null where PostgreSQL is not on this machine or does not start. Stop it in afterAll. */
export async function startPostgres(): Promise<Postgres | null> {
  const binaries = findBinaries()
  if (binaries === null) return null
  const folder = fs.mkdtempSync(path.join(tmpdir(), 'millrace-postgres-'))
  try {
    return await start(binaries, folder)
  } catch (error) {
    process.stderr.write(`${error}\n`)
    fs.rmSync(folder, { recursive: true, force: true })
    return null
  }
}

async function start(binaries: string, folder: string): Promise<Postgres> {
  const user = ownerOf(folder)
  const data = path.join(folder, 'data')
  const passwordFile = path.join(folder, 'password')
  fs.writeFileSync(passwordFile, password, { mode: 0o644 })
  const making = ['-D', data, '-U', 'tester', '--pwfile', passwordFile, '-A', 'scram-sha-256', '-E', 'UTF8']
  execFileSync(path.join(binaries, 'initdb'), [...making, '--locale=C', '--no-sync'], {
    ...user,
    cwd: folder,
    stdio: 'pipe',
  })
  const port = await freePort()
  const settings = [
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${folder}`,
    'fsync=off',
    'max_connections=20',
  ]
  const log = path.join(folder, 'log')
  const logHandle = fs.openSync(log, 'w')
  const args = ['-D', data, '-p', `${port}`, ...settings.flatMap((setting) => ['-c', setting])]
  const child = spawn('sh', ['-c', keeper, folder, path.join(binaries, 'postgres'), ...args], {
    ...user,
    cwd: '/',
    stdio: ['pipe', logHandle, logHandle],
  })
  fs.closeSync(logHandle)
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const stop = async (): Promise<void> => {
    child.stdin?.end()
    await exited
  }
  const url = `postgresql://tester:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres`
  try {
    await answer(url, log)
  } catch (error) {
    await stop()
    throw error
  }
  return { url, password, stop }
}

/** The folder of `postgres` and `initdb`: on the path, or where Debian puts them. */
function findBinaries(): string | null {
  const debian = '/usr/lib/postgresql'
  const versions = fs.existsSync(debian) ? fs.readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : []
  const folders = [
    ...(process.env.PATH ?? '').split(path.delimiter),
    ...versions.map((name) => path.join(debian, name, 'bin')),
  ]
  const isThere = (folder: string): boolean =>
    ['postgres', 'initdb'].every((name) => fs.existsSync(path.join(folder, name)))
  return folders.find(isThere) ?? null
}

/** PostgreSQL does not start as root: then it runs as the user of its package, or as nobody. */
function ownerOf(folder: string): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {}
  const name = spawnSync('id', ['postgres']).status === 0 ? 'postgres' : 'nobody'
  const numberOf = (flag: string): number => Number(execFileSync('id', [flag, name], { encoding: 'utf8' }))
  const [uid, gid] = [numberOf('-u'), numberOf('-g')]
  fs.chownSync(folder, uid, gid)
  return { uid, gid }
}

/** A port of loopback on which nothing listens. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('a server on a port has a port')
  return address.port
}

async function answer(url: string, log: string): Promise<void> {
  for (const until = Date.now() + startTimeoutMs; ; ) {
    const client = new pg.Client({ connectionString: url })
    client.on('error', () => {})
    try {
      await client.connect()
      await client.end()
      return
    } catch (error) {
      if (Date.now() > until || /FATAL: +could not/.test(fs.readFileSync(log, 'utf8')))
        throw new Error(`PostgreSQL does not start: ${error}\n${fs.readFileSync(log, 'utf8')}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

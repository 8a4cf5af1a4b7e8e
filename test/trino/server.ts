/** Trino with its Hive connector over a root, as scripts/trino.sh puts it here: started for a test, asked over HTTP, ended with it. */
import { type ChildProcess, spawn } from 'node:child_process'
import * as fs from 'node:fs'
import * as net from 'node:net'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = process.env.MILLRACE_TRINO ?? fileURLToPath(new URL('../../.trino', import.meta.url))

/** The server's folder, or null where it is not here. */
export function trinoHome(): string | null {
  const names = fs.existsSync(folder) ? fs.readdirSync(folder) : []
  const name = names.find((one) => one.startsWith('trino-server-'))
  return name === undefined || !fs.existsSync(path.join(folder, 'java/bin/java')) ? null : path.join(folder, name)
}

export type Trino = {
  /** The rows of a statement, as JSON values. */
  rows(sql: string): Promise<unknown[][]>
  stop(): Promise<void>
}

/** Starts Trino over a root, on loopback alone. `state` is a folder of its own. */
export async function startTrino(home: string, root: string, state: string): Promise<Trino> {
  const port = await freePort()
  const file = (name: string, lines: string[]): void => {
    fs.mkdirSync(path.dirname(path.join(state, name)), { recursive: true })
    fs.writeFileSync(path.join(state, name), `${lines.join('\n')}\n`)
  }
  file('config.properties', [
    'coordinator=true',
    'node-scheduler.include-coordinator=true',
    `http-server.http.port=${port}`,
    `discovery.uri=http://127.0.0.1:${port}`,
    'node.internal-address=127.0.0.1',
    'node.bind-ip=127.0.0.1',
    'query.max-memory-per-node=400MB',
    'task.concurrency=2',
    'catalog.management=static',
    `catalog.config-dir=${state}/catalog`,
    `plugin.dir=${home}/plugin`,
  ])
  file('catalog/hive.properties', [
    'connector.name=hive',
    'hive.metastore=file',
    'hive.metastore.catalog.dir=local:///_trino',
    'fs.native-local.enabled=true',
    `local.location=${root}`,
    'hive.validate-bucketing=true',
    'hive.non-managed-table-creates-enabled=true',
    'hive.parquet.time-zone=UTC',
  ])
  file('log.properties', ['io.trino=WARN'])
  const log = fs.openSync(path.join(state, 'server.log'), 'w')
  const child = spawn(
    path.join(home, '../java/bin/java'),
    [
      ...['-cp', `${home}/lib/*`, '-Xmx2G', '-XX:+UseG1GC', '-Djdk.attach.allowAttachSelf=true', '-Duser.timezone=UTC'],
      ...['--enable-native-access=ALL-UNNAMED', '--sun-misc-unsafe-memory-access=allow'],
      '--add-modules=jdk.incubator.vector',
      ...['-Dnode.environment=test', '-Dnode.id=test', `-Dnode.data-dir=${state}/data`],
      ...[`-Dlog.levels-file=${state}/log.properties`, `-Dconfig=${state}/config.properties`],
      'io.trino.server.TrinoServer',
    ],
    { cwd: state, stdio: ['ignore', log, log] },
  )
  const trino = { rows: (sql: string) => statement(port, sql), stop: () => stop(child) }
  try {
    await started(child, port, path.join(state, 'server.log'))
    return trino
  } catch (error) {
    await trino.stop()
    throw error
  }
}

async function freePort(): Promise<number> {
  const server = net.createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

const startMs = 180_000 // 10 s on a quiet machine

async function started(child: ChildProcess, port: number, log: string): Promise<void> {
  for (const end = Date.now() + startMs; Date.now() < end; ) {
    if (child.exitCode !== null) throw new Error(`Trino ended: ${fs.readFileSync(log, 'utf8').slice(-2000)}`)
    const info = await fetch(`http://127.0.0.1:${port}/v1/info`)
      .then((answer) => answer.json())
      .catch(() => null)
    if (info !== null && (info as { starting: boolean }).starting === false) {
      // It says so before its one node can take work.
      const nodes = await statement(port, 'SELECT count(*) FROM system.runtime.nodes').catch(() => [])
      if (nodes.length > 0) return
    }
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
  throw new Error(`Trino did not start: ${fs.readFileSync(log, 'utf8').slice(-2000)}`)
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL') // nothing of it is kept
  await ended
}

type Answer = { nextUri?: string; data?: unknown[][]; error?: { message: string } }

async function statement(port: number, sql: string): Promise<unknown[][]> {
  const headers = { 'X-Trino-User': 'test', 'X-Trino-Catalog': 'hive', 'X-Trino-Time-Zone': 'UTC' }
  const rows: unknown[][] = []
  let answer = (await (
    await fetch(`http://127.0.0.1:${port}/v1/statement`, { method: 'POST', headers, body: sql })
  ).json()) as Answer
  for (;;) {
    if (answer.error !== undefined) throw new Error(`${answer.error.message}  in: ${sql.slice(0, 300)}`)
    rows.push(...(answer.data ?? []))
    if (answer.nextUri === undefined) return rows
    answer = (await (await fetch(answer.nextUri, { headers })).json()) as Answer
  }
}

/** Process control, in the embedded PostgreSQL and in a real one; the embedded one is killed, too. */
import * as fs from 'node:fs'
import { createServer, type Server } from 'node:net'
import { hostname, tmpdir } from 'node:os'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { PGlite } from '@electric-sql/pglite'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemCode } from '../../src/errors.ts'
import processControl, { type ProcessControl } from '../../src/sinks/process-control.ts'
import { deadProcess, endStarted, type Started, startNode, until } from '../crash/process.ts'
import { freePort, startPostgres } from '../postgres.ts'
import { seededRandom, testSeed } from '../random.ts'

type Row = Record<string, unknown>
/** The rows of process control, by another way than its own. */
type Look = (sql: string) => Promise<Row[]>

const table = 'dart_process_control.data_ppln_job'
const columns = 'data_ppln_job_id, data_ppln_nm, sf_nm, job_stat_nm, job_strt_dttm, job_end_dttm, err_msg'.split(', ')
let home = ''
const postgres = await startPostgres()
const job = (run: string, deadRuns: string[] = []) => ({
  pipeline: 'carsdm',
  stateMachine: 'FSA-CARSDM',
  run,
  deadRuns: async (runs: readonly string[]) => runs.filter((other) => deadRuns.includes(other)),
})

afterAll(async () => {
  endStarted()
  await postgres?.stop()
  fs.rmSync(home, { recursive: true, force: true })
})

// Making a database takes seconds: it is made once, and every test that is not about making it begins with a copy.
let made = ''
beforeAll(async () => {
  home = fs.mkdtempSync(path.join(tmpdir(), 'process-control-'))
  made = newFolder()
  const control = processControl({ folder: made })
  await control.check()
  await control.close()
})

function newFolder(): string {
  return path.join(fs.mkdtempSync(path.join(home, 'it’s a folder %20 ')), '_millrace/process-control')
}

function copiedFolder(): string {
  const folder = newFolder()
  fs.cpSync(path.join(made, 'database'), path.join(folder, 'database'), { recursive: true })
  return folder
}

async function lookEmbedded(folder: string, sql: string): Promise<Row[]> {
  const lite = await PGlite.create(path.join(folder, 'database'))
  try {
    return (await lite.exec(sql)).at(-1)?.rows ?? []
  } finally {
    await lite.close()
  }
}

async function lookServer(url: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const results = (await client.query(sql)) as unknown as pg.QueryResult | pg.QueryResult[]
    return (Array.isArray(results) ? results.at(-1) : results)?.rows ?? []
  } finally {
    await client.end()
  }
}

/** An empty database for each test. */
type Home = { control: ProcessControl; look: Look }

async function embeddedHome(): Promise<Home> {
  const folder = copiedFolder()
  const look: Look = (sql) => lookEmbedded(folder, sql)
  await look('DROP SCHEMA dart_process_control CASCADE')
  return { control: processControl({ folder }), look }
}

let databases = 0
async function serverHome(): Promise<Home> {
  const url = new URL(postgres?.url ?? '')
  databases += 1
  await lookServer(url.href, `CREATE DATABASE test_${databases}`)
  url.pathname = `/test_${databases}`
  return { control: processControl({ url: url.href, folder: '' }), look: (sql) => lookServer(url.href, sql) }
}

const rowsOf = (look: Look): Promise<Row[]> => look(`SELECT * FROM ${table} ORDER BY data_ppln_job_id`)

const skipped =
  postgres === null ? ' (skipped: PostgreSQL is not on this machine or does not start; install postgresql)' : ''
describe.each([
  { name: 'in PGlite', open: embeddedHome, skip: false },
  { name: `in a server${skipped}`, open: serverHome, skip: postgres === null },
])('process control $name', ({ open, skip }) => {
  it.skipIf(skip)('says that a job runs, and how it ended', async () => {
    const { control, look } = await open()
    const startedMs = Date.now()
    await control.check()
    const id = await control.start(job('run-1'))
    const [started] = await rowsOf(look)
    expect(Object.keys(started ?? {})).toEqual(columns)
    expect(started).toMatchObject({ data_ppln_nm: 'carsdm', sf_nm: 'FSA-CARSDM', job_stat_nm: 'In Progress' })
    expect([Number(started?.data_ppln_job_id), started?.job_end_dttm, started?.err_msg]).toEqual([id, null, null])
    const start = started?.job_strt_dttm as Date
    expect(start.getTime()).toBeGreaterThanOrEqual(startedMs - 1000)
    expect(start.getTime()).toBeLessThanOrEqual(Date.now() + 1000)

    await control.end(id, 'Complete', null)
    const [ended] = await rowsOf(look)
    expect(ended).toMatchObject({ job_stat_nm: 'Complete', job_strt_dttm: start, err_msg: null })
    const end = ended?.job_end_dttm as Date
    expect(end.getTime()).toBeGreaterThanOrEqual(start.getTime())
    await control.close()
  })

  it.skipIf(skip)('ends a row once, and takes it again where the run is retried', async () => {
    const { control, look } = await open()
    const id = await control.start(job('run-1'))
    await control.end(id, 'Error', 'FIELD: it’s\n"bad"; \0 \ud83d\ude97 \\x')
    await control.end(id, 'Complete', null)
    const [failed] = await rowsOf(look)
    expect(failed).toMatchObject({ job_stat_nm: 'Error', err_msg: 'FIELD: it’s\n"bad"; \ufffd \ud83d\ude97 \\x' })

    expect(await control.start(job('run-1', ['run-1']))).toBe(id)
    const reopened = { job_stat_nm: 'In Progress', job_end_dttm: null, err_msg: null }
    expect(await rowsOf(look)).toEqual([{ ...failed, ...reopened }])
    // Killed and retried: the row was never ended.
    expect(await control.start(job('run-1', ['run-1']))).toBe(id)
    await control.end(id, 'Complete', null)
    expect(await rowsOf(look)).toMatchObject([{ job_stat_nm: 'Complete', err_msg: null }])
    expect(await control.start(job('run-2'))).toBeGreaterThan(id)
  })

  it.skipIf(skip)('ends the rows of dead runs, and leaves those of other runs and programs alone', async () => {
    const { control, look } = await open()
    const ids: number[] = []
    for (const run of ['dead', 'ended', `it's "{dead}", \\too`, 'alive']) ids.push(await control.start(job(run)))
    await control.end(ids[1] as number, 'Complete', null)
    await look(`INSERT INTO ${table} (data_ppln_nm, sf_nm, job_stat_nm, job_strt_dttm)
      VALUES ('other', NULL, 'In Progress', '2020-01-02')`)
    const before = await rowsOf(look)
    const id = await control.start(job('run-1', ['dead', 'ended', `it's "{dead}", \\too`, 'unknown']))
    const after = await rowsOf(look)
    expect(after.map((row) => row.job_stat_nm)).toEqual([
      'Error',
      'Complete',
      'Error',
      'In Progress',
      'In Progress',
      'In Progress',
    ])
    for (const place of [1, 3, 4]) expect(after[place]).toEqual(before[place])
    for (const place of [0, 2]) {
      expect(after[place]?.err_msg).toMatch(/^interrupted: the run ended without saying how/)
      expect(after[place]?.job_end_dttm).toBeInstanceOf(Date)
    }
    expect(Number(after[5]?.data_ppln_job_id)).toBe(id)
  })

  it.skipIf(skip)('uses a table that another program made, with other types', async () => {
    const { control, look } = await open()
    await look(`CREATE SCHEMA dart_process_control; CREATE TABLE ${table} (
      err_msg varchar(12), job_stat_nm char(20), loaded_by varchar(9) DEFAULT 'someone', sf_nm varchar(100),
      data_ppln_job_id int GENERATED ALWAYS AS IDENTITY (START WITH 41), data_ppln_nm varchar(4) NOT NULL,
      job_strt_dttm timestamp(0), job_end_dttm timestamp)`)
    // A server elsewhere has its own idea of the time.
    await look(
      `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET TimeZone TO ''Asia/Tokyo''', current_database()); END $$`,
    )
    const id = await control.start(job('run-1'))
    expect(id).toBe(41)
    await control.end(id, 'Error', '🚗 is longer than that')
    const utc = `extract(epoch FROM job_end_dttm AT TIME ZONE 'UTC')::float8 AS ended_s`
    const [row] = await look(
      `SELECT *, extract(epoch FROM job_strt_dttm AT TIME ZONE 'UTC')::float8 AS started_s, ${utc} FROM ${table}`,
    )
    expect(row).toMatchObject({
      data_ppln_nm: 'cars',
      sf_nm: 'FSA-CARSDM',
      loaded_by: 'someone',
      err_msg: '🚗 is longer ',
    })
    expect(String(row?.job_stat_nm).trim()).toBe('Error')
    expect(Math.abs(Number(row?.started_s) - Date.now() / 1000)).toBeLessThan(60)
    expect(Math.abs(Number(row?.ended_s) - Date.now() / 1000)).toBeLessThan(60)
    expect(await control.start(job('run-1'))).toBe(41)
    expect(await control.start(job('run-2', ['run-1']))).toBe(42)
    expect(await look(`SELECT count(*)::int AS n FROM ${table} WHERE job_stat_nm = 'Error'`)).toEqual([{ n: 1 }])
  })

  it.skipIf(skip)('says what a table of that name lacks, and that a row is gone', async () => {
    const { control, look } = await open()
    await look(
      `CREATE SCHEMA dart_process_control; CREATE TABLE ${table} (data_ppln_job_id int, sf_nm text, mine text)`,
    )
    await expect(control.check()).rejects.toMatchObject({
      code: 'storage',
      message: expect.stringMatching(
        /data_ppln_job has no data_ppln_nm, job_stat_nm, job_strt_dttm, job_end_dttm, err_msg; it has data_ppln_job_id, sf_nm, mine\./,
      ),
    })
    await look(`DROP TABLE ${table}`)
    const id = await control.start(job('run-1'))
    await look(`DELETE FROM ${table}`)
    await expect(control.end(id, 'Complete', null)).rejects.toMatchObject({ code: 'not-found' })
    // Numbered from 1 again by whoever emptied it: the run that had the number does not get the row of another.
    await look(`TRUNCATE ${table} RESTART IDENTITY`)
    expect(await control.start(job('run-2'))).toBe(id)
    expect(await control.start(job('run-1'))).toBe(id + 1)
    await control.check()
    await control.check()
    await control.close()
    await control.close()
  })
})

describe.skipIf(postgres === null)(`a server of process control${skipped}`, () => {
  const urlWith = (change: (url: URL) => void): string => {
    const url = new URL(postgres?.url ?? '')
    change(url)
    return url.href
  }
  /** What it is refused with; the password is in no part of it. */
  const refusal = async (url: string): Promise<{ code: string; message: string }> => {
    const error = await processControl({ url, folder: '' })
      .check()
      .then(
        () => null,
        (thrown) => thrown,
      )
    expect(error).not.toBeNull()
    const all = inspect(error, { depth: 20, showHidden: true })
    for (const secret of [new URL(url).password, decodeURIComponent(new URL(url).password)])
      if (secret !== '') expect(all).not.toContain(secret)
    return error
  }

  it('is named with what is wrong with it, never with the password', async () => {
    const { port } = new URL(postgres?.url ?? '')
    const place = (database: string, user: string) =>
      `process control in PostgreSQL at 127.0.0.1:${port}, database ${database}, user ${user}  `
    const wrong = await refusal(urlWith((url) => Object.assign(url, { password: 'not%40the-secret' })))
    expect(wrong).toMatchObject({ code: 'storage' })
    expect(wrong.message).toBe(
      `${place('postgres', 'tester')}password authentication failed for user "tester". Correct user and password of --pg-url`,
    )
    const none = await refusal(urlWith((url) => Object.assign(url, { password: '' })))
    expect(none.message).toBe(
      `${place('postgres', 'tester')}the server asks for a password, and --pg-url has none; give it there, or set PGPASSWORD`,
    )
    const missing = await refusal(urlWith((url) => Object.assign(url, { pathname: '/no%20where' })))
    expect(missing.message).toBe(
      `${place('no where', 'tester')}database "no where" does not exist. Create the database, or correct its name in --pg-url`,
    )
  })

  it('that cannot be reached is named with what to do', async () => {
    const port = await freePort()
    const refused = await refusal(urlWith((url) => Object.assign(url, { port: String(port) })))
    expect(refused.message).toMatch(new RegExp(`127\\.0\\.0\\.1:${port}, database postgres.*ECONNREFUSED.*start it`))
    const unknown = await refusal(urlWith((url) => Object.assign(url, { hostname: 'no-such-host.invalid' })))
    expect(unknown.message).toMatch(
      /PostgreSQL at no-such-host\.invalid:\d+, .*(ENOTFOUND|EAI_AGAIN).*correct the host/,
    )
  })

  it('that does not answer is given up', async () => {
    const silent: Server = createServer(() => {})
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const address = silent.address() as { port: number }
    const refused = await refusal(urlWith((url) => Object.assign(url, { port: String(address.port) })))
    expect(refused.message).toMatch(/no answer for 10 s\. Check the network/)
    silent.close()
  })

  it('where the user may not create tables says so; where they are there, it needs no such right', async () => {
    const { look } = await serverHome()
    const database = `test_${databases}`
    await look(`REVOKE ALL ON DATABASE ${database} FROM PUBLIC; DROP ROLE IF EXISTS writer;
      CREATE ROLE writer LOGIN PASSWORD 'writer-secret'; GRANT CONNECT ON DATABASE ${database} TO writer`)
    const url = urlWith((url) =>
      Object.assign(url, { username: 'writer', password: 'writer-secret', pathname: `/${database}` }),
    )
    expect((await refusal(url)).message).toMatch(/permission denied for database .*Give this user the right to create/)
    const owner = urlWith((url) => Object.assign(url, { pathname: `/${database}` }))
    await processControl({ url: owner, folder: '' }).start(job('run-1'))
    await look(`GRANT USAGE ON SCHEMA dart_process_control TO writer;
      GRANT ALL ON ALL TABLES IN SCHEMA dart_process_control TO writer`)
    expect(await processControl({ url, folder: '' }).start(job('run-2', ['run-1']))).toBe(2)
  })

  it('is prepared once where several begin at the same time', async () => {
    const { look } = await serverHome()
    const url = urlWith((url) => Object.assign(url, { pathname: `/test_${databases}` }))
    const runs = ['a', 'b', 'c', 'd', 'e']
    const ids = await Promise.all(runs.map((run) => processControl({ url, folder: '' }).start(job(run))))
    expect(ids.sort()).toEqual([1, 2, 3, 4, 5])
    expect(await rowsOf(look)).toHaveLength(5)
  })
})

describe('the URL of process control', () => {
  it.each([
    ['secret', /^--pg-url is no URL; expected one such as postgresql:/],
    ['https://me:secret@host/db', /^--pg-url is a URL of "https"; expected one/],
    ['postgresql://me:secret%@host/db', /^--pg-url {2}the password has a % that stands for nothing/],
  ])('is refused where it is none of PostgreSQL: %s', (url, message) => {
    let refused: unknown
    try {
      processControl({ url, folder: '' })
    } catch (error) {
      refused = error
    }
    expect(refused).toMatchObject({ code: 'usage', message: expect.stringMatching(message) })
    expect(inspect(refused, { depth: 20, showHidden: true })).not.toContain('secret')
  })
})

const child = fileURLToPath(new URL('process-control-child.js', import.meta.url))
const seed = testSeed()
const random = seededRandom(seed)

type Told = { word: string; value: number }

/** A process that uses the database of a folder, and what it tells. */
function startChild(folder: string, run: string, action: string): Started {
  return startNode([child, folder, run, action])
}

function toldBy(started: Started): Told[] {
  return started
    .stderr()
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line))
}

async function kill(started: Started): Promise<Told[]> {
  started.kill('SIGKILL')
  const { stdout, stderr } = await started.exited
  expect(stderr.replaceAll(/^\{.*\}\n/gm, '')).toBe('')
  expect(stdout).toBe('')
  return toldBy(started)
}

const lockOf = (folder: string): { isReleased: boolean; pid: number } | null => {
  if (!fs.existsSync(folder)) return null
  const name = fs
    .readdirSync(folder)
    .filter((file) => /^lock-\d+\.json$/.test(file))
    .sort()
    .at(-1)
  if (name === undefined) return null
  try {
    return JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8'))
  } catch (error) {
    // Its taker's successor removes it between the listing and the reading.
    if (systemCode(error) === 'ENOENT') return lockOf(folder)
    throw error
  }
}

describe('the embedded database of process control', () => {
  it('is whole or not there after a kill in its first start, and drafts go', async () => {
    const folder = newFolder()
    const killed: string[] = []
    for (let turn = 0; turn < 5; turn += 1) {
      const started = startChild(folder, 'run-1', 'hold')
      await until('the database is being made', () => lockOf(folder)?.isReleased === false)
      if (turn < 4) await new Promise((resolve) => setTimeout(resolve, random.below(4000)))
      else await until('it has its name', () => fs.existsSync(path.join(folder, 'database')))
      await kill(started)
      const names = fs.readdirSync(folder)
      const [isMade, isDraft] = [names.includes('database'), names.some((name) => name.startsWith('draft-'))]
      killed.push(isMade ? 'made' : isDraft ? 'draft' : 'nothing')
    }
    process.stdout.write(`killed in the first start, leaving: ${killed.join(', ')}\n`)
    const control = processControl({ folder })
    expect(await control.start(job('run-2', ['run-1']))).toBe(1)
    await control.end(1, 'Complete', null)
    expect(fs.readdirSync(folder).filter((name) => !/^lock-\d+\.json$/.test(name))).toEqual(['database'])
    expect(fs.statSync(path.join(folder, 'database')).mode & 0o777).toBe(0o700)
  })

  it('has what was said to be there after a kill at any moment', async () => {
    const folder = copiedFolder()
    const known = new Map<number, 'started' | 'ended'>()
    for (let turn = 0; turn < 5; turn += 1) {
      const started = startChild(folder, `run-${turn}`, 'loop')
      const wanted = random.below(4) // changes to wait for: a change is told right after it
      await until('it is at work', () => lockOf(folder)?.pid === started.pid && toldBy(started).length >= wanted)
      await new Promise((resolve) => setTimeout(resolve, random.below(500)))
      for (const { word, value } of await kill(started)) known.set(value, word as 'started' | 'ended')
      const rows = await rowsOf((sql) => lookEmbedded(folder, sql))
      const stood = new Map(rows.map((row) => [Number(row.data_ppln_job_id), row.job_stat_nm]))
      for (const [id, word] of known) {
        if (word === 'ended') expect([id, stood.get(id)]).toEqual([id, 'Complete'])
        else expect([id, stood.get(id)]).toEqual([id, expect.stringMatching(/^(In Progress|Complete)$/)])
      }
      expect(rows.length - known.size).toBeLessThanOrEqual(turn + 1)
    }
    process.stdout.write(`killed five times over ${known.size} rows\n`)
  })

  it('has the row of a killed run In Progress until the next one ends it', async () => {
    const folder = copiedFolder()
    const started = startChild(folder, 'run-1', 'wait')
    await until('it has started', () => lockOf(folder)?.pid === started.pid && lockOf(folder)?.isReleased === true)
    await kill(started)
    expect(await rowsOf((sql) => lookEmbedded(folder, sql))).toMatchObject([{ job_stat_nm: 'In Progress' }])
    await processControl({ folder }).start(job('run-2', ['run-1']))
    const rows = await rowsOf((sql) => lookEmbedded(folder, sql))
    expect(rows).toMatchObject([{ job_stat_nm: 'Error' }, { job_stat_nm: 'In Progress' }])
  })

  it('is one process’s at a time: another waits until that is done or dead', async () => {
    const folder = copiedFolder()
    const holder = startChild(folder, 'run-1', 'hold')
    await until('it is held', () => lockOf(folder)?.pid === holder.pid)
    let isDone = false
    const waiting = processControl({ folder })
      .start(job('run-2'))
      .then((id) => {
        isDone = true
        return id
      })
    await new Promise((resolve) => setTimeout(resolve, 1000))
    expect(isDone).toBe(false)
    await kill(holder)
    expect(await waiting).toBe(1)
    const others = ['x', 'y'].map((run) => startChild(folder, run, 'loop'))
    const own = processControl({ folder })
    for (let turn = 0; turn < 3; turn += 1) await own.end(await own.start(job(`own-${turn}`)), 'Complete', null)
    const told = (await Promise.all(others.map(kill))).flat()
    const rows = await rowsOf((sql) => lookEmbedded(folder, sql))
    expect(rows.filter((row) => row.job_stat_nm === 'Complete').length).toBeGreaterThanOrEqual(3)
    const ended = told.filter(({ word }) => word === 'ended').map(({ value }) => value)
    const isComplete = (id: number): boolean =>
      rows.some((row) => Number(row.data_ppln_job_id) === id && row.job_stat_nm === 'Complete')
    expect(ended.filter((id) => !isComplete(id))).toEqual([])
  })

  it('takes the lock of a process that is gone, or whose number another has by now', async () => {
    for (const holder of [
      { pid: deadProcess(), started: '' },
      { pid: process.pid, started: '1' },
    ]) {
      const folder = copiedFolder()
      const lock = { ...holder, host: hostname(), isReleased: false }
      fs.writeFileSync(path.join(folder, 'lock-00000007.json'), JSON.stringify(lock))
      await processControl({ folder }).start(job('run-1'))
      expect(lockOf(folder)).toMatchObject({ pid: process.pid, isReleased: true })
      expect(fs.readdirSync(folder).sort()).toEqual(['database', 'lock-00000008.json'])
    }
  })

  it.each(['', '42\n/half'])('is opened where a killed process left PostgreSQL’s own lock as %j', async (left) => {
    const folder = copiedFolder()
    fs.writeFileSync(path.join(folder, 'database/postmaster.pid'), left)
    expect(await processControl({ folder }).start(job('run-1'))).toBe(1)
    expect(await rowsOf((sql) => lookEmbedded(folder, sql))).toMatchObject([{ job_stat_nm: 'In Progress' }])
  })

  it('that cannot be opened, or has no place, is named with what to do', async () => {
    const folder = copiedFolder()
    fs.truncateSync(path.join(folder, 'database/global/pg_control'))
    const damaged = processControl({ folder }).check()
    await expect(damaged).rejects.toMatchObject({
      code: 'storage',
      message: expect.stringMatching(
        /process-control\/database {2}the embedded PostgreSQL cannot be started: .*move this folder away/,
      ),
    })
    fs.renameSync(path.join(folder, 'database'), path.join(folder, 'damaged'))
    expect(await processControl({ folder }).start(job('run-1'))).toBe(1)
    const file = path.join(home, 'file')
    fs.writeFileSync(file, '')
    await expect(processControl({ folder: path.join(file, 'below') }).check()).rejects.toMatchObject({
      code: 'storage',
    })
  })

  it('leaves the exit code of the process as it is', async () => {
    process.exitCode = 7
    await processControl({ folder: copiedFolder() }).start(job('run-1'))
    expect(process.exitCode).toBe(7)
    process.exitCode = 0
  })
})

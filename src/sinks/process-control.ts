/**
 * Says in PostgreSQL that a job runs and how it ended: the table `dart_process_control.data_ppln_job`. A connection lasts for
 * one call: a run takes hours, and meanwhile neither memory nor a server's connection is held.
 */
import { assert, MillraceError } from '../errors.ts'
import connectPostgres from '../postgres/connect.ts'
import { type Database, databaseError } from '../postgres/database.ts'
import { transaction } from '../postgres/transaction.ts'
import prepareTables, { jobTable, runTable, type TextLimits } from './process-control/tables.ts'

export type ProcessControlOptions = {
  /** `postgresql://…`; without it the database is embedded. */
  url?: string
  /** The absolute folder of the embedded database, made when missing. */
  folder: string
}

export type ProcessControlJob = {
  pipeline: string
  stateMachine: string
  run: string
  /** Of runs whose rows are 'In Progress', those that ended without saying so. */
  deadRuns: (runs: readonly string[]) => Promise<readonly string[]>
}

export type ProcessControl = {
  /**
   * Connects, creates what is missing and keeps the connection for the `start` that follows. Throws `storage` where the
   * database cannot be used, saying which and why, and `locked` where another process has the embedded one.
   */
  check(): Promise<void>
  /**
   * Ends the rows of dead runs as 'Error', then inserts the row of this one, 'In Progress'; gives its data_ppln_job_id. A
   * run that has a row already, which is a retry, takes that again.
   */
  start(job: ProcessControlJob): Promise<number>
  /** Ends a row that is still 'In Progress'; of one that ended, 'Complete' may still become 'Error'. Throws `not-found` where the row is gone. */
  end(id: number, status: 'Complete' | 'Error', message: string | null): Promise<void>
  /** Gives up what `check` keeps. */
  close(): Promise<void>
}

const purpose = 'process control'
const deadMessage = 'interrupted: the run ended without saying how, as when it is killed or the machine stops'

/** Process control in the database of a URL, or else in one embedded in a folder. Throws `usage` for what is no URL. */
export default function processControl({ url, folder }: ProcessControlOptions): ProcessControl {
  const connect = connectPostgres({ url, folder, purpose })
  let kept: Session | null = null
  const take = async (): Promise<Session> => {
    const session = kept
    kept = null
    return session ?? (await openSession(connect))
  }
  const close = async (): Promise<void> => {
    const session = kept
    kept = null
    await session?.database.close()
  }
  return {
    check: async () => {
      await close()
      kept = await openSession(connect)
    },
    start: async (job) => act(await take(), (session) => startJob(session, job)),
    end: async (id, status, message) => act(await take(), (session) => endJob(session, id, status, message)),
    close,
  }
}

const lockSeconds = 10 // a table that someone else holds

type Session = { database: Database; limits: TextLimits }

async function openSession(connect: () => Promise<Database>): Promise<Session> {
  const database = await connect()
  try {
    return { database, limits: await transaction(database, { lockSeconds }, () => prepareTables(database)) }
  } catch (error) {
    await database.close()
    throw databaseError(`${purpose} in ${database.where}`, error)
  }
}

async function act<T>(session: Session, work: (session: Session) => Promise<T>): Promise<T> {
  const { database } = session
  try {
    return await transaction(database, { lockSeconds }, () => work(session))
  } catch (error) {
    throw databaseError(`${purpose} in ${database.where}`, error)
  } finally {
    await database.close()
  }
}

async function startJob(session: Session, job: ProcessControlJob): Promise<number> {
  const { database } = session
  const open = await database.query(
    `SELECT run_id FROM ${runTable} JOIN ${jobTable} USING (data_ppln_job_id) WHERE job_stat_nm = 'In Progress' AND run_id <> $1`,
    [job.run],
  )
  await database.query(
    `UPDATE ${jobTable} SET job_stat_nm = 'Error', job_end_dttm = now(), err_msg = $2
     WHERE job_stat_nm = 'In Progress'
       AND data_ppln_job_id IN (SELECT data_ppln_job_id FROM ${runTable} WHERE run_id = ANY($1::text[]))`,
    [await job.deadRuns(open.map((row) => String(row.run_id))), fitting(session, 'err_msg', deadMessage)],
  )
  const [row] = await database.query(
    `UPDATE ${jobTable} SET job_stat_nm = 'In Progress', job_end_dttm = NULL, err_msg = NULL
     WHERE data_ppln_job_id IN (SELECT data_ppln_job_id FROM ${runTable} WHERE run_id = $1) RETURNING data_ppln_job_id`,
    [job.run],
  )
  return row === undefined ? insertJob(session, job) : idOf(row)
}

async function insertJob(session: Session, { pipeline, stateMachine, run }: ProcessControlJob): Promise<number> {
  const { database } = session
  const [row] = await database.query(
    `INSERT INTO ${jobTable} (data_ppln_nm, sf_nm, job_stat_nm, job_strt_dttm)
     VALUES ($1, $2, 'In Progress', now()) RETURNING data_ppln_job_id`,
    [fitting(session, 'data_ppln_nm', pipeline), fitting(session, 'sf_nm', stateMachine)],
  )
  const id = idOf(row)
  // Someone may have removed the row of the run, or of the number.
  await database.query(`DELETE FROM ${runTable} WHERE run_id = $1 OR data_ppln_job_id = $2`, [run, id])
  await database.query(`INSERT INTO ${runTable} (data_ppln_job_id, run_id) VALUES ($2, $1)`, [run, id])
  return id
}

async function endJob(session: Session, id: number, status: string, message: string | null): Promise<void> {
  const { database } = session
  await database.query(
    `UPDATE ${jobTable} SET job_stat_nm = $2, job_end_dttm = now(), err_msg = $3
     WHERE data_ppln_job_id = $1 AND (job_stat_nm = 'In Progress' OR (job_stat_nm = 'Complete' AND $2 = 'Error'))`,
    [id, status, message === null ? null : fitting(session, 'err_msg', message)],
  )
  const rows = await database.query(`SELECT 1 FROM ${jobTable} WHERE data_ppln_job_id = $1`, [id])
  if (rows.length > 0) return
  const text = `process control in ${database.where}  ${jobTable} has no row ${id} any more; expected to end it as ${status}`
  throw new MillraceError('not-found', text)
}

/** PostgreSQL has no letter NUL; a column made by another program may take only so many letters. */
function fitting({ limits }: Session, column: string, text: string): string {
  return [...text.replaceAll('\0', '\ufffd')].slice(0, limits.get(column)).join('')
}

/** `pg` gives a bigint as text. */
function idOf(row: Record<string, unknown> | undefined): number {
  const id = Number(row?.data_ppln_job_id)
  assert(Number.isSafeInteger(id), `${jobTable} numbers its rows, not by ${row?.data_ppln_job_id}`)
  return id
}

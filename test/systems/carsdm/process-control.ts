/** The process-control table of a root, read with the tests' own PGlite once no run is going on. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { PGlite } from '@electric-sql/pglite'

export type ProcessControlRow = {
  data_ppln_job_id: number
  data_ppln_nm: string
  sf_nm: string
  job_stat_nm: string
  job_strt_dttm: Date
  job_end_dttm: Date | null
  err_msg: string | null
}

/** The rows of all runs, oldest first; none where no run has made the database. */
export async function processControlRows(root: string): Promise<ProcessControlRow[]> {
  const folder = path.join(root, '_millrace/process-control/database')
  if (!fs.existsSync(folder)) return []
  const database = await PGlite.create(folder)
  try {
    const jobs = 'dart_process_control.data_ppln_job'
    return (await database.query<ProcessControlRow>(`SELECT * FROM ${jobs} ORDER BY data_ppln_job_id`)).rows
  } finally {
    await database.close()
  }
}

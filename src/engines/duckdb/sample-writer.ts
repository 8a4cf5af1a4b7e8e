/** Writes a pipeline's sample input below a root. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { quoteText } from '../portable.ts'
import { writeCsv } from './csv.ts'
import type { SessionOptions } from './session.ts'
import { openSession } from './session.ts'

export type SampleContent = {
  prepare: string[]
  files: { path: string; sql: string }[]
  raw: { path: string; content: string }[]
  /** Rows for a database, each query's as files of CSV in an absolute folder. */
  copies?: { sql: string; folder: string }[]
}

/** Runs what prepares the sample and writes its files; gives how many files there are and the rows in them. Paths are resolved by `locate`. */
export async function writeSample(
  sample: SampleContent,
  locate: (path: string) => string,
  options: SessionOptions,
  onFile: (done: number, total: number) => void,
): Promise<{ files: number; rows: number }> {
  const session = await openSession(options)
  let rows = 0
  try {
    for (const sql of sample.prepare) await session.run(sql)
    for (const [index, file] of sample.files.entries()) {
      const target = locate(file.path)
      fs.mkdirSync(path.dirname(target), { recursive: true })
      const [written] = await session.rows(
        `COPY (${file.sql}) TO ${quoteText(target)} (FORMAT parquet, COMPRESSION snappy)`,
      )
      rows += Number(written?.Count)
      onFile(index + 1, sample.files.length)
    }
    for (const { sql, folder } of sample.copies ?? []) await writeCsv(session, sql, folder)
  } finally {
    session.close()
  }
  for (const { path: relative, content } of sample.raw) {
    fs.mkdirSync(path.dirname(locate(relative)), { recursive: true })
    fs.writeFileSync(locate(relative), content)
  }
  return { files: sample.files.length + sample.raw.length, rows }
}

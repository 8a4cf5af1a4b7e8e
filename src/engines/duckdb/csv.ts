/** The rows of a query as files of CSV that PostgreSQL reads without loss: NULL is nothing, an empty text is in quotes. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { quoteName, quoteText } from '../portable.ts'
import type { Session } from './session.ts'

const fileBytes = 64 * 2 ** 20 // what the embedded database takes at once is in memory

/** Writes a query's rows into a folder that is made; gives the absolute paths of the files. */
export async function writeCsv(session: Session, sql: string, folder: string): Promise<string[]> {
  const columns = await session.rows(`DESCRIBE ${sql}`)
  const named = (type: string): string[] =>
    columns.filter((row) => row.column_type === type).map((row) => quoteName(String(row.column_name)))
  const text = named('VARCHAR')
  const quotes = text.length === 0 ? '' : `, FORCE_QUOTE (${text.join(', ')})`
  const replaced = named('BLOB').map((name) => `'\\x' || hex(${name}) AS ${name}`)
  const values = replaced.length === 0 ? '*' : `* REPLACE (${replaced.join(', ')})`
  fs.mkdirSync(path.dirname(folder), { recursive: true })
  await session.run(
    `COPY (SELECT ${values} FROM (${sql})) TO ${quoteText(folder)}
     (FORMAT csv, HEADER false, NULLSTR '', DELIMITER ',', QUOTE '"', ESCAPE '"', FILE_SIZE_BYTES ${fileBytes}${quotes})`,
  )
  const files = fs.readdirSync(folder).map((name) => path.join(folder, name))
  return files.filter((file) => fs.statSync(file).size > 0).sort()
}

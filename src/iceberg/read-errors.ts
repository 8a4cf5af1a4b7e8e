/** Errors of reading a table's files: which file it was, and what is wrong with it. */
import * as fs from 'node:fs'
import type { Session } from '../engines/duckdb/session.ts'
import { quoteText } from '../engines/portable.ts'
import { hasCode, MillraceError } from '../errors.ts'
import { marker } from './conversion.ts'

/** A session whose errors name the data or delete file that is missing or damaged. */
export function readable(session: Session): Session {
  const guarded = async <T>(sql: string, act: () => Promise<T>): Promise<T> => {
    try {
      return await act()
    } catch (error) {
      throw hasCode(error, 'engine') ? await readError(session, sql, error) : error
    }
  }
  return {
    ...session,
    run: (sql) => guarded(sql, () => session.run(sql)),
    rows: (sql) => guarded(sql, () => session.rows(sql)),
    table: (sql) => guarded(sql, () => session.table(sql)),
    fork: async () => readable(await session.fork()),
  }
}

/** What DuckDB says when the bytes of a file make no sense; it may say it of values and of itself too. */
const suspicious =
  /^DuckDB: (Invalid Error|Invalid Input Error|IO Error|Serialization Error|Out of Range Error|TProtocol|INTERNAL)/

async function readError(session: Session, sql: string, error: MillraceError): Promise<MillraceError> {
  const { message } = error
  if (message.includes(marker) || !suspicious.test(message)) return error
  const missing = /No files found that match the pattern "([^"]+)"|Cannot open file "([^"]+)"/.exec(message)
  const named = missing ?? /file '([^']+\.parquet)'|"([^"]+\.parquet)"/.exec(message)
  const file = named?.slice(1).find((text) => text !== undefined)
  if (file !== undefined) return unreadable(file, message, error)
  // A damaged page: only reading every file by itself tells which has it.
  for (const path of await filesIn(session, sql)) {
    const reason = await problemOf(session, path)
    if (reason !== null) return unreadable(path, reason, error)
  }
  return error
}

function unreadable(file: string, reason: string, cause: MillraceError): MillraceError {
  const path = file.replaceAll(/\[([*?[])\]/g, '$1') // as lists of files spell them
  const what = fs.existsSync(path) ? `cannot be read as Parquet (${reason})` : 'is not there'
  return new MillraceError(
    'input-unreadable',
    `${path}: this file of a table ${what}. Read an older snapshot that does not need it, or restore the file; ` +
      'maintenance only ever removes files that no snapshot has',
    { cause },
  )
}

/** The files that a statement reads, by itself or through views. */
async function filesIn(session: Session, sql: string): Promise<string[]> {
  const views = await session.rows('SELECT sql FROM duckdb_views() WHERE NOT internal')
  const text = [sql, ...views.map((view) => String(view.sql))].join('\n')
  const paths = [...text.matchAll(/'((?:[^']|'')+\.parquet)'/g)].map((match) => String(match[1]).replaceAll("''", "'"))
  return [...new Set(paths)]
}

async function problemOf(session: Session, path: string): Promise<string | null> {
  try {
    await session.rows(
      `SELECT bit_xor(hash(t)) FROM read_parquet([${quoteText(path)}], hive_partitioning = false) AS t`,
    )
    return null
  } catch (error) {
    if (hasCode(error, 'engine')) return error.message
    throw error
  }
}

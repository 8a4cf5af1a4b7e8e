/** What a contender left of the tables, so that only equal answers are compared in speed. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { filesBelow } from '../landing.ts'
import type { Measured } from '../measure.ts'
import { quoted, type Summary, summaryOf, withDuckdb } from '../query.ts'

/** By table, in lower case. */
export type Answer = Record<string, Summary & { files: number; bytes: number }>

/** Reads every folder of a path as one table. */
export async function answerOf(folder: string): Promise<Answer> {
  return withDuckdb(async (query) => {
    const answer: Answer = {}
    for (const table of fs
      .readdirSync(folder)
      .filter((name) => !/^[_.]|^metadata$/.test(name))
      .sort()) {
      const files = filesBelow(path.join(folder, table)).filter((file) => file.endsWith('.parquet'))
      const list = `[${files.map(quoted).join(', ')}]`
      const summary = await summaryOf(query, `read_parquet(${list}, hive_partitioning = false)`)
      const bytes = files.reduce((sum, file) => sum + fs.statSync(file).size, 0)
      answer[table.toLowerCase()] = { ...summary, files: files.length, bytes }
    }
    return answer
  })
}

/** Holds every answer of every run against the right one and says what there is. Throws when one is another. */
export function compared(measured: readonly Measured<Answer>[], right: Answer): string[] {
  return measured.map(({ name, answers }) => answers.map((answer) => same(name, answer, right)).at(-1) ?? '')
}

function same(name: string, answer: Answer, right: Answer): string {
  const rowsOf = (one: Answer): string =>
    JSON.stringify(Object.entries(one).map(([table, { columns, rows, hash }]) => [table, columns, rows, hash]))
  if (rowsOf(answer) !== rowsOf(right))
    throw new Error(`${name} has other tables:\n${rowsOf(answer)}\nexpected\n${rowsOf(right)}`)
  const tables = Object.values(answer)
  const sum = (of: (one: Answer[string]) => number): number => tables.reduce((total, one) => total + of(one), 0)
  return `same rows in ${tables.length} tables, ${sum(({ files }) => files)} files, ${(sum(({ bytes }) => bytes) / 1e6).toFixed(0)} MB`
}

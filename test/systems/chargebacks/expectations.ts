/** What must be true of a root after a run, by the contract. */
import { expect } from 'vitest'
import type { Ended } from '../../cli.ts'
import { rowText, rowTexts } from './answer.ts'
import {
  hashOf,
  type Lake,
  landingOf,
  listedUnreadable,
  partitionOf,
  printed,
  readTable,
  snapshot,
  tableFiles,
  tableSchema,
} from './lake.ts'

export type Metrics = { records: number; duplicates: number; files: number }

/** What a rerun without new input leaves alone: all but the log of the run, the lock and empty staging folders. */
export const ownFiles = /^_millrace\/(runs|locks|staging)(\/|$)/

/** The figures of a METRICS line, which must be the only one of a text; seconds are only checked to be there. */
export function metricsOf(text: string): Metrics {
  const lines = text.split('\n').filter((line) => line.startsWith('METRICS'))
  expect(lines).toEqual([
    expect.stringMatching(
      /^METRICS: records_processed=\d+, duplicates_removed=\d+, output_files=\d+, duration_seconds=\d+\.\d\d$/,
    ),
  ])
  const [records, duplicates, files] = [...(lines[0] ?? '').matchAll(/=(\d+),/g)].map((match) => Number(match[1]))
  return { records: records ?? -1, duplicates: duplicates ?? -1, files: files ?? -1 }
}

/** The run ended well and standard output holds the METRICS line and, but for a dry run's plan, nothing else. */
export function expectMetrics(run: Ended, metrics: Metrics, isDry = false): void {
  expect(run.code, run.stderr).toBe(0)
  expect(metricsOf(run.stdout)).toEqual(metrics)
  expect(run.stdout).toMatch(isDry ? /\nMETRICS:.*\n$/ : /^METRICS:.*\n$/)
}

/** The run was refused as wrong usage, with a message, and said nothing on standard output. */
export function expectRefusal(run: Ended, message: RegExp, code = 2): void {
  expect(run.stderr).toMatch(message)
  expect(run.stderr).not.toMatch(/\n\s+at /) // a stack trace is no message
  expect(run.stdout).toBe('')
  expect(run.code).toBe(code)
}

/** A day is what the answer for everything landed says: rows, columns, files, quarantine. */
export async function expectDay(lake: Lake, day: string, { files, codec }: { files: number; codec: string }) {
  const answer = lake.answer(landingOf(day))
  const folder = partitionOf(day)
  expect(rowTexts(await readTable(lake, folder), answer.columns)).toEqual(
    rowTexts(answer.kept.map(printed), answer.columns),
  )
  await expectFiles(lake, folder, { files: Math.min(files, answer.kept.length), codec, rows: answer.kept.length })
  if (answer.kept.length > 0) await expectColumns(lake, folder, answer.columns)
  await expectQuarantine(lake, day)
}

async function expectFiles(
  lake: Lake,
  folder: string,
  expected: { files: number; codec: string; rows: number },
): Promise<void> {
  const found = await tableFiles(lake, folder)
  const counts = found.map(({ rows }) => rows)
  expect(found).toHaveLength(expected.files)
  expect(counts.reduce((sum, rows) => sum + rows, 0)).toBe(expected.rows)
  if (found.length > 0) expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
  for (const { codecs } of found) expect(codecs).toEqual([expected.codec.toUpperCase()])
}

async function expectColumns(lake: Lake, folder: string, columns: string[]): Promise<void> {
  const schema = await tableSchema(lake, folder)
  expect(schema.slice(0, 15)).toEqual([
    'chargeback_id VARCHAR',
    'transaction_id VARCHAR',
    'merchant_id VARCHAR',
    'merchant_name VARCHAR',
    'card_brand VARCHAR',
    'card_last4 VARCHAR',
    'amount DECIMAL(18,2)',
    'currency VARCHAR',
    'reason_code VARCHAR',
    'reason_description VARCHAR',
    'status VARCHAR',
    'country VARCHAR',
    'created_at TIMESTAMP',
    'event_timestamp TIMESTAMP',
    'updated_at TIMESTAMP',
  ])
  expect(schema.map((column) => column.replace(/ [A-Z0-9(),]+$/, '').toLowerCase())).toEqual(columns)
}

/** Rows with the reason and their file; unreadable files with path, hash and reason, each as often as it was met. */
async function expectQuarantine(lake: Lake, day: string): Promise<void> {
  const answer = lake.answer(landingOf(day))
  const rows = await readTable(lake, partitionOf(day, 'quarantine/chargebacks'))
  const columns = [...answer.columns, 'quarantine_file']
  const expected = answer.quarantined.map(({ path, row }) =>
    rowText({ ...printed(row), quarantine_file: path }, columns),
  )
  expect(rowTexts(rows, columns)).toEqual(expected.sort())
  for (const row of rows) expect(row.quarantine_reason).toBe('chargeback_id is missing')
  const listed = listedUnreadable(lake, day)
  expect(listed.map(({ path }) => path).sort()).toEqual([...answer.unreadable].sort())
  for (const { path, sha256, reason } of listed) {
    expect(sha256).toBe(hashOf(lake.absolute(path)))
    expect(reason).not.toBe('')
  }
}

/** Nothing is left staged below a root. */
export function expectNothingStaged(lake: Lake): void {
  const staged = Object.entries(snapshot(lake.root)).filter(([path]) => path.startsWith('_millrace/staging/'))
  expect(staged.filter(([, hash]) => hash !== 'folder')).toEqual([])
}

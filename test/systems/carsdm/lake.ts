/** A root of the system: lands files, runs, and knows what landed by which run. */
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { expect } from 'vitest'
import { type Ended, millrace } from '../../cli.ts'
import { snapshot } from '../chargebacks/lake.ts'
import { type Answer, answerOf, producedTables, type Settings } from './answer.ts'
import { type Definition, type FileContent, type LandedFile, landFile, writeTablesFile } from './landing.ts'
import { expectZones, readZones } from './zones.ts'

export type RunOptions = Partial<Settings> & {
  /** Further flags. */
  flags?: string[]
  /** The tables that this run is to fail; their files land with a later one. */
  failed?: string[]
}
export type Lake = ReturnType<typeof makeLake>

/** What Final lies in. */
export const tableFormats = ['parquet', 'iceberg'] as const
export type TableFormat = (typeof tableFormats)[number]

const usual: Settings = { deletes: 'keep', runDate: '2025-11-06', retentionDays: 10 }

/** Makes an empty root for some tables. */
export function makeLake(definitions: readonly Definition[], tableFormat: TableFormat = 'parquet') {
  const home = fs.mkdtempSync(path.join(tmpdir(), 'millrace-carsdm-'))
  const root = path.join(home, "lake [1] 100%20 é's *")
  fs.mkdirSync(root)
  const tablesFile = path.join(home, 'tables.json')
  writeTablesFile(tablesFile, definitions)
  const landed = new Map<string, LandedFile[][]>(definitions.map(({ table }) => [table, []]))
  let pending: LandedFile[] = []
  let settings = usual
  const flagsOf = (options: RunOptions): string[] => {
    const { deletes, runDate, retentionDays } = { ...usual, ...options }
    const flags = [
      '--deletes',
      deletes,
      '--run-date',
      runDate,
      '--cdc-retention-days',
      String(retentionDays),
      '--table-format',
      tableFormat,
    ]
    return ['--root', root, '--tables-file', tablesFile, ...flags, ...(options.flags ?? [])]
  }
  const definitionOf = (table: string): Definition => {
    const found = definitions.find((definition) => definition.table === table)
    if (found === undefined) throw new Error(`${table} is not defined`)
    return found
  }
  const answer = (table: string): Answer => answerOf(definitionOf(table), landed.get(table) ?? [], settings)
  return {
    home,
    root,
    tablesFile,
    flagsOf,
    answer,
    absolute: (relative: string): string => path.join(root, relative),
    /** Lands files of a table; a file of the same name is replaced. */
    land: async (table: string, ...files: FileContent[]): Promise<void> => {
      for (const file of files) {
        pending = pending.filter((other) => other.table !== table || other.name !== file.name)
        pending.push(await landFile(root, table, file))
      }
    },
    /** Runs the pipeline: with exit code 0, or 1 when tables are to fail. */
    run: async (options: RunOptions = {}): Promise<Ended> => {
      const { failed = [] } = options
      const ended = await millrace(['run', 'carsdm', ...flagsOf(options)])
      expect(ended.code, ended.stderr).toBe(failed.length > 0 ? 1 : 0)
      settings = { ...usual, ...options }
      for (const [table, runs] of landed) {
        if (!failed.includes(table)) runs.push(pending.filter((file) => file.table === table))
      }
      pending = pending.filter(({ table }) => failed.includes(table))
      return ended
    },
    /** The tables for which the last run landed something. */
    producedTables: (): string[] => producedTables(landed),
    /** The tables that the last run said it produced; undefined where it said nothing of them. */
    toldTables: (): string[] | undefined => toldTables(path.join(root, '_millrace/runs')),
    expectTable: async (table: string): Promise<void> => {
      expectZones(table, definitionOf(table), await readZones(root, table), answer(table))
    },
    /** Every file but Millrace's own with its hash; `tables`: only those whose path names one of them. */
    snapshot: (...tables: string[]): Record<string, string> => {
      const all = Object.entries(snapshot(root, /^_millrace(\/|$)|^landing\/cars\/dbo(\/|$)/))
      const isOf = (file: string): boolean =>
        file.split('/').some((part) => tables.includes(part.replace(/-LOAD$/, '')))
      return Object.fromEntries(all.filter(([file]) => tables.length === 0 || isOf(file)))
    },
    remove: (): void => fs.rmSync(home, { recursive: true, force: true }),
  }
}

/** The `tables` that a task of the newest run handed on, wherever its output has them. */
function toldTables(runs: string): string[] | undefined {
  // Runs of one second are told apart by their names, but not which came first.
  const madeMs = (run: string): number => fs.statSync(path.join(runs, run)).birthtimeMs
  const names = fs.readdirSync(runs).sort((one, other) => madeMs(one) - madeMs(other))
  const newest = path.join(runs, names.at(-1) ?? '', 'events')
  const lines = fs.readdirSync(newest).flatMap((name) => fs.readFileSync(path.join(newest, name), 'utf8').split('\n'))
  const found = lines
    .map((line) => /"output":.*"tables":(\[[^\]]*\])/.exec(line)?.[1])
    .find((list) => list !== undefined)
  return found === undefined ? undefined : (JSON.parse(found) as string[])
}

/** Cases that are tables of one root: they share its runs. */

import type { Answer } from './answer.ts'
import { type Lake, makeLake, type RunOptions, type TableFormat } from './lake.ts'
import { columnsOf, type Definition, type FileContent } from './landing.ts'
import { expectZones, readZones, type Zones } from './zones.ts'

/** A table, and the files that land before each run. */
export type Case = {
  title: string
  table: string
  /** `id` where nothing is said. */
  key?: string[]
  /** As a file's columns are written; `id bigint, note string` where nothing is said. */
  columns?: string
  runs: FileContent[][]
}
type Stage = { zones: Zones; answer: Answer }
export type Played = { lake: Lake; stages: Map<string, Stage[]>; warnings: string[] }

/** The declaration of a case's table. */
export function definitionOf({ table, key = ['id'], columns = 'id bigint, note string' }: Case): Definition {
  return {
    table,
    primaryKey: key,
    columns: Object.fromEntries(columnsOf(columns).map(({ name, type }) => [name, type])),
  }
}

/** Plays all cases side by side on a new root and keeps what each table was after every run. */
export async function play(
  cases: readonly Case[],
  runs: readonly RunOptions[],
  tableFormat: TableFormat = 'parquet',
): Promise<Played> {
  const lake = makeLake(cases.map(definitionOf), tableFormat)
  const played: Played = { lake, stages: new Map(), warnings: [] }
  for (const [index, options] of runs.entries()) {
    for (const { table, runs: landings } of cases) await lake.land(table, ...(landings[index] ?? []))
    played.warnings.push((await lake.run(options)).stderr)
    for (const { table } of cases) {
      const stage = { zones: await readZones(lake.root, table), answer: lake.answer(table) }
      played.stages.set(table, [...(played.stages.get(table) ?? []), stage])
    }
  }
  return played
}

/** A case's table was right after every run. */
export function expectCase(played: Played, one: Case): void {
  for (const [index, { zones, answer }] of (played.stages.get(one.table) ?? []).entries()) {
    expectZones(`${one.table} after run ${index + 1}`, definitionOf(one), zones, answer)
  }
}

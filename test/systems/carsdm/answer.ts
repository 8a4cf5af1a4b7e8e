/**
 * The answer by the contract (`specs/carsdm.md`), worked out row by row in plain TypeScript from the files in the order they
 * landed: neither SQL nor anything of `src/` or `systems/` has a part in it.
 */
import type { Column, Definition, LandedFile } from './landing.ts'
import { addedColumns, canonical, type Fitted, fitTo, misfit } from './typing.ts'

export type Deletes = 'keep' | 'flag' | 'apply'
export type Settings = { deletes: Deletes; runDate: string; retentionDays: number }
/** Canonical texts by lower-case column name. */
export type Row = Record<string, string | null>
/** A row that is in neither zone; its reason must name one of `words`. */
export type QuarantinedRow = { file: string; keys: string; words: string[] }

export type Answer = {
  /** Of Final, by name in lower case: the declared columns, then added ones by name, then those of `--deletes flag`. */
  columns: Column[]
  final: Row[]
  changes: Row[]
  /** Of every landed row: its partition, file, position, operation and place in the order. */
  datasets: Row[]
  quarantined: QuarantinedRow[]
  /** Names of files that cannot be read. */
  unreadable: string[]
}

type SoundFile = Extract<LandedFile, { rows: unknown }>
/** A file as it landed; `late` is the place of its LOAD rows without a time. */
type Landed = SoundFile & { isLoad: boolean; late: Place }
/** A row's place in the order of the changes of a key. */
type Place = { time: string | null; rank: number }
type Change = Place & {
  file: string
  position: number
  isLoad: boolean
  op: string | null
  landedOp: string | null
  commit: string | null
  /** Typed values by lower-case name. */
  values: Row
  keys: string
  landedKeys: string
  /** Why it is quarantined: words of which the reason has one. */
  words: string[]
}

/** What the zones of a table must hold once these files landed, run by run. */
export function answerOf(definition: Definition, runs: readonly LandedFile[][], settings: Settings): Answer {
  const files = landedFiles(runs)
  const declared = Object.entries(definition.columns).map(([name, type]) => ({ name: name.toLowerCase(), type }))
  const names = declared.map(({ name }) => name)
  const columns = [...declared, ...addedColumns(files, names)]
  const all = files.flatMap((file) => changesOf(file, definition, columns))
  const sound = all.filter(({ words }) => words.length === 0)
  return {
    columns: settings.deletes === 'flag' ? [...columns, ...flagColumns] : columns,
    final: finalRows(sound, settings.deletes),
    changes: sound.filter(({ isLoad, file }) => !isLoad && isKept(dateOf(file), settings)).map(changeRow),
    datasets: all.map(datasetRow),
    quarantined: all
      .filter(({ words }) => words.length > 0)
      .map(({ file, landedKeys, words }) => ({ file, keys: landedKeys, words })),
    unreadable: [...new Set(runs.flat().flatMap((file) => ('bytes' in file ? [file.name] : [])))],
  }
}

/** The tables for which the last run landed something, sorted; `landed`: table → the files of every run. */
export function producedTables(landed: ReadonlyMap<string, LandedFile[][]>): string[] {
  const isProduced = (runs: LandedFile[][]): boolean => landedFiles(runs).length > landedFiles(runs.slice(0, -1)).length
  return [...landed].flatMap(([table, runs]) => (isProduced(runs) ? [table] : [])).sort()
}

const flagColumns = [
  { name: 'is_deleted', type: 'boolean' },
  { name: 'deleted_at', type: 'timestamp' },
]

/** Files that can be read and are not the same as one before, with the place of their LOAD rows. */
function landedFiles(runs: readonly LandedFile[][]): Landed[] {
  const landed: Landed[] = []
  const seen = new Set<string>()
  for (const run of runs) {
    const before = [...landed]
    const lastChange = before.flatMap(({ isLoad, name }) => (isLoad ? [] : [timeOf(name)])).sort()
    const isFirst = !before.some(({ isLoad }) => isLoad)
    const late = isFirst ? { time: null, rank: 0 } : { time: lastChange.at(-1) ?? null, rank: 2 }
    for (const file of [...run].sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if ('bytes' in file || seen.has(file.sha256)) continue
      seen.add(file.sha256)
      landed.push({ ...file, isLoad: file.name.startsWith('LOAD'), late })
    }
  }
  return landed
}

/** `20251103-081530123.parquet` → `2025-11-03 08:15:30.123000`. */
function timeOf(name: string): string {
  const match = /^\d{8}-(\d\d)(\d\d)(\d\d)(\d{3})\.parquet$/.exec(name)
  if (match === null) throw new Error(`${name} is no CDC file`)
  const [, hour, minute, second, milliseconds] = match
  return `${dateOf(name)} ${hour}:${minute}:${second}.${milliseconds}000`
}

function dateOf(name: string): string {
  return `${name.slice(0, 4)}-${name.slice(4, 6)}-${name.slice(6, 8)}`
}

function changesOf(file: Landed, definition: Definition, columns: readonly Column[]): Change[] {
  const places = new Map(file.columns.map(({ name }, index) => [name.toLowerCase(), index]))
  const keyNames = definition.primaryKey.map((name) => name.toLowerCase())
  return file.rows.map((row, position) => {
    const landedAs = (name: string): { value: string | null; type: string } => {
      const index = places.get(name)
      const type = index === undefined ? 'string' : (file.columns[index]?.type ?? '')
      return { value: index === undefined ? null : canonical(row[index] ?? null, type), type }
    }
    const typed = (name: string, type: string): Fitted => fitTo(landedAs(name).value, landedAs(name).type, type)
    const fitted = columns.map(({ name, type }): [string, Fitted] => [name, typed(name, type)])
    const values = Object.fromEntries(fitted.map(([name, value]) => [name, value === misfit ? null : value]))
    const landedOp = landedAs('op').value
    const op = landedOp?.trim().toUpperCase() ?? null
    const commitTime = typed('dms_commit_ts', 'timestamp')
    const commit = commitTime === misfit ? null : commitTime
    const isBadOp = !file.isLoad && !['I', 'U', 'D'].includes(op ?? '')
    const words = new Set([
      ...fitted.flatMap(([name, value]) => (value === misfit ? [name] : [])),
      ...keyNames.filter((name) => values[name] === null),
      ...(isBadOp ? ['op'] : []),
    ])
    return {
      ...placeOf(file, commit),
      ...{ file: file.name, position, isLoad: file.isLoad, op, landedOp, commit, values, words: [...words] },
      keys: JSON.stringify(keyNames.map((name) => values[name])),
      landedKeys: keyNames.map((name) => landedAs(name).value ?? 'null').join(', '),
    }
  })
}

function placeOf({ isLoad, name, late }: Landed, commit: string | null): Place {
  if (!isLoad) return { time: timeOf(name), rank: 1 }
  return commit === null ? late : { time: commit, rank: 0 }
}

/** Positive when `a` comes after `b`. */
function compareChanges(a: Change, b: Change): number {
  return (
    compareTexts(a.time, b.time) ||
    a.rank - b.rank ||
    compareTexts(a.commit, b.commit) ||
    compareTexts(a.file, b.file) ||
    a.position - b.position
  )
}

/** Null comes first. */
function compareTexts(a: string | null, b: string | null): number {
  if (a === b) return 0
  return a === null || (b !== null && a < b) ? -1 : 1
}

function finalRows(changes: readonly Change[], deletes: Deletes): Row[] {
  const images = new Map<string, Change>()
  const removals = new Map<string, Change>()
  for (const change of [...changes].sort(compareChanges)) {
    const isDelete = !change.isLoad && change.op === 'D'
    const last = isDelete ? removals : images
    last.set(change.keys, change)
  }
  return [...images.values()].flatMap((image): Row[] => {
    const removal = removals.get(image.keys)
    const isDeleted = removal !== undefined && compareChanges(removal, image) > 0
    if (deletes === 'apply' && isDeleted) return []
    if (deletes !== 'flag') return [image.values]
    return [{ ...image.values, is_deleted: String(isDeleted), deleted_at: isDeleted ? deletedAt(removal) : null }]
  })
}

function deletedAt({ commit, time }: Change): string | null {
  return commit ?? time
}

/** Whether a partition of the CDC zone is within the window. */
function isKept(date: string, { runDate, retentionDays }: Settings): boolean {
  const oldestMs = Date.parse(`${runDate}T00:00:00Z`) - retentionDays * 86_400_000
  return date > new Date(oldestMs).toISOString().slice(0, 10)
}

function changeRow({ values, op, commit, file, position }: Change): Row {
  const origin = { dart_source_file: file, dart_source_row: String(position), dart_filedate: dateOf(file) }
  return { ...values, op, dms_commit_ts: commit, ...origin }
}

function datasetRow({ isLoad, file, position, time, rank, landedOp }: Change): Row {
  return {
    partition: isLoad ? 'LOAD' : dateOf(file),
    dart_source_file: file,
    dart_source_row: String(position),
    dart_sequence_time: time,
    dart_sequence_rank: String(Math.min(2, rank)),
    op: landedOp,
  }
}

/** Rows as sorted lines of `column=value`, so that a difference can be read. */
export function lines(rows: readonly Row[], columns: readonly string[]): string[] {
  return rows.map((row) => columns.map((name) => `${name}=${row[name] ?? 'NULL'}`).join(' | ')).sort()
}

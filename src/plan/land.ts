/** Plans the landing of one table: the files that DMS wrote since the last time, aligned by name. Pure. */
import { type ChangeDatasets, landedColumns, tableAt, taskQuarantine } from '../define/dataset.ts'
import type { LandTask } from '../define/land.ts'
import { isReservedColumn } from '../define/reserved-columns.ts'
import { quoteName, quoteText } from '../engines/portable.ts'
import { MillraceError } from '../errors.ts'
import { columnTypes, keptType, unionColumns, unsupportedIn } from '../formats/column-types.ts'
import { fileName, identityOf } from '../formats/file-identity.ts'
import { type DmsName, readName } from '../sources/dms-folder.ts'
import type {
  Column,
  CommitRecord,
  ConsumedFile,
  DataFile,
  Plan,
  PlanInput,
  Planned,
  PlanOutput,
  PublishStep,
  UnreadableFile,
} from '../types.ts'
import { convert, fittingValue } from './conversion.ts'
import { fileCountFor } from './file-count.ts'
import { planInput } from './plan-input.ts'

/** A file that the bookmark does not list. */
export type ArrivedFile = (DataFile | UnreadableFile) & { name: DmsName; modifiedMs: number }

/** What was found of a table. */
export type LandSurvey = {
  table: string
  commit: CommitRecord | null
  /** In order of their names. */
  arrived: ArrivedFile[]
  /** Files whose content landed before, under another name or with another time: they are noted, not landed. */
  known: ConsumedFile[]
}

/** Files that are written together: full loads, or the changes of dates whose columns are the same. */
type Batch = { output: string; columns: Column[]; files: NamedFile[]; dates: string[] | null }
type NamedFile = DataFile & { name: DmsName }

/** Plans a table. Throws `input-unreadable` for a file that cannot be read where that fails the table. */
export function planLand(pipeline: string, task: LandTask, survey: LandSurvey): Planned {
  const { table, commit, arrived, known } = survey
  const scope = `${task.to.path}/${table}`
  if (arrived.length + known.length === 0) {
    const standingFiles = commit?.partitions.reduce((sum, { files }) => sum + files.length, 0) ?? 0
    return { kind: 'unchanged', partition: table, consumed: commit?.bookmark.length ?? 0, standingFiles, commit }
  }
  const { readable, unreadable } = sortFiles(task, table, arrived)
  const batches = batchesOf(task, readable, commit)
  const refused = new Set(unreadable.map(({ path }) => path))
  const landed = arrived.map((file): ConsumedFile => {
    const own = { ...identityOf(file), modifiedMs: file.modifiedMs }
    return refused.has(file.path) ? { ...own, isRefused: true } : own
  })
  const inputs = batches.map(({ output, columns, files }) => planInput(output, columns, files, true))
  const plan: Plan = {
    planVersion: 1,
    pipeline,
    task: task.name,
    partition: table,
    inputs,
    views: batches.map((batch, index) => ({
      name: `${batch.output}_rows`,
      once: false,
      sql: landedSql(task, batch, inputs[index] as PlanInput, commit),
    })),
    metrics: [],
    outputs: batches.map((batch) => output(task.to, batch)),
    publish: {
      scope,
      after: commit?.number ?? 0,
      steps: batches.flatMap((batch) => steps(task, table, batch)),
      counts: {
        rowsIn: batches.map(({ output }) => ({ input: output })),
        rowsOut: batches.map(({ output }) => ({ output })),
      },
      balances: [{ in: ['rowsIn'], out: ['rowsOut'] }],
      main: { output: batches[0]?.output ?? '', target: scope },
      quarantine: null,
      bookmark: { restarts: false, added: [...known, ...landed] },
      repeats: false,
      replaced: [],
      state: { kind: 'land' },
      unreadable: unreadable.length === 0 ? null : { target: taskQuarantine(pipeline, task, table), files: unreadable },
      mayBeDamaged: batches.map(({ output }) => output),
      refusals: [],
    },
  }
  return { kind: 'plan', plan }
}

/** Files whose columns can be kept, and the others with the reason. */
function sortFiles(
  task: LandTask,
  table: string,
  files: ArrivedFile[],
): { readable: NamedFile[]; unreadable: UnreadableFile[] } {
  const readable: NamedFile[] = []
  const unreadable: UnreadableFile[] = []
  for (const file of files) {
    const reason = 'reason' in file ? file.reason : refusalOf(task, file)
    if (reason === null) readable.push(file as NamedFile)
    else unreadable.push({ ...identityOf(file), reason })
  }
  const [first] = unreadable
  if (first !== undefined && task.onBadFile === 'fail') {
    const more = unreadable.length === 1 ? '' : ` (and ${unreadable.length - 1} more of ${table})`
    throw new MillraceError(
      'input-unreadable',
      `${JSON.stringify(first.path)}  ${first.reason}${more}. Replace the file, or run with --on-bad-file quarantine`,
    )
  }
  return { readable, unreadable }
}

/** Why a file that can be read cannot be landed; null where it can. */
export function refusalOf({ to }: LandTask, { columns }: DataFile): string | null {
  const taken = columns.find(({ name }) => isReservedColumn(name, to.partitionColumn))
  if (taken !== undefined) return `column ${taken.name} has a name that the landing keeps for itself`
  if (columns.some(({ name }) => name === '')) return 'a column has no name'
  const odd = columns.find(({ type }) => unsupportedIn(type) !== null)
  if (odd === undefined) return null
  return `column ${odd.name} holds ${unsupportedIn(odd.type)} values, which no table here can keep`
}

/**
 * The columns that files of one date have together, by name without case; the name is the one that landed first. A type is
 * widened where these files differ, and no sooner: a number that is to become text later is still written as it was. The
 * operation stands last, whether or not there is one, and the time of the commit before it.
 */
function landedTypes(task: LandTask, files: readonly DataFile[], commit: CommitRecord | null): Column[] {
  const names = columnTypes((commit?.partitions ?? []).map(({ columns }) => columns))
  const operation = task.from.operation.toLowerCase()
  const last = [task.from.commitTime.toLowerCase(), operation]
  const columns = unionColumns(files.map((file) => file.columns)).map(({ name, type }) => {
    const folded = name.toLowerCase()
    return { name: names.get(folded)?.name ?? name, type: folded === operation ? 'string' : type }
  })
  const place = ({ name }: Column): number => last.indexOf(name.toLowerCase())
  columns.sort((a, b) => place(a) - place(b))
  const hasOperation = columns.some(({ name }) => name.toLowerCase() === operation)
  return hasOperation ? columns : [...columns, { name: task.from.operation, type: 'string' }]
}

/** What was widened: a column's new type beside those of the files, where the landed table does not have it yet. */
export function widenings(task: LandTask, survey: LandSurvey): string[] {
  const files = survey.arrived.filter((file) => !('reason' in file)) as DataFile[]
  const before = columnTypes((survey.commit?.partitions ?? []).map(({ columns }) => columns))
  const now = columnTypes(files.map(({ columns }) => columns))
  return landedTypes(task, files, survey.commit).flatMap(({ name, type }) => {
    const folded = name.toLowerCase()
    if (folded === task.from.operation.toLowerCase()) return []
    const [known, found] = [before, now].map((types) => [...(types.get(folded)?.types ?? [])])
    const arrived = (found ?? []).filter((one) => one !== 'null')
    const all = [...new Set([...(known ?? []), ...arrived])].sort()
    if (all.length < 2 || arrived.every((one) => known?.includes(one))) return []
    return [`${survey.table}.${name}  has the types ${all.join(', ')}; it is read as ${keptType([...all, type])}`]
  })
}

/** The full loads, and the changes: dates with the same columns together, a date of several files' size alone. */
function batchesOf(task: LandTask, files: NamedFile[], commit: CommitRecord | null): Batch[] {
  const dates = new Map<string | null, NamedFile[]>()
  for (const file of files) {
    if (file.rows === 0) continue
    const date = file.name.kind === 'load' ? null : file.name.date
    dates.set(date, [...(dates.get(date) ?? []), file])
  }
  const batches = new Map<string, Batch>()
  for (const [date, own] of [...dates].sort(([a], [b]) => ((a ?? '') < (b ?? '') ? -1 : 1))) {
    const columns = landedTypes(task, own, commit)
    const isLarge = fileCountFor(own, task.to) > 1
    const key = date === null ? 'load' : JSON.stringify([columns, isLarge ? date : null])
    const batch = batches.get(key)
    if (batch === undefined) {
      const output = date === null ? 'load' : `changes_${date.replaceAll('-', '')}`
      batches.set(key, { output, columns, files: own, dates: date === null ? null : [date] })
    } else {
      batch.files = [...batch.files, ...own]
      batch.dates?.push(date as string)
    }
  }
  return [...batches.values()]
}

function output(to: ChangeDatasets, { output, columns, files, dates }: Batch): PlanOutput {
  const own = { name: output, view: `${output}_rows`, columns: [...columns, ...landedColumns], codec: to.codec }
  if (dates === null || dates.length === 1) return { ...own, fileCount: fileCountFor(files, to) }
  return { ...own, fileCount: 1, split: { by: '$date', values: dates } }
}

function steps({ to }: LandTask, table: string, { output, columns, dates }: Batch): PublishStep[] {
  const folder = dates === null ? `${to.path}/${table}-LOAD` : `${to.path}/${table}`
  const own = { output, mode: 'append' as const, table: tableAt(folder), columns: [...columns, ...landedColumns] }
  if (dates === null) return [{ ...own, target: folder, partition: [] }]
  return dates.map((date) => ({
    ...own,
    ...(dates.length === 1 ? {} : { part: date }),
    target: `${folder}/${to.partitionColumn}=${date}`,
    partition: [{ column: to.partitionColumn, value: date }],
  }))
}

/** The rows of a batch with where they come from and their place in the sequence. */
function landedSql(task: LandTask, batch: Batch, input: PlanInput, commit: CommitRecord | null): string {
  const { columns, files, dates } = batch
  const places = placesOf(task, batch, commit)
  const inOrder = [...files].sort((a, b) => (a.path < b.path ? -1 : 1))
  const facts = input.files.map(({ path }) => {
    const at = inOrder.findIndex((file) => file.path === path)
    const { name } = inOrder[at] as NamedFile
    const date = name.kind === 'changes' ? name.date : ''
    return [quoteText(fileName(path)), timeSql(name), String(at), quoteText(date)]
  })
  const isOne = facts.length === 1
  const fact = (index: number, name: string): string => (isOne ? (facts[0]?.[index] as string) : `f."${name}"`)
  const { time, rank } = places(fact(1, 'time'), fact(2, 'at'))
  const select = [
    ...columns.map(({ name }) => `r.${quoteName(name)}`),
    `${fact(0, 'name')} AS "dart_source_file"`,
    'r."_row" AS "dart_source_row"',
    `${time} AS "dart_sequence_time"`,
    `${rank} AS "dart_sequence_rank"`,
    ...(dates === null || dates.length === 1 ? [] : [`${fact(3, 'date')} AS "$date"`]),
  ]
  const values = facts.map((own, index) => `(${index}, ${own.join(', ')})`)
  const join = ` INNER JOIN (VALUES ${values.join(', ')}) AS f("number", "name", "time", "at", "date") ON f."number" = r."_file"`
  return `SELECT ${select.join(', ')} FROM ${quoteName(batch.output)} r${isOne ? '' : join}`
}

/** A number in SQL, plus another. */
function plus(sql: string, number: number): string {
  return /^\d+$/.test(sql) ? String(Number(sql) + number) : `${sql} + ${number}`
}

/** The time in a file's name; null for a full load. */
function timeSql(name: DmsName): string {
  return name.kind === 'changes' ? `TIMESTAMP '${name.time}'` : 'try_convert(NULL, timestamp)'
}

// More files than one landing can have, and more landings than a table can have.
const landingStep = 1_000_000
const loadsBegin = -1_000_000_000_000_000

/**
 * The place of a batch's rows, from its file's time and number. Changes have the time of their file, and the number of their
 * landing as rank. A row of a full load has the time of its commit where it has one, with a rank below those of changes.
 * Otherwise the first full load comes before everything, and a later one right after the changes that landed before it:
 * its rank is above theirs. Of two files at one time, as when one was written anew, the rank is greater for the later
 * landing, and within a landing for the later name.
 */
function placesOf(
  { from }: LandTask,
  { columns, dates }: Batch,
  commit: CommitRecord | null,
): (time: string, at: string) => { time: string; rank: string } {
  const landing = (commit?.number ?? 0) + 1
  if (dates !== null) return (time) => ({ time, rank: String(landing) })
  const names = (commit?.bookmark ?? [])
    .filter((file) => !file.isRefused && file.sameAs === undefined)
    .map(({ path }) => fileName(path))
  const isFirst = !names.some((name) => name.startsWith('LOAD'))
  const changes = names.filter((name) => /^\d/.test(name)).sort()
  const last = changes.at(-1)
  const known = last === undefined ? null : readName(last)
  const later = (at: string): string => plus(at, landing * landingStep)
  const first = (at: string): string => plus(at, loadsBegin + landing * landingStep)
  const committed = columns.find(({ name }) => name.toLowerCase() === from.commitTime.toLowerCase())
  return (time, at) => {
    const place = isFirst
      ? { time, rank: first(at) }
      : { time: known === null ? time : timeSql(known), rank: later(at) }
    if (committed === undefined) return place
    const value = fittingValue(convert(`r.${quoteName(committed.name)}`, committed.type, 'timestamp'))
    return {
      time: `coalesce(${value}, ${place.time})`,
      rank: `CASE WHEN ${value} IS NOT NULL THEN ${first(at)} ELSE ${place.rank} END`,
    }
  }
}

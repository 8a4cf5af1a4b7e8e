/** Plans the landing of one table: the files that DMS wrote since the last time, aligned by name. Pure. */

import { type ChangeDatasets, landedColumns, tableAt } from '../define/dataset.ts'
import type { LandTask } from '../define/land.ts'
import { quoteName, quoteText } from '../engines/portable.ts'
import { MillraceError } from '../errors.ts'
import { keptType, unsupportedIn } from '../formats/column-types.ts'
import { identityOf } from '../formats/file-identity.ts'
import type { DmsName } from '../sources/dms-folder.ts'
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
import { convert } from './conversion.ts'
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

/** Files that become one partition, or the full load. */
type Batch = { output: string; columns: Column[]; files: (DataFile & { name: DmsName })[]; date: string | null }

const ownNames = [
  ...landedColumns.map(({ name }) => name as string),
  '_file',
  '_row',
  'file_row_number',
  'quarantine_reason',
  'quarantine_file',
]

/** Plans a table. Throws `input-unreadable` for a file that cannot be read where that fails the table. */
export function planLand(pipeline: string, task: LandTask, survey: LandSurvey): Planned {
  const { table, commit, arrived, known } = survey
  const scope = `${task.to.path}/${table}`
  if (arrived.length + known.length === 0) {
    const standingFiles = commit?.partitions.reduce((sum, { files }) => sum + files.length, 0) ?? 0
    return { kind: 'unchanged', partition: table, consumed: commit?.bookmark.length ?? 0, standingFiles, commit }
  }
  const { readable, unreadable } = sortFiles(task, table, arrived)
  const batches = batchesOf(readable).map((batch) => ({ ...batch, columns: landedTypes(task, batch.files, commit) }))
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
      steps: batches.map((batch) => step(task, table, batch)),
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
      unreadable: unreadable.length === 0 ? null : { target: quarantinePath(pipeline, task, table), files: unreadable },
      mayBeDamaged: batches.map(({ output }) => output),
      refusals: [],
    },
  }
  return { kind: 'plan', plan }
}

function quarantinePath(pipeline: string, task: LandTask, table: string): string {
  return `quarantine/${pipeline}/${task.name}/${table}`
}

/** Files whose columns can be kept, and the others with the reason. */
function sortFiles(
  task: LandTask,
  table: string,
  files: ArrivedFile[],
): { readable: (DataFile & { name: DmsName })[]; unreadable: UnreadableFile[] } {
  const readable: (DataFile & { name: DmsName })[] = []
  const unreadable: UnreadableFile[] = []
  for (const file of files) {
    const reason = 'reason' in file ? file.reason : misfit(file)
    if (reason === null) readable.push(file as DataFile & { name: DmsName })
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

function misfit({ columns }: DataFile): string | null {
  const taken = columns.find(({ name }) => ownNames.includes(name.toLowerCase()) || name.startsWith('$'))
  if (taken !== undefined) return `column ${taken.name} has a name that the landing keeps for itself`
  if (columns.some(({ name }) => name === '')) return 'a column has no name'
  const odd = columns.find(({ type }) => unsupportedIn(type) !== null)
  if (odd === undefined) return null
  return `column ${odd.name} holds ${unsupportedIn(odd.type)} values, which no table here can keep`
}

/**
 * The columns that files of one date have together, by name without case; the name is the one that landed first. A type is
 * widened where these files differ, and no sooner: a number that is to become text later is still written as it was. The operation stands last, whether or not there is one, and the time of the commit before it.
 */
function landedTypes(task: LandTask, files: readonly DataFile[], commit: CommitRecord | null): Column[] {
  const names = new Map<string, string>()
  for (const { columns } of commit?.partitions ?? []) {
    for (const { name } of columns) if (!names.has(name.toLowerCase())) names.set(name.toLowerCase(), name)
  }
  const types = new Map<string, Set<string>>()
  for (const columns of new Set(files.map((file) => file.columns))) {
    for (const { name, type } of columns) {
      const folded = name.toLowerCase()
      if (!names.has(folded)) names.set(folded, name)
      types.set(folded, (types.get(folded) ?? new Set()).add(type))
    }
  }
  const operation = task.from.operation.toLowerCase()
  const last = [task.from.commitTime.toLowerCase(), operation]
  const place = (folded: string): number => last.indexOf(folded)
  const found = [...types.keys()].sort((a, b) => place(a) - place(b))
  const columns = found.map((folded) => ({
    name: names.get(folded) as string,
    type: folded === operation ? 'string' : keptType([...(types.get(folded) as Set<string>)]),
  }))
  return types.has(operation) ? columns : [...columns, { name: task.from.operation, type: 'string' }]
}

/** What was widened: a column's new type beside those of the files, where the landed table does not have it yet. */
export function widenings(task: LandTask, survey: LandSurvey): string[] {
  const files = survey.arrived.filter((file) => !('reason' in file)) as DataFile[]
  const landed = (survey.commit?.partitions ?? []).flatMap(({ columns }) => columns)
  return landedTypes(task, files, survey.commit).flatMap(({ name, type }) => {
    const isSame = (other: Column): boolean => other.name.toLowerCase() === name.toLowerCase()
    if (name.toLowerCase() === task.from.operation.toLowerCase()) return []
    const before = new Set(landed.filter(isSame).map((column) => column.type))
    const now = new Set(files.flatMap(({ columns }) => columns.filter(isSame).map((column) => column.type)))
    now.delete('null')
    const all = [...new Set([...before, ...now])].sort()
    if (all.length < 2 || [...now].every((found) => before.has(found))) return []
    return [`${survey.table}.${name}  has the types ${all.join(', ')}; it is read as ${keptType([...all, type])}`]
  })
}

/** One batch of full loads, and one for each date of changes, oldest first. */
function batchesOf(files: (DataFile & { name: DmsName })[]): Omit<Batch, 'columns'>[] {
  const dates = new Map<string | null, Batch['files']>()
  for (const file of files) {
    if (file.rows === 0) continue
    const date = file.name.kind === 'load' ? null : file.name.date
    dates.set(date, [...(dates.get(date) ?? []), file])
  }
  return [...dates]
    .map(([date, own]) => ({
      date,
      files: own,
      output: date === null ? 'load' : `changes_${date.replaceAll('-', '')}`,
    }))
    .sort((a, b) => (a.output < b.output ? 1 : -1))
}

function output({ codec, fileBytesTarget }: ChangeDatasets, { output, columns, files }: Batch): PlanOutput {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  return {
    name: output,
    view: `${output}_rows`,
    columns: [...columns, ...landedColumns],
    codec,
    fileCount: Math.max(1, Math.round(bytes / fileBytesTarget)),
  }
}

function step({ to }: LandTask, table: string, { output, columns, date }: Batch): PublishStep {
  const folder = date === null ? `${to.path}/${table}-LOAD` : `${to.path}/${table}`
  return {
    output,
    target: date === null ? folder : `${folder}/${to.partitionColumn}=${date}`,
    mode: 'append',
    table: tableAt(folder),
    partition: date === null ? [] : [{ column: to.partitionColumn, value: date }],
    columns: [...columns, ...landedColumns],
  }
}

/** The rows of a batch with where they come from and their place in the sequence. */
function landedSql(task: LandTask, batch: Batch, input: PlanInput, commit: CommitRecord | null): string {
  const { columns } = batch
  const names = columns.map(({ name }) => `r.${quoteName(name)}`)
  const fileNames = input.files.map(({ path }) => path.slice(path.lastIndexOf('/') + 1))
  const isOne = fileNames.length === 1
  const files = batch.files.map(({ path, name }) => [path, name] as const)
  const nameAt = new Map(files)
  const times = input.files.map(({ path }) => {
    const name = nameAt.get(path)
    return name?.kind === 'changes' ? name.time : null
  })
  const values = fileNames.map((name, index) => `(${index}, ${quoteText(name)}, ${timestamp(times[index] ?? null)})`)
  const file = isOne ? quoteText(fileNames[0] as string) : 'f."name"'
  const time = isOne ? timestamp(times[0] ?? null) : 'f."time"'
  const place = batch.date === null ? loadPlace(task, columns, commit) : { time, rank: '1' }
  const own = [
    `${file} AS "dart_source_file"`,
    'r."_row" AS "dart_source_row"',
    `${place.time} AS "dart_sequence_time"`,
    `${place.rank} AS "dart_sequence_rank"`,
  ]
  const join = isOne
    ? ''
    : ` INNER JOIN (VALUES ${values.join(', ')}) AS f("number", "name", "time") ON f."number" = r."_file"`
  return `SELECT ${[...names, ...own].join(', ')} FROM ${quoteName(batch.output)} r${join}`
}

function timestamp(text: string | null): string {
  return text === null ? 'try_convert(NULL, timestamp)' : `TIMESTAMP '${text}'`
}

/**
 * A row of a full load has the time of its commit where it has one. Otherwise the first full load comes before everything
 * (rank 0), and a later one right after the changes that landed before it: changes have rank 1, a later load the number of
 * its landing, so that of two the later wins.
 */
function loadPlace({ from }: LandTask, columns: Column[], commit: CommitRecord | null): { time: string; rank: string } {
  const names = (commit?.bookmark ?? [])
    .filter((file) => !file.isRefused && file.sameAs === undefined)
    .map(({ path }) => path.slice(path.lastIndexOf('/') + 1))
  const isFirst = !names.some((name) => name.toUpperCase().startsWith('LOAD'))
  const later = String(Math.max(2, (commit?.number ?? 0) + 1))
  const last = isFirst
    ? undefined
    : names
        .filter((name) => /^\d/.test(name))
        .sort()
        .at(-1)
  const place = isFirst
    ? { time: timestamp(null), rank: '0' }
    : { time: timestamp(last === undefined ? null : timeOf(last)), rank: later }
  const committed = columns.find(({ name }) => name.toLowerCase() === from.commitTime.toLowerCase())
  if (committed === undefined) return place
  const { value } = convert(`r.${quoteName(committed.name)}`, committed.type, 'timestamp')
  return {
    time: `coalesce(${value}, ${place.time})`,
    rank: `CASE WHEN ${value} IS NOT NULL THEN 0 ELSE ${place.rank} END`,
  }
}

/** `20250103-101500123.parquet` → `2025-01-03 10:15:00.123`. */
function timeOf(name: string): string {
  return name.replace(/^(\d{4})(\d{2})(\d{2})-(\d{2})(\d{2})(\d{2})(\d{3}).*$/, '$1-$2-$3 $4:$5:$6.$7')
}

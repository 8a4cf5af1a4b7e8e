/** Plans a consolidation: from what a day's folder and its standing partition hold to a Plan. Pure. */
import type { ConsolidateTask } from '../define/consolidate.ts'
import { tableAt } from '../define/dataset.ts'
import { quoteName, quoteText } from '../engines/portable.ts'
import { MillraceError } from '../errors.ts'
import { keepsValues, keptType, unsupportedIn, widens } from '../formats/column-types.ts'
import { identityOf, identityText } from '../formats/file-identity.ts'
import type {
  Column,
  CommitRecord,
  ConsumedFile,
  DataFile,
  PartitionValue,
  Plan,
  Planned,
  PlanView,
  PublishStep,
  UnreadableFile,
} from '../types.ts'
import { planInput } from './plan-input.ts'

/** What was found of a task's source and target. */
export type ConsolidateSurvey = {
  /** The folder looked in. */
  source: string
  /** The days the source has, oldest first, whichever was asked for. */
  landedDays: string[]
  days: DaySurvey[]
}

/** One day: the files that its last commit does not know, and the partition as it stands. */
export type DaySurvey = {
  day: string
  folder: string
  /** Files in the folder that the bookmark lists. */
  consumed: (DataFile | UnreadableFile)[]
  files: (DataFile | UnreadableFile)[]
  standing: StandingPartition
}

/** A partition as it lies in storage now, with the commit it comes from; `commit` is null where Millrace wrote none. */
export type StandingPartition = {
  commit: CommitRecord | null
  files: DataFile[]
  /** Nothing of it can be used: the day is built anew from every landed file, and so is its quarantine. */
  isLost: boolean
  /** Some rows come from another tool: no landed file brings them back. */
  hasAdopted: boolean
}

const reservedColumns = ['_file', '$row', 'quarantine_reason', 'quarantine_file', 'year', 'month', 'day']

/** Plans each day surveyed, oldest first. Throws `no-input` when the source has nothing for what was asked. */
export function planConsolidate(pipeline: string, task: ConsolidateTask, survey: ConsolidateSurvey): Planned[] {
  const days = survey.days.filter(
    ({ files, consumed, standing }) =>
      files.length + consumed.length > 0 || (standing.files.length > 0 && !hasLayout(task, standing)),
  )
  if (days.length === 0) throw noInput(task, survey)
  return days.map((day) => planDay(pipeline, task, day))
}

function noInput(task: ConsolidateTask, survey: ConsolidateSurvey): MillraceError {
  const wanted = task.from.day
  const looked = wanted === 'all' ? `${survey.source}/YYYY/MM/DD/` : (survey.days[0]?.folder ?? survey.source)
  const near = survey.landedDays
    .map((day) => ({ day, distance: Math.abs(Date.parse(day) - Date.parse(wanted)) }))
    .sort((a, b) => a.distance - b.distance || (a.day < b.day ? 1 : -1))
    .slice(0, 3)
    .map(({ day }) => day)
  const exists =
    near.length === 0 ? `${survey.source} has no day with data` : `nearest days with data: ${near.join(', ')}`
  const advice =
    near.length === 0
      ? 'Check --root and whether the landing zone is being written'
      : 'Pass one of them as --partition-date, or check the landing zone'
  const stays = survey.days.some(({ standing }) => standing.files.length > 0)
    ? '. The partition that stands is left as it is'
    : ''
  return new MillraceError(
    'no-input',
    `task ${task.name}  no Parquet file for ${wanted === 'all' ? 'any day' : wanted} in ${looked} (${exists}). ${advice}${stays}`,
  )
}

function planDay(pipeline: string, task: ConsolidateTask, found: DaySurvey): Planned {
  const complete = withAccepted(task, found)
  const repeats = !isSufficient(task, complete)
  const survey = repeats ? fromTheStart(complete) : complete
  const { standing, day } = survey
  checkStanding(task, standing)
  const { readable, unreadable } = sortFiles(task, survey.files)
  const newRows = readable.reduce((sum, { rows }) => sum + rows, 0)
  const asked = hasLayout(task, standing)
  if (survey.files.length === 0 && asked) {
    return {
      kind: 'unchanged',
      partition: day,
      consumed: survey.consumed.length,
      standingFiles: standing.files.length,
      commit: standing.commit,
    }
  }
  const isRewritten = newRows > 0 || standing.isLost || (!asked && standing.files.length > 0)
  const columns = tableColumns(task, [...readable, ...standing.files])
  const partition = dayPartition(day)
  const target = `${task.to.path}/${partition.map(({ column, value }) => `${column}=${value}`).join('/')}`
  const steps = isRewritten ? publishSteps(pipeline, task, columns, target, partition, standing.isLost) : []
  const plan: Plan = {
    planVersion: 1,
    pipeline,
    task: task.name,
    partition: day,
    inputs: isRewritten
      ? [planInput('landing', columns, readable, true), planInput('standing', columns, standing.files, false)]
      : [],
    views: isRewritten ? views(task, columns, target) : [],
    metrics: isRewritten ? [{ name: 'quality', sql: qualitySql(task, columns, day) }] : [],
    outputs: steps.map((step) => ({
      name: step.output,
      view: step.output,
      columns: step.columns,
      codec: task.to.codec,
      fileCount: step.output === 'kept' ? task.to.files : 1,
    })),
    publish: {
      scope: target,
      after: standing.commit?.number ?? 0,
      steps,
      counts: {
        rowsIn: [{ input: 'landing' }],
        rowsStanding: [{ input: 'standing' }],
        rowsOut: [{ output: 'kept' }],
        duplicates: [{ superseded: 'kept' }],
        quarantined: [{ output: 'rejected' }],
      },
      balances: [{ in: ['rowsIn', 'rowsStanding'], out: ['rowsOut', 'duplicates', 'quarantined'] }],
      main: { output: 'kept', target },
      quarantine: { output: 'rejected', target: quarantineFolder(pipeline, task, partition) },
      bookmark: { restarts: standing.commit?.bookmark.length === 0, added: consumedFiles(survey.files, unreadable) },
      repeats,
      replaced: isRewritten ? [{ folder: target, files: found.standing.files.map(({ path }) => path) }] : [],
      state: { kind: 'consolidate', codec: task.to.codec, fileCount: task.to.files, hasAdopted: standing.hasAdopted },
      unreadable:
        unreadable.length === 0 ? null : { target: quarantineFolder(pipeline, task, partition), files: unreadable },
      mayBeDamaged: ['landing'],
      refusals: [],
    },
  }
  return { kind: 'plan', plan }
}

/** Whether the partition has the file count and codec asked for; what Millrace did not write stays as it is. */
function hasLayout({ to }: ConsolidateTask, { commit }: StandingPartition): boolean {
  if (commit === null || commit.state.kind !== 'consolidate') return true
  return commit.state.codec === to.codec && commit.state.fileCount === to.files
}

/** Files that were refused for their columns and fit now, because the definition was changed, count as new. */
function withAccepted(task: ConsolidateTask, survey: DaySurvey): DaySurvey {
  const bookmark = survey.standing.commit?.bookmark ?? []
  const refused = new Set(bookmark.filter((file) => file.isRefused).map((file) => identityText(file)))
  const isAccepted = (file: DataFile | UnreadableFile): boolean =>
    refused.has(identityText(file)) && !('reason' in file) && typeof columnsToRead(task, file) !== 'string'
  const accepted = survey.consumed.filter(isAccepted)
  if (accepted.length === 0) return survey
  const consumed = survey.consumed.filter((file) => !accepted.includes(file))
  return { ...survey, consumed, files: [...survey.files, ...accepted] }
}

/** The files consumed now; those whose columns did not fit are marked. */
function consumedFiles(files: (DataFile | UnreadableFile)[], unreadable: UnreadableFile[]): ConsumedFile[] {
  const bad = new Set(unreadable.map(({ path }) => path))
  return files.map((file) =>
    !('reason' in file) && bad.has(file.path) ? { ...identityOf(file), isRefused: true } : identityOf(file),
  )
}

/** Files that another tool put into the table must fit it as landed ones do: nothing in it can be set aside. */
function checkStanding(task: ConsolidateTask, { files }: StandingPartition): void {
  for (const file of files) {
    const columns = columnsToRead(task, file)
    if (typeof columns !== 'string') continue
    throw new MillraceError(
      'table-changed',
      `${file.path}  lies in the table, but ${columns}. Move it away and run again`,
    )
  }
}

/**
 * Whether the standing rows decide as the landed ones would: an added column that was a number and becomes text, say, was
 * compared as a number until now. What landed is still there as a rule; where it is not, what was decided stays decided.
 */
function isSufficient(task: ConsolidateTask, survey: DaySurvey): boolean {
  const { standing, consumed } = survey
  const columns = tableColumns(task, [...sortFiles(task, survey.files).readable, ...standing.files])
  const types = new Map(columns.map(({ name, type }) => [name.toLowerCase(), type]))
  const keeps = ({ name, type }: Column): boolean => keepsValues(type, types.get(name.toLowerCase()) ?? type)
  if (standing.hasAdopted || standing.files.every((file) => file.columns.every(keeps))) return true
  const isLanded = new Set(consumed.map((file) => identityText(file)))
  const bookmark = standing.commit?.bookmark ?? []
  return bookmark.length === 0 || !bookmark.every((file) => isLanded.has(identityText(file)))
}

/** The day as if nothing of it had been consumed: every landed file is read, table and quarantine are replaced. */
function fromTheStart(survey: DaySurvey): DaySurvey {
  const commit = survey.standing.commit === null ? null : { ...survey.standing.commit, partitions: [], bookmark: [] }
  const files = [...survey.consumed, ...survey.files].sort((a, b) => (a.path < b.path ? -1 : 1))
  return { ...survey, consumed: [], files, standing: { commit, files: [], isLost: true, hasAdopted: false } }
}

function dayPartition(day: string): PartitionValue[] {
  const [year, month, date] = day.split('-') as [string, string, string]
  return [
    { column: 'year', value: year },
    { column: 'month', value: month },
    { column: 'day', value: date },
  ]
}

/** The quarantine of a pipeline; of an output path that is not the usual one, in a folder of its own. */
function quarantineFolder(pipeline: string, task: ConsolidateTask, partition: PartitionValue[]): string {
  return `${quarantinePath(pipeline, task)}/${partition.map(({ column, value }) => `${column}=${value}`).join('/')}`
}

function quarantinePath(pipeline: string, task: ConsolidateTask): string {
  const isUsual = task.to.path === `consolidated/${pipeline}`
  return `quarantine/${pipeline}${isUsual ? '' : `/${task.to.path}`}`
}

/** Files whose declared columns are there with a type that the declared one holds, and the others with the reason. */
function sortFiles(
  task: ConsolidateTask,
  files: (DataFile | UnreadableFile)[],
): { readable: DataFile[]; unreadable: UnreadableFile[] } {
  const readable: DataFile[] = []
  const unreadable: UnreadableFile[] = []
  for (const file of files) {
    if ('reason' in file) {
      unreadable.push(file)
      continue
    }
    const columns = columnsToRead(task, file)
    if (typeof columns === 'string') unreadable.push({ ...identityOf(file), reason: columns })
    else readable.push({ ...file, columns })
  }
  return { readable, unreadable }
}

/** The columns to read of a file, or why the file does not fit. */
function columnsToRead(task: ConsolidateTask, file: DataFile): Column[] | string {
  const found = new Map(file.columns.map((column) => [column.name.toLowerCase(), column]))
  const empty = new Set<Column>()
  for (const [name, declared] of Object.entries(task.columns)) {
    const column = found.get(name.toLowerCase())
    if (column === undefined) {
      if (!task.optional.includes(name)) return `column ${name} (${declared}) is missing`
    } else if (column.type === 'null') empty.add(column)
    else if (!widens(column.type, declared)) {
      if (!file.nullColumns.includes(column.name)) return `column ${name} is ${column.type}, not ${declared}`
      empty.add(column)
    }
  }
  const reserved = file.columns.find(({ name }) => reservedColumns.includes(name.toLowerCase()))
  if (reserved !== undefined) return `column ${reserved.name} has a name that the table keeps for itself`
  if (file.columns.some(({ name }) => name === '')) return 'a column has no name'
  const odd = file.columns.find(({ type }) => unsupportedIn(type) !== null)
  if (odd !== undefined)
    return `column ${odd.name} holds ${unsupportedIn(odd.type)} values, which no table here can keep`
  return empty.size === 0 ? file.columns : file.columns.filter((column) => !empty.has(column))
}

/** The declared columns, then those that were added, by name; an added column takes the type that holds all of its types. */
function tableColumns(task: ConsolidateTask, files: Pick<DataFile, 'columns' | 'rows'>[]): Column[] {
  const declared = Object.entries(task.columns).map(([name, type]) => ({ name, type }))
  const known = new Set(declared.map(({ name }) => name.toLowerCase()))
  const added = new Map<string, { names: Set<string>; types: Set<string> }>()
  // A file without rows brings no column: it may come alone, and then nothing is rewritten for it.
  for (const columns of new Set(files.filter(({ rows }) => rows > 0).map((file) => file.columns))) {
    for (const { name, type } of columns) {
      const folded = name.toLowerCase()
      if (known.has(folded)) continue
      const found = added.get(folded) ?? { names: new Set(), types: new Set() }
      found.names.add(name)
      found.types.add(type)
      added.set(folded, found)
    }
  }
  const rest = [...added.keys()].sort().map((folded) => {
    const { names, types } = added.get(folded) as { names: Set<string>; types: Set<string> }
    return { name: [...names].sort()[0] as string, type: keptType([...types]) }
  })
  return [...declared, ...rest]
}

function views(task: ConsolidateTask, columns: Column[], target: string): PlanView[] {
  const names = columns.map(({ name }) => quoteName(name))
  const reasons = Object.entries(task.reject)
  const isRejected = reasons.length === 0 ? 'false' : reasons.map(([, sql]) => `coalesce((${sql}), false)`).join(' OR ')
  const cases = reasons.map(([reason, sql]) => `WHEN coalesce((${sql}), false) THEN ${quoteText(reason)}`)
  const reason = cases.length === 0 ? "''" : `CASE ${cases.join(' ')} END`
  // Maps have no order of their own on every engine.
  const others = columns
    .filter(({ name }) => name !== task.keep.key)
    .map(({ name, type }) => (type.includes('map<') ? `to_text(${quoteName(name)})` : quoteName(name)))
  const order = [...task.keep.by, ...others]
  return [
    {
      name: 'day_rows',
      once: true,
      sql: `SELECT ${names.join(', ')}, "_file" FROM landing UNION ALL SELECT ${names.join(', ')}, CAST(NULL AS INTEGER) AS "_file" FROM standing`,
    },
    {
      name: 'rejected',
      once: false,
      sql: `SELECT ${names.map((name) => `r.${name}`).join(', ')}, r.quarantine_reason, coalesce(f.path, ${quoteText(target)}) AS quarantine_file FROM (SELECT *, ${reason} AS quarantine_reason FROM day_rows WHERE ${isRejected}) r LEFT JOIN landing_files f ON f.file_number = r."_file"`,
    },
    {
      name: 'kept',
      columns: columns.map(({ name }) => name),
      newest: { from: 'day_rows', where: `NOT (${isRejected})`, key: [task.keep.key], orderBy: order },
    },
  ]
}

/** One row: rows read, nulls of each column and the rows for which each check holds; standing rows do not count. */
function qualitySql(task: ConsolidateTask, columns: Column[], day: string): string {
  const nulls = columns.map(({ name }) => `count(*) - count(${quoteName(name)}) AS ${quoteName(`nulls_${name}`)}`)
  const checks = Object.entries(task.checks).map(
    ([name, sql]) => `count(CASE WHEN ${sql.replaceAll('{day}', `DATE '${day}'`)} THEN 1 END) AS ${quoteName(name)}`,
  )
  return `SELECT ${['count(*) AS rows_read', ...nulls, ...checks].join(', ')} FROM day_rows WHERE "_file" IS NOT NULL`
}

function publishSteps(
  pipeline: string,
  task: ConsolidateTask,
  columns: Column[],
  target: string,
  partition: PartitionValue[],
  isLost: boolean,
): PublishStep[] {
  const quarantined = [
    ...columns,
    { name: 'quarantine_reason', type: 'string' },
    { name: 'quarantine_file', type: 'string' },
  ]
  return [
    { output: 'kept', target, mode: 'replace', table: tableAt(task.to.path), partition, columns },
    {
      output: 'rejected',
      target: quarantineFolder(pipeline, task, partition),
      mode: isLost ? 'replace' : 'append',
      table: {
        database: 'quarantine',
        table: quarantinePath(pipeline, task).replace('quarantine/', '').replaceAll('/', '_'),
      },
      partition,
      columns: quarantined,
    },
  ]
}

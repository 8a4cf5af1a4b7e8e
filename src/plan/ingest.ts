/** From the new files of a table of drops to the query that reads them: pure. */
import type { DropTable, IngestTask } from '../define/ingest.ts'
import { isReservedColumn } from '../define/reserved-columns.ts'
import { quoteName, quoteText } from '../engines/portable.ts'
import { unionColumns, unsupportedIn } from '../formats/column-types.ts'
import type { Column, DataFile, PlanInput, TablePlan, TableRead, UnreadableFile } from '../types.ts'
import { convert } from './conversion.ts'
import { planInput } from './plan-input.ts'

/** The new files of a table, and its columns where it exists. */
export type IngestSurvey = {
  table: string
  files: (DataFile | UnreadableFile)[]
  tableColumns: Column[] | null
  /** The table as it stands. */
  standing: TableRead | null
}

/** The columns that the query has besides the table's: where a row is from, and what is wrong with it. */
export const placeColumns = { file: '$file', row: '$row', reason: '$reason' }

export type IngestPlan = {
  plan: TablePlan
  /** The table's columns afterwards. */
  columns: Column[]
  inputs: PlanInput[]
  /** In the portable subset, over the inputs: all rows in the table's types, and where they are from. */
  rows: string
  /** For each input its rows as they are that are set aside, with the reason and the file. */
  refusedRows: string[]
}

/** Plans one table. */
export function planIngest(pipeline: string, task: IngestTask, name: string, survey: IngestSurvey): IngestPlan {
  const drop = task.from.tables[survey.table] as DropTable
  const checked = survey.files.map((file) => ('reason' in file ? file : (refusal(file, drop) ?? file)))
  const unreadable = checked.filter((file): file is UnreadableFile => 'reason' in file)
  const files = checked.filter((file): file is DataFile => !('reason' in file))
  const columns = columnsAfter(drop, files, survey.tableColumns)
  const positions = new Map(
    [...files].sort((a, b) => (a.path < b.path ? -1 : 1)).map(({ path }, index) => [path, index]),
  )
  const inputs = inputsOf(files)
  const selects = inputs.map((input) => selectRows(input, columns, drop, positions))
  const rows = selects.map(({ rows }) => rows).join('\nUNION ALL\n')
  const key = drop.key.join(', ')
  const read: TableRead = {
    ...{ name: `${task.from.path}/${survey.table}`, snapshot: null, files: files.length },
    rows: files.reduce((sum, file) => sum + file.rows, 0),
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
  }
  const plan: TablePlan = {
    ...{ planVersion: 1, pipeline, task: task.name, partition: name },
    reads: [read, ...(survey.standing === null ? [] : [survey.standing])],
    steps: [
      ...(survey.tableColumns === null ? [{ what: `create ${name} with ${columns.length} columns`, sql: null }] : []),
      ...(rows === '' ? [] : [{ what: 'read the new files', sql: rows }]),
      {
        what: `merge by ${key}: the row with the greatest ${task.from.newestBy} stands, of equal ones what was read later`,
        sql: null,
      },
    ],
    unreadable,
  }
  return { plan, columns, inputs, rows, refusedRows: selects.map(({ refused }) => refused) }
}

/** Why a sound file is not read. */
function refusal({ path, bytes, sha256, columns }: DataFile, drop: DropTable): UnreadableFile | null {
  const refuse = (reason: string): UnreadableFile => ({ path, bytes, sha256, reason })
  const names = columns.map(({ name }) => name.toLowerCase())
  const missing = drop.columns.filter(({ name }) => !names.includes(name.toLowerCase())).map(({ name }) => name)
  if (missing.length > 0)
    return refuse(`has no column ${missing.join(', ')}; it has ${columns.map(({ name }) => name).join(', ')}`)
  const twin = columns.find(({ name }, index) => names.indexOf(name.toLowerCase()) !== index)
  if (twin !== undefined) return refuse(`has several columns named ${twin.name}, but for case`)
  const reserved = columns.find(({ name }) => isReservedColumn(name, undefined))
  if (reserved !== undefined) return refuse(`has a column ${reserved.name}, a name that Millrace keeps for itself`)
  for (const { name, type } of columns) {
    const unsupported = unsupportedIn(type)
    if (unsupported !== null) return refuse(`column ${name} is of a type that cannot be read: ${unsupported}`)
  }
  return null
}

/** The declared ones, what the table has besides, then what is new; an added column's type is that of all files that have it. */
function columnsAfter(drop: DropTable, files: readonly DataFile[], standing: readonly Column[] | null): Column[] {
  const known = new Map<string, Column>()
  const add = (columns: readonly Column[]): void => {
    for (const column of columns)
      if (!known.has(column.name.toLowerCase())) known.set(column.name.toLowerCase(), column)
  }
  add(drop.columns)
  add(standing ?? [])
  const filled = files.map(({ columns }) => columns.filter(({ type }) => type !== 'null'))
  add(unionColumns(filled))
  // What stands has its type: of a declared one too, which may have been declared otherwise before.
  const types = new Map((standing ?? []).map(({ name, type }) => [name.toLowerCase(), type]))
  return [...known.values()].map(({ name, type }) => ({ name, type: types.get(name.toLowerCase()) ?? type }))
}

/** Files of one schema are one input, with exactly their columns: each value is converted from the type that it has. */
function inputsOf(files: readonly DataFile[]): PlanInput[] {
  const groups = new Map<string, DataFile[]>()
  for (const file of files) {
    const key = JSON.stringify(file.columns)
    groups.set(key, [...(groups.get(key) ?? []), file])
  }
  return [...groups.values()].map((group, index) =>
    planInput(`input_${index}`, (group[0] as DataFile).columns, group, true),
  )
}

function selectRows(
  input: PlanInput,
  columns: readonly Column[],
  drop: DropTable,
  positions: ReadonlyMap<string, number>,
): { rows: string; refused: string } {
  const own = new Map(input.columns.map((column) => [column.name.toLowerCase(), column]))
  const values: string[] = []
  const conditions: string[] = []
  for (const { name, type } of columns) {
    const source = own.get(name.toLowerCase())
    if (source === undefined) {
      values.push(`CAST(NULL AS ${type}) AS ${quoteName(name)}`)
      continue
    }
    const { value, fits } = convert(quoteName(source.name), source.type, type)
    values.push(`${value} AS ${quoteName(name)}`)
    if (fits !== null) conditions.push(`WHEN NOT (${fits}) THEN ${quoteText(`${name} is no ${type}`)}`)
    if (drop.key.includes(name))
      conditions.push(`WHEN ${quoteName(source.name)} IS NULL THEN ${quoteText(`${name} is missing`)}`)
  }
  const reason = `CASE ${conditions.join(' ')} END`
  const places = input.files.map(({ path }) => positions.get(path))
  const position = `[${places.join(', ')}][_file + 1]`
  const { file, row } = placeColumns
  return {
    rows: `SELECT ${[...values, `${position} AS ${quoteName(file)}`, `_row AS ${quoteName(row)}`, `${reason} AS ${quoteName(placeColumns.reason)}`].join(', ')} FROM ${input.name}`,
    refused: `SELECT ${[...input.columns.map(({ name }) => `i.${quoteName(name)}`), `${reason} AS quarantine_reason`, 'f.path AS quarantine_file'].join(', ')} FROM ${input.name} i JOIN ${input.name}_files f ON f.file_number = i._file WHERE ${reason} IS NOT NULL`,
  }
}

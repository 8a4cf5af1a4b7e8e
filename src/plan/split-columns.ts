/** From the files of a snapshot and a split spec to the columns of every table. Pure. */
import type { FanOutTask } from '../define/fan-out.ts'
import { MillraceError, nearest } from '../errors.ts'
import { commonType, keptType, unsupportedIn } from '../formats/column-types.ts'
import type { SplitColumn, SplitTable } from '../formats/split-spec.ts'
import type { Column, FileIdentity } from '../types.ts'

/** A file of a snapshot; files with the same columns share one list of them. */
export type SnapshotFile = FileIdentity & { rows: number; columns: Column[]; modifiedMs: number }

/** A column of a snapshot: its name in lower case, its type over all files, its compressed bytes in them. */
export type SnapshotColumn = Column & { bytes: number }

/** A table with its columns in their order. */
export type NarrowTable = { name: string; columns: SnapshotColumn[] }

/** What the footer of a file says of its columns. */
type FooterColumns = { columns: readonly Column[]; nullColumns: readonly string[]; columnBytes: readonly number[] }
type Found = { types: Map<string, string>; nullTypes: Set<string>; bytes: number }

/**
 * Gathers the columns of a snapshot file by file, and keeps only what comes of them: of thousands of files with thousands of
 * columns each, what every footer says would be gigabytes.
 */
export function gatherColumns(): {
  add: (path: string, footer: FooterColumns) => void
  columns: () => SnapshotColumn[]
} {
  const gathered = new Map<string, Found>()
  return {
    /** Throws `usage` for types that nothing holds. */
    add: (path, { columns, nullColumns, columnBytes }) => {
      const nulls = new Set(nullColumns)
      for (const [index, { name, type }] of columns.entries()) {
        checkColumn(path, name, type)
        const folded = name.toLowerCase()
        const found = gathered.get(folded) ?? { types: new Map(), nullTypes: new Set(), bytes: 0 }
        // What is null in the whole file fits any type.
        if (nulls.has(name)) found.nullTypes.add(type)
        else if (!found.types.has(type)) found.types.set(type, path)
        found.bytes += columnBytes[index] ?? 0
        gathered.set(folded, found)
      }
    },
    /** In the order of the first file that has each. Throws `usage` where no type holds a column of all files. */
    columns: () => [...gathered].map(([name, found]) => ({ name, type: typeOf(name, found), bytes: found.bytes })),
  }
}

function checkColumn(path: string, name: string, type: string): void {
  const what = unsupportedIn(type)
  if (name !== '' && what === null) return
  const reason =
    name === '' ? 'a column has no name' : `column "${name}" holds ${what} values, which no table here can keep`
  throw new MillraceError('usage', `${path}  ${reason}. Leave it out of the snapshot`)
}

function typeOf(name: string, { types, nullTypes }: Found): string {
  const all = [...types.keys()]
  if (all.length === 0) return keptType([...nullTypes])
  const isConflict = (some: readonly string[]): boolean => some.length > 1 && commonType(some) === 'string'
  if (!isConflict(all)) return keptType(all)
  const pairs = all.flatMap((left, index) => all.slice(index + 1).map((right) => [left, right] as const))
  const [left, right] = pairs.find(isConflict) ?? (all as [string, string])
  throw new MillraceError(
    'usage',
    `column "${name}" is ${left} in ${types.get(left)} and ${right} in ${types.get(right)}; no type holds both. Deliver the snapshot with one type`,
  )
}

/** The tables to write. Throws `usage` that names file and line for what does not fit the snapshot. */
export function narrowTables(
  task: FanOutTask,
  spec: readonly SplitTable[] | null,
  { date, columns }: { date: string; columns: readonly SnapshotColumn[] },
): NarrowTable[] {
  const byName = new Map(columns.map((column) => [column.name, column]))
  const key = byName.get(task.key)
  const where = `snapshot ${date} (${columns.length.toLocaleString('en-US')} columns)`
  const near = (name: string): string => {
    const found = nearest(name, [...byName.keys()])
    return found === undefined ? '' : `; nearest: ${found}`
  }
  if (key === undefined) {
    throw new MillraceError(
      'usage',
      `${task.from.path}/${task.from.column}=${date}  has no column "${task.key}", the key of every table: it is not in ${where}${near(task.key)}. Deliver the snapshot with it, or name another key`,
    )
  }
  const partition = partitionColumnOf(task)
  if (task.tables.kind === 'all-columns') {
    const kept = columns.filter(({ name }) => name !== partition)
    return checked(task, [{ name: task.tables.table, columns: kept }])
  }
  const { file } = task.tables
  const missing: SplitColumn[] = []
  const tables = (spec ?? []).map(({ name, columns: listed }): NarrowTable => {
    const own = listed.flatMap((column) => {
      const found = byName.get(column.name.toLowerCase())
      if (found === undefined) missing.push(column)
      else if (found.name === partition) throw listedPartition(file, column, task)
      return found ?? []
    })
    return { name, columns: own.includes(key) ? own : [key, ...own] }
  })
  if (missing.length > 0) throw missingColumns(file, missing, where, near)
  return checked(task, tables)
}

/** The column that no file of a partitioned table can have, in lower case: its value is that of the partition. */
export function partitionColumnOf({ from, to }: Pick<FanOutTask, 'from' | 'to'>): string | null {
  return to.layout === 'partitioned' ? from.column.toLowerCase() : null
}

const missingNamed = 10 // of thousands, the first few tell what is wrong

function missingColumns(
  file: string,
  missing: readonly SplitColumn[],
  where: string,
  near: (name: string) => string,
): MillraceError {
  const lines = missing
    .slice(0, missingNamed)
    .map(({ name, line }) => `${file}:${line}  column "${name}" is not in ${where}${near(name)}`)
  const rest = missing.length - lines.length
  const more = rest === 0 ? '' : `\nand ${rest} more`
  return new MillraceError(
    'usage',
    `${lines.join('\n')}${more}. Fix the CSV, or pass another snapshot with --snapshot-dt`,
  )
}

function listedPartition(file: string, { name, line }: SplitColumn, { from }: FanOutTask): MillraceError {
  return new MillraceError(
    'usage',
    `${file}:${line}  column "${name}" is what the tables are partitioned by (${from.column}), so no file can have it. Remove the line`,
  )
}

function checked({ to, tables: { kind, ...spec } }: FanOutTask, tables: NarrowTable[]): NarrowTable[] {
  const file = 'file' in spec ? spec.file : kind
  const taken = to.layout === 'staged' ? tables.find(({ name }) => name.toLowerCase() === 'metadata') : undefined
  if (taken !== undefined) {
    throw new MillraceError(
      'usage',
      `${file}  table "${taken.name}" is refused: ${to.path}/metadata/ tells the snapshot. Give it another name`,
    )
  }
  if (to.layout === 'partitioned' && to.inOwnFolder && tables.length > 1) {
    throw new MillraceError(
      'usage',
      `${file}  names ${tables.length} tables, and ${to.path}/ takes one. Name one, or give each its own folder`,
    )
  }
  return tables
}

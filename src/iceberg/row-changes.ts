/** Turns rows that go and rows that come into files: by rewriting the data files concerned, or by deletes beside them. */
import type { Session } from '../engines/duckdb/session.ts'
import { quoteName } from '../engines/portable.ts'
import { MillraceError } from '../errors.ts'
import { concerning, deletesSql, narrowed, rowPlace, type Scan, type ScanFile, scanSql } from './scan.ts'
import type { DataFile, LiveFile, TableMetadata } from './types.ts'
import { writeDeleteFiles } from './write-deletes.ts'
import { writeDataFiles } from './write-files.ts'

/**
 * How rows are taken out of data files. `copy-on-write`: the files are written again without them, which costs at once and
 * keeps reading fast. `merge-on-read`: files of position deletes are added, which costs little now and something with every
 * reading until the table is compacted. `auto` rewrites where little is to be carried over: see `chooseMode`.
 */
export type Mode = 'copy-on-write' | 'merge-on-read' | 'auto'

/**
 * Rows of a scan to take out, and rows to put in. `removed` is a table with their places (`rowPlace`), each once; `added` a
 * relation with the table's columns in their types. Null: none.
 */
export type RowChanges = { scan: Scan; removed: string | null; added: string | null }

/** Files that come and go with a commit. */
export type FileChanges = {
  added: DataFile[]
  addedDeletes: DataFile[]
  removed: LiveFile[]
  removedDeletes: LiveFile[]
  /** The files in which rows were taken out, removed or not. */
  touched: LiveFile[]
  mode: 'copy-on-write' | 'merge-on-read' | 'append' | 'none'
}

/** A file in which rows are taken out: how many now, how many were before, and its position in the scan. */
export type TouchedFile = { number: number; file: ScanFile; removed: number; removedBefore: number }

const rewriteShareMin = 0.3 // of a file's rows: then a rewrite is mostly of rows that change anyway
const rewriteBytesMax = 16 * 2 ** 20 // in all: a rewrite of this size costs less than the readings that deletes would slow down

/**
 * The rule of `auto`: rewrite when what is touched is small (16 MB of files in all), or when 30 % or more of its rows are gone,
 * those taken out by earlier merges included; else leave the files and add deletes.
 */
export function chooseMode(wanted: Mode, touched: readonly TouchedFile[]): 'copy-on-write' | 'merge-on-read' {
  if (wanted !== 'auto') return wanted
  const sum = (value: (touched: TouchedFile) => number): number =>
    touched.reduce((total, file) => total + value(file), 0)
  const gone = sum(({ removed, removedBefore }) => removed + removedBefore)
  const isSmall = sum(({ file }) => file.file_size_in_bytes) <= rewriteBytesMax
  return isSmall || gone >= rewriteShareMin * sum(({ file }) => file.record_count) ? 'copy-on-write' : 'merge-on-read'
}

/** The mode that was asked for; where that is none or `auto`, the table's (`write.merge.mode`, `write.delete.mode`), if it has one. */
export function wantedMode(metadata: TableMetadata, kind: 'merge' | 'delete', asked: Mode | undefined): Mode {
  const property = `write.${kind}.mode`
  const mode = asked === undefined || asked === 'auto' ? (metadata.properties[property] ?? 'auto') : asked
  if (mode === 'copy-on-write' || mode === 'merge-on-read' || mode === 'auto') return mode
  throw new MillraceError(
    'usage',
    `${property} is ${JSON.stringify(mode)}; expected copy-on-write, merge-on-read or auto`,
  )
}

/** Writes the files of a change. Files of which nothing is left go in either mode. */
export async function writeRowChanges(
  session: Session,
  metadata: TableMetadata,
  changes: RowChanges,
  mode: Mode,
): Promise<FileChanges> {
  const touched = changes.removed === null ? [] : await touchedFiles(session, changes.scan, changes.removed)
  const isEmptied = ({ file, removed, removedBefore }: TouchedFile): boolean =>
    removed + removedBefore >= file.record_count
  const [emptied, partly] = [touched.filter(isEmptied), touched.filter((file) => !isEmptied(file))]
  const chosen = chooseMode(mode, touched)
  const added = changes.added === null ? [] : await writeDataFiles(session, metadata, changes.added)
  const files: FileChanges = {
    added,
    addedDeletes: [],
    removed: emptied.map(({ file }) => file),
    removedDeletes: [],
    touched: touched.map(({ file }) => file),
    mode: touched.length > 0 ? chosen : added.length > 0 ? 'append' : 'none',
  }
  if (partly.length === 0 || changes.removed === null) return files
  if (chosen === 'merge-on-read') {
    const byNumber = new Map(partly.map(({ number, file }) => [number, file]))
    files.addedDeletes = await writeDeleteFiles(session, metadata, changes.removed, byNumber)
  } else {
    // Apart from the rows that changed, so that these are found again without a look at the others.
    files.added.push(...(await writeDataFiles(session, metadata, carriedOver(changes.scan, changes.removed, partly))))
    files.removed.push(...partly.map(({ file }) => file))
  }
  return files
}

async function touchedFiles(session: Session, scan: Scan, removed: string): Promise<TouchedFile[]> {
  const counts = await session.rows(
    `SELECT ${quoteName(rowPlace.file)} AS number, count(*) AS rows FROM ${removed} GROUP BY number ORDER BY number`,
  )
  const before = await removedBefore(
    session,
    scan,
    counts.map((row) => Number(row.number)),
  )
  return counts.map((row) => {
    const number = Number(row.number)
    const file = scan.files[number] as ScanFile
    return { number, file, removed: Number(row.rows), removedBefore: before.get(number) ?? 0 }
  })
}

/** How many rows of each file its delete files name, by the file's position. */
async function removedBefore(session: Session, scan: Scan, numbers: readonly number[]): Promise<Map<number, number>> {
  const dirty = numbers.filter((number) => scan.files[number]?.isDirty)
  if (dirty.length === 0) return new Map()
  const rows = await session.rows(`
    SELECT file, count(DISTINCT pos) AS rows FROM ${deletesSql(scan)} AS x WHERE file IN (${dirty.join(', ')}) GROUP BY file`)
  return new Map(rows.map((row) => [Number(row.file), Number(row.rows)]))
}

/** The rows that stay in some files, as a query in parentheses. */
function carriedOver(scan: Scan, removed: string, files: readonly TouchedFile[]): string {
  const kept = new Set<unknown>(files.map(({ file }) => file))
  const rest = narrowed(scan, (file) => kept.has(file))
  const numbers = scan.files.map((file) => rest.files.indexOf(file))
  const columns = scan.schema.fields.map(({ name }) => name)
  const [file, position] = [quoteName(rowPlace.file), quoteName(rowPlace.position)]
  return `(
    SELECT ${columns.map((name) => `d.${quoteName(name)}`).join(', ')} FROM ${scanSql(rest, columns, rowPlace)} AS d
    ANTI JOIN (SELECT [${numbers.join(', ')}][${file} + 1] AS file, ${position} AS pos FROM ${removed}) AS r
      ON r.file = d.${file} AND r.pos = d.${position})`
}

/** Delete files that concern none of the data files that stay. */
export function spentDeletes(
  deletes: readonly LiveFile[],
  data: readonly LiveFile[],
  removed: readonly LiveFile[],
): LiveFile[] {
  const gone = new Set(removed.map(({ file_path }) => file_path))
  const stay = data.filter(({ file_path }) => !gone.has(file_path))
  return deletes.filter((file) => !stay.some(concerning(file)) && data.some(concerning(file)))
}

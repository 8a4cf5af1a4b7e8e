/** The definitions of the tables: which there are, their keys, their columns and types. */
import { readFileSync } from 'node:fs'
import { type Column, didYouMean, isReservedColumn, MillraceError } from 'millrace'
import { parseColumnType } from './column-type.ts'
import { type JsonValue, parseJson } from './parse-json.ts'

/** A table as declared; `primaryKey` spells its parts as `columns` does, types are in Hive's spelling. */
export type CarsTable = { table: string; primaryKey: string[]; columns: Column[] }

/** Says what is wrong below a key. */
type Report = (key: string, what: string) => void

const shape = '{"table": "FIELD", "primaryKey": ["id"], "columns": {"id": "bigint"}}'
const tableKeys = ['table', 'primaryKey', 'columns']
const nameBytesMax = 200 // a folder's name has 255 at most, and `-LOAD` and a run's suffix may follow
/** What says of a change what and when it is: never part of a table, declared or not. */
const changeColumn = /^(op|dms_commit_ts)$/i

/** The twelve tables that ship with the system. */
export function shippedTables(): CarsTable[] {
  const file = new URL('./tables.json', import.meta.url)
  return parseTables('systems/carsdm/tables.json', readFileSync(file, 'utf8'))
}

/** Reads a tables file. Throws `usage` that names the file, each table and key that is wrong, and what was expected. */
export function parseTables(file: string, text: string): CarsTable[] {
  const list = parseJson(file, text)
  const problems: string[] = []
  if (!Array.isArray(list)) problems.push(`${file}  ${found(list)}, expected a list: [${shape}, …]`)
  else if (list.length === 0) problems.push(`${file}  has no table; expected at least one: [${shape}]`)
  const entries = Array.isArray(list) ? list : []
  const tables = entries.map((entry, index) => {
    const name = entry instanceof Map ? entry.get('table') : undefined
    const where = typeof name === 'string' && name.trim() !== '' ? printed(name) : `entry ${index + 1}`
    return readTable(entry, (key, what) => problems.push(`${file}  ${where}${key === '' ? '' : `.${key}`}  ${what}`))
  })
  for (const [index, { table }] of tables.entries()) {
    const twin = tables.findIndex((other) => table !== '' && other.table.toLowerCase() === table.toLowerCase())
    if (twin >= 0 && twin < index)
      problems.push(
        `${file}  ${printed(table)}  stands twice, as entries ${twin + 1} (${printed(tables[twin]?.table ?? '')}) and ${index + 1}; expected each table once, whatever the case`,
      )
  }
  if (problems.length > 0) throw new MillraceError('usage', problems.join('\n'))
  return tables
}

function readTable(entry: JsonValue, report: Report): CarsTable {
  if (!(entry instanceof Map)) {
    report('', `${found(entry)}, expected a table: ${shape}`)
    return { table: '', primaryKey: [], columns: [] }
  }
  for (const key of entry.keys()) {
    if (!tableKeys.includes(key))
      report(key, `is no key of a table; expected ${tableKeys.join(', ')}${didYouMean(key, tableKeys)}`)
  }
  const columns = readColumns(entry.get('columns'), report)
  return { table: readName(entry.get('table'), report), primaryKey: readKey(entry, columns, report), columns }
}

function readName(name: JsonValue | undefined, report: Report): string {
  if (typeof name !== 'string') {
    report('table', `${found(name)}, expected a name such as "FIELD"`)
    return ''
  }
  const reason = badName(name)
  if (reason !== null) report('table', `${JSON.stringify(name)} is refused: expected a name ${reason}`)
  return name
}

/** What a table's name must be to be a folder's, and is not. */
function badName(name: string): string | null {
  if (name.trim() === '') return 'that is not empty'
  if (/\p{Cc}/u.test(name)) return 'without control characters'
  if (/[/\\]/.test(name)) return 'without "/" and "\\"'
  if (name.includes('..')) return 'without ".."'
  if (/^[_.]/.test(name)) return 'that does not begin with "_" or ".": such folders hold no data'
  if (name !== name.trim()) return 'without blanks at its ends'
  if (/-LOAD$/i.test(name)) return 'that does not end in "-LOAD": the folder of the loads of a table is named so'
  return Buffer.byteLength(name) > nameBytesMax ? `of at most ${nameBytesMax} bytes` : null
}

function readColumns(columns: JsonValue | undefined, report: Report): Column[] {
  if (!(columns instanceof Map) || columns.size === 0) {
    const what = columns instanceof Map ? 'has no column' : found(columns)
    report('columns', `${what}, expected names and types: {"id": "bigint", …}`)
    return []
  }
  const spelled = new Map<string, string>()
  const declared = [...columns].filter(([name]) => !changeColumn.test(name))
  return declared.map(([name, type]) => {
    const key = `columns.${printed(name)}`
    const twin = spelled.get(name.toLowerCase())
    if (twin !== undefined)
      report(key, `is the column ${printed(twin)} in another case; expected each once, whatever the case`)
    else spelled.set(name.toLowerCase(), name)
    if (name.trim() === '' || /\p{Cc}/u.test(name))
      report(key, 'is refused: expected a name that is not empty, without control characters')
    if (isReservedColumn(name, 'dart_filedate'))
      report(key, 'is refused: landing adds a column of that name itself. Leave it out')
    return { name, type: readType(type, (what) => report(key, what)) }
  })
}

function readType(type: JsonValue, report: (what: string) => void): string {
  const parsed = typeof type === 'string' ? parseColumnType(type) : { problem: `${found(type)}, expected a type` }
  if ('type' in parsed) return parsed.type
  report(parsed.problem)
  return 'string'
}

function readKey(entry: Map<string, JsonValue>, columns: Column[], report: Report): string[] {
  const parts = entry.get('primaryKey')
  if (!Array.isArray(parts) || parts.length === 0) {
    report('primaryKey', `${found(parts)}, expected the names of one or more columns: ["id"]`)
    return []
  }
  const names = columns.map(({ name }) => name)
  const key = parts.map((part) => {
    const wanted = typeof part === 'string' ? part.toLowerCase() : null
    const name = names.find((candidate) => candidate.toLowerCase() === wanted)
    if (wanted !== null && changeColumn.test(wanted)) {
      report('primaryKey', `${JSON.stringify(part)} says of a change what or when it is; it is no column of the table`)
      return ''
    }
    if (name === undefined && typeof part !== 'string') report('primaryKey', `${found(part)}, expected a column's name`)
    else if (name === undefined && names.length > 0)
      report(
        'primaryKey',
        `${JSON.stringify(part)} is not among the columns${didYouMean(String(part), names) || ` (${names.map(printed).join(', ')})`}`,
      )
    return name ?? ''
  })
  const twin = key.find((name, index) => name !== '' && key.indexOf(name) !== index)
  if (twin !== undefined) report('primaryKey', `${JSON.stringify(twin)} stands twice, expected each column once`)
  return key
}

function found(value: JsonValue | undefined): string {
  if (value === undefined) return 'is missing'
  if (value instanceof Map) return 'found an object'
  if (Array.isArray(value)) return value.length === 0 ? 'found an empty list' : 'found a list'
  return `found ${JSON.stringify(value)}`
}

/** A name on one line: as it is when it is plain, quoted otherwise. */
function printed(name: string): string {
  return /^[\w .#$-]+$/.test(name) && name.trim() !== '' ? name : JSON.stringify(name)
}

/** Reads the tables file; without one, the twelve tables that ship with the system. */
export async function readTables(
  file: string | undefined,
  read: (file: string | URL) => Promise<string>,
): Promise<CarsTable[]> {
  if (file === undefined) return shippedTables()
  return parseTables(file, await read(file))
}

/** The definition of the table that a state's input names. Throws `usage` when there is none. */
export function tableNamed(tables: readonly CarsTable[], input: unknown): CarsTable {
  const name = (input as { table?: unknown } | null)?.table
  const found = tables.find(({ table }) => table === name)
  if (found !== undefined) return found
  const names = tables.map(({ table }) => table)
  throw new MillraceError(
    'usage',
    `there is no definition of table ${JSON.stringify(name)}${didYouMean(String(name), names)}`,
  )
}

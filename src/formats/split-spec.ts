/**
 * Which columns of a wide snapshot each narrow table has, as CSV: a header with `table_name` and `column_name`, other columns
 * ignored. Quotes as in RFC 4180; a byte order mark and blank lines are nothing.
 */
import { MillraceError } from '../errors.ts'

/** A column as the CSV spells it; `line` is where it stands. */
export type SplitColumn = { name: string; line: number }
/** A table with its columns in the order of the CSV. */
export type SplitTable = { name: string; line: number; columns: SplitColumn[] }

const header = ['table_name', 'column_name'] as const
const tableNameMax = 200 // with a prefix it is a catalog's name, which has at most 255 bytes, as has a folder's

/** Reads a split spec. Throws `usage` that names the line: `split.csv:41  …`. */
export function parseSplitSpec(file: string, text: string): SplitTable[] {
  const [first, ...rows] = records(file, text)
  if (first === undefined) {
    throw new MillraceError(
      'usage',
      `${file}:1  is empty; expected a header ${header.join(',')} and a line for each column`,
    )
  }
  const [tableAt, columnAt] = header.map((name) => headerPlace(file, first, name)) as [number, number]
  const tables = new Map<string, SplitTable>()
  for (const { line, fields } of rows) {
    const refuse = refusal(file, line)
    const [name, column] = [fields[tableAt] ?? '', fields[columnAt] ?? '']
    if (name === '' || column === '') {
      refuse(`${JSON.stringify(fields.join(','))} has no ${name === '' ? 'table_name' : 'column_name'}`)
    }
    const table = tables.get(name.toLowerCase()) ?? newTable(name, line, refuse)
    if (table.name !== name) {
      refuse(`table "${name}" and "${table.name}" (line ${table.line}) differ only in case. Spell a table in one way`)
    }
    const twin = table.columns.find((other) => other.name.toLowerCase() === column.toLowerCase())
    if (twin !== undefined) {
      const spelled = twin.name === column ? '' : ` as "${twin.name}"`
      refuse(`column "${column}" is listed twice in table ${name}: line ${twin.line} has it too${spelled}. Remove one`)
    }
    table.columns.push({ name: column, line })
    tables.set(name.toLowerCase(), table)
  }
  if (tables.size > 0) return [...tables.values()]
  throw new MillraceError('usage', `${file}:${first.line}  names no table: there is nothing but the header`)
}

type Refuse = (what: string) => never

function refusal(file: string, line: number): Refuse {
  return (what) => {
    throw new MillraceError('usage', `${file}:${line}  ${what}`)
  }
}

/** A table's name is a folder, a name in a catalog and one in SQL of several engines: what is none of these is refused. */
function newTable(name: string, line: number, refuse: Refuse): SplitTable {
  const advice =
    'it becomes a folder and a name in the catalog: expected letters, digits, "_" and "-", first a letter or digit'
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(name)) refuse(`table name ${JSON.stringify(name)} is refused: ${advice}`)
  if (name.length > tableNameMax) {
    refuse(
      `table name "${name.slice(0, 40)}…" is refused: it has ${name.length} characters, at most ${tableNameMax} are possible`,
    )
  }
  return { name, line, columns: [] }
}

function headerPlace(file: string, { line, fields }: CsvRecord, name: string): number {
  const places = fields.flatMap((field, at) => (field.toLowerCase() === name ? [at] : []))
  const [place] = places
  if (place !== undefined && places.length === 1) return place
  const found = JSON.stringify(fields.join(','))
  const what = place === undefined ? `has no column ${name}` : `has the column ${name} twice`
  throw new MillraceError('usage', `${file}:${line}  the header ${found} ${what}; expected ${header.join(',')}`)
}

type CsvRecord = { line: number; fields: string[] }

const field = /[ \t]*"((?:[^"]|"")*)"[ \t]*(?=,|\r|\n|$)|([^",\r\n]*)(?=,|\r|\n|$)/y
const lineEnd = /\r\n|\r|\n/y

/** The records of a CSV with the lines on which they begin; those that are blank are left out. */
function records(file: string, given: string): CsvRecord[] {
  const text = given.replace(/^\ufeff/, '')
  const found: CsvRecord[] = []
  let line = 1
  let record: CsvRecord = { line, fields: [] }
  const finish = (): void => {
    if (record.fields.some((value) => value !== '')) found.push(record)
    record = { line, fields: [] }
  }
  for (let at = 0; ; ) {
    field.lastIndex = at
    const match = field.exec(text)
    if (match === null) return brokenField(file, line, text.slice(at))
    const [whole, quoted, plain = ''] = match
    record.fields.push(quoted?.replaceAll('""', '"') ?? plain.trim())
    line += whole.match(/\r\n|\r|\n/g)?.length ?? 0
    at += whole.length
    if (text[at] === ',') {
      at += 1
      continue
    }
    lineEnd.lastIndex = at
    const end = lineEnd.exec(text)?.[0].length ?? 0
    line += end === 0 ? 0 : 1
    finish()
    if (end === 0) return found
    at += end
  }
}

function brokenField(file: string, line: number, rest: string): never {
  const shown = JSON.stringify(rest.split(/\r|\n/, 1)[0]?.slice(0, 80))
  const isOpen = /^[ \t]*"(?:[^"]|"")*$/.test(rest)
  const why = isOpen
    ? 'the quote never ends'
    : 'a quote stands where none can be; a field with one is put in quotes, the quote doubled'
  throw new MillraceError('usage', `${file}:${line}  ${shown}: ${why}`)
}

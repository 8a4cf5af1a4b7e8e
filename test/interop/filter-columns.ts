/** Columns whose values lie apart by files, and filters at and around the bounds of those files. */
import type { Random } from '../random.ts'

export type Engine = 'duck' | 'spark' | 'pyiceberg'
export type FilteredColumn = {
  name: string
  type: string
  /** The text of row `row` of file `file`; files do not overlap, and their order is that of the values. */
  text(file: number, row: number): string
  literal: Record<'duck' | 'spark', (text: string) => string> & { pyiceberg?: (text: string) => string }
}

export const fileCount = 8
export const rowsPerFile = 5
/** Around zero, with a gap between files. */
const step = (file: number, row: number): number => (file - fileCount / 2) * 10 + row

const cast = (type: string, sparkType = type) => ({
  duck: (text: string) => `'${text}'::${type}`,
  spark: (text: string) => `CAST('${text}' AS ${sparkType})`,
  pyiceberg: (text: string) => `'${text}'`,
})
const number = (type: string) => ({ ...cast(type), pyiceberg: (text: string) => text })
const day = (count: number): string => new Date(count * 86_400_000).toISOString().slice(0, 10)
const instant = (file: number, row: number): string =>
  `${new Date(step(file, row) * 3_600_000 - 1000).toISOString().slice(0, 19).replace('T', ' ')}.${String(999_999 - row).padStart(6, '0')}`
const hex = (file: number, row: number): string =>
  (file === fileCount - 1 ? 'ff'.repeat(17) : (file * 30).toString(16).padStart(2, '0').repeat(17)) + `0${row}`
const bytes = (text: string): string => text.replaceAll(/../g, '\\x$&')
const floating = (divisor: number) => (file: number, row: number) =>
  file === 4 && row === 0 ? '-0.0' : file === 2 && row === 1 ? 'NaN' : String(step(file, row) / divisor)
// In the order of code points, not of UTF-16; longer than the sixteen that bounds keep.
const starts = [
  '',
  'Z'.repeat(20),
  'a'.repeat(15),
  `a${'é'.repeat(20)}`,
  'é'.repeat(16),
  '日本語'.repeat(7),
  '\u{ffff}'.repeat(18),
  '👍🏽'.repeat(9),
]

export const filteredColumns: FilteredColumn[] = [
  {
    name: 'c_boolean',
    type: 'boolean',
    text: (file) => String(file > 4),
    literal: { duck: (text) => text, spark: (text) => text, pyiceberg: (text) => text },
  },
  { name: 'c_int', type: 'int', text: (file, row) => String(step(file, row) * 40_000_000), literal: number('INT') },
  {
    name: 'c_long',
    type: 'long',
    text: (file, row) => String(BigInt(step(file, row)) * 200_000_000_000_000_001n),
    literal: number('BIGINT'),
  },
  { name: 'c_float', type: 'float', text: floating(4), literal: number('FLOAT') },
  { name: 'c_double', type: 'double', text: floating(7), literal: number('DOUBLE') },
  {
    name: 'c_decimal9',
    type: 'decimal(9, 2)',
    text: (file, row) => (step(file, row) * 1.28).toFixed(2),
    literal: cast('DECIMAL(9, 2)'),
  },
  {
    name: 'c_decimal38',
    type: 'decimal(38, 10)',
    text: (file, row) => `${step(file, row)}${'9'.repeat(25)}.0000000001`,
    literal: cast('DECIMAL(38, 10)'),
  },
  { name: 'c_date', type: 'date', text: (file, row) => day(step(file, row) * 100), literal: cast('DATE') },
  {
    name: 'c_timestamp',
    type: 'timestamp',
    text: instant,
    literal: { ...cast('TIMESTAMP', 'TIMESTAMP_NTZ'), pyiceberg: (text) => `'${text.replace(' ', 'T')}'` },
  },
  {
    name: 'c_timestamptz',
    type: 'timestamptz',
    text: (file, row) => `${instant(file, row)}+00:00`,
    literal: { ...cast('TIMESTAMPTZ', 'TIMESTAMP'), pyiceberg: (text) => `'${text.replace(' ', 'T')}'` },
  },
  {
    name: 'c_string',
    type: 'string',
    text: (file, row) => `${starts[file]}${row}`,
    literal: { duck: (text) => `'${text}'`, spark: (text) => `'${text}'`, pyiceberg: (text) => `'${text}'` },
  },
  {
    name: 'c_binary',
    type: 'binary',
    text: hex,
    literal: { duck: (text) => `'${bytes(text)}'::BLOB`, spark: (text) => `X'${text}'` },
  },
]

export type Filter = (engine: Engine) => string | undefined
/** SQL's operators, and what PyIceberg calls them. */
const operators: Record<string, string> = { '=': '==', '<': '<', '<=': '<=', '>': '>', '>=': '>=', '<>': '!=' }

/** `count` filters of one column, besides those that every column has: values of rows at the ends of files, and between files. */
export function filtersOf(column: FilteredColumn, random: Random, count: number): Filter[] {
  const { name, literal } = column
  const compared =
    (operator: string, text: string): Filter =>
    (engine) => {
      const write = literal[engine]
      if (write === undefined) return undefined
      return `${name} ${engine === 'pyiceberg' ? operators[operator] : operator} ${write(text)}`
    }
  const fixed: Filter[] = [() => `${name} IS NULL`]
  if (column.type === 'float' || column.type === 'double') {
    fixed.push((engine) => (engine === 'pyiceberg' ? `${name} IS NAN` : `isnan(${name})`))
  }
  if (column.type === 'string') {
    const drawn = random.shuffled(starts.slice(1)).slice(0, 3)
    fixed.push(...drawn.map((start) => () => `${name} LIKE '${[...start].slice(0, 3).join('')}%'`))
  }
  const drawn = Array.from({ length: count }, () => {
    const row = random.pick([0, 0, rowsPerFile - 1, rowsPerFile - 1, 2, rowsPerFile])
    const text = column.text(random.below(fileCount), row)
    return compared(random.pick(Object.keys(operators)), text === 'NaN' ? column.text(0, 0) : text)
  })
  return [...fixed, ...drawn]
}

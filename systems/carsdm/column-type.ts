/** Reads a column's type as people write it into Hive's spelling. */
import { didYouMean } from 'millrace'

const integers = ['tinyint', 'smallint', 'int', 'bigint']
const plain = ['string', 'boolean', ...integers, 'float', 'double', 'date', 'timestamp', 'binary']
/** What SQL Server, Spark and standard SQL call them. */
const synonyms: Record<string, string> = {
  varchar: 'string',
  nvarchar: 'string',
  char: 'string',
  nchar: 'string',
  text: 'string',
  ntext: 'string',
  uniqueidentifier: 'string',
  bit: 'boolean',
  bool: 'boolean',
  byte: 'tinyint',
  short: 'smallint',
  integer: 'int',
  long: 'bigint',
  real: 'float',
  'double precision': 'double',
  datetime: 'timestamp',
  datetime2: 'timestamp',
  smalldatetime: 'timestamp',
  varbinary: 'binary',
  numeric: 'decimal',
  dec: 'decimal',
  money: 'decimal(19,4)',
  smallmoney: 'decimal(10,4)',
}
/** Types whose length or fraction says nothing here: `varchar(40)`, `datetime2(7)`. */
const sized = ['varchar', 'nvarchar', 'char', 'nchar', 'varbinary', 'binary', 'datetime2']
const known = [...plain, 'decimal(p,s)']
const precisionMax = 38 // Parquet, Hive and Iceberg share this bound

/** The type in Hive's spelling, or what is wrong with it. Case and blanks do not matter. */
export function parseColumnType(text: string): { type: string } | { problem: string } {
  const parts = /^([a-z][a-z\d]*(?: [a-z]+)*) ?(?:\(([^()]*)\))?$/.exec(
    text.trim().toLowerCase().replaceAll(/\s+/g, ' '),
  )
  const word = parts?.[1] ?? text
  const size = parts?.[2]?.replaceAll(' ', '')
  const name = Object.hasOwn(synonyms, word) ? (synonyms[word] as string) : word
  if (name === 'decimal') return decimalType(text, size)
  const isKnown = plain.includes(name) || name.startsWith('decimal(')
  if (parts === null || !isKnown) {
    const nearest = didYouMean(word, [...plain, ...Object.keys(synonyms), 'decimal'])
    return { problem: `type ${JSON.stringify(text)} is not known; expected one of ${known.join(', ')}${nearest}` }
  }
  if (size === undefined || (sized.includes(word) && /^(\d+|max)$/.test(size))) return { type: name }
  return { problem: `type ${JSON.stringify(text)} is refused: expected ${word} without "(${size})"` }
}

function decimalType(text: string, size: string | undefined): { type: string } | { problem: string } {
  const digits = /^(\d{1,2})(?:,(\d{1,2}))?$/.exec(size ?? '')
  const [precision, scale] = [Number(digits?.[1]), Number(digits?.[2] ?? 0)]
  if (precision >= 1 && precision <= precisionMax && scale <= precision)
    return { type: `decimal(${precision},${scale})` }
  return {
    problem: `type ${JSON.stringify(text)} is refused: expected decimal(p,s) with p digits from 1 to ${precisionMax}, s of them after the point, such as decimal(10,2)`,
  }
}

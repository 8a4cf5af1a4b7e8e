/** Files of CSV as PostgreSQL writes them, as a query of DuckDB. */
import { quoteName, quoteText } from '../../engines/portable.ts'
import type { PostgresColumn } from '../../postgres/describe.ts'

const duckdbTypes: Record<string, string> = {
  string: 'VARCHAR',
  binary: 'VARCHAR',
  timestamp: 'TIMESTAMP',
  timestamptz: 'TIMESTAMPTZ',
  float: 'FLOAT',
}

/** What DuckDB reads of such files: a query with exactly the columns. An empty text is in quotes, NULL is nothing. */
export function csvQuery(files: readonly string[], columns: readonly PostgresColumn[]): string {
  const types = columns.map(
    ({ name, type }) => `${quoteText(name)}: ${quoteText(duckdbTypes[type] ?? type.toUpperCase())}`,
  )
  if (files.length === 0) {
    const nothing = columns.map(
      ({ name, type }) =>
        `CAST(NULL AS ${type === 'binary' ? 'BLOB' : (duckdbTypes[type] ?? type)}) AS ${quoteName(name)}`,
    )
    return `SELECT ${nothing.join(', ')} WHERE false`
  }
  const values = columns.map(({ name, type }) =>
    type === 'binary' ? `unhex(${quoteName(name)}) AS ${quoteName(name)}` : quoteName(name),
  )
  const paths = files.map(quoteText).join(', ')
  return `SELECT ${values.join(', ')} FROM read_csv([${paths}], auto_detect = false, header = false, columns = {${types.join(', ')}}, delim = ',', quote = '"', escape = '"', nullstr = '', allow_quoted_nulls = false)`
}

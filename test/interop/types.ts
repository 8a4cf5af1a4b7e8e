/** One column for each type, with the values at its edges. */

export type TypeCase = {
  /** Iceberg's name, and the column's. */
  type: string
  column: string
  /** SQL literals; NULL comes besides. */
  values: string[]
}

const sql = (type: string, values: string[]): string[] => values.map((value) => `${value}::${type}`)
const texts = (type: string, values: string[]): string[] => values.map((value) => `'${value}'::${type}`)

export const simpleTypes: TypeCase[] = [
  { type: 'boolean', column: 'c_boolean', values: ['true', 'false'] },
  { type: 'int', column: 'c_int', values: sql('INT', ['0', '(-1)', '2147483647', '(-2147483648)', '7']) },
  {
    type: 'long',
    column: 'c_long',
    values: sql('BIGINT', ['0', '(-1)', '9007199254740993', '9223372036854775807', `'-9223372036854775808'`]),
  },
  {
    type: 'float',
    column: 'c_float',
    values: texts('FLOAT', ['0', 'nan', 'inf', '-inf', '3.4028235e38', '1e-45', '0.1']),
  },
  {
    type: 'double',
    column: 'c_double',
    values: texts('DOUBLE', ['0', 'nan', 'inf', '-inf', '1.7976931348623157e308', '5e-324', '0.1', '-2.5']),
  },
  {
    type: 'decimal(9, 2)',
    column: 'c_decimal9',
    values: texts('DECIMAL(9, 2)', ['9999999.99', '-9999999.99', '0', '-0.01', '1.28']),
  },
  {
    type: 'decimal(18, 4)',
    column: 'c_decimal18',
    values: texts('DECIMAL(18, 4)', ['99999999999999.9999', '-99999999999999.9999', '-0.0001', '128']),
  },
  {
    type: 'decimal(38, 10)',
    column: 'c_decimal38',
    values: texts('DECIMAL(38, 10)', [
      `${'9'.repeat(28)}.9999999999`,
      `-${'9'.repeat(28)}.9999999999`,
      '-0.0000000001',
      '12.5',
    ]),
  },
  {
    type: 'decimal(38, 0)',
    column: 'c_decimal380',
    values: texts('DECIMAL(38, 0)', ['9'.repeat(38), `-${'9'.repeat(38)}`, '255', '-256']),
  },
  {
    type: 'date',
    column: 'c_date',
    values: texts('DATE', ['0001-01-01', '1582-10-10', '1969-12-31', '1970-01-01', '2024-02-29', '9999-12-31']),
  },
  {
    type: 'timestamp',
    column: 'c_timestamp',
    values: texts('TIMESTAMP', [
      '0001-01-01 00:00:00',
      '1969-12-31 23:59:59.999999',
      '1970-01-01 00:00:00',
      '2024-02-29 12:34:56.000001',
      '9999-12-31 23:59:59.999999',
    ]),
  },
  {
    type: 'timestamptz',
    column: 'c_timestamptz',
    values: texts('TIMESTAMPTZ', [
      '0001-01-02 00:00:00+00',
      '1969-12-31 23:59:59.999999+00',
      '1970-01-01 00:00:00+00',
      '2024-07-01 01:02:03.4-05',
      '9999-12-30 23:59:59.999999+00',
    ]),
  },
  {
    type: 'string',
    column: 'c_string',
    values: [
      ...texts('VARCHAR', [
        '',
        ' ',
        'a',
        'O\'\'Brien "x"',
        'a/b=c%d\\e',
        'é',
        '日本語 👍🏽',
        'null',
        'x'.repeat(40),
        '\u{ffff}'.repeat(20),
      ]),
      `repeat(chr(1114111), 20)`,
      `'line' || chr(10) || chr(9)`,
    ],
  },
  {
    type: 'binary',
    column: 'c_binary',
    values: [`''::BLOB`, `'\\x00'::BLOB`, `'\\xFF\\x00\\x7F'::BLOB`, `'${'\\xFF'.repeat(20)}'::BLOB`, `'ab'::BLOB`],
  },
  {
    type: 'uuid',
    column: 'c_uuid',
    values: texts('UUID', [
      '00000000-0000-0000-0000-000000000000',
      'f79c3e09-677c-4bbd-a479-3f349cb785e7',
      'ffffffff-ffff-ffff-ffff-ffffffffffff',
    ]),
  },
]

export const nestedTypes: TypeCase[] = [
  {
    type: 'struct<a: int, b: string, c: struct<d: decimal(20, 5)>>',
    column: 'c_struct',
    values: [
      `{a: 1, b: 'x', c: {d: 1.5::DECIMAL(20, 5)}}`,
      `{a: NULL, b: '', c: {d: NULL}}`,
      `{a: -1, b: NULL, c: NULL}`,
    ],
  },
  { type: 'list<long>', column: 'c_list', values: ['[1::BIGINT, NULL, -5]', '[]::BIGINT[]', '[9007199254740993]'] },
  {
    type: 'map<string, double>',
    column: 'c_map',
    values: [`MAP {'a': 1.5::DOUBLE, 'b': NULL}`, `MAP {}`, `MAP {'': 'nan'::DOUBLE}`],
  },
  {
    type: 'list<struct<k: string, v: list<date>>>',
    column: 'c_deep',
    values: [`[{k: 'x', v: [DATE '1969-12-31', NULL]}, {k: NULL, v: []}]`, `[]`, `[{k: '', v: NULL}, NULL]`],
  },
  {
    type: 'map<int, struct<x: timestamp>>',
    column: 'c_map_of_struct',
    values: [`MAP {1: {x: TIMESTAMP '1969-12-31 23:59:59.999999'}}`, 'MAP {-1: NULL}'],
  },
]

/** In one file, which DuckDB writes with a dictionary that takes them for one value. */
export const zeros: TypeCase = { type: 'double', column: 'c_zeros', values: texts('DOUBLE', ['0', '-0.0']) }

/** Spark 3.5 has no type for it. */
export const timeType: TypeCase = {
  type: 'time',
  column: 'c_time',
  values: texts('TIME', ['00:00:00', '12:34:56.000001', '23:59:59.999999']),
}

/** A query of rows `from` to `to` (exclusive) with an `id`: every value of every type, and NULL, by turns. */
export function rowsOf(types: TypeCase[], from: number, to: number): string {
  const columns = types.map(({ column, values }, index) => {
    // A step of its own for each column, so that the values meet in other company.
    const choice = `(i + ${index} * (i // 5)) % ${values.length + 1}`
    const cases = values.map((value, at) => `WHEN ${at} THEN ${value}`)
    return `CASE ${choice} ${cases.join(' ')} ELSE NULL END AS ${column}`
  })
  return `SELECT i::BIGINT AS id, ${columns.join(', ')} FROM range(${from}, ${to}) r(i)`
}

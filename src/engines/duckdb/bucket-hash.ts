/** Hive's buckets in DuckDB: SQL for the bucket of a row, and the functions that it calls, which are ours. */
import type { DuckDBDataChunk, DuckDBScalarFunction, DuckDBType, DuckDBVector } from '@duckdb/node-api'
import { assert } from '../../errors.ts'
import {
  type BucketingVersion,
  bytesHash,
  murmurEnd,
  murmurMix,
  murmurSeed,
  murmurStep,
} from '../../formats/hive-bucket.ts'
import type { Column } from '../../types.ts'

/** What makes functions: the module, which is loaded on first use. */
type Duckdb = typeof import('@duckdb/node-api')

const pieces = 3
const pieceBytes = 12 // what DuckDB keeps of a text within the vector; longer ones lie elsewhere and take a call each
const mask = 4_294_967_295

/** SQL: the bucket of a row by columns, `sql` being what each is called, of the types that have a hash. */
export function bucketSql(
  columns: readonly { sql: string; type: string }[],
  { count, version }: { count: number; version: BucketingVersion },
): string {
  const hashes = columns.map(({ sql, type }) => `coalesce(${hashSql(sql, type, version)}, 0)`)
  const hash = hashes.reduce((sum, own) => `((31 * ${sum} + ${own}) & ${mask})`)
  return `CAST((${hash} & 2147483647) % ${count} AS INTEGER)`
}

/** SQL: the hash of one value as it would be unsigned, in 64 bits; null of null. */
function hashSql(sql: string, type: Column['type'], version: BucketingVersion): string {
  const number = (signed: string): string => `(CAST(${signed} AS BIGINT) & ${mask})`
  const days = `(${sql} - DATE '1970-01-01')`
  switch (type) {
    case 'boolean':
    case 'tinyint':
      return number(sql)
    case 'smallint':
      return number(version === 1 ? sql : `hive_smallint_hash_2(${sql})`)
    case 'int':
      return number(version === 1 ? sql : `hive_int_hash_2(${sql})`)
    case 'date':
      return number(version === 1 ? days : `hive_int_hash_2(CAST(${days} AS INTEGER))`)
    case 'bigint':
      return version === 1
        ? `(xor(${sql}, ${sql} >> 32) & ${mask})`
        : number(
            `hive_bigint_hash_2(CAST(${sql} >> 32 AS INTEGER), CAST(xor(${sql} & ${mask}, 2147483648) - 2147483648 AS INTEGER))`,
          )
    default:
      assert(type === 'string', `${type} has no bucket`)
      return number(textHashSql(sql, version))
  }
}

/** Short text of ASCII alone, as keys are, comes in pieces that lie within the vector; other text as bytes. */
function textHashSql(sql: string, version: BucketingVersion): string {
  const cut = Array.from({ length: pieces }, (_, at) => `substr(${sql}, ${at * pieceBytes + 1}, ${pieceBytes})`)
  const isShort = `strlen(${sql}) <= ${pieces * pieceBytes} AND strlen(${sql}) = length(${sql})`
  const [short, other] = [
    `hive_pieces_hash_${version}(${cut.join(', ')})`,
    `hive_bytes_hash_${version}(encode(${sql}))`,
  ]
  return `CASE WHEN ${sql} IS NULL THEN NULL WHEN ${isShort} THEN ${short} ELSE ${other} END`
}

/** The functions that the SQL calls. */
export function bucketFunctions(duckdb: Duckdb): DuckDBScalarFunction[] {
  const { VARCHAR, BLOB, INTEGER, SMALLINT } = duckdb
  const make = (name: string, parameterTypes: DuckDBType[], hashRows: HashRows): DuckDBScalarFunction =>
    duckdb.DuckDBScalarFunction.create({
      name,
      parameterTypes,
      returnType: INTEGER,
      mainFunction: (_, input, output) => {
        hashRows(input, output)
        output.flush()
      },
    })
  const texts = Array.from({ length: pieces }, () => VARCHAR)
  return [
    make('hive_pieces_hash_1', texts, piecesHash1),
    make('hive_pieces_hash_2', texts, piecesHash2),
    make('hive_bytes_hash_1', [BLOB], (input, output) => hashBytes(input, output, 1)),
    make('hive_bytes_hash_2', [BLOB], (input, output) => hashBytes(input, output, 2)),
    make('hive_smallint_hash_2', [SMALLINT], (input, output) =>
      hashNumbers(input, output, (x = 0) => murmurEnd(murmurSeed ^ murmurMix((x >> 8) ^ ((x << 24) >> 16)), 2)),
    ),
    make('hive_int_hash_2', [INTEGER], (input, output) =>
      hashNumbers(input, output, (x = 0) => murmurEnd(murmurStep(murmurSeed, bigEndian(x)), 4)),
    ),
    make('hive_bigint_hash_2', [INTEGER, INTEGER], (input, output) =>
      hashNumbers(input, output, (high = 0, low = 0) =>
        murmurEnd(murmurStep(murmurStep(murmurSeed, bigEndian(high)), bigEndian(low)), 8),
      ),
    ),
  ]
}

// The rows of a chunk are counted once: asking for them is a call out of JavaScript.
type HashRows = (input: DuckDBDataChunk, output: DuckDBVector) => void

function bigEndian(x: number): number {
  return (x << 24) | ((x & 0xff00) << 8) | ((x >>> 8) & 0xff00) | (x >>> 24)
}

function hashNumbers(
  input: DuckDBDataChunk,
  output: DuckDBVector,
  hash: (first: number | undefined, second: number | undefined) => number,
): void {
  const { rowCount } = input
  const [first, second] = Array.from({ length: input.columnCount }, (_, at) => input.getColumnVector(at))
  for (let row = 0; row < rowCount; row += 1) {
    const [high, low] = [first?.getItem(row), second?.getItem(row)] as (number | null | undefined)[]
    output.setItem(row, high === null ? null : hash(high, low ?? undefined))
  }
}

function hashBytes(input: DuckDBDataChunk, output: DuckDBVector, version: BucketingVersion): void {
  const { rowCount } = input
  const vector = input.getColumnVector(0) as DuckDBVector & { getItemBytes(row: number): Uint8Array | null }
  for (let row = 0; row < rowCount; row += 1) {
    const bytes = vector.getItemBytes(row)
    output.setItem(row, bytes === null ? null : bytesHash(bytes, version))
  }
}

// A text in a vector has 16 bytes: its length in 4, then up to 12 bytes of text.
const slotBytes = 16
const textAt = 4

/** The memory of the pieces. Reading it takes a fifth of the time that making texts or arrays of every row does. */
function memoryOf(input: DuckDBDataChunk): DataView[] {
  return Array.from({ length: pieces }, (_, at) => {
    const { dataView } = input.getColumnVector(at) as unknown as { dataView: unknown }
    assert(dataView instanceof DataView, "DuckDB's text vectors have their memory as dataView")
    return dataView
  })
}

function piecesHash1(input: DuckDBDataChunk, output: DuckDBVector): void {
  const memory = memoryOf(input)
  const { rowCount } = input
  for (let row = 0; row < rowCount; row += 1) {
    const start = row * slotBytes
    let hash = 0
    for (const view of memory) {
      const length = view.getUint32(start, true)
      const end = start + textAt + length
      for (let at = start + textAt; at < end; at += 1) hash = (Math.imul(hash, 31) + view.getInt8(at)) | 0
      if (length < pieceBytes) break
    }
    output.setItem(row, hash)
  }
}

function piecesHash2(input: DuckDBDataChunk, output: DuckDBVector): void {
  const memory = memoryOf(input)
  const { rowCount } = input
  for (let row = 0; row < rowCount; row += 1) {
    const start = row * slotBytes
    let [hash, bytes] = [murmurSeed, 0]
    for (const view of memory) {
      const length = view.getUint32(start, true)
      const blocksEnd = start + textAt + (length & ~3)
      for (let at = start + textAt; at < blocksEnd; at += 4) hash = murmurStep(hash, view.getInt32(at, true))
      // DuckDB fills what a short text leaves of its slot with zeros, and ASCII has no sign.
      if ((length & 3) !== 0) hash ^= murmurMix(view.getInt32(blocksEnd, true) & ((1 << (8 * (length & 3))) - 1))
      bytes += length
      if (length < pieceBytes) break
    }
    output.setItem(row, murmurEnd(hash, bytes))
  }
}

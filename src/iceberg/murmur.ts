/** The hash of the bucket transform, Murmur3 of 32 bits (x86 variant, seed 0): in JavaScript and as SQL for DuckDB. */

const [c1, c2] = [0xcc9e2d51, 0x1b873593]

/** The hash of bytes, from −2^31 to 2^31 − 1. */
export function murmur3(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const blocksEnd = bytes.length - (bytes.length % 4)
  let hash = 0
  for (let at = 0; at < blocksEnd; at += 4) {
    hash ^= mixBlock(view.getInt32(at, true))
    hash = (Math.imul(rotated(hash, 13), 5) + 0xe6546b64) | 0
  }
  let tail = 0
  for (let at = bytes.length - 1; at >= blocksEnd; at -= 1) tail = (tail << 8) | (bytes[at] as number)
  hash ^= mixBlock(tail) ^ bytes.length
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

function mixBlock(block: number): number {
  return Math.imul(rotated(Math.imul(block, c1), 15), c2)
}

function rotated(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}

/** SQL: the hash, as it would be unsigned, of an integer of 64 bits in little-endian bytes. */
export function longHashSql(long: string): string {
  const halves = `[(${long}) & ${mask}, ((${long}) >> 32) & ${mask}]`
  return finishSql(reduceSql(`${halves}::UBIGINT[]`), '8')
}

/** SQL: the hash, as it would be unsigned, of bytes given as hexadecimal text. */
export function hexHashSql(hex: string): string {
  // The text may be long to make and is needed often, so a lambda names it: `x`.
  const blocks = `list_transform(regexp_extract_all(x, '.{8}'), lambda b: ${littleEndianSql("('0x' || b)::UBIGINT")})`
  const tail = littleEndianSql(`('0x' || rpad(x[length(x) - length(x) % 8 + 1:], 8, '0'))::UBIGINT`)
  const hash = finishSql(`xor(${reduceSql(blocks)}, ${mixSql(tail)})`, 'length(x) // 2')
  return `list_transform([${hex}], lambda x: ${hash})[1]`
}

const mask = '4294967295'

function reduceSql(blocks: string): string {
  const hash = rotateSql(`xor(h, ${mixSql('k')})`, 13)
  return `list_reduce(${blocks}, lambda h, k: (${hash} * 5 + ${0xe6546b64}) & ${mask}, 0::UBIGINT)`
}

function mixSql(block: string): string {
  return `((${rotateSql(`((${block} * ${c1}) & ${mask})`, 15)} * ${c2}) & ${mask})`
}

function rotateSql(value: string, bits: number): string {
  return namedSql(value, 'r', `((r << ${bits}) | (r >> ${32 - bits})) & ${mask}`)
}

function littleEndianSql(bigEndian: string): string {
  return namedSql(bigEndian, 'e', '(e >> 24) | ((e >> 8) & 65280) | ((e << 8) & 16711680) | ((e << 24) & 4278190080)')
}

/** What is named once is computed once; written out where it is used, it would double the text at every step. */
function namedSql(value: string, name: string, result: string): string {
  return `list_transform([${value}], lambda ${name}: ${result})[1]`
}

function finishSql(hash: string, length: string): string {
  const step = (value: string, shift: number, factor: number): string =>
    namedSql(value, 'f', `(xor(f, f >> ${shift}) * ${factor}) & ${mask}`)
  return step(step(step(`xor(${hash}, (${length})::UBIGINT)`, 16, 0x85ebca6b), 13, 0xc2b2ae35), 16, 1)
}

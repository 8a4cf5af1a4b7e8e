/** Hive's bucket hash against vectors that Hive 3.1.3 gave, and against ways of computing it apart. */
import * as fs from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  type BucketingVersion,
  bucketFileName,
  bucketOf,
  hiveBucketHash,
  hiveRowHash,
  isBucketType,
} from '../../src/formats/hive-bucket.ts'
import { seededRandom, testSeed } from '../random.ts'

const versions: BucketingVersion[] = [1, 2]

/** The lines of a file of vectors, in fields. */
function vectors(name: string): string[][] {
  const text = fs.readFileSync(new URL(name, import.meta.url), 'utf8')
  const lines = text.split('\n').filter((line) => line !== '' && !/^(#|type\t)/.test(line))
  return lines.map((line) => line.split('\t'))
}

function valueFrom(type: string, text: string): string | Uint8Array | number | bigint | boolean | null {
  if (text === '\\N') return null
  if (/^(string|varchar|char)/.test(type)) return new Uint8Array(Buffer.from(text, 'hex'))
  if (type === 'boolean') return text === 'true'
  return type === 'bigint' ? BigInt(text) : Number(text)
}

describe('hiveBucketHash', () => {
  it('gives what Hive gives, for every vector and both versions', () => {
    const wrong: string[] = []
    const all = vectors('hive-bucket-vectors.tsv')
    for (const [type, text, ...hashes] of all as [string, string, string, string][]) {
      for (const version of versions) {
        const hash = hiveBucketHash(type, valueFrom(type, text), version)
        if (hash !== Number(hashes[version - 1])) wrong.push(`${type} ${text} v${version}: ${hash}`)
      }
    }
    expect(wrong).toEqual([])
    expect(all.length).toBe(5020)
  })

  it('gives what Hive gives for small integers, varchar, char, boolean, null and several columns', () => {
    const wrong: string[] = []
    for (const fields of vectors('hive-bucket-more-vectors.tsv')) {
      for (const version of versions) {
        const hashes = Array.from({ length: (fields.length - 2) / 2 }, (_, at) => {
          const [type, text] = fields.slice(2 * at, 2 * at + 2) as [string, string]
          return hiveBucketHash(type, valueFrom(type, text), version)
        })
        const hash = hiveRowHash(hashes)
        if (hash !== Number(fields.at(version - 3))) wrong.push(`${fields.join(' ')} v${version}: ${hash}`)
      }
    }
    expect(wrong).toEqual([])
  })

  it("is, in version 1, Java's hash of a string for ASCII, of a Long for bigint, and the value for the others", () => {
    const random = seededRandom(testSeed())
    for (let round = 0; round < 2000; round += 1) {
      const codes = Array.from({ length: random.below(60) }, () => random.below(128))
      // Java's documentation: s[0]·31^(n−1) + s[1]·31^(n−2) + … + s[n−1], here in whole numbers without bounds.
      const sum = codes.reduce((total, code, at) => total + BigInt(code) * 31n ** BigInt(codes.length - 1 - at), 0n)
      expect(hiveBucketHash('string', String.fromCharCode(...codes), 1)).toBe(Number(BigInt.asIntN(32, sum)))
      const [high, low] = [random.below(2 ** 32), random.below(2 ** 32)]
      const long = BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low))
      expect(hiveBucketHash('bigint', long, 1)).toBe(high ^ low)
      expect(hiveBucketHash('int', low | 0, 1)).toBe(low | 0)
      expect(hiveBucketHash('date', low | 0, 1)).toBe(low | 0)
    }
  })

  it('takes text or its bytes, numbers in every form, and dates as days or as text', () => {
    for (const version of versions) {
      const text = 'clé 漢 😀'
      expect(hiveBucketHash('string', text, version)).toBe(
        hiveBucketHash('STRING', new TextEncoder().encode(text), version),
      )
      expect(hiveBucketHash('bigint', 2 ** 53 - 1, version)).toBe(hiveBucketHash('bigint', '9007199254740991', version))
      expect(hiveBucketHash('date', '2025-01-20', version)).toBe(hiveBucketHash('date', 20108, version))
      expect(hiveBucketHash('date', '0001-01-01', version)).toBe(hiveBucketHash('date', -719162, version))
      expect(hiveBucketHash('varchar(10)', text, version)).toBe(hiveBucketHash('varchar', text, version))
    }
  })

  it('refuses types without a hash, and values that are none of their type', () => {
    for (const type of ['double', 'decimal(10,2)', 'timestamp', 'binary', 'array<int>', 'text']) {
      expect(isBucketType(type)).toBe(false)
      expect(() => hiveBucketHash(type, null, 1)).toThrow(`a column of type ${type} has no hash; expected string`)
    }
    const wrong: [string, string | number | bigint | boolean, string][] = [
      ['int', 2 ** 31, 'a whole number of 32 bits'],
      ['smallint', -32769, 'a whole number of 16 bits'],
      ['tinyint', 128, 'a whole number of 8 bits'],
      ['bigint', 2n ** 63n, 'a whole number of 64 bits'],
      ['bigint', 2 ** 53, 'a BigInt'],
      ['int', 1.5, 'a whole number'],
      ['int', 'x', 'a whole number'],
      ['date', '2025-02-30', 'YYYY-MM-DD'],
      ['string', 1, 'text or its bytes'],
      ['boolean', 1, 'true or false'],
    ]
    for (const [type, value, expected] of wrong) {
      expect(() => hiveBucketHash(type, value, 2)).toThrow(expected)
    }
    expect(() => hiveBucketHash('int', 1, 3 as BucketingVersion)).toThrow('version is 3; expected 1 or 2')
  })
})

it('puts a hash into a bucket by its lower 31 bits, and names the file of a bucket by six digits', () => {
  expect(bucketOf(-1, 256)).toBe(0x7fffffff % 256)
  expect(bucketOf(-(2 ** 31), 7)).toBe(0)
  expect(bucketOf(300, 256)).toBe(44)
  expect(bucketFileName(17)).toBe('000017_0.parquet')
  expect(hiveRowHash([])).toBe(0)
})

import * as zlib from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type AvroSchema, decodeAvro, encodeAvro } from '../../src/iceberg/avro.ts'
import { testSeed } from '../random.ts'

const schema: AvroSchema = {
  type: 'record',
  name: 'row',
  fields: [
    { name: 'l', type: 'long', 'field-id': 1 },
    { name: 's', type: ['null', 'string'], default: null, 'field-id': 2 },
    { name: 'b', type: 'bytes' },
    { name: 'd', type: 'double' },
    { name: 'f', type: { type: 'fixed', name: 'four', size: 4 } },
    { name: 'a', type: { type: 'array', items: ['null', 'boolean'], 'element-id': 3 } },
  ],
}
const row = { l: 1, s: null, b: Buffer.of(1), d: 0.5, f: Buffer.of(1, 2, 3, 4), a: [true, null] }

describe('Avro', () => {
  it('keeps every digit of a long, the field ids and the header', () => {
    const longs = [0, -1, 63, 64, -65, 2 ** 40, Number.MAX_SAFE_INTEGER, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n]
    const bytes = encodeAvro(
      schema,
      { 'schema-id': '7' },
      longs.map((l) => ({ ...row, l })),
    )
    const file = decodeAvro(bytes, 'x')
    expect(file.rows.map(({ l }) => l)).toEqual(longs)
    expect(file.schema).toEqual(schema)
    expect(file.header).toEqual({ 'schema-id': '7' })
  })

  it('gives back any rows, of several blocks too', () => {
    const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    const rows = fc.array(
      fc.record({
        l: long.map((value) => (Number.isSafeInteger(Number(value)) ? Number(value) : value)),
        s: fc.option(fc.string()),
        b: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
        d: fc.double(),
        f: fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
        a: fc.array(fc.option(fc.boolean())),
      }),
    )
    fc.assert(
      fc.property(rows, (given) => {
        expect(decodeAvro(encodeAvro(schema, {}, given), 'x').rows).toEqual(given)
      }),
      { seed: testSeed(), numRuns: 50 },
    )
    const many = Array.from({ length: 2500 }, (_, l) => ({ ...row, l }))
    expect(decodeAvro(encodeAvro(schema, {}, many), 'x').rows).toEqual(many)
  })

  it('reads snappy, uncompressed blocks, maps, enums, named types and arrays that tell their length', () => {
    const other: AvroSchema = {
      type: 'record',
      name: 'r',
      fields: [
        { name: 'm', type: { type: 'map', values: 'int' } },
        { name: 'e', type: { type: 'enum', name: 'e', symbols: ['A', 'B'] } },
        { name: 'x', type: { type: 'fixed', name: 'one', size: 1 } },
        { name: 'y', type: 'one' },
        { name: 'n', type: { type: 'array', items: 'float' } },
      ],
    }
    // {k: 1}, B, 07, 08, [1.5] with a negative count and the length in bytes.
    const body = Buffer.from([2, 2, 107, 2, 0, 2, 7, 8, 1, 8, 0, 0, 0xc0, 0x3f, 0])
    const expected = [{ m: { k: 1 }, e: 'B', x: Buffer.of(7), y: Buffer.of(8), n: [1.5] }]
    const literal = Buffer.concat([Buffer.of(body.length, (body.length - 1) << 2), body, Buffer.alloc(4)])
    for (const [codec, block] of [
      ['null', body] as const,
      ['snappy', literal] as const,
      ['deflate', zlib.deflateRawSync(body)] as const,
    ]) {
      expect(decodeAvro(container(other, codec, block), 'x').rows).toEqual(expected)
    }
    expect(() => decodeAvro(container(other, 'zstandard', body), '/m.avro')).toThrow(
      '/m.avro  is damaged, or no Avro file: its codec zstandard is not known (null, deflate, snappy)',
    )
  })

  it('says what is damaged wherever it is cut or changed', () => {
    const bytes = encodeAvro(schema, { a: 'b' }, [row, row])
    for (let length = 0; length < bytes.length; length += 1) {
      // Cut right after the header it is a file without rows.
      const isWhole = length === bytes.length - blockLength(bytes)
      if (!isWhole)
        expect(() => decodeAvro(bytes.subarray(0, length), '/m.avro'), String(length)).toThrow(
          /^\/m\.avro {2}is damaged/,
        )
    }
    expect(() => decodeAvro(Buffer.from('PAR1…'), '/m.avro')).toThrow('it does not begin with Obj')
  })
})

function blockLength(bytes: Uint8Array): number {
  const sync = Buffer.from(bytes.subarray(-16))
  return bytes.length - Buffer.from(bytes).indexOf(sync) - 16
}

function container(given: AvroSchema, codec: string, block: Buffer): Buffer {
  const long = (value: number): Buffer =>
    value < 64 ? Buffer.of(value * 2) : Buffer.of(((value * 2) & 127) | 128, value >> 6)
  const text = (value: string): Buffer => Buffer.concat([long(Buffer.byteLength(value)), Buffer.from(value)])
  const sync = Buffer.alloc(16, 9)
  const entries = [text('avro.schema'), text(JSON.stringify(given)), text('avro.codec'), text(codec)]
  return Buffer.concat([
    Buffer.from('Obj\x01'),
    long(2),
    ...entries,
    long(0),
    sync,
    long(1),
    long(block.length),
    block,
    sync,
  ])
}
